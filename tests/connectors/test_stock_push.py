"""Stock numbers over HTTP to every platform of the sandbox: what is shown, refused, late or unknown."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Final

import httpx
import pytest

from connectors.base import Channel, StockLevel, StockMode, StockOutcome, StockVerdict
from connectors.registry import CHANNELS, own_mapping
from models.errors import ChannelDenied, ChannelRejected, ChannelUnavailable, OutcomeUnknown, RateLimited, SetupError
from sandbox.server import Sandbox
from tests.connectors.conftest import NOON

SHOPS: Final = {
    "tmall-1": "tmall",
    "jd-1": "jd",
    "pdd-1": "pinduoduo",
    "douyin-1": "douyin",
    "woo-1": "woocommerce",
}
EVERY = pytest.mark.parametrize("shop", SHOPS)
ACCEPTED, REFUSED, AGAIN = StockVerdict.ACCEPTED, StockVerdict.REFUSED, StockVerdict.AGAIN


def connector(sandbox: Sandbox, client: httpx.Client, shop: str, **credentials: str) -> Channel:
    channel = SHOPS[shop]
    known = {**sandbox.shop(shop), **credentials}
    return CHANNELS[channel](client, shop, known, own_mapping(channel), lambda: NOON)


def offer(sandbox: Sandbox, shop: str, *skus: str, article: str = "MUG", **more: Any) -> None:
    """Put SKUs of one article into a shop, ten of each."""
    rows = [{"sku": sku, "article": article, "stock": 10, "price_fen": 900, **more} for sku in skus]
    sandbox.do("POST", f"/shops/{shop}/products", {"products": rows})


def listed(sandbox: Sandbox, shop: str) -> dict[str, dict[str, Any]]:
    rows = sandbox.do("GET", f"/shops/{shop}/stock")["listings"]
    return {row["sku_code"]: row for row in rows}


def shown(sandbox: Sandbox, shop: str) -> dict[str, int]:
    return {sku: row["units"] for sku, row in listed(sandbox, shop).items()}


def level(sandbox: Sandbox, shop: str, sku: str, units: int, version: int = 1) -> StockLevel:
    row = listed(sandbox, shop)[sku]
    return StockLevel(row["item_id"], row["sku_ref"], sku, units, f"{shop}:{sku}:{version}")


def stop(sandbox: Sandbox, shop: str, sku: str, kind: str, times: int | None = None, article: str = "MUG") -> None:
    row = {"sku": sku, "article": article, "stop": kind, "times": times}
    sandbox.do("POST", f"/shops/{shop}/products", {"products": [row]})


def push(channel: Channel, levels: Sequence[StockLevel]) -> dict[str, StockOutcome]:
    found = [outcome for call in channel.push_stock(levels) for outcome in call]
    assert sorted(outcome.level.key for outcome in found) == sorted(level.key for level in levels)
    return {outcome.level.sku_code: outcome for outcome in found}


def verdicts(outcomes: dict[str, StockOutcome]) -> dict[str, StockVerdict]:
    return {sku: outcome.verdict for sku, outcome in outcomes.items()}


def stock_writes(sandbox: Sandbox, shop: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = sandbox.do("GET", "/books")["shops"][shop]["stock_writes"]
    return found


def calls(sandbox: Sandbox, shop: str) -> int:
    """How many calls about stock the shop got."""
    made: dict[str, int] = sandbox.do("GET", "/books")["shops"][shop]["calls"]
    words = ("quantity.update", "stock", "Stock", "/batch")
    return sum(count for name, count in made.items() if any(word in name for word in words))


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


class TestTaobao:
    def test_a_product_without_skus_takes_a_number(self, sandbox: Sandbox, client: httpx.Client) -> None:
        offer(sandbox, "tmall-1", "TEA", article="TEA", single=True)
        found = level(sandbox, "tmall-1", "TEA", 6)

        outcome = push(connector(sandbox, client, "tmall-1"), [found])["TEA"]

        assert (found.sku_ref, outcome.verdict) == ("", ACCEPTED)
        assert shown(sandbox, "tmall-1") == {"TEA": 6}

    def test_a_product_that_is_gone_costs_one_call(self, sandbox: Sandbox, client: httpx.Client) -> None:
        levels = [StockLevel("123456789012", str(number), f"S{number}", 1, f"k{number}") for number in range(20)]

        found = push(connector(sandbox, client, "tmall-1"), levels)

        assert set(verdicts(found).values()) == {REFUSED}
        assert "isv.item-not-exist" in found["S0"].reason
        assert calls(sandbox, "tmall-1") == 1

    def test_ids_that_are_no_numbers_set_no_other_listing(self, sandbox: Sandbox, client: httpx.Client) -> None:
        offer(sandbox, "tmall-1", "RED", "BLUE")
        red, blue = level(sandbox, "tmall-1", "RED", 3), level(sandbox, "tmall-1", "BLUE", 3)

        found = push(
            connector(sandbox, client, "tmall-1"), [replace(red, sku_ref=f"{red.sku_ref}:1;{blue.sku_ref}", units=9)]
        )

        assert verdicts(found) == {"RED": REFUSED}
        assert shown(sandbox, "tmall-1") == {"RED": 10, "BLUE": 10}


class TestPinduoduo:
    def test_a_product_in_a_promotion_refuses_fewer_and_takes_more(
        self, sandbox: Sandbox, client: httpx.Client
    ) -> None:
        offer(sandbox, "pdd-1", "RED")
        stop(sandbox, "pdd-1", "RED", "promotion")
        channel = connector(sandbox, client, "pdd-1")

        fewer = push(channel, [level(sandbox, "pdd-1", "RED", 4)])["RED"]
        more = push(channel, [level(sandbox, "pdd-1", "RED", 12, version=2)])["RED"]

        assert (fewer.verdict, more.verdict) == (REFUSED, ACCEPTED)
        assert "活动" in fewer.reason

    def test_a_sku_is_found_by_the_merchants_code(self, sandbox: Sandbox, client: httpx.Client) -> None:
        offer(sandbox, "pdd-1", "RED")

        push(connector(sandbox, client, "pdd-1"), [replace(level(sandbox, "pdd-1", "RED", 4), sku_ref="")])

        assert shown(sandbox, "pdd-1") == {"RED": 4}


class TestDouyin:
    def test_a_key_that_was_taken_is_success(self, sandbox: Sandbox, client: httpx.Client) -> None:
        offer(sandbox, "douyin-1", "RED")
        channel = connector(sandbox, client, "douyin-1")
        for _ in range(2):
            found = push(channel, [level(sandbox, "douyin-1", "RED", 4)])

        assert verdicts(found) == {"RED": ACCEPTED}
        assert len(stock_writes(sandbox, "douyin-1")) == 1

    def test_a_product_under_audit_costs_one_call(self, sandbox: Sandbox, client: httpx.Client) -> None:
        names = [f"S{number}" for number in range(8)]
        offer(sandbox, "douyin-1", *names)
        stop(sandbox, "douyin-1", "S5", "audit")

        found = push(connector(sandbox, client, "douyin-1"), [level(sandbox, "douyin-1", name, 1) for name in names])

        assert set(verdicts(found).values()) == {REFUSED}
        assert "2010041" in found["S0"].reason
        assert calls(sandbox, "douyin-1") == 1

    def test_one_sku_with_too_little_hurts_no_other(self, sandbox: Sandbox, client: httpx.Client) -> None:
        names = [f"S{number}" for number in range(8)]
        offer(sandbox, "douyin-1", *names)
        stop(sandbox, "douyin-1", "S5", "promotion")

        found = push(connector(sandbox, client, "douyin-1"), [level(sandbox, "douyin-1", name, 1) for name in names])

        assert [name for name, verdict in verdicts(found).items() if verdict is not ACCEPTED] == ["S5"]

    def test_skus_are_found_by_the_merchants_code(self, sandbox: Sandbox, client: httpx.Client) -> None:
        offer(sandbox, "douyin-1", "RED", "BLUE", "GREEN")
        levels = [replace(level(sandbox, "douyin-1", sku, 4), sku_ref="") for sku in ("RED", "BLUE")]
        channel = connector(sandbox, client, "douyin-1")

        push(channel, levels)
        push(channel, [replace(level(sandbox, "douyin-1", "GREEN", 4), sku_ref="")])

        assert set(shown(sandbox, "douyin-1").values()) == {4}


class TestJd:
    def test_a_spelling_the_platform_does_not_know_is_no_fault_of_the_skus(
        self, sandbox: Sandbox, client: httpx.Client
    ) -> None:
        offer(sandbox, "jd-1", "A", "B")
        channel = connector(sandbox, client, "jd-1", stock_model="fullStock")

        with pytest.raises(ChannelRejected, match="updateModel"):
            push(channel, [level(sandbox, "jd-1", sku, 3) for sku in "AB"])

    def test_a_store_that_is_no_number_is_refused_at_set_up(self, sandbox: Sandbox, client: httpx.Client) -> None:
        with pytest.raises(SetupError, match=r"jd-1.*stock_store.*north"):
            connector(sandbox, client, "jd-1", stock_store="north")

    @pytest.mark.parametrize("whole", [True, False, "false"])
    def test_rows_count_whatever_the_whole_says(self, whole: object) -> None:
        rows = [
            {"data": 11, "success": "true", "storeId": 0, "message": ""},
            {"data": "12", "success": False, "storeId": 0, "message": "商品审核中"},
            {"data": 13, "success": "false", "storeId": 0, "message": "系统繁忙"},
        ]
        result = {"success": whole, "obj": {"updateStockResult": rows}}
        channel = answering("jd", {"jingdong_ware_stock_sku_set_responce": {"code": "0", "returnType": result}})

        found = push(channel, [StockLevel("1", ref, ref, 5, ref) for ref in ("11", "12", "13", "14")])

        assert verdicts(found) == {"11": ACCEPTED, "12": REFUSED, "13": AGAIN, "14": AGAIN}
        assert found["12"].reason == "商品审核中"


class TestWooCommerce:
    def test_products_and_variations_are_listed(self, sandbox: Sandbox, client: httpx.Client) -> None:
        offer(sandbox, "woo-1", *(f"P{number:03}" for number in range(120)), article="")
        offer(sandbox, "woo-1", *(f"V{number:03}" for number in range(110)))
        channel = connector(sandbox, client, "woo-1")

        found = [listing for page in channel.listings() for listing in page]

        told = {(row["item_id"], row["sku_ref"]): row for row in listed(sandbox, "woo-1").values()}
        assert {(listing.item_id, listing.sku_ref) for listing in found} == set(told)
        assert {listing.sku_code for listing in found} == {row["sku_code"] for row in told.values()}
        assert {listing.units for listing in found} == {10}
        assert next(listing.title for listing in found if listing.sku_code == "V007") == "MUG V007"

    def test_a_group_of_products_is_no_listing(self) -> None:
        rows = [
            {"id": 1, "type": "grouped", "name": "Set", "sku": "SET"},
            {"id": 2, "type": "simple", "name": "Tea", "sku": "TEA", "manage_stock": False, "stock_quantity": None},
        ]

        (page,) = answering("woocommerce", rows, {"x-wp-totalpages": "1"}).listings()

        assert [(listing.sku_code, listing.units) for listing in page] == [("TEA", None)]

    def test_a_store_without_page_numbers_is_not_listed_in_part(self) -> None:
        with pytest.raises(ChannelRejected, match="X-WP-TotalPages"):
            list(answering("woocommerce", []).listings())

    def test_a_product_on_which_the_store_breaks_hurts_no_other(self) -> None:
        def answer(request: httpx.Request) -> httpx.Response:
            if request.url.path.endswith("/products/5/variations/batch"):
                return httpx.Response(500, json={"code": "internal_server_error", "message": "a critical error"})
            return httpx.Response(200, json={"update": [{"id": 61, "manage_stock": True, "stock_quantity": 4}]})

        channel = answering("woocommerce", answer)

        found = push(channel, [StockLevel("5", "51", "A", 4, "a"), StockLevel("6", "61", "B", 4, "b")])

        assert verdicts(found) == {"A": AGAIN, "B": ACCEPTED}

    def test_a_store_that_shows_another_number_has_not_taken_it(self) -> None:
        channel = answering("woocommerce", {"update": [{"id": 5, "manage_stock": True, "stock_quantity": 3}]})

        found = push(channel, [StockLevel("5", "", "A", 4, "a"), StockLevel("6", "", "B", 4, "b")])

        assert verdicts(found) == {"A": AGAIN, "B": AGAIN}
        assert "shows 3" in found["A"].reason


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


def answering(channel: str, body: Any, headers: Iterable[tuple[str, str]] | dict[str, str] = ()) -> Channel:
    """A shop whose platform gives one and the same answer to all, or what a function says of the request."""
    transport = httpx.MockTransport(
        body if callable(body) else lambda request: httpx.Response(200, json=body, headers=dict(headers))
    )
    kind = CHANNELS[channel]
    known = {"endpoint": "http://shop.example.com", **dict.fromkeys(kind.needs, "x")}
    known["endpoint"] = "http://shop.example.com"
    return kind(httpx.Client(transport=transport), "shop-1", known, own_mapping(channel), lambda: NOON)
