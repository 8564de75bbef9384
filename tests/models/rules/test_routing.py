"""Which warehouses serve an order, case by case."""

import random
import time as clock
from dataclasses import replace
from datetime import time, timedelta
from typing import Any

import pytest

from models.errors import SetupError
from models.rules.routing import choose, route_orders
from models.rules.routing_plan import Decision, NoPlan, Plan, Why, plan_from
from models.rules.routing_rules import RoutingRules, rules_from
from models.rules.routing_values import Area, Carrier, CarrierRule, Item, Price, Wish
from models.rules.routing_world import World
from models.rules.shipping_report import reportable
from models.stock import Basis
from tests.models.rules.routing_cases import HANGZHOU, NOON, XIHU, ZHEJIANG, Told, random_case, site, wish
from tests.models.rules.routing_oracle import Case

TEA, CUP, POT = 1, 2, 3


def decide(case: Case, order: Wish) -> Decision:
    return choose(order, case.world())


def plan(case: Case, order: Wish) -> Plan:
    decision = decide(case, order)
    assert isinstance(decision, Plan), decision
    return decision


def refusal(case: Case, order: Wish) -> NoPlan:
    decision = decide(case, order)
    assert isinstance(decision, NoPlan), decision
    return decision


def shipped(decision: Plan) -> dict[str, dict[tuple[int, int], int]]:
    return {part.warehouse: dict(part.units) for part in decision.parts}


def two_sites(free: dict[tuple[int, int], int], **rules: Any) -> Case:
    """W1 is the area's warehouse, W2 its backup 300 km away."""
    return Case(
        NOON,
        replace(RoutingRules(), **rules),
        [site(1), site(2, km=300)],
        [Area(1, ZHEJIANG), Area(2, ZHEJIANG, 2)],
        free,
    )


def test_the_areas_warehouse_serves_what_it_has_whole() -> None:
    found = plan(two_sites({(1, TEA): 2, (2, TEA): 9}), wish(Item(1, TEA, 2)))

    assert (found.basis, shipped(found)) == (Basis.AREA, {"W1": {(1, TEA): 2}})


def test_the_backup_serves_what_the_areas_warehouse_lacks() -> None:
    found = plan(two_sites({(1, TEA): 1, (2, TEA): 9}), wish(Item(1, TEA, 2)))

    assert (found.basis, found.why, shipped(found)) == (Basis.PLAN, Why.LACKS_STOCK, {"W2": {(1, TEA): 2}})


def test_a_backup_goes_before_a_cheaper_warehouse_of_no_area() -> None:
    case = two_sites({(2, TEA): 1, (3, TEA): 1})
    near = replace(case, sites=[*case.sites, site(3, km=1)])

    assert shipped(plan(near, wish(Item(1, TEA, 1)))) == {"W2": {(1, TEA): 1}}


def test_where_the_cost_decides_first_the_cheaper_one_goes_before_it() -> None:
    case = two_sites({(2, TEA): 1, (3, TEA): 1}, areas_first=False)
    near = replace(case, sites=[*case.sites, site(3, km=1)])

    assert shipped(plan(near, wish(Item(1, TEA, 1)))) == {"W3": {(1, TEA): 1}}


def test_the_most_local_area_counts_whatever_its_priority() -> None:
    areas = [Area(1, ZHEJIANG, 1), Area(2, XIHU, 7)]
    case = replace(two_sites({(1, TEA): 1, (2, TEA): 1}), areas=areas)

    assert shipped(plan(case, wish(Item(1, TEA, 1)))) == {"W2": {(1, TEA): 1}}


def test_one_sku_may_need_two_warehouses() -> None:
    found = plan(two_sites({(1, TEA): 3, (2, TEA): 2}), wish(Item(1, TEA, 5)))

    assert shipped(found) == {"W1": {(1, TEA): 3}, "W2": {(1, TEA): 2}}


def test_an_order_is_never_split_when_one_warehouse_has_all_of_it() -> None:
    found = plan(two_sites({(1, TEA): 1, (2, TEA): 1, (2, CUP): 1}), wish(Item(1, TEA, 1), Item(2, CUP, 1)))

    assert shipped(found) == {"W2": {(1, TEA): 1, (2, CUP): 1}}


