"""Rows of the outbox on their way: which go now and in which order, marked before they are sent, noted afterwards."""

import random
from collections.abc import Sequence
from datetime import timedelta

from models.database import transaction
from models.errors import ChannelError, ChannelRejected, OrderError, OutcomeUnknown, RateLimited, SetupError
from models.messages import OutboxKind
from models.rules.faults import Fault
from models.settings import clock
from tasks.failures import fault_of
from tasks.outbox_calls import Pending

RETRY_AFTER = tuple(timedelta(seconds=s) for s in (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400))
"""Waits after the 1st, 2nd ... failed attempt (the retry table of Standard Webhooks senders)."""

TELL_AGAIN = tuple(timedelta(seconds=s) for s in (5, 60, 180))
"""The same for alerts: after five minutes somebody else is told."""

GIVEN_UP_FOR = timedelta(minutes=5)
"""So long an alert rests that nobody could be told, before one of them is tried again."""

STOCK_AGAIN = timedelta(minutes=4)
"""Stock waits no longer, and is never given up: a wrong number sells, and the next sweep is five minutes away."""


class RefusedInDoubt(ChannelRejected):
    """Refused for good, and yet something may have been done on the other side."""


def plan(
    counterpart: str, kinds: Sequence[OutboxKind], batch_ids: Sequence[int] | None, tried: set[int], forced: bool
) -> list[int]:
    """Messages to a counterpart that are due and not tried yet, in the order in which they should go.

    What is asked back goes first, then instructions by their promise, then the rest as it was written; of stock, what
    is sold out. Made once for many chunks: to sort all that waits for each chunk would take longer than to send it.
    """
    with transaction() as conn:
        rows = conn.execute(
            """select o.id from outbox o
               left join outbound_document d on d.id = o.subject_id and o.kind = 'outbound.created'
               where o.counterpart = %(counterpart)s and o.kind = any(%(kinds)s) and o.id <> all(%(tried)s)
                 and (%(batches)s::bigint[] is null or o.batch_id = any(%(batches)s))
                 and (o.state = 'pending' and (o.next_at <= %(now)s or %(forced)s)
                      or o.state = 'refused' and %(forced)s)
               order by o.kind <> 'outbound.cancel_requested',
                 o.kind = 'stock' and exists (
                   select 1 from stock_push p where p.listing_id = o.subject_id and p.units > 0),
                 d.ship_by nulls last, o.id""",
            {
                "counterpart": counterpart,
                "kinds": [kind.value for kind in kinds],
                "tried": list(tried),
                "batches": None if batch_ids is None else list(batch_ids),
                "now": clock().now(),
                "forced": forced,
            },
        ).fetchall()
    return [row[0] for row in rows]


def next_chunk(ids: Sequence[int], forced: bool) -> list[Pending]:
    """Of these messages those that may go now, in this order."""
    with transaction() as conn:
        rows = conn.execute(
            """select id, kind, subject_id, key, attempts, created_at, in_doubt from outbox o
               where id = any(%(ids)s) and (state = 'pending' or state = 'refused' and %(forced)s)
                 and not exists (
                   select 1 from outbox earlier where earlier.counterpart = o.counterpart
                   and earlier.subject_id = o.subject_id and earlier.kind = o.kind
                   and earlier.revision < o.revision and earlier.state = 'pending')
                 and not (kind = 'outbound.created' and not in_doubt and exists (
                   select 1 from document_block b where b.document_id = o.subject_id and b.lifted_at is null))
                 and not (kind = 'outbound.created' and exists (
                   select 1 from outbound_document d where d.id = o.subject_id and d.state <> 'created'))
                 -- nobody can cancel what he has not heard of
                 and not (kind = 'outbound.cancel_requested' and exists (
                   select 1 from outbox c where c.subject_id = o.subject_id and c.kind = 'outbound.created'
                   and c.state = 'pending'))
                 -- nor give back what is still to be made, or is being made
                 and not (kind = 'waybill.cancel' and exists (
                   select 1 from outbox c where c.subject_id = o.subject_id and c.kind = 'waybill'
                   and c.state = 'pending'))
               order by array_position(%(ids)s::bigint[], id)""",
            {"ids": list(ids), "forced": forced},
        ).fetchall()
    return [Pending(row[0], OutboxKind(row[1]), *row[2:]) for row in rows]


