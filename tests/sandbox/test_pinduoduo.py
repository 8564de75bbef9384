"""The Pinduoduo gateway over HTTP: its calls, lists and orders."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from sandbox.server import Sandbox
from tests.sandbox.clients import HTTP, NOON
from tests.sandbox.pinduoduo_caller import ALL, INCREMENT, PddCaller, order_sn, unix


@pytest.fixture
def pdd(sandbox: Sandbox) -> PddCaller:
    """The clock stands five minutes after noon, so that windows up to noon are indexed."""
    caller = PddCaller(sandbox)
    sandbox.do("POST", "/clock", {"now": (NOON + timedelta(minutes=5)).isoformat()})
    return caller


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"sign": "0" * 32}, 20004),
        ({"sign": ""}, 10001),
        ({"access_token": "nobody"}, 10019),
        ({"access_token": ""}, 10001),
        ({"timestamp": str(unix(minutes=-6))}, 10001),
        ({"timestamp": "soon"}, 10001),
        ({"type": "pdd.order.guess"}, 10001),
        ({"client_id": "1"}, 10016),
        ({"order_status": ""}, 10000),
        ({"order_status": "4"}, 10000),
        ({"page": "first"}, 10000),
        ({"page": "0"}, 10000),
        ({"page_size": "101"}, 10000),
        ({"start_updated_at": str(unix(minutes=-30, seconds=-1))}, 50001),
        ({"start_updated_at": str(unix(minutes=1))}, 50001),
        ({"end_updated_at": str(unix(minutes=2, seconds=3)), "start_updated_at": str(unix())}, 50001),
    ],
)
def test_a_wrong_call_gets_its_documented_error(pdd: PddCaller, change: dict[str, str], code: int) -> None:
    times = {"start_updated_at": unix(minutes=-30), "end_updated_at": unix()}
    params = pdd.params(INCREMENT, **ALL, **times) | change
    if "sign" not in change:
        params["sign"] = pdd.sign({key: value for key, value in params.items() if key != "sign"})

    answer = HTTP.post(pdd.shop["endpoint"], data=params)

    assert (answer.status_code, answer.json()["error_response"]["error_code"]) == (200, code)


def test_a_window_ends_three_minutes_before_now(sandbox: Sandbox, pdd: PddCaller) -> None:
    numbers = pdd.load()

    assert pdd.listed(end_updated_at=unix(minutes=1, seconds=55), start_updated_at=unix(minutes=-1)) == numbers


def test_a_flat_json_body_is_accepted_and_parameters_in_the_address_are_not(pdd: PddCaller) -> None:
    params = pdd.params("pdd.time.get")

    as_json = HTTP.post(pdd.shop["endpoint"], json=params).json()
    as_query = HTTP.post(pdd.shop["endpoint"], params=params).json()

    assert as_json["time_get_response"]["time"].startswith("2026-11-20 12:05")
    assert as_query["error_response"]["error_code"] == 10001


def test_a_token_of_another_marketplace_belongs_to_another_client(pdd: PddCaller) -> None:
    other = pdd.sandbox.do("POST", "/shops", {"code": "jd-1", "platform": "jd"})

    answer = pdd.call("pdd.order.information.get", order_sn=order_sn(1), access_token=other["access_token"])

    assert answer["error"]["error_code"] == 20032


def test_a_token_ends(pdd: PddCaller) -> None:
    pdd.sandbox.do("POST", "/clock", {"advance_s": 31 * 86400})

    assert pdd.window()["error"]["error_code"] == 10019


def test_answers_have_the_documented_names(pdd: PddCaller) -> None:
    pdd.load()
    times = {"start_updated_at": unix(minutes=-30), "end_updated_at": unix()}
    deals = {"start_confirm_at": unix(hours=-24), "end_confirm_at": unix()}

    assert list(pdd.whole(INCREMENT, **ALL, **times)) == ["order_sn_increment_get_response"]
    assert list(pdd.whole("pdd.order.list.get", **ALL, **deals)) == ["order_list_get_response"]
    assert list(pdd.whole("pdd.order.information.get", order_sn=order_sn(1))) == ["order_info_get_response"]
    assert list(pdd.whole("pdd.refund.list.increment.get", **times)) == ["refund_increment_get_response"]


def test_rows_are_whole_orders_newest_change_first_with_a_total_or_has_next(pdd: PddCaller) -> None:
    numbers = pdd.load(25)

    counted = pdd.window(page=3)
    following = pdd.window(page=2, use_has_next="true")

    assert (counted["total_count"], counted.get("has_next")) == (25, None)
    assert (following["has_next"], following.get("total_count")) == (True, None)
    assert pdd.listed(page=1) == numbers[:-11:-1]
    assert following["order_sn_list"][0]["item_list"][0]["outer_id"] == "TEA-1"


def test_a_list_takes_only_the_wanted_states(pdd: PddCaller) -> None:
    pdd.load(3)
    pdd.ship()
    pdd.sandbox.do("POST", f"/shops/pdd-1/orders/{order_sn(2)}", {"event": "refund_request"})
    pdd.sandbox.do("POST", "/clock", {"advance_s": 600})
    later = {"start_updated_at": unix(minutes=-10), "end_updated_at": unix(minutes=10)}

    assert pdd.listed(**later, order_status=2) == [order_sn(1)]
    assert pdd.listed(**later, refund_status=2) == [order_sn(2)]
    assert pdd.listed(**later, is_lucky_flag=2) == []
    assert pdd.listed(**later, trade_type=1) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "unpaid", "paid_at": None},
        {"status": "unpaid", "paid_at": None, "step": "FRONT_NOPAID_FINAL_NOPAID"},
        {"status": "closed_unpaid", "paid_at": None},
    ],
)
def test_an_unpaid_order_is_not_there(pdd: PddCaller, changes: dict[str, Any]) -> None:
    (no,) = pdd.load(**changes)

    assert pdd.listed() == []
    assert pdd.call("pdd.order.information.get", order_sn=no)["error"]["sub_msg"] == "订单不存在"


def test_deals_older_than_90_days_are_not_listed(pdd: PddCaller) -> None:
    old = (NOON - timedelta(days=91)).isoformat()
    pdd.load(created_at=old, paid_at=old, modified_at=(NOON - timedelta(minutes=1)).isoformat())

    assert pdd.listed() == []


def test_deals_are_listed_by_the_day(pdd: PddCaller) -> None:
    numbers = pdd.load(3)
    deals = {**ALL, "end_confirm_at": unix()}

    answer = pdd.call("pdd.order.list.get", **deals, start_confirm_at=unix(hours=-24))
    longer = pdd.call("pdd.order.list.get", **deals, start_confirm_at=unix(hours=-24, seconds=-1))

    assert [order["order_sn"] for order in answer["order_list"]] == numbers[::-1]
    assert longer["error"]["error_code"] == 50001


def test_orders_change_while_they_are_listed(pdd: PddCaller) -> None:
    pdd.load(5)
    pdd.sandbox.do("POST", "/shops/pdd-1/churn", {"every_calls": 1})

    assert [pdd.window()["total_count"] for _ in range(3)] == [4, 3, 2]


def test_amounts_are_numbers_of_yuan_that_add_up(pdd: PddCaller) -> None:
    pdd.load()

    order = pdd.order()

    assert (order["goods_amount"], order["discount_amount"], order["postage"]) == (149.0, 15.0, 8.0)
    assert order["pay_amount"] == 142.0
    assert [item["goods_price"] for item in order["item_list"]] == [25.0, 99.0]


def test_a_receiver_is_sealed_and_masked_and_the_same_each_time(pdd: PddCaller) -> None:
    pdd.load(2)

    order, again, other = pdd.order(), pdd.order(), pdd.order(order_sn(2))

    assert "张三丰" not in json.dumps(order, ensure_ascii=False)
    assert "13800005678" not in json.dumps(order)
    assert (order["receiver_name_mask"], order["receiver_phone_mask"]) == ("张**", "1********78")
    assert (order["province"], order["town"]) == ("浙江省", "余杭区")
    assert order["receiver_phone"] == again["receiver_phone"] != other["receiver_phone"]
    assert order["open_address_id"] == other["open_address_id"] != ""


def test_a_receiver_is_blank_while_its_order_is_under_review(pdd: PddCaller) -> None:
    (no,) = pdd.load(status="forbid")

    order = pdd.order()
    pdd.sandbox.do("POST", f"/shops/pdd-1/orders/{no}", {"event": "release"})

    assert (order["risk_control_status"], order["receiver_name"], order["receiver_name_mask"]) == (1, "", "")
    assert (pdd.order()["risk_control_status"], pdd.order()["receiver_name_mask"]) == (0, "张**")


def test_a_receiver_is_blank_after_shipping(pdd: PddCaller) -> None:
    pdd.load()
    pdd.ship()

    order = pdd.order()

    assert (order["order_status"], order["receiver_phone"], order["open_address_id"]) == (2, "", "")
    assert order["shipping_time"] == "2026-11-20 12:05:00"


@pytest.mark.parametrize(
    ("event", "field", "value"),
    [
        ({"event": "refund_request", "line_no": "1"}, "refund_status", 2),
        ({"event": "refund", "line_no": "1"}, "refund_status", 4),
        ({"event": "close"}, "confirm_status", 2),
        ({"set": {"step": "FRONT_PAID_FINAL_NOPAID"}}, "step_order_info.step_trade_status", 1),
        ({"set": {"step": "FRONT_PAID_FINAL_PAID"}}, "step_order_info.step_trade_status", 2),
        ({"set": {"step": "FRONT_PAID_FRONT_FORFEITED"}}, "confirm_status", 2),
        ({"set": {"raw": {"group_status": 0}}}, "group_status", 0),
    ],
)
def test_what_happens_to_an_order_shows(pdd: PddCaller, event: dict[str, Any], field: str, value: int) -> None:
    (no,) = pdd.load()

    pdd.sandbox.do("POST", f"/shops/pdd-1/orders/{no}", event)
    shown: Any = pdd.order()
    for key in field.split("."):
        shown = shown[key]

    assert shown == value


def test_a_null_in_raw_removes_a_field(pdd: PddCaller) -> None:
    pdd.load(raw={"risk_control_status": None, "order_tag_list": [{"name": "ship_hold", "value": 1}]})

    order = pdd.order()

    assert "risk_control_status" not in order
    assert order["order_tag_list"][0]["name"] == "ship_hold"


@pytest.mark.parametrize(("kind", "code"), [("rate_limit", 52101), ("bad_signature", 20004), ("expired_token", 10019)])
def test_faults_speak_the_platforms_words(pdd: PddCaller, kind: str, code: int) -> None:
    pdd.sandbox.do("POST", "/faults", {"target": "shop:pdd-1", "kind": kind, "times": 1})

    assert pdd.window()["error"]["error_code"] == code
    assert pdd.window()["total_count"] == 0
