"""Holds that a person ends, and those that nobody can decide away."""

import pytest

from models.database import transaction
from models.errors import SetupError
from models.hold import Finding, HoldCode, place_holds
from models.rules.hold_ends import ENDS_OTHERWISE
from tasks import desk
from tasks.decided import Decided
from tasks.resume import resume_waiting
from tests.fakes import FakePool, why


def hold(code: HoldCode, **evidence: str) -> None:
    with transaction() as conn:
        place_holds(conn, [(1, Finding(code, "for a test", evidence))], why())


def release(code: str, reason: str = "called the buyer") -> Decided:
    return desk.release([1], code, reason, why())


@pytest.fixture
def waiting(pool: FakePool) -> FakePool:
    """An order that is validated and waits as a duplicate."""
    pool.stock(TEA=10)
    pool.batch_of([{"TEA": 1}])
    hold(HoldCode.DUPLICATE)
    pool.execute("update batch set state = 'closed'")
    return pool


def test_a_released_order_goes_on_and_its_story_says_why(waiting: FakePool) -> None:
    assert release("duplicate") == Decided([1])

    assert waiting.holds() == {}
    assert waiting.rows("select detail from event where what = 'released'") == [
        ({"code": "DUPLICATE", "reason": "called the buyer"},)
    ]
    with transaction() as conn:
        assert resume_waiting(conn, why()).orders == 1


@pytest.mark.parametrize("code", sorted(ENDS_OTHERWISE))
def test_a_hold_that_states_a_fact_is_not_released_by_hand(waiting: FakePool, code: str) -> None:
    hold(HoldCode(code))

    refused = release(code).refused[1]

    assert refused.startswith(f"order 1: cannot release {code} by hand; it ends when")
    assert code in waiting.holds()["1"]


def test_a_part_whose_whole_is_on_its_way_is_not_let_go_by_hand(waiting: FakePool) -> None:
    waiting.execute("""update hold set evidence = '{"split_from": "77"}'""")

    assert "it ends when order 77, which it was split from" in release("DUPLICATE").refused[1]
    assert "it ends when order 77, which it was split from" in desk.approve([1], "looked at it", why()).refused[1]
    assert waiting.holds() == {"1": ["DUPLICATE"]}


def test_a_hold_that_is_not_open_is_refused_and_ends_no_other(waiting: FakePool) -> None:
    assert release("SKIPPED").refused == {1: "order 1: cannot release SKIPPED; it is not held for that"}
    assert waiting.holds() == {"1": ["DUPLICATE"]}


@pytest.mark.parametrize(
    ("code", "reason", "obstacle"),
    [
        ("NONSENSE", "so", "there is no hold NONSENSE; the codes are DUPLICATE, BAD_AMOUNT"),
        ("DUPLICATE", " ", "orders cannot be released without a reason; say why"),
    ],
)
def test_a_wish_that_cannot_be_meant_says_why(waiting: FakePool, code: str, reason: str, obstacle: str) -> None:
    with pytest.raises(SetupError, match=obstacle):
        release(code, reason)
