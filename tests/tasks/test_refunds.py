"""The money of returns: decided by people or by platforms, wherever the goods are."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.database import transaction
from models.errors import IllegalStep, SetupError
from models.returns import move_refunds, move_returns
from models.rules.returns import REFUND_STEPS, RETURN_STEPS, RefundState, ReturnKind, ReturnState, Verdict
from tasks.reconcile import reconcile
from tasks.refunds import decide_refund
from tasks.return_rows import ReturnRow
from tasks.returns import call_off, close
from tasks.shop_settings import set_shop
from tests.clocks import TickingClock
from tests.fakes import FakePool, payload
from tests.tasks.returning import announced, arrived, inspected, li, on_the_way, shipped, stock, told
from tests.tasks.shipping import instructed, report


@pytest.fixture
def found(pool: FakePool, ticking: TickingClock) -> ReturnRow:
    """An announced return of 2 of the 3 TEA of an order."""
    pool.stock(TEA=10, CUP=10)
    return announced(shipped(pool), {1: 2})


def decide(found: ReturnRow, to: RefundState, amount_fen: int | None = None, reason: str = "so") -> None:
    with transaction() as conn:
        decide_refund(conn, found.id, to, li(), reason=reason, amount_fen=amount_fen)


def money(pool: FakePool) -> list[tuple[str, int]]:
    return [(row[0], row[1]) for row in pool.rows("select state, amount_fen from refund order by return_id")]


def test_the_money_for_what_comes_back_is_wanted_from_the_beginning(pool: FakePool, found: ReturnRow) -> None:
    assert money(pool) == [("wanted", 4000)]
    assert told(pool, found.order_id, "refund%") == ["refund_wanted"]


def test_each_decision_is_told_with_who_and_how_much(pool: FakePool, found: ReturnRow) -> None:
    decide(found, RefundState.AGREED, 3500)
    decide(found, RefundState.ASKED)
    decide(found, RefundState.IN_DOUBT, reason="no answer")
    decide(found, RefundState.DONE)

    assert money(pool) == [("done", 3500)]
    assert pool.rows("select actor, detail from event where what = 'refund_in_doubt'") == [
        ("person:li", {"return": found.no, "amount_fen": 3500, "reason": "no answer"})
    ]
    assert reconcile() == []


def test_a_decision_taken_twice_is_one(pool: FakePool, found: ReturnRow) -> None:
    decide(found, RefundState.AGREED)
    decide(found, RefundState.AGREED)

    assert told(pool, found.order_id, "refund%") == ["refund_wanted", "refund_agreed"]


@pytest.mark.parametrize(
    ("to", "amount", "reason", "sentence"),
    [
        (RefundState.ASKED, None, "so", "its refund cannot be asked for; it is wanted"),
        (RefundState.REFUSED, None, " ", "its refund cannot be turned down without a reason; say why"),
        (RefundState.AGREED, 0, "so", "its refund cannot be agreed to; the amount must be above 0"),
        (RefundState.AGREED, 8001, "so", "the buyer paid 80.00 yuan for the order in all"),
        (RefundState.DONE, 100, "so", "its refund cannot be noted as paid with another amount"),
    ],
)
def test_what_cannot_be_decided_is_refused(
    pool: FakePool, found: ReturnRow, to: RefundState, amount: int | None, reason: str, sentence: str
) -> None:
    with pytest.raises(SetupError, match=sentence):
        decide(found, to, amount, reason)

    assert money(pool) == [("wanted", 4000)]


def refunded(pool: FakePool, yuan: str, minute: int) -> None:
    """The platform says that so much of the order went back."""
    refund = [{"id": minute, "reason": "", "total": f"-{yuan}"}]
    changed = payload(1, minute, units={"TEA": 3, "CUP": 1}, refunds=refund)
    pool.take([changed], run=f"news {minute}")


def test_a_platform_that_paid_ends_the_refund(pool: FakePool, found: ReturnRow) -> None:
    refunded(pool, "39.99", 30)
    assert money(pool) == [("wanted", 4000)]
    refunded(pool, "40.00", 31)

    assert money(pool) == [("done", 4000)]
    assert pool.rows("select detail->>'by' from event where what = 'refund_done'") == [("platform",)]
    assert reconcile() == []


def test_money_that_went_back_before_pays_no_later_return(pool: FakePool, ticking: TickingClock) -> None:
    pool.stock(TEA=10, CUP=10)
    order_id = shipped(pool)
    refunded(pool, "40.00", 30)
    announced(order_id, {1: 2})
    refunded(pool, "50.00", 31)

    assert money(pool) == [("wanted", 4000)]


def short(pool: FakePool) -> int:
    """An order of 3 TEA and 1 CUP whose CUP lacked and is to be refunded, 2000 fen; gives its id."""
    pool.stock(TEA=10, CUP=10)
    set_shop("WOO", {"short_ship": "refund"})
    instructed(pool, {"TEA": 3, "CUP": 1})
    assert report(pool, {"YT70001": {1: 3}}) == ""
    assert pool.rows("select detail->>'refund_fen' from event where what = 'refund_owed'") == [("2000",)]
    return int(pool.rows("select id from orders")[0][0])


def test_money_for_units_that_lacked_pays_no_return(pool: FakePool, ticking: TickingClock) -> None:
    announced(short(pool), {1: 1})
    refunded(pool, "20.00", 30)
    assert money(pool) == [("wanted", 2000)]
    refunded(pool, "40.00", 31)

    assert money(pool) == [("done", 2000)]


def test_a_platform_pays_those_who_ask_before_an_exchange(pool: FakePool, ticking: TickingClock) -> None:
    pool.stock(TEA=10, CUP=10)
    order_id = shipped(pool)
    announced(order_id, {1: 1}, kind=ReturnKind.EXCHANGE)
    announced(order_id, {1: 1})
    refunded(pool, "20.00", 30)

    assert money(pool) == [("none", 2000), ("done", 2000)]


def test_no_more_is_asked_for_than_was_paid(pool: FakePool, ticking: TickingClock) -> None:
    pool.stock(TEA=10, CUP=10)
    order_id = shipped(pool)
    with pytest.raises(SetupError, match=r"order 1: cannot refund 1000.00 yuan; the buyer paid 80.00 for it in all"):
        announced(order_id, {1: 1}, refund_fen=100_000)
    announced(order_id, {1: 1}, refund_fen=7000)
    with pytest.raises(SetupError, match=r"paid 80.00 for it in all, and 70.00 of them went back or are promised"):
        announced(order_id, {1: 1}, refund_fen=1001)
    announced(order_id, {1: 1})

    assert money(pool) == [("wanted", 7000), ("wanted", 1000)]


def test_returns_share_what_was_paid_with_what_lacked(pool: FakePool, ticking: TickingClock) -> None:
    order_id = short(pool)
    first, second = announced(order_id, {1: 1}), announced(order_id, {1: 1})
    with pytest.raises(SetupError, match=r"paid 80.00 yuan for the order in all, and 40.00 of them went back"):
        decide(first, RefundState.AGREED, 4001)
    decide(first, RefundState.AGREED, 4000)
    decide(second, RefundState.AGREED)

    assert money(pool) == [("agreed", 4000), ("agreed", 2000)]


def test_what_a_platform_paid_meanwhile_is_not_agreed_to_again(pool: FakePool, ticking: TickingClock) -> None:
    pool.stock(TEA=10, CUP=10)
    found = announced(shipped(pool), {1: 3, 2: 1})
    refunded(pool, "79.00", 30)
    with pytest.raises(SetupError, match=r"cannot be agreed to; .* 79.00 of them went back or are promised already"):
        decide(found, RefundState.AGREED)

    assert money(pool) == [("wanted", 8000)]


def test_what_was_called_off_before_anybody_agreed_is_promised_to_nobody(pool: FakePool, ticking: TickingClock) -> None:
    pool.stock(TEA=10, CUP=10)
    found = announced(shipped(pool), {1: 3, 2: 1})
    called_off(found)
    announced(found.order_id, {1: 3, 2: 1})

    assert money(pool) == [("wanted", 8000), ("wanted", 8000)]


STATES = [(of, to) for of in RETURN_STEPS for to in RETURN_STEPS]
MONEY = [(of, to) for of in REFUND_STEPS for to in REFUND_STEPS]


def test_every_step_of_the_goods_is_taken_or_refused_as_the_table_says(pool: FakePool, found: ReturnRow) -> None:
    for of, to in STATES:
        pool.execute("update return_order set state = %s", of.value)
        before = pool.rows("select count(*) from event")[0][0]
        done = attempt(lambda to=to: move_one(found, to))  # type: ignore[misc]
        (after,) = pool.rows("select state from return_order")[0]
        events = pool.rows("select count(*) from event")[0][0] - before
        assert (done, after, events) == ((True, to, 1) if to in RETURN_STEPS[of] else (False, of, 0))
    assert money(pool) == [("wanted", 4000)]


def test_every_step_of_the_money_is_taken_or_refused_as_the_table_says(pool: FakePool, found: ReturnRow) -> None:
    for of, to in MONEY:
        pool.execute("update refund set state = %s", of.value)
        before = pool.rows("select count(*) from event")[0][0]
        done = attempt(lambda to=to: pay_one(found, to))  # type: ignore[misc]
        (after,) = pool.rows("select state from refund")[0]
        events = pool.rows("select count(*) from event")[0][0] - before
        assert (done, after, events) == ((True, to, 1) if to in REFUND_STEPS[of] else (False, of, 0))
    assert pool.rows("select state from return_order") == [("announced",)]


def move_one(found: ReturnRow, to: ReturnState) -> None:
    with transaction() as conn:
        move_returns(conn, [found.id], to, li())


def pay_one(found: ReturnRow, to: RefundState) -> None:
    with transaction() as conn:
        move_refunds(conn, [found.id], to, li())


def attempt(step: Callable[[], object]) -> bool:
    try:
        step()
    except (IllegalStep, SetupError):
        return False
    return True


def called_off(found: ReturnRow) -> None:
    with transaction() as conn:
        call_off(conn, found.id, "so", li())


def closed(found: ReturnRow) -> None:
    with transaction() as conn:
        close(conn, found.id, "scrapped", li())


GOODS: dict[str, Callable[[ReturnRow], object]] = {
    "waybill": lambda found: on_the_way(found, f"SF{found.id:010d}"),
    "arrive": arrived,
    "inspect": lambda found: inspected(found, TEA=Verdict(good=1, defect=1)),
    "close": closed,
    "call off": called_off,
}
PAYMENTS = tuple(state for state in RefundState)


@given(
    steps=st.lists(st.sampled_from([*GOODS]), min_size=1, max_size=5),
    payments=st.lists(st.sampled_from(PAYMENTS), max_size=6),
    seed=st.randoms(use_true_random=False),
)
@settings(max_examples=24, deadline=None, suppress_health_check=list(HealthCheck))
def test_goods_and_money_go_their_ways_whatever_the_other_does(
    two_alike: tuple[FakePool, int], steps: list[str], payments: list[RefundState], seed: object
) -> None:
    pool, order_id = two_alike
    together, goods_alone, money_alone = (announced(order_id, {1: 2}) for _ in range(3))
    mixed: list[Callable[[], object]] = []
    # of both lists each in its order, drawn together as it falls
    left = [lambda step=step: GOODS[step](together) for step in steps]
    right = [lambda to=to: decide(together, to) for to in payments]
    while left or right:
        source = left if left and (not right or seed.random() < 0.5) else right  # type: ignore[attr-defined]
        mixed.append(source.pop(0))
    before = stock(pool, "TEA")
    done = [attempt(step) for step in mixed]
    came = stock(pool, "TEA") - before
    for step in steps:
        attempt(lambda step=step: GOODS[step](goods_alone))  # type: ignore[misc]
    for to in payments:
        attempt(lambda to=to: decide(money_alone, to))  # type: ignore[misc]

    rows = {
        row[0]: row[1:]
        for row in pool.rows(
            """select r.id, r.state, f.state, (select sum(good) from return_line where return_id = r.id)
               from return_order r join refund f on f.return_id = r.id"""
        )
    }
    assert len(done) == len(mixed)
    assert rows[together.id][0] == rows[goods_alone.id][0]
    assert rows[together.id][1] == rows[money_alone.id][1]
    assert came == rows[together.id][2] == rows[goods_alone.id][2]
    assert (rows[money_alone.id][0], rows[money_alone.id][2]) == ("announced", 0)


@pytest.fixture
def two_alike(pool: FakePool, ticking: TickingClock) -> tuple[FakePool, int]:
    """An order so large that many returns of it are possible."""
    pool.stock(TEA=2000)
    return pool, shipped(pool, units={"TEA": 1500})
