"""The routing rules in force and those before: which settings, since when, by whose wish, and why."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from psycopg.types.json import Jsonb

from models.database import Connection, transaction
from models.errors import SetupError
from models.order import Cause
from models.rules.routing_rules import RoutingRules, rules_from
from tasks.routing_again import try_all_again
from tasks.rule_files import PlainLoader

SECTIONS = ("rules", "areas", "rates", "warehouses")
"""What a routing file may say; only `rules` is what `use_rules` takes over."""


@dataclass(frozen=True, slots=True)
class RulesVersion:
    """A version of the rules: who put it in force, when and why. Of version 0, which comes with us, nobody did."""

    rules: RoutingRules
    note: str
    made_at: datetime | None
    made_by: str


def current_rules(conn: Connection) -> RoutingRules:
    """The rules in force."""
    row = conn.execute("select version, body from routing_rules order by version desc limit 1").fetchone()
    return rules_from(row[1], row[0]) if row else RoutingRules()


def versions() -> list[RulesVersion]:
    """Every version, the one in force first."""
    with transaction() as conn:
        rows = conn.execute(
            "select version, body, note, made_at, made_by from routing_rules order by version desc"
        ).fetchall()
    own = [RulesVersion(rules_from(body, version), note, at, by) for version, body, note, at, by in rows]
    return [*own, RulesVersion(RoutingRules(), "comes with OrderPool", None, "")]


def use_rules(rules: RoutingRules, note: str, why: Cause) -> tuple[RoutingRules, bool]:
    """Put rules in force as a new version; orders routed before keep their plans, those nobody could serve try again.

    Returns them with their version, and whether they are others than before.
    """
    with transaction() as conn:
        conn.execute("lock table routing_rules in exclusive mode")
        before = current_rules(conn)
        if before.to_json() == rules.to_json():
            return before, False
        new = replace(rules, version=before.version + 1)
        conn.execute(
            "insert into routing_rules (version, body, note, made_at, made_by) values (%s, %s, %s, %s, %s)",
            (new.version, Jsonb(new.to_json()), note, why.at, why.actor),
        )
        try_all_again(conn, why.at)
    return new, True


def read_routing_file(path: Path) -> dict[str, Any]:
    """The sections of a routing file, scalars as text; raises SetupError naming the file and the obstacle."""
    try:
        content = yaml.load(path.read_text("utf-8-sig"), PlainLoader)
    except OSError as error:
        raise SetupError(f"{path}: cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise SetupError(f"{path}: is no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise SetupError(f"{path}: wants the sections {', '.join(SECTIONS)}, one or more of them")
    unknown = sorted(set(content) - set(SECTIONS))
    if unknown:
        raise SetupError(f"{path}: {', '.join(unknown)}: is no section; there are {', '.join(SECTIONS)}")
    return content


def rules_in(path: Path, content: Mapping[str, Any]) -> RoutingRules | None:
    """The rules of a routing file, the shipped value for what they leave out; None when it has no such section."""
    if "rules" not in content:
        return None
    section = content["rules"] or {}
    if not isinstance(section, dict) or not all(isinstance(value, str) for value in section.values()):
        raise SetupError(f"{path}: rules: want one line per setting, such as `least_part_fen: 5000`")
    try:
        return rules_from({name: _value(name, written) for name, written in section.items()}, 0)
    except SetupError as error:
        raise SetupError(f"{path}: {error}") from error


def _value(name: str, written: str) -> Any:
    try:
        return yaml.safe_load(written)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date that there is not
        raise SetupError(f"routing rules: {name} is {written!r}; it has to be a number, or true or false") from error
