"""The outbox: effects on the outside, written with their cause and delivered exactly once."""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import sleep

from psycopg.errors import QueryCanceled

from models.database import Connection, connect, transaction
from models.errors import ChannelRejected, ChannelUnavailable, OutcomeUnknown, RateLimited
from models.messages import OutboxKind
from models.order import Cause
from models.settings import clock
from tasks.effects import Effect, post
from tasks.outbox_calls import SENDERS, Pending, PutOffAlone, RefusedAlone, Sender, Shared, try_all
from tasks.withdraw import lift_blocks, settle_reported, with_stale_instructions, withdraw_stale

__all__ = [
    "COUNTERPART_LOCKS",
    "RETRY_AFTER",
    "SECOND_ATTEMPT_S",
    "SENDERS",
    "Delivery",
    "Effect",
    "Pending",
    "PutOffAlone",
    "RefusedAlone",
    "Sender",
    "Shared",
    "deliver",
    "deliver_batches",
    "deliver_due",
    "post",
    "say_undelivered",
    "undelivered",
]

RETRY_AFTER = tuple(timedelta(seconds=s) for s in (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400))
"""Waits after the 1st, 2nd ... failed attempt (the retry table of Standard Webhooks senders)."""

STOCK_AGAIN = timedelta(minutes=4)
"""Stock waits no longer, and is never given up: a wrong number sells, and the next sweep is five minutes away."""

SECOND_ATTEMPT_S = 6.5  # 5 s and the retry table's jitter of 20 %, with a little air
WAIT_FOR_SENDER_S = 240.0
CHUNK = 200
COUNTERPART_LOCKS = 7_002


@dataclass(slots=True)
class Delivery:
    """What became of messages: how many were delivered, and per counterpart what stood in the way of how many."""

    delivered: int = 0
    failed: dict[str, int] = field(default_factory=dict)
    obstacles: dict[str, str] = field(default_factory=dict)


def undelivered(
    conn: Connection, batch_ids: Sequence[int], kinds: Sequence[OutboxKind], since: datetime | None = None
) -> list[tuple[str, int, str]]:
    """Per counterpart: how many of the batches' messages are not delivered, and the obstacle met last.

    An instruction that stays back because its document is blocked says `blocked: goods_changed`. With `since` only
    messages written then or later count.
    """
    return conn.execute(
        """select counterpart, count(*), (array_agg(
             case when b.reasons is null or in_doubt and last_error <> '' then last_error
                  else 'blocked: ' || b.reasons end order by attempts desc, next_at desc, id))[1]
           from outbox o cross join lateral (
             select string_agg(reason, ', ' order by reason) as reasons from document_block
             where o.kind = 'outbound.created' and document_id = o.subject_id and lifted_at is null) b
           where batch_id = any(%s) and kind = any(%s) and state in ('pending', 'refused')
             and created_at >= coalesce(%s, created_at) group by 1 order by 1""",
        (list(batch_ids), [kind.value for kind in kinds], since),
    ).fetchall()


def deliver_batches(
    batch_ids: Sequence[int], kinds: Sequence[OutboxKind], sender: Sender, why: Cause, *, forced: bool = False
) -> None:
    """Make the first two attempts at batches' messages.

    `forced` (a person's Retry) ignores next-attempt times and tries refused ones again; the second attempt is
    made only for what the retry table allows by then, so a named wait is kept.
    """
    for counterpart in _waiting(batch_ids, kinds, clock().now(), refused=forced):
        deliver(counterpart, sender, kinds, why, batch_ids, forced=forced)
    soon = clock().now() + timedelta(seconds=SECOND_ATTEMPT_S)
    again = _waiting(batch_ids, kinds, soon, refused=False)
    if again:
        sleep(SECOND_ATTEMPT_S)
    for counterpart in again:
        deliver(counterpart, sender, kinds, why, batch_ids)


def _waiting(batch_ids: Sequence[int], kinds: Sequence[OutboxKind], by: datetime, *, refused: bool) -> list[str]:
    with transaction() as conn:
        rows = conn.execute(
            """select distinct counterpart from outbox
               where batch_id = any(%(batches)s) and kind = any(%(kinds)s)
                 and (state = 'pending' and (next_at <= %(by)s or %(refused)s) or state = 'refused' and %(refused)s)
               order by 1""",
            {"batches": list(batch_ids), "kinds": [kind.value for kind in kinds], "by": by, "refused": refused},
        ).fetchall()
    return [row[0] for row in rows]