def test_two_lines_of_a_sku_share_what_a_warehouse_has() -> None:
    found = plan(two_sites({(1, TEA): 3, (2, TEA): 2}), wish(Item(1, TEA, 2), Item(2, TEA, 3)))

    given = {code: sum(units.values()) for code, units in shipped(found).items()}
    assert given == {"W1": 3, "W2": 2}


def test_two_lines_of_a_sku_are_refused_where_it_is_there_for_one() -> None:
    missing = refusal(two_sites({(1, TEA): 3}), wish(Item(1, TEA, 3), Item(2, TEA, 1))).missing

    assert missing == {TEA: (4, 3)}


def test_a_line_stays_whole_where_it_carries_one_number() -> None:
    order = wish(Item(1, TEA, 5), limits=Told("line"))

    assert refusal(two_sites({(1, TEA): 3, (2, TEA): 2}), order).why is Why.UNTELLABLE


def test_lines_may_leave_apart_where_each_carries_its_number() -> None:
    order = wish(Item(1, TEA, 1), Item(2, CUP, 1), limits=Told("line"))

    assert len(plan(two_sites({(1, TEA): 1, (2, CUP): 1}), order).parts) == 2


def test_an_order_of_one_number_is_not_split() -> None:
    order = wish(Item(1, TEA, 1), Item(2, CUP, 1), limits=Told("order", 1))

    assert refusal(two_sites({(1, TEA): 1, (2, CUP): 1}), order).why is Why.UNTELLABLE


def test_a_kit_stays_together_where_units_are_reported() -> None:
    kit = (Item(1, TEA, 1), Item(1, CUP, 1))

    assert refusal(two_sites({(1, TEA): 1, (2, CUP): 1}), wish(*kit)).why is Why.UNTELLABLE


def test_whole_kits_may_leave_apart() -> None:
    kits = (Item(1, TEA, 4, per_kit=2), Item(1, CUP, 2, per_kit=1))
    found = plan(two_sites({(1, TEA): 3, (1, CUP): 2, (2, TEA): 2, (2, CUP): 1}), wish(*kits))

    assert shipped(found) == {"W1": {(1, TEA): 2, (1, CUP): 1}, "W2": {(1, TEA): 2, (1, CUP): 1}}


def test_a_kit_of_one_sku_is_not_broken() -> None:
    case = two_sites({(1, TEA): 3, (2, TEA): 3})

    assert len(plan(case, wish(Item(1, TEA, 6, per_kit=3))).parts) == 2
    assert refusal(case, wish(Item(1, TEA, 6, per_kit=6))).why is Why.UNTELLABLE


@pytest.mark.parametrize(("least_fen", "parts"), [(1000, 2), (1001, 0)])
def test_both_parts_of_a_split_have_to_be_worth_it(least_fen: int, parts: int) -> None:
    order = wish(Item(1, TEA, 1, value_fen=9000), Item(2, CUP, 1, value_fen=1000))
    decision = decide(two_sites({(1, TEA): 1, (2, CUP): 1}, least_part_fen=least_fen), order)

    assert len(decision.parts) == parts if isinstance(decision, Plan) else decision.why is Why.PART_TOO_SMALL


def test_units_are_dealt_so_that_each_part_is_worth_enough() -> None:
    order = wish(Item(1, TEA, 4, value_fen=1000), Item(2, CUP, 1, value_fen=100))
    found = plan(two_sites({(1, TEA): 4, (2, TEA): 2, (2, CUP): 1}, least_part_fen=2000), order)

    assert shipped(found) == {"W1": {(1, TEA): 2}, "W2": {(1, TEA): 2, (2, CUP): 1}}


@pytest.mark.parametrize(
    ("rules", "why"), [({"split": False}, Why.SPLIT_FORBIDDEN), ({"max_parcels": 1}, Why.TOO_MANY_PARCELS)]
)
def test_what_the_rules_forbid_is_named(rules: dict[str, Any], why: Why) -> None:
    assert refusal(two_sites({(1, TEA): 1, (2, CUP): 1}, **rules), wish(Item(1, TEA, 1), Item(2, CUP, 1))).why is why


