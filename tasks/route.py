"""route: choose the warehouse for every locked order without a hold, and move its lock there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from prefect import task

from models.database import Connection, copy_rows, one, transaction
from models.order import Cause, Finding, HoldCode, Stage, advance, place_holds, release_holds
from models.rules.divisions import division, lineage
from models.rules.routing import Choice, NoChoice, Site, choose_warehouse
from models.rules.shipping_report import Limits, reportable
from tasks.batches import BatchRow, orders_in, take_batch, title
from tasks.lock_stock import short_finding, sku_codes
from tasks.runs import cause, held_rows, leave_table, stage_of
from tasks.shop_settings import capabilities_of

COUNTRY = ""
"""The division code of a service area that is the whole country."""


@dataclass(frozen=True, slots=True)
class RouteCount:
    """Orders routed, orders no warehouse can serve whole, orders that wait under a hold."""

    routed: int
    short: int
    waiting: int


def route_batch(conn: Connection, batch_id: int, why: Cause) -> RouteCount:
    """Choose warehouses for the batch's locked orders that have no open hold.

    Safe to repeat: orders already routed are not looked at. One transaction; the pool lock of each
    line ends as moved and a lock of the warehouse takes its place. An order that no warehouse can
    serve, or that its shop could not be told of, keeps its pool lock under SHORT_ROUTE.
    """
    limits = _limits(conn, take_batch(conn, batch_id))
    ids = orders_in(conn, batch_id, Stage.LOCKED)
    free_to_go = without_holds(conn, ids)
    lines = _lines(conn, free_to_go)
    sites = load_sites(conn)
    free = _lock_stock_rows(conn, {sku for units in lines.values() for sku, _ in units.values()})
    areas = _areas(conn)
    choices: dict[int, Choice] = {}
    short: dict[int, NoChoice] = {}
    untellable: dict[int, str] = {}
    for order_id, code in _places(conn, free_to_go):
        basket = _basket(lines[order_id])
        choice = choose_warehouse(basket, _covering(areas, code), _point(code), sites, free)
        if isinstance(choice, NoChoice):
            short[order_id] = choice
            continue
        if reason := reportable(limits, [{line: units for line, (_, units) in lines[order_id].items()}]):
            untellable[order_id] = reason
            continue
        choices[order_id] = choice
        for sku, units in basket.items():
            free[choice.warehouse_id, sku] -= units
    _save(conn, choices, why)
    release_holds(conn, list(choices), [HoldCode.SHORT_ROUTE], why)
    place_holds(conn, [*_short_findings(conn, short), *_untellable_findings(untellable)], why)
    advance(conn, list(choices), Stage.ROUTED, why)
    return RouteCount(len(choices), len(short) + len(untellable), len(ids) - len(free_to_go))


def _limits(conn: Connection, batch: BatchRow) -> Limits:
    """What the batch's shop can be told of parcels."""
    own = conn.execute("select settings->'capabilities' from shop where id = %s", (batch.shop_id,)).fetchone()
    return capabilities_of(batch.shop_code, batch.channel, one(own) or {})


def load_sites(conn: Connection) -> list[Site]:
    """The active warehouses with the coordinates of their divisions."""
    rows = conn.execute("select id, code, division_code from warehouse where active order by code").fetchall()
    return [Site(row[0], row[1], *_point(row[2])) for row in rows]


def _point(code: str) -> tuple[float, float]:
    place = division(code)
    return (place.lat, place.lng) if place else (0.0, 0.0)


def without_holds(conn: Connection, order_ids: Sequence[int]) -> list[int]:
    """Those of the orders that no open hold stops, ascending."""
    # a shortage found by an earlier try is judged anew, it does not stop the try
    rows = conn.execute(
        """select o from unnest(%s::bigint[]) o where not exists (
             select 1 from hold h where h.order_id = o and h.released_at is null and h.code <> %s) order by o""",
        (list(order_ids), HoldCode.SHORT_ROUTE.value),
    ).fetchall()
    return [row[0] for row in rows]


def _lines(conn: Connection, order_ids: Sequence[int]) -> dict[int, dict[int, tuple[int, int]]]:
    """Per order and line what it has locked: the SKU id and the units."""
    lines: dict[int, dict[int, tuple[int, int]]] = {}
    for order_id, line_no, sku_id, units in conn.execute(
        """select order_id, line_no, sku_id, quantity from lock
           where order_id = any(%s) and state = 'open' and warehouse_id is null order by 1, 2""",
        (list(order_ids),),
    ):
        lines.setdefault(order_id, {})[line_no] = (sku_id, units)
    return lines


