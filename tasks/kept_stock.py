"""What orders own of the stock, and what they keep of it when they begin again."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from models.database import Connection, copy_rows
from models.order import Cause
from models.rules.stock import Place, still_wanted
from models.stock import LockState
from tasks.ledger import (
    NewLock,
    Shelf,
    ShelfRow,
    end_locks,
    free_capacity,
    move_locks,
    resize_locks,
    take_pools,
    take_shelves,
)
from tasks.merges import leave
from tasks.promises import resize_promises, take_terms
from tasks.release_room import end_room_waits

# the physical units of lines that may be shipped: as they were when first locked, else by what their kits are now
_WANTED = """
  select l.order_id, l.line_no, coalesce(c.sku_id, k.component_id, l.sku_id),
         l.quantity::bigint * coalesce(c.per_unit, k.quantity, 1),
         case when c.sku_id is null then k.quantity end
  from order_line l join orders o on o.id = l.order_id and o.pay_state <> 'cancelled'
  left join line_component c on c.order_id = l.order_id and c.line_no = l.line_no
  left join kit_component k on k.kit_id = l.sku_id and c.sku_id is null
  where l.order_id = any(%s) and l.state <> 'closed' and l.sku_id is not null and l.quantity > 0"""


@dataclass(slots=True)
class Owned:
    """What an order owns, by line and SKU: open locks of the pool, with their ids, and open promises."""

    locks: dict[Place, int] = field(default_factory=dict)
    promises: dict[Place, int] = field(default_factory=dict)
    lock_ids: dict[Place, int] = field(default_factory=dict)
    promise_ids: dict[Place, int] = field(default_factory=dict)


@dataclass(slots=True)
class Wanted:
    """Physical units that an order wants by line and SKU; `kits`: per unit, where its line was never locked."""

    units: dict[Place, int] = field(default_factory=dict)
    kits: dict[Place, int] = field(default_factory=dict)


def load_wanted(conn: Connection, order_ids: Collection[int]) -> dict[int, Wanted]:
    """What these orders want; one that the shop cancelled, or with nothing left to ship, is not in it."""
    found: dict[int, Wanted] = {}
    for order_id, line_no, sku_id, units, per_unit in conn.execute(_WANTED, (list(order_ids),)):
        wanted = found.get(order_id) or found.setdefault(order_id, Wanted())
        wanted.units[line_no, sku_id] = units
        if per_unit:
            wanted.kits[line_no, sku_id] = per_unit
    return found


def load_owned(conn: Connection, order_ids: Collection[int]) -> dict[int, Owned]:
    """What these orders own of the SKU pools; those that own nothing are not in it."""
    rows = conn.execute(
        """select order_id, line_no, sku_id, id, quantity, true from lock
           where order_id = any(%(ids)s) and state = 'open' and warehouse_id is null
           union all
           select order_id, line_no, sku_id, id, quantity, false from promise
           where order_id = any(%(ids)s) and state = 'open'""",
        {"ids": list(order_ids)},
    )
    found: dict[int, Owned] = {}
    for order_id, line_no, sku_id, row_id, quantity, is_lock in rows:
        owned = found.setdefault(order_id, Owned())
        units, ids = (owned.locks, owned.lock_ids) if is_lock else (owned.promises, owned.promise_ids)
        units[line_no, sku_id] = quantity
        ids[line_no, sku_id] = row_id
    return found


def note_kits(conn: Connection, wanted: Collection[tuple[int, Wanted]]) -> None:
    """Keep what the kits of these orders are made of, now that their lines are locked for the first time."""
    rows = [(order_id, *place, per_unit) for order_id, of in wanted for place, per_unit in of.kits.items()]
    if rows:
        copy_rows(conn, "line_component", ("order_id", "line_no", "sku_id", "per_unit"), rows)


def forget_kits(conn: Connection, order_ids: Sequence[int], lines: Sequence[tuple[int, int, int | None]]) -> None:
    """Forget what kits were made of whose lines (order id, line number, SKU id) come to sell something else.

    To be called before the new lines take the place of the old ones.
    """
    conn.execute(
        """delete from line_component c where c.order_id = any(%s) and not exists (
             select 1 from order_line l join unnest(%s::bigint[], %s::int[], %s::int[]) n(o, l, k)
               on n.o = l.order_id and n.l = l.line_no and n.k = l.sku_id
             where l.order_id = c.order_id and l.line_no = c.line_no)""",
        (list(order_ids), *([row[place] for row in lines] for place in range(3))),
    )


def take_stock_of(conn: Connection, order_ids: Sequence[int]) -> dict[Shelf, ShelfRow]:
    """Lock every stock row that these orders own something of, in key order; gives their shelves.

    Whoever changes orders in several steps calls this first: what follows in its transaction then finds all taken.
    """
    ids = {"ids": list(order_ids)}
    rows = conn.execute(
        """select warehouse_id, sku_id from lock where order_id = any(%(ids)s) and state = 'open'
           union select null, sku_id from promise where order_id = any(%(ids)s) and state = 'open'""",
        ids,
    ).fetchall()
    skus = {row[1] for row in rows}
    take_pools(conn, skus)
    take_terms(conn, skus)
    shelves = take_shelves(conn, ((row[0], row[1]) for row in rows if row[0] is not None))
    conn.execute(
        """select 1 from warehouse_day where (warehouse_id, day) in (
             select warehouse_id, ship_day from allocation where order_id = any(%(ids)s) and ship_day is not null)
           order by warehouse_id, day for update""",
        ids,
    )
    return shelves


def return_to_pool(conn: Connection, order_ids: Sequence[int], why: Cause, because: str = "it begins again") -> None:
    """Give back where orders were routed to, while they keep their units: warehouse locks go back to the SKU pool.

    Those of orders that the shop cancelled are released. So are locks of a shelf where a count did not find all units:
    what is not there cannot be kept. `because` is told of those that leave a merge by it.
    """
    ids = list(order_ids)
    shelves = take_stock_of(conn, ids)
    rows = conn.execute(
        """select k.id, k.order_id, k.line_no, k.sku_id, k.warehouse_id, k.quantity - coalesce(a.shipped, 0),
                  o.pay_state = 'cancelled'
           from lock k join orders o on o.id = k.order_id
           left join allocation a on a.order_id = k.order_id and a.line_no = k.line_no
             and a.sku_id = k.sku_id and a.warehouse_id = k.warehouse_id and a.turn = k.turn
           where k.order_id = any(%s) and k.state = 'open' and k.warehouse_id is not null order by k.id""",
        (ids,),
    ).fetchall()
    lost = [row for row in rows if row[6] or shelves[row[4], row[3]].missing]
    moving = [row for row in rows if not row[6] and not shelves[row[4], row[3]].missing]
    units: Counter[tuple[int, int, int]] = Counter()
    for _, order_id, line_no, sku_id, _, quantity, _ in moving:
        units[order_id, line_no, sku_id] += quantity
    end_locks(conn, [row[0] for row in lost], LockState.RELEASED, why)
    move_locks(conn, [row[0] for row in moving], [NewLock(*key, None, units[key]) for key in units], why)
    give_back_route(conn, ids, why, because)


def give_back_route(conn: Connection, order_ids: Sequence[int], why: Cause, because: str) -> None:
    """Forget which warehouses were to ship these orders, why, and on which day of theirs; they leave their merges.

    They wait for room in none of them any more.
    """
    free_capacity(conn, order_ids)
    end_room_waits(conn, order_ids)
    leave(conn, order_ids, why, because)
    for table in ("allocation", "route_plan"):
        conn.execute(f"delete from {table} where order_id = any(%s)".encode(), (list(order_ids),))


def keep_wanted(conn: Connection, order_ids: Sequence[int], why: Cause) -> None:
    """Give back what these orders own of the SKU pools and do not want any more, and only that.

    Units of a SKU that went from one line to another go with it. What was promised is given back before what is
    locked. Locks of orders that are paid do not expire any more.
    """
    owners = load_owned(conn, order_ids)
    if not owners:
        return
    wants = load_wanted(conn, owners)
    skus = {place[1] for owned in owners.values() for place in (*owned.locks, *owned.promises)}
    take_pools(conn, skus)
    take_terms(conn, skus)
    ends: dict[LockState, list[int]] = {LockState.RELEASED: [], LockState.MOVED: []}
    sizes: dict[int, int] = {}
    new: list[NewLock] = []
    promised: dict[int, int] = {}
    kits: list[tuple[int, Wanted]] = []
    for order_id, owned in owners.items():
        wanted = wants.get(order_id, Wanted()).units
        kept = still_wanted(wanted, owned.locks)
        _sort_locks(order_id, owned, kept, ends, sizes, new)
        open_units = {place: units - kept.get(place, 0) for place, units in wanted.items()}
        waits = still_wanted(open_units, owned.promises)
        promised |= {owned.promise_ids[place]: waits.get(place, 0) for place in owned.promises}
        kits.append((order_id, _kits_of(wants.get(order_id, Wanted()), {line for line, _ in (*kept, *waits)})))
    for state, lock_ids in ends.items():
        end_locks(conn, lock_ids, state, why)
    resize_locks(conn, sizes, why)
    move_locks(conn, (), new, why)
    resize_promises(conn, promised, why)
    note_kits(conn, kits)
    conn.execute(
        """update lock k set expires_at = null from orders o
           where k.order_id = any(%s) and k.state = 'open' and k.expires_at is not null
             and o.id = k.order_id and o.pay_state <> 'unpaid'""",
        (list(owners),),
    )


def _kits_of(wanted: Wanted, lines: set[int]) -> Wanted:
    """What the kits of these lines are made of: units are kept for them from now on."""
    return Wanted({}, {place: per_unit for place, per_unit in wanted.kits.items() if place[0] in lines})


def _sort_locks(
    order_id: int,
    owned: Owned,
    kept: dict[Place, int],
    ends: dict[LockState, list[int]],
    sizes: dict[int, int],
    new: list[NewLock],
) -> None:
    """What is to become of an order's locks: ended, given another size, or opened at another line."""
    for place, units in owned.locks.items():
        if place not in kept:
            elsewhere = any(sku == place[1] and line != place[0] for line, sku in kept.keys() - owned.locks.keys())
            ends[LockState.MOVED if elsewhere else LockState.RELEASED].append(owned.lock_ids[place])
        elif kept[place] != units:
            sizes[owned.lock_ids[place]] = kept[place]
    new += [NewLock(order_id, *place, None, units) for place, units in kept.items() if place not in owned.locks]