def test_a_supplier_serves_only_where_its_areas_say_so() -> None:
    supplier = replace(site(3), kind="supplier")
    case = Case(NOON, RoutingRules(), [supplier], [Area(3, "110000")], {(3, TEA): 1})

    assert refusal(case, wish(Item(1, TEA, 1))).why is Why.OUT_OF_AREA
    assert plan(replace(case, areas=[Area(3, HANGZHOU)]), wish(Item(1, TEA, 1))).basis is Basis.AREA


def test_without_an_area_the_nearest_serves() -> None:
    case = Case(NOON, RoutingRules(), [site(1, km=900), site(2, km=300)], [], {(1, TEA): 1, (2, TEA): 1})
    found = plan(case, wish(Item(1, TEA, 1)))

    assert (found.why, shipped(found)) == (Why.NO_AREA, {"W2": {(1, TEA): 1}})


def test_a_full_day_sends_orders_to_the_backup() -> None:
    case = two_sites({(1, TEA): 9, (2, TEA): 9})
    case = replace(case, sites=[site(1, room=(1, 9)), site(2, km=300)])
    decided = route_orders([wish(Item(1, TEA, 1), order_id=n) for n in (1, 2)], case.world())

    assert [each.parts[0].warehouse for each in decided.values() if isinstance(each, Plan)] == ["W1", "W2"]


def test_a_full_warehouse_waits_for_its_next_day_when_no_other_can_serve() -> None:
    case = two_sites({(1, TEA): 9})
    found = plan(replace(case, sites=[site(1, room=(0, 0, 2)), site(2)]), wish(Item(1, TEA, 1)))

    assert (found.why, str(found.parts[0].ship_day)) == (Why.WAITS, "2026-11-24")


def test_without_room_up_to_the_horizon_it_is_tried_again_when_a_day_with_room_comes_in() -> None:
    case = two_sites({(1, TEA): 9}, horizon_days=1)
    none = refusal(replace(case, sites=[site(1, room=(0, 0, 0, 0, 5)), site(2)]), wish(Item(1, TEA, 1)))

    assert (none.why, none.next_try_at.isoformat()) == (Why.NO_ROOM, "2026-11-24T16:00:00+00:00")


def test_after_its_cutoff_a_warehouse_gives_way_only_to_keep_the_promise() -> None:
    case = two_sites({(1, TEA): 1, (2, TEA): 1})
    case = replace(case, sites=[site(1, cutoff=time(11)), site(2, km=300, cutoff=time(18))])
    tonight, later = (wish(Item(1, TEA, 1), ship_by=NOON + timedelta(hours=hours)) for hours in (10, 40))

    assert plan(case, tonight).parts[0].warehouse == "W2"
    assert plan(case, later).parts[0].warehouse == "W1"


def test_a_promise_nobody_can_keep_goes_to_who_arrives_first() -> None:
    prices = [Price(1, "yto", "", 1000, 500, 1000, 100, 5), Price(2, "yto", "", 1000, 900, 1000, 100, 2)]
    case = replace(two_sites({(1, TEA): 1, (2, TEA): 1}), prices=prices)
    found = plan(case, wish(Item(1, TEA, 1), ship_by=NOON - timedelta(hours=1)))

    assert (found.parts[0].warehouse, found.parts[0].kept) == ("W2", False)


def test_the_most_local_price_counts_and_steps_begun_count_whole() -> None:
    prices = [Price(1, "yto", "", 1000, 9900, 1000, 0, 1), Price(1, "yto", HANGZHOU, 1000, 500, 500, 80, 2)]
    found = plan(replace(two_sites({(1, TEA): 2}), prices=prices), wish(Item(1, TEA, 2, weight_g=801)))

    assert (found.parts[0].cost_fen, str(found.parts[0].arrives_on)) == (500 + 2 * 80, "2026-11-24")


