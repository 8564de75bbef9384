"""The Taobao gateway over HTTP."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from sandbox.server import Sandbox
from tests.sandbox.clients import HTTP, NOON, TopCaller, china, neutral

FIRST_TID = 2912345678901234567
SEND = "taobao.logistics.offline.send"


def load(sandbox: Sandbox, count: int, code: str = "tmall-1", **changes: Any) -> list[int]:
    """Load trades, changed a second apart, the last one ten seconds before noon; oldest first."""
    tids = list(range(FIRST_TID, FIRST_TID + count))
    orders = [
        neutral(str(tid), NOON - timedelta(seconds=10 + count - place), **changes) for place, tid in enumerate(tids)
    ]
    assert sandbox.do("POST", f"/shops/{code}/orders", {"orders": orders}) == {"stored": count}
    return tids


def load_changing(sandbox: Sandbox) -> list[int]:
    """Load 60 trades of a window that is closed by now; one of them changes before every second list call."""
    tids = load(sandbox, 60)
    sandbox.do("POST", "/clock", {"advance_s": 60})
    sandbox.do("POST", "/shops/tmall-1/churn", {"every_calls": 2})
    return tids


@pytest.mark.parametrize("method", ["md5", "hmac", "hmac-sha256"])
def test_every_documented_sign_method_is_accepted(tmall: TopCaller, method: str) -> None:
    assert tmall.call("taobao.time.get", sign_method=method)["time"].startswith("2026-11-20 12:00")


def test_public_parameters_in_the_query_and_epoch_milliseconds_are_accepted(tmall: TopCaller) -> None:
    params = tmall.params("taobao.logistics.companies.get", timestamp=int(NOON.timestamp() * 1000), fields="id,code")
    fields = params.pop("fields")

    answer = HTTP.post(tmall.shop["endpoint"], params=params, data={"fields": fields}).json()

    rows = answer["logistics_companies_get_response"]["logistics_companies"]["logistics_company"]
    assert {"id": 505, "code": "SF"} in rows


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"sign": "0" * 32}, 25),
        ({"session": "6100nobody"}, 27),
        ({"session": ""}, 26),
        ({"timestamp": china(NOON - timedelta(minutes=11))}, 31),
        ({"method": "taobao.trades.sold.guess"}, 22),
        ({"app_key": "1"}, 29),
        ({"fields": ""}, 40),
        ({"page_no": "first"}, 41),
        ({"start_modified": china(NOON - timedelta(days=1, seconds=1))}, 15),
    ],
)
def test_a_wrong_call_gets_its_documented_error(tmall: TopCaller, change: dict[str, str], code: int) -> None:
    wrong = {
        "fields": "tid",
        "start_modified": china(NOON - timedelta(hours=1)),
        "end_modified": china(NOON),
    }
    params = tmall.params("taobao.trades.sold.increment.get", **wrong) | change
    if "sign" not in change:
        params["sign"] = tmall.sign({key: value for key, value in params.items() if key != "sign"})

    answer = HTTP.post(tmall.shop["endpoint"], data=params)

    assert (answer.status_code, answer.json()["error_response"]["code"]) == (200, code)


def test_a_window_of_exactly_one_day_is_allowed(sandbox: Sandbox, tmall: TopCaller) -> None:
    tids = load(sandbox, 1)

    assert tmall.tids(start_modified=china(NOON - timedelta(days=1))) == tids


def test_trades_older_than_three_months_are_not_listed(sandbox: Sandbox, tmall: TopCaller) -> None:
    load(sandbox, 1)
    sandbox.do("POST", "/clock", {"advance_s": 100 * 86400})

    answer = tmall.window()

    assert (answer["total_results"], "trades" in answer) == (0, False)


def test_an_order_of_the_future_appears_when_its_time_has_come(sandbox: Sandbox, tmall: TopCaller) -> None:
    orders = [neutral(str(FIRST_TID), NOON + timedelta(minutes=5))]
    sandbox.do("POST", "/shops/tmall-1/orders", {"orders": orders})
    later = {"start_modified": china(NOON), "end_modified": china(NOON + timedelta(hours=1))}
    before = tmall.tids(**later)

    sandbox.do("POST", "/clock", {"advance_s": 600})

    assert (before, tmall.tids(**later)) == ([], [FIRST_TID])


def test_rows_come_newest_change_first_with_a_total_or_has_next(sandbox: Sandbox, tmall: TopCaller) -> None:
    tids = load(sandbox, 25)

    counted = tmall.window(page_no=3)
    following = tmall.window(page_no=2, use_has_next="true")

    assert (counted["total_results"], counted.get("has_next")) == (25, None)
    assert (following["has_next"], following.get("total_results")) == (True, None)
    assert tmall.tids(page_no=1) == tids[:-11:-1]


def test_only_the_asked_fields_come_back_and_the_receiver_is_masked(sandbox: Sandbox, tmall: TopCaller) -> None:
    (tid,) = load(sandbox, 1)

    trade = tmall.window(fields="tid,receiver_name,receiver_mobile,receiver_address,receiver_state,orders.outer_sku_id")

    assert trade["trades"]["trade"] == [
        {
            "tid": tid,
            "receiver_name": "张**",
            "receiver_mobile": "*******5678",
            "receiver_address": "***",
            "receiver_state": "浙江省",
            "orders": {"order": [{"outer_sku_id": "TEA-1"}, {"outer_sku_id": "CUP"}]},
        }
    ]


def test_money_ties_out_between_trade_and_lines(sandbox: Sandbox, tmall: TopCaller) -> None:
    (tid,) = load(sandbox, 1)

    fields = "payment,total_fee,discount_fee,post_fee,orders.divide_order_fee,orders.part_mjz_discount"
    trade = tmall.call("taobao.trade.fullinfo.get", fields=fields, tid=tid)["trade"]

    lines = trade["orders"]["order"]
    assert (trade["payment"], trade["total_fee"]) == ("142.00", "149.00")
    assert (trade["discount_fee"], trade["post_fee"]) == ("15.00", "8.00")
    assert sum(float(line["divide_order_fee"]) for line in lines) == pytest.approx(134.00)
    assert sum(float(line["part_mjz_discount"]) for line in lines) == pytest.approx(15.00)


def test_memos_are_in_the_detail_only_and_the_oaid_on_request(sandbox: Sandbox, tmall: TopCaller) -> None:
    (tid,) = load(sandbox, 1)
    fields = "tid,buyer_message,oaid"

    listed = tmall.window(fields="tid,buyer_message")["trades"]["trade"][0]
    detail = tmall.call("taobao.trade.fullinfo.get", fields=fields, tid=tid)["trade"]
    with_oaid = tmall.call("taobao.trade.fullinfo.get", fields=fields, tid=tid, include_oaid="include_oaid")["trade"]

    assert listed == {"tid": tid}
    assert detail == {"tid": tid, "buyer_message": "请发顺丰"}
    assert with_oaid["oaid"].startswith("1")


def test_an_oaid_decrypts_and_tells_which_trades_merge(sandbox: Sandbox, tmall: TopCaller) -> None:
    tids = load(sandbox, 2)
    rows = [
        {
            "tid": str(tid),
            "oaid": tmall.call("taobao.trade.fullinfo.get", fields="oaid", tid=tid, include_oaid="include_oaid")[
                "trade"
            ]["oaid"],
            "scene": "1004",
        }
        for tid in tids
    ]

    opened = tmall.call("taobao.top.oaid.decrypt", query_list=json.dumps(rows[:1]))["receiver_list"]["receiver"][0]
    merged = tmall.call("taobao.top.oaid.merge", merge_list=json.dumps(rows))["merge_list"]["string"]

    assert (opened["name"], opened["matched"]) == ("张三丰", True)
    assert merged == [f"{tids[0]},{tids[1]}"]


def test_forward_paging_loses_rows_while_trades_change(sandbox: Sandbox, tmall: TopCaller) -> None:
    tids = load_changing(sandbox)

    read = {tid for page in range(1, 7) for tid in tmall.tids(page_no=page, use_has_next="true")}

    assert set(tids) - read - moved(sandbox), "every trade was read in spite of the churn"


def test_reverse_paging_loses_none_but_those_that_moved_on(sandbox: Sandbox, tmall: TopCaller) -> None:
    tids = load_changing(sandbox)
    total = tmall.window()["total_results"]

    read = {tid for page in range(-(-total // 10), 0, -1) for tid in tmall.tids(page_no=page, use_has_next="true")}

    assert set(tids) - read <= moved(sandbox)


def moved(sandbox: Sandbox) -> set[int]:
    """Return the trades that changed while they were listed: the next window shows them."""
    return {int(no) for no in sandbox.do("GET", "/books")["shops"]["tmall-1"]["modified_order_nos"]}


def test_a_trade_ships_once(sandbox: Sandbox, tmall: TopCaller) -> None:
    (tid,) = load(sandbox, 1)

    first = tmall.call(SEND, tid=tid, out_sid="YT9693083639795", company_code="YTO")
    again = tmall.call(SEND, tid=tid, out_sid="YT9693083639796", company_code="YTO")

    assert first["shipping"]["is_success"] is True
    assert again["error"]["sub_code"] == "isv.logistics-offline-service-error:B04"
    book = sandbox.do("GET", "/books")["shops"]["tmall-1"]
    assert [(row["order_no"], row["line_nos"], row["waybill"]) for row in book["ship_backs"]] == [
        (str(tid), None, "YT9693083639795")
    ]
    assert tmall.window(fields="status", end_modified=china(NOON + timedelta(hours=1)))["trades"]["trade"] == [
        {"status": "WAIT_BUYER_CONFIRM_GOODS"}
    ]


def test_a_split_trade_is_part_shipped_until_its_last_line(sandbox: Sandbox, tmall: TopCaller) -> None:
    (tid,) = load(sandbox, 1)
    fields = {"fields": "status,orders.oid,orders.invoice_no", "tid": tid}
    lines = tmall.call("taobao.trade.fullinfo.get", **fields)["trade"]["orders"]["order"]

    tmall.call(SEND, tid=tid, out_sid="YT9693083639795", company_code="YTO", is_split=1, sub_tid=lines[0]["oid"])
    between = tmall.call("taobao.trade.fullinfo.get", **fields)["trade"]
    tmall.call(SEND, tid=tid, out_sid="YT9693083639796", company_code="YTO", is_split=1, sub_tid=lines[1]["oid"])
    after = tmall.call("taobao.trade.fullinfo.get", **fields)["trade"]

    assert between["status"] == "SELLER_CONSIGNED_PART"
    assert [line.get("invoice_no") for line in between["orders"]["order"]] == ["YT9693083639795", None]
    assert after["status"] == "WAIT_BUYER_CONFIRM_GOODS"
    rows = sandbox.do("GET", "/books")["shops"]["tmall-1"]["ship_backs"]
    assert [row["line_nos"] for row in rows] == [["1"], ["2"]]


def test_a_number_the_carrier_could_not_have_is_refused(sandbox: Sandbox, tmall: TopCaller) -> None:
    (tid,) = load(sandbox, 1)

    answer = tmall.call(SEND, tid=tid, out_sid="?", company_code="YTO")

    assert answer["error"]["sub_code"].startswith("isv.logistics-offline-service-error:")


def test_a_refund_shows_on_its_line_while_the_trade_goes_on(sandbox: Sandbox, tmall: TopCaller) -> None:
    (tid,) = load(sandbox, 1)

    sandbox.do("POST", f"/shops/tmall-1/orders/{tid}", {"event": "refund", "line_no": "2"})
    trade = tmall.call("taobao.trade.fullinfo.get", fields="status,orders", tid=tid)["trade"]

    assert trade["status"] == "WAIT_SELLER_SEND_GOODS"
    assert [(line["status"], line["refund_status"]) for line in trade["orders"]["order"]] == [
        ("WAIT_SELLER_SEND_GOODS", "NO_REFUND"),
        ("TRADE_CLOSED", "SUCCESS"),
    ]


def test_stock_is_written_by_merchant_code(sandbox: Sandbox, tmall: TopCaller) -> None:
    (tid,) = load(sandbox, 1)
    trade = tmall.call("taobao.trade.fullinfo.get", fields="orders.num_iid", tid=tid)["trade"]
    item = trade["orders"]["order"][0]["num_iid"]

    answer = tmall.call("taobao.skus.quantity.update", num_iid=item, outerid_quantities="TEA-1:37", type=1)

    assert answer["item"]["skus"]["sku"][0]["quantity"] == 37
    assert sandbox.do("GET", "/books?summary=1")["shops"]["tmall-1"]["stock_writes"] == 1


def test_a_refreshed_token_is_json_inside_json_and_works(tmall: TopCaller) -> None:
    answer = tmall.call("taobao.top.auth.token.refresh", refresh_token=tmall.shop["refresh_token"])
    tmall.shop["session"] = json.loads(answer["token_result"])["access_token"]

    assert tmall.window()["total_results"] == 0


def test_2500_orders_load_in_seconds(sandbox: Sandbox, tmall: TopCaller) -> None:
    load(sandbox, 2500)

    assert tmall.window(start_modified=china(NOON - timedelta(hours=2)))["total_results"] == 2500
