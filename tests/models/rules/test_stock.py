"""Who gets units and who keeps them: whatever is wanted, no unit is given twice and none is lost."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from models.rules.promises import Waiting, hand_out
from models.rules.stock import Demand, Place, share_out, split_by_place, still_wanted

NOON = datetime(2026, 11, 20, 4, tzinfo=UTC)
SKUS = st.integers(1, 3)
UNITS = st.dictionaries(SKUS, st.integers(1, 5), max_size=3)
PLACES = st.dictionaries(st.tuples(st.integers(1, 3), SKUS), st.integers(1, 5), max_size=6)


def by_sku(units: dict[Place, int]) -> Counter[int]:
    found: Counter[int] = Counter()
    for (_, sku), number in units.items():
        found[sku] += number
    return found


@st.composite
def demands(draw: st.DrawFn) -> list[Demand]:
    found = []
    for order_id in range(1, draw(st.integers(1, 6)) + 1):
        wanted = draw(st.dictionaries(SKUS, st.integers(1, 5), min_size=1, max_size=3))
        kept = {sku: draw(st.integers(0, units)) for sku, units in wanted.items()}
        promised = {sku: draw(st.integers(0, units - kept[sku])) for sku, units in wanted.items()}
        found.append(Demand(order_id, None, NOON, wanted, kept, promised, draw(st.booleans())))
    return found


@given(demands(), st.dictionaries(SKUS, st.integers(-5, 12)), UNITS)
def test_no_unit_is_given_twice_and_none_beyond_what_is_promised(
    wants: list[Demand], sellable: dict[int, int], room: dict[int, int]
) -> None:
    sharing = share_out(wants, sellable, room)

    orders = {demand.order_id: demand for demand in wants}
    short = {shortage.order_id for shortage in sharing.short}
    assert sorted([*sharing.served, *sharing.waiting, *short]) == sorted(orders)
    for sku in (1, 2, 3):
        given_back = sum(orders[i].kept.get(sku, 0) for i in short)
        promises_back = sum(orders[i].promised.get(sku, 0) for i in short)
        promised = sum(rest.get(sku, 0) for rest in sharing.waiting.values())
        locked = sum(orders[i].lacking().get(sku, 0) for i in [*sharing.served, *sharing.waiting]) - promised
        assert locked <= max(0, sellable.get(sku, 0) + given_back + promises_back)
        assert promised <= room.get(sku, 0) + promises_back


@given(demands(), st.dictionaries(SKUS, st.integers(0, 12)))
def test_an_order_is_served_when_all_it_lacks_is_there(wants: list[Demand], sellable: dict[int, int]) -> None:
    first = min(wants, key=lambda demand: demand.order_id)
    enough = all(sellable.get(sku, 0) >= units for sku, units in first.lacking().items())
    waits = any(first.promised.values())

    sharing = share_out(wants, sellable, {})

    assert (first.order_id in {*sharing.served, *sharing.waiting}) is enough
    assert (first.order_id in sharing.served) is (enough and not waits)


@given(PLACES, PLACES)
def test_of_each_sku_an_order_keeps_the_smaller_of_what_it_wants_and_has(
    wanted: dict[Place, int], owned: dict[Place, int]
) -> None:
    kept = still_wanted(wanted, owned)

    assert by_sku(kept) == by_sku(wanted) & by_sku(owned)
    assert all(units <= wanted[place] for place, units in kept.items())
    assert all(kept[place] >= min(units, wanted.get(place, 0)) for place, units in owned.items() if place in kept)


@given(PLACES, UNITS)
def test_what_is_locked_and_what_is_promised_make_what_is_lacking(
    lacking: dict[Place, int], promised: dict[int, int]
) -> None:
    locks, waits = split_by_place(lacking, promised)

    assert Counter(locks) + Counter(waits) == Counter(lacking)
    assert by_sku(waits) == by_sku(lacking) & Counter(promised)


@given(st.lists(st.tuples(SKUS, st.integers(1, 5), st.integers(1, 3), st.integers(0, 3)), max_size=8), UNITS)
def test_what_comes_is_handed_out_as_far_as_it_goes_and_the_first_gets_theirs_first(
    queue: list[tuple[int, int, int, int]], sellable: dict[int, int]
) -> None:
    promises = [
        Waiting(i, sku, units, priority, NOON + timedelta(hours=hours), i, 1)
        for i, (sku, units, priority, hours) in enumerate(queue)
    ]

    given_units = hand_out(promises, sellable)

    for sku in (1, 2, 3):
        mine = sorted((p for p in promises if p.sku_id == sku), key=lambda p: (p.priority, p.paid_at, p.order_id))
        handed = [given_units.get(promise.id, 0) for promise in mine]
        assert sum(handed) == min(sellable.get(sku, 0), sum(promise.quantity for promise in mine))
        unserved = [i for i, promise in enumerate(mine) if handed[i] < promise.quantity]
        assert not unserved or not any(handed[unserved[0] + 1 :])
