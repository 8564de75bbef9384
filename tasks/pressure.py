"""How every queue stands: what waits, since when, and whether it is worked off faster than it grows.

Read from the pool alone, so that it is known with everything else down. What left a queue is kept with its time, and
what came within a span has either left within it or still waits: so the time of leaving is all that needs an index.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, LiteralString

from models.database import Connection

SHORT: Final = timedelta(minutes=5)
LONG: Final = timedelta(minutes=60)


class QueueOf(StrEnum):
    """What kind of work a queue holds."""

    INBOX = "inbox"  # what was pushed to us, by sender
    ORDERS = "orders"  # orders of open batches that nothing holds up, by stage
    OUTBOX = "outbox"  # messages to the outside, by counterpart and kind
    RELEASE = "release"  # routed orders that wait for room in their warehouse
    RESUME = "resume"  # orders whose wait ended, until `resume_orders` looks at them


@dataclass(frozen=True, slots=True)
class Flow:
    """How many a minute came and left over the last `SHORT` and `LONG`."""

    arrived_short: float
    drained_short: float
    arrived_long: float
    drained_long: float


@dataclass(frozen=True, slots=True)
class Queue:
    """One queue. `party` is who sends or gets it (as in inbox and outbox) or the warehouse, `kind` the kind of message
    or the stage of the orders; "" where there is no such thing.

    `oldest_at` is since when its oldest entry waits. `flow` is None for queues whose leaving is not kept: those are
    counted where they go to.
    """

    of: QueueOf
    party: str
    kind: str
    waiting: int
    oldest_at: datetime | None
    flow: Flow | None

    @property
    def name(self) -> str:
        """What people call it: `outbox warehouse:WH-S outbound.created`."""
        return " ".join(part for part in (self.of.value, self.party, self.kind) if part)

    def age_s(self, now: datetime) -> float:
        """How long its oldest entry has waited, 0 when nothing waits."""
        return max((now - self.oldest_at).total_seconds(), 0.0) if self.oldest_at else 0.0

    @property
    def grows(self) -> bool:
        """Whether something waits and over the last minutes more came than left."""
        return self.waiting > 0 and self.flow is not None and self.flow.arrived_short > self.flow.drained_short

    @property
    def drains_in_min(self) -> float | None:
        """In how many minutes it is empty if all goes on as in the last ones; None when that is never, or not known."""
        if self.waiting == 0:
            return 0.0
        net = self.flow.drained_short - self.flow.arrived_short if self.flow else 0.0
        return self.waiting / net if net > 0 else None


def pressure(conn: Connection, now: datetime) -> list[Queue]:
    """Every queue that holds something or held something within `LONG`, in the order in which work goes through."""
    spans = {"short": now - SHORT, "long": now - LONG}
    found = [
        *_flowing(conn, QueueOf.INBOX, _INBOX, spans),
        *_flowing(conn, QueueOf.ORDERS, _ORDERS, spans),
        *_standing(conn, QueueOf.ORDERS, _STAGES),
        *_standing(conn, QueueOf.RELEASE, _RELEASE),
        *_flowing(conn, QueueOf.OUTBOX, _OUTBOX, spans),
        *_standing(conn, QueueOf.RESUME, _RESUME),
    ]
    return [queue for queue in found if queue.waiting or queue.flow]


_INBOX: Final = """
    select source, '', count(*) filter (where done_at is null), min(came) filter (where done_at is null),
           count(*) filter (where came >= %(short)s), count(*) filter (where done_at >= %(short)s),
           count(*) filter (where came >= %(long)s), count(*) filter (where done_at >= %(long)s)
    from (select source, received_at as came, null::timestamptz as done_at from inbox where state = 'new'
          union all
          select source, received_at, done_at from inbox where done_at >= %(long)s) i
    group by 1 order by 1"""

_OUTBOX: Final = """
    select counterpart, kind, count(*) filter (where left_at is null), min(created_at) filter (where left_at is null),
           count(*) filter (where created_at >= %(short)s), count(*) filter (where left_at >= %(short)s),
           count(*) filter (where created_at >= %(long)s), count(*) filter (where left_at >= %(long)s)
    from (select counterpart, kind, created_at, null::timestamptz as left_at from outbox where state = 'pending'
          union all
          select counterpart, kind, created_at, delivered_at from outbox
          where delivered_at >= %(long)s and state = 'delivered') o
    group by 1, 2 order by 1, 2"""

_UNDER_WAY: LiteralString = """
    from batch b join order_state s on s.batch_id = b.id
    where b.state = 'open' and s.stage in ('ingested', 'validated', 'locked', 'routed')
      and not exists (select 1 from hold h where h.order_id = s.order_id and h.released_at is null)"""

_ORDERS: Final = f"""
    with waiting as (select count(*) as orders, min(b.created_at) as oldest {_UNDER_WAY}),
    batches as (
      select stored + joined as orders, created_at, null::timestamptz as closed_at from batch where state = 'open'
      union all
      select stored + joined, created_at, closed_at from batch where closed_at >= %(long)s)
    select '', '', w.orders, w.oldest,
           coalesce(sum(b.orders) filter (where b.created_at >= %(short)s), 0),
           coalesce(sum(b.orders) filter (where b.closed_at >= %(short)s), 0),
           coalesce(sum(b.orders) filter (where b.created_at >= %(long)s), 0),
           coalesce(sum(b.orders) filter (where b.closed_at >= %(long)s), 0)
    from waiting w left join batches b on true group by w.orders, w.oldest having w.orders > 0 or count(b.orders) > 0"""

_STAGES: Final = f"select '', s.stage, count(*), min(b.created_at) {_UNDER_WAY} group by 2 order by min(b.created_at)"

_RELEASE: Final = """
    select w.code, '', count(*), min(r.since) from release_wait r join warehouse w on w.id = r.warehouse_id
    group by 1 order by 1"""

_RESUME: Final = """
    select '', '', count(distinct order_id), min(released_at) from hold where resume_due having count(*) > 0"""


def _flowing(conn: Connection, of: QueueOf, query: LiteralString, spans: dict[str, Any]) -> list[Queue]:
    short_min, long_min = SHORT.total_seconds() / 60, LONG.total_seconds() / 60
    return [
        Queue(
            of,
            party,
            kind,
            waiting,
            oldest,
            Flow(
                int(came_short) / short_min,
                int(left_short) / short_min,
                int(came_long) / long_min,
                int(left_long) / long_min,
            ),
        )
        for party, kind, waiting, oldest, came_short, left_short, came_long, left_long in conn.execute(query, spans)
    ]


def _standing(conn: Connection, of: QueueOf, query: LiteralString) -> list[Queue]:
    return [Queue(of, party, kind, waiting, oldest, None) for party, kind, waiting, oldest in conn.execute(query)]
