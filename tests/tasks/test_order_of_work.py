"""What waits is worked off in the order of its promises, and reports of warehouses before those of carriers."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

import pytest

from models.database import transaction
from models.messages import OutboxKind
from models.settings import settings
from tasks import outbox
from tasks.batches import by_promise
from tasks.inbox import keep_all
from tasks.outbox_calls import SENDERS, Pending, senders_now
from tasks.outbox_rows import next_chunk, plan
from tasks.promo import promo_on, shipped_profiles
from tasks.resume import resume_waiting
from tasks.track import CHUNK, work_off_inbox
from tests.clocks import StoppedClock
from tests.fakes import NOON, FakePool, payload, why

WH_A = "warehouse:WH-A"
SECOND = timedelta(seconds=1)


def promised(pool: FakePool, *hours: float) -> None:
    """Promise the orders, by their ids, so many hours after noon."""
    for order_id, after in enumerate(hours, start=1):
        pool.execute("update orders set ship_by = %s where id = %s", NOON + timedelta(hours=after), order_id)


def planned(*kinds: OutboxKind) -> list[int]:
    """The orders whose instructions are sent next, in that order."""
    return plan(WH_A, kinds or (OutboxKind.OUTBOUND_CREATED,), None, set(), False)


@pytest.fixture
def three(pool: FakePool, stopped: StoppedClock) -> FakePool:
    """Three routed orders of one batch; the last was promised first."""
    pool.stock(TEA=10)
    pool.take([payload(n) for n in (1, 2, 3)])
    promised(pool, 30, 20, 10)
    pool.through_the_stages("route")
    return pool


def test_documents_are_numbered_by_their_promises(three: FakePool) -> None:
    three.through_the_stages("dispatch")

    assert three.rows(
        "select distinct a.order_id, d.id from allocation a join outbound_document d on d.id = a.document_id order by 2"
    ) == [(3, 1), (2, 2), (1, 3)]


def test_instructions_of_all_batches_go_by_their_promises(three: FakePool) -> None:
    three.through_the_stages("dispatch")
    three.take([payload(4)], run="run-2")
    promised(three, 30, 20, 10, 15)
    three.through_the_stages("dispatch")

    assert planned() == [1, 4, 2, 3]


def test_what_is_asked_back_goes_before_instructions(three: FakePool) -> None:
    three.through_the_stages("dispatch")
    three.execute(
        """insert into outbox (kind, counterpart, subject_id, revision, key, state, attempts, in_doubt, next_at,
             last_error, created_at)
           select 'outbound.cancel_requested', counterpart, subject_id, 1, 'c', state, 0, false, next_at, '', created_at
           from outbox where id = 1"""
    )

    assert planned(OutboxKind.OUTBOUND_CREATED, OutboxKind.OUTBOUND_CANCEL) == [4, 1, 2, 3]


def test_what_becomes_urgent_while_others_are_sent_does_not_wait_for_all_of_them(
    three: FakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    three.through_the_stages("dispatch")
    for name, value in {"SENDERS": 1, "CHUNK": 1, "PLAN_LASTS_S": 0}.items():
        monkeypatch.setattr(outbox, name, value)
    sent: list[int] = []

    def sender(_counterpart: str, pending: Sequence[Pending]) -> Mapping[int, Callable[[], None]]:
        sent.extend(message.subject_id for message in pending)
        three.execute("update outbound_document set ship_by = %s where id = 3", NOON)
        return {message.id: lambda: None for message in pending}

    outbox.deliver(WH_A, sender, (OutboxKind.OUTBOUND_CREATED,), why())

    assert sent == [1, 3, 2]


def test_nobody_is_asked_to_give_back_what_he_has_not_heard_of(three: FakePool) -> None:
    test_what_is_asked_back_goes_before_instructions(three)

    assert [message.id for message in next_chunk([4, 1, 2, 3], False)] == [1, 2, 3]


def test_batches_go_by_their_earliest_promise(pool: FakePool, stopped: StoppedClock) -> None:
    for number in (1, 2, 3):
        pool.take([payload(number)], run=f"run-{number}")
    promised(pool, 30, 20, 10)
    with transaction() as conn:
        assert by_promise(conn, [1, 2, 3], NOON) == (3, 2, 1)


def test_orders_that_go_on_share_batches_with_those_of_near_promises(
    three: FakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    three.execute("update batch set state = 'abandoned', closed_at = created_at")
    monkeypatch.setattr(settings(), "batch_size", 2)
    with transaction() as conn:
        first, second = resume_waiting(conn, why("run-2")).batch_ids

    assert three.rows("select order_id from order_state where batch_id = %s order by 1", first) == [(2,), (3,)]
    assert three.rows("select order_id from order_state where batch_id = %s", second) == [(1,)]


def test_reports_of_warehouses_go_before_those_of_carriers(pool: FakePool, stopped: StoppedClock) -> None:
    with transaction() as conn:
        keep_all(conn, "carrier:kuaidi100", {"a": "{}"})
        keep_all(conn, "wms:WH-B", {str(number): "{}" for number in range(CHUNK - 1)})
        keep_all(conn, "wms:WH-A", {"a": "{}", "b": "{}"})
        work_off_inbox(conn, why())

    assert pool.rows("select source, message_id from inbox where state = 'new' order by id") == [
        ("carrier:kuaidi100", "a"),
        ("wms:WH-A", "b"),
    ]


def test_notices_of_shops_are_no_reports(pool: FakePool, stopped: StoppedClock) -> None:
    with transaction() as conn:
        keep_all(conn, "shop:WOO", {"a": "{}"})
        assert work_off_inbox(conn, why()) is None


def test_a_promo_says_how_many_calls_are_made_at_a_time(pool: FakePool, stopped: StoppedClock) -> None:
    before = senders_now(WH_A)
    promo_on("big", NOON + timedelta(hours=1), "sale", why())

    assert (before, senders_now(WH_A)) == (SENDERS, shipped_profiles()["big"].senders)


@pytest.mark.parametrize(("age_s", "presses"), [(9, False), (11, True), (599, True), (601, False)])
def test_while_orders_wait_only_warehouses_get_all_calls(
    three: FakePool, stopped: StoppedClock, age_s: int, presses: bool
) -> None:
    three.execute("update batch set created_at = %s", NOON - timedelta(seconds=age_s))

    assert senders_now(WH_A) == SENDERS
    assert senders_now("shop:WOO") == senders_now("carrier:kuaidi100") == (SENDERS // 4 if presses else SENDERS)


def test_batches_that_are_through_press_nobody(three: FakePool, stopped: StoppedClock) -> None:
    three.execute("update batch set created_at = %s, state = 'closed', closed_at = %s", NOON - 20 * SECOND, NOON)

    assert senders_now("shop:WOO") == SENDERS
