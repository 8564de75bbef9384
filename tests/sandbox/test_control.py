"""Faults, the clock, reset and the process itself."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.server import Sandbox
from sandbox.world import DEFAULT_SHOPS
from tests.sandbox.clients import HTTP, Inbox, TopCaller, WmsCaller, WooCaller, neutral

TID = "2912345678901234567"
SEND = "taobao.logistics.offline.send"


def load(sandbox: Sandbox) -> None:
    """Load one trade."""
    sandbox.do("POST", "/shops/tmall-1/orders", {"orders": [neutral(TID)]})


def test_timeout_after_leaves_the_effect_without_an_answer(sandbox: Sandbox, tmall: TopCaller) -> None:
    load(sandbox)
    fault = {"target": "shop:tmall-1", "kind": "timeout_after", "times": 1, "seconds": 0.1, "match": SEND}
    sandbox.do("POST", "/faults", fault)

    with pytest.raises(httpx.RemoteProtocolError):
        tmall.call(SEND, tid=TID, out_sid="YT9693083639795", company_code="YTO")

    assert len(sandbox.do("GET", "/books")["shops"]["tmall-1"]["ship_backs"]) == 1


def test_timeout_before_leaves_none(sandbox: Sandbox, tmall: TopCaller) -> None:
    load(sandbox)
    sandbox.do("POST", "/faults", {"target": "shop:tmall-1", "kind": "timeout_before", "times": 1, "seconds": 0.1})

    with pytest.raises(httpx.RemoteProtocolError):
        tmall.call(SEND, tid=TID, out_sid="YT9693083639795", company_code="YTO")

    assert sandbox.do("GET", "/books")["shops"]["tmall-1"]["ship_backs"] == []


def test_a_client_that_loses_patience_first_sees_a_timeout(sandbox: Sandbox, wms: WmsCaller) -> None:
    sandbox.do("POST", "/faults", {"target": "wms:WH-E", "kind": "timeout_after", "times": 1})

    with pytest.raises(httpx.ReadTimeout):
        HTTP.post(wms.warehouse["endpoint"], timeout=0.2)


def test_rate_limits_are_told_as_each_platform_tells_them(
    sandbox: Sandbox, tmall: TopCaller, woo: WooCaller, wms: WmsCaller
) -> None:
    for target in ("shop:tmall-1", "shop:woo-1", "wms:WH-E"):
        sandbox.do("POST", "/faults", {"target": target, "kind": "rate_limit", "times": 1})

    error = tmall.window()["error"]
    answers = [woo.basic("GET", "/orders"), wms.create("OB1")]

    assert (error["code"], error["sub_msg"]) == (7, "This ban will last for 1 more seconds")
    assert [(answer.status_code, answer.headers["retry-after"]) for answer in answers] == [(429, "1")] * 2


def test_a_fault_lasts_as_often_as_it_was_asked_for(sandbox: Sandbox, wms: WmsCaller) -> None:
    sandbox.do("POST", "/faults", {"target": "wms:WH-E", "kind": "http_503", "times": 2})

    assert [wms.create(f"OB{number}").status_code for number in range(3)] == [503, 503, 200]


def test_cleared_faults_are_gone(sandbox: Sandbox, woo: WooCaller) -> None:
    sandbox.do("POST", "/faults", {"target": "shop:woo-1", "kind": "html"})
    broken = woo.basic("GET", "/orders").headers["content-type"]

    sandbox.do("DELETE", "/faults?target=shop:woo-1")

    assert broken.startswith("text/html")
    assert woo.basic("GET", "/orders").json() == []


def test_an_expired_token_is_cured_by_a_refresh(sandbox: Sandbox, tmall: TopCaller) -> None:
    sandbox.do("POST", "/faults", {"target": "shop:tmall-1", "kind": "expired_token"})
    expired = tmall.window()["error"]
    session = tmall.shop.pop("session")
    tmall.shop["session"] = ""

    answer = tmall.call("taobao.top.auth.token.refresh", refresh_token=tmall.shop["refresh_token"])
    tmall.shop["session"] = json.loads(answer["token_result"])["access_token"]

    assert (expired["code"], expired["sub_code"]) == (27, "invalid-sessionkey")
    assert tmall.shop["session"] != session
    assert tmall.window()["total_results"] == 0


def test_a_set_clock_keeps_ticking(sandbox: Sandbox) -> None:
    sandbox.do("POST", "/clock", {"now": "2026-11-11T00:00:00+08:00"})
    first = sandbox.do("GET", "/clock")["now"]
    time.sleep(1.1)

    assert first == "2026-11-10T16:00:00+00:00"
    assert sandbox.do("GET", "/clock")["now"] > first


def test_reset_keeps_the_credentials(sandbox: Sandbox) -> None:
    before = sandbox.world()
    load(sandbox)
    sandbox.do("POST", "/shops", {"code": "tmall-2", "platform": "tmall"})

    sandbox.do("POST", "/reset")

    assert sandbox.world() == before
    assert sandbox.do("GET", "/books?summary=1")["shops"]["tmall-1"]["orders"] == 0


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/shops/nowhere/orders", {"orders": []}, 404),
        ("/shops/tmall-1/orders", {"orders": [neutral("A1")]}, 400),
        ("/shops/tmall-1/orders", {"orders": [{"no": "1"}]}, 400),
        ("/shops/tmall-1/orders/1", {"event": "pay"}, 404),
        ("/clock", {"now": "2026-11-11T00:00:00"}, 400),
        ("/faults", {"target": "wms:WH-X", "kind": "slow"}, 404),
    ],
)
def test_a_wrong_control_request_says_why(sandbox: Sandbox, path: str, body: dict[str, object], status: int) -> None:
    answer = sandbox.control.post(path.lstrip("/"), json=body)

    assert (answer.status_code, bool(answer.json()["error"])) == (status, True)


def test_an_article_without_orders_can_be_put_on_sale(sandbox: Sandbox, woo: WooCaller) -> None:
    body = {"products": [{"sku": "NEW-1", "title": "新品", "price_fen": 900, "stock": 4}]}

    (product,) = sandbox.do("POST", "/shops/woo-1/products", body)["products"]

    shown = woo.basic("GET", "/products", params={"sku": "NEW-1"}).json()[0]
    assert (shown["id"], shown["stock_quantity"]) == (product["product_id"], 4)


@contextmanager
def process() -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """Run the sandbox as its own process and read the line it prints."""
    started = subprocess.Popen(
        [sys.executable, "-m", "sandbox", "--port", "0", "--json"],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert started.stdout is not None
        yield started, json.loads(started.stdout.readline())
    finally:
        started.kill()
        started.communicate()


def test_the_process_prints_one_line_when_it_listens() -> None:
    with process() as (_, world):
        assert HTTP.get(world["control"] + "/world").json() == world
        assert [shop["code"] for shop in world["shops"]] == [code for code, _ in DEFAULT_SHOPS]


def test_the_process_ends_cleanly_while_a_request_hangs() -> None:
    with process() as (started, world), ThreadPoolExecutor(1) as pool:
        HTTP.post(world["control"] + "/faults", json={"target": "wms:WH-E", "kind": "timeout_before"})
        hanging = pool.submit(HTTP.post, world["warehouses"][0]["endpoint"])
        time.sleep(0.1)

        started.send_signal(signal.SIGTERM)

        with pytest.raises(httpx.RemoteProtocolError):
            hanging.result(3)
        assert (started.wait(3), *started.communicate()) == (0, "", "")


def test_a_message_that_is_held_back_goes_out_when_the_fault_is_taken_down(sandbox: Sandbox, received: Inbox) -> None:
    sandbox.do("POST", "/warehouses", {"code": "WH-E", "callback_url": received.url})
    sandbox.do("POST", "/faults", {"target": "wms:WH-E", "kind": "out_of_order"})
    sandbox.do("POST", "/warehouses/WH-E/send", {"type": "outbound.accepted", "data": {"outbound_no": "OB1"}})
    assert received.messages == []

    sandbox.do("DELETE", "/faults?target=wms:WH-E")

    received.wait(1)
    assert [body["data"]["outbound_no"] for body in received.bodies()] == ["OB1"]