def deliver_due(sender: Sender, kinds: Sequence[OutboxKind], why: Cause) -> Delivery:
    """Send every message that is due, one counterpart after the other; a counterpart that is down stops only itself."""
    with transaction() as conn:
        due = conn.execute(
            """select distinct counterpart from outbox
               where state = 'pending' and next_at <= %s and kind = any(%s)""",
            (clock().now(), [kind.value for kind in kinds]),
        ).fetchall()
        stale = with_stale_instructions(conn)
    total = Delivery()
    for counterpart in sorted({*stale, *(row[0] for row in due)}):
        try:
            outcome = deliver(counterpart, sender, kinds, why)
        except ChannelUnavailable as error:
            outcome = Delivery(0, {counterpart: 0}, {counterpart: str(error)})
        total.delivered += outcome.delivered
        total.failed |= outcome.failed
        total.obstacles |= outcome.obstacles
    return total


def deliver(
    counterpart: str,
    sender: Sender,
    kinds: Sequence[OutboxKind],
    why: Cause,
    batch_ids: Sequence[int] | None = None,
    *,
    forced: bool = False,
) -> Delivery:
    """Send one counterpart's messages that are due: of batches, or all; `forced` also those that are not.

    Only one process sends to a counterpart at a time, so a message is never under way twice; the lock ends with
    the process. A few messages go first: while none of a round gets through the other side is down, and no more
    are tried. Instructions of documents that were blocked, or whose orders were cancelled meanwhile, are withdrawn;
    those of documents that their warehouse reported on arrived. Stock has a lane of its own, for thousands of listings
    must not keep a parcel waiting.
    """
    outcome = Delivery()
    about_orders = tuple(kind for kind in kinds if kind is not OutboxKind.STOCK)
    if about_orders:
        _deliver_about_orders(outcome, counterpart, sender, about_orders, why, batch_ids, forced)
    if OutboxKind.STOCK in kinds:
        with _only_sender_to(counterpart, "stock of "):
            _send_chunks(outcome, counterpart, sender, (OutboxKind.STOCK,), batch_ids, forced)
    return outcome


def _deliver_about_orders(
    outcome: Delivery,
    counterpart: str,
    sender: Sender,
    kinds: Sequence[OutboxKind],
    why: Cause,
    batch_ids: Sequence[int] | None,
    forced: bool,
) -> None:
    with _only_sender_to(counterpart):
        with transaction() as conn:
            lift_blocks(conn, why.at)
        with transaction() as conn:
            settle_reported(conn, counterpart, why.at)
        with transaction() as conn:
            withdraw_stale(conn, counterpart, why)
        _send_chunks(outcome, counterpart, sender, kinds, batch_ids, forced)


def _send_chunks(
    outcome: Delivery,
    counterpart: str,
    sender: Sender,
    kinds: Sequence[OutboxKind],
    batch_ids: Sequence[int] | None,
    forced: bool,
) -> None:
    tried: set[int] = set()
    size = SENDERS
    while pending := _next_chunk(counterpart, kinds, batch_ids, tried, forced, size):
        tried |= {message.id for message in pending}
        pending = _started(pending)
        if not pending:
            continue
        errors = try_all(sender, counterpart, pending)
        _note_outcome(counterpart, pending, errors)
        outcome.delivered += len(pending) - len(errors)
        if errors:
            outcome.failed[counterpart] = outcome.failed.get(counterpart, 0) + len(errors)
            outcome.obstacles[counterpart] = str(next(iter(errors.values())))
        if len(errors) == len(pending) and _is_down(list(errors.values())):
            break
        size = CHUNK


def _is_down(errors: Sequence[Exception]) -> bool:
    """Whether these errors, of all messages of a round, are those of a counterpart that takes nothing."""
    refused_one = any(isinstance(error, RefusedAlone) for error in errors)
    return not refused_one and not all(isinstance(error, PutOffAlone) for error in errors)


