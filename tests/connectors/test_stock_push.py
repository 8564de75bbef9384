"""Stock numbers over HTTP to every platform of the sandbox: what is shown, refused, late or unknown."""

from dataclasses import replace

import httpx
import pytest

from connectors.base import StockLevel, StockMode
from connectors.registry import CHANNELS
from models.errors import ChannelDenied, ChannelUnavailable, OutcomeUnknown, RateLimited
from sandbox.server import Sandbox
from tests.connectors.pushed_stock import (
    ACCEPTED,
    AGAIN,
    EVERY,
    REFUSED,
    SHOPS,
    answering,
    calls,
    connector,
    level,
    listed,
    offer,
    push,
    shown,
    stock_writes,
    stop,
    verdicts,
)


@EVERY
def test_numbers_are_shown(sandbox: Sandbox, client: httpx.Client, shop: str) -> None:
    offer(sandbox, shop, "RED", "BLUE")
    channel = connector(sandbox, client, shop)

    found = push(channel, [level(sandbox, shop, "RED", 37), level(sandbox, shop, "BLUE", 0)])

    assert verdicts(found) == {"RED": ACCEPTED, "BLUE": ACCEPTED}
    assert shown(sandbox, shop) == {"RED": 37, "BLUE": 0}


@EVERY
def test_numbers_are_absolute(sandbox: Sandbox, client: httpx.Client, shop: str) -> None:
    offer(sandbox, shop, "RED")

    push(connector(sandbox, client, shop), [level(sandbox, shop, "RED", 4)])

    assert [row["type"] for row in stock_writes(sandbox, shop)] == ["absolute"]
    assert StockMode.ABSOLUTE in CHANNELS[SHOPS[shop]].capabilities.stock_modes


@EVERY
def test_a_push_that_is_repeated_changes_nothing(sandbox: Sandbox, client: httpx.Client, shop: str) -> None:
    offer(sandbox, shop, "RED", "BLUE")
    channel = connector(sandbox, client, shop)
    levels = [level(sandbox, shop, "RED", 37), level(sandbox, shop, "BLUE", 5)]

    first, again = push(channel, levels), push(channel, levels)

    assert verdicts(again) == verdicts(first) == {"RED": ACCEPTED, "BLUE": ACCEPTED}
    assert shown(sandbox, shop) == {"RED": 37, "BLUE": 5}


@EVERY
def test_a_number_that_comes_back_is_shown_again(sandbox: Sandbox, client: httpx.Client, shop: str) -> None:
    offer(sandbox, shop, "RED")
    channel = connector(sandbox, client, shop)

    for version, units in enumerate((37, 5, 37)):
        push(channel, [level(sandbox, shop, "RED", units, version)])

    assert [row["units"] for row in listed(sandbox, shop)["RED"]["history"]] == [10, 37, 5, 37]


@EVERY
@pytest.mark.parametrize("kind", ["audit", "banned"])
def test_a_sku_that_is_refused_hurts_no_other(sandbox: Sandbox, client: httpx.Client, shop: str, kind: str) -> None:
    offer(sandbox, shop, "A", "B")
    offer(sandbox, shop, "STOPPED", article="POT")
    offer(sandbox, shop, "C", article="CUP")
    stop(sandbox, shop, "STOPPED", kind, article="POT")
    channel = connector(sandbox, client, shop)

    found = push(channel, [level(sandbox, shop, sku, 7) for sku in ("A", "STOPPED", "B", "C")])

    assert verdicts(found) == {"A": ACCEPTED, "STOPPED": REFUSED, "B": ACCEPTED, "C": ACCEPTED}
    assert found["STOPPED"].reason
    assert shown(sandbox, shop) == {"A": 7, "B": 7, "STOPPED": 10, "C": 7}


@EVERY
def test_a_sku_the_platform_does_not_have_is_refused_alone(sandbox: Sandbox, client: httpx.Client, shop: str) -> None:
    skus = [f"S{number}" for number in range(9)]
    offer(sandbox, shop, *skus)
    levels = [level(sandbox, shop, sku, 7) for sku in skus]
    levels.insert(4, replace(levels[0], sku_ref="1", sku_code="GONE", key="gone"))

    found = push(connector(sandbox, client, shop), levels)

    assert verdicts(found) == {**dict.fromkeys(skus, ACCEPTED), "GONE": REFUSED}
    assert set(shown(sandbox, shop).values()) == {7}


