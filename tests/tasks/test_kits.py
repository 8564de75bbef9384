"""Kits: what lies on shelves is locked, given back exactly, and stays what it was when the order was locked."""

import pytest

from models.database import transaction
from tasks.lock_stock import lock_batch, unlock_stock
from tests.fakes import FakePool, payload, why


@pytest.fixture
def gift(pool: FakePool) -> FakePool:
    """A kit GIFT of 2 TEA and 1 CUP; there are 10 TEA and 4 CUP."""
    pool.stock(TEA=10, CUP=4)
    pool.kit("GIFT", TEA=2, CUP=1)
    return pool


def lock(pool: FakePool, *demands: dict[str, int]) -> int:
    """Lock a batch of such orders; gives its id."""
    batch = pool.batch_of(demands)
    with transaction() as conn:
        lock_batch(conn, batch, why())
    return batch


def locks(pool: FakePool) -> list[tuple[int, int, str, int]]:
    """Open locks by order and line: which SKU, how many units."""
    return pool.rows(
        """select l.order_id, l.line_no, k.code, l.quantity from lock l join sku k on k.id = l.sku_id
           where l.state = 'open' order by 1, 2, 3"""
    )


def test_a_kit_locks_its_components(gift: FakePool) -> None:
    lock(gift, {"GIFT": 3})

    assert locks(gift) == [(1, 1, "CUP", 3), (1, 1, "TEA", 6)]
    assert gift.untrue() == []


def test_a_component_bought_besides_its_kit_is_locked_for_its_own_line(gift: FakePool) -> None:
    lock(gift, {"GIFT": 1, "TEA": 1})

    assert locks(gift) == [(1, 1, "CUP", 1), (1, 1, "TEA", 2), (1, 2, "TEA", 1)]
    assert (gift.locked("TEA"), gift.locked("CUP")) == (3, 1)


def test_as_many_kits_are_sold_as_the_scarcest_component_allows(gift: FakePool) -> None:
    lock(gift, *[{"GIFT": 1}] * 5)

    assert list(gift.stages().values()).count("locked") == 4
    assert gift.holds() == {"5": ["SHORT_STOCK"]}
    assert (gift.locked("TEA"), gift.locked("CUP")) == (8, 4)


def test_a_kit_that_lacks_one_component_locks_none(gift: FakePool) -> None:
    lock(gift, {"GIFT": 5})

    assert locks(gift) == []
    ((sentence,),) = gift.rows("select sentence from hold")
    assert sentence == "not enough stock: 5 of CUP wanted, 4 there"


def test_a_kit_that_changes_leaves_what_was_locked(gift: FakePool) -> None:
    batch = lock(gift, {"GIFT": 2})
    gift.execute("update kit_component set quantity = 4 where quantity = 2")

    with transaction() as conn:
        lock_batch(conn, batch, why())

    assert gift.rows("select sku_id, per_unit from line_component order by 1") == [(1, 2), (2, 1)]
    assert gift.rows("select sku_id, quantity from line_unit order by 1") == [(1, 4), (2, 2)]


def test_a_kit_is_given_back_with_all_its_components(gift: FakePool) -> None:
    lock(gift, {"GIFT": 2}, {"GIFT": 1})

    with transaction() as conn:
        unlock_stock(conn, [1], why())

    assert locks(gift) == [(2, 1, "CUP", 1), (2, 1, "TEA", 2)]
    assert gift.untrue() == []


def amended(pool: FakePool, before: dict[str, int], after: dict[str, int]) -> list[tuple[int, int, str, int]]:
    """The locks of an order right after the shop changed its basket."""
    pool.take([payload(1, units=before)])
    pool.through_the_stages(to="route")
    pool.take([payload(1, 1, units=after)], run="run-2")
    return locks(pool)


def test_fewer_kits_give_back_exactly_their_components(gift: FakePool) -> None:
    assert amended(gift, {"GIFT": 3}, {"GIFT": 1}) == [(1, 1, "CUP", 1), (1, 1, "TEA", 2)]
    assert gift.untrue() == []


def test_more_kits_keep_what_they_have_and_take_the_rest(gift: FakePool) -> None:
    assert amended(gift, {"GIFT": 1}, {"GIFT": 2}) == [(1, 1, "CUP", 1), (1, 1, "TEA", 2)]

    gift.through_the_stages(to="lock_stock")

    assert locks(gift) == [(1, 1, "CUP", 2), (1, 1, "TEA", 4)]
    assert gift.untrue() == []


def test_a_kit_exchanged_for_its_component_keeps_that(gift: FakePool) -> None:
    assert amended(gift, {"GIFT": 2}, {"TEA": 1}) == [(1, 1, "TEA", 1)]
    assert gift.rows("select count(*) from line_component") == [(0,)]
    assert gift.untrue() == []


@pytest.mark.parametrize(
    ("before", "after"), [({"GIFT": 1}, {"PAIR": 1}), ({"TEA": 3}, {"GIFT": 1}), ({"PAIR": 2}, {"GIFT": 1})]
)
def test_what_is_kept_of_a_kit_is_kept_for_what_it_is_made_of(
    gift: FakePool, before: dict[str, int], after: dict[str, int]
) -> None:
    gift.kit("PAIR", TEA=2)
    amended(gift, before, after)

    assert gift.rows(
        """select count(*) from lock k where k.state = 'open' and not exists (
             select 1 from line_unit u where u.order_id = k.order_id and u.line_no = k.line_no
             and u.sku_id = k.sku_id and u.quantity >= k.quantity)"""
    ) == [(0,)]
    gift.through_the_stages()
    assert gift.stages() == {"1": "dispatched"}
    assert (gift.locked("TEA"), gift.locked("CUP")) == (2, 1 if after == {"GIFT": 1} else 0)
    assert gift.untrue() == []


def test_an_order_that_begins_again_with_its_kit_keeps_what_it_was_made_of(gift: FakePool) -> None:
    gift.take([payload(1, units={"GIFT": 1})])
    gift.through_the_stages(to="route")
    gift.execute("update kit_component set quantity = 4 where quantity = 2")

    moved = payload(1)["shipping"] | {"address_1": "滨江区江南大道9号"}
    gift.take([payload(1, 1, units={"GIFT": 1}, shipping=moved)], run="run-2")
    gift.through_the_stages(to="route")

    assert gift.rows("select sku_id, quantity from line_unit order by 1") == [(1, 2), (2, 1)]
    assert (gift.locked("TEA"), gift.locked("CUP")) == (2, 1)
    assert gift.untrue() == []
