"""Paid orders that have not left: their promise to ship ended, or soon will; held ones are told of apart.

The promise is what the platform says of the order (`ship_by`), else so many hours after payment. Of a short promise
nothing is said before half of it is over.
"""

from datetime import datetime, timedelta
from typing import Final

from models.alert import AlertRule
from models.database import Connection
from models.hold import HoldCode
from models.settings import settings
from tasks.alert_groups import Thing, china, in_groups, told
from tasks.alerts import Found
from tasks.limits import limits_in_force
from tasks.orders_left import EARLY, UNHELD, closed_since
from tasks.shop_settings import ALARMS

_SHOPS: Final = """
  warned as materialized (
    select id, code, coalesce((settings->>%(setting)s)::float, %(usual)s) * interval '1 hour' as ahead from shop)"""

_DUE: Final = "coalesce(o.ship_by, coalesce(o.paid_at, o.created_at) + %(promise)s)"
_PAID: Final = "coalesce(o.paid_at, o.created_at)"

# the moment from which on people are warned
_WARN: Final = f"greatest({_DUE} - s.ahead, {_PAID} + ({_DUE} - {_PAID}) / 2)"

_UNSHIPPED: Final = f"""
  select o.id, o.order_no, s.code as shop, {_DUE} as since, e.stage as place, '' as holds
  from early e join orders o on o.id = e.order_id join warned s on s.id = o.shop_id
  where o.pay_state = 'ready' and o.kind = 'goods' and {{when}} and {UNHELD}
  union all
  select distinct on (o.id) o.id, o.order_no, s.code, {_DUE}, w.code || ' ' || d.state, ''
  from outbound_document d join warehouse w on w.id = d.warehouse_id
  cross join lateral (
    select order_id from allocation where document_id = d.id and shipped < quantity offset 0) a
  join order_state t on t.order_id = a.order_id and t.stage = 'dispatched'
  join orders o on o.id = a.order_id join warned s on s.id = o.shop_id
  where d.state not in ('shipped', 'short', 'rejected', 'cancelled')
    and d.deadline_at <= %(now)s::timestamptz + (select max(ahead) from warned)
    and o.pay_state in ('ready', 'shipped') and {{when}} and {UNHELD}"""

# of an order that left in part, or is with a warehouse, something has still to leave
_HELD: Final = f"""
  select o.id, o.order_no, s.code as shop, {_DUE} as since, '' as place, h.codes as holds
  from (select order_id, string_agg(code, ', ' order by code) as codes,
               bool_or(code = any(%(settled)s)) as settled
        from hold where released_at is null group by 1) h
  join order_state t on t.order_id = h.order_id and t.stage <> 'cancelled'
  join orders o on o.id = h.order_id join warned s on s.id = o.shop_id
  where not h.settled and o.pay_state in ('ready', 'shipped') and o.kind = 'goods' and {_WARN} <= %(now)s
    and (t.stage <> 'dispatched' or exists (
      select 1 from allocation a where a.order_id = o.id and a.shipped < a.quantity))"""

_SETTLED: Final = (HoldCode.REJECTED, HoldCode.REFUNDING, HoldCode.SHIPPED_ELSEWHERE)
"""Holds of orders that are not to leave: no promise is in danger."""


def not_dispatched(conn: Connection, now: datetime) -> dict[str, Found]:
    """Paid orders that nothing holds up, whose promise to ship ended and that have not left."""
    rule = AlertRule.NOT_DISPATCHED
    things = _find(conn, rule, _UNSHIPPED.format(when=f"{_DUE} <= %(now)s"), now, "dispatch_due_h")
    return told(conn, rule, things, _most(), _over, _over_ones)


def dispatch_due(conn: Connection, now: datetime) -> dict[str, Found]:
    """Paid orders that nothing holds up, whose promise to ship ends within hours (set per shop)."""
    rule = AlertRule.DISPATCH_DUE
    when = f"{_DUE} > %(now)s and {_WARN} <= %(now)s"
    things = _find(conn, rule, _UNSHIPPED.format(when=when), now, "dispatch_due_h")
    return told(conn, rule, things, _most(), _due, _due_ones)


def held_due(conn: Connection, now: datetime) -> dict[str, Found]:
    """Paid orders that are held although their promise to ship ends within hours (set per shop), or ended."""
    things = _find(conn, AlertRule.HELD_DUE, _HELD, now, "held_due_h")
    return told(conn, AlertRule.HELD_DUE, things, _most(), _held, _held_ones)


def _most() -> int:
    return limits_in_force().groups["usual"]


def _find(conn: Connection, rule: AlertRule, query: str, now: datetime, setting: str) -> list[Thing]:
    early = f", early as materialized ({EARLY})" if "early e" in query else ""
    rows = conn.execute(
        f"with {_SHOPS}{early} {in_groups(query, 'shop')}".encode(),
        {
            "now": now,
            "setting": setting,
            "usual": ALARMS[setting],
            "promise": timedelta(hours=settings().promise_hours),
            "settled": [code.value for code in _SETTLED],
            "most": _most(),
            **closed_since(conn, now, rule),
        },
    ).fetchall()
    return [
        Thing(f"order:{order_id}", f"orders:{shop}", total, due, order_id, _facts(no, shop, place, holds))
        for order_id, no, shop, due, place, holds, total, _ in rows
    ]


def _facts(no: str, shop: str, place: str, holds: str) -> dict[str, str]:
    warehouse, at_one, state = place.partition(" ")
    where = f"at warehouse {warehouse}, {state}" if at_one else place
    return {"shop": shop, "no": no, "where": where, "holds": holds}


def _over(thing: Thing) -> str:
    of = thing.facts
    return f"shop {of['shop']}: order {of['no']} was to leave by {china(thing.since)} and is {of['where']}"


def _over_ones(thing: Thing) -> str:
    of, first = thing.facts, china(thing.since)
    return (
        f"shop {of['shop']}: {thing.total} orders have not left in time; "
        f"the oldest promise ended {first}: order {of['no']}, {of['where']}"
    )


def _due(thing: Thing) -> str:
    of = thing.facts
    return f"shop {of['shop']}: order {of['no']} is to leave by {china(thing.since)} and is {of['where']}"


def _due_ones(thing: Thing) -> str:
    of, first = thing.facts, china(thing.since)
    return (
        f"shop {of['shop']}: {thing.total} orders have to leave soon; "
        f"the first promise ends {first}: order {of['no']}, {of['where']}"
    )


def _held(thing: Thing) -> str:
    of = thing.facts
    return f"shop {of['shop']}: order {of['no']} is held ({of['holds']}) and is to leave by {china(thing.since)}"


def _held_ones(thing: Thing) -> str:
    of, first = thing.facts, china(thing.since)
    return (
        f"shop {of['shop']}: {thing.total} orders are held and have to leave; "
        f"the first by {first}: order {of['no']} ({of['holds']})"
    )
