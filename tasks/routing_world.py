"""What routing decides from, read from the pool in one go: what orders wish for, and the world they wish in."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple

from models.database import Connection
from models.rules.divisions import division
from models.rules.routing_rules import RoutingRules
from models.rules.routing_values import Area, Carrier, CarrierRule, Item, Price, Site, Wish
from models.rules.routing_world import World
from models.rules.shipping_report import Limits
from models.settings import SHANGHAI


class WarehouseRow(NamedTuple):
    """A warehouse that ships, as it is set up; `carrier` is its usual one."""

    id: int
    code: str
    division_code: str
    kind: str
    cutoff: time | None
    daily_limit: int | None
    carrier: str


@dataclass(frozen=True, slots=True)
class Setup:
    """Warehouses, areas, carriers and prices, without stock and orders."""

    warehouses: Mapping[int, WarehouseRow]
    carriers: Mapping[int, tuple[Carrier, ...]]
    areas: Sequence[Area]
    prices: Sequence[Price]
    carrier_rules: Sequence[CarrierRule]

    def site(self, warehouse_id: int, room: tuple[int, ...] | None) -> Site:
        """A warehouse as routing sees it, with so much room per day from today."""
        row = self.warehouses[warehouse_id]
        own = self.carriers.get(row.id, (Carrier(row.carrier),))
        return Site(row.id, row.code, point(row.division_code), own, row.kind, row.cutoff, room)

    def world(
        self,
        now: datetime,
        rules: RoutingRules,
        free: Mapping[tuple[int, int], int],
        rooms: Mapping[int, tuple[int, ...]],
    ) -> World:
        """The world with this stock and room; a warehouse that `rooms` leaves out takes any number."""
        sites = [self.site(warehouse_id, rooms.get(warehouse_id)) for warehouse_id in self.warehouses]
        return World(now, rules, sites, self.areas, free, self.prices, self.carrier_rules)


def point(code: str) -> tuple[float, float] | None:
    """The degrees of a division, None of an unknown one."""
    place = division(code)
    return (place.lat, place.lng) if place else None


def load_setup(conn: Connection, also: Sequence[str] = (), *, take: bool = True) -> Setup:
    """The active warehouses, and those of these codes, with all that is set up for them.

    With `take` neither they nor anything that routing goes by can change before the transaction ends.
    """
    statement = """select id, code, division_code, kind, cutoff, daily_limit, carrier from warehouse
                   where active or code = any(%s) order by id"""
    rows = conn.execute(f"{statement}{' for share' if take else ''}".encode(), (list(also),)).fetchall()
    warehouses = [WarehouseRow(*row) for row in rows]
    carriers: dict[int, tuple[Carrier, ...]] = {}
    for warehouse_id, *values in conn.execute(
        """select warehouse_id, carrier, cutoff, min_weight_g, max_weight_g, cod from warehouse_carrier
           order by warehouse_id, priority, carrier"""
    ):
        carriers[warehouse_id] = (*carriers.get(warehouse_id, ()), Carrier(*values))
    areas = [Area(*row) for row in conn.execute("select warehouse_id, division_code, priority from service_area")]
    prices = [
        Price(*row)
        for row in conn.execute(
            """select warehouse_id, carrier, division_code, first_g, first_fen, step_g, step_fen, transit_days
               from carrier_rate"""
        )
    ]
    rules = [
        CarrierRule(*row)
        for row in conn.execute(
            """select effect, carrier, shop_code, warehouse_code, division_code, min_weight_g, max_weight_g, cod
               from carrier_rule order by position"""
        )
    ]
    return Setup({row.id: row for row in warehouses}, carriers, areas, prices, rules)


def take_free(conn: Connection, setup: Setup, sku_ids: Collection[int]) -> dict[tuple[int, int], int]:
    """Lock the shelves of these SKUs in key order; what of each may still be locked, net of locks and safety stock."""
    rows = conn.execute(
        """select s.warehouse_id, s.sku_id, s.on_hand - s.locked - s.safety
           from unnest(%s::int[]) k(id) join stock s on s.sku_id = k.id
           where s.warehouse_id = any(%s) order by s.warehouse_id, s.sku_id for update of s""",
        (list(sku_ids), list(setup.warehouses)),
    ).fetchall()
    return {(warehouse_id, sku_id): units for warehouse_id, sku_id, units in rows}


def take_rooms(conn: Connection, setup: Setup, now: datetime, horizon_days: int) -> dict[int, tuple[int, ...]]:
    """Lock the days of warehouses with a daily limit, up to the horizon; how many documents each still takes.

    A day that is used for the first time begins with the limit that its warehouse has now.
    """
    limits = {row.id: row.daily_limit for row in setup.warehouses.values() if row.daily_limit is not None}
    if not limits:
        return {}
    days = days_from(now, horizon_days)
    arguments = {"ids": list(limits), "limits": list(limits.values()), "days": days}
    conn.execute(
        """insert into warehouse_day (warehouse_id, day, limit_documents, used)
           select w, d, n, 0
           from unnest(%(ids)s::int[], %(limits)s::int[]) l(w, n) cross join unnest(%(days)s::date[]) d
           where not exists (select from warehouse_day known where known.warehouse_id = w and known.day = d)
           order by w, d on conflict do nothing""",
        arguments,
    )
    rows = conn.execute(
        """select warehouse_id, limit_documents - used from warehouse_day
           where warehouse_id = any(%(ids)s) and day = any(%(days)s) order by warehouse_id, day for update""",
        arguments,
    ).fetchall()
    rooms: dict[int, tuple[int, ...]] = {}
    for warehouse_id, room in rows:
        rooms[warehouse_id] = (*rooms.get(warehouse_id, ()), room)
    return rooms


def days_from(now: datetime, horizon_days: int) -> list[date]:
    """Today in China and so many days after it."""
    today = now.astimezone(SHANGHAI).date()
    return [today + timedelta(days=number) for number in range(horizon_days + 1)]


def load_wishes(
    conn: Connection, order_ids: Sequence[int], shop_code: str, limits: Limits, *, with_values: bool
) -> list[Wish]:
    """What these orders have locked of the SKU pools, as wishes; `with_values` says whether their worth counts."""
    ids = list(order_ids)
    units = conn.execute(
        """select l.order_id, l.line_no, l.sku_id, l.quantity, coalesce(c.per_unit, 0)
           from lock l left join line_component c using (order_id, line_no, sku_id)
           where l.order_id = any(%s) and l.state = 'open' and l.warehouse_id is null order by 1, 2, 3""",
        (ids,),
    ).fetchall()
    weights = weights_of(conn, {row[2] for row in units})
    items = items_of(units, weights, _values(conn, ids) if with_values else {})
    orders = conn.execute(
        """select o.id, r.division_code, o.ship_by, o.paid_at, o.cod_fen > 0
           from orders o join receiver r on r.order_id = o.id where o.id = any(%s)""",
        (ids,),
    ).fetchall()
    return [
        Wish(order_id, shop_code, items[order_id], code, point(code), ship_by, paid_at, cod, limits)
        for order_id, code, ship_by, paid_at, cod in orders
        if order_id in items
    ]


def weights_of(conn: Connection, sku_ids: Collection[int]) -> dict[int, int]:
    """Grams per unit of these SKUs."""
    return dict(conn.execute("select id, weight_g from sku where id = any(%s)", (list(sku_ids),)).fetchall())


def _values(conn: Connection, order_ids: list[int]) -> dict[tuple[int, int], int]:
    """Per order and line what was paid for it, in fen."""
    rows = conn.execute("select order_id, line_no, paid_fen from order_line where order_id = any(%s)", (order_ids,))
    return {(order_id, line_no): paid_fen for order_id, line_no, paid_fen in rows}


def items_of(
    units: Iterable[Sequence[Any]], weights: Mapping[int, int], values: Mapping[tuple[int, int], int]
) -> dict[int, tuple[Item, ...]]:
    """The items of each order, from rows of order, line, SKU, units, and units in a kit (0: no kit), sorted.

    What was paid for a line is shared out evenly over its physical units, a fen begun counting whole: a kit's
    components have no price of their own.
    """
    rows = list(units)
    pieces: Counter[tuple[int, int]] = Counter()
    if values:
        for order_id, line_no, _, quantity, _ in rows:
            pieces[order_id, line_no] += quantity
    found: dict[int, list[Item]] = {}
    for order_id, line_no, sku_id, quantity, per_kit in rows:
        value = -(-values[order_id, line_no] // pieces[order_id, line_no]) if values else 0
        item = Item(line_no, sku_id, quantity, weights[sku_id], value, per_kit)
        of_order = found.get(order_id)
        if of_order is None:
            found[order_id] = [item]
        else:
            of_order.append(item)
    return {order_id: tuple(of_order) for order_id, of_order in found.items()}
