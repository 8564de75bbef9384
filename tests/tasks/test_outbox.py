"""The outbox: every effect leaves once, in order, and again by the retry table when it does not get through."""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import groupby

import pytest

from models.database import connect, transaction
from models.errors import (
    ChannelDenied,
    ChannelRejected,
    ChannelUnavailable,
    PipelineError,
    PutOff,
    RateLimited,
    SetupError,
)
from models.messages import OutboxKind
from models.rules.faults import Fault
from tasks.outbox import (
    COUNTERPART_LOCKS,
    MOST_IN_A_TURN,
    RETRY_AFTER,
    SENDERS,
    Effect,
    Pending,
    Shared,
    deliver,
    deliver_batches,
    deliver_due,
    post,
)
from tasks.undelivered import obstacles_of
from tests.clocks import StoppedClock
from tests.fakes import NOON, FakePool, payload, why

KINDS = (OutboxKind.OUTBOUND_CREATED,)


class Counterparts:
    """Warehouses that note what they are sent; `broken` says what stands in the way of whom."""

    def __init__(self) -> None:
        self.got: list[str] = []
        self.broken: dict[str, PipelineError] = {}
        self.not_set_up: set[str] = set()
        self._noting = threading.Lock()

    def send(self, counterpart: str, pending: Sequence[Pending]) -> dict[int, Callable[[], None]]:
        if counterpart in self.not_set_up:
            raise SetupError(f"{counterpart}: lacks the credential secret")
        return {message.id: lambda key=message.key: self._take(counterpart, key) for message in pending}  # type: ignore[misc]

    def _take(self, counterpart: str, key: str) -> None:
        if counterpart in self.broken:
            raise self.broken[counterpart]
        with self._noting:
            self.got.append(key)


def write(count: int, counterpart: str = "warehouse:WH-A", revision: int = 1, first: int = 1) -> None:
    with transaction() as conn:
        post(
            conn,
            [
                Effect(OutboxKind.OUTBOUND_CREATED, counterpart, n, f"{counterpart}-{n}-r{revision}", 1, revision)
                for n in range(first, first + count)
            ],
            NOON,
        )


def test_two_deliverers_at_once_send_each_message_once(pool: FakePool, stopped: StoppedClock) -> None:
    write(450)
    outside = Counterparts()

    with ThreadPoolExecutor(3) as threads:
        delivered = list(threads.map(lambda _: deliver_due(outside.send, KINDS, why()).delivered, range(3)))

    assert sum(delivered) == len(outside.got) == len(set(outside.got)) == 450


def test_a_batchs_delivery_and_a_due_one_at_once_send_each_message_once(pool: FakePool, stopped: StoppedClock) -> None:
    write(300)
    outside = Counterparts()

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda batches: deliver("warehouse:WH-A", outside.send, KINDS, why(), batches), [[1], None]))

    assert len(outside.got) == len(set(outside.got)) == 300


@pytest.mark.parametrize("of_batches", [False, True])
def test_one_with_thousands_of_messages_keeps_nobody_waiting(
    pool: FakePool, stopped: StoppedClock, of_batches: bool
) -> None:
    write(2 * MOST_IN_A_TURN, "warehouse:WH-A")
    write(10, "warehouse:WH-B")
    outside = Counterparts()

    if of_batches:
        deliver_batches([1], KINDS, outside.send, why())
    else:
        deliver_due(outside.send, KINDS, why())

    turns = [place for place, _ in groupby(key.rpartition("-r")[0].rpartition("-")[0] for key in outside.got)]
    assert turns == ["warehouse:WH-A", "warehouse:WH-B", "warehouse:WH-A"]
    assert len(outside.got) == len(set(outside.got)) == 2 * MOST_IN_A_TURN + 10


def test_failed_attempts_wait_by_the_retry_table_and_are_given_up_at_its_end(
    pool: FakePool, stopped: StoppedClock
) -> None:
    write(1)
    outside = Counterparts()
    outside.broken["warehouse:WH-A"] = ChannelUnavailable("WH-A", "send", "HTTP 503")

    for wait in RETRY_AFTER:
        deliver_due(outside.send, KINDS, why())
        ((state, next_at),) = pool.rows("select state, next_at from outbox")
        assert state == "pending"
        assert 0.8 * wait <= next_at - stopped.at <= 1.2 * wait
        assert deliver_due(outside.send, KINDS, why()).failed == {}
        stopped.at = next_at
    deliver_due(outside.send, KINDS, why())

    assert pool.rows("select state, attempts from outbox") == [("refused", len(RETRY_AFTER) + 1)]


