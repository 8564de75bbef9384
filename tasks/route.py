"""route: choose the warehouses for every locked order without a hold, and move its locks there."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from prefect import task
from psycopg.types.json import Jsonb

from models.database import Connection, in_transaction, one
from models.hold import HoldCode, place_holds, release_holds
from models.order import Cause, Stage, advance
from models.rules.merging import Routed, route_together
from models.rules.routing import route_orders
from models.rules.routing_plan import NoPlan, Plan, Why
from models.rules.routing_rules import RoutingRules
from models.rules.routing_values import Wish
from models.rules.routing_world import World
from models.rules.shipping_report import Limits
from models.stock import Basis
from tasks.batches import BatchRow, keep_in_sight, orders_in, take_batch, title
from tasks.merges import leave
from tasks.placing import Note, Share, place
from tasks.routing_rules import current_rules
from tasks.routing_world import Setup, load_setup, load_wishes, take_free, take_rooms
from tasks.runs import cause, held_rows, leave_table, stage_of
from tasks.shop_settings import capabilities_of
from tasks.shortages import Refused, end_options, hold_refused, lenient, lenient_rules, standing_options
from tasks.siblings import MergeTerms, company_of, fetch_waiting, settle_company, terms_of


@dataclass(frozen=True, slots=True)
class RouteCount:
    """Orders routed, orders no warehouses can serve, orders that wait under a hold."""

    routed: int
    short: int
    waiting: int


def route_batch(conn: Connection, batch_id: int, why: Cause) -> RouteCount:
    """Choose warehouses for the batch's locked orders that have no open hold.

    Safe to repeat: orders already routed are not looked at. One transaction; the pool locks of each
    line end as moved and locks of the warehouses take their place. An order that no warehouses can
    serve, or that its shop could not be told of, keeps its pool locks under SHORT_ROUTE, with the
    time of its next try and what could be done for it. Orders of one receiver are routed as one where
    one parcel can serve them; orders that wait for another one of their receiver are fetched when it is here.
    """
    batch = take_batch(conn, batch_id)
    limits, terms = _shop(conn, batch)
    fetch_waiting(conn, batch, terms, why)
    ids = orders_in(conn, batch_id, Stage.LOCKED)
    stopped, short = _held(conn, batch_id)
    going = [order_id for order_id in ids if order_id not in stopped]
    options = standing_options(conn, batch_id)
    company = company_of(conn, batch, [o for o in going if o not in options.splits], terms, why)
    place_holds(conn, list(company.waits.items()), why)
    going = [order_id for order_id in going if order_id not in company.waits]
    setup = load_setup(conn)  # first: it waits for whoever changes the set-up or the rules
    rules = current_rules(conn)
    wishes = load_wishes(conn, going, batch.shop_code, limits, with_values=rules.least_part_fen > 0)
    world = _take_world(conn, setup, rules, wishes, why)
    decisions, together = _decide(setup, world, wishes, company.groups, options.splits)
    plans = [decision for decision in decisions.values() if isinstance(decision, Plan)]
    refused = [Refused(wish, no) for wish in wishes if isinstance(no := decisions[wish.order_id], NoPlan)]
    routed = [plan.order_id for plan in plans]
    save_plans(conn, setup, plans, why, {order_id for of in together for order_id in of[1:]})
    if short:
        release_holds(conn, sorted(short.intersection(routed)), [HoldCode.SHORT_ROUTE], why)
    end_options(conn, sorted(options.open.intersection(routed)))
    hold_refused(conn, refused, world, why)
    advance(conn, routed, Stage.ROUTED, why)
    if routed:
        keep_in_sight(conn, batch, why.at)
    leave(conn, options.splits.keys() & set(routed), why, "a person lets it leave in parts")
    settle_company(conn, batch, company, together, why)
    return RouteCount(len(routed), len(refused), len(ids) - len(going))


def _shop(conn: Connection, batch: BatchRow) -> tuple[Limits, MergeTerms]:
    """What the batch's shop can be told of parcels, and how it merges orders."""
    stored = one(conn.execute("select settings from shop where id = %s", (batch.shop_id,)).fetchone())
    limits = capabilities_of(batch.shop_code, batch.channel, stored.get("capabilities") or {})
    return limits, terms_of(batch.shop_code, batch.channel, stored)


def without_holds(conn: Connection, order_ids: Sequence[int]) -> list[int]:
    """Those of the orders that no open hold stops, ascending."""
    # a shortage found by an earlier try is judged anew, it does not stop the try
    rows = conn.execute(
        """select o from unnest(%s::bigint[]) o where not exists (
             select 1 from hold h where h.order_id = o and h.released_at is null and h.code <> %s) order by o""",
        (list(order_ids), HoldCode.SHORT_ROUTE.value),
    ).fetchall()
    return [row[0] for row in rows]


