"""A web shop's REST API and webhooks over HTTP."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import timedelta

import httpx
import pytest

from sandbox.server import Sandbox
from tests.sandbox.clients import HTTP, NOON, Inbox, WooCaller, neutral

WINDOW = {"modified_after": "2026-11-20T03:00:00", "modified_before": "2026-11-20T04:00:00", "dates_are_gmt": "true"}


def load(sandbox: Sandbox, count: int, first: int = 701) -> None:
    """Load orders, changed a second apart, the last one a second before noon."""
    orders = [neutral(str(first + place), NOON - timedelta(seconds=count - place)) for place in range(count)]
    sandbox.do("POST", "/shops/woo-1/orders", {"orders": orders})


@pytest.mark.parametrize("oauth", [{}, {"oauth_version": "1.0"}, {"oauth_signature_method": "HMAC-SHA1"}])
def test_oauth_in_the_query_is_accepted(sandbox: Sandbox, woo: WooCaller, oauth: dict[str, str]) -> None:
    load(sandbox, 1)

    answer = HTTP.get(woo.base + "/orders", params=woo.oauth("/orders", NOON, {"search": "张 三"} | WINDOW, **oauth))

    assert (answer.status_code, answer.headers["x-wp-total"]) == (200, "0")


def test_oauth_in_the_header_is_accepted(sandbox: Sandbox, woo: WooCaller) -> None:
    signed = woo.oauth("/orders", NOON, {"per_page": "5"})
    pairs = ((key, signed[key]) for key in signed if key.startswith("oauth_"))
    header = "OAuth " + ", ".join(
        f'{key}="{httpx.QueryParams({"v": value})}"'.replace("v=", "") for key, value in pairs
    )

    answer = HTTP.get(woo.base + "/orders", params={"per_page": "5"}, headers={"authorization": header})

    assert (answer.status_code, answer.json()) == (200, [])


def test_a_client_that_repeats_its_query_is_understood(sandbox: Sandbox, woo: WooCaller) -> None:
    signed = woo.oauth("/orders", NOON, {"per_page": "5"})

    answer = HTTP.get(woo.base + "/orders", params=[*signed.items(), ("per_page", "5")])

    assert answer.status_code == 200


def test_keys_in_the_query_are_accepted(woo: WooCaller) -> None:
    keys = {"consumer_key": woo.shop["consumer_key"], "consumer_secret": woo.shop["consumer_secret"]}

    assert HTTP.get(woo.base + "/orders", params=keys).status_code == 200


def test_a_nonce_works_once(woo: WooCaller) -> None:
    signed = woo.oauth("/orders", NOON)

    answers = [HTTP.get(woo.base + "/orders", params=signed) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 401]
    assert "nonce" in answers[1].json()["message"]


def test_a_signature_is_good_for_fifteen_minutes(woo: WooCaller) -> None:
    ages = (timedelta(minutes=14), timedelta(minutes=16))

    answers = [HTTP.get(woo.base + "/orders", params=woo.oauth("/orders", NOON - age)) for age in ages]

    assert [answer.status_code for answer in answers] == [200, 401]


def test_a_wrong_signature_gets_the_documented_body(woo: WooCaller) -> None:
    answer = HTTP.get(woo.base + "/orders", params=woo.oauth("/orders", NOON) | {"oauth_signature": "x"})

    assert answer.json() == {
        "code": "woocommerce_rest_authentication_error",
        "message": "Invalid signature - provided signature does not match.",
        "data": {"status": 401},
    }


def test_a_window_pages_by_id_with_totals_in_the_headers(sandbox: Sandbox, woo: WooCaller) -> None:
    load(sandbox, 25)
    query = WINDOW | {"per_page": "10", "page": "2", "orderby": "id", "order": "asc", "status": "processing,on-hold"}

    answer = woo.basic("GET", "/orders", params=query)

    assert [order["id"] for order in answer.json()] == list(range(711, 721))
    assert (answer.headers["x-wp-total"], answer.headers["x-wp-totalpages"]) == ("25", "3")
    assert 'rel="next"' in answer.headers["link"]


def test_a_page_of_more_than_100_is_refused(woo: WooCaller) -> None:
    answer = woo.basic("GET", "/orders", params={"per_page": "101"})

    assert (answer.status_code, answer.json()["code"]) == (400, "rest_invalid_param")


def test_an_order_is_shown_as_stores_show_it(sandbox: Sandbox, woo: WooCaller) -> None:
    load(sandbox, 1)

    order = woo.basic("GET", "/orders/701").json()

    assert (order["number"], order["status"], order["total"]) == ("701", "processing", "142.00")
    assert (order["date_created"], order["date_created_gmt"]) == ("2026-11-20T11:59:59", "2026-11-20T03:59:59")
    shipping = order["shipping"]
    assert shipping["last_name"] + shipping["first_name"] == "张三丰"
    assert (shipping["state"], shipping["city"], shipping["phone"]) == ("CN12", "杭州市", "13800005678")
    assert [(line["sku"], line["total"]) for line in order["line_items"]] == [("TEA-1", "44.97"), ("CUP", "89.03")]


def test_an_unknown_order_and_route_have_their_own_errors(woo: WooCaller) -> None:
    answers = [woo.basic("GET", path).json()["code"] for path in ("/orders/1", "/shipments")]

    assert answers == ["woocommerce_rest_shop_order_invalid_id", "rest_no_route"]


def test_completing_an_order_twice_books_one_ship_back(sandbox: Sandbox, woo: WooCaller) -> None:
    load(sandbox, 1)
    meta = [{"key": "_tracking_number", "value": "SF123"}, {"key": "_tracking_carrier", "value": "SF"}]

    first = woo.basic("PUT", "/orders/701", json={"status": "completed", "meta_data": meta}).json()
    ids = {row["key"]: row["id"] for row in first["meta_data"]}
    repeated = [row | {"id": ids[row["key"]]} for row in meta]
    again = woo.basic("PUT", "/orders/701", json={"status": "completed", "meta_data": repeated}).json()

    assert (again["status"], again["meta_data"]) == ("completed", first["meta_data"])
    rows = sandbox.do("GET", "/books")["shops"]["woo-1"]["ship_backs"]
    assert [(row["order_no"], row["carrier"], row["waybill"]) for row in rows] == [("701", "SF", "SF123")]


def test_each_parcel_of_a_split_order_is_booked(sandbox: Sandbox, woo: WooCaller) -> None:
    load(sandbox, 1)

    woo.basic("PUT", "/orders/701", json={"meta_data": [{"key": "_tracking_number", "value": "SF1"}]})
    woo.basic(
        "PUT", "/orders/701", json={"status": "completed", "meta_data": [{"key": "_tracking_number", "value": "SF2"}]}
    )

    rows = sandbox.do("GET", "/books")["shops"]["woo-1"]["ship_backs"]
    assert [row["waybill"] for row in rows] == ["SF1", "SF2"]


def test_a_repeated_note_is_there_twice(sandbox: Sandbox, woo: WooCaller) -> None:
    load(sandbox, 1)

    for _ in range(2):
        woo.basic("POST", "/orders/701/notes", json={"note": "已发货：顺丰 SF123", "customer_note": True})

    assert len(woo.basic("GET", "/orders/701/notes").json()) == 2
    assert sandbox.do("GET", "/books?summary=1")["shops"]["woo-1"]["notes"] == 2


def test_a_refunded_line_is_a_refund_with_negative_quantity(sandbox: Sandbox, woo: WooCaller) -> None:
    load(sandbox, 1)

    sandbox.do("POST", "/shops/woo-1/orders/701", {"event": "refund", "line_no": "2"})
    (refund,) = woo.basic("GET", "/orders/701/refunds").json()

    assert (refund["amount"], refund["line_items"][0]["quantity"]) == ("89.03", -1)
    assert woo.basic("GET", "/orders/701").json()["refunds"][0]["total"] == "-89.03"


def test_stock_of_a_batch_tells_errors_by_row(sandbox: Sandbox, woo: WooCaller) -> None:
    load(sandbox, 1)
    (product,) = woo.basic("GET", "/products", params={"sku": "TEA-1"}).json()

    rows = [{"id": product["id"], "stock_quantity": 37}, {"id": 1, "stock_quantity": 1}]
    answer = woo.basic("POST", "/products/batch", json={"update": rows}).json()["update"]

    assert (answer[0]["stock_quantity"], answer[1]["error"]["code"]) == (37, "woocommerce_rest_product_invalid_id")


def test_the_country_gives_the_province_codes(woo: WooCaller) -> None:
    states = woo.basic("GET", "/data/countries/CN").json()["states"]

    assert {"code": "CN12", "name": "浙江"} in states


def test_a_changed_order_is_delivered_signed(sandbox: Sandbox, received: Inbox) -> None:
    load(sandbox, 1)
    shop = sandbox.do(
        "POST", "/shops", {"code": "woo-1", "platform": "woocommerce", "webhook_url": received.url + "/hooks"}
    )

    result = sandbox.do("POST", "/shops/woo-1/orders/701", {"event": "change_address"})

    ((headers, body),) = received.messages
    expected = hmac.new(shop["webhook_secret"].encode(), body, hashlib.sha256).digest()
    assert headers["x-wc-webhook-signature"] == base64.b64encode(expected).decode()
    assert (headers["x-wc-webhook-topic"], json.loads(body)["id"]) == ("order.updated", 701)
    assert result["webhook"] == {"sent": 1, "acknowledged": 1, "failed": 0}


def test_a_created_webhook_is_pinged_and_disabled_after_five_failures(
    sandbox: Sandbox, woo: WooCaller, received: Inbox
) -> None:
    load(sandbox, 1)
    body = {"topic": "order.updated", "delivery_url": received.url, "secret": "s"}
    hook = woo.basic("POST", "/webhooks", json=body).json()
    ping = received.wait(1)[0][1]
    received.answer = lambda path: (500, {})

    for _ in range(5):
        sandbox.do("POST", "/shops/woo-1/orders/701", {"event": "change_note"})

    assert ping == f"webhook_id={hook['id']}".encode()
    assert woo.basic("GET", f"/webhooks/{hook['id']}").json()["status"] == "disabled"
