"""Kits in numbers: whole pieces over boxes, and money over units."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from models.rules.kits import kits_by_box, kits_touched, shared_fen, whole_kits

PER_UNIT = st.dictionaries(st.integers(1, 4), st.integers(1, 3), min_size=1, max_size=3)
BOXES = st.lists(st.dictionaries(st.integers(1, 4), st.integers(1, 5), max_size=4), max_size=5)


def test_a_kit_is_whole_when_its_scarcest_component_is() -> None:
    assert whole_kits({1: 1, 2: 2}, {1: 5, 2: 7}) == 3
    assert whole_kits({1: 1, 2: 2}, {1: 5}) == 0


def test_a_kit_counts_for_the_box_with_its_last_unit() -> None:
    assert kits_by_box({1: 1, 2: 2}, [{1: 2}, {2: 3}, {2: 1}]) == [0, 1, 1]


def test_a_thing_that_is_no_kit_counts_by_its_units() -> None:
    assert kits_by_box({7: 1}, [{7: 2}, {7: 1}]) == [2, 1]


@given(PER_UNIT, BOXES)
def test_boxes_hold_as_many_kits_as_all_their_units_make_up(
    per_unit: dict[int, int], boxes: list[dict[int, int]]
) -> None:
    together = sum((Counter(box) for box in boxes), Counter[int]())

    assert sum(kits_by_box(per_unit, boxes)) == whole_kits(per_unit, together)


@given(PER_UNIT, BOXES, BOXES)
def test_a_later_box_changes_nothing_of_earlier_ones(
    per_unit: dict[int, int], boxes: list[dict[int, int]], later: list[dict[int, int]]
) -> None:
    assert kits_by_box(per_unit, [*boxes, *later])[: len(boxes)] == kits_by_box(per_unit, boxes)


def test_kits_are_touched_as_long_as_any_unit_of_them_is_to_come() -> None:
    assert kits_touched({1: 1, 2: 2}, {2: 3}) == 2
    assert kits_touched({1: 1, 2: 2}, {}) == 0


def test_money_falls_evenly_and_to_the_fen() -> None:
    assert shared_fen(1000, [1, 1, 1]) == [333, 333, 334]
    assert shared_fen(4000, [4, 2]) == [2666, 1334]


def test_money_is_shared_where_nothing_has_a_weight() -> None:
    assert shared_fen(101, [0, 0]) == [50, 51]
    assert shared_fen(101, []) == []


@given(st.integers(0, 10**9), st.lists(st.integers(0, 1000), min_size=1, max_size=8))
def test_shares_add_up_and_none_is_negative(total_fen: int, weights: list[int]) -> None:
    shares = shared_fen(total_fen, weights)

    assert sum(shares) == total_fen
    assert min(shares) >= 0


@given(st.integers(0, 10**6), st.lists(st.integers(1, 100), min_size=1, max_size=8))
def test_equal_units_of_one_price_are_worth_that_price(price_fen: int, units: list[int]) -> None:
    assert shared_fen(price_fen * sum(units), units) == [price_fen * number for number in units]
