"""Counts below what is locked: nothing is sold that is not there, the orders are named, and it closes by itself."""

from datetime import timedelta

import pytest

from models.alert import AlertRule
from models.database import transaction
from models.feeds import Counts
from models.stock import LockState
from tasks.alerts import raise_alerts
from tasks.ledger import end_locks
from tasks.lock_stock import lock_batch
from tasks.reconcile import reconcile
from tasks.resume import resume_waiting
from tasks.shortfalls import open_shortfalls, shortfalls_now
from tests.fakes import NOON, FakePool, payload, why
from tests.tasks.feeding import LATER, count, dispatched, report, ship, stands


@pytest.fixture
def shop(pool: FakePool) -> FakePool:
    """A pool with 10 TEA in WH-A."""
    pool.stock(TEA=10)
    return pool


def locked(pool: FakePool, *units: int) -> int:
    """Orders that lock so many TEA each and are not routed; gives their batch."""
    batch_id = pool.batch_of([{"TEA": number} for number in units])
    with transaction() as conn:
        lock_batch(conn, batch_id, why())
    return batch_id


def named(pool: FakePool) -> list[tuple[str, int]]:
    return pool.rows(
        """select o.order_no, t.units from shortfall_order t join orders o on o.id = t.order_id order by 1"""
    )


def test_a_count_below_what_is_locked_names_the_last_orders_in_the_queue(shop: FakePool) -> None:
    dispatched(shop, 4, 4, 2)

    (found,) = count({"TEA": 7}, 5).shortfalls

    assert stands(shop) == (10, 10, 3)
    assert (found.subject, found.missing, found.locked) == ("stock:WH-A:TEA", 3, 10)
    assert found.orders == (("3", "WOO", 2), ("2", "WOO", 1))
    assert named(shop) == [("2", 1), ("3", 2)]
    assert shop.untrue() == []


def test_an_earlier_promise_is_threatened_last(shop: FakePool) -> None:
    dispatched(shop, 4, 4, 2)
    shop.execute("update orders set ship_by = %s where order_no = '3'", NOON)

    count({"TEA": 7}, 5)

    assert named(shop) == [("2", 3)]


def test_a_change_below_what_is_locked_is_a_shortfall_as_well(shop: FakePool) -> None:
    dispatched(shop, 4, 4)

    count({"TEA": -5}, 5, Counts.CHANGE, "broken")

    assert stands(shop) == (8, 8, 3)
    assert named(shop) == [("2", 3)]
    assert shop.untrue() == []


def test_units_that_are_found_again_close_it(shop: FakePool) -> None:
    dispatched(shop, 4, 4)
    count({"TEA": 7}, 5)

    count({"TEA": 9}, 10)

    assert stands(shop) == (9, 8, 0)
    assert shop.rows("select closed_at from shortfall") == [(LATER,)]
    assert shop.untrue() == []


def test_a_later_count_renews_the_record_instead_of_opening_a_second(shop: FakePool) -> None:
    dispatched(shop, 4, 4, 2)
    count({"TEA": 7}, 5)

    count({"TEA": 9}, 10)

    assert shop.rows("select counted, missing from shortfall") == [(9, 1)]
    assert named(shop) == [("3", 1)]


def test_missing_units_leave_as_soon_as_their_locks_end(shop: FakePool) -> None:
    dispatched(shop, 4, 4, 2)
    count({"TEA": 7}, 5)
    lock_ids = [row[0] for row in shop.rows("select id from lock where state = 'open' and quantity = 2")]

    with transaction() as conn:
        end_locks(conn, lock_ids, LockState.RELEASED, why(at=LATER))

    assert stands(shop) == (8, 8, 1)
    assert shop.untrue() == []


def test_what_left_before_the_count_and_is_told_later_closes_it(shop: FakePool) -> None:
    first, *_ = dispatched(shop, 4, 4)
    count({"TEA": 6}, 10)
    assert stands(shop) == (8, 8, 2)

    ship(first, 5)

    assert stands(shop) == (6, 4, 0)
    assert shop.rows("select count(*) from shortfall where closed_at is null") == [(0,)]
    assert shop.untrue() == []


def test_all_that_is_there_can_leave_under_a_shortfall(shop: FakePool) -> None:
    first, second = dispatched(shop, 4, 4)
    count({"TEA": 5}, 5)

    assert ship(first, 10) == ""
    assert stands(shop) == (4, 4, 3)
    assert ship(second, 11, 1) == ""

    assert stands(shop) == (0, 0, 0)
    assert shop.untrue() == []


