"""Goods that come back: never more than left, stock again only when good, each once."""

import threading
from collections.abc import Callable

import pytest

from models.database import transaction
from models.errors import SetupError
from models.rules.returns import ReturnKind, ReturnState, Verdict
from tasks.reconcile import reconcile
from tasks.return_rows import ReturnRow
from tasks.returns import call_off, close
from tests.clocks import TickingClock
from tests.fakes import FakePool
from tests.tasks.returning import announced, arrived, inspected, inspected_in, li, on_the_way, shipped, stock, told


@pytest.fixture
def order_id(pool: FakePool, ticking: TickingClock) -> int:
    """An order of 3 TEA and 1 CUP that left WH-A, where 7 TEA and 9 CUP stay."""
    pool.stock(TEA=10, CUP=10)
    return shipped(pool)


def state(pool: FakePool) -> list[str]:
    return [row[0] for row in pool.rows("select state from return_order order by id")]


def test_good_units_are_stock_again_and_others_are_not(pool: FakePool, order_id: int) -> None:
    found = on_the_way(announced(order_id, {1: 3, 2: 1}))
    done = inspected(arrived(found), TEA=Verdict(good=1, defect=1, empty=1), CUP=Verdict(wrong=1))

    assert (stock(pool, "TEA"), stock(pool, "CUP")) == (8, 9)
    assert done.state is ReturnState.INSPECTED
    assert pool.rows("select quantity, reason, reference from stock_movement where reason = 'returned'") == [
        (1, "returned", found.no)
    ]
    assert told(pool, order_id, "return%") == [
        "return_announced", "return_on_the_way", "return_arrived", "return_inspected",
    ]  # fmt: skip
    assert pool.untrue() == []
    assert reconcile() == []


def test_a_return_of_good_units_alone_is_closed_by_its_inspection(pool: FakePool, order_id: int) -> None:
    inspected(arrived(announced(order_id, {1: 2})), TEA=Verdict(good=2))

    assert state(pool) == ["closed"]
    assert told(pool, order_id, "return%")[-1] == "return_closed"


def test_goods_come_into_the_warehouse_where_they_are_inspected(pool: FakePool, order_id: int) -> None:
    inspected_in("WH-B", announced(order_id, {1: 2}), {"TEA": Verdict(good=2)})

    assert (stock(pool, "TEA"), stock(pool, "TEA", "WH-B")) == (7, 2)
    assert pool.untrue() == []


def test_defective_goods_wait_until_somebody_says_what_became_of_them(pool: FakePool, order_id: int) -> None:
    found = inspected(arrived(announced(order_id, {1: 1})), TEA=Verdict(defect=1))
    with transaction() as conn:
        with pytest.raises(SetupError, match="say what became of the goods"):
            close(conn, found.id, " ", li())
        close(conn, found.id, "scrapped", li())

    assert state(pool) == ["closed"]
    assert stock(pool, "TEA") == 7


@pytest.mark.parametrize(
    ("pieces", "sentence"),
    [
        (
            {1: 4},
            "order 1: cannot return more than was shipped (line 1: 4 of TEA wanted, 3 shipped, 0 of them returned "
            "already)",
        ),
        ({3: 1}, "order 1: cannot return line 3; it has no such line"),
        ({1: -1}, "order 1: cannot return -1 of line 1"),
        ({1: 0}, "order 1: nothing of it is to come back; name lines and how many pieces of each"),
    ],
)
def test_what_cannot_come_back_is_refused(pool: FakePool, order_id: int, pieces: dict[int, int], sentence: str) -> None:
    with pytest.raises(SetupError) as error:
        announced(order_id, pieces)

    assert str(error.value) == sentence
    assert state(pool) == []


def test_no_more_comes_back_than_was_shipped_over_all_returns(pool: FakePool, order_id: int) -> None:
    announced(order_id, {1: 2})

    with pytest.raises(SetupError, match="2 of TEA wanted, 3 shipped, 2 of them returned already"):
        announced(order_id, {1: 2})
    announced(order_id, {1: 1})


def test_units_that_did_not_come_may_be_announced_again(pool: FakePool, order_id: int) -> None:
    inspected(arrived(announced(order_id, {1: 3})), TEA=Verdict(good=1, empty=1, wrong=1))
    announced(order_id, {1: 2})

    with pytest.raises(SetupError, match="3 of them returned already"):
        announced(order_id, {1: 1})


def test_a_return_that_was_called_off_counts_no_more(pool: FakePool, order_id: int) -> None:
    found = announced(order_id, {1: 3})
    with transaction() as conn:
        call_off(conn, found.id, "the buyer keeps it", li())

    announced(order_id, {1: 3})
    assert state(pool) == ["called_off", "announced"]


