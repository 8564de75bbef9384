"""The rule of a warehouse for what it closes documents without; a shop's own word goes before it."""

from psycopg.types.json import Jsonb

from models.database import transaction
from models.errors import SetupError
from models.order import Cause
from models.remainder import ShortWay
from models.rules.short_ships import SETTING
from tasks.access import log_change
from tasks.shop_settings import read_choice


def set_warehouse_rule(code: str, way: str, why: Cause) -> bool:
    """Set what becomes of units that a warehouse lacks, for shops without a word of their own; "" ends it.

    Tells whether that changed something. Raises SetupError for a way or a warehouse that there is not.
    """
    chosen = read_choice(f"warehouse {code}: {SETTING}", ShortWay, way) if way else None
    with transaction() as conn:
        row = conn.execute("select settings from warehouse where code = %s for no key update", (code,)).fetchone()
        if row is None:
            raise SetupError(f"warehouse {code}: is not in the pool")
        before = row[0].get(SETTING)
        settings = {name: value for name, value in row[0].items() if name != SETTING}
        settings |= {SETTING: chosen} if chosen else {}
        conn.execute("update warehouse set settings = %s where code = %s", (Jsonb(settings), code))
        return log_change(conn, "warehouse", code, {SETTING: before}, {SETTING: chosen}, why)


def warehouse_rules() -> dict[str, str]:
    """The way of each warehouse that has one, by code."""
    with transaction() as conn:
        rows = conn.execute(
            "select code, settings->>%s from warehouse where settings ? %s order by 1", (SETTING, SETTING)
        ).fetchall()
    return dict(rows)
