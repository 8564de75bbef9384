"""Shortfalls: counts that found fewer units than are locked, whom that concerns, and who gives units back."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from psycopg.pq import TransactionStatus

from models.database import Connection
from models.errors import PipelineError
from models.order import Cause, write_own_events
from models.rules.stock_feed import Holder, Standing, give_back, threatened
from models.stock import LockState
from tasks.again import begin_again
from tasks.ledger import Shelf, end_locks
from tasks.stock_counters import columns

Done = TypeVar("Done")

TRIES = 8
"""How often a change is tried anew because other orders than those it had taken hold the units."""

SHOWN_ORDERS = 5


class StillLocking(PipelineError):
    """Other orders lock the units of a change faster than they can be asked back; later it will work."""


class OrdersNeeded(Exception):
    """A change needs these orders to give units back, and must have taken them before it took any stock."""

    def __init__(self, order_ids: Collection[int]) -> None:
        super().__init__(f"{len(order_ids)} orders")
        self.order_ids = frozenset(order_ids)


@dataclass(frozen=True, slots=True)
class OpenShortfall:
    """Units of a shelf that are locked and not there now, and the orders that still lock them, with their shop."""

    warehouse: str
    sku: str
    locked: int
    missing: int
    opened_at: datetime
    orders: tuple[tuple[str, str, int], ...]

    @property
    def subject(self) -> str:
        """How its alert is known."""
        return f"stock:{self.warehouse}:{self.sku}"

    def __str__(self) -> str:
        nos = [no for no, _, _ in self.orders[:SHOWN_ORDERS]]
        more = len(self.orders) - len(nos)
        whom = f"; orders {', '.join(nos)}{f' and {more} more' if more else ''}" if nos else ""
        return f"warehouse {self.warehouse}: {self.missing} of {self.locked} locked {self.sku} are not there{whom}"


def with_orders(conn: Connection, change: Callable[[frozenset[int]], Done]) -> Done:
    """Do a change that may need orders to give units back; it gets those that it has to take, before all else.

    Nobody knows them before the stock is taken, and orders are taken before stock: so the change is tried, taken back
    and tried anew with them. Raises StillLocking when other orders lock faster than that.
    """
    if conn.info.transaction_status is TransactionStatus.IDLE:
        # else the first try would be the whole transaction, and end with it
        conn.execute("select 1")
    held: frozenset[int] = frozenset()
    for _ in range(TRIES):
        try:
            with conn.transaction():
                return change(held)
        except OrdersNeeded as more:
            held |= more.order_ids
    raise StillLocking("stock: orders lock the units of a report faster than they can be asked back; try again")


def take_back(conn: Connection, lacking: Mapping[int, int], held: Collection[int], why: Cause) -> int:
    """Have orders that are not routed give back all they lock, the last in the queue first, until nothing lacks.

    `lacking` are units per SKU id that are locked over all warehouses and not there. The orders begin again: they are
    locked anew, or wait for stock. Returns how many. Raises OrdersNeeded when it is not them that are held.
    """
    wanted = {sku_id: units for sku_id, units in lacking.items() if units > 0}
    if not wanted:
        return 0
    chosen = give_back(_unrouted(conn, list(wanted)), wanted)
    if not set(chosen) <= set(held):
        raise OrdersNeeded(chosen)
    locks = conn.execute("select id from lock where order_id = any(%s) and state = 'open' order by id", (chosen,))
    ended = end_locks(conn, [row[0] for row in locks], LockState.RELEASED, why)
    _tell_orders(conn, [(lock.order_id, lock.sku_id, lock.units) for lock in ended], why)
    # an order that is still being reviewed comes to its lock again by itself
    again = conn.execute(
        "select order_id from order_state where order_id = any(%s) and stage <> 'ingested' order by 1", (chosen,)
    )
    begin_again(conn, [row[0] for row in again], why)
    return len(chosen)


def _unrouted(conn: Connection, sku_ids: list[int]) -> list[Holder]:
    """Orders whose locks of these SKUs are in the pool, in the order of the queue, with all they lock there."""
    rows = conn.execute(
        """select k.order_id, k.sku_id, sum(k.quantity) from lock k join orders o on o.id = k.order_id
           where k.state = 'open' and k.warehouse_id is null and k.order_id in (
             select order_id from lock where state = 'open' and warehouse_id is null and sku_id = any(%s))
           group by k.order_id, k.sku_id, o.ship_by, o.paid_at
           order by o.ship_by nulls last, o.paid_at nulls last, k.order_id""",
        (sku_ids,),
    ).fetchall()
    return _holders((row[0], row[1], int(row[2])) for row in rows)


def _holders(rows: Iterable[tuple[int, int, int]]) -> list[Holder]:
    units: dict[int, dict[int, int]] = {}
    for order_id, sku_id, number in rows:
        units.setdefault(order_id, {})[sku_id] = number
    return [Holder(order_id, basket) for order_id, basket in units.items()]


def _tell_orders(conn: Connection, ended: Sequence[tuple[int, int, int]], why: Cause) -> None:
    codes: dict[int, str] = dict(
        conn.execute("select id, code from sku where id = any(%s)", ([sku_id for _, sku_id, _ in ended],)).fetchall()
    )
    given: dict[int, dict[str, int]] = {}
    for order_id, sku_id, units in ended:
        basket = given.setdefault(order_id, {})
        basket[codes[sku_id]] = basket.get(codes[sku_id], 0) + units
    write_own_events(conn, ((order_id, "gave_back", {"units": basket}) for order_id, basket in given.items()), why)


def note_shortfalls(
    conn: Connection, shelves: Mapping[Shelf, Standing], feed_id: int | None, why: Cause
) -> list[OpenShortfall]:
    """Keep the record of shelves whose missing units may have changed; those that lack nothing are closed.

    Each names the orders it threatens: those that lock units there, the last in the queue first. Returns what is open.
    """
    keys = sorted(shelves)
    conn.execute(
        """update shortfall set closed_at = %s where closed_at is null and (warehouse_id, sku_id) in (
             select * from unnest(%s::int[], %s::int[]))""",
        (why.at, *columns([key for key in keys if not shelves[key].missing], 2)),
    )
    lacking = [key for key in keys if shelves[key].missing]
    if not lacking:
        return []
    rows = [(*key, shelves[key].there, shelves[key].locked, shelves[key].missing) for key in lacking]
    noted = conn.execute(
        """insert into shortfall (warehouse_id, sku_id, counted, locked, missing, feed_id, opened_at)
           select n.w, n.k, n.counted, n.locked, n.missing, %s, %s
           from unnest(%s::int[], %s::int[], %s::int[], %s::int[], %s::int[]) n(w, k, counted, locked, missing)
           order by 1, 2
           on conflict (warehouse_id, sku_id) where closed_at is null do update
             set counted = excluded.counted, locked = excluded.locked, missing = excluded.missing,
                 feed_id = excluded.feed_id
           returning warehouse_id, sku_id, id""",
        (feed_id, why.at, *columns(rows, 5)),
    ).fetchall()
    _name_orders(conn, {(row[0], row[1]): row[2] for row in noted}, shelves)
    return open_shortfalls(conn, [row[2] for row in noted])


def _name_orders(conn: Connection, shortfalls: Mapping[Shelf, int], shelves: Mapping[Shelf, Standing]) -> None:
    keys = sorted(shortfalls)
    waiting: dict[Shelf, list[Holder]] = defaultdict(list)
    for warehouse_id, sku_id, order_id, units in conn.execute(
        """select k.warehouse_id, k.sku_id, k.order_id, sum(k.quantity - coalesce(a.shipped, 0)) from lock k
           join orders o on o.id = k.order_id
           left join allocation a on a.order_id = k.order_id and a.line_no = k.line_no and a.sku_id = k.sku_id
             and a.warehouse_id = k.warehouse_id and a.turn = k.turn
           where k.state = 'open' and (k.warehouse_id, k.sku_id) in (select * from unnest(%s::int[], %s::int[]))
           group by k.warehouse_id, k.sku_id, k.order_id, o.ship_by, o.paid_at
           order by o.ship_by nulls last, o.paid_at nulls last, k.order_id""",
        columns(keys, 2),
    ):
        waiting[warehouse_id, sku_id].append(Holder(order_id, {sku_id: int(units)}))
    rows = [
        (shortfalls[key], order_id, units)
        for key in keys
        for order_id, units in threatened(waiting[key], key[1], shelves[key].missing).items()
    ]
    conn.execute("delete from shortfall_order where shortfall_id = any(%s)", (list(shortfalls.values()),))
    conn.execute(
        """insert into shortfall_order (shortfall_id, order_id, units)
           select * from unnest(%s::bigint[], %s::bigint[], %s::int[])""",
        columns(rows, 3),
    )


def open_shortfalls(conn: Connection, ids: Sequence[int] | None = None) -> list[OpenShortfall]:
    """Every open shortfall, or those of these ids, oldest first, as it stands now."""
    rows = conn.execute(
        """select f.id, w.code, k.code, s.locked, s.missing, f.opened_at, coalesce((
             select jsonb_agg(jsonb_build_array(o.order_no, p.code, t.units) order by o.ship_by desc nulls first,
                              o.paid_at desc nulls first, o.id desc)
             from shortfall_order t join orders o on o.id = t.order_id join shop p on p.id = o.shop_id
             where t.shortfall_id = f.id and exists (
               select 1 from lock l where l.order_id = t.order_id and l.sku_id = f.sku_id
               and l.warehouse_id = f.warehouse_id and l.state = 'open')), '[]')
           from shortfall f join warehouse w on w.id = f.warehouse_id join sku k on k.id = f.sku_id
           join stock s on s.warehouse_id = f.warehouse_id and s.sku_id = f.sku_id
           where f.closed_at is null and (%(ids)s::bigint[] is null or f.id = any(%(ids)s))
           order by f.opened_at, f.id""",
        {"ids": None if ids is None else list(ids)},
    ).fetchall()
    return [
        OpenShortfall(warehouse, sku, locked, missing, at, tuple((no, shop, units) for no, shop, units in orders))
        for _, warehouse, sku, locked, missing, at, orders in rows
    ]


def shortfalls_now(conn: Connection, now: datetime) -> dict[str, str]:
    """A sentence per shelf of which more is locked than is there."""
    return {found.subject: str(found) for found in open_shortfalls(conn)}
