"""The outbox: effects on the outside, written with their cause and delivered exactly once."""

import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import sleep

from models.database import Connection, connect, copy_rows, transaction
from models.errors import ChannelRejected, PipelineError, RateLimited
from models.messages import OutboxKind
from models.settings import clock

RETRY_AFTER = tuple(timedelta(seconds=s) for s in (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400))
"""Waits after the 1st, 2nd ... failed attempt (the retry table of Standard Webhooks senders)."""

SECOND_ATTEMPT_S = 5.0
SENDERS = 8
CHUNK = 200
COUNTERPART_LOCKS = 7_002


@dataclass(frozen=True, slots=True)
class Effect:
    """One message to write: what it asks for, of whom, about which document or parcel, and its idempotency key."""

    kind: OutboxKind
    counterpart: str
    subject_id: int
    key: str
    batch_id: int | None
    revision: int = 1


@dataclass(frozen=True, slots=True)
class Pending:
    """A message that is to be sent now."""

    id: int
    kind: OutboxKind
    subject_id: int
    key: str
    attempts: int
    created_at: datetime


@dataclass(slots=True)
class Delivery:
    """What became of messages: how many were delivered, and per counterpart what stood in the way of how many."""

    delivered: int = 0
    failed: dict[str, int] = field(default_factory=dict)
    obstacles: dict[str, str] = field(default_factory=dict)


Sender = Callable[[str, Sequence[Pending]], dict[int, Callable[[], None]]]
"""Given a counterpart and messages, one call to make per message id; a call raises what stood in the way."""


def post(conn: Connection, effects: Sequence[Effect], at: datetime) -> None:
    """Write effects in the caller's transaction, due at once."""
    copy_rows(
        conn,
        "outbox",
        "kind counterpart subject_id revision key batch_id state attempts next_at last_error created_at".split(),
        (
            (e.kind.value, e.counterpart, e.subject_id, e.revision, e.key, e.batch_id, "pending", 0, at, "", at)
            for e in effects
        ),
    )


def undelivered(conn: Connection, batch_ids: Sequence[int], kinds: Sequence[OutboxKind]) -> list[tuple[str, int, str]]:
    """Per counterpart: how many of the batches' messages are not delivered, and the last obstacle."""
    return conn.execute(
        """select counterpart, count(*), max(last_error) from outbox
           where batch_id = any(%s) and kind = any(%s) and state <> 'delivered' group by 1 order by 1""",
        (list(batch_ids), [kind.value for kind in kinds]),
    ).fetchall()


def deliver_batches(batch_ids: Sequence[int], kinds: Sequence[OutboxKind], sender: Sender) -> None:
    """Make the first two attempts at batches' messages, whatever their next-attempt time, as a person's retry does."""
    for attempt in range(2):
        with transaction() as conn:
            waiting = [row[0] for row in undelivered(conn, batch_ids, kinds)]
        if not waiting:
            return
        if attempt:
            sleep(SECOND_ATTEMPT_S)
        for counterpart in waiting:
            deliver(counterpart, sender, kinds, batch_ids)


def deliver_due(sender: Sender, kinds: Sequence[OutboxKind]) -> Delivery:
    """Send every message that is due, one counterpart after the other; a counterpart that is down stops only itself."""
    with transaction() as conn:
        due = conn.execute(
            """select distinct counterpart from outbox
               where state = 'pending' and next_at <= %s and kind = any(%s) order by 1""",
            (clock().now(), [kind.value for kind in kinds]),
        ).fetchall()
    total = Delivery()
    for (counterpart,) in due:
        outcome = deliver(counterpart, sender, kinds)
        total.delivered += outcome.delivered
        total.failed |= outcome.failed
        total.obstacles |= outcome.obstacles
    return total


def deliver(
    counterpart: str, sender: Sender, kinds: Sequence[OutboxKind], batch_ids: Sequence[int] | None = None
) -> Delivery:
    """Send one counterpart's messages: those of batches, or without any those that are due.

    Only one process sends to a counterpart at a time, so a message is never under way twice; the lock
    ends with the process. Stops at the first chunk of which nothing went through: the other side is down.
    """
    outcome = Delivery()
    with _only_sender_to(counterpart) as alone:
        tried: set[int] = set()
        while alone:
            pending = _next_chunk(counterpart, kinds, batch_ids, tried)
            if not pending:
                break
            tried |= {message.id for message in pending}
            errors = _try_all(sender, counterpart, pending)
            _note_outcome(pending, errors)
            outcome.delivered += len(pending) - len(errors)
            if errors:
                outcome.failed[counterpart] = outcome.failed.get(counterpart, 0) + len(errors)
                outcome.obstacles[counterpart] = str(next(iter(errors.values())))
            if len(errors) == len(pending):
                break
    return outcome


