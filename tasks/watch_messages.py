"""Messages that stay where they are: what came in and is not worked on, what does not get through to the outside.

Ship-backs, listings and e-waybills have rules of their own. Each queue is one alert, which says how much of it waits.
"""

from datetime import datetime
from typing import Final

from models.database import Connection
from models.messages import OutboxKind
from tasks.alert_groups import china
from tasks.alerts import Found
from tasks.limits import limits_in_force

_INBOX: Final = """
  select source, count(*), min(received_at) from inbox where state = 'new' group by 1 order by 1"""

# what is over needs no message any more; an instruction that is blocked stays back on purpose
_OUTBOX: Final = """
  with waiting as (
    select id, kind, counterpart, subject_id, created_at, attempts, last_error, false as refused
    from outbox where state = 'pending'
    union all
    select id, kind, counterpart, subject_id, created_at, attempts, last_error, true
    from outbox where state = 'refused' and kind = any(%(kinds)s) and created_at > %(oldest)s)
  select x.kind, x.counterpart, count(*), count(*) filter (where refused), min(x.created_at),
         (array_agg(x.last_error order by x.refused desc, x.attempts desc, x.id))[1],
         (array_agg(coalesce(l.order_id, a.order_id, o.id) order by x.created_at, x.id))[1]
  from waiting x
  left join outbound_document d on d.id = x.subject_id and x.kind like 'outbound.%%'
  left join orders o on o.id = x.subject_id and x.kind = 'delivered_back'
  left join parcel p on p.id = x.subject_id and x.kind = 'subscribe'
  left join lateral (select min(order_id) as order_id from allocation where document_id = d.id) a on true
  left join lateral (select min(order_id) as order_id from parcel_line where parcel_id = p.id) l on true
  where x.kind = any(%(kinds)s)
    and (d.id is null or d.state not in ('shipped', 'short', 'rejected', 'cancelled'))
    and (p.id is null or p.stage not in ('delivered', 'returned', 'cancelled'))
    and not (x.kind = 'outbound.created' and exists (
      select 1 from document_block b where b.document_id = d.id and b.lifted_at is null))
  group by 1, 2
  having bool_or(refused) or min(x.created_at) <= %(now)s::timestamptz - (
    select after from unnest(%(kinds)s::text[], %(after)s::interval[]) l(kind, after) where l.kind = x.kind)
  order by 1, 2"""


def stuck_messages(conn: Connection, now: datetime) -> dict[str, Found]:
    """Senders whose messages wait to be worked on, and counterparts that messages do not get through to."""
    kinds = (OutboxKind.OUTBOUND_CANCEL, OutboxKind.SUBSCRIBE, OutboxKind.DELIVERED_BACK)
    return _inbox(conn, now) | _outbox(conn, now, kinds)


def undelivered_instructions(conn: Connection, now: datetime) -> dict[str, Found]:
    """Warehouses that instructions to ship do not get through to."""
    return _outbox(conn, now, (OutboxKind.OUTBOUND_CREATED,))


def _inbox(conn: Connection, now: datetime) -> dict[str, Found]:
    limits = limits_in_force().of("inbox")
    senders = {"wms": "warehouse", "carrier": "carrier"}
    return {
        f"inbox:{source}": Found(
            f"{source}: {count} messages that came in wait to be worked on since {china(since)}", things=count
        )
        for source, count, since in conn.execute(_INBOX.encode()).fetchall()
        if since <= now - limits[senders.get(source.partition(":")[0], "other")]
    }


def _outbox(conn: Connection, now: datetime, kinds: tuple[OutboxKind, ...]) -> dict[str, Found]:
    limits = limits_in_force()
    after = limits.of("outbox")
    rows = conn.execute(
        _OUTBOX.encode(),
        {
            "now": now,
            "oldest": now - limits.watched,
            "kinds": [kind.value for kind in kinds],
            "after": [after[kind.value] for kind in kinds],
        },
    ).fetchall()
    return dict(_row(*row) for row in rows)


def _row(
    kind: str, counterpart: str, count: int, refused: int, since: datetime, error: str, order_id: int | None
) -> tuple[str, Found]:
    what, at, why = _KINDS[OutboxKind(kind)], china(since), error or "not tried yet"
    sentence = (
        f"{counterpart}: {count} {what} did not get through since {at}, {refused} of them refused: {why}"
        if refused
        else f"{counterpart}: {count} {what} did not get through since {at}: {why}"
    )
    subject = counterpart if kind == OutboxKind.OUTBOUND_CREATED.value else f"outbox:{counterpart}:{kind}"
    return subject, Found(sentence, order_id, things=count)


_KINDS: Final[dict[OutboxKind, str]] = {
    OutboxKind.OUTBOUND_CREATED: "instructions to ship",
    OutboxKind.OUTBOUND_CANCEL: "wishes to have an instruction back",
    OutboxKind.SUBSCRIBE: "subscriptions of parcels",
    OutboxKind.DELIVERED_BACK: "deliveries to be told",
}