def started(pending: Sequence[Pending]) -> list[Pending]:
    """Mark messages as under way; those of documents that were blocked this moment stay back.

    One that may have arrived goes again although its document is blocked: by its key the warehouse takes it once, and
    without its answer nobody would ever know.
    """
    ids = [message.id for message in pending]
    with transaction() as conn:
        # whoever blocks a document locks its message first: one of us sees what the other did
        conn.execute("select 1 from outbox where id = any(%s) order by id for update", (ids,))
        # should this process be killed, what it was sending may have arrived
        rows = conn.execute(
            """update outbox o set in_doubt = true where id = any(%s) and state <> 'withdrawn'
               and not (kind = 'outbound.created' and not in_doubt and exists (
                 select 1 from document_block b where b.document_id = o.subject_id and b.lifted_at is null))
               returning id""",
            (ids,),
        ).fetchall()
    started = {row[0] for row in rows}
    return [message for message in pending if message.id in started]


def note_outcome(counterpart: str, pending: Sequence[Pending], errors: dict[int, Exception]) -> None:
    """Write down which messages were delivered, and of the others what stood in the way and when they go again."""
    now = clock().now()
    sent = [message for message in pending if message.id not in errors]
    with transaction() as conn:
        # in one order, for whoever decides on stock withdraws many at once
        conn.execute(
            "select 1 from outbox where id = any(%s) order by id for update", ([message.id for message in pending],)
        )
        conn.execute(
            """update outbox o
               set state = 'delivered', delivered_at = %s, attempts = attempts + 1, last_error = '', fault = '',
                 in_doubt = false
               from unnest(%s::bigint[], %s::timestamptz[]) as n(id, created_at)
               -- one that was written anew while it was under way has something else to say
               where o.id = n.id and o.created_at = n.created_at""",
            (now, [message.id for message in sent], [message.created_at for message in sent]),
        )
        conn.cursor().executemany(
            """update outbox set state = %s, attempts = attempts + 1, next_at = %s, last_error = %s,
               fault = %s, in_doubt = %s where id = %s and created_at = %s and state <> 'withdrawn'""",
            [
                (
                    "refused" if _final(errors[message.id], message) else "pending",
                    now + _wait(errors[message.id], message),
                    str(errors[message.id])[:500],
                    fault_at(errors[message.id], counterpart).value,
                    message.in_doubt or _may_have_arrived(errors[message.id]),
                    message.id,
                    message.created_at,
                )
                for message in pending
                if message.id in errors
            ],
        )
        if any(getattr(error, "gone", False) for error in errors.values()):
            conn.execute(
                "update warehouse set stopped_at = %s where code = %s and stopped_at is null",
                (now, counterpart.partition(":")[2]),
            )


def fault_at(error: Exception, counterpart: str) -> Fault:
    """What kind of fault an error in sending to a counterpart is."""
    return fault_of(error, counterpart.partition(":")[0])


def _may_have_arrived(error: Exception) -> bool:
    if isinstance(error, OutcomeUnknown | RefusedInDoubt):
        return True
    # anything else broke somewhere, before the call or after it
    return not isinstance(error, ChannelError | SetupError | OrderError)


def _final(error: Exception, message: Pending) -> bool:
    given_up = message.kind is not OutboxKind.STOCK and message.attempts >= len(_retry_table(message))
    return isinstance(error, ChannelRejected) or given_up


def _retry_table(message: Pending) -> tuple[timedelta, ...]:
    return TELL_AGAIN if message.kind is OutboxKind.ALERT else RETRY_AFTER


def _wait(error: Exception, message: Pending) -> timedelta:
    table, longest = _retry_table(message), STOCK_AGAIN if message.kind is OutboxKind.STOCK else RETRY_AFTER[-1]
    wait = min(table[min(message.attempts, len(table) - 1)], longest) * random.uniform(0.8, 1.2)
    if message.kind is OutboxKind.ALERT and _final(error, message):
        wait = GIVEN_UP_FOR
    if isinstance(error, RateLimited):
        return max(wait, timedelta(seconds=error.retry_after_s))
    return wait
