"""Where wanted orders are found without reading all: through open holds, open batches, documents on their way, SKUs.

Nearly all orders of a pool are finished, so a filter on unfinished ones has few that it can mean. Stages have no index.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from models.database import Connection
from models.hold import HoldCode
from models.rules.order_status import WAITS_FOR_PAYMENT, WAITS_FOR_STOCK, Status
from models.shipment import CLOSED, GIVEN_BACK
from tasks.order_search import find_orders
from tasks.order_wish import EARLY, Wish


@dataclass(frozen=True, slots=True)
class Limits:
    """When the list of orders is found in which way; measured in `benchmarks/console.py`.

    Of `open` unfinished orders (or lines of them) the newest are found by sorting all. Of more orders than `spread` of
    a SKU or region, the newest are found sooner by looking through the newest of all. `step` orders are looked through
    at a time; when not even `worth_steps` steps like the first would fill a page, that is given up. A page that is not
    full after `patience_s` is shown as it is.
    """

    open: int = 30_000
    spread: int = 10_000
    step: int = 2_000
    worth_steps: int = 5
    patience_s: float = 0.06


LIMITS = Limits()


class _Source(NamedTuple):
    """A query for order ids, how many are few enough, and its values."""

    query: str
    most: int
    values: dict[str, Any]


_NEXT_DOOR = "cross join lateral (select order_id from allocation where document_id = {of} offset 0) a"
"""The orders of few documents, looked up one by one; left to choose, PostgreSQL reads all allocations instead."""

_HELD = "select order_id from hold where released_at is null and code = any(%(codes)s)"
_UNDER_WAY = """
  select s.order_id from batch b
  cross join lateral (select order_id from order_state where batch_id = b.id offset 0) s
  where b.state <> 'closed'
  union select order_id from hold where resume_due"""
_AT_WAREHOUSE = f"""
  select a.order_id from outbound_document d {_NEXT_DOOR.format(of="d.id")}
  where d.state not in ('shipped', 'short', 'rejected', 'cancelled') and d.shop_id = coalesce(%(shop)s, d.shop_id)"""
_IN_PART = f"""
  {_AT_WAREHOUSE} and (d.state = 'part_shipped' or (
    select true from allocation b where b.order_id = a.order_id and b.shipped > 0 limit 1) is true)
  union {_HELD}"""
_REFUSED = f"""
  select a.order_id from outbound_document d {_NEXT_DOOR.format(of="d.id")}
  where d.state in ('rejected', 'cancelled')"""
_IN_TROUBLE = f"""
  select a.order_id from parcel p {_NEXT_DOOR.format(of="p.document_id")}
  where p.stage in ('problem', 'returning')
  union {_REFUSED}"""
_RETURNED = f"""
  select a.order_id from parcel p {_NEXT_DOOR.format(of="p.document_id")}
  where p.stage = 'returned' and p.shipped_at >= %s"""
_LATE = f"""
  select order_id from hold where released_at is null
  union {_UNDER_WAY}
  union {_AT_WAREHOUSE} and d.deadline_at < %(now)s + interval '1 hour'
  union {_REFUSED}"""
_OF_SKU = "select l.order_id from order_line l join sku k on k.id = l.sku_id where k.code = %(sku)s"
_OF_UNKNOWN_SKU = """
  select l.order_id from hold h join order_line l on l.order_id = h.order_id
  where h.released_at is null and h.code = 'UNKNOWN_SKU' and l.sku_id is null and l.sku_code = %(sku)s"""
_OF_DIVISION = """
  select order_id from receiver
  where division_code <> '' and division_code >= %(division)s and division_code < %(after_division)s"""

_ALL_CODES = [code.value for code in HoldCode]
_BY_HOLDS: dict[Status | None, list[str]] = {
    Status.WAITING_PAYMENT: sorted(WAITS_FOR_PAYMENT),
    Status.HELD: [code.value for code in HoldCode if code not in WAITS_FOR_PAYMENT],
    Status.SHORT: sorted(WAITS_FOR_STOCK),
}


def few_orders(conn: Connection, wish: Wish, now: datetime, limits: Limits = LIMITS) -> list[int] | None:
    """Ids among which all wanted orders are, from the first filter that leaves few; None when none does."""
    if wish.search:
        return find_orders(conn, wish.search).order_ids
    return _first_few(conn, _narrow(wish, limits), wish, now)


def open_orders(conn: Connection, wish: Wish, now: datetime, limits: Limits = LIMITS) -> list[int] | None:
    """Like `few_orders`, from filters that mean all unfinished orders of a kind; None when none does.

    Of these the newest orders are full, so looking through the newest finds a page sooner, except of a rare kind.
    """
    return _first_few(conn, _wide(wish, limits), wish, now)


def _first_few(conn: Connection, sources: Iterator[_Source], wish: Wish, now: datetime) -> list[int] | None:
    for query, most, values in sources:
        rows = conn.execute(
            f"select order_id from ({query}) found limit %(most)s".encode(),
            {"now": now, "shop": wish.shop_id, "most": most + 1, **values},
        ).fetchall()
        if len(rows) <= most:
            return sorted({row[0] for row in rows})
    return None


def _narrow(wish: Wish, limits: Limits) -> Iterator[_Source]:
    if wish.batch_id is not None:
        yield _Source(
            "select order_id from order_state where batch_id = %(batch)s", limits.open, {"batch": wish.batch_id}
        )
    if wish.hold:
        yield _Source(_HELD, limits.open, {"codes": [wish.hold.value]})
    if wish.sku:
        yield _Source(_grouped(f"{_OF_SKU} union all {_OF_UNKNOWN_SKU}"), limits.spread, {"sku": wish.sku})
    if wish.division:
        values = {"division": wish.division, "after_division": wish.division + ":"}
        yield _Source(_OF_DIVISION, limits.spread, values)
    if wish.status and wish.status in (*_BY_HOLDS, Status.IN_PROCESS):
        yield from (source._replace(most=limits.spread) for source in _of_status(wish.status, limits))
    if wish.stage in EARLY:
        yield _Source(_grouped(f"{_HELD} union {_UNDER_WAY}"), limits.spread, {"codes": _ALL_CODES})
    if wish.overdue:
        yield _Source(_grouped(_LATE), limits.open, {})


def _wide(wish: Wish, limits: Limits) -> Iterator[_Source]:
    if wish.status:
        yield from _of_status(wish.status, limits)
    if wish.stage in EARLY:
        yield _Source(_grouped(f"{_HELD} union {_UNDER_WAY}"), limits.open, {"codes": _ALL_CODES})
    if wish.document in GIVEN_BACK:
        yield _Source(_REFUSED, limits.open, {})
    elif wish.document and wish.document not in CLOSED:
        yield _Source(f"{_AT_WAREHOUSE} and d.state = %(state)s", limits.open, {"state": wish.document.value})


def _of_status(status: Status, limits: Limits) -> Iterator[_Source]:
    match status:
        case Status.WAITING_PAYMENT | Status.HELD | Status.SHORT:
            yield _Source(_HELD, limits.open, {"codes": _BY_HOLDS[status]})
        case Status.IN_PROCESS:
            yield _Source(_grouped(_UNDER_WAY), limits.open, {})
        case Status.AT_WAREHOUSE:
            yield _Source(_AT_WAREHOUSE, limits.open, {})
        case Status.PARTLY_SHIPPED:
            yield _Source(_grouped(_IN_PART), limits.open, {"codes": [HoldCode.SHIPPED_SHORT.value]})
        case Status.PROBLEM:
            yield _Source(_grouped(_IN_TROUBLE), limits.open, {})


def _grouped(query: str) -> str:
    return f"select order_id from ({query}) several"


CLOCKS = timedelta(hours=1)
"""So much may the clocks of a shop and a warehouse differ."""

_ENDED = {Status.DELIVERED: "delivered", Status.RETURNED: "returned"}


def newest_possible(conn: Connection, status: Status | None) -> datetime | None:
    """The latest creation that an order of a finished status can have: no parcel leaves before its order is there.

    None: nothing is known.
    """
    if status not in _ENDED:
        return None
    row = conn.execute(f"select max(shipped_at) from parcel where stage = '{_ENDED[status]}'".encode()).fetchone()
    return row[0] + CLOCKS if row and row[0] else None


def returned_since(conn: Connection, since: datetime) -> tuple[list[int], bool]:
    """Orders with a returned parcel that may have been created since then, and whether there are no others."""
    bound = since - CLOCKS
    rows = conn.execute(_RETURNED.encode(), (bound,)).fetchall()
    others = conn.execute("select 1 from parcel where stage = 'returned' and shipped_at < %s limit 1", (bound,))
    return sorted({row[0] for row in rows}), others.fetchone() is None
