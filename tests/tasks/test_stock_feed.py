"""Stock feeds: what they change of shelves, once, whenever they come and whatever they count."""

from datetime import timedelta

import pytest

from models.errors import SetupError
from models.feeds import Counts
from tests.fakes import FakePool
from tests.tasks.feeding import LATER, count, dispatched, report, ship, stands


@pytest.fixture
def shop(pool: FakePool) -> FakePool:
    """A pool with 20 TEA in WH-A."""
    pool.stock(TEA=20)
    return pool


def test_a_physical_count_is_what_is_on_hand(shop: FakePool) -> None:
    count({"TEA": 17}, 0)

    assert stands(shop) == (17, 0, 0)
    assert shop.rows("select quantity, reason from stock_movement") == [(-3, "count")]
    assert shop.untrue() == []


def test_what_left_after_the_count_is_taken_off(shop: FakePool) -> None:
    (no,) = dispatched(shop, 5)
    ship(no, 10)

    count({"TEA": 18}, 5)

    assert stands(shop) == (13, 0, 0)
    assert shop.untrue() == []


def test_what_left_before_the_count_is_not_taken_off_again_when_it_is_told_later(shop: FakePool) -> None:
    (no,) = dispatched(shop, 5)
    count({"TEA": 15}, 10)

    ship(no, 5)

    assert stands(shop) == (15, 0, 0)
    assert shop.untrue() == []


def test_a_count_that_comes_after_a_later_one_changes_nothing(shop: FakePool) -> None:
    count({"TEA": 15}, 10)

    assert count({"TEA": 18}, 5).late == 1

    assert stands(shop) == (15, 0, 0)


def test_a_feed_applied_twice_counts_once(shop: FakePool) -> None:
    count({"TEA": 15}, 10)

    assert count({"TEA": 12}, 10).again

    assert stands(shop) == (15, 0, 0)
    assert shop.rows("select changed from stock_feed") == [(1,)]


def test_of_two_counts_of_one_moment_the_newer_counts(shop: FakePool) -> None:
    count({"TEA": 15}, 10, name="typed wrong")

    count({"TEA": 18}, 10, name="typed right")

    assert stands(shop) == (18, 0, 0)
    assert shop.untrue() == []


def test_what_is_packed_and_has_not_left_is_added_to_a_count_without_it(shop: FakePool) -> None:
    packed, picked = dispatched(shop, 5, 3)
    report("packed", packed, 1)
    report("picked", picked, 1)

    count({"TEA": 15}, 10, Counts.NET_OF_SHIPPED)

    assert stands(shop) == (20, 8, 0)


def test_what_the_warehouse_has_accepted_is_added_to_a_count_of_what_is_available(shop: FakePool) -> None:
    accepted, unknown = dispatched(shop, 5, 3)
    report("accepted", accepted, 1)

    count({"TEA": 15}, 10, Counts.AVAILABLE)

    assert stands(shop) == (20, 8, 0)
    assert ship(unknown, 20) == ""
    assert stands(shop) == (17, 5, 0)
    assert shop.untrue() == []


def test_an_acceptance_that_is_told_after_the_count_mends_it(shop: FakePool) -> None:
    (no,) = dispatched(shop, 5)
    count({"TEA": 15}, 10, Counts.AVAILABLE)
    assert stands(shop) == (15, 5, 0)

    report("accepted", no, 5)

    assert stands(shop) == (20, 5, 0)
    assert shop.untrue() == []


def test_a_shipment_that_is_told_after_a_count_of_what_is_available_is_not_kept_any_more(shop: FakePool) -> None:
    (no,) = dispatched(shop, 5)
    report("accepted", no, 1)
    count({"TEA": 15}, 10, Counts.AVAILABLE)
    assert stands(shop) == (20, 5, 0)

    ship(no, 5)

    assert stands(shop) == (15, 0, 0)
    assert shop.untrue() == []


def test_an_instruction_that_was_given_back_before_the_count_is_not_kept(shop: FakePool) -> None:
    (no,) = dispatched(shop, 5)
    report("accepted", no, 1)
    count({"TEA": 20}, 10, Counts.AVAILABLE)
    assert stands(shop) == (25, 5, 0)

    report("cancelled", no, 5)

    assert stands(shop) == (20, 5, 0)
    assert shop.untrue() == []


def test_a_change_moves_stock(shop: FakePool) -> None:
    count({"TEA": -4}, 5, Counts.CHANGE)

    assert stands(shop) == (16, 0, 0)
    assert shop.rows("select quantity, reason from stock_movement") == [(-4, "change")]


def test_a_change_that_the_last_count_has_seen_changes_nothing(shop: FakePool) -> None:
    count({"TEA": 16}, 10)

    assert count({"TEA": -4}, 5, Counts.CHANGE).late == 1

    assert stands(shop) == (16, 0, 0)
    assert shop.untrue() == []


def test_a_change_known_by_its_reference_counts_once_whoever_sends_it_again(shop: FakePool) -> None:
    count({"TEA": -4}, 5, Counts.CHANGE, "adjustment 1")
    shop.execute("update stock_feed set reference = 'another message'")

    assert not count({"TEA": -4}, 6, Counts.CHANGE, "adjustment 1").taken

    assert stands(shop) == (16, 0, 0)


def test_a_first_count_opens_a_shelf(shop: FakePool) -> None:
    assert count({"TEA_B": 7}, 0).opened == 1

    assert stands(shop, "TEA_B") == (7, 0, 0)
    assert shop.rows("select opening from stock order by warehouse_id") == [(20,), (7,)]
    assert shop.untrue() == []


def test_a_count_of_the_future_is_refused(shop: FakePool) -> None:
    with pytest.raises(SetupError, match="as of 2026-11-20 12:10: cannot be taken over; it is only 2026-11-20 12:04"):
        count({"TEA": 7}, 10, known=LATER - timedelta(days=1) + timedelta(minutes=4))
