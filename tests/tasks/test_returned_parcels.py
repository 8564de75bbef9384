"""Parcels that the carrier brings back open a return, once."""

from datetime import timedelta

import pytest

from connectors.base import Scan, Trace
from models.database import transaction
from models.rules.returns import Verdict
from tasks.reconcile import reconcile
from tasks.trace import apply_traces, take_parcels
from tests.clocks import TickingClock
from tests.fakes import NOON, FakePool
from tests.tasks.returning import announced, arrived, by_code, inspected, li, on_the_way, shipped, stock, told


@pytest.fixture
def order_id(pool: FakePool, ticking: TickingClock) -> int:
    """An order of 3 TEA and 1 CUP that left in the box YT70001."""
    pool.stock(TEA=10, CUP=10)
    return shipped(pool)


def came_back(times: int = 1) -> None:
    """The carrier tells that the parcel came back."""
    scan = Scan(NOON + timedelta(days=2), "returned", "", "退回签收", "")
    for _ in range(times):
        with transaction() as conn:
            trace = Trace("yuantong", "YT70001", "returned", (scan,))
            apply_traces(conn, [(1, take_parcels(conn, "id", [1])[1], trace)], li())


def returns(pool: FakePool) -> list[tuple[object, ...]]:
    return pool.rows(
        """select r.kind, r.state, r.carrier, r.waybill, f.state, f.amount_fen, sum(l.quantity)::int
           from return_order r join refund f on f.return_id = r.id join return_line l on l.return_id = r.id
           group by r.id, f.return_id order by r.id"""
    )


def test_it_opens_a_return_that_waits_for_inspection_once(pool: FakePool, order_id: int) -> None:
    came_back(times=2)

    assert returns(pool) == [("intercepted", "arrived", "yuantong", "YT70001", "none", 8000, 4)]
    found = by_code("YT70001")
    with transaction() as conn:
        from tasks.return_rows import take_return

        row = take_return(conn, found)
    inspected(row, TEA=Verdict(good=3), CUP=Verdict(good=1))
    assert (stock(pool, "TEA"), stock(pool, "CUP")) == (10, 10)
    assert reconcile() == []


def test_what_the_buyer_announced_already_is_left_to_that_return(pool: FakePool, order_id: int) -> None:
    announced(order_id, {1: 2})
    came_back()

    assert [(row[0], row[1], row[6]) for row in returns(pool)] == [
        ("return", "arrived", 2),
        ("intercepted", "arrived", 2),
    ]
    assert reconcile() == []


def test_nothing_is_opened_where_all_of_it_is_announced(pool: FakePool, order_id: int) -> None:
    found = announced(order_id, {1: 3, 2: 1})
    came_back()

    assert returns(pool) == [("return", "arrived", "yuantong", "YT70001", "wanted", 8000, 4)]
    assert told(pool, order_id, "return%") == ["return_announced", "return_arrived"]
    assert by_code("YT70001") == found.id
    inspected(arrived(found), TEA=Verdict(good=3), CUP=Verdict(good=1))
    assert (stock(pool, "TEA"), reconcile()) == (10, [])


def test_a_return_under_a_waybill_of_its_own_goes_on_waiting(pool: FakePool, order_id: int) -> None:
    on_the_way(announced(order_id, {1: 3}))
    announced(order_id, {2: 1})
    came_back()

    assert [row[:4] for row in returns(pool)] == [
        ("return", "on_the_way", "shunfeng", "SF1234567890"), ("return", "arrived", "yuantong", "YT70001"),
    ]  # fmt: skip
