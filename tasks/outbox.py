"""The outbox: effects on the outside, written with their cause and delivered exactly once."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from time import monotonic, sleep

from models.database import session_lock, transaction
from models.errors import ChannelUnavailable, CounterpartBusy, PutOff
from models.messages import OutboxKind
from models.order import Cause
from models.rules.faults import Fault
from models.settings import clock
from tasks.effects import Effect, post
from tasks.outbox_calls import SENDERS, Pending, RefusedAlone, Sender, Shared, senders_now, try_all
from tasks.outbox_rows import RETRY_AFTER, fault_at, next_chunk, note_outcome, plan, started
from tasks.parts_back import withdraw_parts
from tasks.withdraw import lift_blocks, settle_reported, with_stale_instructions, withdraw_stale

__all__ = [
    "COUNTERPART_LOCKS",
    "MOST_IN_A_TURN",
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
WAIT_FOR_TELLER_S = 5.0  # who tells of alerts now tells of all that is due
CHUNK = 200
MOST_IN_A_TURN = 1000
PLAN_LASTS_S = 20.0  # what is asked back meanwhile must not wait until thousands of instructions are sent
COUNTERPART_LOCKS = 7_002


@dataclass(slots=True)
class Delivery:
    """What became of messages: how many were delivered, and per counterpart what stood in the way of how many.

    `has_more` when they were as many as one turn may send, so that more may wait.
    """

    delivered: int = 0
    failed: dict[str, int] = field(default_factory=dict)
    obstacles: dict[str, str] = field(default_factory=dict)
    faults: dict[str, Fault] = field(default_factory=dict)
    has_more: bool = False

    def add(self, other: "Delivery") -> None:
        """Count another turn's with this one's."""
        self.delivered += other.delivered
        for counterpart, number in other.failed.items():
            self.failed[counterpart] = self.failed.get(counterpart, 0) + number
        self.obstacles |= other.obstacles
        self.faults |= other.faults


def deliver_batches(
    batch_ids: Sequence[int],
    kinds: Sequence[OutboxKind],
    sender: Sender,
    why: Cause,
    *,
    forced: bool = False,
    counterparts_at_once: int = 1,
) -> None:
    """Make the first two attempts at batches' messages.

    Counterparts have a lock each, for which another run may keep us waiting: who is in a hurry waits for several.
    `forced` (a person's Retry) ignores next-attempt times and tries refused ones again; the second attempt is
    made only for what the retry table allows by then, so a named wait is kept.
    """
    first = partial(deliver, sender=sender, kinds=kinds, why=why, batch_ids=batch_ids, forced=forced)
    if not forced:  # what is tried whatever its time would be tried again in each turn
        first = partial(first, most=MOST_IN_A_TURN)
    _each(first, _waiting(batch_ids, kinds, clock().now(), refused=forced), counterparts_at_once)
    soon = clock().now() + timedelta(seconds=SECOND_ATTEMPT_S)
    again = _waiting(batch_ids, kinds, soon, refused=False)
    if again:
        sleep(SECOND_ATTEMPT_S)
    _each(partial(deliver, sender=sender, kinds=kinds, why=why, batch_ids=batch_ids), again, counterparts_at_once)


def _each(send_to: Callable[[str], Delivery], counterparts: Sequence[str], at_once: int) -> None:
    """In turns, so that one with thousands of messages neither keeps the others waiting nor gets all at a stroke."""
    waiting = list(counterparts)
    while waiting:
        with ThreadPoolExecutor(at_once) as pool:
            turns = {counterpart: pool.submit(send_to, counterpart) for counterpart in waiting}
        waiting = [counterpart for counterpart, turn in turns.items() if turn.result().has_more]


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
    """Send every message that is due, the counterparts in turns; one that is down stops only itself."""
    with transaction() as conn:
        due = conn.execute(
            """select distinct counterpart from outbox
               where state = 'pending' and next_at <= %s and kind = any(%s)""",
            (clock().now(), [kind.value for kind in kinds]),
        ).fetchall()
        stale = with_stale_instructions(conn) if OutboxKind.OUTBOUND_CREATED in kinds else []
    total, waiting = Delivery(), sorted({*stale, *(row[0] for row in due)})
    while waiting:
        turns = {counterpart: _turn(counterpart, sender, kinds, why) for counterpart in waiting}
        for outcome in turns.values():
            total.add(outcome)
        waiting = [counterpart for counterpart, outcome in turns.items() if outcome.has_more]
    return total


def _turn(counterpart: str, sender: Sender, kinds: Sequence[OutboxKind], why: Cause) -> Delivery:
    try:
        return deliver(counterpart, sender, kinds, why, most=MOST_IN_A_TURN)
    except ChannelUnavailable as error:
        return Delivery(0, {counterpart: 0}, {counterpart: str(error)}, {counterpart: fault_at(error, counterpart)})


def deliver(
    counterpart: str,
    sender: Sender,
    kinds: Sequence[OutboxKind],
    why: Cause,
    batch_ids: Sequence[int] | None = None,
    *,
    forced: bool = False,
    most: int | None = None,
) -> Delivery:
    """Send one counterpart's messages that are due: of batches, or all; `forced` also those that are not.

    It ends when `most` of them were tried, or a chunk more, if there are so many.
    Only one process sends to a counterpart at a time, so a message is never under way twice; the lock ends with
    the process. A few messages go first: while none of a round gets through the other side is down, and no more
    are tried. Instructions of documents that were blocked, or whose orders were cancelled meanwhile, are withdrawn;
    those of documents that their warehouse reported on arrived. Stock has a lane of its own, for thousands of listings
    must not keep a parcel waiting.
    """
    outcome = Delivery()
    if OutboxKind.ALERT in kinds:
        # nothing about orders may stand in the way of saying so
        with _only_sender_to(counterpart, wait_s=WAIT_FOR_TELLER_S):
            _send_chunks(outcome, counterpart, sender, (OutboxKind.ALERT,), batch_ids, forced, most)
    about_orders = tuple(kind for kind in kinds if kind not in (OutboxKind.STOCK, OutboxKind.ALERT))
    if about_orders:
        _deliver_about_orders(outcome, counterpart, sender, about_orders, why, batch_ids, forced, most)
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
    most: int | None,
) -> None:
    with _only_sender_to(counterpart):
        with transaction() as conn:
            lift_blocks(conn, why.at)
        with transaction() as conn:
            settle_reported(conn, counterpart, why.at)
        with transaction() as conn:
            withdraw_stale(conn, counterpart, why)
        with transaction() as conn:
            withdraw_parts(conn, counterpart, why)
        _send_chunks(outcome, counterpart, sender, kinds, batch_ids, forced, most)


def _send_chunks(
    outcome: Delivery,
    counterpart: str,
    sender: Sender,
    kinds: Sequence[OutboxKind],
    batch_ids: Sequence[int] | None,
    forced: bool,
    most: int | None = None,
) -> None:
    tried: set[int] = set()
    size = SENDERS
    while planned := plan(counterpart, kinds, batch_ids, tried, forced):
        before, until = len(tried), monotonic() + PLAN_LASTS_S
        while planned and (len(tried) == before or monotonic() < until):
            pending = next_chunk(planned[:size], forced)
            del planned[:size]
            tried |= {message.id for message in pending}
            pending = started(pending)
            if not pending:
                continue
            errors = try_all(sender, counterpart, pending, senders_now(counterpart))
            note_outcome(counterpart, pending, errors)
            _count(outcome, counterpart, len(pending), errors)
            if len(errors) == len(pending) and _is_down(list(errors.values())):
                return
            if most is not None and len(tried) >= most:
                outcome.has_more = True
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
def _only_sender_to(counterpart: str, lane: str = "", wait_s: float = WAIT_FOR_SENDER_S) -> Iterator[None]:
    # whoever sends now may be sending ours: wait for them
    with session_lock("%s, hashtext(%s)", (COUNTERPART_LOCKS, lane + counterpart), wait_s) as alone:
        if alone is None:
            name = counterpart.partition(":")[2]
            still = f"another run is still sending to it after {wait_s:.0f} s"
            raise CounterpartBusy(name, "send", still)
        yield
