"""What may be sold before it is there: limits per SKU from a seller's file, and how well promises were kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from connectors.converters import BadValue
from models.database import Connection, transaction
from models.rules.promises import PromiseTerms
from models.settings import clock
from models.stock import PromiseKind
from tasks.ledger import take_pools
from tasks.promises import take_terms
from tasks.sheets import Column, Sheet, as_code, as_count, as_moment, read_sheet

_KINDS = {"预售": PromiseKind.PRESALE, "缺货预订": PromiseKind.BACKORDER, "backorder": PromiseKind.BACKORDER} | {
    kind.value: kind for kind in PromiseKind
}


def _kind(written: str) -> PromiseKind:
    if written.casefold() not in _KINDS:
        raise BadValue(f"is not one of {', '.join(PromiseKind)}")
    return _KINDS[written.casefold()]


COLUMNS = (
    Column("sku", ("商家编码", "SKU编码", "货号", "sku_code"), as_code, required=True),
    Column("kind", ("类型", "预售类型"), _kind, required=True),
    Column("limit", ("上限", "可预售数量", "limit_units"), as_count, required=True),
    Column("available_at", ("到货时间", "预计到货", "发货时间"), as_moment, default=None),
    Column("closes_at", ("截止时间", "结束时间"), as_moment, default=None),
)


@dataclass(frozen=True, slots=True)
class PromisePools:
    """What a file did: SKUs that may be promised now, SKUs with new terms, SKUs whose terms were the same."""

    added: int
    changed: int
    same: int
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PromisePoolRow:
    """A SKU that is promised: its terms, the room left, how many orders wait for it, and how its promises ended.

    `overdue` of the waiting ones are past the time that was announced to them; `late` of the kept ones were.
    """

    sku: str
    terms: PromiseTerms
    room: int
    waiting: int
    overdue: int
    kept: int
    late: int


def set_promise_pools(path: Path) -> PromisePools:
    """Set how many units of each SKU of a file may be promised, until when and for when; other SKUs stay.

    Orders that wait keep the time that they were promised. Raises SetupError listing the bad rows; then nothing is
    written.
    """
    sheet = read_sheet(path, COLUMNS)
    sheet.refuse_repeats("sku")
    with transaction() as conn:
        skus = _skus(conn, sheet)
        take_pools(conn, skus.values())
        known = take_terms(conn, skus.values())
        _refuse_bad_terms(sheet, skus, known)
        sheet.require_clean()
        before = {sku_id: (of.kind, of.limit, of.available_at, of.closes_at) for sku_id, of in known.items()}
        rows = {skus[row["sku"]]: tuple(row[name] for name in _TERMS) for row in sheet.rows}
        fresh = {sku_id: row for sku_id, row in rows.items() if before.get(sku_id) != row}
        _save(conn, fresh)
    changed = len(fresh.keys() & before.keys())
    return PromisePools(len(fresh) - changed, changed, len(rows) - len(fresh), sheet.ignored)


_TERMS = ("kind", "limit", "available_at", "closes_at")


def _skus(conn: Connection, sheet: Sheet) -> dict[str, int]:
    rows = conn.execute(
        """select k.code, k.id, exists (select from kit_component c where c.kit_id = k.id) from sku k
           where k.code = any(%s)""",
        ([row["sku"] for row in sheet.rows if row["sku"]],),
    ).fetchall()
    found: dict[str, tuple[int, bool]] = {code: (sku_id, is_kit) for code, sku_id, is_kit in rows}
    for row in sheet.rows:
        if row["sku"] and row["sku"] not in found:
            sheet.refuse(row, "sku", "there is no such SKU; import SKUs first")
        elif row["sku"] and found[row["sku"]][1]:
            sheet.refuse(row, "sku", "is a kit; name its components, which are what comes")
    return {code: sku_id for code, (sku_id, _) in found.items()}


def _refuse_bad_terms(sheet: Sheet, skus: Mapping[str, int], known: Mapping[int, PromiseTerms]) -> None:
    for row in sheet.rows:
        terms = known.get(skus.get(row["sku"], 0))
        if terms and isinstance(row["limit"], int) and row["limit"] < terms.promised:
            sheet.refuse(row, "limit", f"{terms.promised} units are promised already; closes_at ends it sooner")
        if row["kind"] is PromiseKind.PRESALE and row["available_at"] is None:
            sheet.refuse(row, "available_at", "is empty; a presale says from when its goods are there")


def _save(conn: Connection, rows: Mapping[int, tuple[object, ...]]) -> None:
    with conn.cursor() as cur:
        cur.executemany(
            """insert into promise_pool (sku_id, kind, limit_units, promised, available_at, closes_at)
               values (%s, %s, %s, 0, %s, %s)
               on conflict (sku_id) do update set kind = excluded.kind, limit_units = excluded.limit_units,
                 available_at = excluded.available_at, closes_at = excluded.closes_at""",
            [(sku_id, *row) for sku_id, row in sorted(rows.items())],
        )


def list_promise_pools() -> list[PromisePoolRow]:
    """Every SKU that is or was promised, by code."""
    now = clock().now()
    with transaction() as conn:
        rows = conn.execute(
            """select k.code, p.kind, p.limit_units, p.promised, p.available_at, p.closes_at,
                 count(distinct o.order_id) filter (where o.state = 'open'),
                 count(distinct o.order_id) filter (where o.state = 'open' and o.due_at < %(now)s),
                 count(distinct o.order_id) filter (where o.state = 'kept'),
                 count(distinct o.order_id) filter (where o.state = 'kept' and o.ended_at > o.due_at)
               from promise_pool p join sku k on k.id = p.sku_id left join promise o on o.sku_id = p.sku_id
               group by k.code, p.sku_id order by 1""",
            {"now": now},
        ).fetchall()
    return [_row(row, now) for row in rows]


def _row(row: tuple[object, ...], now: datetime) -> PromisePoolRow:
    code, kind, limit, promised, available_at, closes_at, *counts = row
    terms = PromiseTerms(PromiseKind(str(kind)), limit, promised, available_at, closes_at)  # type: ignore[arg-type]
    return PromisePoolRow(str(code), terms, terms.room(now), *counts)  # type: ignore[arg-type]
