"""E-waybills as the tracking network makes them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sandbox.server import Sandbox
from tests.sandbox.clients import HTTP
from tests.sandbox.test_kuaidi100 import upper_md5

PERSON = {"name": "某人", "mobile": "13800005678", "printAddr": "某地"}
ORDER = {"printType": "IMAGE", "kuaidicom": "yuantong", "recMan": PERSON, "sendMan": PERSON, "reorder": False}


def ask(sandbox: Sandbox, method: str, **param: Any) -> Any:
    """A signed call."""
    return ask_at(sandbox, "/label/order", method, param)


def ask_at(sandbox: Sandbox, path: str, method: str, param: dict[str, Any]) -> Any:
    """A signed call to an address."""
    carrier, text = sandbox.carrier(), json.dumps(param, ensure_ascii=False)
    sign = upper_md5(text + "1" + carrier["key"] + carrier["secret"])
    fields = {"method": method, "key": carrier["key"], "t": "1", "param": text, "sign": sign}
    return HTTP.post(sandbox.url + path, data=fields).json()


def order(sandbox: Sandbox, order_id: str, **more: Any) -> Any:
    """Ask for a waybill."""
    return ask(sandbox, "order", **ORDER, orderId=order_id, **more)


def labels(sandbox: Sandbox) -> list[dict[str, Any]]:
    """Every waybill that was made."""
    found: list[dict[str, Any]] = sandbox.do("GET", "/books")["carriers"]["kuaidi100"]["labels"]
    return found


def test_the_first_result_comes_again_for_48_hours(sandbox: Sandbox) -> None:
    first = order(sandbox, "OB1")["data"]["kuaidinum"]
    sandbox.do("POST", "/clock", {"advance_s": 48 * 3600 - 60})
    again = order(sandbox, "OB1")["data"]["kuaidinum"]
    sandbox.do("POST", "/clock", {"advance_s": 120})
    later = order(sandbox, "OB1")["data"]["kuaidinum"]

    assert first == again != later
    assert [row["number"] for row in labels(sandbox)] == [first, later]


def test_a_call_with_another_signature_makes_nothing(sandbox: Sandbox) -> None:
    carrier = sandbox.carrier()
    text = json.dumps({**ORDER, "orderId": "OB1"})
    sign = upper_md5(text + "1" + carrier["key"] + "another secret")
    fields = {"method": "order", "key": carrier["key"], "t": "1", "param": text, "sign": sign}

    assert HTTP.post(carrier["label_url"], data=fields).json()["code"] == 503
    assert labels(sandbox) == []


def test_without_balance_only_what_was_made_comes_again(sandbox: Sandbox) -> None:
    sandbox.do("POST", "/carriers/kuaidi100/waybills", {"balance": 1})

    answers = [order(sandbox, no) for no in ("OB1", "OB2", "OB1")]

    assert [answer["code"] for answer in answers] == [200, 601, 200]
    assert "余额不足" in answers[1]["message"]
    assert len(labels(sandbox)) == 1


def test_a_refusal_is_worded_as_it_is_set_up(sandbox: Sandbox) -> None:
    sandbox.do("POST", "/carriers/kuaidi100/waybills", {"refuses": "该区域不派送"})
    refused = order(sandbox, "OB1")
    sandbox.do("POST", "/carriers/kuaidi100/waybills", {})

    assert (refused["success"], refused["code"], refused["message"]) == (False, 400, "该区域不派送")
    assert order(sandbox, "OB1")["code"] == 200


def test_a_masked_receiver_goes_by_a_platform_only(sandbox: Sandbox) -> None:
    masked = {"name": "张**", "mobile": "138****5678", "printAddr": "某路****"}
    wish = {**ORDER, "recMan": masked, "oaid": "OA1"}

    assert ask(sandbox, "order", **wish, orderId="OB1")["code"] == 400
    assert ask(sandbox, "order", **wish, orderId="OB1", net="taobao")["code"] == 200


@pytest.mark.parametrize("path", ["/label/order", "/eorderapi.do"])
def test_a_waybill_is_cancelled_once(sandbox: Sandbox, path: str) -> None:
    made = order(sandbox, "OB1")["data"]
    wish = {"kuaidicom": "yuantong", "kuaidinum": made["kuaidinum"], "orderId": made["kdComOrderNum"]}

    answers = [ask_at(sandbox, path, "cancel", wish) for _ in range(2)]

    assert [answer["code"] for answer in answers] == [200, 400]
    assert labels(sandbox)[0]["cancelled"] == 2
    assert ask_at(sandbox, path, "cancel", {**wish, "kuaidinum": "YT0000000000000"})["code"] == 400


def test_a_label_is_an_image_and_is_printed_again(sandbox: Sandbox) -> None:
    made = order(sandbox, "OB1")["data"]
    again = ask(sandbox, "printOld", taskId=made["taskId"])["data"]

    image = HTTP.get(again["label"])

    assert again["label"] == made["label"]
    assert image.headers["content-type"] == "image/png"
    assert made["kuaidinum"].encode() in image.content
    assert HTTP.get(f"{sandbox.url}/label/none").status_code == 404
    assert ask(sandbox, "printOld", taskId="none")["code"] == 400


def test_a_fault_may_be_about_one_method(sandbox: Sandbox) -> None:
    fault = {"target": "carrier:kuaidi100", "kind": "rate_limit", "match": "/label/order cancel"}
    sandbox.do("POST", "/faults", fault)

    assert order(sandbox, "OB1")["code"] == 200
    assert ask(sandbox, "cancel", kuaidinum="YT0000000000000")["returnCode"] == "504"