def _basket(lines: Mapping[int, tuple[int, int]]) -> dict[int, int]:
    basket: dict[int, int] = {}
    for sku, units in lines.values():
        basket[sku] = basket.get(sku, 0) + units
    return basket


def _places(conn: Connection, order_ids: Sequence[int]) -> list[tuple[int, str]]:
    """Order ids with division codes, by promise, payment and id: the order in which they choose."""
    return conn.execute(
        """select o.id, r.division_code from orders o join receiver r on r.order_id = o.id
           where o.id = any(%s) order by o.ship_by nulls last, o.paid_at nulls last, o.id""",
        (list(order_ids),),
    ).fetchall()


def _lock_stock_rows(conn: Connection, sku_ids: set[int]) -> dict[tuple[int, int], int]:
    rows = conn.execute(
        """select s.warehouse_id, s.sku_id, s.on_hand - s.locked from stock s
           join warehouse w on w.id = s.warehouse_id and w.active
           where s.sku_id = any(%s) order by s.warehouse_id, s.sku_id for update of s""",
        (list(sku_ids),),
    ).fetchall()
    return {(row[0], row[1]): row[2] for row in rows}


def _areas(conn: Connection) -> dict[str, list[tuple[int, str, int]]]:
    areas: dict[str, list[tuple[int, str, int]]] = {}
    for warehouse_id, code, priority in conn.execute(
        "select warehouse_id, division_code, priority from service_area order by division_code, priority, warehouse_id"
    ):
        areas.setdefault(code, []).append((warehouse_id, code, priority))
    return areas


def _covering(areas: Mapping[str, list[tuple[int, str, int]]], code: str) -> list[tuple[int, str, int]]:
    return [area for level in (*lineage(code), COUNTRY) for area in areas.get(level, ())]


def _save(conn: Connection, choices: Mapping[int, Choice], why: Cause) -> None:
    moved = conn.execute(
        """update lock set state = 'moved', ended_at = %s
           where order_id = any(%s) and state = 'open' and warehouse_id is null
           returning order_id, line_no, sku_id, quantity""",
        (why.at, list(choices)),
    ).fetchall()
    copy_rows(
        conn,
        "lock",
        ("order_id", "line_no", "sku_id", "warehouse_id", "quantity", "state", "locked_at"),
        (
            (order_id, line_no, sku_id, choices[order_id].warehouse_id, quantity, "open", why.at)
            for order_id, line_no, sku_id, quantity in moved
        ),
    )
    copy_rows(
        conn,
        "allocation",
        ("order_id", "line_no", "warehouse_id", "quantity", "shipped", "reason"),
        (
            (order_id, line_no, choices[order_id].warehouse_id, quantity, 0, choices[order_id].reason)
            for order_id, line_no, _, quantity in moved
        ),
    )
    units: dict[tuple[int, int], int] = {}
    for order_id, _, sku_id, quantity in moved:
        key = (choices[order_id].warehouse_id, sku_id)
        units[key] = units.get(key, 0) + quantity
    conn.execute(
        """update stock s set locked = s.locked + u.q from unnest(%s::int[], %s::int[], %s::int[]) u(w, k, q)
           where s.warehouse_id = u.w and s.sku_id = u.k""",
        ([key[0] for key in units], [key[1] for key in units], list(units.values())),
    )


def _short_findings(conn: Connection, short: Mapping[int, NoChoice]) -> list[tuple[int, Finding]]:
    codes = sku_codes(conn, {sku for choice in short.values() for sku in choice.missing})
    return [
        (order_id, short_finding(HoldCode.SHORT_ROUTE, choice.missing, codes, _fullest(choice)))
        for order_id, choice in short.items()
    ]


def _untellable_findings(untellable: Mapping[int, str]) -> list[tuple[int, Finding]]:
    return [
        (order_id, Finding(HoldCode.SHORT_ROUTE, f"its shop could not be told of the parcels: {reason}", {}))
        for order_id, reason in untellable.items()
    ]


def _fullest(choice: NoChoice) -> str:
    return f"no warehouse has all of it; the fullest, {choice.warehouse_code}, lacks: "


@task(persist_result=True, task_run_name=title("route"), tags=["stage:route"])
def route(batch_id: int) -> RouteCount:
    """The route stage of a run."""
    with stage_of("route", batch_id), transaction() as conn:
        count = route_batch(conn, batch_id, cause("route"))
    leave_table(
        "route",
        batch_id,
        held_rows(batch_id),
        f"{count.routed} routed, {count.short} served by no warehouse, {count.waiting} waiting under a hold",
    )
    return count
