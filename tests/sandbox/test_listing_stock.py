"""What shops of the sandbox offer, and how each platform takes a new number of units."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from sandbox.server import Sandbox
from tests.sandbox.clients import NOON, TopCaller, neutral
from tests.sandbox.pinduoduo_caller import PddCaller, order_sn
from tests.sandbox.test_douyin import DouyinCaller
from tests.sandbox.test_jd import STOCK, JdCaller, stock, true


def offer(sandbox: Sandbox, shop: str, *rows: dict[str, Any]) -> list[dict[str, Any]]:
    """Put SKUs into a shop; its listings."""
    sandbox.do("POST", f"/shops/{shop}/products", {"products": list(rows)})
    return listings(sandbox, shop)


def listings(sandbox: Sandbox, shop: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = sandbox.do("GET", f"/shops/{shop}/stock")["listings"]
    return found


def mug(sku: str, **more: Any) -> dict[str, Any]:
    return {"sku": sku, "article": "MUG", "stock": 10, **more}


def units(sandbox: Sandbox, shop: str) -> list[int]:
    return [row["units"] for row in listings(sandbox, shop)]


@pytest.fixture
def douyin(sandbox: Sandbox) -> DouyinCaller:
    return DouyinCaller(sandbox)


@pytest.fixture
def jd(sandbox: Sandbox) -> JdCaller:
    return JdCaller(sandbox)


@pytest.fixture
def pdd(sandbox: Sandbox) -> PddCaller:
    return PddCaller(sandbox)


def test_a_shop_lists_what_its_orders_sold(sandbox: Sandbox) -> None:
    sandbox.do("POST", "/shops/pdd-1/orders", {"orders": [neutral(order_sn(1))]})

    assert [(row["sku_code"], row["units"]) for row in listings(sandbox, "pdd-1")] == [("TEA-1", 100), ("CUP", 100)]


def test_skus_of_one_article_share_its_number(sandbox: Sandbox) -> None:
    red, blue, tea = offer(sandbox, "tmall-1", mug("RED"), mug("BLUE"), {"sku": "TEA", "stock": 3})

    assert red["item_id"] == blue["item_id"] != tea["item_id"]
    assert len({red["sku_ref"], blue["sku_ref"], tea["sku_ref"]}) == 3


def test_a_sku_code_may_be_offered_in_two_articles(sandbox: Sandbox) -> None:
    first, second = offer(sandbox, "tmall-1", mug("RED"), mug("RED", article="SET"))

    assert first["sku_code"] == second["sku_code"] == "RED"
    assert (first["item_id"], first["sku_ref"]) != (second["item_id"], second["sku_ref"])


def test_an_order_names_the_listing_it_sold(sandbox: Sandbox, tmall: TopCaller) -> None:
    (listing,) = offer(sandbox, "tmall-1", mug("TEA-1"))
    sandbox.do("POST", "/shops/tmall-1/orders", {"orders": [neutral("291")]})

    fields = {"fields": "orders", "tid": 291}
    line = tmall.call("taobao.trade.fullinfo.get", **fields)["trade"]["orders"]["order"][0]

    assert (str(line["num_iid"]), line["sku_id"]) == (listing["item_id"], listing["sku_ref"])


def test_all_numbers_a_listing_ever_showed_are_kept(sandbox: Sandbox, tmall: TopCaller) -> None:
    (listing,) = offer(sandbox, "tmall-1", mug("RED"))
    for number in (4, 9):
        sandbox.do("POST", "/clock", {"advance_s": 60})
        quantities = f"{listing['sku_ref']}:{number}"
        tmall.call("taobao.skus.quantity.update", num_iid=listing["item_id"], skuid_quantities=quantities)

    history = listings(sandbox, "tmall-1")[0]["history"]

    assert [(row["units"], row["why"]) for row in history] == [(10, "control"), (4, "absolute"), (9, "absolute")]
    assert history[0]["at"] == NOON.isoformat() < history[1]["at"] < history[2]["at"]


def test_a_stop_that_is_not_known_is_refused(sandbox: Sandbox) -> None:
    with pytest.raises(httpx.HTTPStatusError) as caught:
        offer(sandbox, "tmall-1", mug("RED", stop="mood"))

    assert "mood" in caught.value.response.text


def test_changing_a_stop_leaves_the_number(sandbox: Sandbox) -> None:
    offer(sandbox, "tmall-1", mug("RED"))

    (listing,) = offer(sandbox, "tmall-1", {"sku": "RED", "stop": "audit"})

    assert (listing["units"], len(listing["history"])) == (10, 1)


class TestTaobao:
    def test_a_batch_is_written_whole_or_not_at_all(self, sandbox: Sandbox, tmall: TopCaller) -> None:
        red, blue = offer(sandbox, "tmall-1", mug("RED"), mug("BLUE", stop="audit"))
        quantities = f"{red['sku_ref']}:3;{blue['sku_ref']}:3"

        answer = tmall.call("taobao.skus.quantity.update", num_iid=red["item_id"], skuid_quantities=quantities)

        assert answer["error"]["sub_code"].startswith("isv.")
        assert units(sandbox, "tmall-1") == [10, 10]

    def test_more_than_twenty_skus_are_refused(self, sandbox: Sandbox, tmall: TopCaller) -> None:
        rows = offer(sandbox, "tmall-1", *(mug(f"S{number}") for number in range(21)))
        quantities = ";".join(f"{row['sku_ref']}:1" for row in rows)

        answer = tmall.call("taobao.skus.quantity.update", num_iid=rows[0]["item_id"], skuid_quantities=quantities)

        assert answer["error"]["sub_code"] == "isv.invalid-parameter:skuid_quantities"

    def test_a_sku_named_twice_is_refused(self, sandbox: Sandbox, tmall: TopCaller) -> None:
        (red,) = offer(sandbox, "tmall-1", mug("RED"))
        quantities = f"{red['sku_ref']}:1;{red['sku_ref']}:2"

        answer = tmall.call("taobao.skus.quantity.update", num_iid=red["item_id"], skuid_quantities=quantities)

        assert answer["error"]["code"] == 41

    def test_an_item_with_skus_wants_to_know_which(self, sandbox: Sandbox, tmall: TopCaller) -> None:
        red, blue = offer(sandbox, "tmall-1", mug("RED"), mug("BLUE"))

        vague = tmall.call("taobao.item.quantity.update", num_iid=red["item_id"], quantity=4)
        exact = tmall.call("taobao.item.quantity.update", num_iid=red["item_id"], sku_id=blue["sku_ref"], quantity=4)

        assert vague["error"]["sub_code"] == "isv.missing-parameter:sku_id"
        assert (exact["item"]["num"], units(sandbox, "tmall-1")) == (14, [10, 4])

    def test_an_item_without_skus_has_none_in_its_orders(self, sandbox: Sandbox, tmall: TopCaller) -> None:
        (listing,) = offer(sandbox, "tmall-1", {"sku": "TEA-1", "stock": 3, "single": True})
        sandbox.do("POST", "/shops/tmall-1/orders", {"orders": [neutral("291")]})

        line = tmall.call("taobao.trade.fullinfo.get", fields="orders", tid=291)["trade"]["orders"]["order"][0]

        assert (listing["sku_ref"], line["outer_iid"]) == ("", "TEA-1")
        assert "sku_id" not in line


class TestPinduoduo:
    def set_to(self, pdd: PddCaller, listing: dict[str, Any], number: int) -> Any:
        wish = {"goods_id": listing["item_id"], "sku_id": listing["sku_ref"], "quantity": number}
        return pdd.call("pdd.goods.quantity.update", **wish)

    def test_a_product_in_a_promotion_takes_no_fewer(self, sandbox: Sandbox, pdd: PddCaller) -> None:
        (red,) = offer(sandbox, "pdd-1", mug("RED", stop="promotion"))

        fewer, more = self.set_to(pdd, red, 9), self.set_to(pdd, red, 11)

        assert (fewer["error"]["error_code"], more) == (50001, {"is_success": True, "request_id": more["request_id"]})
        assert units(sandbox, "pdd-1") == [11]

    def test_a_busy_product_is_a_system_error_for_as_long(self, sandbox: Sandbox, pdd: PddCaller) -> None:
        (red,) = offer(sandbox, "pdd-1", mug("RED", stop="busy", times=2))

        answers = [self.set_to(pdd, red, 9) for _ in range(3)]

        assert [answer.get("error", {}).get("error_code") for answer in answers] == [50000, 50000, None]


class TestDouyin:
    def test_an_id_counts_once_for_a_number_too(self, sandbox: Sandbox, douyin: DouyinCaller) -> None:
        (red,) = offer(sandbox, "douyin-1", mug("RED"))
        wish = {"product_id": int(red["item_id"]), "sku_id": int(red["sku_ref"]), "idempotent_id": "i1"}
        douyin.call("sku.syncStock", **wish, stock_num=4)

        again = douyin.refusal("sku.syncStock", **wish, stock_num=6)

        assert (again, units(sandbox, "douyin-1")) == ("isv.business-failed:2010021", [4])

    def test_a_refused_call_does_not_use_up_its_id(self, sandbox: Sandbox, douyin: DouyinCaller) -> None:
        red, _ = offer(sandbox, "douyin-1", mug("RED", stop="busy", times=1), mug("BLUE"))
        rows = [{"sku_id": int(red["sku_ref"]), "stock_num": 4}]
        wish = {"product_id": int(red["item_id"]), "sku_sync_list": rows, "idempotent_id": "i1"}

        first = douyin.refusal("sku.syncStockBatch", **wish)
        douyin.call("sku.syncStockBatch", **wish)

        assert (first, units(sandbox, "douyin-1")) == ("isv.business-failed:2010401", [4, 10])


class TestJd:
    def test_a_row_that_failed_may_come_again_under_its_id(self, sandbox: Sandbox, jd: JdCaller) -> None:
        red, blue = offer(sandbox, "jd-1", mug("RED", stop="busy", times=1), mug("BLUE"))
        call = stock("k1", (int(red["sku_ref"]), 4), (int(blue["sku_ref"]), 4))

        first = jd.call(STOCK, **call)["obj"]["updateStockResult"]
        again = jd.call(STOCK, **call)["obj"]["updateStockResult"]

        assert [true(row["success"]) for row in first] == [False, True]
        assert [true(row["success"]) for row in again] == [True, True]
        assert [len(row["history"]) for row in listings(sandbox, "jd-1")] == [2, 2]
