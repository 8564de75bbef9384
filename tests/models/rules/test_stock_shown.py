"""What listings show: never more than there is, shares that add up, steps, buffers, kits."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.stock_formula import Rule, parse_formula
from models.rules.stock_shown import Figures, Incoming, Offer, Pace, Showing, counted, sellable, show

NOON = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
TEA, CUP = 1, 2


def rule(**words: Any) -> Rule:
    return parse_formula({"rules": [words]}, "test").rules[0]


def offer(listing: int, shop: str = "a", parts: dict[int, int] | None = None, **words: Any) -> Offer:
    return Offer(listing, shop, rule(**words), parts or {TEA: 1})


def there(units: int, **more: Any) -> Figures:
    return Figures(free={"WH-A": units}, active=frozenset({"WH-A"}), pool_free=units, **more)


def shown(units: int, **words: Any) -> int:
    return show([offer(1, **words)], {TEA: there(units)}, NOON)[1].units


def units_of(showings: dict[int, Showing]) -> list[int]:
    return [showing.units for _, showing in sorted(showings.items())]


@pytest.mark.parametrize(("there_are", "shows"), [(0, 0), (15, 15), (20, 20), (21, 20), (49, 20), (50, 50), (51, 51)])
def test_below_fifty_twenty_are_shown_but_never_more_than_there_are(there_are: int, shows: int) -> None:
    assert shown(there_are, steps=[{"below": 50, "show": 20}]) == shows


def test_the_lowest_step_that_fits_counts() -> None:
    steps = [{"below": 100, "show": 40}, {"below": 10, "show": 0}]

    assert [shown(units, steps=steps) for units in (9, 60, 100)] == [0, 40, 100]


@pytest.mark.parametrize(
    ("words", "shows"),
    [
        ({"plus": 5}, 30),  # what is not there is not shown
        ({"plus": -5}, 25),
        ({"plus": -50}, 0),
        ({"max": 12}, 12),
        ({"min": 12, "plus": -25}, 12),
        ({"min": 60}, 30),
        ({"buffer": {"fixed": 8}}, 22),
        ({"buffer": {"fixed": 80}}, 0),
        ({"buffer": {"fixed": 80}, "min": 3}, 3),
    ],
)
def test_each_figure_of_a_rule(words: dict[str, Any], shows: int) -> None:
    assert shown(30, **words) == shows


def test_a_rate_buffer_hides_what_may_be_sold_meanwhile() -> None:
    tea = there(100, pace=Pace(60 / 3600, 60 / 3600))
    offers = [offer(1, buffer={"quantile": 0.999, "interval_s": 300})]

    assert show(offers, {TEA: tea}, NOON)[1].units == 100 - 13


def test_a_kit_shows_what_its_scarcest_component_makes() -> None:
    figures = {TEA: there(11), CUP: there(90)}

    assert show([offer(1, parts={TEA: 3, CUP: 2})], figures, NOON)[1].units == 3


def test_a_sku_that_no_warehouse_ever_had_shows_nothing() -> None:
    assert show([offer(1, plus=7, min=3)], {}, NOON)[1].units == 0


class TestWhatIsSellable:
    def test_locks_of_the_pool_count_against_every_warehouse(self) -> None:
        tea = Figures(free={"A": 6, "B": 9}, active=frozenset("AB"), pool_free=11, unrouted=4)

        assert (sellable(tea), sellable(tea, ["A"]), sellable(tea, ["B"])) == (11, 2, 5)

    def test_inactive_warehouses_count_only_where_they_are_named(self) -> None:
        tea = Figures(free={"A": 6, "B": 9}, active=frozenset("A"), pool_free=15)

        assert (sellable(tea), sellable(tea, ["B"])) == (6, 9)

    def test_one_warehouse_never_has_more_than_the_whole_pool(self) -> None:
        tea = Figures(free={"A": 10, "B": -4}, active=frozenset("AB"), pool_free=6)

        assert sellable(tea, ["A"]) == 6

    def test_what_open_promises_wait_for_is_not_sold_again(self) -> None:
        assert sellable(there(10, owed=4)) == 6


class TestBuckets:
    def test_kept_units(self) -> None:
        assert counted(there(10, kept=3), rule(count=["kept"]), NOON) == 13

    def test_units_on_the_way_until_the_horizon(self) -> None:
        soon, late = (Incoming("WH-A", NOON + timedelta(days=days), 7) for days in (2, 5))
        elsewhere = Incoming("WH-B", NOON, 9)
        tea = there(10, incoming=[soon, late, elsewhere])

        assert counted(tea, rule(count=["on_the_way"], horizon_days=3), NOON) == 17

    def test_arrivals_go_to_open_promises_first(self) -> None:
        tea = there(0, owed=5, incoming=[Incoming("WH-A", NOON, 7)])

        assert counted(tea, rule(count=["on_the_way"], horizon_days=0), NOON) == 2

    def test_room_for_promises_is_not_eaten_by_those_that_are_open(self) -> None:
        assert counted(there(0, owed=5, room=8), rule(count=["promises"]), NOON) == 8


class TestShares:
    def test_shops_with_a_share_have_it_and_the_others_show_the_rest(self) -> None:
        offers = [offer(1, "a", percent=30), offer(2, "b", percent=25), offer(3, "c"), offer(4, "d")]

        assert units_of(show(offers, {TEA: there(101)}, NOON)) == [30, 25, 46, 46]

    def test_two_listings_of_a_shop_have_equal_parts_of_its_share(self) -> None:
        offers = [offer(1, percent=50), offer(2, percent=50), offer(3, "b")]

        assert units_of(show(offers, {TEA: there(100)}, NOON)) == [25, 25, 50]

    def test_shares_above_the_whole_are_cut_in_proportion(self) -> None:
        offers = [offer(1, "a", percent=100), offer(2, "b", percent=60), offer(3, "c")]

        assert units_of(show(offers, {TEA: there(80)}, NOON)) == [50, 30, 0]

    def test_plus_and_min_do_not_reach_beyond_a_share(self) -> None:
        offers = [offer(1, "a", percent=10, plus=40, min=30), offer(2, "b")]

        assert units_of(show(offers, {TEA: there(50)}, NOON)) == [5, 45]


words = st.fixed_dictionaries(
    {},
    optional={
        "percent": st.integers(0, 100),
        "plus": st.integers(-30, 60),
        "min": st.integers(0, 30),
        "max": st.integers(30, 90),
        "steps": st.just([{"below": 50, "show": 20}, {"below": 10, "show": 2}]),
        "buffer": st.sampled_from([{"fixed": 7}, {"quantile": 0.99, "interval_s": 600}]),
        "warehouses": st.lists(st.sampled_from("AB"), unique=True),
    },
)
offers_of_shops = st.lists(
    st.builds(
        lambda shop, parts, words: Offer(0, shop, rule(**words), parts),
        st.sampled_from("abcd"),
        st.dictionaries(st.sampled_from([TEA, CUP]), st.integers(1, 3), min_size=1),
        words,
    ),
    max_size=8,
).map(lambda offers: [Offer(n, o.shop, o.rule, o.parts) for n, o in enumerate(offers)])


@st.composite
def stocks(draw: st.DrawFn) -> Figures:
    free = {place: draw(st.integers(-10, 120)) for place in "AB"}
    unrouted = draw(st.integers(0, 40))
    pace = draw(st.floats(0, 0.1))
    return Figures(
        free=free,
        active=frozenset(draw(st.sets(st.sampled_from("AB")))),
        pool_free=sum(free.values()) - unrouted,
        unrouted=unrouted,
        owed=draw(st.integers(0, 20)),
        pace=Pace(pace, pace * draw(st.integers(1, 5))),
    )


@given(offers_of_shops, stocks(), stocks())
def test_nothing_shows_more_than_can_be_sold(offers: Sequence[Offer], tea: Figures, cup: Figures) -> None:
    figures = {TEA: tea, CUP: cup}

    for listing_id, showing in show(offers, figures, NOON).items():
        mine = offers[listing_id]
        makes = min(sellable(figures[sku], mine.rule.warehouses) // per for sku, per in mine.parts.items())
        assert 0 <= showing.units <= showing.allotted <= makes


@given(offers_of_shops, stocks(), stocks())
def test_shares_and_any_one_other_listing_never_add_up_to_more_than_there_is(
    offers: Sequence[Offer], tea: Figures, cup: Figures
) -> None:
    figures = {TEA: tea, CUP: cup}
    showings = show(offers, figures, NOON)

    for sku, of_sku in figures.items():
        taken = {o.listing_id: showings[o.listing_id].units * o.parts.get(sku, 0) for o in offers}
        shared = sum(taken[o.listing_id] for o in offers if o.rule.percent is not None)
        others = [taken[o.listing_id] for o in offers if o.rule.percent is None]
        assert shared + max(others, default=0) <= max(
            sellable(of_sku), sellable(of_sku, "A"), sellable(of_sku, "B"), sellable(of_sku, "AB")
        )