def at_once(*wishes: Callable[[], object]) -> list[str]:
    """Do things at the same moment; gives what stood in the way of those that could not be done."""
    start = threading.Barrier(len(wishes))
    problems: list[str] = []

    def run(wish: Callable[[], object]) -> None:
        start.wait()
        try:
            wish()
        except SetupError as error:
            problems.append(str(error))

    threads = [threading.Thread(target=run, args=(wish,)) for wish in wishes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return problems


def test_two_returns_at_once_do_not_take_more_than_was_shipped(pool: FakePool, order_id: int) -> None:
    problems = at_once(*[lambda: announced(order_id, {1: 2})] * 4)

    assert len(problems) == 3
    assert pool.rows("select sum(quantity) from return_line") == [(2,)]


def test_two_inspections_at_once_bring_the_units_back_once(pool: FakePool, order_id: int) -> None:
    found = arrived(announced(order_id, {1: 2}))
    problems = at_once(
        *[lambda: inspected(found, TEA=Verdict(good=2))] * 3, lambda: inspected(found, TEA=Verdict(good=1, defect=1))
    )

    good = pool.rows("select sum(good) from return_line")[0][0]
    assert len(problems) == (1 if good == 2 else 3)
    assert "cannot be inspected again; it is" in problems[0]
    assert stock(pool, "TEA") == 7 + good
    assert (pool.untrue(), reconcile()) == ([], [])


def test_the_same_verdicts_told_again_change_nothing(pool: FakePool, order_id: int) -> None:
    found = announced(order_id, {1: 2})
    for _ in range(2):
        inspected(found, TEA=Verdict(good=1, defect=1))

    assert stock(pool, "TEA") == 8
    with pytest.raises(SetupError, match="cannot be inspected again; it is inspected, with other findings"):
        inspected(found, TEA=Verdict(good=2))


@pytest.mark.parametrize(
    ("verdicts", "sentence"),
    [
        ({"TEA": Verdict(good=3)}, "2 of TEA of line 1 were announced, and 3 are judged"),
        ({"CUP": Verdict(good=1)}, "CUP was not announced"),
        ({"TEA": Verdict(good=-1)}, "no such number of units"),
        ({"TEA": Verdict()}, "say what came, a box without goods is empty"),
    ],
)
def test_verdicts_that_cannot_be_are_refused(
    pool: FakePool, order_id: int, verdicts: dict[str, Verdict], sentence: str
) -> None:
    found = arrived(announced(order_id, {1: 2}))

    with pytest.raises(SetupError, match=sentence):
        inspected(found, **verdicts)
    assert (state(pool), stock(pool, "TEA")) == (["arrived"], 7)


def test_an_open_return_alone_has_its_waybill(pool: FakePool, order_id: int) -> None:
    first, second = announced(order_id, {1: 1}), announced(order_id, {1: 1})
    on_the_way(first)
    on_the_way(first)

    with pytest.raises(SetupError, match=f"return {second.no}: cannot be given waybill SF1234567890; {first.no} has"):
        on_the_way(second)
    inspected(first, TEA=Verdict(good=1))
    assert on_the_way(second).state is ReturnState.ON_THE_WAY


def test_a_waybill_is_corrected_while_the_goods_travel(pool: FakePool, order_id: int) -> None:
    found = on_the_way(announced(order_id, {1: 1}))
    assert on_the_way(found, "SF9999999999").waybill == "SF9999999999"
    assert "return_renumbered" in told(pool, order_id)

    arrived(found)
    with pytest.raises(SetupError, match="cannot be given a waybill; it is arrived"):
        on_the_way(found, "SF1111111111")


def test_what_arrived_is_not_called_off(order_id: int) -> None:
    found = arrived(announced(order_id, {1: 1}))

    with transaction() as conn, pytest.raises(SetupError, match="cannot be called off; it is arrived"):
        call_off(conn, found.id, "changed her mind", li())


def test_parts_of_a_kit_come_back_as_they_left(pool: FakePool, ticking: TickingClock) -> None:
    pool.stock(TEA=10, CUP=10)
    pool.kit("SET", TEA=1, CUP=2)
    kit = shipped(pool, units={"SET": 2})
    found = inspected(arrived(announced(kit, {1: 1})), TEA=Verdict(good=1), CUP=Verdict(good=1, defect=1))

    assert (stock(pool, "TEA"), stock(pool, "CUP")) == (9, 7)
    assert pool.rows("select amount_fen from refund where return_id = %s", found.id) == [(2000,)]
    with pytest.raises(SetupError, match="4 of CUP wanted, 4 shipped, 2 of them returned already"):
        announced(kit, {1: 2})


def test_nothing_of_an_order_that_did_not_leave_comes_back(pool: FakePool) -> None:
    pool.stock(TEA=10)
    pool.batch_of([{"TEA": 1}])

    with pytest.raises(SetupError, match="1 of TEA wanted, 0 shipped"):
        announced(1, {1: 1})


def test_a_return_needs_a_reason_and_hides_what_is_personal_in_it(pool: FakePool, order_id: int) -> None:
    with pytest.raises(SetupError, match="without a reason"):
        announced(order_id, {1: 1}, reason=" ")
    announced(order_id, {1: 1}, reason="call 13812345678")

    assert pool.rows("select reason from return_order") == [("call 138****5678",)]


def test_a_wish_that_makes_no_sense_is_refused(order_id: int) -> None:
    with pytest.raises(SetupError, match="opens its return by itself"):
        announced(order_id, {1: 1}, kind=ReturnKind.INTERCEPTED)
    with pytest.raises(SetupError, match="only an exchange sends other goods out"):
        announced(order_id, {1: 1}, instead={"CUP": 1})
    with pytest.raises(SetupError, match="warehouse WH-X: there is no such warehouse"):
        announced(order_id, {1: 1}, warehouse="WH-X")


def test_units_that_a_count_had_seen_come_back_once(pool: FakePool, order_id: int) -> None:
    found: ReturnRow = arrived(announced(order_id, {1: 2}))
    pool.execute("update stock set counted_at = %s", li().at.replace(year=2027))
    inspected(found, TEA=Verdict(good=2))

    assert stock(pool, "TEA") == 7
    assert pool.rows("select quantity, reason from stock_movement where reference = %s order by id", found.no) == [
        (2, "returned"),
        (-2, "counted already"),
    ]
    assert reconcile() == []
