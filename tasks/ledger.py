"""The stock ledger: the one place that changes what lies somewhere and what of it is locked.

Rows are taken in one fixed order: orders by id, documents by id, SKU pools by SKU id, shelves by (warehouse, SKU),
days of warehouses. A function that changes counters takes the rows it needs in this order itself; taking a row twice
costs nothing.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from models.database import Connection, copy_rows
from models.order import Cause
from models.rules.stock_feed import COUNTED, is_counted
from models.stock import LockState
from tasks import stock_counters
from tasks.merges import DOCUMENT_UNIT
from tasks.stock_counters import Changes, Movement, Shelf, columns

__all__ = [
    "EndedLock",
    "Movement",
    "NewLock",
    "Pool",
    "Shelf",
    "ShelfRow",
    "Shipment",
    "book",
    "end_locks",
    "free_capacity",
    "move_locks",
    "open_locks",
    "open_shelves",
    "resize_locks",
    "ship",
    "take_known_pools",
    "take_pools",
    "take_shelves",
]

_LockKey = tuple[int, int, int, int, int]  # order, line, SKU, warehouse, turn
_LOCK = ("order_id", "line_no", "sku_id", "warehouse_id", "quantity", "state", "locked_at", "expires_at", "turn")


@dataclass(frozen=True, slots=True)
class Pool:
    """A SKU over all warehouses."""

    on_hand: int
    locked: int
    safety: int

    @property
    def sellable(self) -> int:
        """The units that may still be locked; below 0 where safety stock is being used up."""
        return self.on_hand - self.locked - self.safety


@dataclass(frozen=True, slots=True)
class ShelfRow:
    """A SKU in one warehouse."""

    on_hand: int
    locked: int
    safety: int
    missing: int
    counted_at: datetime | None

    @property
    def free(self) -> int:
        """The units that may still be locked here; below 0 where safety stock is being used up."""
        return self.on_hand - self.locked - self.safety


class NewLock(NamedTuple):
    """Units of a SKU to be kept for an order line: of the SKU pool (no warehouse), or of one warehouse."""

    order_id: int
    line_no: int
    sku_id: int
    warehouse_id: int | None
    quantity: int
    expires_at: datetime | None = None
    turn: int = 1


class EndedLock(NamedTuple):
    """A lock that just ended; `units` are those that were still locked, without what a part shipment took out."""

    order_id: int
    line_no: int
    sku_id: int
    warehouse_id: int | None
    units: int


@dataclass(frozen=True, slots=True)
class Shipment:
    """Units of an order line that left a warehouse; `final`: nothing more of this line will leave it."""

    order_id: int
    line_no: int
    sku_id: int
    warehouse_id: int
    units: int
    final: bool
    reference: str
    occurred_at: datetime
    turn: int = 1

    @property
    def lock(self) -> "_LockKey":
        """What names its lock and its allocation."""
        return (self.order_id, self.line_no, self.sku_id, self.warehouse_id, self.turn)


def take_pools(conn: Connection, sku_ids: Iterable[int]) -> dict[int, Pool]:
    """Lock the SKU pools in key order and read them; a pool that is not there is made empty."""
    ids = sorted(set(sku_ids))
    if not ids:
        return {}
    conn.execute(
        """insert into sku_pool (sku_id, on_hand, locked, safety, version)
           select id, 0, 0, 0, 0 from unnest(%s::int[]) id
           where not exists (select from sku_pool p where p.sku_id = id) order by id on conflict do nothing""",
        (ids,),
    )
    return take_known_pools(conn, ids)


def take_known_pools(conn: Connection, sku_ids: Iterable[int]) -> dict[int, Pool]:
    """Lock the SKU pools in key order and read them; those that are not there are left out: nothing of them is sold."""
    rows = conn.execute(
        "select sku_id, on_hand, locked, safety from sku_pool where sku_id = any(%s) order by sku_id for update",
        (sorted(set(sku_ids)),),
    )
    return {row[0]: Pool(*row[1:]) for row in rows}


def take_shelves(conn: Connection, shelves: Iterable[Shelf]) -> dict[Shelf, ShelfRow]:
    """Lock these stock rows in key order and read them; those that are not there are left out."""
    keys = sorted(set(shelves))
    if not keys:
        return {}
    rows = conn.execute(
        """select warehouse_id, sku_id, on_hand, locked, safety, missing, counted_at from stock
           where (warehouse_id, sku_id) in (select * from unnest(%s::int[], %s::int[]))
           order by warehouse_id, sku_id for update""",
        columns(keys, 2),
    )
    return {(row[0], row[1]): ShelfRow(*row[2:]) for row in rows}


def open_shelves(conn: Connection, openings: Mapping[Shelf, int]) -> None:
    """Make stock rows that are not there yet, with so many units in them to begin with."""
    take_pools(conn, (sku_id for _, sku_id in openings))
    made = conn.execute(
        """insert into stock (warehouse_id, sku_id, opening, on_hand, locked, safety, missing, version)
           select w, k, q, q, 0, 0, 0, 0 from unnest(%s::int[], %s::int[], %s::int[]) n(w, k, q)
           order by 1, 2 on conflict do nothing returning sku_id, opening""",
        columns([(*shelf, units) for shelf, units in openings.items()], 3),
    )
    opened: Counter[int] = Counter()
    for sku_id, units in made:
        opened[sku_id] += units
    stock_counters.change_pools(conn, opened, Counter())


def book(conn: Connection, movements: Sequence[Movement], at: datetime) -> None:
    """Append movements and change what lies in their shelves, and so in the pools; a shelf that is absent is made.

    What is locked must stay there: the database refuses to take more. Whoever books units that come says what of them
    makes good for missing ones (`tasks.stock_feed`).
    """
    if not movements:
        return
    changes = Changes()
    for movement in movements:
        changes.on_hand[movement.warehouse_id, movement.sku_id] += movement.quantity
    open_shelves(conn, dict.fromkeys(changes.on_hand, 0))
    take_shelves(conn, changes.on_hand)
    stock_counters.append(conn, movements, at)
    stock_counters.apply(conn, changes, at)


def open_locks(conn: Connection, locks: Sequence[NewLock], at: datetime) -> None:
    """Write locks and count them, in their pools and, of a warehouse, in its shelves.

    The caller has taken pools and shelves and found the units free there; else the database refuses.
    """
    if not locks:
        return
    changes = Changes()
    for lock in locks:
        changes.lock(lock.warehouse_id, lock.sku_id, lock.quantity)
    _write_locks(conn, locks, at)
    stock_counters.apply(conn, changes, at)


def resize_locks(conn: Connection, quantities: Mapping[int, int], why: Cause) -> None:
    """Give open locks another quantity, by lock id; only the difference is taken or given back."""
    if not quantities:
        return
    _take_of_locks(conn, list(quantities))
    rows = conn.execute(
        """update lock k set quantity = n.quantity
           from unnest(%s::bigint[], %s::int[]) n(id, quantity) join lock old on old.id = n.id
           where k.id = n.id and k.state = 'open' returning k.warehouse_id, k.sku_id, n.quantity - old.quantity""",
        (list(quantities), list(quantities.values())),
    )
    changes = Changes()
    for warehouse_id, sku_id, units in rows:
        changes.lock(warehouse_id, sku_id, units)
    stock_counters.apply(conn, changes, why.at)


def end_locks(conn: Connection, lock_ids: Collection[int], to: LockState, why: Cause) -> list[EndedLock]:
    """End open locks, each once however often this is called; counters change with them. Returns those that ended."""
    return move_locks(conn, lock_ids, (), why, to)


def move_locks(
    conn: Connection,
    lock_ids: Collection[int],
    new: Sequence[NewLock],
    why: Cause,
    to: LockState = LockState.MOVED,
) -> list[EndedLock]:
    """End locks while others take their place; counters change by the difference. Returns those that ended."""
    if not lock_ids and not new:
        return []
    ids = list(lock_ids)
    _take_of_locks(conn, ids, [(lock.warehouse_id, lock.sku_id) for lock in new])
    rows = conn.execute(
        """with ended as (
             update lock set state = %s, ended_at = %s where id = any(%s) and state = 'open'
             returning order_id, line_no, sku_id, warehouse_id, quantity, turn)
           select e.order_id, e.line_no, e.sku_id, e.warehouse_id, e.quantity - coalesce(a.shipped, 0)
           from ended e left join allocation a on a.order_id = e.order_id and a.line_no = e.line_no
             and a.sku_id = e.sku_id and a.warehouse_id = e.warehouse_id and a.turn = e.turn""",
        (to.value, why.at, ids),
    )
    ended = [EndedLock(*row) for row in rows]
    changes = Changes()
    for gone in ended:
        changes.lock(gone.warehouse_id, gone.sku_id, -gone.units)
    for lock in new:
        changes.lock(lock.warehouse_id, lock.sku_id, lock.quantity)
    _write_locks(conn, new, why.at)
    stock_counters.apply(conn, changes, why.at)
    return ended


def ship(conn: Connection, shipments: Sequence[Shipment], why: Cause) -> None:
    """Take shipped units out of their shelves and out of what is locked there, and note them in the allocations.

    Several entries of one order line, SKU and warehouse add up. A lock whose units all left is consumed; of one that
    is final, the rest is released. An entry of 0 units that is final releases the rest alone. What left before the
    last count of its shelf is not on hand any more, so that only its lock ends.
    """
    if not shipments:
        return
    units, final = Counter[_LockKey](), set[_LockKey]()
    for shipment in shipments:
        units[shipment.lock] += shipment.units
        final |= {shipment.lock} if shipment.final else set()
    take_pools(conn, (key[2] for key in units))
    shelves = take_shelves(conn, ((key[3], key[2]) for key in units))
    changes, ends = Changes(), defaultdict[LockState, list[int]](list)
    for key, rest, lock_id in _note_shipped(conn, units):
        shelf = (key[3], key[2])
        changes.on_hand[shelf] -= units[key]
        if lock_id is None:
            continue
        changes.locked[shelf] -= units[key] + (rest if key in final else 0)
        if key in final or rest == 0:
            ends[LockState.RELEASED if rest else LockState.CONSUMED].append(lock_id)
    for state, ids in ends.items():
        conn.execute("update lock set state = %s, ended_at = %s where id = any(%s)", (state.value, why.at, ids))
    left = _left(shipments)
    counted = [_taken_back(m) for m in left if is_counted(shelves[m.warehouse_id, m.sku_id].counted_at, m.occurred_at)]
    for movement in counted:
        changes.on_hand[movement.warehouse_id, movement.sku_id] += movement.quantity
    stock_counters.append(conn, [*left, *counted], why.at)
    stock_counters.apply(conn, changes, why.at)


def _note_shipped(conn: Connection, units: Mapping[_LockKey, int]) -> list[tuple[_LockKey, int, int | None]]:
    """Add what left to the allocations; gives what is still to leave by each, and its lock while that is open."""
    rows = conn.execute(
        """with gone as (
             update allocation a set shipped = a.shipped + n.units
             from unnest(%s::bigint[], %s::int[], %s::int[], %s::int[], %s::int[], %s::int[]) n(o, l, k, w, t, units)
             where a.order_id = n.o and a.line_no = n.l and a.sku_id = n.k and a.warehouse_id = n.w and a.turn = n.t
             returning a.order_id, a.line_no, a.sku_id, a.warehouse_id, a.turn, a.quantity - a.shipped as rest)
           select g.order_id, g.line_no, g.sku_id, g.warehouse_id, g.turn, g.rest, k.id from gone g
           left join lock k on k.order_id = g.order_id and k.line_no = g.line_no and k.sku_id = g.sku_id
             and k.warehouse_id = g.warehouse_id and k.turn = g.turn and k.state = 'open'""",
        columns([(*key, number) for key, number in units.items()], 6),
    )
    return [((row[0], row[1], row[2], row[3], row[4]), row[5], row[6]) for row in rows]


def free_capacity(conn: Connection, order_ids: Collection[int]) -> None:
    """Give back the days of warehouses that these orders' allocations use and of which nothing left; each once.

    An order uses one document of a warehouse's day, however many lines it has there. The orders of an open merge use
    one together, which the last of them gives back.
    """
    ids = list(order_ids)
    unused = conn.execute(
        """select order_id, warehouse_id, ship_day from allocation
           where order_id = any(%s) and ship_day is not null group by 1, 2, 3 having sum(shipped) = 0""",
        (ids,),
    ).fetchall()
    if not unused:
        return
    days = Counter((row[1], row[2]) for row in unused)
    conn.execute(
        """select 1 from warehouse_day where (warehouse_id, day) in (select * from unnest(%s::int[], %s::date[]))
           order by warehouse_id, day for update""",
        ([day[0] for day in days], [day[1] for day in days]),
    )
    conn.execute(
        f"""with freed as (
             update allocation a set ship_day = null from unnest(%s::bigint[], %s::int[], %s::date[]) n(o, w, day)
             where a.order_id = n.o and a.warehouse_id = n.w and a.ship_day = n.day
             returning a.order_id, n.w, n.day)
           update warehouse_day d set used = d.used - f.documents
           from (select e.w, e.day, count(distinct {DOCUMENT_UNIT.format(order="e", member="m")}) as documents
                 from freed e left join merge_member m on m.order_id = e.order_id and m.left_at is null
                 where not exists (
                   select 1 from merge_member o join allocation a on a.order_id = o.order_id
                   where o.group_id = m.group_id and o.left_at is null and o.order_id <> all(%s)
                     and a.warehouse_id = e.w and a.ship_day = e.day)
                 group by 1, 2) f
           where d.warehouse_id = f.w and d.day = f.day""".encode(),
        (*columns(unused, 3), [row[0] for row in unused]),
    )


def _take_of_locks(conn: Connection, lock_ids: list[int], others: Sequence[tuple[int | None, int]] = ()) -> None:
    """Take the pools and shelves of these open locks, and those of `others`."""
    rows = conn.execute(
        "select distinct warehouse_id, sku_id from lock where id = any(%s) and state = 'open'", (lock_ids,)
    ).fetchall()
    places = {*others, *((row[0], row[1]) for row in rows)}
    take_pools(conn, {sku_id for _, sku_id in places})
    take_shelves(conn, {(warehouse_id, sku_id) for warehouse_id, sku_id in places if warehouse_id is not None})


def _write_locks(conn: Connection, locks: Sequence[NewLock], at: datetime) -> None:
    copy_rows(conn, "lock", _LOCK, ((*lock[:5], "open", at, lock.expires_at, lock.turn) for lock in locks))


def _left(shipments: Sequence[Shipment]) -> list[Movement]:
    """What left per shelf, document and moment, as one movement each."""
    units: Counter[tuple[int, int, str, datetime]] = Counter()
    for s in shipments:
        units[s.warehouse_id, s.sku_id, s.reference, s.occurred_at] += s.units
    return [Movement(w, k, -gone, "shipped", no, at) for (w, k, no, at), gone in units.items() if gone]


def _taken_back(movement: Movement) -> Movement:
    return replace(movement, quantity=-movement.quantity, reason=COUNTED)
