"""Which orders may leave together, and several of them routed as one."""

import random
from collections import Counter
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from models.rules.merging import Candidate, combined, obstacle, route_together, siblings
from models.rules.routing import route_orders
from models.rules.routing_plan import Plan
from models.rules.routing_rules import RoutingRules
from models.rules.routing_values import Area, Item, Wish
from models.rules.routing_world import World
from tests.models.rules.routing_cases import NOON, random_case, site, wish

HOME, OTHER = b"home", b"other"


def order(order_id: int, receiver: bytes | None = HOME, **more: Any) -> Candidate:
    return Candidate(order_id, "mei", False, "", receiver)._replace(**more)


def alike(*orders: Candidate, tokens: bool = False, most: int = 10) -> list[tuple[int, ...]]:
    return siblings(orders, tokens=tokens, most=most)


class TestSiblings:
    def test_orders_of_one_receiver_leave_together(self) -> None:
        assert alike(order(3), order(1), order(2, OTHER)) == [(1, 3)]

    def test_masks_are_never_compared(self) -> None:
        assert alike(order(1, masked=True), order(2, masked=True)) == []

    def test_an_unknown_receiver_is_nobodys(self) -> None:
        assert alike(order(1, None), order(2, None)) == []

    def test_a_token_says_who_receives_masked_orders(self) -> None:
        orders = [order(n, None, masked=True, token=token) for n, token in ((1, "a"), (2, "b"), (3, "a"))]

        assert alike(*orders, tokens=True) == [(1, 3)]
        assert alike(*orders) == []

    def test_a_token_goes_before_a_plain_receiver(self) -> None:
        assert alike(order(1, token="a"), order(2, token="b"), tokens=True) == []

    def test_another_buyer_or_way_of_payment_or_wish_keeps_orders_apart(self) -> None:
        others = [order(2, buyer="bo"), order(3, cod=True), order(4, apart=True)]

        assert alike(order(1), *others) == []

    def test_no_more_than_so_many_leave_together(self) -> None:
        assert alike(*(order(n) for n in range(1, 6)), most=2) == [(1, 2), (3, 4)]

    def test_what_a_person_merged_stays_as_it_is(self) -> None:
        orders = [order(1, group=7), order(2, OTHER, group=7), order(3)]

        assert alike(*orders) == [(1, 2)]

    def test_why_two_orders_cannot_leave_together_is_said(self) -> None:
        assert obstacle(order(2), order(1), tokens=False) == ""
        assert "another receiver" in obstacle(order(2, OTHER), order(1), tokens=False)
        assert "masked" in obstacle(order(2, masked=True), order(1), tokens=False)


def world(*, room: tuple[int, ...] | None = None, **units: int) -> World:
    """Two warehouses, the first one near; `a1=3` are 3 units of SKU 1 in the first."""
    free = {("ab".index(name[0]) + 1, int(name[1])): number for name, number in units.items()}
    return World(NOON, RoutingRules(), [site(1, room=room), site(2, km=800)], [Area(1, ""), Area(2, "", 2)], free)


def together(world: World, *wishes: Wish) -> tuple[tuple[int, ...], ...]:
    return route_together(wishes, [[each.order_id for each in wishes]], world).together


class TestRouting:
    def test_one_warehouse_ships_them_in_one_parcel(self) -> None:
        assert together(world(a1=3), wish(Item(1, 1, 1)), wish(Item(1, 1, 2), order_id=2)) == ((1, 2),)

    def test_where_no_warehouse_has_all_each_goes_by_itself(self) -> None:
        found = route_together([wish(Item(1, 1, 1)), wish(Item(1, 2, 1), order_id=2)], [[1, 2]], world(a1=1, b2=1))

        assert found.together == ()
        assert all(isinstance(plan, Plan) for plan in found.decisions.values())

    def test_a_shared_parcel_takes_room_once(self) -> None:
        assert together(world(room=(1,), a1=3), wish(Item(1, 1, 1)), wish(Item(1, 1, 2), order_id=2)) == ((1, 2),)

    def test_a_parcel_that_would_miss_a_promise_that_one_keeps_alone_is_none(self) -> None:
        soon = NOON + timedelta(hours=6)
        near = wish(Item(1, 1, 1), ship_by=soon)
        far = wish(Item(1, 2, 1), order_id=2, ship_by=soon)

        found = route_together([near, far], [[1, 2]], world(room=(0, 1), a1=1, a2=1, b1=1))

        assert found.together == ()

    def test_the_first_promise_is_that_of_all(self) -> None:
        soon = NOON + timedelta(hours=6)

        assert combined([wish(Item(1, 1, 1)), wish(Item(1, 1, 1), order_id=2, ship_by=soon)]).ship_by == soon


@given(st.integers(0, 10**6), st.integers(1, 4))
@settings(max_examples=40, deadline=None)
def test_a_merge_changes_neither_lines_nor_units_nor_what_is_there(seed: int, count: int) -> None:
    case, one = random_case(seed)
    rng = random.Random(seed)
    wishes = [
        one._replace(order_id=number, items=tuple(rng.sample(one.items, len(one.items)))) for number in range(count)
    ]
    there, after = case.world(), case.world()

    found = route_together(wishes, [tuple(range(count))] if count > 1 else [], after)

    taken: Counter[tuple[int, int]] = Counter()
    for each in wishes:
        decision = found.decisions[each.order_id]
        if isinstance(decision, Plan):
            wanted: Counter[tuple[int, int]] = Counter()
            for item in each.items:
                wanted[item.line_no, item.sku_id] += item.units
            given_units: Counter[tuple[int, int]] = Counter()
            for part in decision.parts:
                given_units.update(part.units)
                for (_, sku), units in part.units.items():
                    taken[part.warehouse_id, sku] += units
            assert given_units == wanted
    assert after.free() == {shelf: units - taken[shelf] for shelf, units in there.free().items()}
    for of in found.together:
        plans = [found.decisions[order_id] for order_id in of]
        assert len({plan.parts[0].warehouse for plan in plans if isinstance(plan, Plan)}) == 1


def test_orders_without_siblings_are_routed_as_ever() -> None:
    case, one = random_case(7)

    assert route_together([one], [], case.world()).decisions == route_orders([one], case.world())
