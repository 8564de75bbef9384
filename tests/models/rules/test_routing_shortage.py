"""What is proposed for an order that no plan serves, and how decisions are put in words."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from models.rules.routing import choose
from models.rules.routing_plan import NoPlan, Plan, Why
from models.rules.routing_rules import RoutingRules
from models.rules.routing_shortage import Arrival, Option, option_from, shortage_options
from models.rules.routing_values import Area, Item, Wish
from models.rules.routing_words import no_plan_words, option_words, plan_words, why_words
from models.warehouse import OptionKind
from tests.models.rules.routing_cases import NOON, ZHEJIANG, Told, random_case, site, wish
from tests.models.rules.routing_oracle import Case

TEA, CUP = 1, 2
CODES = {TEA: "TEA", CUP: "CUP"}
BOTH = (Item(1, TEA, 1, 500, 900), Item(2, CUP, 2, 1000, 900))


def apart(**rules: Any) -> Case:
    """TEA is in W1, CUP in W2, 600 km away; three CUP in W3, 1,200 km away."""
    sites = [site(1), site(2, km=600), site(3, km=1200)]
    free = {(1, TEA): 1, (2, CUP): 2, (3, CUP): 3}
    return Case(NOON, replace(RoutingRules(), **rules), sites, [Area(1, ZHEJIANG)], free)


def options(case: Case, order: Wish, *arrivals: Arrival) -> list[Option]:
    world = case.world()
    refusal = choose(order, world)
    assert isinstance(refusal, NoPlan), refusal
    return list(shortage_options(order, refusal, world, arrivals))


def test_a_split_that_only_the_rules_forbid_is_proposed_with_what_forbids_it() -> None:
    [split] = [each for each in options(apart(least_part_fen=1000), wish(*BOTH)) if each.kind is OptionKind.SPLIT]

    assert (split.warehouses, split.obstacle) == (("W1", "W2"), Why.PART_TOO_SMALL)


def test_a_split_that_the_channel_could_not_be_told_of_says_so() -> None:
    order = wish(*BOTH, limits=Told("order", 1))

    assert [each.obstacle for each in options(apart(), order) if each.kind is OptionKind.SPLIT] == [Why.UNTELLABLE]


def test_no_split_is_proposed_where_units_are_missing() -> None:
    kinds = {each.kind for each in options(apart(), wish(Item(1, TEA, 2)))}

    assert kinds == set()


def test_a_transfer_brings_what_is_lacking_from_the_cheapest_source() -> None:
    found = [each for each in options(apart(split=False), wish(*BOTH)) if each.kind is OptionKind.TRANSFER]
    to_w1 = next(each for each in found if each.warehouses == ("W1",))

    assert [tuple(move) for move in to_w1.moves] == [(CUP, 2, "W2", "W1")]
    assert to_w1.cost_fen == (300 + 2 * 200) + 3 * 200
    assert to_w1.ready_at >= NOON + timedelta(days=1)


def test_a_transfer_may_need_two_sources() -> None:
    case = replace(apart(split=False), free={(1, TEA): 1, (2, CUP): 1, (3, CUP): 1})
    found = [each for each in options(case, wish(*BOTH)) if each.warehouses == ("W1",) and each.moves]

    assert {move.source for move in found[0].moves} == {"W2", "W3"}


def test_suppliers_neither_give_nor_take_transfers() -> None:
    case = apart(split=False)
    case = replace(case, sites=[site(1), replace(site(2, km=600), kind="supplier")], areas=[Area(1, ""), Area(2, "")])

    assert [each for each in options(case, wish(*BOTH)) if each.kind is OptionKind.TRANSFER] == []


def test_waiting_lasts_until_enough_has_arrived() -> None:
    first, second = NOON + timedelta(days=2), NOON + timedelta(days=4)
    found = options(apart(), wish(Item(1, TEA, 4)), Arrival(1, TEA, 1, first), Arrival(1, TEA, 2, second))

    assert [(each.kind, each.warehouses, each.ready_at) for each in found] == [(OptionKind.WAIT, ("W1",), second)]


def test_waiting_for_what_is_overdue_begins_now() -> None:
    found = options(apart(), wish(Item(1, TEA, 2)), Arrival(1, TEA, 1, NOON - timedelta(days=2)))

    assert found[0].ready_at == NOON


def test_an_order_without_room_waits_for_the_day_that_has_some() -> None:
    case = Case(NOON, RoutingRules(horizon_days=1), [site(1, room=(0, 0))], [Area(1, "")], {(1, TEA): 1})
    [wait] = options(case, wish(Item(1, TEA, 1)))

    assert (wait.kind, wait.ready_at.isoformat()) == (OptionKind.WAIT, "2026-11-22T16:00:00+00:00")


def test_what_keeps_the_promise_comes_first_then_what_costs_less() -> None:
    order = wish(*BOTH, ship_by=NOON + timedelta(hours=5))
    found = options(apart(least_part_fen=1000), order, Arrival(1, CUP, 2, NOON + timedelta(days=3)))

    assert found[0].kind is OptionKind.SPLIT
    assert [each.cost_fen for each in found[1:]] == sorted(each.cost_fen for each in found[1:])


def test_proposing_takes_nothing_from_the_world() -> None:
    for seed in range(400):
        case, order = random_case(seed)
        world = case.world()
        decision = choose(order, world)
        if isinstance(decision, NoPlan):
            before = world.free()
            shortage_options(order, decision, world, [Arrival(1, 1, 2, NOON), Arrival(1, 2, 9, NOON)])
            assert world.free() == before


def test_options_survive_storing() -> None:
    for each in options(apart(split=False), wish(*BOTH), Arrival(1, CUP, 2, NOON)):
        assert option_from(each.kind, each.cost_fen, each.ready_at, each.to_json()) == each


def test_every_reason_has_words_in_both_languages() -> None:
    assert all(all(why_words(why)) for why in Why)


def test_a_plan_is_put_in_words() -> None:
    found = choose(wish(*BOTH), apart().world())
    assert isinstance(found, Plan)
    words = plan_words(found, CODES)

    assert words.en[0] == "W1 ships 1 × TEA by yto on 2026-11-22 for 2.00 yuan, there on 2026-11-23"
    assert "the area's warehouse does not have all units" in words.en
    assert words.zh[0] == "W1 于 2026-11-22 由 yto 发出 1 × TEA，运费 2.00 元，预计 2026-11-23 送达"


def test_a_refusal_is_put_in_words() -> None:
    none = choose(wish(Item(1, TEA, 2)), apart().world())
    assert isinstance(none, NoPlan)
    words = no_plan_words(none, CODES)

    assert "at W1: 2 of TEA wanted, 1 there" in words.en
    assert words.zh[-1] == "2026-11-23 12:00 起重试"


def test_an_option_is_put_in_words() -> None:
    to_w1 = next(each for each in options(apart(split=False), wish(*BOTH)) if each.warehouses == ("W1",))

    assert option_words(to_w1, CODES).en[:2] == ("transfer to W1 and ship from there", "bring 2 of CUP from W2")
