"""What counts and changes make of a shelf, whatever is locked there and in whatever order they are learnt."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from models.rules.stock_feed import (
    Holder,
    Moved,
    Standing,
    after_count,
    after_moves,
    after_recount,
    give_back,
    is_counted,
    is_late,
    threatened,
    units_now,
)

NOON = datetime(2026, 11, 20, 4, tzinfo=UTC)


@st.composite
def shelves(draw: st.DrawFn) -> Standing:
    there, locked = draw(st.integers(0, 30)), draw(st.integers(0, 30))
    return Standing(0, locked).with_units(there, NOON)


def test_a_count_compares_with_what_was_believed_to_be_there() -> None:
    found, moves = after_count(Standing(10, 4), 7, "F1", NOON)

    assert found == Standing(7, 4, 0, NOON)
    assert moves == [Moved(-3, "count", "F1", NOON)]


def test_what_is_locked_and_not_there_stays_on_hand_as_missing() -> None:
    found, moves = after_count(Standing(10, 8), 5, "F1", NOON)

    assert found == Standing(8, 8, 3, NOON)
    assert [(move.quantity, move.reason) for move in moves] == [(-5, "count"), (3, "missing")]


@given(shelves(), st.integers(0, 40))
def test_movements_explain_what_a_count_changed(shelf: Standing, there: int) -> None:
    found, moves = after_count(shelf, there, "F1", NOON)

    assert found.there == there
    assert found.on_hand - shelf.on_hand == sum(move.quantity for move in moves)
    assert found.locked <= found.on_hand
    assert 0 <= found.missing <= found.locked


@given(shelves(), st.lists(st.tuples(st.integers(-9, 9).filter(bool), st.integers(1, 9)), max_size=6))
def test_movements_explain_what_changes_changed(shelf: Standing, changes: list[tuple[int, int]]) -> None:
    moves = [Moved(units, "change", str(n), NOON + timedelta(minutes=m)) for n, (units, m) in enumerate(changes)]

    found, booked, late = after_moves(shelf, moves)

    assert late == 0
    assert found.on_hand - shelf.on_hand == sum(move.quantity for move in booked)
    assert found.there == units_now(shelf.there, (move.quantity for move in sorted(moves, key=lambda m: m.occurred_at)))


@given(shelves(), st.integers(-9, 9).filter(bool))
def test_a_change_that_was_counted_is_booked_with_its_opposite(shelf: Standing, units: int) -> None:
    found, booked, late = after_moves(shelf, [Moved(units, "change", "A", NOON)])

    assert (found, late) == (shelf, 1)
    assert [(move.quantity, move.reason) for move in booked] == [(units, "change"), (-units, "counted already")]


@given(shelves(), st.integers(-40, 40))
def test_a_recount_never_leaves_less_than_nothing(shelf: Standing, more: int) -> None:
    found, moves = after_recount(shelf, more, "A", NOON)

    assert found.there == max(shelf.there + more, 0)
    assert found.on_hand - shelf.on_hand == sum(move.quantity for move in moves)


def test_more_cannot_leave_than_is_there() -> None:
    assert units_now(3, [-5, 4]) == 4


def test_the_newer_of_two_counts_of_one_moment_counts_and_an_older_moment_is_late() -> None:
    assert not is_late(NOON, NOON)
    assert is_late(NOON, NOON - timedelta(seconds=1))
    assert not is_late(None, NOON)


def test_a_count_has_seen_what_happened_at_its_moment() -> None:
    assert is_counted(NOON, NOON)
    assert not is_counted(NOON, NOON + timedelta(seconds=1))
    assert not is_counted(None, NOON)


QUEUE = [Holder(1, {7: 4}), Holder(2, {7: 3, 8: 1}), Holder(3, {8: 5}), Holder(4, {7: 2})]


def test_the_last_in_the_queue_give_back_first_until_nothing_lacks() -> None:
    assert give_back(QUEUE, {7: 3}) == [4, 2]
    assert give_back(QUEUE, {8: 5}) == [3]
    assert give_back(QUEUE, {}) == []


def test_what_an_order_gives_back_of_one_sku_counts_for_the_others_it_holds() -> None:
    assert give_back(QUEUE, {7: 3, 8: 6}) == [4, 3, 2]


def test_a_shortfall_threatens_the_last_in_the_queue_with_no_more_than_is_missing() -> None:
    assert threatened(QUEUE, 7, 4) == {4: 2, 2: 2}
    assert threatened(QUEUE, 7, 99) == {4: 2, 2: 3, 1: 4}