@pytest.mark.parametrize(
    ("effects", "carrier"),
    [((), "yto"), (("prefer",), "sf"), (("only",), "sf"), (("prefer", "never"), "yto")],
)
def test_carrier_rules_come_before_the_price(effects: tuple[str, ...], carrier: str) -> None:
    here = replace(site(1), carriers=(Carrier("sf"), Carrier("yto")))
    prices = [Price(1, "sf", "", 1000, 2000, 1000, 100, 1), Price(1, "yto", "", 1000, 500, 1000, 100, 3)]
    rules = [CarrierRule(effect, "sf") for effect in effects]
    case = Case(NOON, RoutingRules(), [here], [Area(1, "")], {(1, TEA): 1}, prices, rules)

    assert plan(case, wish(Item(1, TEA, 1))).parts[0].carrier == carrier


def test_cash_on_delivery_needs_a_carrier_that_takes_it() -> None:
    here = replace(site(1), carriers=(Carrier("yto", cod=False), Carrier("sf")))
    case = Case(NOON, RoutingRules(), [here], [Area(1, "")], {(1, TEA): 1})

    assert plan(case, wish(Item(1, TEA, 1))._replace(cod=True)).parts[0].carrier == "sf"


def test_a_parcel_too_heavy_for_every_carrier_is_refused_with_that_reason() -> None:
    here = replace(site(1), carriers=(Carrier("yto", max_weight_g=1000),))
    none = refusal(Case(NOON, RoutingRules(), [here], [Area(1, "")], {(1, TEA): 1}), wish(Item(1, TEA, 1, 1001)))

    assert (none.why, none.warehouses) == (Why.NO_CARRIER, {"W1": Why.NO_CARRIER})


def test_a_refusal_says_what_the_fullest_lacks() -> None:
    none = refusal(two_sites({(1, TEA): 1, (2, TEA): 3}), wish(Item(1, TEA, 9)))

    assert (none.why, none.fullest, none.missing) == (Why.LACKS_STOCK, "W2", {TEA: (9, 3)})
    assert none.next_try_at == NOON + timedelta(days=1)


def test_a_plan_names_what_it_rejected_and_why() -> None:
    case = two_sites({(1, TEA): 1, (2, TEA): 2, (3, TEA): 2})
    found = plan(replace(case, sites=[*case.sites, site(3, km=9)]), wish(Item(1, TEA, 2)))

    assert [(each.warehouses, each.why) for each in found.rejected] == [
        (("W1",), Why.LACKS_STOCK),
        (("W3",), Why.FARTHER_AREA),
    ]


def test_plans_survive_storing() -> None:
    plans = [made for seed in range(300) if isinstance(made := decide(*random_case(seed)), Plan)]

    assert len(plans) > 100
    for made in plans:
        assert plan_from(made.order_id, made.to_json()) == made


def batch(seed: int) -> tuple[Case, list[Wish]]:
    """Fifteen orders after the same scarce stock and room."""
    rng = random.Random(seed)
    case, _ = random_case(seed)
    orders = [random_case(seed * 100 + n)[1]._replace(order_id=n) for n in range(15)]
    free = {(each.id, sku): rng.randint(0, 5) for each in case.sites for sku in (1, 2, 3)}
    return replace(case, free=free), orders


def test_the_order_in_which_orders_come_changes_nothing() -> None:
    for seed in range(100):
        case, orders = batch(seed)
        shuffled = random.Random(seed).sample(orders, len(orders))

        assert route_orders(orders, case.world()) == route_orders(shuffled, case.world())


def test_a_batch_never_takes_more_units_or_room_than_there_are_and_ships_what_was_wanted() -> None:
    for seed in range(400):
        case, orders = batch(seed)
        free = dict(case.free)
        room = {each.id: None if each.room is None else list(each.room) for each in case.sites}
        by_id = {order.order_id: order for order in orders}
        for order_id, decision in route_orders(orders, case.world()).items():
            if isinstance(decision, NoPlan):
                continue
            wanted = {(item.line_no, item.sku_id): item.units for item in by_id[order_id].items}
            for part in decision.parts:
                for key, units in part.units.items():
                    wanted[key] -= units
                    free[part.warehouse_id, key[1]] -= units
                if (days := room[part.warehouse_id]) is not None:
                    days[(part.ship_day - case.today).days] -= 1
            assert not any(wanted.values())
            lines = [{line_no: units for (line_no, _), units in part.units.items()} for part in decision.parts]
            assert reportable(by_id[order_id].limits, lines) == ""
        assert min(free.values()) >= 0
        assert min((left for days in room.values() if days for left in days), default=0) >= 0


