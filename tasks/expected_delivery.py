"""By when parcels on their way are to be expected, from how long others took on their lane."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from models.database import Connection
from models.settings import clock

_EXPECTED = """
  select p.id, p.shipped_at, t.p50_s, t.p90_s
  from parcel p join outbound_document d on d.id = p.document_id
  left join lateral (
    select r.division_code as code from parcel_line l join receiver r on r.order_id = l.order_id
    where l.parcel_id = p.id order by l.order_id limit 1) r on true
  cross join lateral (
    select p50_s, p90_s from lane_time t
    where t.warehouse_id = d.warehouse_id and t.carrier = p.carrier
      and t.area in ('', left(coalesce(r.code, ''), 2), left(coalesce(r.code, ''), 4))
    order by length(t.area) desc limit 1) t
  where p.id = any(%s) and p.stage in ('label_created', 'collected', 'in_transit', 'out_for_delivery')"""


@dataclass(frozen=True, slots=True)
class Expected:
    """Between which moments a parcel is to be expected: half of those of its lane came by the one, nine of ten by the
    other.
    """

    earliest: datetime
    latest: datetime


def expected_deliveries(conn: Connection, parcel_ids: Collection[int]) -> dict[int, Expected]:
    """When each of these parcels is to be expected, by parcel id; those of which nothing can be said are left out.

    That are parcels that have arrived, turned back or are in trouble, those of a lane (city, else province, else
    carrier) of which too little is known, and those that are overdue: who waits longer than nine of ten did is told
    nothing rather than something wrong. `earliest` is never in the past.
    """
    now = clock().now()
    rows = conn.execute(_EXPECTED.encode(), (list(parcel_ids),)).fetchall()
    found = {
        i: Expected(max(shipped_at + timedelta(seconds=half_s), now), shipped_at + timedelta(seconds=most_s))
        for i, shipped_at, half_s, most_s in rows
    }
    return {i: expected for i, expected in found.items() if expected.latest >= now}