@EVERY
def test_what_is_busy_is_taken_later(sandbox: Sandbox, client: httpx.Client, shop: str) -> None:
    offer(sandbox, shop, "RED")
    offer(sandbox, shop, "BLUE", article="POT")
    stop(sandbox, shop, "RED", "busy", times=1)
    channel = connector(sandbox, client, shop)

    first = push(channel, [level(sandbox, shop, "RED", 7), level(sandbox, shop, "BLUE", 7)])
    later = push(channel, [level(sandbox, shop, "RED", 7, version=2)])

    assert verdicts(first) == {"RED": AGAIN, "BLUE": ACCEPTED}
    assert first["RED"].reason
    assert verdicts(later) == {"RED": ACCEPTED}
    assert shown(sandbox, shop)["RED"] == 7


@EVERY
def test_a_platform_that_puts_everything_off_is_left_alone(sandbox: Sandbox, client: httpx.Client, shop: str) -> None:
    names = [f"S{number}" for number in range(20)]
    for name in names:
        offer(sandbox, shop, name, article=name)
        stop(sandbox, shop, name, "busy", article=name)
    levels = [level(sandbox, shop, name, 1) for name in names]
    channel = connector(sandbox, client, shop)

    if shop == "jd-1":
        assert set(verdicts(push(channel, levels)).values()) == {AGAIN}, "one call has them all"
        return
    with pytest.raises(ChannelUnavailable, match="calls in a row"):
        push(channel, levels)
    assert calls(sandbox, shop) in (5, 8)


@pytest.mark.parametrize(
    ("shop", "skus", "made"),
    [("tmall-1", 45, 3), ("jd-1", 45, 3), ("pdd-1", 5, 5), ("douyin-1", 51, 2), ("woo-1", 101, 2)],
)
def test_a_push_is_cut_to_what_one_call_takes(
    sandbox: Sandbox, client: httpx.Client, shop: str, skus: int, made: int
) -> None:
    names = [f"S{number:03}" for number in range(skus)]
    offer(sandbox, shop, *names)
    rows = listed(sandbox, shop)
    levels = [
        StockLevel(rows[name]["item_id"], rows[name]["sku_ref"], name, number, f"k{number}")
        for number, name in enumerate(names)
    ]

    steps = list(connector(sandbox, client, shop).push_stock(levels))

    most = CHANNELS[SHOPS[shop]].capabilities.stock_batch
    assert (calls(sandbox, shop), len(steps)) == (made, made)
    assert max(len(step) for step in steps) <= most
    assert shown(sandbox, shop) == {name: number for number, name in enumerate(names)}


@pytest.mark.parametrize("shop", ["tmall-1", "douyin-1"])
def test_a_call_holds_skus_of_one_product(sandbox: Sandbox, client: httpx.Client, shop: str) -> None:
    offer(sandbox, shop, "A", "B")
    offer(sandbox, shop, "C", "D", article="POT")

    push(connector(sandbox, client, shop), [level(sandbox, shop, sku, 3) for sku in "ACBD"])

    assert calls(sandbox, shop) == 2


def test_skus_of_several_products_share_a_call_of_jd(sandbox: Sandbox, client: httpx.Client) -> None:
    offer(sandbox, "jd-1", "A", "B")
    offer(sandbox, "jd-1", "C", article="POT")

    push(connector(sandbox, client, "jd-1"), [level(sandbox, "jd-1", sku, 3) for sku in "ACB"])

    assert calls(sandbox, "jd-1") == 1


@EVERY
@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("rate_limit", RateLimited),
        ("http_503", ChannelUnavailable),
        ("timeout_before", OutcomeUnknown),
        ("timeout_after", OutcomeUnknown),
        ("bad_signature", ChannelDenied),
    ],
)
def test_what_concerns_the_whole_call_is_raised(
    sandbox: Sandbox, client: httpx.Client, shop: str, kind: str, error: type[Exception]
) -> None:
    offer(sandbox, shop, "RED")
    channel = connector(sandbox, client, shop)
    sandbox.do("POST", "/faults", {"target": f"shop:{shop}", "kind": kind, "seconds": 0.05})

    with pytest.raises(error):
        push(channel, [level(sandbox, shop, "RED", 7)])


@EVERY
def test_an_unknown_outcome_is_mended_by_the_same_push(sandbox: Sandbox, client: httpx.Client, shop: str) -> None:
    offer(sandbox, shop, "RED")
    channel = connector(sandbox, client, shop)
    levels = [level(sandbox, shop, "RED", 7)]
    sandbox.do("POST", "/faults", {"target": f"shop:{shop}", "kind": "timeout_after", "seconds": 0.05, "times": 1})
    with pytest.raises(OutcomeUnknown):
        push(channel, levels)

    again = push(channel, levels)

    assert verdicts(again) == {"RED": ACCEPTED}
    assert shown(sandbox, shop) == {"RED": 7}


