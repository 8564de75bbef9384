"""Arrivals: units that are expected in a warehouse, and what of them came."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from models.database import Connection, transaction
from models.feeds import Counts
from models.order import Cause
from models.rules.stock_feed import ARRIVAL
from models.settings import clock
from tasks.catalog import Imported
from tasks.cells import as_positive, as_yes_no
from tasks.sheets import Column, Row, Sheet, as_code, as_count, as_moment, read_sheet
from tasks.stock_counters import columns
from tasks.stock_feed import Feed, FeedCount, Told, apply_feed
from tasks.stock_files import SHELF, SOURCE, shelves_of

_REFERENCE = Column("reference", ("采购单号", "到货单号", "入库单号", "单号"), as_code, required=True)
EXPECTED = (
    *SHELF,
    _REFERENCE,
    Column("expected", ("应到数量", "预计数量", "采购数量", "数量", "quantity"), as_positive, required=True),
    Column("expected_at", ("预计到货时间", "预计到货", "到货时间"), as_moment, required=True),
)
RECEIVED = (
    _REFERENCE,
    Column("sku", ("商家编码", "SKU编码", "货号", "sku_code"), as_code, required=True),
    Column("received", ("实收数量", "到货数量", "入库数量", "数量", "quantity"), as_count, required=True),
    Column("warehouse", ("仓库编码", "仓库代码", "仓库", "warehouse_code"), as_code),
    Column("delivery", ("送货单号", "批次", "送货单"), as_code),
    Column("occurred_at", ("到货时间", "入库时间", "收货时间"), as_moment, default=None),
    Column("closed", ("完结", "是否完结"), as_yes_no, default=False),
)

Key = tuple[int, int, str]
"""An arrival: warehouse id, SKU id, reference."""


@dataclass(frozen=True, slots=True)
class ReceivedCount:
    """What a file of received goods did: units that came, rows that were known already, arrivals now closed."""

    units: int
    known: int
    closed: int
    feed: FeedCount
    ignored: tuple[str, ...] = ()


def expect_arrivals(path: Path) -> Imported:
    """Add or change the expected arrivals of a file (warehouse, sku, reference, expected, expected_at), all or none.

    Raises SetupError listing the bad rows: unknown names, kits, arrivals that are closed.
    """
    sheet = read_sheet(path, EXPECTED)
    sheet.refuse_repeats("warehouse", "sku", "reference")
    with transaction() as conn:
        keys = [(*shelf, row["reference"]) for shelf, row in zip(shelves_of(conn, sheet), sheet.rows, strict=True)]
        present = _present(conn, keys)
        for key, row in zip(keys, sheet.rows, strict=True):
            if key in present and present[key][2]:
                sheet.refuse(
                    row, "reference", "has arrived and is closed; what still comes needs a reference of its own"
                )
        sheet.require_clean()
        rows = [(*key, row["expected"], row["expected_at"]) for key, row in zip(keys, sheet.rows, strict=True)]
        conn.execute(
            """insert into arrival (warehouse_id, sku_id, reference, expected, received, expected_at)
               select n.w, n.k, n.reference, n.expected, 0, n.at
               from unnest(%s::int[], %s::int[], %s::text[], %s::int[], %s::timestamptz[])
                    n(w, k, reference, expected, at) order by 1, 2, 3
               on conflict (warehouse_id, sku_id, reference) do update set expected = excluded.expected,
                 expected_at = excluded.expected_at""",
            columns(rows, 5),
        )
    same = sum(1 for row in rows if present.get(row[:3], ())[:2] == row[3:])
    added = sum(1 for key in keys if key not in present)
    return Imported(added, len(rows) - added - same, same, ignored=sheet.ignored)


def _present(conn: Connection, keys: Sequence[Key]) -> dict[Key, tuple[int, datetime, bool]]:
    rows = conn.execute(
        """select warehouse_id, sku_id, reference, expected, expected_at, closed_at is not null from arrival
           where (warehouse_id, sku_id, reference) in (select * from unnest(%s::int[], %s::int[], %s::text[]))
           order by 1, 2, 3 for update""",
        columns(keys, 3),
    )
    return {(row[0], row[1], row[2]): (row[3], row[4], row[5]) for row in rows}


def receive_arrivals(path: Path, actor: str = "file") -> ReceivedCount:
    """Book what came of expected arrivals (reference, sku, received), all rows of a file or none.

    A row is one delivery, known by `delivery`, else by `occurred_at`, else by the file: told again it changes nothing.
    Raises SetupError listing rows that no arrival, or more than one, was expected for.
    """
    sheet = read_sheet(path, RECEIVED)
    sheet.refuse_repeats("reference", "sku", "warehouse", "delivery", "occurred_at")
    why = Cause(actor, clock().now())
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:32]
    with transaction() as conn:
        keys = _expected(conn, sheet)
        sheet.require_clean()
        told = [_told(row, key, digest, why.at) for row, key in zip(sheet.rows, keys, strict=True) if row["received"]]
        newest = max((one.as_of for one in told), default=why.at)
        done = apply_feed(conn, Feed(SOURCE, f"{digest}:{ARRIVAL}", Counts.CHANGE, newest), told, why)
        over = [key for row, key in zip(sheet.rows, keys, strict=True) if row["closed"]]
        closed = note_received(conn, done.taken, why.at) + _close(conn, over, why.at)
    units = sum(one.units for one in done.taken)
    return ReceivedCount(units, len(told) - len(done.taken), closed, done, sheet.ignored)


def _told(row: Row, key: Key, digest: str, now: datetime) -> Told:
    at: datetime | None = row["occurred_at"]
    delivery = row["delivery"] or (at.isoformat() if at else digest[:12])
    return Told(key[:2], row["received"], at or now, f"{key[2]}/{delivery}", ARRIVAL, key[2])


def _expected(conn: Connection, sheet: Sheet) -> list[Key]:
    """The arrival that each row is about; rows that name none, or several, are refused."""
    found: dict[tuple[str, str], dict[str, Key]] = defaultdict(dict)
    for warehouse, sku, *key in conn.execute(
        """select w.code, k.code, a.warehouse_id, a.sku_id, a.reference from arrival a
           join warehouse w on w.id = a.warehouse_id join sku k on k.id = a.sku_id
           where a.reference = any(%s) order by 1, 2""",
        ([row["reference"] for row in sheet.rows],),
    ):
        found[key[2], sku][warehouse] = (key[0], key[1], key[2])
    keys = []
    for row in sheet.rows:
        places = found.get((row["reference"], row["sku"]), {})
        named = {row["warehouse"]: places[row["warehouse"]]} if row["warehouse"] in places else {}
        chosen = named if row["warehouse"] else places
        if len(chosen) > 1:
            sheet.refuse(row, "reference", f"is expected in {', '.join(chosen)}; name the warehouse")
        elif not chosen:
            where = f" in {row['warehouse']}" if row["warehouse"] else ""
            sheet.refuse(
                row, "reference", f"no {row['sku']} is expected under it{where}; `orderpool stock expect` first"
            )
        keys.append(next(iter(chosen.values()), (0, 0, "")))
    return keys


def open_references(conn: Connection, warehouse_ids: Iterable[int]) -> set[Key]:
    """The arrivals that these warehouses expect."""
    rows = conn.execute(
        "select warehouse_id, sku_id, reference from arrival where warehouse_id = any(%s) and closed_at is null",
        (list(warehouse_ids),),
    )
    return {(row[0], row[1], row[2]) for row in rows}


def note_received(conn: Connection, taken: Iterable[Told], at: datetime) -> int:
    """Add what came to the arrivals it is part of; returns how many are complete now and closed."""
    units: Counter[Key] = Counter()
    for one in taken:
        if one.arrival:
            units[*one.shelf, one.arrival] += one.units
    keys = sorted(units)
    _present(conn, keys)
    rows = conn.execute(
        """update arrival a set received = a.received + n.units,
             closed_at = coalesce(a.closed_at, case when a.received + n.units >= a.expected then %s::timestamptz end)
           from unnest(%s::int[], %s::int[], %s::text[], %s::int[]) n(w, k, reference, units)
           where a.warehouse_id = n.w and a.sku_id = n.k and a.reference = n.reference
           returning a.closed_at = %s and a.received >= a.expected""",
        (at, *columns([(*key, units[key]) for key in keys], 4), at),
    )
    return sum(1 for row in rows if row[0])


def _close(conn: Connection, keys: Sequence[Key], at: datetime) -> int:
    """Close arrivals of which nothing more comes; returns how many were open."""
    return conn.execute(
        """update arrival set closed_at = %s where closed_at is null and (warehouse_id, sku_id, reference) in (
             select * from unnest(%s::int[], %s::int[], %s::text[]))""",
        (at, *columns(keys, 3)),
    ).rowcount
