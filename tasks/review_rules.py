"""Putting review rules in force: a new version, by which the open orders are reviewed again at once."""

from dataclasses import dataclass

import yaml
from psycopg.types.json import Jsonb

from connectors.registry import CHANNELS
from models.database import Connection, in_transaction
from models.errors import SetupError
from models.masking import brief
from models.order import Cause
from models.rules.review_rules import ReviewRules, numbered
from tasks.review_again import Changes, review_open_orders
from tasks.rules_in_force import (
    RulesVersion,
    current_rules,
    read_rules_file,
    read_rules_text,
    rules_to_review_by,
    shipped_rules,
    versions,
)

__all__ = [
    "RulesVersion",
    "as_yaml",
    "current_rules",
    "read_rules_file",
    "read_rules_text",
    "require_known",
    "rules_to_review_by",
    "shipped_rules",
    "use_rules",
    "versions",
]


@dataclass(frozen=True, slots=True)
class Used:
    """The rules that are in force now, whether they are others than before, and what reviewing again changed."""

    rules: ReviewRules
    is_new: bool
    changes: Changes


def use_rules(rules: ReviewRules, note: str, why: Cause) -> Used:
    """Put rules in force as a new version and review the open orders by it; the same rules make no new version.

    A review that was interrupted is finished, here or by `resume_orders`. Raises SetupError when the rules speak of a
    shop or channel that there is not; then nothing is changed.
    """
    stored, is_new = in_transaction(lambda conn: _store(conn, rules, note, why))
    return Used(stored, is_new, review_open_orders(stored.version, why.at))


def _store(conn: Connection, rules: ReviewRules, note: str, why: Cause) -> tuple[ReviewRules, bool]:
    conn.execute("lock table review_rules in exclusive mode")
    require_known(conn, rules)
    before = current_rules(conn)
    if before.to_json() == rules.to_json():
        return before, False
    new = numbered(rules, before.version + 1)
    conn.execute(
        "insert into review_rules (version, body, note, made_at, made_by, reviewed_to) values (%s, %s, %s, %s, %s, 0)",
        (new.version, Jsonb(new.to_json()), brief(note), why.at, why.actor),
    )
    return new, True


def require_known(conn: Connection, rules: ReviewRules) -> None:
    """Raise SetupError when rules are limited to a shop, or speak of a channel, that there is not."""
    shops = {row[0] for row in conn.execute("select code from shop")}
    faults = [f"there is no shop {shop}" for shop in sorted(rules.shops() - shops)]
    faults += [
        f"payment: no channel is called {channel}; there are {', '.join(sorted(CHANNELS))}"
        for channel, _ in rules.payment.failed
        if channel not in CHANNELS
    ]
    if faults:
        raise SetupError(f"review rules: cannot be used: {'; '.join(faults)}")


def as_yaml(rules: ReviewRules) -> str:
    """The rules as a file may say them, every setting."""
    text: str = yaml.safe_dump(rules.to_json(), allow_unicode=True, sort_keys=False, width=120)
    return text
