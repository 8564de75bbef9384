"""Moving the stock of routed orders from the SKU pools to the warehouses that ship it.

A part of the stock ledger: of a unit that moves, the pool's counter stays as it is, and its shelf counts it as locked.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

from models.database import Connection


class Note(NamedTuple):
    """What the allocations of a whole order say unless it is just served by its area: basis, carrier, day of shipping.

    As the table has them: no carrier is the warehouse's usual one, no day a warehouse without a limit.
    """

    order_id: int
    basis: str
    carrier: str | None
    ship_day: date | None


class Share(NamedTuple):
    """Units of an order line's SKU that one of several warehouses ships."""

    order_id: int
    line_no: int
    sku_id: int
    warehouse_id: int
    quantity: int
    carrier: str | None
    ship_day: date | None


def place(
    conn: Connection, wholes: Sequence[tuple[int, int]], notes: Sequence[Note], shares: Sequence[Share], at: datetime
) -> None:
    """End the pool locks of these orders as moved; warehouse locks, allocations and counters take their place.

    `wholes` are (order id, warehouse id), `notes` are of some of them, `shares` all units of the orders they name. The
    caller has locked the orders and the shelves, and found the units free there; else the database refuses.
    """
    orders = [*(order_id for order_id, _ in wholes), *{share.order_id: None for share in shares}]
    if orders:
        conn.execute(_PLACE, (at, orders, *_columns(wholes, 2), *_columns(notes, 4), *_columns(shares, 7), at))


_PLACE = """
  with moved as (
    update lock set state = 'moved', ended_at = %s
    where order_id = any(%s) and state = 'open' and warehouse_id is null
    returning order_id, line_no, sku_id, quantity),
  part as (
    select m.order_id, m.line_no, m.sku_id, w.warehouse_id, m.quantity, coalesce(n.basis, 'a') as basis, n.carrier,
           n.ship_day
    from unnest(%s::bigint[], %s::int[]) w(order_id, warehouse_id)
    join moved m on m.order_id = w.order_id
    left join unnest(%s::bigint[], %s::text[], %s::text[], %s::date[]) n(order_id, basis, carrier, ship_day)
      on n.order_id = w.order_id
    union all
    select order_id, line_no, sku_id, warehouse_id, quantity, 'p', carrier, ship_day
    from unnest(%s::bigint[], %s::int[], %s::int[], %s::int[], %s::int[], %s::text[], %s::date[])
         s(order_id, line_no, sku_id, warehouse_id, quantity, carrier, ship_day)),
  opened as (
    insert into lock (order_id, line_no, sku_id, warehouse_id, quantity, state, locked_at)
    select order_id, line_no, sku_id, warehouse_id, quantity, 'open', %s from part),
  allocated as (
    insert into allocation (order_id, line_no, sku_id, warehouse_id, quantity, shipped, basis, carrier, ship_day)
    select order_id, line_no, sku_id, warehouse_id, quantity, 0, basis, carrier, ship_day from part)
  update stock s set locked = s.locked + p.units
  from (select warehouse_id, sku_id, sum(quantity) as units from part group by 1, 2) p
  where s.warehouse_id = p.warehouse_id and s.sku_id = p.sku_id"""


def _columns(rows: Sequence[tuple[object, ...]], width: int) -> list[list[object]]:
    return [[row[place] for row in rows] for place in range(width)]