@contextmanager
def _only_sender_to(counterpart: str, lane: str = "") -> Iterator[None]:
    with connect(autocommit=True) as conn:
        conn.execute("select set_config('statement_timeout', %s, false)", (str(int(WAIT_FOR_SENDER_S * 1000)),))
        try:
            # whoever sends now may be sending ours: wait for them
            conn.execute("select pg_advisory_lock(%s, hashtext(%s))", (COUNTERPART_LOCKS, lane + counterpart))
        except QueryCanceled as error:
            name = counterpart.partition(":")[2]
            still = f"another run is still sending to it after {WAIT_FOR_SENDER_S:.0f} s"
            raise ChannelUnavailable(name, "send", still) from error
        yield


def _next_chunk(
    counterpart: str,
    kinds: Sequence[OutboxKind],
    batch_ids: Sequence[int] | None,
    tried: set[int],
    forced: bool,
    size: int,
) -> list[Pending]:
    with transaction() as conn:
        rows = conn.execute(
            """select id, kind, subject_id, key, attempts, created_at, in_doubt from outbox o
               where counterpart = %(counterpart)s and kind = any(%(kinds)s) and id <> all(%(tried)s)
                 and (%(batches)s::bigint[] is null or batch_id = any(%(batches)s))
                 and (state = 'pending' and (next_at <= %(now)s or %(forced)s) or state = 'refused' and %(forced)s)
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
               -- what is sold out goes first
               order by o.kind = 'stock' and exists (
                 select 1 from stock_push p where p.listing_id = o.subject_id and p.units > 0), id limit %(size)s""",
            {
                "counterpart": counterpart,
                "kinds": [kind.value for kind in kinds],
                "tried": list(tried),
                "batches": None if batch_ids is None else list(batch_ids),
                "now": clock().now(),
                "forced": forced,
                "size": size,
            },
        ).fetchall()
    return [Pending(row[0], OutboxKind(row[1]), *row[2:]) for row in rows]


def _started(pending: Sequence[Pending]) -> list[Pending]:
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


def _note_outcome(counterpart: str, pending: Sequence[Pending], errors: dict[int, Exception]) -> None:
    now = clock().now()
    sent = [message for message in pending if message.id not in errors]
    with transaction() as conn:
        # in one order, for whoever decides on stock withdraws many at once
        conn.execute(
            "select 1 from outbox where id = any(%s) order by id for update", ([message.id for message in pending],)
        )
        conn.execute(
            """update outbox o
               set state = 'delivered', delivered_at = %s, attempts = attempts + 1, last_error = '', in_doubt = false
               from unnest(%s::bigint[], %s::timestamptz[]) as n(id, created_at)
               -- one that was written anew while it was under way has something else to say
               where o.id = n.id and o.created_at = n.created_at""",
            (now, [message.id for message in sent], [message.created_at for message in sent]),
        )
        conn.cursor().executemany(
            """update outbox set state = %s, attempts = attempts + 1, next_at = %s, last_error = %s,
               in_doubt = %s where id = %s and created_at = %s and state <> 'withdrawn'""",
            [
                (
                    "refused" if _final(errors[message.id], message) else "pending",
                    now + _wait(errors[message.id], message),
                    str(errors[message.id])[:500],
                    message.in_doubt or isinstance(errors[message.id], OutcomeUnknown),
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


def _final(error: Exception, message: Pending) -> bool:
    given_up = message.kind is not OutboxKind.STOCK and message.attempts >= len(RETRY_AFTER)
    return isinstance(error, ChannelRejected) or given_up


def _wait(error: Exception, message: Pending) -> timedelta:
    longest = STOCK_AGAIN if message.kind is OutboxKind.STOCK else RETRY_AFTER[-1]
    wait = min(RETRY_AFTER[min(message.attempts, len(RETRY_AFTER) - 1)], longest) * random.uniform(0.8, 1.2)
    if isinstance(error, RateLimited):
        return max(wait, timedelta(seconds=error.retry_after_s))
    return wait


def say_undelivered(step: str, total: int, rows: Sequence[tuple[str, int, str]]) -> str:
    """`dispatch: 12 of 90 not delivered to WH-S: HTTP 503`, from what `undelivered` says; step and count come first."""
    missing = sum(count for _, count, _ in rows)
    places = "; ".join(f"{counterpart.partition(':')[2]}: {obstacle}" for counterpart, _, obstacle in rows)
    return f"{step}: {missing} of {total} not delivered to {places}"
