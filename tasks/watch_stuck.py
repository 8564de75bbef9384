"""What stays in a state beyond its limit: outbound documents, batches, orders that nothing holds up, after-sales work.

How long each state may last, and why, is data: `models/rules/limits.yaml`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from models.alert import AlertRule
from models.database import Connection
from tasks.alert_groups import Thing, Words, china, in_groups, told
from tasks.alerts import Found
from tasks.limits import limits_in_force
from tasks.orders_left import EARLY, UNHELD, closed_since

_LIMITS: Final = """
  limits as materialized (
    select * from unnest(%(kinds)s::text[], %(states)s::text[], %(after)s::interval[]) l(kind, state, after))"""

# an instruction that did not get through is told of as such; a supplier's report of the day is his acceptance
_DOCUMENTS: Final = """
  select d.id, w.code as place, d.state, coalesce(d.state_at, d.created_at) as since, d.no
  from outbound_document d join warehouse w on w.id = d.warehouse_id
  join limits l on l.kind = 'document'
    and l.state = case when d.state = 'created' and w.kind = 'supplier' then 'accepted' else d.state end
  where d.state not in ('shipped', 'short', 'rejected', 'cancelled')
    and coalesce(d.state_at, d.created_at) <= %(now)s::timestamptz - l.after
    and (d.state <> 'created' or not exists (
      select 1 from outbox x
      where x.kind = 'outbound.created' and x.subject_id = d.id and x.state in ('pending', 'refused')))"""

_STANDING: Final = f"""
  standing as materialized (
    select e.*, r.since as room_since, q.since as released_since
    from ({EARLY}) e join orders o on o.id = e.order_id
    left join release_wait r on r.order_id = e.order_id
    left join lateral (
      select max(released_at) as since from hold h where h.order_id = e.order_id and h.resume_due) q on true
    where o.kind = 'goods' and o.pay_state = 'ready' and {UNHELD})"""

# what waits for room is past its batch's work, also where the batch is open for other messages
_BATCHES: Final = """
  select b.id, p.code as place, 'open' as state, b.created_at as since,
         coalesce(c.told, '') as no, b.flow_run_id as run, c.order_id, coalesce(c.doubted, false) as doubted
  from batch b join shop p on p.id = b.shop_id
  left join lateral (
    select string_agg(format('%%s %%s', n.orders, n.stage), ', ' order by n.stage) as told,
           bool_or(b.created_at <= %(now)s::timestamptz - l.after) as over, min(n.order_id) as order_id,
           bool_or(n.doubted) as doubted
    from (select stage, count(*) as orders, min(order_id) as order_id, bool_or(doubted) as doubted from standing
          where batch_id = b.id and room_since is null and released_since is null group by 1) n
    join limits l on l.kind = 'order' and l.state = n.stage) c on true
  where b.state = 'open'
    and (c.over or b.created_at <= %(now)s::timestamptz - (select after from limits where kind = 'batch'))"""

_ORDERS: Final = """
  select e.order_id as id, p.code as place, e.state, e.since, o.order_no as no
  from (select order_id, batch_state, stage,
               case when room_since is not null then 'room' when released_since is not null then 'released'
                    else stage end as state,
               coalesce(room_since, released_since, closed_at, created_at) as since from standing) e
  join limits l on l.kind = 'order' and l.state = e.state
  join orders o on o.id = e.order_id join shop p on p.id = o.shop_id
  where (e.batch_state <> 'open' or e.state in ('room', 'released')) and e.since <= %(now)s::timestamptz - l.after"""

_AFTER_SALES: Final = """
  select 'refund' as kind, f.return_id as id, p.code as place, f.state, f.changed_at as since, r.no, r.order_id
  from refund f join return_order r on r.id = f.return_id join orders o on o.id = r.order_id
  join shop p on p.id = o.shop_id join limits l on l.kind = 'refund' and l.state = f.state
  where f.state in ('wanted', 'agreed', 'asked', 'in_doubt') and f.changed_at <= %(now)s::timestamptz - l.after
  union all
  select 'return', r.id, p.code, r.state, coalesce(r.inspected_at, r.arrived_at, r.opened_at), r.no, r.order_id
  from return_order r join orders o on o.id = r.order_id
  join shop p on p.id = o.shop_id join limits l on l.kind = 'return' and l.state = r.state
  where r.state in ('announced', 'on_the_way', 'arrived', 'inspected')
    and coalesce(r.inspected_at, r.arrived_at, r.opened_at) <= %(now)s::timestamptz - l.after
  union all
  select 'intercept', i.parcel_id, p.code, i.state, i.changed_at, c.waybill, x.order_id
  from parcel_intercept i join limits l on l.kind = 'intercept' and l.state = i.state
  join parcel c on c.id = i.parcel_id join outbound_document d on d.id = c.document_id
  join shop p on p.id = d.shop_id
  left join lateral (select min(order_id) as order_id from parcel_line where parcel_id = c.id) x on true
  where i.state not in ('done', 'missed') and i.changed_at <= %(now)s::timestamptz - l.after"""


def stuck_documents(conn: Connection, now: datetime) -> dict[str, Found]:
    """Outbound documents that are in a state of the warehouse for longer than its limit."""
    rows = conn.execute(
        f"""with {_LIMITS}, placed as materialized ({in_groups(_DOCUMENTS, "place, state")})
            select p.id, p.place, p.state, p.since, p.no, p.total, a.order_id from placed p
            left join lateral (select min(order_id) as order_id from allocation where document_id = p.id) a on true
            order by p.since, p.id""".encode(),
        _values(now, "document"),
    ).fetchall()
    things = [
        Thing(
            f"document:{no}",
            f"documents:{warehouse}/{state}",
            total,
            since,
            order_id,
            {"at": warehouse, "no": no, "state": state},
        )
        for _, warehouse, state, since, no, total, order_id in rows
    ]
    return _told(conn, AlertRule.DOCUMENT_STUCK, "document", things)


def stuck_orders(conn: Connection, now: datetime) -> dict[str, Found]:
    """Batches whose run stopped, by what their orders wait at, and orders that no batch carries on."""
    values = _values(now, "order", "batch") | closed_since(conn, now, AlertRule.ORDER_STUCK)
    rows = conn.execute(f"with {_LIMITS}, {_STANDING} {in_groups(_BATCHES, 'place')}".encode(), values).fetchall()
    batches = [
        Thing(
            f"batch:{batch_id}",
            f"batches:{shop}",
            total,
            since,
            order_id,
            {"shop": shop, "batch": batch_id, "why": _batch_state(stages, doubted)},
            run,
        )
        for batch_id, shop, _, since, stages, run, order_id, doubted, total, _ in rows
    ]
    rows = conn.execute(f"with {_LIMITS}, {_STANDING} {in_groups(_ORDERS, 'place, state')}".encode(), values).fetchall()
    said = {"room": "waiting for room", "released": "free to go on"}
    orders = [
        Thing(
            f"order:{order_id}",
            f"orders:{shop}/{state}",
            total,
            since,
            order_id,
            {"at": shop, "no": no, "state": said.get(state, state)},
        )
        for order_id, shop, state, since, no, total, _ in rows
    ]
    rule, most = AlertRule.ORDER_STUCK, limits_in_force().groups["usual"]
    return told(conn, rule, batches, most, _batch, _batches) | _told(conn, rule, "order", orders)


def stuck_after_sales(conn: Connection, now: datetime) -> dict[str, Found]:
    """Refunds, returns and wishes to have parcels back that somebody should have gone on with."""
    rows = conn.execute(
        f"with {_LIMITS} {in_groups(_AFTER_SALES, 'kind, place, state')}".encode(),
        _values(now, "refund", "return", "intercept"),
    ).fetchall()
    found: dict[str, Found] = {}
    for wanted in ("refund", "return", "intercept"):
        things = [
            Thing(
                f"{kind}:{of}",
                f"{kind}s:{shop}/{state}",
                total,
                since,
                order_id,
                {"at": shop, "no": no, "state": state},
            )
            for kind, of, shop, state, since, no, order_id, total, _ in rows
            if kind == wanted
        ]
        found |= _told(conn, AlertRule.AFTER_SALES_STUCK, wanted, things)
    return found


def _values(now: datetime, *kinds: str) -> dict[str, Any]:
    limits = limits_in_force()
    rows = [(kind, state, after) for kind in kinds for state, after in limits.of(kind).items()]
    return {
        "now": now,
        "kinds": [row[0] for row in rows],
        "states": [row[1] for row in rows],
        "after": [row[2] for row in rows],
        "most": limits.groups["usual"],
    }


def _batch_state(stages: str, doubted: bool) -> str:
    if doubted:
        return "it looks wrong and waits to be accepted"
    return f"orders in it: {stages}" if stages else "its orders went on"


_WORDS: Final[Mapping[str, tuple[Words, Words]]] = {
    "document": (
        lambda of: (
            f"warehouse {of.facts['at']}: document {of.facts['no']} is {of.facts['state']} since {china(of.since)}"
        ),
        lambda of: (
            f"warehouse {of.facts['at']}: {of.total} documents are {of.facts['state']} for too long; "
            f"the oldest since {china(of.since)}: document {of.facts['no']}"
        ),
    ),
    "order": (
        lambda of: f"shop {of.facts['at']}: order {of.facts['no']} is {of.facts['state']} since {china(of.since)}",
        lambda of: (
            f"shop {of.facts['at']}: {of.total} orders are {of.facts['state']} for too long; "
            f"the oldest since {china(of.since)}: order {of.facts['no']}"
        ),
    ),
    "refund": (
        lambda of: f"shop {of.facts['at']}: refund {of.facts['no']} is {of.facts['state']} since {china(of.since)}",
        lambda of: (
            f"shop {of.facts['at']}: {of.total} refunds are {of.facts['state']} for too long; "
            f"the oldest since {china(of.since)}: refund {of.facts['no']}"
        ),
    ),
    "return": (
        lambda of: f"shop {of.facts['at']}: return {of.facts['no']} is {of.facts['state']} since {china(of.since)}",
        lambda of: (
            f"shop {of.facts['at']}: {of.total} returns are {of.facts['state']} for too long; "
            f"the oldest since {china(of.since)}: return {of.facts['no']}"
        ),
    ),
    "intercept": (
        lambda of: f"shop {of.facts['at']}: intercept {of.facts['no']} is {of.facts['state']} since {china(of.since)}",
        lambda of: (
            f"shop {of.facts['at']}: {of.total} intercepts are {of.facts['state']} for too long; "
            f"the oldest since {china(of.since)}: intercept {of.facts['no']}"
        ),
    ),
}
"""How one of a kind is told of, and how several are."""


def _told(conn: Connection, rule: AlertRule, kind: str, things: list[Thing]) -> dict[str, Found]:
    return told(conn, rule, things, limits_in_force().groups["usual"], *_WORDS[kind])


def _batch(thing: Thing) -> str:
    of = thing.facts
    return f"shop {of['shop']}: batch {of['batch']} is open since {china(thing.since)}; {of['why']}"


def _batches(thing: Thing) -> str:
    of, oldest = thing.facts, china(thing.since)
    return (
        f"shop {of['shop']}: {thing.total} batches are open for too long; "
        f"the oldest since {oldest}: batch {of['batch']}; {of['why']}"
    )