def test_a_retry_after_is_waited_for(pool: FakePool, stopped: StoppedClock) -> None:
    write(1)
    outside = Counterparts()
    outside.broken["warehouse:WH-A"] = RateLimited("WH-A", "send", "HTTP 429", retry_after_s=900)

    deliver_due(outside.send, KINDS, why())

    assert pool.rows("select next_at from outbox") == [(NOON + timedelta(seconds=900),)]


@pytest.mark.parametrize(
    ("error", "state"),
    [(ChannelRejected("WH-A", "send", "no"), "refused"), (ChannelDenied("WH-A", "send", "bad key"), "pending")],
)
def test_a_refusal_for_good_is_not_repeated_and_a_lack_of_permission_is(
    pool: FakePool, stopped: StoppedClock, error: PipelineError, state: str
) -> None:
    write(1)
    outside = Counterparts()
    outside.broken["warehouse:WH-A"] = error

    deliver_due(outside.send, KINDS, why())

    assert pool.rows("select state from outbox") == [(state,)]


def test_a_counterpart_that_is_down_stops_only_itself(pool: FakePool, stopped: StoppedClock) -> None:
    write(3, "warehouse:WH-A")
    write(2, "warehouse:WH-B")
    outside = Counterparts()
    outside.broken["warehouse:WH-A"] = ChannelUnavailable("WH-A", "send", "HTTP 503")

    outcome = deliver_due(outside.send, KINDS, why())

    assert (outcome.delivered, outcome.failed) == (2, {"warehouse:WH-A": 3})


def test_a_counterpart_that_is_not_set_up_stops_only_itself_and_is_named(pool: FakePool, stopped: StoppedClock) -> None:
    write(3, "warehouse:WH-A")
    write(2, "warehouse:WH-B")
    outside = Counterparts()
    outside.not_set_up.add("warehouse:WH-A")

    outcome = deliver_due(outside.send, KINDS, why())

    assert (outcome.delivered, outcome.failed) == (2, {"warehouse:WH-A": 3})
    with transaction() as conn:
        (missing,) = obstacles_of(conn, [1], KINDS)
    assert (missing.at, missing.count, missing.fault) == ("WH-A", 3, Fault.SET_UP)
    assert missing.why == "warehouse:WH-A: lacks the credential secret"


def test_a_dead_counterpart_costs_a_few_calls(pool: FakePool, stopped: StoppedClock) -> None:
    write(450)
    outside = Counterparts()
    outside.broken["warehouse:WH-A"] = ChannelUnavailable("WH-A", "send", "HTTP 503")

    outcome = deliver_due(outside.send, KINDS, why())

    assert outcome.failed == {"warehouse:WH-A": SENDERS}


def test_messages_that_are_put_off_one_by_one_do_not_stop_those_behind_them(
    pool: FakePool, stopped: StoppedClock
) -> None:
    write(SENDERS + 3)
    first = {row[0] for row in pool.rows("select id from outbox order by id limit %s", SENDERS)}

    def send(_: str, pending: Sequence[Pending]) -> Mapping[int, Callable[[], None] | Shared]:
        return {message.id: _put_off if message.id in first else lambda: None for message in pending}

    outcome = deliver_due(send, KINDS, why())

    assert (outcome.delivered, outcome.failed) == (3, {"warehouse:WH-A": SENDERS})
    assert outcome.faults == {"warehouse:WH-A": Fault.WMS_REFUSES}


def _put_off() -> None:
    raise PutOff("WH-A", "send", "asked about it, not now")


def test_a_later_revision_waits_for_the_earlier_one(pool: FakePool, stopped: StoppedClock) -> None:
    write(1, revision=2)
    write(1, revision=1)
    outside = Counterparts()

    deliver_due(outside.send, KINDS, why())

    assert outside.got == ["warehouse:WH-A-1-r1", "warehouse:WH-A-1-r2"]


class Killed(BaseException):
    """What becomes of a process: nothing after it is done."""


@pytest.fixture
def handed_over(pool: FakePool) -> FakePool:
    """One order whose instruction to WH-A waits in the outbox."""
    pool.stock(TEA=5)
    pool.take([payload(1)])
    pool.through_the_stages()
    return pool


