"""`orderpool order merge` and `unmerge` as a person gives them."""

import pytest

from tests.deployments.test_order_desk import order
from tests.fakes import FakePool


@pytest.fixture
def pair(database: str) -> FakePool:
    """Two validated orders of one buyer to one receiver."""
    pool = FakePool()
    pool.stock(TEA=10)
    pool.batch_of([{"TEA": 1}, {"TEA": 2}])
    pool.execute("update orders set buyer_key = 'mei'")
    pool.execute("update receiver set receiver_hash = 'home', masked = false")
    return pool


def test_orders_are_merged_and_unmerged_by_their_numbers(pair: FakePool) -> None:
    code, said = order("merge", "1", "2", "--reason", "one box will do")
    assert (code, said.count("is to leave in one parcel with the others")) == (0, 2)
    assert pair.rows("select order_id from merge_member where left_at is null order by 1") == [(1,), (2,)]

    code, said = order("unmerge", "2", "--reason", "it goes by itself")

    assert (code, said.count("order 2 of WOO: is to leave by itself")) == (0, 1)
    assert pair.rows("select order_id from merge_member where left_at is null") == []


def test_a_refused_order_is_told_with_its_sentence(pair: FakePool) -> None:
    pair.execute("update receiver set masked = true")

    code, said = order("merge", "1", "2", "--reason", "one box will do")

    assert code == 1
    assert "order 1: cannot merge; nothing tells who receives it" in said
