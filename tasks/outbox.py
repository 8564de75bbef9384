"""The outbox: effects on the outside, written with their cause and delivered exactly once."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic, sleep

from psycopg.errors import QueryCanceled

from models.database import connect, transaction
from models.errors import ChannelUnavailable, CounterpartBusy, PutOff
from models.messages import OutboxKind
from models.order import Cause
from models.rules.faults import Fault
from models.settings import clock
from tasks.effects import Effect, post
from tasks.outbox_calls import SENDERS, Pending, RefusedAlone, Sender, Shared, senders_now, try_all
from tasks.outbox_rows import RETRY_AFTER, fault_at, next_chunk, note_outcome, plan, started
from tasks.withdraw import lift_blocks, settle_reported, with_stale_instructions, withdraw_stale

__all__ = [
    "COUNTERPART_LOCKS",
    "RETRY_AFTER",
    "SECOND_ATTEMPT_S",
    "SENDERS",
    "Delivery",
    "Effect",
    "Pending",
    "RefusedAlone",
    "Sender",
    "Shared",
    "deliver",
    "deliver_batches",
    "deliver_due",
    "post",
]

SECOND_ATTEMPT_S = 6.5  # 5 s and the retry table's jitter of 20 %, with a little air
WAIT_FOR_SENDER_S = 240.0
CHUNK = 200
PLAN_LASTS_S = 20.0  # what is asked back meanwhile must not wait until thousands of instructions are sent
COUNTERPART_LOCKS = 7_002


@dataclass(slots=True)
class Delivery:
    """What became of messages: how many were delivered, and per counterpart what stood in the way of how many."""

    delivered: int = 0
    failed: dict[str, int] = field(default_factory=dict)
    obstacles: dict[str, str] = field(default_factory=dict)
    faults: dict[str, Fault] = field(default_factory=dict)


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
            outcome = Delivery(
                0, {counterpart: 0}, {counterpart: str(error)}, {counterpart: fault_at(error, counterpart)}
            )
        total.delivered += outcome.delivered
        total.failed |= outcome.failed
        total.obstacles |= outcome.obstacles
        total.faults |= outcome.faults
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
    at_once, size = senders_now(), SENDERS
    while planned := plan(counterpart, kinds, batch_ids, tried, forced):
        before, until = len(tried), monotonic() + PLAN_LASTS_S
        while planned and (len(tried) == before or monotonic() < until):
            pending = next_chunk(planned[:size], forced)
            del planned[:size]
            tried |= {message.id for message in pending}
            pending = started(pending)
            if not pending:
                continue
            errors = try_all(sender, counterpart, pending, at_once)
            note_outcome(counterpart, pending, errors)
            _count(outcome, counterpart, len(pending), errors)
            if len(errors) == len(pending) and _is_down(list(errors.values())):
                return
            size = CHUNK
        if len(tried) == before:
            return  # what is left waits for something else


def _count(outcome: Delivery, counterpart: str, sent: int, errors: Mapping[int, Exception]) -> None:
    outcome.delivered += sent - len(errors)
    if errors:
        outcome.failed[counterpart] = outcome.failed.get(counterpart, 0) + len(errors)
        first = next(iter(errors.values()))
        outcome.obstacles[counterpart] = str(first)
        outcome.faults[counterpart] = fault_at(first, counterpart)


def _is_down(errors: Sequence[Exception]) -> bool:
    """Whether these errors, of all messages of a round, are those of a counterpart that takes nothing."""
    refused_one = any(isinstance(error, RefusedAlone) for error in errors)
    return not refused_one and not all(isinstance(error, PutOff) for error in errors)


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
            raise CounterpartBusy(name, "send", still) from error
        yield
