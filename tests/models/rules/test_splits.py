"""Families of split orders: each piece of goods leaves once, whoever came first."""

from hypothesis import given
from hypothesis import strategies as st

from models.order import Stage
from models.rules.splits import Member, settle


def test_what_was_split_gives_way_to_all_its_children() -> None:
    family = {
        1: Member("P", "", Stage.LOCKED),
        2: Member("C1", "P", Stage.INGESTED),
        3: Member("C2", "P", Stage.ROUTED),
    }
    settlement = settle(family)
    assert (settlement.closed, settlement.held) == ({1: (2, 3)}, {})


def test_children_of_what_is_on_its_way_are_held() -> None:
    family = {1: Member("P", "", Stage.DISPATCHED), 2: Member("C1", "P", Stage.INGESTED)}
    settlement = settle(family)
    assert (settlement.closed, settlement.held) == ({}, {2: 1})


def test_grandchildren_of_what_is_on_its_way_are_held_and_the_order_between_is_closed() -> None:
    family = {
        1: Member("P", "", Stage.DISPATCHED),
        2: Member("C", "P", Stage.VALIDATED),
        3: Member("G", "C", Stage.INGESTED),
    }
    settlement = settle(family)
    assert (settlement.closed, settlement.held) == ({2: (3,)}, {3: 1})


def test_a_child_whose_order_is_not_here_goes_its_way() -> None:
    assert settle({2: Member("C", "P", Stage.INGESTED)}).held == {}


def test_orders_split_from_each_other_end() -> None:
    family = {
        1: Member("A", "B", Stage.INGESTED),
        2: Member("B", "A", Stage.DISPATCHED),
        3: Member("S", "S", Stage.LOCKED),
    }
    assert settle(family).closed == {1: (2,)}


@given(
    st.lists(
        st.tuples(st.integers(-1, 5), st.sampled_from([Stage.INGESTED, Stage.LOCKED, Stage.DISPATCHED])), max_size=6
    )
)
def test_no_order_is_free_to_leave_beside_one_above_it(tree: list[tuple[int, Stage]]) -> None:
    family = {
        i: Member(str(i), str(parent) if 0 <= parent < i else "", stage) for i, (parent, stage) in enumerate(tree)
    }
    settlement = settle(family)
    leaving = {i for i in family if i not in settlement.closed and i not in settlement.held}
    new = {i for i in leaving if family[i].stage is not Stage.DISPATCHED}
    for i in new:
        above = family[i].split_from
        while above:
            assert int(above) not in leaving
            above = family[int(above)].split_from
