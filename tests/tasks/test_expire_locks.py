"""Stock kept for orders that are not paid: it comes back in time, and never from an order that still needs it."""

from datetime import timedelta

import pytest

from models.database import transaction
from models.hold import Finding, HoldCode, place_holds
from tasks.expire_locks import expire_locks
from tasks.resume import end_waits
from tasks.shop_settings import set_shop
from tests.fakes import NOON, FakePool, payload, why


@pytest.fixture
def unpaid(pool: FakePool) -> FakePool:
    """An unpaid order of 3 of 4 TEA in a shop that locks unpaid orders."""
    pool.stock(TEA=4)
    pool.execute("update shop set lock_unpaid = true")
    pool.take([payload(1, status="pending", units={"TEA": 3})])
    pool.through_the_stages()
    assert (pool.holds(), pool.locked()) == ({"1": ["UNPAID"]}, 3)
    return pool


def expire(minutes: float) -> int:
    """Let locks expire so long after noon; gives how many orders lost theirs."""
    with transaction() as conn:
        return expire_locks(conn, why("expire", NOON + timedelta(minutes=minutes)))


def test_an_unpaid_order_loses_its_stock_when_its_time_is_over(unpaid: FakePool) -> None:
    assert (expire(29), expire(30), expire(31)) == (0, 1, 0)

    assert unpaid.locked() == 0
    assert unpaid.holds() == {"1": ["LOCK_EXPIRED", "UNPAID"]}
    assert unpaid.stages() == {"1": "validated"}
    assert unpaid.untrue() == []


def test_the_time_is_a_setting_of_the_shop(pool: FakePool) -> None:
    set_shop("WOO", {"unpaid_lock_minutes": "90"})
    pool.stock(TEA=4)
    pool.execute("update shop set lock_unpaid = true")
    pool.take([payload(1, status="pending")])
    pool.through_the_stages()

    assert (expire(89), expire(90)) == (0, 1)


def test_what_expired_is_there_for_others(unpaid: FakePool) -> None:
    expire(31)
    unpaid.take([payload(2, units={"TEA": 4})], run="run-2")
    unpaid.through_the_stages()

    assert unpaid.stages()["2"] == "dispatched"


def test_a_paid_order_keeps_its_lock_throughout(unpaid: FakePool) -> None:
    unpaid.take([payload(1, 1, units={"TEA": 3})], run="run-2")

    assert unpaid.rows("select quantity, expires_at from lock where state = 'open'") == [(3, None)]
    assert expire(60) == 0
    unpaid.through_the_stages()
    assert unpaid.stages() == {"1": "dispatched"}
    assert unpaid.rows("select count(*) from lock where state = 'released'") == [(0,)]


@pytest.mark.parametrize("code", ["BLOCKED", "REFUNDING", "SKIPPED", "BAD_ADDRESS"])
def test_an_order_held_for_another_reason_keeps_its_stock(unpaid: FakePool, code: str) -> None:
    with transaction() as conn:
        place_holds(conn, [(1, Finding(HoldCode(code), "for a test", {}))], why())

    assert (expire(60), unpaid.locked()) == (0, 3)


def test_an_order_at_a_warehouse_keeps_its_stock(unpaid: FakePool) -> None:
    unpaid.take([payload(1, 1, units={"TEA": 3})], run="run-2")
    unpaid.through_the_stages()
    unpaid.execute("update orders set pay_state = 'unpaid'")
    unpaid.execute("update lock set expires_at = %s where state = 'open'", NOON)

    assert (expire(60), unpaid.locked()) == (0, 3)


def test_an_order_paid_after_its_time_is_locked_anew(unpaid: FakePool) -> None:
    expire(31)
    unpaid.take([payload(1, 40, units={"TEA": 3})], run="run-2")
    unpaid.through_the_stages()

    assert (unpaid.stages(), unpaid.holds(), unpaid.locked()) == ({"1": "dispatched"}, {}, 3)
    assert unpaid.untrue() == []


def test_an_order_paid_when_its_stock_is_gone_is_short(unpaid: FakePool) -> None:
    expire(31)
    unpaid.take([payload(2, units={"TEA": 4})], run="run-2")
    unpaid.through_the_stages()
    unpaid.take([payload(1, 40, units={"TEA": 3})], run="run-3")
    unpaid.through_the_stages()

    assert unpaid.holds() == {"1": ["SHORT_STOCK"]}


def test_an_order_that_expired_and_is_cancelled_ends(unpaid: FakePool) -> None:
    expire(31)
    unpaid.take([payload(1, 40, "cancelled", units={"TEA": 3})], run="run-2")
    unpaid.through_the_stages()

    assert (unpaid.stages(), unpaid.holds(), unpaid.locked()) == ({"1": "cancelled"}, {}, 0)


def test_the_batch_of_an_expired_order_run_again_takes_no_stock(unpaid: FakePool) -> None:
    unpaid.execute("update batch set state = 'open'")
    expire(31)

    unpaid.through_the_stages()

    assert unpaid.locked() == 0


def test_a_resume_run_lets_locks_expire(unpaid: FakePool) -> None:
    end_waits(why("resume", NOON + timedelta(minutes=31)))

    assert unpaid.holds() == {"1": ["LOCK_EXPIRED", "UNPAID"]}


def test_an_expired_order_that_changes_and_is_still_not_paid_takes_no_stock(unpaid: FakePool) -> None:
    expire(31)
    unpaid.take([payload(1, 40, "pending", units={"TEA": 2})], run="run-2")
    unpaid.through_the_stages()

    assert unpaid.locked() == 0
    assert unpaid.holds() == {"1": ["LOCK_EXPIRED", "UNPAID"]}