def test_what_is_left_of_the_world_is_what_the_plans_did_not_take() -> None:
    for seed in range(100):
        case, orders = batch(seed)
        world = case.world()
        before = world.free()
        plans = [each for each in route_orders(orders, world).values() if isinstance(each, Plan)]
        for each in plans:
            world.give_back(each)

        assert world.free() == before


def test_more_stock_never_makes_an_order_unroutable() -> None:
    for seed in range(2000):
        case, order = random_case(seed)
        if isinstance(decide(case, order), Plan):
            rng = random.Random(seed)
            key = (rng.choice(case.sites).id, rng.choice(order.items).sku_id)
            more = replace(case, free={**case.free, key: case.free.get(key, 0) + 1})

            assert isinstance(decide(more, order), Plan), seed


def test_a_tighter_cap_pushes_no_other_warehouse_beyond_its_own() -> None:
    for seed in range(200):
        case, orders = batch(seed)
        first, *others = case.sites
        tighter = replace(case, sites=[replace(first, room=(0,)), *others])
        world = tighter.world()
        plans = [each for each in route_orders(orders, world).values() if isinstance(each, Plan)]

        assert all(part.warehouse != first.code for each in plans for part in each.parts)
        assert all(room >= 0 for each in others for room in world.room(each.id) or ())


def left(case: Case, world: World) -> tuple[object, object]:
    return world.free(), [list(world.room(each.id) or ()) for each in case.sites]


def test_choosing_takes_nothing() -> None:
    for seed in range(300):
        case, order = random_case(seed)
        world = case.world()
        before = left(case, world)
        choose(order, world)

        assert left(case, world) == before


def test_an_absurd_order_is_decided_soon_and_says_how_far_it_may_be_from_the_best() -> None:
    rng = random.Random(1)
    items = [Item(n, n, rng.randint(1, 50), rng.randint(100, 999)) for n in range(1, 61)]
    sites = [site(n, km=100 * n) for n in range(1, 11)]
    free = {(each.id, item.sku_id): rng.randint(1, 40) for each in sites for item in items if rng.random() < 0.7}
    case = Case(NOON, RoutingRules(max_parcels=6), sites, [Area(1, "")], free)
    started = clock.process_time()
    found = plan(case, wish(*items))

    assert clock.process_time() - started < 5
    assert found.gap is not None
    assert sum(sum(part.units.values()) for part in found.parts) == sum(item.units for item in items)


def test_among_more_warehouses_than_are_searched_exactly_a_plan_is_found_too() -> None:
    rng = random.Random(2)
    sites = [site(n, km=10 * n) for n in range(1, 61)]
    items = [Item(n, n, 2) for n in range(1, 9)]
    free = {(each.id, item.sku_id): 1 for each in sites for item in items if rng.random() < 0.25}
    found = plan(Case(NOON, RoutingRules(max_parcels=9), sites, [], free), wish(*items))

    assert found.gap is None or found.gap.parcels <= 2
    assert sum(sum(part.units.values()) for part in found.parts) == 16


def test_rules_name_every_setting_they_cannot_use() -> None:
    with pytest.raises(SetupError, match=r"parcels is not a setting; split is 1; it has to be true or false"):
        rules_from({"parcels": 2, "split": 1}, 1)


def test_rules_take_what_is_stored_and_the_defaults_for_the_rest() -> None:
    assert rules_from({"max_parcels": 2, "fen_per_km": 1}, 7) == RoutingRules(7, max_parcels=2, fen_per_km=1)


def test_a_world_that_contradicts_itself_is_refused_with_all_its_faults() -> None:
    price = Price(1, "yto", "", 1000, 500, 0, 100, 1)
    case = Case(NOON, RoutingRules(), [site(1), site(1)], [], {}, [price], [CarrierRule("must", "yto")])

    with pytest.raises(
        SetupError, match=r"warehouse W1 is there 2 times.*steps have to be above 0 g.*'must' is none of"
    ):
        case.world()
