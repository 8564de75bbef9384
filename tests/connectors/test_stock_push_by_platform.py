"""Stock numbers and listings, where a platform has a way of its own."""

from dataclasses import replace

import httpx
import pytest

from connectors.base import StockLevel
from models.errors import ChannelRejected, SetupError
from sandbox.server import Sandbox
from tests.connectors.pushed_stock import (
    ACCEPTED,
    AGAIN,
    REFUSED,
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
