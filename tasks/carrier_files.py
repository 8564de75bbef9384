"""Carriers of warehouses, what they charge, and which orders go with which of them, from the files a seller keeps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg import sql

from connectors.converters import BadValue, yuan_to_fen
from models.database import Connection, copy_rows, transaction
from models.settings import clock
from models.warehouse import CarrierEffect
from tasks.areas import warehouse_ids
from tasks.catalog import Imported
from tasks.cells import as_area, as_carrier, as_positive, as_priority, as_time, as_yes_no
from tasks.routing_again import try_all_again
from tasks.sheets import Column, Row, Sheet, as_code, as_count, read_sheet

LONGEST_TRANSIT_DAYS = 60

_EFFECTS = {
    "only": CarrierEffect.ONLY,
    "必须": CarrierEffect.ONLY,
    "prefer": CarrierEffect.PREFER,
    "优先": CarrierEffect.PREFER,
    "never": CarrierEffect.NEVER,
    "禁止": CarrierEffect.NEVER,
}


def _yuan(written: str) -> int:
    amount = yuan_to_fen(written)
    if amount < 0:
        raise BadValue("is below 0")
    return amount


def _days(written: str) -> int:
    days = as_count(written)
    if days > LONGEST_TRANSIT_DAYS:
        raise BadValue(f"is more than {LONGEST_TRANSIT_DAYS} days")
    return days


def _effect(written: str) -> str:
    effect = _EFFECTS.get(written.casefold())
    if effect is None:
        raise BadValue(f"is none of {', '.join(CarrierEffect)}")
    return effect.value


_WAREHOUSE = Column("warehouse", ("仓库编码", "仓库代码", "仓库"), as_code, required=True)
_CARRIER = Column("carrier", ("快递", "快递公司"), as_carrier, required=True)
_MIN_WEIGHT = Column("min_weight_g", ("最低重量(克)", "起始重量(克)"), as_count, default=0)
_MAX_WEIGHT = Column("max_weight_g", ("最高重量(克)", "截止重量(克)"), as_positive, default=None)

CARRIERS = (
    _WAREHOUSE,
    _CARRIER,
    Column("priority", ("优先级",), as_priority, default=1),
    Column("cutoff", ("揽收截止", "截单时间"), as_time, default=None),
    _MIN_WEIGHT,
    _MAX_WEIGHT,
    Column("cod", ("货到付款", "代收货款"), as_yes_no, default=True),
)
RATES = (
    _WAREHOUSE,
    _CARRIER,
    Column("division", ("地区", "目的地", "行政区划", "省市区"), as_area, required=True),
    Column("first_g", ("首重(克)",), as_positive, default=1000),
    Column("first_yuan", ("首重价格(元)", "首重费用", "首重价格"), _yuan, required=True),
    Column("step_g", ("续重(克)",), as_positive, default=1000),
    Column("step_yuan", ("续重价格(元)", "续重费用", "续重价格"), _yuan, required=True),
    Column("days", ("时效(天)", "时效"), _days, default=2),
)
RULES = (
    Column("effect", ("规则", "动作"), _effect, required=True),
    _CARRIER,
    Column("shop", ("店铺", "店铺编码"), as_code),
    Column("warehouse", ("仓库编码", "仓库代码", "仓库"), as_code),
    Column("division", ("地区", "目的地", "行政区划", "省市区"), as_area),
    _MIN_WEIGHT,
    _MAX_WEIGHT,
    Column("cod", ("货到付款", "代收货款"), as_yes_no, default=None),
)


@dataclass(frozen=True, slots=True)
class _Table:
    """A table that files fill: the columns of its key, the others, and how many of the first say whose a row is."""

    name: str
    key: tuple[str, ...]
    values: tuple[str, ...]
    owner: int


_CARRIERS = _Table(
    "warehouse_carrier", ("warehouse_id", "carrier"), ("priority", "cutoff", "min_weight_g", "max_weight_g", "cod"), 1
)
_RATES = _Table(
    "carrier_rate",
    ("warehouse_id", "carrier", "division_code"),
    ("first_g", "first_fen", "step_g", "step_fen", "transit_days"),
    2,
)
_RULES = _Table(
    "carrier_rule",
    ("position",),
    ("effect", "carrier", "shop_code", "warehouse_code", "division_code", "min_weight_g", "max_weight_g", "cod"),
    0,
)


def import_carriers(path: Path) -> Imported:
    """Make the file's carriers the whole carriers of the warehouses it names; other warehouses stay as they are.

    Raises SetupError listing the bad rows.
    """
    sheet = read_sheet(path, CARRIERS)
    _refuse_weights(sheet)
    with transaction() as conn:
        warehouses = warehouse_ids(conn, sheet)
        sheet.refuse_repeats("warehouse", "carrier")
        sheet.require_clean()
        fields = "priority cutoff min_weight_g max_weight_g cod"
        wanted = {(warehouses[row["warehouse"]], row["carrier"]): _values(row, fields) for row in sheet.rows}
        return _replace(conn, _CARRIERS, wanted, sheet)


def import_rates(path: Path) -> Imported:
    """Make the file's prices the whole prices of each warehouse and carrier it names; others stay as they are.

    Raises SetupError listing the bad rows.
    """
    sheet = read_sheet(path, RATES)
    with transaction() as conn:
        wanted = rates_of(sheet, warehouse_ids(conn, sheet))
        return _replace(conn, _RATES, wanted, sheet)


def rates_of(sheet: Sheet, warehouses: Mapping[str, int]) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """The prices of a sheet: by warehouse id, carrier and division what `carrier_rate` holds of them."""
    sheet.refuse_repeats("warehouse", "carrier", "division")
    sheet.require_clean()
    fields = "first_g first_yuan step_g step_yuan days"
    return {(warehouses[row["warehouse"]], row["carrier"], row["division"]): _values(row, fields) for row in sheet.rows}


def import_rules(path: Path) -> Imported:
    """Make the file's rules all the carrier rules there are, in the order of its rows.

    Raises SetupError listing the bad rows.
    """
    sheet = read_sheet(path, RULES)
    _refuse_weights(sheet)
    with transaction() as conn:
        warehouse_ids(conn, sheet)
        shops = {row[0] for row in conn.execute("select code from shop")}
        for row in sheet.rows:
            if row["shop"] and row["shop"] not in shops:
                sheet.refuse(row, "shop", "there is no such shop; `orderpool shop list` shows those there are")
        sheet.require_clean()
        fields = "effect carrier shop warehouse division min_weight_g max_weight_g cod"
        wanted = {(number,): _values(row, fields) for number, row in enumerate(sheet.rows, 1)}
        return _replace(conn, _RULES, wanted, sheet)


def _refuse_weights(sheet: Sheet) -> None:
    for row in sheet.rows:
        most = row["max_weight_g"]
        if isinstance(most, int) and isinstance(row["min_weight_g"], int) and most <= row["min_weight_g"]:
            sheet.refuse(row, "max_weight_g", f"is not above min_weight_g, {row['min_weight_g']}")


def _values(row: Row, fields: str) -> tuple[Any, ...]:
    return tuple(row[name] for name in fields.split())


def _replace(
    conn: Connection, table: _Table, wanted: Mapping[tuple[Any, ...], tuple[Any, ...]], sheet: Sheet
) -> Imported:
    """Let these rows, by key, take the place of all rows of the owners they name."""
    width, columns = len(table.key), (*table.key, *table.values)
    owners = {key[: table.owner] for key in wanted} if table.owner else {()}
    name = sql.Identifier(table.name)
    # routing only reads it, which this does not hold up
    conn.execute(sql.SQL("lock table {} in exclusive mode").format(name))
    rows = conn.execute(sql.SQL("select {} from {}").format(_names(columns), name)).fetchall()
    before = {row[:width]: row[width:] for row in rows if row[: table.owner] in owners}
    with conn.cursor() as cur:
        match = sql.SQL(" and ").join(sql.SQL("{} = %s").format(sql.Identifier(column)) for column in table.key)
        cur.executemany(sql.SQL("delete from {} where {}").format(name, match), sorted(before))
    copy_rows(conn, table.name, columns, ((*key, *values) for key, values in sorted(wanted.items())))
    try_all_again(conn, clock().now())
    both = before.keys() & wanted.keys()
    changed = sum(before[key] != wanted[key] for key in both)
    return Imported(len(wanted) - len(both), changed, len(both) - changed, len(before) - len(both), sheet.ignored)


def _names(columns: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))
