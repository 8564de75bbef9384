"""What was routed lately and what happened to stock meanwhile, read back from locks and movements, oldest first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Any, NamedTuple

from models.database import Connection
from models.rules.routing_values import Wish
from models.rules.shipping_report import Limits
from tasks.routing_world import items_of, point, weights_of
from tasks.shop_settings import capabilities_of


class StockEvent(NamedTuple):
    """Units of a shelf that became free (+) or were no longer (-), other than by routing."""

    at: datetime
    warehouse_id: int
    sku_id: int
    units: int


@dataclass(frozen=True, slots=True)
class Routed:
    """An order as it was routed once; `given_back_at` is when all it had locked was free again, None: never."""

    wish: Wish
    given_back_at: datetime | None


@dataclass(frozen=True, slots=True)
class Routing:
    """What was routed in one go."""

    at: datetime
    orders: Sequence[Routed]


def routings(conn: Connection, since: datetime, until: datetime) -> Iterator[Routing]:
    """Every routing of the time, oldest first; an order that began again is in each of those that took it."""
    weights = weights_of(conn, [row[0] for row in conn.execute("select id from sku")])
    limits = _limits(conn)
    with conn.cursor(name="routed") as cur:
        cur.itersize = 20_000
        cur.execute(
            """select k.locked_at, k.order_id, k.line_no, k.sku_id, sum(k.quantity)::int, coalesce(c.per_unit, 0),
                      l.paid_fen, p.code, r.division_code, o.ship_by, o.paid_at, o.cod_fen > 0,
                      case when bool_and(k.state in ('released', 'moved')) then max(k.ended_at) end
               from lock k join orders o on o.id = k.order_id join shop p on p.id = o.shop_id
               join receiver r on r.order_id = o.id
               join order_line l on l.order_id = k.order_id and l.line_no = k.line_no
               left join line_component c on c.order_id = k.order_id and c.line_no = k.line_no and c.sku_id = k.sku_id
               where k.warehouse_id is not null and k.locked_at > %s and k.locked_at <= %s
               group by 1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12 order by 1, 2, 3, 4""",
            (since, until),
        )
        for at, rows in groupby(cur, key=lambda row: row[0]):
            yield Routing(at, list(_orders(list(rows), weights, limits)))


def _orders(rows: list[tuple[Any, ...]], weights: dict[int, int], limits: dict[str, Limits]) -> Iterator[Routed]:
    values = {(row[1], row[2]): row[6] for row in rows}
    items = items_of((row[1:6] for row in rows), weights, values)
    for order_id, lines in groupby(rows, key=lambda row: row[1]):
        of_order = list(lines)
        shop, code, ship_by, paid_at, cod = of_order[0][7:12]
        wish = Wish(order_id, shop, items[order_id], code, point(code), ship_by, paid_at, cod, limits[shop])
        ends = [row[12] for row in of_order]
        yield Routed(wish, max(ends) if all(ends) else None)


def _limits(conn: Connection) -> dict[str, Limits]:
    return {
        code: capabilities_of(code, channel, own or {})
        for code, channel, own in conn.execute("select code, channel, settings->'capabilities' from shop")
    }


def free_at(conn: Connection, at: datetime) -> dict[tuple[int, int], int]:
    """Units per warehouse id and SKU id that were free then: what lay there by the movements since, less what was
    locked, less today's safety stock.
    """
    rows = conn.execute(
        """with moved as (
             select warehouse_id, sku_id, sum(quantity) as units from stock_movement where at > %(at)s group by 1, 2),
           held as (
             select warehouse_id, sku_id, sum(quantity) as units from lock
             where warehouse_id is not null and locked_at <= %(at)s and (ended_at is null or ended_at > %(at)s)
             group by 1, 2)
           select s.warehouse_id, s.sku_id,
                  (s.on_hand - coalesce(m.units, 0) - coalesce(h.units, 0) - s.safety)::int
           from stock s left join moved m on m.warehouse_id = s.warehouse_id and m.sku_id = s.sku_id
           left join held h on h.warehouse_id = s.warehouse_id and h.sku_id = s.sku_id""",
        {"at": at},
    )
    return {(row[0], row[1]): row[2] for row in rows}


def stock_events(conn: Connection, since: datetime) -> Iterator[StockEvent]:
    """What changed free stock since then, oldest first: movements, and locks of before that ended unshipped.

    A shipment takes units off hand that were locked, so it leaves free what was free.
    """
    with conn.cursor(name="stock_events") as cur:
        cur.itersize = 20_000
        cur.execute(
            """select at, warehouse_id, sku_id, quantity from stock_movement where at > %(at)s and reason <> 'shipped'
               union all
               select k.ended_at, k.warehouse_id, k.sku_id, k.quantity - coalesce(a.shipped, 0) from lock k
               left join allocation a on a.order_id = k.order_id and a.line_no = k.line_no and a.sku_id = k.sku_id
                 and a.warehouse_id = k.warehouse_id and a.turn = k.turn
               where k.warehouse_id is not null and k.locked_at <= %(at)s and k.ended_at > %(at)s
                 and k.state in ('released', 'moved')
               order by 1""",
            {"at": since},
        )
        for row in cur:
            yield StockEvent(*row)


def days_used(conn: Connection, at: datetime) -> dict[tuple[int, date], int]:
    """Documents per warehouse id and day that orders routed until then use."""
    rows = conn.execute(
        """select a.warehouse_id, a.ship_day, count(distinct coalesce(-m.group_id, a.order_id)) from allocation a
           left join merge_member m on m.order_id = a.order_id and m.left_at is null
           where a.ship_day is not null and exists (
             select 1 from lock k where k.order_id = a.order_id and k.warehouse_id = a.warehouse_id
             and k.locked_at <= %s) group by 1, 2""",
        (at,),
    )
    return {(row[0], row[1]): row[2] for row in rows}
