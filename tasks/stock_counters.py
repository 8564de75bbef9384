"""The counters of shelves and SKU pools: changed here alone, together, and never beyond what the database allows.

Only the stock ledger calls this, and only after it took the rows.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from models.database import Connection, copy_rows

Shelf = tuple[int, int]
"""A warehouse id and a SKU id: the key of a stock row."""


@dataclass(frozen=True, slots=True)
class Movement:
    """Units into a shelf (+) or out of it (-), why, what caused it, and when it happened there."""

    warehouse_id: int
    sku_id: int
    quantity: int
    reason: str
    reference: str
    occurred_at: datetime


@dataclass(slots=True)
class Changes:
    """What is added to counters: units on hand and units locked per shelf, and units locked of pools alone."""

    on_hand: Counter[Shelf] = field(default_factory=Counter)
    locked: Counter[Shelf] = field(default_factory=Counter)
    pooled: Counter[int] = field(default_factory=Counter)

    def lock(self, warehouse_id: int | None, sku_id: int, units: int) -> None:
        """Count units as locked, of a warehouse or, without one, of the SKU pool alone."""
        if warehouse_id is None:
            self.pooled[sku_id] += units
        else:
            self.locked[warehouse_id, sku_id] += units


def apply(conn: Connection, changes: Changes, at: datetime) -> None:
    """Add to the counters of shelves, and with them to those of their pools.

    Where a lock ends, units that a count did not find leave on hand as soon as no lock holds them.
    """
    touched = sorted(key for key in {*changes.on_hand, *changes.locked} if changes.on_hand[key] or changes.locked[key])
    lost = _change_shelves(conn, touched, changes, at)
    on_hand, locked = Counter[int](), Counter[int](changes.pooled)
    for (_, sku_id), units in changes.on_hand.items():
        on_hand[sku_id] += units
    for (_, sku_id), units in changes.locked.items():
        locked[sku_id] += units
    on_hand.subtract(lost)
    change_pools(conn, on_hand, locked)


def change_pools(conn: Connection, on_hand: Counter[int], locked: Counter[int]) -> None:
    """Add to the counters of SKU pools."""
    rows = [
        (sku_id, on_hand[sku_id], locked[sku_id])
        for sku_id in sorted({*on_hand, *locked})
        if on_hand[sku_id] or locked[sku_id]
    ]
    if rows:
        done = conn.execute(
            """update sku_pool p set on_hand = p.on_hand + c.h, locked = p.locked + c.l
               from unnest(%s::int[], %s::int[], %s::int[]) c(k, h, l) where p.sku_id = c.k""",
            columns(rows, 3),
        )
        _require(done.rowcount, len(rows), "SKU pool")


def append(conn: Connection, movements: Iterable[Movement], at: datetime) -> None:
    """Add movements to the ledger."""
    copy_rows(
        conn,
        "stock_movement",
        ("warehouse_id", "sku_id", "quantity", "reason", "reference", "occurred_at", "at"),
        ((m.warehouse_id, m.sku_id, m.quantity, m.reason, m.reference, m.occurred_at, at) for m in movements),
    )


def columns(rows: Sequence[Sequence[object]], width: int) -> list[list[object]]:
    """Rows as columns, for `unnest`."""
    return [[row[place] for row in rows] for place in range(width)]


def _change_shelves(conn: Connection, shelves: Sequence[Shelf], changes: Changes, at: datetime) -> Counter[int]:
    """Change shelves; returns the units per SKU that were missing and left."""
    if not shelves:
        return Counter()
    # what is on hand less what is missing is what lies there: leaving, missing units take nothing from it
    rows = conn.execute(
        """update stock s set on_hand = s.on_hand + c.h - c.lost, locked = s.locked + c.l,
             missing = least(s.missing - c.lost, s.locked + c.l)
           from (select n.*, o.missing as missed, case when n.l < 0
                   then greatest(0, least(o.missing, o.on_hand + n.h - o.locked - n.l)) else 0 end as lost
                 from unnest(%s::int[], %s::int[], %s::int[], %s::int[]) n(w, k, h, l)
                 join stock o on o.warehouse_id = n.w and o.sku_id = n.k) c
           where s.warehouse_id = c.w and s.sku_id = c.k
           returning s.warehouse_id, s.sku_id, c.lost, c.missed, s.missing""",
        columns([(*key, changes.on_hand[key], changes.locked[key]) for key in shelves], 4),
    ).fetchall()
    _require(len(rows), len(shelves), "shelf")
    lost: Counter[int] = Counter()
    for _, sku_id, units, _, _ in rows:
        lost[sku_id] += units
    _note_lost(conn, [((row[0], row[1]), row[2]) for row in rows if row[2]], at)
    _close_shortfalls(conn, [(row[0], row[1]) for row in rows if row[3] and not row[4]], at)
    return lost


def _note_lost(conn: Connection, lost: Sequence[tuple[Shelf, int]], at: datetime) -> None:
    if not lost:
        return
    found = conn.execute(
        """select warehouse_id, sku_id, id from shortfall where closed_at is null
           and (warehouse_id, sku_id) in (select * from unnest(%s::int[], %s::int[]))""",
        columns([shelf for shelf, _ in lost], 2),
    )
    causes = {(row[0], row[1]): f"shortfall {row[2]}" for row in found}
    append(conn, (Movement(*shelf, -units, "missing", causes.get(shelf, ""), at) for shelf, units in lost), at)


def _close_shortfalls(conn: Connection, shelves: Sequence[Shelf], at: datetime) -> None:
    if shelves:
        conn.execute(
            """update shortfall set closed_at = %s where closed_at is null
               and (warehouse_id, sku_id) in (select * from unnest(%s::int[], %s::int[]))""",
            (at, *columns(shelves, 2)),
        )


def _require(changed: int, wanted: int, what: str) -> None:
    """A counter that is not there cannot be changed: the caller's transaction ends before anything drifts."""
    if changed != wanted:
        raise LookupError(f"stock: {wanted - changed} of {wanted} rows ({what}) to be changed are not there")
