"""The Pinduoduo gateway over HTTP: shipping, notes, stock, decryption, tokens."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from sandbox.server import Sandbox
from tests.sandbox.clients import HTTP, NOON
from tests.sandbox.pinduoduo_caller import NUMBER, SEND, PddCaller, order_sn, unix


@pytest.fixture
def pdd(sandbox: Sandbox) -> PddCaller:
    """The clock stands five minutes after noon, so that windows up to noon are indexed."""
    caller = PddCaller(sandbox)
    sandbox.do("POST", "/clock", {"now": (NOON + timedelta(minutes=5)).isoformat()})
    return caller


def test_an_order_ships_once(pdd: PddCaller) -> None:
    pdd.load()

    first, again = pdd.ship(), pdd.ship("JT1234567890124")

    assert first["is_success"] is True
    assert again["error"]["sub_msg"] == "订单已发货，请勿重复发货"
    rows = pdd.book()["ship_backs"]
    assert [(row["order_no"], row["carrier"], row["waybill"]) for row in rows] == [(order_sn(1), "384", NUMBER)]
    assert pdd.book()["refused"][0]["code"] == 50001
    assert pdd.book()["calls"][SEND] == 2
    assert (pdd.order()["logistics_id"], pdd.order()["tracking_number"]) == (384, NUMBER)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"status": "forbid"}, "风控"),
        ({"raw": {"refund_status": 2}}, "售后"),
        ({"raw": {"refund_status": 4}}, "售后"),
        ({"raw": {"confirm_status": 0}}, "未成交"),
        ({"raw": {"group_status": 0}}, "未成交"),
        ({"step": "FRONT_PAID_FINAL_NOPAID"}, "尾款"),
    ],
)
def test_an_order_that_is_not_ready_cannot_be_shipped(pdd: PddCaller, changes: dict[str, Any], said: str) -> None:
    pdd.load(**changes)

    assert said in pdd.refused(pdd.ship())


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"logistics_id": 7}, "物流公司"),
        ({"logistics_id": 3}, "物流公司"),
        ({"tracking_number": "?"}, "单号"),
        ({"order_sn": order_sn(9)}, "订单不存在"),
        ({"redelivery_type": 2}, "未发货"),
    ],
)
def test_a_wrong_report_is_refused(pdd: PddCaller, wrong: dict[str, Any], said: str) -> None:
    pdd.load()

    assert said in pdd.refused(pdd.ship(**wrong))


def test_a_number_can_be_changed_a_few_times(pdd: PddCaller) -> None:
    pdd.load()
    pdd.ship()

    answers = [pdd.ship(f"JT123456789013{place}", redelivery_type=2) for place in range(4)]

    assert [answer.get("is_success") for answer in answers] == [True, True, True, None]
    assert pdd.order()["tracking_number"] == "JT1234567890132"


def test_further_parcels_are_additions_of_a_shipped_order(pdd: PddCaller) -> None:
    pdd.load()
    early = pdd.refused(pdd.add("4312345678901"))
    pdd.ship()

    added, again = pdd.add("4312345678901"), pdd.add("4312345678901")
    pdd.add("4312345678902", kind=2)

    assert "未发货" in early
    assert added["success"] is True
    assert again["error"]["error_code"] == 50001
    assert pdd.order()["extra_delivery_list"] == [{"logistics_id": 121, "tracking_number": "4312345678901"}]
    assert pdd.order()["resend_delivery_list"] == [{"logistics_id": 121, "tracking_number": "4312345678902"}]
    assert [row["waybill"] for row in pdd.book()["ship_backs"]] == [NUMBER, "4312345678901", "4312345678902"]


def test_carriers_are_listed_without_a_token(pdd: PddCaller) -> None:
    answer = pdd.call("pdd.logistics.companies.get", access_token="")

    wanted = {"id": 121, "code": "YUNDA", "logistics_company": "韵达快递", "available": 1}
    assert wanted in answer["logistics_companies"]


def test_a_note_is_written_with_its_flag(pdd: PddCaller) -> None:
    (no,) = pdd.load()

    answer = pdd.call("pdd.order.note.update", order_sn=no, note="改发顺丰", tag=1, tag_name="红色")

    assert answer["success"] is True
    order = pdd.order()
    assert (order["remark"], order["remark_tag"], order["remark_tag_name"]) == ("改发顺丰", 1, "红色")
    assert [row["note"] for row in pdd.book()["notes"]] == ["改发顺丰"]


def test_stock_is_written_for_one_sku_absolute_or_as_a_difference(pdd: PddCaller) -> None:
    pdd.load()
    goods = {"goods_id": pdd.order()["item_list"][0]["goods_id"], "outer_id": "TEA-1"}
    method = "pdd.goods.quantity.update"

    assert pdd.call(method, **goods, quantity=37)["is_success"] is True
    assert pdd.call(method, **goods, quantity=-2, update_type=2)["is_success"] is True
    assert pdd.call(method, **goods, quantity=-2)["error"]["error_code"] == 10000
    assert pdd.call(method, **{**goods, "outer_id": "CUP"}, quantity=1)["error"]["error_code"] == 50001
    assert [(row["sku"], row["stock"]) for row in pdd.book()["stock_writes"]] == [("TEA-1", 37), ("TEA-1", 35)]


def test_refunds_are_listed_by_line(pdd: PddCaller) -> None:
    (no,) = pdd.load()
    pdd.sandbox.do("POST", f"/shops/pdd-1/orders/{no}", {"event": "refund_request", "line_no": "2"})
    times = {"start_updated_at": unix(minutes=-10), "end_updated_at": unix(minutes=10)}

    answer = pdd.call("pdd.refund.list.increment.get", **times, after_sales_type=1)

    assert answer["total_count"] == 1
    row = answer["refund_list"][0]
    assert (row["order_sn"], row["outer_id"], row["after_sales_status"]) == (no, "CUP", 2)


def sealed(pdd: PddCaller, *fields: str) -> str:
    order = pdd.order()
    rows = [{"data_tag": order["order_sn"], "encrypted_data": order[field]} for field in fields]
    return json.dumps([*rows, {"data_tag": order["order_sn"], "encrypted_data": "~no~1~"}])


def test_ciphertexts_open_row_by_row_with_a_virtual_phone(pdd: PddCaller) -> None:
    pdd.load()
    data = sealed(pdd, "receiver_name", "receiver_phone", "receiver_address")

    rows = pdd.call("pdd.open.decrypt.batch", data_list=data)["data_decrypt_list"]

    assert [row.get("data_type") for row in rows] == [5, 6, 7, None]
    assert (rows[0]["decrypted_data"], rows[2]["decrypted_data"]) == ("张三丰", "文一西路969号")
    assert rows[1]["decrypted_data"].startswith("170")
    assert rows[3]["error_code"] == 50001


def test_decryption_has_a_quota_of_calls_and_masks_have_none(pdd: PddCaller) -> None:
    pdd.load()
    data = sealed(pdd, "receiver_name")

    def decrypt() -> int:
        pdd.sandbox.do("POST", "/clock", {"advance_s": 10})
        error = pdd.call("pdd.open.decrypt.batch", data_list=data).get("error", {})
        return int(error.get("error_code", 0))

    pdd.call("pdd.open.decrypt.batch", data_list=data)
    at_once = pdd.call("pdd.open.decrypt.batch", data_list=data)["error"]["error_code"]
    codes = [decrypt() for _ in range(100)]

    assert at_once == 52101
    assert codes == [0] * 99 + [52101]
    masked = [pdd.call("pdd.open.decrypt.mask.batch", data_list=data)["data_decrypt_list"][0] for _ in range(2)]
    assert [row["decrypted_data"] for row in masked] == ["张**", "张**"]


def test_consent_leads_to_tokens_that_end_the_former_ones(pdd: PddCaller) -> None:
    query = {
        "client_id": pdd.shop["app_key"],
        "redirect_uri": "http://127.0.0.1:1/back?a=1",
        "state": "s",
        "shop": "pdd-1",
    }
    page = HTTP.get(pdd.shop["consent_url"], params=query, follow_redirects=False)
    code = parse_qs(urlsplit(page.headers["location"]).query)

    tokens = pdd.call("pdd.pop.auth.token.create", code=code["code"][0], access_token="")
    former = pdd.window()["error"]["error_code"]
    pdd.shop["access_token"] = tokens["access_token"]

    assert (code["state"], code["a"]) == (["s"], ["1"])
    assert (former, pdd.window()["total_count"]) == (10019, 0)
    assert (tokens["owner_id"], tokens["expires_in"]) == (pdd.shop["owner_id"], 30 * 86400)


def test_a_refresh_token_works_once(pdd: PddCaller) -> None:
    method, wish = "pdd.pop.auth.token.refresh", {"refresh_token": pdd.shop["refresh_token"]}

    first, again = pdd.call(method, **wish), pdd.call(method, **wish)

    assert first["access_token"] != pdd.shop["access_token"]
    assert again["error"]["error_code"] == 10000
