"""Placing again what documents lacked: locked, routed and written as a further document of the same order.

The order stays dispatched throughout. All that lacks of an order is placed at once, or nothing of it.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from psycopg.errors import IntegrityError

from models.database import Connection, copy_rows
from models.errors import PipelineError
from models.hold import HoldCode, release_holds
from models.order import Cause, Stage, write_own_events
from models.remainder import PLACING, RemainderState, ShortWay
from models.rules.routing import decide
from models.rules.routing_plan import Plan
from models.rules.routing_values import Wish
from models.rules.routing_world import World
from models.rules.stock_feed import ADJUSTING
from tasks.claims import units_left
from tasks.documents import write_documents
from tasks.ledger import NewLock, open_locks, take_known_pools
from tasks.promises import take_terms
from tasks.restored import open_restore
from tasks.routing_rules import current_rules
from tasks.routing_world import Setup, items_of, load_setup, point, take_free, weights_of
from tasks.shop_settings import capabilities_of
from tasks.short_ships import (
    choose_way,
    drop_cancelled,
    drop_closed,
    end_remainders,
    open_remainders,
    take_orders,
)

AT_ONCE = 500
"""How many orders one run looks at, those whose promise is nearest first."""

NOT_FOUND = "no warehouse can send it now"

_DOUBTFUL = """
  select distinct r.warehouse_id, r.sku_id from remainder r
  join outbound_document d on d.id = r.document_id and d.state = 'short'
  join stock s on s.warehouse_id = r.warehouse_id and s.sku_id = r.sku_id
  where (%(skus)s::int[] is null or r.sku_id = any(%(skus)s))
    and (s.counted_at is null or s.counted_at < r.made_at) and not exists (
      select 1 from stock_movement m where m.warehouse_id = r.warehouse_id and m.sku_id = r.sku_id
        and m.quantity > 0 and m.at > r.made_at and m.reason <> all(%(counts)s))"""


@dataclass(slots=True)
class Placed:
    """Orders whose lacking units have a document again; for the others that were looked at, what stands in the way."""

    done: list[int] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)


class _Order(NamedTuple):
    id: int
    shop_id: int
    batch_id: int
    wish: Wish


def place_remainders(conn: Connection, why: Cause, order_ids: Collection[int] | None = None) -> Placed:
    """Send what lacks of these orders, or of all that are to be sent again, from where it is free now.

    Locks, allocations, documents and their messages are written in this transaction. A shelf that lacked units of a
    SKU is not believed until it was counted, or stock came to it, since. What is to be rerouted and can be sent from
    nowhere is left to a person; what is back-ordered goes on waiting. Orders held for anything else, and those with a
    refund under way, wait. What the shop cancelled is dropped, and so are lines that it closed.
    """
    found = _due(conn, order_ids)
    drop_cancelled(conn, found, why)
    drop_closed(conn, set(found) - _obstacles(conn, found).keys(), why)
    if not found or open_restore(conn) is not None:
        return Placed(refused=dict.fromkeys(found, "the pool was restored, which is not confirmed yet"))
    placed = Placed(refused=_obstacles(conn, found))
    orders = _load(conn, [order_id for order_id in found if order_id not in placed.refused])
    plans = _plan(conn, orders, why)
    failed = _save_apart(conn, [(order, plans[order.id]) for order in orders if order.id in plans], why)
    placed.done = [order_id for order_id in plans if order_id not in failed]
    short = [order.id for order in orders if order.id not in plans]
    placed.refused |= failed | dict.fromkeys(short, NOT_FOUND)
    for because in {NOT_FOUND, *failed.values()}:
        left = [order_id for order_id, said in placed.refused.items() if said == because]
        choose_way(conn, rerouting(conn, left), ShortWay.HOLD, why, because)
    return placed


def _due(conn: Connection, order_ids: Collection[int] | None) -> list[int]:
    """Orders with units to be placed, those that the shop cancelled among them, locked by id.

    Without a choice only those that nothing keeps back as far as is known before they are locked: what cannot go
    must not use up the places of what can.
    """
    rows = conn.execute(
        f"""with doubtful as materialized ({_DOUBTFUL})
           select r.order_id from remainder r join orders o on o.id = r.order_id
           where r.state = 'open' and (r.way = any(%(ways)s) or o.pay_state = 'cancelled')
             and (%(ids)s::bigint[] is null or r.order_id = any(%(ids)s))
             and (%(ids)s::bigint[] is not null or o.pay_state = 'cancelled' or exists (
               select 1 from order_state s where s.order_id = r.order_id and s.stage = 'dispatched')
               and not exists (
                 select 1 from hold h where h.order_id = r.order_id and h.released_at is null
                   and h.code <> 'SHIPPED_SHORT')
               and not exists (
                 select 1 from remainder x join order_line l on l.order_id = x.order_id and l.line_no = x.line_no
                 where x.order_id = r.order_id and x.state = 'open' and l.state = 'refunding'))
           group by r.order_id, o.ship_by, o.paid_at
           -- of many that wait for stock those that may get some now; the rest costs a run nothing
           having %(ids)s::bigint[] is not null or bool_or(o.pay_state = 'cancelled' or r.way = 'reroute')
             or bool_and(r.units <= (select p.on_hand - p.locked - p.safety from sku_pool p where p.sku_id = r.sku_id)
               and r.units <= (
                 select sum(greatest(s.on_hand - s.locked - s.safety, 0)) from stock s where s.sku_id = r.sku_id
                   and (s.warehouse_id, s.sku_id) not in (select warehouse_id, sku_id from doubtful)))
           order by o.ship_by nulls last, o.paid_at nulls last, r.order_id limit %(most)s""".encode(),
        {
            "ways": [way.value for way in PLACING],
            "ids": None if order_ids is None else list(order_ids),
            "most": AT_ONCE,
            "skus": None,
            "counts": list(ADJUSTING),
        },
    ).fetchall()
    found = sorted(row[0] for row in rows)
    take_orders(conn, found)
    return found


def _obstacles(conn: Connection, order_ids: Sequence[int]) -> dict[int, str]:
    """What keeps these orders from being sent anything now, whatever stock there is."""
    rows = conn.execute(
        """select s.order_id, s.stage,
                  (select min(code) from hold where order_id = s.order_id and released_at is null
                     and code <> 'SHIPPED_SHORT'),
                  count(r.order_id), coalesce(bool_or(l.state = 'refunding'), false)
           from order_state s
           left join remainder r on r.order_id = s.order_id and r.state = 'open'
           left join order_line l on l.order_id = r.order_id and l.line_no = r.line_no
           where s.order_id = any(%s) group by s.order_id, s.stage""",
        (list(order_ids),),
    ).fetchall()
    return {order_id: said for order_id, *facts in rows if (said := _obstacle(*facts))}


def _obstacle(stage: str, held_for: str | None, lacking: int, refunding: bool) -> str:
    if stage != Stage.DISPATCHED or not lacking:
        return "nothing of it lacks any more"
    if held_for:
        return f"it is held for {held_for}"
    return "a refund of it is under way" if refunding else ""


def _load(conn: Connection, order_ids: Sequence[int]) -> list[_Order]:
    units = conn.execute(
        """select r.order_id, r.line_no, r.sku_id, sum(r.units)::int, coalesce(max(c.per_unit), 0) from remainder r
           left join line_component c using (order_id, line_no, sku_id)
           where r.order_id = any(%s) and r.state = 'open' group by 1, 2, 3 order by 1, 2, 3""",
        (list(order_ids),),
    ).fetchall()
    items = items_of(units, weights_of(conn, {row[2] for row in units}), {})
    rows = conn.execute(
        """select o.id, o.shop_id, s.batch_id, p.code, p.channel, p.settings->'capabilities', r.division_code,
                  o.ship_by, o.paid_at, o.cod_fen > 0
           from orders o join order_state s on s.order_id = o.id join shop p on p.id = o.shop_id
           join receiver r on r.order_id = o.id where o.id = any(%s)
           order by o.ship_by nulls last, o.paid_at nulls last, o.id""",
        (list(items),),
    ).fetchall()
    return [
        _Order(
            order_id,
            shop_id,
            batch_id,
            Wish(
                order_id,
                code,
                items[order_id],
                division,
                point(division),
                ship_by,
                paid_at,
                cod,
                capabilities_of(code, channel, own or {}),
            ),
        )
        for order_id, shop_id, batch_id, code, channel, own, division, ship_by, paid_at, cod in rows
    ]


def _plan(conn: Connection, orders: Sequence[_Order], why: Cause) -> dict[int, tuple[Plan, Setup]]:
    """Plans of those that can be served now, one after the other; pools and shelves are locked in key order."""
    if not orders:
        return {}
    setup, rules = load_setup(conn), current_rules(conn)
    skus = {item.sku_id for order in orders for item in order.wish.items}
    left = units_left(take_known_pools(conn, skus), take_terms(conn, skus))
    free = take_free(conn, setup, skus)
    for shelf in _doubtful(conn, skus):
        free.pop(shelf, None)
    world = setup.world(why.at, rules, free, {})
    plans: dict[int, tuple[Plan, Setup]] = {}
    for order in orders:
        plan = _serve(order.wish, left, world)
        if plan is not None:
            plans[order.id] = (plan, setup)
    return plans


def _serve(wish: Wish, left: dict[int, int], world: World) -> Plan | None:
    wanted: Counter[int] = Counter()
    for item in wish.items:
        wanted[item.sku_id] += item.units
    # units of orders that are locked and not routed yet lie on some shelf too
    if any(left.get(sku_id, 0) < units for sku_id, units in wanted.items()):
        return None
    decision = decide(wish, world)
    if not isinstance(decision, Plan):
        return None
    for sku_id, units in wanted.items():
        left[sku_id] -= units
    return decision


def _doubtful(conn: Connection, sku_ids: Collection[int]) -> set[tuple[int, int]]:
    """Shelves of these SKUs that lacked units, and of which nothing newer is known."""
    rows = conn.execute(_DOUBTFUL.encode(), {"skus": list(sku_ids), "counts": list(ADJUSTING)}).fetchall()
    return {(row[0], row[1]) for row in rows}


def _save_apart(conn: Connection, placed: Sequence[tuple[_Order, tuple[Plan, Setup]]], why: Cause) -> dict[int, str]:
    """Save these; where that fails each by itself, so that one that cannot be written stops no other. Says which."""
    try:
        with conn.transaction():
            _save(conn, placed, why)
    except (IntegrityError, PipelineError) as error:
        if len(placed) > 1:
            return {i: said for each in placed for i, said in _save_apart(conn, [each], why).items()}
        name = error.diag.constraint_name if isinstance(error, IntegrityError) else str(error)
        return {placed[0][0].id: f"its document cannot be written ({name})"}
    return {}


def _save(conn: Connection, placed: Sequence[tuple[_Order, tuple[Plan, Setup]]], why: Cause) -> None:
    """Lock and allocate what these plans say, as the next turn of their orders, and write the documents."""
    if not placed:
        return
    ids = [order.id for order, _ in placed]
    turns: Mapping[int, int] = dict(
        conn.execute(
            "select order_id, max(turn) + 1 from allocation where order_id = any(%s) group by 1", (ids,)
        ).fetchall()
    )
    told = open_remainders(conn, ids)
    end_remainders(conn, ids, RemainderState.PLACED, why)
    locks: list[NewLock] = []
    rows: list[tuple[object, ...]] = []
    for order, (plan, setup) in placed:
        for part in plan.parts:
            carrier = part.carrier if part.carrier != setup.warehouses[part.warehouse_id].carrier else None
            for (line_no, sku_id), units in part.units.items():
                turn = turns[order.id]
                locks.append(NewLock(order.id, line_no, sku_id, part.warehouse_id, units, None, turn))
                key = (order.id, line_no, sku_id, part.warehouse_id, turn)
                rows.append((*key, units, 0, plan.basis.value, carrier))
    open_locks(conn, locks, why.at)
    copy_rows(
        conn,
        "allocation",
        "order_id line_no sku_id warehouse_id turn quantity shipped basis carrier".split(),
        rows,
    )
    _write(conn, [order for order, _ in placed], why)
    warehouses = {order.id: [part.warehouse for part in plan.parts] for order, (plan, _) in placed}
    write_own_events(
        conn,
        (
            (order_id, "rest_placed", {"lacked": of.documents, "units": of.units, "warehouses": warehouses[order_id]})
            for order_id, of in told.items()
        ),
        why,
    )
    release_holds(conn, ids, [HoldCode.SHIPPED_SHORT], why)


def _write(conn: Connection, orders: Sequence[_Order], why: Cause) -> None:
    papers: dict[tuple[int, int], list[int]] = {}
    for order in orders:
        papers.setdefault((order.batch_id, order.shop_id), []).append(order.id)
    for (batch_id, shop_id), ids in papers.items():
        write_documents(conn, batch_id, shop_id, ids, why)


def rerouting(conn: Connection, order_ids: Collection[int]) -> list[int]:
    """Those of these orders of which something is still to be rerouted."""
    rows = conn.execute(
        """select distinct order_id from remainder
           where order_id = any(%s) and state = 'open' and way = 'reroute' order by 1""",
        (list(order_ids),),
    ).fetchall()
    return [row[0] for row in rows]
