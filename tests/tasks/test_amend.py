"""What becomes of an order and its stock when the shop reports a newer version of it."""

import json
from pathlib import Path

import pytest

from models.database import transaction
from tasks.dispatch import dispatch_batch
from tests.fakes import FakePool, payload, why

DATA = Path(__file__).parents[1] / "data" / "orders"


@pytest.fixture
def tea(pool: FakePool) -> FakePool:
    """Ten units of TEA, and an order of three that has come as far as route."""
    pool.stock(TEA=10)
    pool.take([payload(1, units={"TEA": 3})])
    pool.through_the_stages(to="route")
    assert pool.locked() == 3
    return pool


def lock_ends(pool: FakePool) -> list[tuple[str, int]]:
    return pool.rows("select state, count(*) from lock group by 1 order by 1")


@pytest.mark.parametrize("status", ["cancelled", "refunded", "failed"])
def test_a_cancelled_order_gives_its_stock_back_once(tea: FakePool, status: str) -> None:
    for minute in (1, 2):
        tea.take([payload(1, minute, status, {"TEA": 3})], run=f"run-{minute}")
        tea.through_the_stages()

    assert tea.stages() == {"1": "cancelled"}
    assert tea.locked() == 0
    assert lock_ends(tea) == [("moved", 1), ("released", 1)]
    assert tea.untrue() == []


def test_a_cancelled_order_never_gets_a_document(tea: FakePool) -> None:
    tea.take([payload(1, 1, "cancelled", {"TEA": 3})])

    tea.through_the_stages()

    assert tea.rows("select count(*) from outbound_document") == [(0,)]


def test_the_failed_runs_dispatch_finds_nothing_of_an_order_cancelled_since(tea: FakePool) -> None:
    (first,) = tea.open_batches()
    tea.take([payload(1, 1, "cancelled", {"TEA": 3})])

    with transaction() as conn:
        count = dispatch_batch(conn, first, why())

    assert (count.orders, count.documents) == (0, 0)


def test_a_larger_basket_locks_the_new_quantity(tea: FakePool) -> None:
    tea.take([payload(1, 1, units={"TEA": 5})])
    tea.through_the_stages()

    assert tea.stages() == {"1": "dispatched"}
    assert tea.locked() == 5
    assert tea.rows("select quantity from allocation") == [(5,)]
    assert tea.untrue() == []


def test_a_basket_that_no_longer_fits_waits_without_a_lock(tea: FakePool) -> None:
    tea.take([payload(1, 1, units={"TEA": 11})])
    tea.through_the_stages()

    assert tea.holds() == {"1": ["SHORT_STOCK"]}
    assert tea.locked() == 0
    assert tea.rows("select count(*) from outbound_document") == [(0,)]


def test_an_order_paid_later_joins_the_window_in_which_it_was_paid(pool: FakePool) -> None:
    pool.stock(TEA=10)
    pool.take([payload(1, 0, "pending")])
    pool.through_the_stages()
    assert (pool.holds(), pool.locked()) == ({"1": ["UNPAID"]}, 0)

    count = pool.take([payload(1, 1), payload(2, 1)], run="run-2")
    pool.through_the_stages()

    assert (count.stored, count.joined) == (1, 1)
    assert pool.stages() == {"1": "dispatched", "2": "dispatched"}
    assert pool.holds() == {}
    assert pool.rows("select count(distinct batch_id) from order_state") == [(1,)]


def test_after_dispatch_a_newer_version_is_noted_and_the_order_stays(tea: FakePool) -> None:
    tea.through_the_stages()

    tea.take([payload(1, 1, "cancelled", {"TEA": 3})])
    tea.through_the_stages()

    assert tea.stages() == {"1": "dispatched"}
    assert tea.rows("select pay_state from orders") == [("cancelled",)]
    assert tea.locked() == 3
    assert tea.untrue() == []


def test_an_order_shipped_by_somebody_else_is_held_and_gives_up_its_stock(tea: FakePool) -> None:
    tea.take([payload(1, 1, "completed", {"TEA": 3})])
    tea.through_the_stages()

    assert tea.holds() == {"1": ["SHIPPED_ELSEWHERE"]}
    assert tea.locked() == 0


def test_a_masked_receiver_that_comes_later_leaves_the_fuller_one(pool: FakePool) -> None:
    pool.execute("update shop set channel = 'tmall'")
    (masked, *_) = json.loads((DATA / "taobao.json").read_text("utf-8"))
    clear = masked | {"receiver_name": "张伟", "receiver_mobile": "13800005678", "receiver_address": "某某路1号"}

    pool.take([clear])
    pool.take([masked | {"modified": "2026-11-20 10:00:00"}], run="run-2")

    ((*_, name, phone, address, last4, _lines),) = pool.orders()
    assert (name, phone, address, last4) == ("张伟", "13800005678", "某某路1号", "5678")
