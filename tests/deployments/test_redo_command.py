"""`orderpool redo` and `skip` as a person gives them."""

import pytest

from tests.deployments.calling import answer
from tests.fakes import FakePool, payload


@pytest.fixture
def failed(database: str) -> FakePool:
    """Orders 1 and 2 routed in batch 1, whose run failed; order 3 of it is dispatched."""
    pool = FakePool()
    pool.stock(TEA=10)
    pool.take([payload(n) for n in (1, 2, 3)])
    pool.through_the_stages(to="route")
    pool.execute("update order_state set stage = 'dispatched' where order_id = 3")
    return pool


def test_orders_are_sent_back_each_with_its_sentence(failed: FakePool) -> None:
    assert answer("redo", "lock_stock", "--order", "1", "--order", "3", "--reason", "counted anew") == (
        1,
        "order 1 of WOO: goes back and does lock_stock again with the next resume_orders run\n"
        "orderpool: order 3: cannot redo lock_stock; it is dispatched: `orderpool order cancel 3` calls it off while "
        "no warehouse has it\n",
    )
    assert answer("redo", "dispatch", "--order", "2", "--reason", "so") == (
        0,
        "order 2 of WOO: had not done dispatch yet, it is routed; it goes on with the next resume_orders run\n",
    )
    assert failed.stages() == {"1": "validated", "2": "routed", "3": "dispatched"}


def test_a_batch_is_told_in_numbers(failed: FakePool) -> None:
    failed.execute("update order_state set stage = 'cancelled' where order_id = 3")

    assert answer("redo", "route", "--batch", "1", "--reason", "new areas") == (
        0,
        "batch 1: 2 orders go back and do route again, 0 had not done it yet; all go on with the next resume_orders "
        "run\n",
    )
    assert failed.rows("select distinct actor like 'person:%', detail->>'reason' from event where what = 'redone'") == [
        (True, "new areas")
    ]


def test_orders_or_a_batch_are_parked(failed: FakePool) -> None:
    assert answer("skip", "--order", "1", "--reason", "poison") == (
        0,
        "order 1 of WOO: parked; `orderpool order release 1 --code SKIPPED` lets it go on\n",
    )
    assert answer("skip", "--batch", "1", "--stage", "dispatch", "--reason", "poison") == (
        0,
        "batch 1: 2 orders are parked under SKIPPED; now its run can be retried\n",
    )
    assert failed.holds() == {"1": ["SKIPPED"], "2": ["SKIPPED"]}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("redo", "route", "--reason", "so"), "name either a batch with --batch or orders with --order"),
        (("skip", "--order", "1", "--batch", "1", "--reason", "so"), "name either a batch with --batch or orders"),
        (("skip", "--order", "1", "--stage", "route", "--reason", "so"), "--stage route goes with --batch"),
        (("redo", "ship", "--batch", "1", "--reason", "so"), "there is no stage ship; the stages are validate,"),
        (("redo", "route", "--batch", "9", "--reason", "so"), "batch 9: is not in the pool"),
    ],
)
def test_a_wish_that_cannot_be_is_one_sentence(database: str, arguments: tuple[str, ...], said: str) -> None:
    code, told = answer(*arguments)

    assert (code, told.count("\n")) == (1, 1)
    assert told.startswith(f"orderpool: {said}")
