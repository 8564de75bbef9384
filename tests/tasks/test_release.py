"""Holds that a person ends, and those that nobody can decide away."""

import pytest

from models.database import transaction
from models.errors import SetupError
from models.hold import Finding, HoldCode, place_holds
from tasks.release import release_by_hand
from tasks.resume import resume_waiting
from tests.fakes import FakePool, payload, why


def hold(code: HoldCode, **evidence: str) -> None:
    with transaction() as conn:
        place_holds(conn, [(1, Finding(code, "for a test", evidence))], why())


def release(code: str, reason: str = "called the buyer", shop: str = "", order_no: str = "1") -> str:
    with transaction() as conn:
        return release_by_hand(conn, order_no, code, reason, why(), shop=shop)


@pytest.fixture
def waiting(pool: FakePool) -> FakePool:
    """An order that came as far as validate and waits as a duplicate."""
    pool.stock(TEA=10)
    pool.take([payload(1)])
    pool.through_the_stages(to="validate")
    hold(HoldCode.DUPLICATE)
    pool.execute("update batch set state = 'closed'")
    return pool


def test_a_released_order_goes_on_and_its_story_says_why(waiting: FakePool) -> None:
    assert release("DUPLICATE") == "WOO"

    assert waiting.holds() == {}
    assert waiting.rows("select detail from event where what = 'released'") == [
        ({"code": "DUPLICATE", "reason": "called the buyer"},)
    ]
    with transaction() as conn:
        assert resume_waiting(conn, why()).orders == 1


@pytest.mark.parametrize(
    "code",
    "UNPAID BLOCKED REFUNDING SHIPPED_ELSEWHERE BAD_QUANTITY BAD_ADDRESS UNKNOWN_SKU SHORT_STOCK SHORT_ROUTE".split(),
)
def test_a_hold_that_states_a_fact_is_not_released_by_hand(waiting: FakePool, code: str) -> None:
    hold(HoldCode(code))

    with pytest.raises(SetupError, match=f"order 1: cannot release {code} by hand; it ends when"):
        release(code)

    assert code in waiting.holds()["1"]


def test_a_part_whose_whole_is_on_its_way_is_not_released_by_hand(waiting: FakePool) -> None:
    waiting.execute("""update hold set evidence = '{"split_from": "77"}'""")

    with pytest.raises(SetupError, match="it ends when order 77, which it was split from"):
        release("DUPLICATE")


@pytest.mark.parametrize(
    ("wish", "obstacle"),
    [
        ({"code": "SKIPPED"}, "cannot release SKIPPED; it is not held for that"),
        ({"code": "NONSENSE"}, "the codes are DUPLICATE, BAD_AMOUNT"),
        ({"code": "DUPLICATE", "reason": ""}, "say why with --reason"),
        ({"code": "DUPLICATE", "order_no": "9"}, "order 9: cannot release DUPLICATE; it is not in the pool"),
        ({"code": "DUPLICATE", "shop": "JD"}, "it is not in the pool as an order of JD"),
    ],
)
def test_a_release_that_cannot_be_made_says_why(waiting: FakePool, wish: dict[str, str], obstacle: str) -> None:
    with pytest.raises(SetupError, match=obstacle):
        release(**wish)


def test_an_order_number_of_two_shops_asks_for_the_shop(waiting: FakePool) -> None:
    waiting.take([payload(2)])
    waiting.execute(
        """insert into shop (code, channel, name, active, lock_unpaid, poll_minutes, settings, created_at)
           select 'JD', 'jd', name, active, lock_unpaid, poll_minutes, settings, created_at from shop"""
    )
    waiting.execute("update orders set order_no = '1', shop_id = (select id from shop where code = 'JD') where id = 2")

    with pytest.raises(SetupError, match="2 orders of JD, WOO have this number: name one with --shop"):
        release("DUPLICATE")
    assert release("DUPLICATE", shop="WOO") == "WOO"