def _held(conn: Connection, batch_id: int) -> tuple[set[int], set[int]]:
    """The batch's locked orders that an open hold stops, and those that a shortage found by an earlier try does not."""
    stopped: set[int] = set()
    short: set[int] = set()
    for order_id, code in conn.execute(
        """select h.order_id, h.code from order_state s join hold h on h.order_id = s.order_id
           where s.batch_id = %s and s.stage = 'locked' and h.released_at is null""",
        (batch_id,),
    ):
        (short if code == HoldCode.SHORT_ROUTE else stopped).add(order_id)
    return stopped, short


def _take_world(conn: Connection, setup: Setup, rules: RoutingRules, wishes: Sequence[Wish], why: Cause) -> World:
    """The world of these wishes, its shelves and days locked in their order."""
    free = take_free(conn, setup, {item.sku_id for wish in wishes for item in wish.items})
    return setup.world(why.at, rules, free, take_rooms(conn, setup, why.at, rules.horizon_days))


def _decide(
    setup: Setup,
    world: World,
    wishes: Sequence[Wish],
    groups: Sequence[Sequence[int]],
    splits: Mapping[int, Why | None],
) -> Routed:
    """Decide all orders; those that a person lets leave in parts come after the others, under rules that let them."""
    whole = [wish for wish in wishes if wish.order_id not in splits]
    found = route_together(whole, groups, world) if groups else Routed(route_orders(whole, world), ())
    let_go = [lenient(wish, splits[wish.order_id]) for wish in wishes if wish.order_id in splits]
    if let_go:
        rooms = {row.id: tuple(room) for row in setup.warehouses.values() if (room := world.room(row.id)) is not None}
        later = route_orders(let_go, setup.world(world.now, lenient_rules(world.rules), world.free(), rooms))
        for decision in later.values():
            if isinstance(decision, Plan):
                world.take(decision)
        found.decisions.update(later)
    return found


def save_plans(conn: Connection, setup: Setup, plans: Sequence[Plan], why: Cause, guests: Collection[int] = ()) -> None:
    """Move the locks of these orders to their warehouses, use these warehouses' days, and keep why.

    `guests` leave in the parcel of another order, which uses the day for them.
    """
    wholes: list[tuple[int, int]] = []
    notes: list[Note] = []
    shares: list[Share] = []
    days: Counter[tuple[int, date]] = Counter()
    for plan in plans:
        alone = len(plan.parts) == 1
        for part in plan.parts:
            row = setup.warehouses[part.warehouse_id]
            carrier = part.carrier if part.carrier != row.carrier else None
            day = part.ship_day if row.daily_limit is not None else None
            if day is not None and plan.order_id not in guests:
                days[row.id, day] += 1
            if not alone:
                shares += [Share(plan.order_id, *of, row.id, units, carrier, day) for of, units in part.units.items()]
                continue
            wholes.append((plan.order_id, row.id))
            if carrier or day or plan.basis is not Basis.AREA:
                notes.append(Note(plan.order_id, plan.basis.value, carrier, day))
    place(conn, wholes, notes, shares, why.at)
    _use_days(conn, days)
    _keep_plans(conn, [plan for plan in plans if plan.basis is Basis.PLAN], why)


def _use_days(conn: Connection, days: Mapping[tuple[int, date], int]) -> None:
    """Count documents for days of warehouses; the database refuses more than a day's limit."""
    if days:
        conn.execute(
            """update warehouse_day d set used = d.used + n.documents
               from unnest(%s::int[], %s::date[], %s::int[]) n(w, day, documents)
               where d.warehouse_id = n.w and d.day = n.day""",
            ([w for w, _ in days], [day for _, day in days], list(days.values())),
        )


def _keep_plans(conn: Connection, plans: Sequence[Plan], why: Cause) -> None:
    if plans:
        conn.execute(
            """insert into route_plan (order_id, rule_version, plan, decided_at)
               select o, v, p, %s from unnest(%s::bigint[], %s::int[], %s::jsonb[]) n(o, v, p)
               on conflict (order_id) do update
                 set rule_version = excluded.rule_version, plan = excluded.plan, decided_at = excluded.decided_at""",
            (
                why.at,
                [plan.order_id for plan in plans],
                [plan.rule_version for plan in plans],
                [Jsonb(plan.to_json()) for plan in plans],
            ),
        )


@task(persist_result=True, task_run_name=title("route"), tags=["stage:route"])
def route(batch_id: int) -> RouteCount:
    """The route stage of a run."""
    why = cause("route")
    with stage_of("route", batch_id):
        count = in_transaction(lambda conn: route_batch(conn, batch_id, why))
        leave_table(
            "route",
            batch_id,
            held_rows(batch_id),
            f"{count.routed} routed, {count.short} served by no warehouse, {count.waiting} waiting under a hold",
        )
    return count
