"""How long parcels take on each lane, learnt every day from what was delivered."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from prefect import task
from prefect.cache_policies import NO_CACHE

from models.database import Connection, in_transaction
from models.settings import clock
from tasks.runs import in_plain_words

HISTORY: Final = timedelta(days=45)
"""How far back parcels count by when they left: old enough to be there, new enough to be like those of today."""

LEAST: Final = 20
"""Parcels below which a lane says nothing; one that is wider may."""

LONGEST: Final = timedelta(days=40)
"""What took longer was a mishap, or a scan that came with a wrong time."""


@dataclass(frozen=True, slots=True)
class LaneCount:
    """Lanes that are known now, those that are known no longer, and the parcels that were looked at."""

    known: int
    forgotten: int
    parcels: int


_LEARNT = """
  with way as materialized (
    select d.warehouse_id, p.carrier, coalesce(r.division_code, '') as code,
           extract(epoch from p.stage_at - p.shipped_at)::int as took_s
    from parcel p join outbound_document d on d.id = p.document_id
    left join lateral (
      select r.division_code from parcel_line l join receiver r on r.order_id = l.order_id
      where l.parcel_id = p.id order by l.order_id limit 1) r on true
    where p.stage = 'delivered' and p.shipped_at >= %(since)s
      and p.stage_at > p.shipped_at and p.stage_at <= p.shipped_at + %(longest)s::interval),
  lane as (
    select warehouse_id, carrier, a.area, took_s from way cross join lateral (
      select '' as area union all select left(code, 2) where length(code) >= 2
      union all select left(code, 4) where length(code) >= 4) a),
  times as (
    select warehouse_id, carrier, area, count(*)::int as parcels,
           percentile_disc(0.5) within group (order by took_s) as p50_s,
           percentile_disc(0.9) within group (order by took_s) as p90_s
    from lane group by 1, 2, 3 having count(*) >= %(least)s),
  kept as (
    insert into lane_time (warehouse_id, carrier, area, parcels, p50_s, p90_s, learnt_at)
    select warehouse_id, carrier, area, parcels, p50_s, p90_s, %(now)s from times order by 1, 2, 3
    on conflict (warehouse_id, carrier, area) do update
    set parcels = excluded.parcels, p50_s = excluded.p50_s, p90_s = excluded.p90_s, learnt_at = excluded.learnt_at
    returning 1)
  select (select count(*) from kept), (select count(*) from way)"""


def learn_lanes(conn: Connection, at: datetime) -> LaneCount:
    """Learn the usual and the long time of every lane of which enough parcels were delivered lately.

    A lane is a warehouse, a carrier and where parcels went: a city, its province, or anywhere. Time runs from when the
    warehouse says that a parcel left to the carrier's time of delivery. What is not learnt any more is forgotten. Safe
    to repeat.
    """
    known, parcels = conn.execute(
        _LEARNT.encode(),
        {"since": at - HISTORY, "longest": f"{LONGEST.total_seconds()} s", "least": LEAST, "now": at},
    ).fetchone() or (0, 0)
    forgotten = conn.execute("delete from lane_time where learnt_at < %s", (at,)).rowcount
    return LaneCount(known, forgotten, parcels)


@task(task_run_name="learn lanes", tags=["stage:learn_lanes"], cache_policy=NO_CACHE)
def learn() -> LaneCount:
    """The one step of the daily run."""
    with in_plain_words("learn_lanes", "lanes"):
        return in_transaction(lambda conn: learn_lanes(conn, clock().now()))
