"""The stock formula in force: which one, since when and by whose wish; putting another one to use."""

import json
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from psycopg.types.json import Jsonb

from connectors.registry import CHANNELS
from models.database import Connection, transaction
from models.errors import SetupError
from models.order import Cause
from models.rules.stock_formula import Formula, parse_formula
from models.rules.stock_shown import show
from tasks.stock_figures import load_figures
from tasks.stock_listings import offers_of, selling_listings

SHIPPED_FILE = Path(__file__).resolve().parent.parent / "models" / "rules" / "stock_formula.yaml"
SHIPPED = 0

_LOCK = "select pg_advisory_xact_lock(hashtext('stock formula'))"


@dataclass(frozen=True, slots=True)
class FormulaInForce:
    """A version of the formula; 0 is the one that comes with us. `body` is it as it was written."""

    version: int
    formula: Formula
    body: dict[str, Any]
    note: str = "as it comes with OrderPool"
    made_at: datetime | None = None
    made_by: str = ""

    @property
    def is_paced(self) -> bool:
        """Whether any rule needs to know how fast SKUs are sold."""
        return any(rule.buffer is not None and rule.buffer.quantile is not None for rule in self.formula.rules)


@dataclass(frozen=True, slots=True)
class Difference:
    """What a listing shows under the formula in force and under another one."""

    shop: str
    sku: str
    item_id: str
    sku_ref: str
    now: int
    then: int


def formula_in_force(conn: Connection) -> FormulaInForce:
    """The formula that counts now."""
    row = conn.execute(
        "select version, body, note, made_at, made_by from stock_formula order by version desc limit 1"
    ).fetchone()
    if row is None:
        return _shipped()
    return FormulaInForce(row[0], parse_formula(row[1], f"version {row[0]}"), *row[1:])


def read_formula(path: Path) -> tuple[Formula, dict[str, Any]]:
    """The formula in a YAML file and its text as data; raises SetupError with every fault."""
    try:
        body = yaml.safe_load(path.read_text("utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(f"stock formula {path}: cannot be read: {error}") from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date that there is not
        raise SetupError(f"stock formula {path}: is no YAML: {' '.join(str(error).split())}") from error
    try:
        # it is stored as JSON, which has no dates: a code that looks like one is a text
        body = json.loads(json.dumps(body, default=str))
    except (TypeError, ValueError) as error:
        raise SetupError(f"stock formula {path}: cannot be kept: {error}") from error
    return parse_formula(body, str(path)), body


def use_formula(path: Path, note: str, why: Cause) -> FormulaInForce:
    """Put a file's formula in force from the next push on; the same formula again changes nothing.

    Raises SetupError when it has a fault or speaks of a shop, channel or warehouse that there is not.
    """
    formula, body = read_formula(path)
    with transaction() as conn:
        conn.execute(_LOCK)
        _require_known(conn, formula, str(path))
        before = formula_in_force(conn)
        if before.formula == formula:
            return before
        conn.execute(
            "insert into stock_formula (version, body, note, made_at, made_by) values (%s, %s, %s, %s, %s)",
            (before.version + 1, Jsonb(body), note, why.at, why.actor),
        )
    return FormulaInForce(before.version + 1, formula, body, note, why.at, why.actor)


def try_formula(path: Path, at: datetime, shop: str | None = None) -> tuple[int, list[Difference]]:
    """How many listings there are, and those that would show something else under a file's formula.

    Nothing is written. Raises SetupError like `use_formula`.
    """
    formula, _ = read_formula(path)
    with transaction() as conn:
        _require_known(conn, formula, str(path))
        force = formula_in_force(conn)
        listings = selling_listings(conn)
        # one snapshot for both, with the pace of sales if either needs it
        figures = load_figures(conn, at, paced=True)
    now = show(offers_of(listings, force.formula), figures, at)
    then = show(offers_of(listings, formula), figures, at)
    asked = [listing for listing in listings if shop is None or listing.shop == shop]
    return len(asked), [
        Difference(
            listing.shop, listing.sku, listing.item_id, listing.sku_ref, now[listing.id].units, then[listing.id].units
        )
        for listing in asked
        if now[listing.id].units != then[listing.id].units
    ]


@lru_cache(maxsize=1)
def _shipped() -> FormulaInForce:
    formula, body = read_formula(SHIPPED_FILE)
    return FormulaInForce(SHIPPED, formula, body)


def _require_known(conn: Connection, formula: Formula, source: str) -> None:
    shops = {row[0] for row in conn.execute("select code from shop")}
    warehouses = {row[0] for row in conn.execute("select code from warehouse")}
    faults = []
    for number, rule in enumerate(formula.rules, 1):
        if rule.shop and rule.shop not in shops:
            faults.append(f"rule {number}: there is no shop {rule.shop}")
        if rule.channel and rule.channel not in CHANNELS:
            faults.append(
                f"rule {number}: no channel is called {rule.channel}; there are {', '.join(sorted(CHANNELS))}"
            )
        faults += [f"rule {number}: there is no warehouse {code}" for code in rule.warehouses if code not in warehouses]
    if faults:
        raise SetupError(f"stock formula {source}: " + "; ".join(faults))
