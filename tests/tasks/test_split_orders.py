"""Orders that the platform split: the old one gives way to the new ones, whoever comes first; never do both leave."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.registry import mapping_for
from models.database import transaction
from models.messages import OutboxKind
from tasks.outbox import Pending, deliver_due
from tasks.resume import resume_waiting
from tests.fakes import NOON, FakePool, payload, why
from tests.shared_pool import emptied


def splitting(pool: FakePool) -> FakePool:
    """The pool's shop names, for each order, the one that it was split from; 10 TEA and 10 CUP are there."""
    text = mapping_for("woocommerce").read_text("utf-8")
    own = text.replace("  order_no: [", '  split_from: {from: parent_id, unset: ["0"]}\n  order_no: [')
    assert own != text
    pool.execute("update shop set settings = %s", json.dumps({"mapping": {"body": own}}))
    pool.stock(TEA=10, CUP=10)
    return pool


@pytest.fixture
def shop(pool: FakePool) -> FakePool:
    return splitting(pool)


PARENT = payload(1, 0, units={"TEA": 2, "CUP": 1})


def child(no: int, minute: int = 2, of: int = 1, status: str = "processing", **units: int) -> dict[str, Any]:
    return payload(no, minute, status, units=units, parent_id=of)


CHILDREN = [child(2, TEA=2), child(3, CUP=1)]


def resume(pool: FakePool) -> None:
    with transaction() as conn:
        count = resume_waiting(conn, why("resume", NOON))
    pool.through_the_stages(batches=count.batch_ids)


def test_the_children_take_the_place_of_an_order_that_was_split(shop: FakePool) -> None:
    shop.take([PARENT])
    shop.through_the_stages(to="route")

    shop.take(CHILDREN, run="run-2")
    shop.through_the_stages(batches=shop.open_batches()[1:])

    assert shop.stages() == {"1": "cancelled", "2": "dispatched", "3": "dispatched"}
    assert (shop.locked("TEA"), shop.locked("CUP")) == (2, 1)
    assert shop.holds() == {}
    assert shop.untrue() == []


def test_the_event_of_a_split_names_the_children(shop: FakePool) -> None:
    shop.take([PARENT, *CHILDREN])
    shop.through_the_stages()

    assert shop.rows("select order_id, detail from event where what = 'split'") == [(1, {"into": ["2", "3"]})]


def test_a_held_order_that_was_split_is_closed_with_its_holds(shop: FakePool) -> None:
    shop.take([PARENT | {"status": "pending", "date_paid_gmt": None}])
    shop.through_the_stages()

    shop.take(CHILDREN, run="run-2")
    shop.through_the_stages()

    assert (shop.stages()["1"], shop.holds()) == ("cancelled", {})


def test_children_of_an_order_on_its_way_are_held_and_say_so(shop: FakePool) -> None:
    shop.take([PARENT])
    shop.through_the_stages()

    shop.take(CHILDREN, run="run-2")
    shop.through_the_stages()

    assert shop.stages() == {"1": "dispatched", "2": "validated", "3": "validated"}
    assert shop.holds() == {"2": ["DUPLICATE"], "3": ["DUPLICATE"]}
    ((no,),) = shop.rows("select no from outbound_document")
    sentence = f"the platform split it from order 1, which is on its way as {no}"
    assert set(shop.rows("select sentence from hold")) == {(sentence,)}
    assert (shop.locked("TEA"), shop.locked("CUP")) == (2, 1)


def test_an_order_that_comes_after_its_children_does_not_come_alive(shop: FakePool) -> None:
    shop.take(CHILDREN)
    shop.through_the_stages()

    shop.take([PARENT], run="run-2")
    shop.through_the_stages()

    assert shop.stages() == {"1": "cancelled", "2": "dispatched", "3": "dispatched"}
    assert shop.rows("select count(*) from outbound_document") == [(2,)]


def test_a_split_order_that_the_shop_amends_does_not_come_alive(shop: FakePool) -> None:
    shop.take([PARENT, *CHILDREN])
    shop.through_the_stages()

    shop.take([payload(1, 5, units={"TEA": 4, "CUP": 4})], run="run-2")
    shop.through_the_stages()

    assert shop.stages()["1"] == "cancelled"
    assert (shop.locked("TEA"), shop.locked("CUP")) == (2, 1)