@contextmanager
def _only_sender_to(counterpart: str) -> Iterator[bool]:
    with connect(autocommit=True) as conn:
        row = conn.execute("select pg_try_advisory_lock(%s, hashtext(%s))", (COUNTERPART_LOCKS, counterpart)).fetchone()
        if row and row[0]:
            yield True
            return
        # somebody else is sending: wait for them, for their work may be ours
        conn.execute("select pg_advisory_lock(%s, hashtext(%s))", (COUNTERPART_LOCKS, counterpart))
        yield True


def _next_chunk(
    counterpart: str, kinds: Sequence[OutboxKind], batch_ids: Sequence[int] | None, tried: set[int]
) -> list[Pending]:
    with transaction() as conn:
        rows = conn.execute(
            """select id, kind, subject_id, key, attempts, created_at from outbox o
               where counterpart = %(counterpart)s and kind = any(%(kinds)s) and id <> all(%(tried)s)
                 and (case when %(batches)s::bigint[] is null then state = 'pending' and next_at <= %(now)s
                      else state <> 'delivered' and batch_id = any(%(batches)s) end)
                 and not exists (
                   select 1 from outbox earlier where earlier.counterpart = o.counterpart
                   and earlier.subject_id = o.subject_id and earlier.kind = o.kind
                   and earlier.revision < o.revision and earlier.state = 'pending')
               order by id limit %(chunk)s""",
            {
                "counterpart": counterpart,
                "kinds": [kind.value for kind in kinds],
                "tried": list(tried),
                "batches": None if batch_ids is None else list(batch_ids),
                "now": clock().now(),
                "chunk": CHUNK,
            },
        ).fetchall()
    return [Pending(row[0], OutboxKind(row[1]), *row[2:]) for row in rows]


def _try_all(sender: Sender, counterpart: str, pending: Sequence[Pending]) -> dict[int, Exception]:
    try:
        calls = sender(counterpart, pending)
    except PipelineError as error:  # a counterpart that is not set up is an obstacle like any other
        return dict.fromkeys((message.id for message in pending), error)
    return _send_all(calls)


def _send_all(calls: dict[int, Callable[[], None]]) -> dict[int, Exception]:
    def attempt(call: Callable[[], None]) -> Exception | None:
        try:
            call()
        except PipelineError as error:
            return error
        return None

    with ThreadPoolExecutor(SENDERS) as pool:
        results = dict(zip(calls, pool.map(attempt, calls.values()), strict=True))
    return {message_id: error for message_id, error in results.items() if error}


def _note_outcome(pending: Sequence[Pending], errors: dict[int, Exception]) -> None:
    now = clock().now()
    sent = [message.id for message in pending if message.id not in errors]
    with transaction() as conn:
        conn.execute(
            """update outbox set state = 'delivered', delivered_at = %s, attempts = attempts + 1, last_error = ''
               where id = any(%s)""",
            (now, sent),
        )
        conn.cursor().executemany(
            "update outbox set state = %s, attempts = attempts + 1, next_at = %s, last_error = %s where id = %s",
            [
                (
                    "refused" if _final(errors[message.id], message.attempts + 1) else "pending",
                    now + _wait(errors[message.id], message.attempts),
                    str(errors[message.id])[:500],
                    message.id,
                )
                for message in pending
                if message.id in errors
            ],
        )


def _final(error: Exception, attempts: int) -> bool:
    return isinstance(error, ChannelRejected) or attempts > len(RETRY_AFTER)


def _wait(error: Exception, attempts: int) -> timedelta:
    wait = RETRY_AFTER[min(attempts, len(RETRY_AFTER) - 1)] * random.uniform(0.8, 1.2)
    if isinstance(error, RateLimited):
        return max(wait, timedelta(seconds=error.retry_after_s))
    return wait


def say_undelivered(step: str, total: int, rows: Sequence[tuple[str, int, str]]) -> str:
    """`dispatch: 12 of 90 not delivered to WH-S: HTTP 503`, from what `undelivered` says; step and count come first."""
    missing = sum(count for _, count, _ in rows)
    places = "; ".join(f"{counterpart.partition(':')[2]}: {obstacle}" for counterpart, _, obstacle in rows)
    return f"{step}: {missing} of {total} not delivered to {places}"
