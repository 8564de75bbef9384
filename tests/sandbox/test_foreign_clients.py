"""Clients that others publish for the platforms work against the sandbox as they do against the platforms."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
import taobao_open
from taobao_open.api.base import RestApi, TopException
from woocommerce import API

from sandbox.server import Sandbox
from tests.sandbox.clients import neutral

TRADE = "2912345678900000001"
NUMBER = "YT9693083639795"


def top_call(method: str, shop: dict[str, Any], **wish: object) -> dict[str, Any]:
    """One call as the Taobao client makes it: its classes per method only hold names, as this one does."""

    class Request(RestApi):  # type: ignore[misc]  # the package has no types
        def getapiname(self) -> str:
            return method

    address = urlsplit(shop["endpoint"])
    request = Request(address.hostname, address.port)
    request.set_app_info(taobao_open.appinfo(shop["app_key"], shop["app_secret"]))
    for name, value in wish.items():
        setattr(request, name, value)
    answer: dict[str, Any] = request.getResponse(shop["session"])
    return answer


def test_a_published_taobao_client_lists_a_trade_and_ships_it(live: Sandbox) -> None:
    shop = live.shop("tmall-1")
    now = datetime.fromisoformat(live.do("GET", "/clock")["now"])
    live.do("POST", "/shops/tmall-1/orders", {"orders": [neutral(TRADE, now)]})

    listed = top_call(
        "taobao.trades.sold.get", shop, fields="tid,status,modified", page_no=1, page_size=40, use_has_next="true"
    )
    shipped = top_call("taobao.logistics.offline.send", shop, tid=TRADE, out_sid=NUMBER, company_code="YTO", is_split=0)

    trades = listed["trades_sold_get_response"]["trades"]["trade"]
    assert [(str(trade["tid"]), trade["status"]) for trade in trades] == [(TRADE, "WAIT_SELLER_SEND_GOODS")]
    assert shipped["logistics_offline_send_response"]["shipping"]["is_success"] is True
    assert booked(live, "tmall-1") == [(TRADE, "YTO", NUMBER)]


def test_a_published_taobao_client_is_refused_with_a_wrong_secret(live: Sandbox) -> None:
    shop = live.shop("tmall-1") | {"app_secret": "not-ours"}

    with pytest.raises(TopException, match="errorcode=25"):
        top_call("taobao.trades.sold.get", shop, fields="tid")


def test_the_published_woocommerce_client_lists_an_order_and_ships_it(live: Sandbox) -> None:
    shop = live.shop("woo-1")
    now = datetime.fromisoformat(live.do("GET", "/clock")["now"])
    live.do("POST", "/shops/woo-1/orders", {"orders": [neutral("1001", now)]})
    client = API(shop["endpoint"], shop["consumer_key"], shop["consumer_secret"], version="wc/v3", timeout=20)

    listed = client.get("orders", params={"status": "processing", "per_page": 10})
    (order,) = listed.json()
    meta = [{"key": "_tracking_number", "value": NUMBER}, {"key": "_tracking_carrier", "value": "YTO"}]
    changed = client.put(f"orders/{order['id']}", {"status": "completed", "meta_data": meta})

    assert (listed.status_code, listed.headers["X-WP-Total"], order["number"]) == (200, "1", "1001")
    assert (changed.status_code, changed.json()["status"]) == (200, "completed")
    assert booked(live, "woo-1") == [("1001", "YTO", NUMBER)]


def booked(sandbox: Sandbox, shop: str) -> list[tuple[str, str, str]]:
    rows = sandbox.do("GET", "/books")["shops"][shop]["ship_backs"]
    return [(row["order_no"], row["carrier"], row["waybill"]) for row in rows]


@pytest.fixture
def live(running_sandbox: Sandbox) -> Sandbox:
    """The sandbox on wall time, which is what clients sign with."""
    running_sandbox.do("POST", "/reset")
    return running_sandbox
