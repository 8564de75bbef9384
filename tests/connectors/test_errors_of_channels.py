"""What the platforms' refusals mean; recorded answers are fed without a network."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import orjson
import pytest

from connectors.channels.taobao import TaobaoChannel
from connectors.channels.taobao_protocol import error_of
from connectors.channels.woocommerce import WooCommerceChannel, webhook_signature
from connectors.registry import own_mapping
from connectors.transport import retry_after_s, without_empty
from models.errors import (
    ChannelDenied,
    ChannelError,
    ChannelRejected,
    ChannelUnavailable,
    OutcomeUnknown,
    RateLimited,
    SetupError,
    TokenRefused,
)
from tests.connectors.conftest import NOON, recorded

TOP = {"endpoint": "https://top.example/router/rest", "app_key": "1", "app_secret": "s", "session": "t"}
STORE = {"endpoint": "https://shop.example", "consumer_key": "ck_1", "consumer_secret": "cs_1", "webhook_secret": "密"}


def woo(answer: httpx.Response) -> WooCommerceChannel:
    client = httpx.Client(transport=httpx.MockTransport(lambda request: answer))
    return WooCommerceChannel(client, "woo-1", STORE, own_mapping("woocommerce"), lambda: NOON)


def taobao(answer: httpx.Response) -> TaobaoChannel:
    client = httpx.Client(transport=httpx.MockTransport(lambda request: answer))
    return TaobaoChannel(client, "tmall-1", TOP, own_mapping("taobao"), lambda: NOON)


@pytest.mark.parametrize(
    ("code", "sub_code", "reading", "writing"),
    [
        (7, "accesscontrol.limited-by-api-access-count", RateLimited, RateLimited),
        (15, "isp.top-remote-connection-timeout", ChannelUnavailable, OutcomeUnknown),
        (15, "isp.service-error", ChannelUnavailable, OutcomeUnknown),
        (15, "isv.trade-not-exist", ChannelRejected, ChannelRejected),
        (25, "isv.invalid-signature", ChannelDenied, ChannelDenied),
        (26, "isv.missing-session", TokenRefused, TokenRefused),
        (27, "invalid-sessionkey", TokenRefused, TokenRefused),
        (53, "", TokenRefused, TokenRefused),
        (11, "isv.permission-api-package-empty", ChannelDenied, ChannelDenied),
        (40, "isv.missing-parameter:tid", ChannelRejected, ChannelRejected),
        (41, "isv.invalid-parameter:tid", ChannelRejected, ChannelRejected),
        (530, "isp.system-busy", ChannelUnavailable, ChannelUnavailable),
        (15, "isp.call-limited", ChannelUnavailable, ChannelUnavailable),
        ("x", "", ChannelRejected, ChannelRejected),
    ],
)
def test_a_taobao_error(code: Any, sub_code: str, reading: type[ChannelError], writing: type[ChannelError]) -> None:
    body = {"code": code, "msg": "said", "sub_code": sub_code}

    assert type(error_of(body, "t", "a", NOON, changes=False)) is reading
    assert type(error_of(body, "t", "a", NOON, changes=True)) is writing


@pytest.mark.parametrize(
    ("sub_code", "said", "wait_s"),
    [
        ("accesscontrol.limited-by-api-access-count", "This ban will last for 7 more seconds", 8.0),
        ("accesscontrol.limited-by-app-access-count", "", 12 * 3600 + 1.0),
        ("accesscontrol.limited-by-dynamic-access-count", "", 5.0),
    ],
)
def test_how_long_a_taobao_ban_lasts(sub_code: str, said: str, wait_s: float) -> None:
    error = error_of({"code": 7, "msg": said, "sub_code": sub_code}, "t", "a", NOON, changes=False)

    assert isinstance(error, RateLimited)
    assert error.retry_after_s == wait_s


def test_taobao_parameters_without_a_value_are_not_sent() -> None:
    assert without_empty({"a": None, "b": "", "c": 0, "d": False}) == {"c": "0", "d": "False"}


@pytest.mark.parametrize("wrapper", [{}, {"trades": {}}, {"trades": {"trade": []}}])
def test_an_empty_taobao_list_may_lack_its_wrapper(wrapper: dict[str, Any]) -> None:
    body = {"trades_sold_increment_get_response": {"total_results": 1, "has_next": False, **wrapper}}

    assert list(taobao(httpx.Response(200, json=body)).changed_orders(NOON - timedelta(minutes=5), NOON)) == []


def test_long_taobao_numbers_are_read_exactly() -> None:
    answer = httpx.Response(200, json={"trade_fullinfo_get_response": {"trade": recorded("taobao")[0]}})

    trade = taobao(answer).order("2912345678901234567")

    assert trade is not None
    assert trade["tid"] == 2912345678901234567


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (400, {"code": "rest_invalid_param", "message": "page"}, ChannelRejected),
        (401, {"code": "woocommerce_rest_cannot_view", "message": "no"}, ChannelDenied),
        (403, "<html>blocked</html>", ChannelDenied),
        (404, {"code": "rest_no_route", "message": "no"}, ChannelRejected),
        (409, {"code": "busy", "message": "no"}, RateLimited),
        (429, "<html>slow down</html>", RateLimited),
        (500, "<html>error</html>", ChannelUnavailable),
        (502, "", ChannelUnavailable),
        (503, "<html>maintenance</html>", ChannelUnavailable),
        (200, "<html>maintenance</html>", ChannelRejected),
        (302, "", ChannelRejected),
    ],
)
def test_a_web_shop_error(status: int, body: Any, error: type[ChannelError]) -> None:
    content = body.encode() if isinstance(body, str) else orjson.dumps(body)

    with pytest.raises(error):
        woo(httpx.Response(status, content=content)).order("7")


def test_a_missing_web_shop_order_is_none() -> None:
    body = {"code": "woocommerce_rest_shop_order_invalid_id", "message": "Invalid ID.", "data": {"status": 404}}

    assert woo(httpx.Response(404, json=body)).order("7") is None
    assert woo(httpx.Response(200, json={"id": 7, "status": "trash"})).order("7") is None


def test_over_https_the_keys_go_as_basic_and_not_in_the_address() -> None:
    answer = httpx.Response(200, json={"id": 7, "status": "processing"})
    woo(answer).order("7")

    assert httpx.BasicAuth("ck_1", "cs_1")._auth_header == answer.request.headers["authorization"]
    assert str(answer.request.url) == "https://shop.example/wp-json/wc/v3/orders/7"


def test_drafts_never_leave_the_connector() -> None:
    rows = [{**recorded("woocommerce")[0], "status": status} for status in ("checkout-draft", "auto-draft")]
    shop = woo(httpx.Response(200, json=rows, headers={"x-wp-total": "2"}))

    assert list(shop.changed_orders(datetime(2026, 11, 20, tzinfo=UTC), NOON)) == []


def test_a_store_that_ignores_the_window_is_named() -> None:
    shop = woo(httpx.Response(200, json=recorded("woocommerce"), headers={"x-wp-total": "2"}))

    with pytest.raises(ChannelRejected, match=r"WooCommerce 5\.8"):
        list(shop.changed_orders(NOON, NOON + timedelta(hours=1)))


def test_a_web_shop_webhook_is_read_when_its_signature_holds() -> None:
    shop, body = woo(httpx.Response(200)), orjson.dumps({"id": 723})
    signature = webhook_signature("密", body)

    assert shop.read_webhook({"x-wc-webhook-signature": signature}, body) == {"id": 723}
    assert shop.read_webhook({}, b"webhook_id=12") is None
    for headers in ({}, {"X-WC-Webhook-Signature": "bm8="}, {"X-WC-Webhook-Signature": "无"}):
        with pytest.raises(ChannelDenied):
            shop.read_webhook(headers, body)


def test_a_web_shop_without_webhook_secret_accepts_none() -> None:
    credentials = {**STORE, "webhook_secret": ""}
    shop = WooCommerceChannel(httpx.Client(), "w", credentials, own_mapping("woocommerce"), lambda: NOON)

    with pytest.raises(ChannelDenied):
        shop.read_webhook({"X-WC-Webhook-Signature": webhook_signature("", b"{}")}, b"{}")


def test_what_a_shop_said_of_a_person_is_masked_in_the_error() -> None:
    answer = httpx.Response(400, json={"code": "x", "message": "phone 13800005678 is invalid"})

    with pytest.raises(ChannelRejected) as caught:
        woo(answer).order("7")
    assert "13800005678" not in str(caught.value)
    assert "138****5678" in str(caught.value)


@pytest.mark.parametrize("missing", ["endpoint", "app_key", "app_secret", "session"])
def test_a_missing_credential_is_named(missing: str) -> None:
    with pytest.raises(SetupError, match=missing):
        TaobaoChannel(httpx.Client(), "t", {**TOP, missing: ""}, own_mapping("taobao"), lambda: NOON)


@pytest.mark.parametrize(
    ("header", "wait_s"),
    [
        ("120", 120.0),
        ("Fri, 20 Nov 2026 04:01:00 GMT", 60.0),
        ("Fri, 20 Nov 2020 04:01:00 GMT", 0.0),
        ("9999999999", 6 * 3600.0),
        ("soon", None),
        ("", None),
    ],
)
def test_how_long_retry_after_asks_to_wait(header: str, wait_s: float | None) -> None:
    assert retry_after_s({"retry-after": header}, NOON) == wait_s
