"""Parcels that nobody fetched, that stopped moving, or that meet with trouble: absences in our own tables.

Carriers tell of what happens, never of what does not; so these are timers over the parcels that have not ended.
"""

from datetime import datetime, timedelta
from typing import Final

from connectors.carriers.codes import carrier_name
from models.alert import AlertRule
from models.database import Connection
from models.shipment import ParcelStage
from tasks.alert_groups import Thing, china, in_groups, told
from tasks.alerts import Found
from tasks.limits import limits_in_force
from tasks.shop_settings import ALARMS

_SHOPS: Final = """
  late as materialized (
    select id, code, %(now)s::timestamptz
      - coalesce((settings->>%(setting)s)::float, %(usual)s) * %(unit)s::interval as since
    from shop)"""

_PARCEL: Final = "p.id, w.code as warehouse, p.carrier, p.waybill, s.code as shop, p.stage"

# what the carrier gave up is told of as such
_FOLLOWED: Final = "p.note not like 'given up by carrier:%%'"

_UNCOLLECTED: Final = f"""
  select {_PARCEL}, p.shipped_at as since, '' as why
  from parcel p join outbound_document d on d.id = p.document_id join late s on s.id = d.shop_id
  join warehouse w on w.id = d.warehouse_id
  where p.stage = 'label_created' and p.shipped_at > %(oldest)s and p.shipped_at <= (select max(since) from late)
    and p.shipped_at <= s.since and {_FOLLOWED}"""

# a stage is never newer than the newest scan, so few parcels are looked at whose scans are not old
_UNMOVED: Final = f"""
  select {_PARCEL}, greatest(p.stage_at, e.at) as since, '' as why
  from parcel p join outbound_document d on d.id = p.document_id join late s on s.id = d.shop_id
  join warehouse w on w.id = d.warehouse_id
  cross join lateral (select max(at) as at from parcel_event where parcel_id = p.id) e
  where p.stage in ('collected', 'in_transit', 'out_for_delivery', 'at_pickup_point')
    and p.shipped_at > %(oldest)s and p.stage_at <= (select max(since) from late)
    and greatest(p.stage_at, e.at) <= s.since and {_FOLLOWED}"""

# what is wanted back is to turn round
_TROUBLED: Final = f"""
  select {_PARCEL}, p.stage_at as since, '' as why
  from parcel p join outbound_document d on d.id = p.document_id join shop s on s.id = d.shop_id
  join warehouse w on w.id = d.warehouse_id
  where p.stage in ('problem', 'returning') and p.shipped_at > %(oldest)s
    and (p.stage = 'problem' or not exists (select from parcel_intercept i where i.parcel_id = p.id))
  union all
  select {_PARCEL}, p.stage_at, substr(p.note, length('given up by carrier: ') + 1, 80)
  from parcel p join outbound_document d on d.id = p.document_id join shop s on s.id = d.shop_id
  join warehouse w on w.id = d.warehouse_id
  where p.note like 'given up by carrier:%%' and p.shipped_at > %(oldest)s
    and p.stage not in ('problem', 'returning', 'delivered', 'returned', 'cancelled')"""


def not_collected(conn: Connection, now: datetime) -> dict[str, Found]:
    """Parcels that left hours ago (set per shop) and of which no carrier has told anything."""
    found = _find(conn, _UNCOLLECTED, now, "not_collected_h", timedelta(hours=1))
    return told(conn, AlertRule.NOT_COLLECTED, found, _most(), _uncollected, _uncollected_ones)


def no_movement(conn: Connection, now: datetime) -> dict[str, Found]:
    """Parcels on their way whose newest scan is days old (set per shop)."""
    found = _find(conn, _UNMOVED, now, "no_movement_days", timedelta(days=1))
    return told(conn, AlertRule.NO_MOVEMENT, found, _most(), _unmoved, _unmoved_ones)


def delivery_problems(conn: Connection, now: datetime) -> dict[str, Found]:
    """Parcels with which the carrier has a problem, that come back unasked, or that nobody follows any more."""
    return told(conn, AlertRule.DELIVERY_PROBLEM, _find(conn, _TROUBLED, now), _most(), _troubled, _troubled_ones)


def _most() -> int:
    return limits_in_force().groups["usual"]


def _find(
    conn: Connection, query: str, now: datetime, setting: str = "", unit: timedelta = timedelta(0)
) -> list[Thing]:
    limits = limits_in_force()
    placed = in_groups(query, "warehouse, carrier")
    rows = conn.execute(
        f"""with {f"{_SHOPS}," if setting else ""} placed as materialized ({placed})
           select p.id, p.warehouse, p.carrier, p.waybill, p.shop, p.stage, p.since, p.why, p.total, o.id, o.order_no
           from placed p
           left join lateral (select min(order_id) as id from parcel_line where parcel_id = p.id) l on true
           left join orders o on o.id = l.id order by p.since, p.id""".encode(),
        {
            "now": now,
            "oldest": now - limits.watched,
            "most": _most(),
            "setting": setting,
            "usual": ALARMS.get(setting),
            "unit": unit,
        },
    ).fetchall()
    return [_thing(*row) for row in rows]


def _thing(
    parcel_id: int,
    warehouse: str,
    carrier: str,
    waybill: str,
    shop: str,
    stage: str,
    since: datetime,
    why: str,
    total: int,
    order_id: int | None,
    order_no: str | None,
) -> Thing:
    facts = {
        "parcel": f"shop {shop}, order {order_no or 'unknown'}: parcel {carrier_name(carrier)} {waybill}",
        "carrier": carrier_name(carrier),
        "warehouse": warehouse,
        "stage": ParcelStage(stage),
        "why": why,
    }
    return Thing(f"parcel:{parcel_id}", f"parcels:{warehouse}/{carrier}", total, since, order_id, facts)


def _uncollected(thing: Thing) -> str:
    return f"{thing.facts['parcel']} left {thing.facts['warehouse']} {china(thing.since)} and was not collected"


def _uncollected_ones(thing: Thing) -> str:
    of, oldest = thing.facts, china(thing.since)
    return (
        f"{thing.total} parcels of {of['carrier']} from {of['warehouse']} were not collected; "
        f"the oldest left {oldest}: {of['parcel']}"
    )


def _unmoved(thing: Thing) -> str:
    of, last = thing.facts, china(thing.since)
    if of["stage"] is ParcelStage.AT_PICKUP_POINT:
        return f"{of['parcel']} waits at a pick-up point and has no scan since {last}"
    return f"{of['parcel']} is without a scan since {last}"


def _unmoved_ones(thing: Thing) -> str:
    of, oldest = thing.facts, china(thing.since)
    return (
        f"{thing.total} parcels of {of['carrier']} from {of['warehouse']} do not move; "
        f"the oldest has no scan since {oldest}: {of['parcel']}"
    )


def _troubled(thing: Thing) -> str:
    of, since = thing.facts, china(thing.since)
    if of["why"]:
        return f"{of['parcel']}: its carrier gave it up, the last news is of {since}: {of['why']}"
    if of["stage"] is ParcelStage.RETURNING:
        return f"{of['parcel']}: it comes back since {since}, and nobody asked for that"
    return f"{of['parcel']}: its carrier has a problem with it since {since}"


def _troubled_ones(thing: Thing) -> str:
    of, oldest = thing.facts, china(thing.since)
    return (
        f"{thing.total} parcels of {of['carrier']} from {of['warehouse']} cannot be delivered; "
        f"the oldest is in trouble since {oldest}: {of['parcel']}"
    )
