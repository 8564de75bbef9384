"""Who goes when warehouses have room for some only."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from models.rules.release import Release, Unit, release_by_room
from tests.fakes import NOON

A, B, C = 1, 2, 3


def unit(key: int, *warehouses: int, due: int = 0, paid: int = 0) -> Unit:
    return Unit(key, NOON + timedelta(hours=due), NOON + timedelta(minutes=paid), frozenset(warehouses or (A,)))


def test_as_many_go_as_there_is_room_for_the_earliest_promises_first() -> None:
    units = [unit(1, due=3), unit(2, due=1), unit(3, due=2)]

    assert release_by_room(units, {A: 2}) == Release([2, 3], {1: A})


def test_of_equal_promises_who_paid_first_goes_first_then_the_lower_id() -> None:
    units = [unit(3, paid=1), unit(2, paid=1), unit(1, paid=2)]

    assert release_by_room(units, {A: 2}).going == [2, 3]


def test_a_warehouse_without_a_limit_takes_all_and_a_full_one_none() -> None:
    units = [unit(1, A), unit(2, B), unit(3, A)]

    assert release_by_room(units, {A: -4}) == Release([2], {1: A, 3: A})


def test_a_unit_of_several_warehouses_goes_when_each_has_room() -> None:
    assert release_by_room([unit(1, A, B)], {A: 1, B: 1}).going == [1]
    assert release_by_room([unit(1, A, B)], {A: 1, B: 0}).waiting == {1: B}
    assert release_by_room([unit(1, A, B)], {A: -2, B: -1}).waiting == {1: A}


def test_who_waits_for_one_warehouse_lets_others_pass_to_another() -> None:
    units = [unit(1, A, due=1), unit(2, B, due=2)]

    assert release_by_room(units, {A: 0, B: 1}).going == [2]


def test_the_first_in_line_at_a_full_warehouse_keeps_its_place_in_its_other_one() -> None:
    units = [unit(1, A, B, due=1), unit(2, A, B, due=2), unit(3, B, due=3), unit(4, B, due=4)]

    assert release_by_room(units, {A: 0, B: 2}) == Release([3], {1: A, 2: A, 4: B})


places = st.sets(st.sampled_from([A, B, C]), min_size=1)


@given(
    of=st.lists(st.tuples(places, st.integers(0, 5), st.integers(0, 3)), max_size=20),
    rooms=st.dictionaries(st.sampled_from([A, B, C]), st.integers(-2, 6)),
)
def test_no_warehouse_gets_more_than_it_has_room_for_and_nobody_who_waits_is_passed_where_all_need_the_same(
    of: list[tuple[set[int], int, int]], rooms: dict[int, int]
) -> None:
    units = {key: unit(key, *where, due=due, paid=paid) for key, (where, due, paid) in enumerate(of)}

    found = release_by_room(units.values(), rooms)

    assert sorted([*found.going, *found.waiting]) == sorted(units)
    for warehouse, room in rooms.items():
        assert sum(warehouse in units[key].warehouses for key in found.going) <= max(room, 0)
    for key in found.going:
        passed = [units[w] for w in found.waiting if units[w].warehouses == units[key].warehouses]
        assert all(units[key].place < other.place for other in passed)
