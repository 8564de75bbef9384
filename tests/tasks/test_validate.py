"""Review: a doubtful order is held, a feed that is wrong as a whole stops its batch until a person accepts it."""

import pytest

from models.database import transaction
from models.errors import FeedError
from tasks.accept import accept
from tasks.validate import record_feed_finding, validate_batch
from tests.fakes import FakePool, payload, why


@pytest.fixture
def stocked(pool: FakePool) -> FakePool:
    pool.stock(TEA=100)
    return pool


def validate(pool: FakePool) -> None:
    (batch_id,) = pool.open_batches()
    try:
        with transaction() as conn:
            validate_batch(conn, batch_id, why())
    except FeedError as error:
        record_feed_finding(batch_id, error)
        raise


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"status": "pending", "date_paid_gmt": None}, "UNPAID"),
        ({"status": "completed"}, "SHIPPED_ELSEWHERE"),
        ({"total": "0.00"}, "BAD_AMOUNT"),
        ({"total": "999999.00"}, "BAD_AMOUNT"),
        ({"line_items": payload(2, units={"TEA": -1})["line_items"]}, "BAD_QUANTITY"),
        ({"line_items": payload(2, units={"NOT-OURS": 1})["line_items"]}, "UNKNOWN_SKU"),
        ({"shipping": payload(2)["shipping"] | {"phone": ""}}, "BAD_FIELD"),
        ({"shipping": payload(2)["shipping"] | {"state": "ZZ", "city": "Atlantis", "address_1": "x"}}, "BAD_ADDRESS"),
    ],
)
def test_a_doubtful_order_is_held_and_its_batch_goes_on(
    stocked: FakePool, change: dict[str, object], code: str
) -> None:
    stocked.take([payload(1), payload(2) | change, payload(3)])

    validate(stocked)

    assert code in stocked.holds()["2"]
    assert "1" not in stocked.holds()
    assert set(stocked.stages().values()) == {"validated"}


def test_an_order_number_that_came_through_another_shop_is_held(stocked: FakePool) -> None:
    stocked.take([payload(1), payload(5)])
    validate(stocked)
    stocked.execute("update batch set state = 'closed', closed_at = created_at")
    stocked.take([payload(2, number="1"), payload(3)], run="run-2")

    validate(stocked)

    assert stocked.rows(
        "select o.external_id from hold h join orders o on o.id = h.order_id where h.code = 'DUPLICATE'"
    ) == [("2",)]


@pytest.fixture
def wrong_feed(stocked: FakePool) -> FakePool:
    """40 orders whose totals are a hundred times too large."""
    stocked.take([payload(n, units={"TEA": 1}, total="2000.00") for n in range(1, 41)])
    return stocked


def test_a_feed_that_is_wrong_as_a_whole_fails_the_step_and_moves_no_order(wrong_feed: FakePool) -> None:
    with pytest.raises(FeedError, match="40 of 40 orders: the total is not of the size"):
        validate(wrong_feed)

    assert set(wrong_feed.stages().values()) == {"ingested"}
    assert wrong_feed.holds() == {}


def test_an_accepted_batch_goes_on(wrong_feed: FakePool) -> None:
    with pytest.raises(FeedError):
        validate(wrong_feed)
    accept(wrong_feed.open_batches()[0], "bulk prices, checked with the shop", "person:li")

    validate(wrong_feed)

    assert set(wrong_feed.stages().values()) == {"validated"}
    assert wrong_feed.rows("select accepted_by from batch where accepted_at is not null") == [("person:li",)]


def test_a_few_wrong_totals_are_no_wrong_feed(stocked: FakePool) -> None:
    stocked.take([payload(n, units={"TEA": 1}, total="2000.00" if n <= 19 else "20.00") for n in range(1, 41)])

    validate(stocked)

    assert set(stocked.stages().values()) == {"validated"}


def test_a_feed_of_which_much_cannot_be_read_fails_the_step(stocked: FakePool) -> None:
    stocked.take([payload(n) | ({"total": "many"} if n <= 20 else {}) for n in range(1, 61)])

    with pytest.raises(FeedError, match="20 of 60 orders could not be read"):
        validate(stocked)


def test_validating_twice_holds_once(stocked: FakePool) -> None:
    stocked.take([payload(1, 0, "pending")])

    validate(stocked)
    validate(stocked)

    assert stocked.rows("select count(*) from hold") == [(1,)]
