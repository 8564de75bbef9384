"""Every queue tells what waits in it, since when, and what came and left a minute."""

from datetime import timedelta

import pytest

from models.database import transaction
from tasks.inbox import keep_all
from tasks.pressure import Flow, Queue, QueueOf, pressure
from tests.clocks import StoppedClock
from tests.fakes import NOON, FakePool, payload

LATER = NOON + timedelta(minutes=10)


def queues(at_minutes: float = 10) -> dict[str, Queue]:
    with transaction() as conn:
        return {queue.name: queue for queue in pressure(conn, NOON + timedelta(minutes=at_minutes))}


@pytest.fixture
def sent(pool: FakePool) -> FakePool:
    """Two orders are dispatched at noon; the instruction of the first was delivered 8 minutes later."""
    pool.stock(TEA=10)
    pool.take([payload(1), payload(2)])
    pool.through_the_stages("dispatch")
    pool.execute(
        "update outbox set state = 'delivered', delivered_at = %s where id = (select min(id) from outbox)",
        NOON + timedelta(minutes=8),
    )
    return pool


def test_an_empty_pool_has_no_queues(pool: FakePool) -> None:
    assert queues() == {}


def test_messages_wait_by_counterpart_and_kind(sent: FakePool) -> None:
    queue = queues()["outbox warehouse:WH-A outbound.created"]

    assert (queue.waiting, queue.oldest_at, queue.age_s(LATER)) == (1, NOON, 600)


def test_what_came_and_left_is_counted_over_both_spans(sent: FakePool) -> None:
    flow = queues()["outbox warehouse:WH-A outbound.created"].flow

    assert flow == Flow(arrived_short=0, drained_short=1 / 5, arrived_long=2 / 60, drained_long=1 / 60)


def test_what_left_more_than_an_hour_ago_is_not_counted(sent: FakePool) -> None:
    sent.execute("update outbox set state = 'delivered', delivered_at = %s", NOON)

    assert "outbox warehouse:WH-A outbound.created" not in queues(at_minutes=61)


def test_pushed_messages_wait_by_sender(pool: FakePool, stopped: StoppedClock) -> None:
    with transaction() as conn:
        keep_all(conn, "shop:WOO", {"a": "{}", "b": "{}"})
        keep_all(conn, "wms:WH-A", {"a": "{}"})

    assert {name: queue.waiting for name, queue in queues().items()} == {"inbox shop:WOO": 2, "inbox wms:WH-A": 1}


def test_orders_of_open_batches_wait_by_stage_and_in_all(pool: FakePool) -> None:
    pool.stock(TEA=10)
    pool.take([payload(1), payload(2, status="pending")])
    pool.through_the_stages("route")

    # the unpaid one waits for its buyer, not in a queue
    assert {name: queue.waiting for name, queue in queues().items()} == {"orders": 1, "orders routed": 1}


def test_a_closed_batch_has_left(pool: FakePool) -> None:
    pool.stock(TEA=10)
    pool.take([payload(1), payload(2)])
    pool.through_the_stages()
    flow = queues(at_minutes=1)["orders"].flow

    assert flow is not None
    assert (flow.arrived_short, flow.drained_short) == (2 / 5, 2 / 5)


def test_orders_without_room_wait_by_warehouse(pool: FakePool) -> None:
    pool.execute(
        """insert into release_wait (order_id, warehouse_id, due_at, paid_at, since)
           select 1, id, %s, %s, %s from warehouse where code = 'WH-A'""",
        LATER,
        NOON,
        NOON,
    )

    assert [(queue.name, queue.waiting, queue.oldest_at) for queue in queues().values()] == [("release WH-A", 1, NOON)]


def test_orders_whose_wait_ended_are_a_queue(pool: FakePool) -> None:
    pool.execute(
        """insert into hold (order_id, code, sentence, evidence, rule_version, placed_at, released_at, resume_due)
           select 1, code, '', '{}', 1, %s, %s, true from unnest(array['MANUAL', 'REMARK']) code""",
        NOON,
        NOON,
    )

    assert queues()["resume"].waiting == 1


def queue_of(waiting: int, came: float, left: float) -> Queue:
    return Queue(QueueOf.OUTBOX, "shop:WOO", "ship_back", waiting, NOON, Flow(came, left, 0, 0))


@pytest.mark.parametrize(
    ("waiting", "came", "left", "grows", "minutes"),
    [(60, 10, 40, False, 2.0), (60, 40, 10, True, None), (60, 0, 0, False, None), (0, 9, 9, False, 0.0)],
)
def test_the_outlook_follows_what_came_and_left(
    waiting: int, came: float, left: float, grows: bool, minutes: float | None
) -> None:
    queue = queue_of(waiting, came, left)

    assert (queue.grows, queue.drains_in_min) == (grows, minutes)