def test_orders_that_are_not_routed_give_back_what_no_warehouse_has(shop: FakePool) -> None:
    locked(shop, 4, 3, 3)

    done = count({"TEA": 6}, 5)

    assert done.gave_back == 2
    assert shop.stages() == {"1": "locked", "2": "ingested", "3": "ingested"}
    assert stands(shop) == (6, 0, 0)
    assert shop.locked() == 4
    assert shop.untrue() == []


def test_an_order_that_gave_back_says_so_and_goes_on_with_the_next_resume(shop: FakePool) -> None:
    locked(shop, 4, 3)
    count({"TEA": 5}, 5)
    shop.execute("update batch set state = 'closed' where state = 'open'")

    with transaction() as conn:
        resumed = resume_waiting(conn, why("run-2", at=LATER))
    shop.execute("update order_state set stage = 'validated' where stage = 'ingested'")
    with transaction() as conn:
        lock_batch(conn, resumed.batch_ids[0], why(at=LATER))

    assert shop.rows("select detail from event where what = 'gave_back'") == [({"units": {"TEA": 3}},)]
    assert resumed.orders == 1
    assert shop.holds() == {"2": ["SHORT_STOCK"]}
    assert shop.untrue() == []


def test_an_order_gives_back_its_other_goods_too(shop: FakePool) -> None:
    shop.stock(CUP=5)
    batch_id = shop.batch_of([{"TEA": 6, "CUP": 2}, {"TEA": 4, "CUP": 3}])
    with transaction() as conn:
        lock_batch(conn, batch_id, why())

    count({"TEA": 9}, 5)

    assert (shop.locked("TEA"), shop.locked("CUP")) == (6, 2)
    assert shop.untrue() == []


def test_routed_orders_keep_their_units_while_others_give_back(shop: FakePool) -> None:
    dispatched(shop, 5)
    locked(shop, 3)

    count({"TEA": 4}, 5)

    assert stands(shop) == (5, 5, 1)
    assert named(shop) == [("1", 1)]
    assert shop.stages() == {"1": "dispatched", "2": "ingested"}
    assert shop.untrue() == []


def test_an_instruction_the_warehouse_gave_back_can_take_units_from_orders_that_wait(shop: FakePool) -> None:
    (no,) = dispatched(shop, 5)
    report("accepted", no, 1)
    count({"TEA": 10}, 10, Counts.AVAILABLE)
    locked(shop, 9)
    assert stands(shop) == (15, 5, 0)

    report("cancelled", no, 5)

    assert stands(shop) == (10, 5, 0)
    assert shop.stages()["2"] == "ingested"
    assert shop.untrue() == []


def test_a_shortfall_is_one_alert_that_closes_by_itself(shop: FakePool) -> None:
    dispatched(shop, 4, 4)
    count({"TEA": 7}, 5)
    with transaction() as conn:
        raised = raise_alerts(conn, AlertRule.STOCK_SHORTFALL, shortfalls_now, LATER)
    count({"TEA": 8}, 6)

    with transaction() as conn:
        closed = raise_alerts(conn, AlertRule.STOCK_SHORTFALL, shortfalls_now, LATER + timedelta(minutes=1)).closed

    assert raised.opened == ("stock:WH-A:TEA",)
    assert closed == 1


def test_the_alert_says_what_is_missing_where_and_whom_it_concerns(shop: FakePool) -> None:
    dispatched(shop, *[1] * 8)
    count({"TEA": 1}, 5)

    with transaction() as conn:
        (found,) = open_shortfalls(conn)

    assert str(found) == "warehouse WH-A: 7 of 8 locked TEA are not there; orders 8, 7, 6, 5, 4 and 2 more"


def test_a_pool_with_a_shortfall_reconciles(shop: FakePool) -> None:
    dispatched(shop, 4, 4)
    count({"TEA": 7}, 5)

    assert [found for found in reconcile() if "stock" in found.kind or "pool" in found.kind] == []


def test_the_orders_of_a_count_lock_anew_what_is_still_there(shop: FakePool) -> None:
    shop.take([payload(n, units={"TEA": 4}) for n in (1, 2)])
    shop.through_the_stages("lock_stock")

    count({"TEA": 5}, 5)

    assert shop.locked() == 4
    assert shop.rows("select count(*) from lock where state = 'released'") == [(1,)]
