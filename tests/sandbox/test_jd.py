"""The JD gateway over HTTP."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from sandbox.server import Sandbox
from tests.sandbox.clients import HTTP, NOON, china, neutral

FIRST = 312345678901
SEARCH = "jingdong.pop.order.search"
GET = "jingdong.pop.order.get"
SHIP = "jingdong.pop.order.shipment"
CARRIERS = "360buy.get.vender.all.delivery.company"
STOCK = "jingdong.ware.stock.sku.set"
ALL_STATES = (
    "WAIT_SELLER_STOCK_OUT,WAIT_SELLER_DELIVERY,WAIT_GOODS_RECEIVE_CONFIRM,FINISHED_L,TRADE_CANCELED,"
    "LOCKED,PAUSE,POP_ORDER_PAUSE,WAIT_SEND_CODE"
)
SF = {"logiCoprId": "467", "logiNo": "SF1234567890"}


class JdCaller:
    """Signs and sends JOS calls for one shop."""

    def __init__(self, sandbox: Sandbox, code: str = "jd-1") -> None:
        sandbox.do("POST", "/shops", {"code": code, "platform": "jd"})
        self.shop = sandbox.shop(code)
        self._sandbox = sandbox

    def params(self, method: str, business: Any, **public: str) -> dict[str, str]:
        """Return a complete, signed parameter map."""
        now = datetime.fromisoformat(self._sandbox.do("GET", "/clock")["now"])
        filled = {
            "method": method,
            "app_key": self.shop["app_key"],
            "access_token": self.shop["access_token"],
            "timestamp": china(now),
            "v": "2.0",
            "360buy_param_json": json.dumps(business, ensure_ascii=False),
            **public,
        }
        return {"sign": self.sign(filled), **filled}

    def sign(self, params: dict[str, str]) -> str:
        """Sign as the platform documents it."""
        text = "".join(key + value for key, value in sorted(params.items()) if key != "sign")
        secret = self.shop["app_secret"]
        return hashlib.md5((secret + text + secret).encode()).hexdigest().upper()

    def send(self, method: str, business: Any, **public: str) -> dict[str, Any]:
        """Return the whole answer."""
        answer: dict[str, Any] = HTTP.post(self.shop["endpoint"], data=self.params(method, business, **public)).json()
        return answer

    def call(self, method: str, **business: Any) -> dict[str, Any]:
        """Return what the envelope holds, without its `code`."""
        found: dict[str, Any] = self.send(method, business)[method.replace(".", "_") + "_responce"]
        assert found.pop("code") == "0"
        (result,) = found.values()
        return dict(result)

    def window(self, **business: Any) -> dict[str, Any]:
        """Return one page of the orders changed in the hour before noon."""
        return self.call(
            SEARCH,
            **{
                "start_date": china(NOON - timedelta(hours=1)),
                "end_date": china(NOON),
                "order_state": ALL_STATES,
                "optional_fields": "orderId,orderState",
                "page": "1",
                "page_size": "10",
                "dateType": "0",
                "sortType": "0",
                **business,
            },
        )

    def numbers(self, **business: Any) -> list[str]:
        """Return the order numbers of one page."""
        return [str(row["orderId"]) for row in self.window(**business)["orderInfoList"]]

    def order(self, fields: str, no: int = FIRST) -> dict[str, Any]:
        """Return fields of one order."""
        found: dict[str, Any] = self.call(GET, order_id=no, optional_fields=fields)["orderInfo"]
        return found

    def ship(self, no: int = FIRST, **business: Any) -> dict[str, Any]:
        """Ship an order."""
        return self.call(SHIP, orderId=no, **{**SF, **business})


@pytest.fixture
def jd(sandbox: Sandbox) -> JdCaller:
    return JdCaller(sandbox)


def load(sandbox: Sandbox, count: int = 1, **changes: Any) -> list[str]:
    """Load orders, changed a second apart, the last one ten seconds before noon; oldest first."""
    numbers = [str(FIRST + place) for place in range(count)]
    orders = [neutral(no, NOON - timedelta(seconds=10 + count - place), **changes) for place, no in enumerate(numbers)]
    assert sandbox.do("POST", "/shops/jd-1/orders", {"orders": orders}) == {"stored": count}
    return numbers


def book(sandbox: Sandbox) -> dict[str, Any]:
    found: dict[str, Any] = sandbox.do("GET", "/books")["shops"]["jd-1"]
    return found


def happen(sandbox: Sandbox, event: str, **more: Any) -> None:
    sandbox.do("POST", f"/shops/jd-1/orders/{FIRST}", {"event": event, **more})


def true(value: Any) -> bool:
    return value in (True, "true")


@pytest.mark.parametrize("stamp", ["2026-11-20 12:00:00", "2026-11-20 12:00:00.683+0800", "2026-11-20 12:05:50"])
def test_both_forms_of_the_timestamp_are_accepted(jd: JdCaller, stamp: str) -> None:
    assert "error_response" not in jd.send(CARRIERS, {}, timestamp=stamp)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"sign": "0" * 32}, "12"),
        ({"method": "jingdong.pop.order.guess"}, "15"),
        ({"access_token": "nobody"}, "19"),
        ({"access_token": ""}, "19"),
        ({"app_key": "1"}, "21"),
        ({"method": "jingdong.pop.order.enSearch"}, "2001"),
        ({"v": "1.0"}, "23"),
        ({"timestamp": "2026-11-20 11:53:30"}, "14"),
        ({"timestamp": "2026-11-20 12:06:30"}, "14"),
        ({"timestamp": "noon"}, "14"),
    ],
)
def test_a_wrong_public_parameter_gets_the_gateways_error(jd: JdCaller, change: dict[str, str], code: str) -> None:
    method = change.pop("method", SEARCH)

    answer = jd.send(method, {}, **change)

    assert answer["error_response"]["code"] == code
    assert set(answer["error_response"]) == {"code", "zh_desc", "en_desc"}


@pytest.mark.parametrize("business", ["{", [], None])
def test_business_parameters_that_are_no_object_are_a_code_of_the_responce(jd: JdCaller, business: Any) -> None:
    answer = jd.send(SEARCH, business)

    assert answer["jingdong_pop_order_search_responce"]["code"] == "10"


@pytest.mark.parametrize(
    "change",
    [
        {"order_state": ""},
        {"order_state": "WAIT_SELLER_STOCK_OUT,SOON"},
        {"optional_fields": ""},
        {"page": "0"},
        {"page": "first"},
        {"page_size": "101"},
        {"start_date": "2026-11-20"},
        {"start_date": ""},
        {"start_date": "", "end_date": ""},
        {"start_date": china(NOON - timedelta(days=31, seconds=1))},
        {"end_date": china(NOON - timedelta(hours=2))},
    ],
)
def test_a_wrong_search_is_refused_in_its_result(sandbox: Sandbox, jd: JdCaller, change: dict[str, str]) -> None:
    answer = jd.window(**change)

    assert set(answer) == {"apiResult"}
    assert not true(answer["apiResult"]["success"])
    assert "参数" in answer["apiResult"]["chineseErrCode"]
    assert [row["method"] for row in book(sandbox)["refused"]] == [SEARCH]


def test_without_dates_the_last_month_of_what_is_to_be_shipped_is_listed(sandbox: Sandbox, jd: JdCaller) -> None:
    numbers = load(sandbox, 2)

    assert jd.numbers(start_date="", end_date="", order_state="WAIT_SELLER_STOCK_OUT") == numbers


def test_rows_come_oldest_change_first_unless_asked_otherwise(sandbox: Sandbox, jd: JdCaller) -> None:
    numbers = load(sandbox, 25)

    assert jd.numbers() == numbers[:10]
    assert jd.numbers(page="3") == numbers[20:]
    assert jd.numbers(sortType="1") == numbers[:-11:-1]


def test_a_list_says_its_total_and_nothing_of_a_next_page(sandbox: Sandbox, jd: JdCaller) -> None:
    load(sandbox, 25)

    answer = jd.window(page="2")

    assert set(answer) == {"apiResult", "orderTotal", "orderInfoList"}
    assert int(answer["orderTotal"]) == 25


def test_a_list_can_go_by_creation(sandbox: Sandbox, jd: JdCaller) -> None:
    first, second, third = load(sandbox, 3)
    happen(sandbox, "change_note")

    assert jd.numbers(dateType="1") == [first, second, third]
    assert jd.numbers() == [second, third, first]


def test_pages_beyond_the_hundredth_are_empty(sandbox: Sandbox, jd: JdCaller) -> None:
    load(sandbox, 101)

    assert len(jd.numbers(page="100", page_size="1")) == 1
    deep = jd.window(page="101", page_size="1")
    assert (deep["orderInfoList"], int(deep["orderTotal"])) == ([], 101)


def test_changes_older_than_three_months_are_listed_by_creation_only(sandbox: Sandbox, jd: JdCaller) -> None:
    numbers = load(sandbox)
    sandbox.do("POST", "/clock", {"advance_s": 100 * 86400})

    assert (jd.numbers(), jd.numbers(dateType="1")) == ([], numbers)


def test_only_the_asked_fields_come_back(sandbox: Sandbox, jd: JdCaller) -> None:
    load(sandbox)

    assert set(jd.order("orderId,orderState,shouldPay,what")) == {"orderId", "orderState", "shouldPay"}


@pytest.mark.parametrize(
    ("changes", "listed"),
    [
        ({"status": "unpaid", "paid_at": None}, None),
        ({"status": "closed_unpaid", "paid_at": None}, None),
        ({"step": "FRONT_PAID_FINAL_NOPAID"}, None),
        ({"step": "FRONT_PAID_FINAL_PAID"}, "WAIT_SELLER_STOCK_OUT"),
        ({"cod": True, "paid_at": None}, "WAIT_SELLER_STOCK_OUT"),
        ({"cod": True, "paid_at": None, "status": "closed_unpaid"}, "TRADE_CANCELED"),
        ({"status": "forbid"}, "POP_ORDER_PAUSE"),
        ({"status": "shipped"}, "WAIT_GOODS_RECEIVE_CONFIRM"),
        ({"status": "finished"}, "FINISHED_L"),
        ({"status": "closed"}, "TRADE_CANCELED"),
        ({"raw": {"orderState": "PAUSE"}}, "PAUSE"),
    ],
)
def test_what_is_listed_and_in_which_state(
    sandbox: Sandbox, jd: JdCaller, changes: dict[str, Any], listed: str | None
) -> None:
    load(sandbox, **changes)

    rows = jd.window()["orderInfoList"]

    assert [row["orderState"] for row in rows] == ([listed] if listed else [])


def test_a_filter_leaves_out_other_states(sandbox: Sandbox, jd: JdCaller) -> None:
    load(sandbox, 2)
    happen(sandbox, "close")
    to_now = china(NOON + timedelta(hours=1))

    assert jd.numbers(order_state="TRADE_CANCELED", end_date=to_now) == [str(FIRST)]


def test_a_refund_locks_the_whole_order_until_it_is_taken_back(sandbox: Sandbox, jd: JdCaller) -> None:
    load(sandbox)
    happen(sandbox, "refund_request", line_no="2")
    locked = jd.order("orderState,orderStateRemark,itemInfoList")
    happen(sandbox, "refund_cancel", line_no="2")

    assert (locked["orderState"], locked["orderStateRemark"]) == ("LOCKED", "锁定")
    assert not any("refund" in key.lower() for item in locked["itemInfoList"] for key in item)
    assert jd.order("orderState")["orderState"] == "WAIT_SELLER_STOCK_OUT"


def test_a_raw_field_replaces_one_and_a_null_removes_it(sandbox: Sandbox, jd: JdCaller) -> None:
    load(sandbox, raw={"directParentOrderId": "312345678900", "storeOrder": "京仓订单", "scDT": None})

    assert jd.order("directParentOrderId,storeOrder,scDT") == {
        "directParentOrderId": "312345678900",
        "storeOrder": "京仓订单",
    }


def test_receivers_are_ciphertext_and_mask_and_the_same_on_every_reading(sandbox: Sandbox, jd: JdCaller) -> None:
    load(sandbox, 2)

    first, again = jd.order("consigneeInfo"), jd.order("consigneeInfo")
    other = jd.order("consigneeInfo", FIRST + 1)["consigneeInfo"]

    assert first == again
    written = json.dumps(first, ensure_ascii=False)
    assert not any(plain in written for plain in ("张三丰", "13800005678", "文一西路"))
    assert (first["consigneeInfo"]["mobile"], first["consigneeInfo"]["city"]) == ("138****5678", "杭州市")
    assert first["consigneeInfo"]["fullname"] != other["fullname"]
    assert first["consigneeInfo"]["oaid"] == other["oaid"]


def test_numbers_come_as_numbers_or_as_text(sandbox: Sandbox, jd: JdCaller) -> None:
    load(sandbox, 20)

    rows = jd.window(optional_fields="orderId,itemInfoList", page_size="20")["orderInfoList"]

    assert {type(row["orderId"]) for row in rows} == {int, str}
    assert {type(item["itemTotal"]) for row in rows for item in row["itemInfoList"]} == {int, str}


def test_money_ties_out(sandbox: Sandbox, jd: JdCaller) -> None:
    load(sandbox)

    order = jd.order("orderTotalPrice,orderSellerPrice,sellerDiscount,freightPrice,shouldPay,couponDetailList")

    assert (order["orderTotalPrice"], order["orderSellerPrice"], order["shouldPay"]) == ("149.00", "134.00", "142.00")
    assert (order["sellerDiscount"], float(order["freightPrice"])) == ("15.00", 8.0)
    assert [coupon["couponPrice"] for coupon in order["couponDetailList"]] == ["15.00"]


def test_an_order_paid_on_delivery_has_no_time_of_payment(sandbox: Sandbox, jd: JdCaller) -> None:
    load(sandbox, 20, cod=True)

    found = jd.window(optional_fields="payType,paymentConfirmTime,actualPay", page_size="20")["orderInfoList"]

    assert {row.get("paymentConfirmTime", "absent") for row in found} == {"0001-01-01 00:00:00", "absent"}
    assert {(row["payType"], row["actualPay"]) for row in found} == {("1-货到付款", "0.00")}


@pytest.mark.parametrize("no", [FIRST + 7, "x"])
def test_an_order_that_is_not_there_is_said_so(sandbox: Sandbox, jd: JdCaller, no: Any) -> None:
    load(sandbox)

    assert "不存在" in jd.call(GET, order_id=no, optional_fields="orderId")["apiResult"]["chineseErrCode"]


def test_a_detail_can_be_asked_for_in_one_state(sandbox: Sandbox, jd: JdCaller) -> None:
    load(sandbox)

    assert "orderInfo" in jd.call(GET, order_id=FIRST, optional_fields="orderId", order_state="WAIT_SELLER_STOCK_OUT")
    assert "orderInfo" not in jd.call(GET, order_id=FIRST, optional_fields="orderId", order_state="LOCKED")


def test_an_order_ships_once(sandbox: Sandbox, jd: JdCaller) -> None:
    load(sandbox)

    first, again = jd.ship(), jd.ship(logiNo="SF9999999999")

    assert (true(first["success"]), true(again["success"])) == (True, False)
    assert "已出库" in again["chineseErrCode"]
    assert [(row["carrier"], row["waybill"], row["line_nos"]) for row in book(sandbox)["ship_backs"]] == [
        ("467", "SF1234567890", None)
    ]
    assert jd.order("orderState,waybill,logisticsId") == {
        "orderState": "WAIT_GOODS_RECEIVE_CONFIRM",
        "waybill": "SF1234567890",
        "logisticsId": "467",
    }


def test_several_parcels_are_several_numbers_of_one_call(sandbox: Sandbox, jd: JdCaller) -> None:
    load(sandbox)

    jd.ship(logiCoprId="467|463", logiNo="SF1234567890|YT9693083639795,YT9693083639796")

    assert [(row["carrier"], row["waybill"]) for row in book(sandbox)["ship_backs"]] == [
        ("467", "SF1234567890"),
        ("463", "YT9693083639795"),
        ("463", "YT9693083639796"),
    ]
    assert book(sandbox)["calls"][SHIP] == 1


def test_own_delivery_has_no_number(sandbox: Sandbox, jd: JdCaller) -> None:
    load(sandbox)

    assert not true(jd.ship(logiCoprId="1274")["success"])
    assert true(jd.ship(logiCoprId="1274", logiNo="")["success"])


@pytest.mark.parametrize(
    ("changes", "business", "said"),
    [
        ({}, {"orderId": FIRST + 7}, "不存在"),
        ({}, {"logiCoprId": "1"}, "未启用"),
        ({}, {"logiCoprId": ""}, "参数logiCoprId"),
        ({}, {"logiNo": "?"}, "不符合规则"),
        ({}, {"logiNo": ""}, "不符合规则"),
        ({}, {"logiCoprId": "467|463"}, "数量不一致"),
        ({"status": "forbid"}, {}, "POP暂停"),
        ({"status": "closed"}, {}, "取消"),
        ({"status": "unpaid", "paid_at": None}, {}, "不存在"),
        ({"raw": {"orderState": "LOCKED"}}, {}, "锁定"),
        ({"raw": {"storeOrder": "京仓订单"}}, {}, "京东库房"),
    ],
)
def test_what_cannot_ship_is_refused(
    sandbox: Sandbox, jd: JdCaller, changes: dict[str, Any], business: dict[str, Any], said: str
) -> None:
    load(sandbox, **changes)

    answer = jd.call(SHIP, **{"orderId": FIRST, **SF, **business})

    assert not true(answer["success"])
    assert said in answer["chineseErrCode"]
    assert answer["errorCode"]
    assert book(sandbox)["ship_backs"] == []
    assert [row["method"] for row in book(sandbox)["refused"]] == [SHIP]


def test_the_shops_carriers_are_listed(jd: JdCaller) -> None:
    rows = jd.call(CARRIERS)["deliveryCompanyList"]

    assert {"顺丰快递": "467", "厂家自送": "1274"}.items() <= {row["name"]: str(row["id"]) for row in rows}.items()


def test_a_memo_is_kept_with_its_flag(sandbox: Sandbox, jd: JdCaller) -> None:
    load(sandbox)
    remark = "jingdong.pop.order.modifyVenderRemark"

    assert true(jd.call(remark, order_id=str(FIRST), flag="1", remark="客服备注：发圆通")["success"])
    assert not true(jd.call(remark, order_id=str(FIRST), flag="6", remark="")["success"])

    assert jd.order("venderRemark") == {"venderRemark": "客服备注：发圆通"}
    assert [(row["note"], row["flag"]) for row in book(sandbox)["notes"]] == [("客服备注：发圆通", 1)]


def sku_ids(sandbox: Sandbox) -> dict[str, int]:
    return {row["sku"]: row["sku_id"] for row in sandbox.do("GET", "/shops/jd-1/products")["products"]}


def stock(key: str, *rows: tuple[int, Any], model: str = "fullStockIn") -> dict[str, Any]:
    skus = [{"skuId": sku_id, "stockNum": number, "storeId": 0} for sku_id, number in rows]
    return {"req": {"updateModel": model, "stockRfId": key, "skuStocks": skus}}


def test_stock_says_of_every_sku_how_it_went_and_counts_a_key_once(sandbox: Sandbox, jd: JdCaller) -> None:
    load(sandbox)
    tea = sku_ids(sandbox)["TEA-1"]

    first = jd.call(STOCK, **stock("k1", (tea, 37), (1, 5), (tea, -1)))
    jd.call(STOCK, **stock("k1", (tea, 37)))

    rows = first["obj"]["updateStockResult"]
    assert [(row["data"], row["success"]) for row in rows] == [(tea, True), (1, False), (tea, False)]
    assert [(row["sku"], row["stock"]) for row in book(sandbox)["stock_writes"]] == [("TEA-1", 37)]


@pytest.mark.parametrize(
    "business",
    [{}, {"req": "x"}, stock("", (1, 1)), stock("k"), stock("k", *[(1, 1)] * 21), stock("k", (1, 1), model="incr")],
)
def test_a_wrong_stock_call_is_refused(jd: JdCaller, business: dict[str, Any]) -> None:
    assert not true(jd.call(STOCK, **business)["success"])


def test_the_older_stock_call_writes_one_sku(sandbox: Sandbox, jd: JdCaller) -> None:
    load(sandbox)
    older = "jingdong.stock.write.updateSkuStock"

    assert true(jd.call(older, skuId=sku_ids(sandbox)["CUP"], stockNum=4, storeId=0)["success"])
    assert not true(jd.call(older, skuId=1, stockNum=4, storeId=0)["success"])
    assert [(row["sku"], row["stock"]) for row in book(sandbox)["stock_writes"]] == [("CUP", 4)]


def test_orders_change_while_they_are_listed(sandbox: Sandbox, jd: JdCaller) -> None:
    first = load(sandbox, 15)[0]
    sandbox.do("POST", "/clock", {"advance_s": 60})
    sandbox.do("POST", "/shops/jd-1/churn", {"every_calls": 2})

    before, after = jd.window(), jd.window()

    assert (int(before["orderTotal"]), int(after["orderTotal"])) == (15, 14)
    assert book(sandbox)["modified_order_nos"] == [first]


@pytest.mark.parametrize(("kind", "code"), [("rate_limit", "22"), ("bad_signature", "12"), ("expired_token", "19")])
def test_faults_speak_as_the_gateway(sandbox: Sandbox, jd: JdCaller, kind: str, code: str) -> None:
    sandbox.do("POST", "/faults", {"target": "shop:jd-1", "kind": kind, "times": 1})

    assert jd.send(CARRIERS, {})["error_response"]["code"] == code


def tokens(jd: JdCaller, page: str, **form: str) -> httpx.Response:
    url = jd.shop["consent_url"].replace("to_login", page)
    return HTTP.post(url, data={"app_key": jd.shop["app_key"], "app_secret": jd.shop["app_secret"], **form})


def test_a_consent_leads_to_tokens_that_end_those_before(sandbox: Sandbox, jd: JdCaller) -> None:
    sandbox.do("POST", "/shops", {"code": "jd-2", "platform": "jd"})
    consent = {
        "app_key": jd.shop["app_key"],
        "redirect_uri": "http://127.0.0.1/back?a=b",
        "state": "s t",
        "shop": "jd-1",
    }

    led = HTTP.get(jd.shop["consent_url"], params=consent, follow_redirects=False)
    query = dict(httpx.URL(led.headers["location"]).params)
    answer = tokens(jd, "access_token", grant_type="authorization_code", code=query["code"]).json()

    assert (led.status_code, query) == (302, {"a": "b", "code": "code-jd-1", "state": "s t"})
    assert (answer["code"], answer["uid"], answer["expires_in"]) == (0, jd.shop["owner_id"], 365 * 86400)
    assert jd.send(CARRIERS, {})["error_response"]["code"] == "19"
    assert "error_response" not in jd.send(CARRIERS, {}, access_token=answer["access_token"])


def test_a_refresh_token_is_good_until_it_ends(sandbox: Sandbox, jd: JdCaller) -> None:
    refresh = {"grant_type": "refresh_token", "refresh_token": jd.shop["refresh_token"]}

    answer = tokens(jd, "refresh_token", **refresh).json()
    again = tokens(jd, "refresh_token", **refresh)
    sandbox.do("POST", "/clock", {"advance_s": 365 * 86400 + 10})
    late = tokens(jd, "refresh_token", grant_type="refresh_token", refresh_token=answer["refresh_token"])

    assert answer["access_token"] != jd.shop["access_token"]
    assert (again.json()["code"], late.json()["code"]) == (401, 401)


def test_a_token_ends(sandbox: Sandbox, jd: JdCaller) -> None:
    sandbox.do("POST", "/clock", {"advance_s": 365 * 86400 + 10})

    assert jd.send(CARRIERS, {})["error_response"]["code"] == "19"


@pytest.mark.parametrize(
    "form",
    [
        {"grant_type": "authorization_code", "code": "code-nobody"},
        {"grant_type": "password", "code": "code-jd-1"},
        {"grant_type": "authorization_code", "code": "code-jd-1", "app_secret": "wrong"},
    ],
)
def test_a_wrong_token_call_is_refused(jd: JdCaller, form: dict[str, str]) -> None:
    answer = tokens(jd, "access_token", **form).json()

    assert (answer["code"], "access_token" in answer) == (401, False)


def test_the_consent_page_wants_the_application_and_a_way_back(jd: JdCaller) -> None:
    assert HTTP.get(jd.shop["consent_url"], params={"app_key": "1", "redirect_uri": "http://x"}).status_code == 400
