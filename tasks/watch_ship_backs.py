"""Parcels that left and that their shops have not been told of: late ones, and at once those that were refused."""

from datetime import datetime
from typing import Final

from connectors.carriers.codes import carrier_name
from connectors.registry import CHANNELS
from models.alert import AlertRule
from models.database import Connection
from tasks.alert_groups import Thing, china, in_groups, told
from tasks.alerts import Found
from tasks.limits import limits_in_force
from tasks.shop_settings import ALARMS

_LATE: Final = """
  late as (
    select id, code, channel, %(now)s::timestamptz
      - coalesce((settings->>'ship_back_overdue_h')::float, %(hours)s) * interval '1 hour' as since
    from shop)"""

# what was refused has an alert of its own
_OVERDUE: Final = """
  (select distinct on (x.subject_id) x.subject_id as id, s.code as shop, p.carrier, p.waybill, x.created_at as since,
          x.last_error as why
   from outbox x join late s on x.counterpart = 'shop:' || s.code left join parcel p on p.id = x.subject_id
   where x.kind = 'ship_back' and x.state = 'pending' and x.created_at <= s.since and not exists (
     select 1 from outbox r where r.kind = 'ship_back' and r.state = 'refused' and r.subject_id = x.subject_id)
   order by x.subject_id, x.attempts desc, x.id)
  union all  -- what is kept back until the rest of its order left
  select p.id, s.code, p.carrier, p.waybill, p.shipped_at, 'the rest of the order has not left yet'
  from outbound_document d join late s on s.id = d.shop_id and s.channel = any(%(told)s)
  cross join lateral (  -- looked up one by one; left to choose, PostgreSQL reads all parcels instead
    select id, carrier, waybill, shipped_at from parcel where document_id = d.id offset 0) p
  where d.state = 'part_shipped' and d.state not in ('shipped', 'short', 'rejected', 'cancelled')
    and p.shipped_at <= s.since
    and not exists (select 1 from outbox x where x.kind = 'ship_back' and x.subject_id = p.id)
    and not exists (select 1 from parcel_line l join replacement r on r.order_id = l.order_id
                    where l.parcel_id = p.id)"""

# a platform that has closed the order asks for nothing any more
_REFUSED: Final = """
  select distinct on (x.subject_id) x.subject_id as id, s.code as shop, p.carrier, p.waybill, x.created_at as since,
         x.last_error as why
  from outbox x join shop s on x.counterpart = 'shop:' || s.code left join parcel p on p.id = x.subject_id
  where x.kind = 'ship_back' and x.state = 'refused' and x.created_at > %(oldest)s and coalesce((
    select bool_or(o.pay_state not in ('finished', 'cancelled'))
    from parcel_line l join orders o on o.id = l.order_id where l.parcel_id = x.subject_id), true)
  order by x.subject_id, x.attempts desc, x.id"""


def overdue_ship_backs(conn: Connection, now: datetime) -> dict[str, Found]:
    """Parcels that left and that their shop has not been told of for hours (set per shop)."""
    things = _find(conn, f"with {_LATE}, placed as materialized ({in_groups(_OVERDUE, 'shop')})", now)
    return told(conn, AlertRule.SHIP_BACK_OVERDUE, things, _most(), _unreported, _unreported_ones)


def failed_ship_backs(conn: Connection, now: datetime) -> dict[str, Found]:
    """Parcels that left and that their shop refuses to be told of."""
    things = _find(conn, f"with placed as materialized ({in_groups(_REFUSED, 'shop')})", now)
    return told(conn, AlertRule.SHIP_BACK_FAILED, things, _most(), _refused, _refused_ones)


def _most() -> int:
    return limits_in_force().groups["usual"]


def _find(conn: Connection, placed: str, now: datetime) -> list[Thing]:
    rows = conn.execute(
        f"""{placed}
            select p.id, p.shop, p.carrier, p.waybill, p.since, p.why, p.total, l.id from placed p
            left join lateral (select min(order_id) as id from parcel_line where parcel_id = p.id) l on true
            order by p.since, p.id""".encode(),
        {
            "now": now,
            "hours": ALARMS["ship_back_overdue_h"],
            "told": [name for name, kind in CHANNELS.items() if kind.capabilities.reports_shipping],
            "oldest": now - limits_in_force().watched,
            "most": _most(),
        },
    ).fetchall()
    return [_thing(*row) for row in rows]


def _thing(
    parcel_id: int,
    shop: str,
    carrier: str | None,
    waybill: str | None,
    since: datetime,
    why: str,
    total: int,
    order_id: int | None,
) -> Thing:
    facts = {
        "shop": shop,
        "parcel": f"{carrier_name(carrier or '')} {waybill or parcel_id}",
        "why": why or "not tried yet",
    }
    return Thing(f"parcel:{parcel_id}", f"parcels:{shop}", total, since, order_id, facts)


def _unreported(thing: Thing) -> str:
    of = thing.facts
    return f"shop {of['shop']}: parcel {of['parcel']} is not reported since {china(thing.since)}: {of['why']}"


def _unreported_ones(thing: Thing) -> str:
    of, oldest = thing.facts, china(thing.since)
    return (
        f"shop {of['shop']}: {thing.total} parcels are not reported; "
        f"the oldest since {oldest}, parcel {of['parcel']}: {of['why']}"
    )


def _refused(thing: Thing) -> str:
    of = thing.facts
    return f"shop {of['shop']}: refuses parcel {of['parcel']} since {china(thing.since)}: {of['why']}"


def _refused_ones(thing: Thing) -> str:
    of, oldest = thing.facts, china(thing.since)
    return (
        f"shop {of['shop']}: refuses {thing.total} parcels; "
        f"the oldest since {oldest}, parcel {of['parcel']}: {of['why']}"
    )
