"""Orders that do not move: where each stands, why, since when, and whose turn it is; from the pool's own tables alone.

Every order is counted once: under the hold that has to end first, else under what its batch, its instruction or its
outbound document says. An order at its warehouse counts from when it is late on.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from models.database import Connection
from models.hold import HoldCode
from models.order import Stage
from models.rules.owners import Owner, Reason, Standstill, owner_of, precedence
from tasks.release_room import PAST_DISPATCH

BUCKETS = (timedelta(hours=1), timedelta(hours=4), timedelta(days=1), timedelta(days=3))
"""Ages that part the buckets: under an hour, under four, under a day, under three days, older."""

RUN_PATIENCE = timedelta(minutes=30)
"""A run that has had its batch for longer has stopped."""

DELIVERY_PATIENCE = timedelta(minutes=10)
"""An instruction that is under way for longer did not get through."""

ACCEPT_PATIENCE = timedelta(hours=2)
"""A warehouse that has an instruction for longer without accepting it is asked why."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Orders of one stage that stand for one reason: how many of each age, and the oldest of them."""

    reason: Reason
    stage: Stage
    ages: tuple[int, ...]
    oldest_id: int
    oldest_no: str
    oldest_shop: str
    since: datetime

    @property
    def owner(self) -> Owner:
        """Whose turn it is."""
        return owner_of(self.reason)

    @property
    def total(self) -> int:
        """How many in all."""
        return sum(self.ages)


@dataclass(frozen=True, slots=True)
class Waiting:
    """Everything that does not move, the oldest first, and payloads in quarantine, which are no orders yet."""

    standings: list[Standing]
    quarantined: int
    quarantined_since: datetime | None

    @property
    def total(self) -> int:
        """Orders in all that somebody or something has to move."""
        return sum(standing.total for standing in self.standings if standing.owner is not Owner.NOBODY)


_HELD = """
  select distinct on (h.order_id) h.order_id, s.stage, h.code as reason, h.placed_at as since
  from hold h join order_state s on s.order_id = h.order_id
  join unnest(%(codes)s::text[], %(ranks)s::int[]) r(code, rank) on r.code = h.code
  where h.released_at is null and s.stage <> 'cancelled'
  order by h.order_id, r.rank, h.placed_at, h.code"""

# without an index on stages this reads every state once: the whole set is wanted, also what is lost
_EARLY = f"""
  select s.order_id, s.stage,
         case when exists (select 1 from hold h where h.order_id = s.order_id and h.resume_due)
                or exists (select 1 from replacement p where p.order_id = s.order_id and p.waits) then 'resuming'
              when b.state = 'abandoned' then 'abandoned' when r.order_id is not null then 'metered'
              when b.state = 'closed' then 'left_over'
              when b.feed_findings is not null and b.accepted_at is null then 'feed_doubted'
              when b.created_at > %(now)s::timestamptz - %(run)s then 'running' else 'run_stopped' end,
         coalesce(r.since, b.closed_at, b.created_at)
  from order_state s join batch b on b.id = s.batch_id
  left join release_wait r on r.order_id = s.order_id and (b.state = 'closed' or b.state = 'open'
    and {PAST_DISPATCH})
  where s.stage in ('ingested', 'validated', 'locked', 'routed')
    and exists (select 1 from orders o where o.id = s.order_id and o.kind = 'goods')
    and not exists (select 1 from hold h where h.order_id = s.order_id and h.released_at is null)"""

_AT_WAREHOUSE = """
  select distinct on (a.order_id) a.order_id, 'dispatched', d.reason, d.since
  from (
    select d.id,
           case when x.state is not null and d.created_at < %(now)s::timestamptz - %(delivery)s then 'undelivered'
                when d.deadline_at < %(now)s and d.state = 'part_shipped' then 'rest_late'
                when d.deadline_at < %(now)s then 'late_at_warehouse'
                when d.state = 'created' and x.state is null
                  and d.created_at < %(now)s::timestamptz - %(accept)s then 'not_accepted' end as reason,
           case when x.state is null and d.deadline_at < %(now)s then d.deadline_at else d.created_at end as since
    from outbound_document d
    left join lateral (
      select state from outbox where kind = 'outbound.created' and subject_id = d.id
        and state in ('pending', 'refused') limit 1) x on d.state = 'created'
    where d.state not in ('shipped', 'short', 'rejected', 'cancelled')
    union all
    select d.id, 'refused', coalesce(d.ended_at, d.created_at) from outbound_document d
    where d.state in ('rejected', 'cancelled')
      and not exists (select 1 from remainder r where r.document_id = d.id)) d
  cross join lateral (select order_id from allocation where document_id = d.id offset 0) a
  where d.reason is not null
    and not exists (select 1 from hold h where h.order_id = a.order_id and h.released_at is null)
  order by a.order_id, d.since"""

_ALL = f"""
  with stands as (({_HELD}) union all ({_EARLY}) union all ({_AT_WAREHOUSE})),
  counted as (
    select reason, stage,
           width_bucket(extract(epoch from %(now)s::timestamptz - since), %(edges)s::numeric[]) as bucket,
           count(*) as orders, min(since) as since, (array_agg(order_id order by since, order_id))[1] as oldest
    from stands group by 1, 2, 3)
  select c.reason, c.stage, c.bucket, c.orders, c.since, c.oldest, o.order_no, p.code
  from counted c join orders o on o.id = c.oldest join shop p on p.id = o.shop_id"""


def waiting_orders(conn: Connection, now: datetime) -> Waiting:
    """The whole set of orders that do not move at this moment."""
    rows = conn.execute(
        _ALL.encode(),
        {
            "now": now,
            "codes": [code.value for code in HoldCode],
            "ranks": [precedence(code) for code in HoldCode],
            "run": RUN_PATIENCE,
            "delivery": DELIVERY_PATIENCE,
            "accept": ACCEPT_PATIENCE,
            "edges": [edge.total_seconds() for edge in BUCKETS],
        },
    ).fetchall()
    several: dict[tuple[str, str], list[tuple[Any, ...]]] = defaultdict(list)
    for row in rows:
        several[row[0], row[1]].append(row)
    standings = [_standing(reason, stage, of) for (reason, stage), of in several.items()]
    standings.sort(key=lambda standing: (standing.owner is Owner.NOBODY, standing.since))
    count, since = conn.execute(
        "select count(*), min(stored_at) from quarantined_order where released_at is null"
    ).fetchall()[0]
    return Waiting(standings, count, since)


_STANDSTILLS = frozenset(standstill.value for standstill in Standstill)


def _standing(reason: str, stage: str, rows: Sequence[tuple[Any, ...]]) -> Standing:
    ages = [0] * (len(BUCKETS) + 1)
    for row in rows:
        ages[row[2]] += row[3]
    oldest = min(rows, key=lambda row: row[4])
    known = Standstill(reason) if reason in _STANDSTILLS else HoldCode(reason)
    return Standing(known, Stage(stage), tuple(ages), oldest[5], oldest[6], oldest[7], oldest[4])
