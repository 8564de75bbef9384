"""Parcels that nobody fetched, that stopped moving, or that meet with trouble: absences in our own tables.

Carriers tell of what happens, never of what does not; so these are timers over the parcels that have not ended.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

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
    return _told(conn, AlertRule.NOT_COLLECTED, found, _uncollected, _all("were not collected", "the oldest left"))


def no_movement(conn: Connection, now: datetime) -> dict[str, Found]:
    """Parcels on their way whose newest scan is days old (set per shop)."""
    found = _find(conn, _UNMOVED, now, "no_movement_days", timedelta(days=1))
    return _told(conn, AlertRule.NO_MOVEMENT, found, _unmoved, _all("do not move", "the oldest has no scan since"))


def delivery_problems(conn: Connection, now: datetime) -> dict[str, Found]:
    """Parcels with which the carrier has a problem, that come back unasked, or that nobody follows any more."""
    found = _find(conn, _TROUBLED, now)
    return _told(
        conn,
        AlertRule.DELIVERY_PROBLEM,
        found,
        _troubled,
        _all("cannot be delivered", "the oldest is in trouble since"),
    )


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
            "most": limits.groups["usual"],
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
        "of": f"parcels of {carrier_name(carrier)} from {warehouse}",
        "warehouse": warehouse,
        "stage": ParcelStage(stage),
        "why": why,
    }
    return Thing(f"parcel:{parcel_id}", f"parcels:{warehouse}/{carrier}", total, since, order_id, facts)


def _told(
    conn: Connection,
    rule: AlertRule,
    things: list[Thing],
    one: Callable[[Thing], str],
    several: Callable[[Thing], str],
) -> dict[str, Found]:
    return told(conn, rule, things, limits_in_force().groups["usual"], one, several)


def _all(what: str, oldest: str) -> Callable[[Thing], str]:
    """How a group is told of."""

    def words(thing: Thing) -> str:
        return f"{thing.total} {thing.facts['of']} {what}; {oldest} {china(thing.since)}: {thing.facts['parcel']}"

    return words


def _uncollected(thing: Thing) -> str:
    return f"{thing.facts['parcel']} left {thing.facts['warehouse']} {china(thing.since)} and was not collected"


def _unmoved(thing: Thing) -> str:
    waits = " and waits at a pick-up point" if thing.facts["stage"] is ParcelStage.AT_PICKUP_POINT else ""
    return f"{thing.facts['parcel']} has no scan since {china(thing.since)}{waits}"


_TROUBLES: Final[Mapping[ParcelStage, str]] = {
    ParcelStage.PROBLEM: "its carrier has a problem with it",
    ParcelStage.RETURNING: "it comes back, and nobody asked for that",
}


def _troubled(thing: Thing) -> str:
    facts: Mapping[str, Any] = thing.facts
    trouble = f"its carrier gave it up: {facts['why']}" if facts["why"] else _TROUBLES[facts["stage"]]
    return f"{facts['parcel']}: since {china(thing.since)} {trouble}"
