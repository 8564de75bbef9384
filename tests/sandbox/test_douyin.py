"""The Douyin gateway over HTTP."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from sandbox.orders import read_order
from sandbox.outside import Outside
from sandbox.server import Sandbox
from tests.sandbox.clients import HTTP, NOON, Inbox, neutral

FIRST = 6921234567890000001
BUSINESS = "isv.business-failed:"
SF, YT = "SF1234567890123", "YT9693083639795"


def unix(moment: datetime) -> int:
    return int(moment.timestamp())


class DouyinCaller:
    """Signs and sends Douyin calls for one shop."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.shop = sandbox.do("POST", "/shops", {"code": "douyin-1", "platform": "douyin"})
        self._sandbox = sandbox

    def query(self, method: str, body: str, /, **changes: str) -> dict[str, str]:
        """Return the complete public parameters of a call; an empty change leaves one out."""
        now = datetime.fromisoformat(self._sandbox.do("GET", "/clock")["now"])
        query = {
            "app_key": self.shop["app_key"],
            "method": method,
            "access_token": self.shop["access_token"],
            "timestamp": str(unix(now)),
            "v": "2",
            "sign_method": "hmac-sha256",
            **changes,
        }
        query.setdefault("sign", self.sign({**query, "param_json": body}))
        return {name: value for name, value in query.items() if value}

    def sign(self, query: dict[str, str]) -> str:
        secret = self.shop["app_secret"]
        joined = "".join(name + query[name] for name in ("app_key", "method", "param_json", "timestamp", "v"))
        wrapped = f"{secret}{joined}{secret}".encode()
        if query["sign_method"] == "hmac-sha256":
            return hmac.new(secret.encode(), wrapped, hashlib.sha256).hexdigest()
        return hashlib.md5(wrapped).hexdigest()

    def post(self, method: str, query: dict[str, str] | None = None, **params: Any) -> Any:
        """Return the whole answer."""
        body = json.dumps(params, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        url = f"{self.shop['endpoint']}/{method.replace('.', '/')}"
        response = HTTP.post(url, params=self.query(method, body, **(query or {})), content=body.encode())
        assert response.status_code == 200
        return response.json()

    def call(self, method: str, **params: Any) -> Any:
        """Return the data of an accepted call."""
        answer = self.post(method, **params)
        assert answer["code"] == 10000, answer
        return answer["data"]

    def refusal(self, method: str, **params: Any) -> str:
        """Return the sub_code of a refused call."""
        answer = self.post(method, **params)
        assert answer["code"] != 10000
        return str(answer["sub_code"])

    def window(self, **params: Any) -> Any:
        """Return one page of the orders changed in the hour before noon, oldest change first."""
        hour = {"update_time_start": unix(NOON - timedelta(hours=1)), "update_time_end": unix(NOON)}
        paging = {"order_by": "update_time", "order_asc": True, "page": 0, "size": 10}
        return self.call("order.searchList", **{**hour, **paging, **params})

    def numbers(self, **params: Any) -> list[str]:
        return [order["order_id"] for order in self.window(**params)["shop_order_list"]]

    def detail(self, no: str) -> Any:
        return self.call("order.orderDetail", shop_order_id=no)["shop_order_detail"]

    def ship(self, no: str, number: str = SF, **more: Any) -> str:
        """Ship a whole order and return the refusal, "" when it was accepted."""
        wish = {"order_id": no, "company_code": "shunfeng", "logistics_code": number, **more}
        return str(self.post("order.logisticsAdd", **wish)["sub_code"])

    def split(self, no: str, request: str, pieces: dict[str, int], number: str = SF) -> Any:
        rows = [{"shipped_order_id": line, "shipped_num": count} for line, count in pieces.items()]
        pack = {"company_code": "shunfeng", "logistics_code": number, "shipped_order_info": rows}
        return self.post("order.logisticsAddMultiPack", order_id=no, request_id=request, pack_list=[pack])


@pytest.fixture
def douyin(sandbox: Sandbox) -> DouyinCaller:
    return DouyinCaller(sandbox)


def load(sandbox: Sandbox, count: int = 1, **changes: Any) -> list[str]:
    """Load orders, changed a second apart, the last one eleven seconds before noon; oldest first."""
    numbers = [str(FIRST + place) for place in range(count)]
    orders = [neutral(no, NOON - timedelta(seconds=10 + count - place), **changes) for place, no in enumerate(numbers)]
    assert sandbox.do("POST", "/shops/douyin-1/orders", {"orders": orders}) == {"stored": count}
    return numbers


def book(sandbox: Sandbox) -> Any:
    return sandbox.do("GET", "/books")["shops"]["douyin-1"]


def lines_of(order: Any) -> list[str]:
    return [line["order_id"] for line in order["sku_order_list"]]


@pytest.mark.parametrize("method", ["md5", "hmac-sha256"])
def test_both_sign_methods_are_accepted(douyin: DouyinCaller, method: str) -> None:
    answer = douyin.post("order.logisticsCompanyList", query={"sign_method": method})

    assert {"id": 12, "name": "顺丰速运", "code": "shunfeng"} in answer["data"]


def test_a_left_out_sign_method_means_md5(douyin: DouyinCaller) -> None:
    query = douyin.query("order.logisticsCompanyList", "{}", sign_method="md5")
    del query["sign_method"]

    answer = HTTP.post(f"{douyin.shop['endpoint']}/order/logisticsCompanyList", params=query, content=b"{}").json()

    assert answer["code"] == 10000


def test_the_signature_is_over_the_bytes_that_came(douyin: DouyinCaller) -> None:
    query = douyin.query("order.logisticsCompanyList", "{}")

    answer = HTTP.post(f"{douyin.shop['endpoint']}/order/logisticsCompanyList", params=query, content=b"{ }").json()

    assert (answer["code"], answer["sub_code"]) == (40003, "isv.signature-invalid")


@pytest.mark.parametrize(
    ("change", "code", "sub_code"),
    [
        ({"sign": "0" * 64}, 40003, "isv.signature-invalid"),
        ({"sign_method": "sha1"}, 40003, "isv.signature-invalid"),
        ({"access_token": "nobody"}, 40003, "isv.access-token-no-existed"),
        ({"access_token": ""}, 40001, "isv.missing-parameter"),
        ({"timestamp": str(unix(NOON - timedelta(minutes=11)))}, 40003, "isv.timestamp-invalid"),
        ({"app_key": "1"}, 40004, "isv.parameter-invalid"),
        ({"v": "1"}, 40004, "isv.parameter-invalid"),
        ({"method": "order.guess"}, 70000, "isv.api-offline"),
        ({"method": "order.orderDetail"}, 40004, "isv.parameter-invalid"),
    ],
)
def test_a_wrong_public_parameter_gets_its_error(
    douyin: DouyinCaller, change: dict[str, str], code: int, sub_code: str
) -> None:
    answer = douyin.post("order.logisticsCompanyList", query=change)

    assert (answer["code"], answer["sub_code"]) == (code, sub_code)
    assert answer["log_id"]


def test_a_china_time_is_a_timestamp_too(douyin: DouyinCaller) -> None:
    answer = douyin.post("order.logisticsCompanyList", query={"timestamp": "2026-11-20 12:00:00"})

    assert answer["code"] == 10000


@pytest.mark.parametrize(
    ("change", "number"),
    [
        ({"update_time_start": 0}, 20011),
        ({"update_time_start": unix(NOON - timedelta(days=91))}, 20022),
        ({"create_time_start": unix(NOON - timedelta(days=91))}, 20022),
        ({"page": 501, "size": 100}, 20013),
        ({"size": 101}, 20008),
        ({"page": -1}, 10035),
        ({"combine_status": [{"order_status": "2"}, {"order_status": "101"}]}, 20012),
    ],
)
def test_a_wrong_list_call_gets_its_documented_number(douyin: DouyinCaller, change: Any, number: int) -> None:
    wish = {"update_time_start": unix(NOON - timedelta(hours=1)), "page": 0, "size": 10, **change}

    assert douyin.refusal("order.searchList", **wish) == f"isv.parameter-invalid:{number}"


def test_the_page_at_the_depth_limit_can_be_read(douyin: DouyinCaller) -> None:
    assert douyin.numbers(page=500, size=100) == []


def test_pages_count_from_0_ascending_or_descending_with_a_total(sandbox: Sandbox, douyin: DouyinCaller) -> None:
    numbers = load(sandbox, 25)

    assert douyin.numbers(page=0) == numbers[:10]
    assert douyin.numbers(page=2) == numbers[20:]
    assert douyin.numbers(order_asc=False) == numbers[:-11:-1]
    assert douyin.window()["total"] == 25


def test_a_window_is_closed_at_both_ends(sandbox: Sandbox, douyin: DouyinCaller) -> None:
    numbers = load(sandbox, 3)
    second = {"update_time_start": unix(NOON) - 12, "update_time_end": unix(NOON) - 11}

    assert douyin.numbers(**second) == numbers[1:]


def test_orders_are_found_by_creation_and_status(sandbox: Sandbox, douyin: DouyinCaller) -> None:
    load(sandbox, 3)
    wish = {"create_time_start": unix(NOON) - 60, "page": 0, "size": 10}

    found = douyin.call("order.searchList", **wish)
    ready = douyin.call("order.searchList", **wish, combine_status=[{"order_status": "2,101"}])
    shipped = douyin.call("order.searchList", **wish, combine_status=[{"order_status": "3"}])

    assert (found["total"], ready["total"], shipped["total"]) == (3, 3, 0)


def test_an_order_created_91_days_ago_is_not_listed_but_read(sandbox: Sandbox, douyin: DouyinCaller) -> None:
    old = neutral(str(FIRST), NOON - timedelta(days=91), modified_at=(NOON - timedelta(minutes=5)).isoformat())
    sandbox.do("POST", "/shops/douyin-1/orders", {"orders": [old]})

    assert douyin.window()["total"] == 0
    assert douyin.detail(str(FIRST))["order_id"] == str(FIRST)


def test_an_order_of_the_future_appears_when_its_time_has_come(sandbox: Sandbox, douyin: DouyinCaller) -> None:
    order = neutral(str(FIRST), NOON + timedelta(minutes=5))
    sandbox.do("POST", "/shops/douyin-1/orders", {"orders": [order]})
    later = {"update_time_start": unix(NOON), "update_time_end": unix(NOON + timedelta(hours=1))}
    before = douyin.numbers(**later)

    sandbox.do("POST", "/clock", {"advance_s": 600})

    assert (before, douyin.numbers(**later)) == ([], [str(FIRST)])


def test_an_unknown_order_has_its_own_error(douyin: DouyinCaller) -> None:
    assert douyin.refusal("order.orderDetail", shop_order_id="1") == "isv.parameter-invalid:20014"


def test_the_receiver_is_masked_and_encrypted_the_same_every_time(sandbox: Sandbox, douyin: DouyinCaller) -> None:
    (no,) = load(sandbox)

    order = douyin.detail(no)

    assert (order["mask_post_receiver"], order["mask_post_tel"]) == ("张*", "1********78")
    assert (order["post_receiver"], order["post_addr"]["detail"]) == ("", "")
    assert order["encrypt_post_receiver"].startswith("##")
    assert not any(plain in json.dumps(order, ensure_ascii=False) for plain in ("张三丰", "13800005678", "文一西路"))
    assert douyin.detail(no) == order


def test_ciphertexts_of_an_order_are_decrypted_to_a_virtual_phone(sandbox: Sandbox, douyin: DouyinCaller) -> None:
    first, second = load(sandbox, 2)
    order = douyin.detail(first)
    ciphers = (order["encrypt_post_receiver"], order["encrypt_post_tel"], order["post_addr"]["encrypt_detail"])
    rows = [{"auth_id": first, "cipher_text": cipher} for cipher in ciphers]

    opened = douyin.call("order.batchDecrypt", cipher_infos=rows)["decrypt_infos"]
    other = douyin.call("order.batchDecrypt", cipher_infos=[{**rows[0], "auth_id": second}])["decrypt_infos"]

    assert [row["data_type"] for row in opened] == [2, 3, 1]
    assert (opened[0]["decrypt_text"], opened[2]["decrypt_text"]) == ("张三丰", "文一西路969号")
    assert opened[1]["is_virtual_tel"]
    assert "-" in opened[1]["decrypt_text"]
    assert other[0]["err_no"]


def test_money_ties_out_between_order_and_lines(sandbox: Sandbox, douyin: DouyinCaller) -> None:
    (no,) = load(sandbox)

    order = douyin.detail(no)

    lines = order["sku_order_list"]
    assert (order["order_amount"], order["pay_amount"], order["post_amount"]) == (14900, 14200, 800)
    assert sum(line["pay_amount"] for line in lines) + order["post_amount"] == order["pay_amount"]
    assert sum(line["post_amount"] for line in lines) == order["post_amount"]
    assert sum(line["promotion_amount"] for line in lines) == order["promotion_amount"] == 1500


@pytest.mark.parametrize(
    ("changes", "status", "main"),
    [
        ({"status": "unpaid", "paid_at": None}, 1, 1),
        ({"status": "paid"}, 2, 2),
        ({"status": "forbid"}, 105, 105),
        ({"status": "finished"}, 5, 5),
        ({"status": "closed"}, 4, 4),
        ({"step": "FRONT_PAID_FINAL_NOPAID"}, 1, 103),
        ({"step": "FRONT_PAID_FINAL_PAID"}, 2, 2),
        ({"raw": {"order_status": 105, "main_status": None}}, 105, None),
    ],
)
def test_what_the_platform_calls_a_status(
    sandbox: Sandbox, douyin: DouyinCaller, changes: Any, status: int, main: int | None
) -> None:
    (no,) = load(sandbox, **changes)

    order = douyin.detail(no)

    assert (order["order_status"], order.get("main_status")) == (status, main)


def test_a_presale_shows_its_phases(sandbox: Sandbox, douyin: DouyinCaller) -> None:
    (no,) = load(sandbox, step="FRONT_PAID_FINAL_NOPAID", step_paid_fen=2000)

    phases = douyin.detail(no)["order_phase_list"]

    assert [(row["pay_success"], row["phase_pay_amount"]) for row in phases] == [(True, 2000), (False, 12200)]


def test_a_refund_shows_on_its_line_while_the_order_goes_on(sandbox: Sandbox, douyin: DouyinCaller) -> None:
    (no,) = load(sandbox)

    sandbox.do("POST", f"/shops/douyin-1/orders/{no}", {"event": "refund", "line_no": "2"})
    sandbox.do("POST", f"/shops/douyin-1/orders/{no}", {"event": "refund_request", "line_no": "1"})
    order = douyin.detail(no)

    states = [(line["order_status"], line["after_sale_info"]["after_sale_status"]) for line in order["sku_order_list"]]
    assert (order["order_status"], states) == (2, [(2, 6), (4, 12)])


def test_forward_paging_loses_rows_while_orders_change(sandbox: Sandbox, douyin: DouyinCaller) -> None:
    numbers = load(sandbox, 60)
    sandbox.do("POST", "/clock", {"advance_s": 60})
    sandbox.do("POST", "/shops/douyin-1/churn", {"every_calls": 1})

    read = {no for page in range(6) for no in douyin.numbers(page=page)}

    assert set(numbers) - read - set(book(sandbox)["modified_order_nos"])


def test_an_order_ships_once(sandbox: Sandbox, douyin: DouyinCaller) -> None:
    (no,) = load(sandbox)

    first, again = douyin.ship(no), douyin.ship(no, "SF0000000000000")

    assert (first, again) == ("", f"{BUSINESS}60110")
    (row,) = book(sandbox)["ship_backs"]
    assert (row["order_no"], row["line_nos"], row["carrier"], row["waybill"]) == (no, None, "shunfeng", SF)
    order = douyin.detail(no)
    assert order["order_status"] == 3
    assert [(box["tracking_no"], len(box["product_info"])) for box in order["logistics_info"]] == [(SF, 2)]


@pytest.mark.parametrize(
    ("changes", "wish", "number"),
    [
        ({}, {"company_code": ""}, 60083),
        ({}, {"company_code": "nobody"}, 60018),
        ({}, {"company_code": "yunda"}, 60017),
        ({}, {"order_id": "1"}, 60033),
        ({"status": "closed"}, {}, 60021),
        ({"status": "finished"}, {}, 60113),
        ({"status": "unpaid"}, {}, 60137),
        ({"status": "forbid"}, {}, 60109),
        ({"raw": {"order_status": 105}}, {}, 60109),
        ({"raw": {"ship_refusal": 60072}}, {}, 60072),
    ],
)
def test_a_refused_parcel_has_the_documented_number_and_is_not_booked(
    sandbox: Sandbox, douyin: DouyinCaller, changes: Any, wish: Any, number: int
) -> None:
    (no,) = load(sandbox, **changes)

    assert douyin.ship(no, **wish) == f"{BUSINESS}{number}"
    assert book(sandbox)["ship_backs"] == []
    assert [row["sub_code"] for row in book(sandbox)["refused"]] == [f"{BUSINESS}{number}"]


def test_a_waiting_refund_stops_shipping_unless_it_is_rejected(sandbox: Sandbox, douyin: DouyinCaller) -> None:
    (no,) = load(sandbox)
    sandbox.do("POST", f"/shops/douyin-1/orders/{no}", {"event": "refund_request", "line_no": "1"})

    assert douyin.ship(no) == f"{BUSINESS}60040"
    assert douyin.ship(no, is_refund_reject=True) == ""


def test_pieces_of_a_line_ship_in_parcels_of_their_own(sandbox: Sandbox, douyin: DouyinCaller) -> None:
    (no,) = load(sandbox)
    tea, cup = lines_of(douyin.detail(no))

    douyin.split(no, "r1", {tea: 1})
    between = douyin.detail(no)
    douyin.split(no, "r2", {tea: 1, cup: 1}, "SF0000000000002")
    after = douyin.detail(no)

    assert (between["order_status"], [line["order_status"] for line in between["sku_order_list"]]) == (101, [101, 2])
    assert (after["order_status"], [line["order_status"] for line in after["sku_order_list"]]) == (3, [3, 3])
    assert [row["line_nos"] for row in book(sandbox)["ship_backs"]] == [["1"], ["1", "2"]]


def test_a_repeated_request_is_answered_the_same_and_ships_nothing(sandbox: Sandbox, douyin: DouyinCaller) -> None:
    (no,) = load(sandbox)
    tea, _ = lines_of(douyin.detail(no))

    first, again = douyin.split(no, "r1", {tea: 1}), douyin.split(no, "r1", {tea: 1})

    assert first["data"] == again["data"]
    assert len(book(sandbox)["ship_backs"]) == 1


def test_a_request_that_was_answered_ships_nothing_of_another_order(sandbox: Sandbox, douyin: DouyinCaller) -> None:
    numbers = load(sandbox, 2)

    answers = [douyin.split(no, "r1", {lines_of(douyin.detail(no))[0]: 1})["data"] for no in numbers]

    assert answers[0] == answers[1]
    assert [row["order_no"] for row in book(sandbox)["ship_backs"]] == numbers[:1]


def test_more_pieces_than_are_left_do_not_ship(sandbox: Sandbox, douyin: DouyinCaller) -> None:
    (no,) = load(sandbox)
    tea, _ = lines_of(douyin.detail(no))

    assert douyin.split(no, "r1", {tea: 3})["sub_code"] == f"{BUSINESS}60110"
    assert douyin.split(no, "r1", {tea: 0})["sub_code"] == f"{BUSINESS}60080"
    assert douyin.split(no, "r1", {"1": 1})["sub_code"] == f"{BUSINESS}60102"


def test_several_orders_ship_in_one_parcel(sandbox: Sandbox, douyin: DouyinCaller) -> None:
    numbers = load(sandbox, 2)
    wish = {"order_id_list": numbers, "request_id": "r1", "company_code": "shunfeng", "logistics_code": SF}

    first = douyin.call("order.logisticsAddSinglePack", **wish)
    again = douyin.call("order.logisticsAddSinglePack", **wish)

    assert first == again
    assert [(row["order_no"], row["waybill"]) for row in book(sandbox)["ship_backs"]] == [(no, SF) for no in numbers]


def test_a_number_is_corrected_by_order_or_by_parcel(sandbox: Sandbox, douyin: DouyinCaller) -> None:
    whole, parts = load(sandbox, 2)
    tea, cup = lines_of(douyin.detail(parts))
    douyin.ship(whole)
    douyin.split(parts, "r1", {tea: 2})
    douyin.split(parts, "r2", {cup: 1}, "SF0000000000002")
    box = {"company_code": "yuantong", "logistics_code": YT}

    douyin.call("order.logisticsEdit", order_id=whole, **box)
    refused = douyin.refusal("order.logisticsEdit", order_id=parts, **box)
    pack = douyin.detail(parts)["logistics_info"][1]["delivery_id"]
    douyin.call("order.logisticsEditByPack", order_id=parts, pack_id=pack, **box)

    assert refused == f"{BUSINESS}70011"
    assert [row["tracking_no"] for row in douyin.detail(whole)["logistics_info"]] == [YT]
    assert [row["tracking_no"] for row in douyin.detail(parts)["logistics_info"]] == [SF, YT]


def test_a_memo_is_written_with_its_star(sandbox: Sandbox, douyin: DouyinCaller) -> None:
    (no,) = load(sandbox)

    douyin.call("order.addOrderRemark", order_id=no, remark="加急", star="3", is_add_star="true")

    assert [(row["note"], row["flag"]) for row in book(sandbox)["notes"]] == [("加急", 3)]
    assert douyin.detail(no)["seller_remark_stars"] == 3


def test_a_difference_of_stock_counts_once_per_id(sandbox: Sandbox, douyin: DouyinCaller) -> None:
    load(sandbox)
    wish = {"code": "TEA-1", "stock_num": -3, "incremental": True, "idempotent_id": "i1"}

    douyin.call("sku.syncStock", **wish)
    again = douyin.refusal("sku.syncStock", **wish)
    too_much = douyin.refusal("sku.syncStock", **{**wish, "idempotent_id": "i2", "stock_num": -1000})

    assert (again, too_much) == (f"{BUSINESS}2010021", f"{BUSINESS}2010012")
    assert [row["stock"] for row in book(sandbox)["stock_writes"]] == [97]


def test_a_batch_of_stock_is_written_whole_or_not_at_all(sandbox: Sandbox, douyin: DouyinCaller) -> None:
    (no,) = load(sandbox)
    item = douyin.detail(no)["sku_order_list"][0]["product_id"]
    rows = [{"outer_sku_id": "TEA-1", "stock_num": 37}]

    douyin.refusal("sku.syncStockBatch", product_id=item, sku_sync_list=[*rows, {"sku_id": 1, "stock_num": 1}])
    douyin.call("sku.syncStockBatch", product_id=item, sku_sync_list=rows)

    assert [row["stock"] for row in book(sandbox)["stock_writes"]] == [37]


def test_consent_leads_back_with_a_code_that_gives_tokens(douyin: DouyinCaller) -> None:
    query = {"redirect_uri": "http://127.0.0.1/back", "state": "s1", "shop": "douyin-1"}
    page = HTTP.get(douyin.shop["consent_url"], params=query)
    code = httpx.URL(page.headers["location"]).params["code"]

    tokens = douyin.call("token.create", grant_type="authorization_code", code=code)
    douyin.shop["access_token"] = tokens["access_token"]

    assert httpx.URL(page.headers["location"]).params["state"] == "s1"
    assert str(tokens["shop_id"]) == douyin.shop["owner_id"]
    assert douyin.window()["total"] == 0


def test_a_self_use_app_asks_with_the_shops_number(douyin: DouyinCaller) -> None:
    number = douyin.shop["owner_id"]

    tokens = douyin.call("token.create", grant_type="authorization_self", shop_id=number, code="")

    assert tokens["expires_in"] == 7 * 86400


def test_a_refreshed_token_ends_the_old_one(douyin: DouyinCaller) -> None:
    old = douyin.shop["refresh_token"]

    tokens = douyin.call("token.refresh", grant_type="refresh_token", refresh_token=old)
    ended = douyin.refusal("order.logisticsCompanyList")
    again = douyin.post("token.refresh", grant_type="refresh_token", refresh_token=old)
    douyin.shop["access_token"] = tokens["access_token"]

    assert (ended, again["code"]) == ("isv.access-token-expired", 50001)
    assert douyin.window()["total"] == 0


def test_a_token_ends_after_seven_days(sandbox: Sandbox, douyin: DouyinCaller) -> None:
    sandbox.do("POST", "/clock", {"advance_s": 7 * 86400})

    assert douyin.refusal("order.logisticsCompanyList") == "isv.access-token-expired"


def test_a_push_is_signed_over_its_body_and_acknowledged_by_code_0(received: Inbox) -> None:
    received.answer = lambda path: (200, {"code": 0, "msg": "success"})
    outside = Outside()
    shop = outside.world.open_shop("douyin-1", "douyin")
    shop.push_url = received.url
    order = read_order(neutral(str(FIRST)))
    shop.store([order])

    async def announce() -> dict[str, int]:
        counts = await outside.douyin.announce(shop, [order], "101")
        await outside.courier.close()
        return counts

    counts = asyncio.run(announce())

    headers, body = received.wait(1)[0]
    app = outside.world.apps["douyin"]
    (message,) = json.loads(body)
    assert headers["event-sign"] == hashlib.md5(app.key.encode() + body + app.secret.encode()).hexdigest()
    assert (message["tag"], json.loads(message["data"])["p_id"]) == ("101", FIRST)
    assert counts == {"sent": 1, "acknowledged": 1, "failed": 0}