def test_a_grandchild_of_an_order_on_its_way_is_held(shop: FakePool) -> None:
    shop.take([PARENT])
    shop.through_the_stages()
    shop.take([child(2, TEA=2, CUP=1)], run="run-2")
    shop.through_the_stages()

    shop.take([child(4, 3, of=2, TEA=2)], run="run-3")
    shop.through_the_stages()

    assert shop.stages() == {"1": "dispatched", "2": "cancelled", "4": "validated"}
    assert shop.holds() == {"4": ["DUPLICATE"]}


def test_a_second_child_leaves_the_first_where_it_is_held(shop: FakePool) -> None:
    shop.take([PARENT])
    shop.through_the_stages()
    shop.take([child(2, TEA=2)], run="run-2")
    shop.through_the_stages()
    before = shop.rows("select batch_id from order_state where order_id = 2")

    shop.take([child(3, CUP=1)], run="run-3")
    shop.through_the_stages()

    assert shop.rows("select batch_id from order_state where order_id = 2") == before
    assert shop.holds() == {"2": ["DUPLICATE"], "3": ["DUPLICATE"]}


def refuse_all(counterpart: str, pending: Sequence[Pending]) -> dict[int, Callable[[], None]]:
    raise AssertionError(f"{len(pending)} messages are sent to {counterpart}")


@pytest.mark.parametrize("status", ["cancelled", "on-hold"])
def test_children_go_on_when_the_order_they_were_split_from_turns_out_not_to_leave(shop: FakePool, status: str) -> None:
    shop.take([PARENT])
    shop.through_the_stages()
    shop.take(CHILDREN, run="run-2")
    shop.through_the_stages()

    shop.take([payload(1, 5, status, units={"TEA": 2, "CUP": 1})], run="run-3")
    deliver_due(refuse_all, [OutboxKind.OUTBOUND_CREATED], why())
    resume(shop)
    resume(shop)

    assert shop.stages() == {"1": "cancelled", "2": "dispatched", "3": "dispatched"}
    assert (shop.locked("TEA"), shop.locked("CUP")) == (2, 1)
    assert shop.untrue() == []


def test_shops_do_not_share_families(shop: FakePool) -> None:
    shop.take([PARENT])
    shop.execute(
        """insert into shop (code, channel, name, active, lock_unpaid, poll_minutes, settings, created_at)
           values ('WOO-2', 'woocommerce', '', true, false, 15, '{}', now())"""
    )
    shop.take(CHILDREN)
    shop.execute("update orders set shop_id = (select id from shop where code = 'WOO-2') where order_no = '1'")

    shop.through_the_stages()

    assert shop.stages()["1"] == "dispatched"


VERSIONS = [PARENT, payload(1, 1, units={"TEA": 2, "CUP": 2}), *CHILDREN, child(3, 4, CUP=2)]


@settings(max_examples=20, deadline=None)
@given(
    reading=st.permutations(range(len(VERSIONS))),
    again=st.lists(st.integers(0, len(VERSIONS) - 1), max_size=4),
    windows=st.integers(1, 5),
    to=st.sampled_from(["validate", "lock_stock", "route"]),
)
def test_whoever_comes_first_the_same_orders_leave(
    stage_database: str, reading: list[int], again: list[int], windows: int, to: str
) -> None:
    read = [VERSIONS[index] for index in [*reading, *again]]
    with emptied(stage_database):
        pool = splitting(FakePool())
        size = -(-len(read) // windows)
        for number, first in enumerate(range(0, len(read), size)):
            pool.take(read[first : first + size], run=f"run-{number}")
            pool.through_the_stages(to=to)
        pool.through_the_stages()
        resume(pool)

        assert pool.stages() == {"1": "cancelled", "2": "dispatched", "3": "dispatched"}
        assert (pool.locked("TEA"), pool.locked("CUP")) == (2, 2)
        assert pool.holds() == {}
        assert pool.untrue() == []
