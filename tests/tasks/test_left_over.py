"""Orders that a killed run left in a closed batch, without a hold, are taken up after a while."""

from datetime import datetime, timedelta

import pytest

from models.database import transaction
from models.hold import Finding, HoldCode, place_holds
from tasks.left_over import LEFT_AFTER, LOOKED_FOR, left_over
from tasks.lock_stock import lock_batch
from tasks.resume import resume_waiting
from tests.fakes import NOON, FakePool, payload, why

MONDAY = NOON + timedelta(days=3)


@pytest.fixture
def left(pool: FakePool) -> FakePool:
    """An order that was short when its batch closed; an old run came back on Monday, locked it, and was killed."""
    pool.stock(TEA=0)
    pool.take([payload(1)])
    pool.through_the_stages()
    pool.deliver_more("TEA", 5)
    with transaction() as conn:
        lock_batch(conn, 1, why(at=MONDAY))
    assert (pool.stages(), pool.holds()) == ({"1": "locked"}, {})
    return pool


def resume(pool: FakePool, at: datetime) -> int:
    with transaction() as conn:
        count = resume_waiting(conn, why("resume", at))
    pool.through_the_stages(batches=count.batch_ids)
    return count.orders


def test_it_is_taken_up_once_when_the_run_has_had_its_time(left: FakePool) -> None:
    assert resume(left, MONDAY + LEFT_AFTER - timedelta(seconds=1)) == 0
    assert resume(left, MONDAY + LEFT_AFTER) == 1

    assert left.stages() == {"1": "dispatched"}
    assert resume(left, MONDAY + 2 * LEFT_AFTER) == 0
    assert left.untrue() == []


def test_it_is_found_although_nobody_resumed_anything_for_two_days(left: FakePool) -> None:
    assert resume(left, MONDAY + LOOKED_FOR - timedelta(hours=1)) == 1


def test_a_batch_that_was_not_worked_on_for_days_is_not_read(left: FakePool) -> None:
    assert resume(left, MONDAY + LOOKED_FOR) == 0


@pytest.mark.parametrize("stage", ["ingested", "validated", "routed"])
def test_it_is_taken_up_wherever_it_stands(pool: FakePool, stage: str) -> None:
    pool.stock(TEA=5)
    pool.take([payload(1)])
    to = {"ingested": "", "validated": "validate", "routed": "route"}[stage]
    if to:
        pool.through_the_stages(to=to)
    pool.execute("update batch set state = 'closed', closed_at = %s", NOON)

    assert resume(pool, NOON + LEFT_AFTER) == 1
    assert pool.stages() == {"1": "dispatched"}


def test_an_order_that_is_held_is_not_left_over(left: FakePool) -> None:
    with transaction() as conn:
        place_holds(conn, [(1, Finding(HoldCode.SKIPPED, "parked", {}))], why())

    assert resume(left, MONDAY + LEFT_AFTER) == 0


def test_an_order_that_waits_for_room_is_not_left_over(pool: FakePool) -> None:
    pool.stock(TEA=5)
    pool.take([payload(1)])
    pool.through_the_stages(to="route")
    pool.execute("update batch set state = 'closed', closed_at = %s", NOON)
    pool.execute(
        "insert into release_wait (order_id, warehouse_id, due_at, paid_at, since) values (1, 1, %s, %s, %s)",
        *[NOON] * 3,
    )
    with transaction() as conn:
        assert left_over(conn, NOON + LEFT_AFTER) == []


def test_an_order_of_a_batch_that_belongs_to_a_run_is_left_to_it(pool: FakePool) -> None:
    pool.stock(TEA=5)
    pool.take([payload(1)])
    pool.through_the_stages(to="lock_stock")

    assert resume(pool, NOON + 2 * LEFT_AFTER) == 0


def test_an_order_that_carries_no_goods_is_not_left_over(pool: FakePool) -> None:
    pool.take([payload(1)])
    pool.execute("update orders set kind = 'header'")
    pool.execute("update batch set state = 'closed', closed_at = %s", NOON)

    assert resume(pool, NOON + LEFT_AFTER) == 0
    assert pool.stages() == {"1": "ingested"}