@EVERY
def test_what_was_accepted_before_an_error_is_known(sandbox: Sandbox, client: httpx.Client, shop: str) -> None:
    # no channel has more than 4 calls under way
    first = CHANNELS[SHOPS[shop]].capabilities.stock_batch * 4
    names = [f"S{number:03}" for number in range(first + 1)]
    offer(sandbox, shop, *names)
    rows = listed(sandbox, shop)
    levels = [StockLevel(rows[name]["item_id"], rows[name]["sku_ref"], name, 1, name) for name in names]
    steps = connector(sandbox, client, shop).push_stock(levels)
    known = {outcome.level.key: outcome.verdict for _ in range(4) for outcome in next(steps)}
    sandbox.do("POST", "/faults", {"target": f"shop:{shop}", "kind": "http_503"})

    with pytest.raises(ChannelUnavailable):
        next(steps)

    assert known == dict.fromkeys(names[:-1], ACCEPTED)


@pytest.mark.parametrize("shop", ["tmall-1", "pdd-1", "douyin-1"])
def test_calls_that_were_under_way_beside_a_failing_one_are_known(
    sandbox: Sandbox, client: httpx.Client, shop: str
) -> None:
    names = [f"S{number}" for number in range(4)]
    for name in names:
        offer(sandbox, shop, name, article=name)
    sandbox.do("POST", "/faults", {"target": f"shop:{shop}", "kind": "http_503", "times": 1})
    steps = connector(sandbox, client, shop).push_stock([level(sandbox, shop, name, 3) for name in names])

    known = [outcome for _ in range(3) for outcome in next(steps)]
    with pytest.raises(ChannelUnavailable):
        next(steps)

    units = shown(sandbox, shop)
    assert {outcome.verdict for outcome in known} == {ACCEPTED}
    assert sorted(units.values()) == [3, 3, 3, 10]
    assert {units[outcome.level.sku_code] for outcome in known} == {3}


@pytest.mark.parametrize("shop", ["tmall-1", "douyin-1"])
def test_one_sku_among_many_is_found_in_few_calls(sandbox: Sandbox, client: httpx.Client, shop: str) -> None:
    names = [f"S{number:02}" for number in range(16)]
    offer(sandbox, shop, *names)
    levels = [level(sandbox, shop, name, 3) for name in names]
    levels[11] = replace(levels[11], sku_ref="1")

    push(connector(sandbox, client, shop), levels)

    assert calls(sandbox, shop) == 9


@EVERY
def test_what_cannot_be_sent_is_refused_and_the_rest_sent(sandbox: Sandbox, client: httpx.Client, shop: str) -> None:
    offer(sandbox, shop, "RED", "BLUE", "TWICE", "LOST")
    good = level(sandbox, shop, "RED", 7)
    twice = level(sandbox, shop, "TWICE", 1)
    levels = [
        level(sandbox, shop, "BLUE", -3),
        twice,
        replace(twice, units=2, key="twice"),
        replace(level(sandbox, shop, "LOST", 1), item_id="", sku_ref=""),
        good,
    ]

    outcomes = [outcome for step in connector(sandbox, client, shop).push_stock(levels) for outcome in step]

    reasons = {outcome.level.key: outcome.reason for outcome in outcomes if outcome.verdict is REFUSED}
    assert [outcome.level for outcome in outcomes if outcome.verdict is ACCEPTED] == [good]
    assert "-3 units" in reasons[levels[0].key]
    assert "1 and 2" in reasons["twice"]
    assert "not known" in reasons[levels[3].key] or "must be known" in reasons[levels[3].key]
    assert shown(sandbox, shop) == {"RED": 7, "BLUE": 10, "TWICE": 10, "LOST": 10}


@EVERY
def test_a_push_of_nothing_calls_nobody(sandbox: Sandbox, client: httpx.Client, shop: str) -> None:
    assert push(connector(sandbox, client, shop), []) == {}
    assert calls(sandbox, shop) == 0


def test_other_shops_list_nothing(sandbox: Sandbox, client: httpx.Client) -> None:
    for shop, channel in SHOPS.items():
        if not CHANNELS[channel].capabilities.lists_products:
            assert list(connector(sandbox, client, shop).listings()) == []
    assert [name for name, kind in CHANNELS.items() if kind.capabilities.lists_products] == ["woocommerce"]


def test_only_shops_that_cannot_be_told_have_no_stock_modes() -> None:
    mute = [name for name, kind in CHANNELS.items() if not kind.capabilities.stock_modes]

    assert mute == ["file"]


@pytest.mark.parametrize("channel", ["tmall", "pinduoduo", "douyin", "jd", "woocommerce"])
def test_an_answer_of_something_else_accepts_nothing(channel: str) -> None:
    steps = answering(channel, {"unheard": "of"}).push_stock([StockLevel("1", "2", "A", 4, "a")])

    try:
        found = [outcome.verdict for step in steps for outcome in step]
    except OutcomeUnknown:
        found = []

    assert found in ([], [AGAIN])