def test_an_order_cancelled_before_its_instruction_left_is_withdrawn(
    handed_over: FakePool, stopped: StoppedClock
) -> None:
    handed_over.execute("update orders set pay_state = 'cancelled'")
    outside = Counterparts()

    deliver_due(outside.send, KINDS, why())

    assert outside.got == []
    assert handed_over.rows("select state from outbox") == [("withdrawn",)]
    assert handed_over.stages() == {"1": "cancelled"}
    assert handed_over.locked() == 0
    assert handed_over.untrue() == []


def test_an_instruction_whose_sender_was_killed_is_never_withdrawn(
    handed_over: FakePool, stopped: StoppedClock
) -> None:
    def die(counterpart: str, pending: Sequence[Pending]) -> dict[int, Callable[[], None]]:
        raise Killed

    with pytest.raises(Killed):
        deliver_due(die, KINDS, why())
    handed_over.execute("update orders set pay_state = 'cancelled'")
    outside = Counterparts()

    deliver_due(outside.send, KINDS, why())

    assert len(outside.got) == 1
    assert handed_over.stages() == {"1": "dispatched"}
    assert handed_over.locked() == 1


def test_an_instruction_that_surely_did_not_arrive_can_still_be_withdrawn(
    handed_over: FakePool, stopped: StoppedClock
) -> None:
    outside = Counterparts()
    outside.broken["warehouse:WH-A"] = ChannelUnavailable("WH-A", "send", "not reached")
    deliver_due(outside.send, KINDS, why())
    handed_over.execute("update orders set pay_state = 'cancelled'")

    deliver_due(outside.send, KINDS, why())
    stopped.at += timedelta(days=1)
    deliver_due(outside.send, KINDS, why())

    assert handed_over.stages() == {"1": "cancelled"}
    assert handed_over.locked() == 0


def test_a_call_that_messages_share_is_made_once_and_fails_those_it_names(
    pool: FakePool, stopped: StoppedClock
) -> None:
    write(5)
    made: list[tuple[int, ...]] = []

    def send(counterpart: str, pending: Sequence[Pending]) -> dict[int, Shared]:
        ids = tuple(message.id for message in pending)

        def make() -> dict[int, Exception]:
            made.append(ids)
            return {ids[1]: ChannelRejected("WH-A", "send", "no"), ids[3]: ChannelUnavailable("WH-A", "send", "later")}

        return dict.fromkeys(ids, Shared(ids, make))

    deliver("warehouse:WH-A", send, KINDS, why())

    assert len(made) == 1
    assert [row[0] for row in pool.rows("select state from outbox order by id")] == [
        "delivered",
        "refused",
        "delivered",
        "pending",
        "delivered",
    ]


def test_a_shared_call_that_breaks_the_sender_does_not_stop_the_others(pool: FakePool, stopped: StoppedClock) -> None:
    write(4)
    outside = Counterparts()

    def send(counterpart: str, pending: Sequence[Pending]) -> dict[int, Callable[[], None] | Shared]:
        def make() -> dict[int, Exception]:
            raise KeyError("a bug")

        first, second, *others = pending
        together = Shared((first.id, second.id), make)
        return {first.id: together, second.id: together, **outside.send(counterpart, others)}

    deliver("warehouse:WH-A", send, KINDS, why())

    assert pool.rows("select state, last_error from outbox order by id") == [
        ("pending", "the sender broke with KeyError"),
        ("pending", "the sender broke with KeyError"),
        ("delivered", ""),
        ("delivered", ""),
    ]


@pytest.mark.parametrize(("busy", "kind"), [("", OutboxKind.STOCK), ("stock of ", OutboxKind.SHIP_BACK)])
def test_stock_and_parcels_of_a_shop_do_not_wait_for_each_other(
    pool: FakePool, stopped: StoppedClock, busy: str, kind: OutboxKind
) -> None:
    with transaction() as conn:
        post(conn, [Effect(kind, "shop:WOO", 1, "one", None)], NOON)
    outside = Counterparts()

    with connect(autocommit=True) as other:
        other.execute("select pg_advisory_lock(%s, hashtext(%s))", (COUNTERPART_LOCKS, f"{busy}shop:WOO"))
        deliver("shop:WOO", outside.send, [kind], why())

    assert outside.got == ["one"]
