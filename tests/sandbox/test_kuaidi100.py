"""The tracking network over HTTP."""

from __future__ import annotations

import hashlib
import json
from typing import Any
from urllib.parse import parse_qsl

from sandbox.server import Sandbox
from tests.sandbox.clients import HTTP, Inbox

WAYBILL = "YT9693083639795"


def upper_md5(text: str) -> str:
    """Hash as the vendor does."""
    return hashlib.md5(text.encode()).hexdigest().upper()


def subscribe(sandbox: Sandbox, url: str, number: str = WAYBILL, company: str = "yuantong", **options: str) -> Any:
    """Follow a parcel."""
    carrier = sandbox.carrier()
    parameters = {"callbackurl": url, "salt": "pepper", "resultv2": "4", **options}
    param = {"company": company, "number": number, "key": carrier["key"], "parameters": parameters}
    return HTTP.post(carrier["poll_url"], data={"schema": "json", "param": json.dumps(param)}).json()


def query(sandbox: Sandbox, number: str = WAYBILL, company: str = "yuantong", **extra: str) -> Any:
    """Ask for a parcel."""
    carrier = sandbox.carrier()
    param = json.dumps({"com": company, "num": number, "resultv2": "4", **extra}, ensure_ascii=False)
    sign = upper_md5(param + carrier["key"] + carrier["customer"])
    fields = {"customer": carrier["customer"], "sign": sign, "param": param}
    return HTTP.post(carrier["query_url"], data=fields).json()


def test_a_parcel_is_followed_once_and_repeats_are_counted(sandbox: Sandbox) -> None:
    answers = [subscribe(sandbox, "http://127.0.0.1:9/cb?sid=1")["returnCode"] for _ in range(2)]

    assert answers == ["200", "501"]
    (row,) = sandbox.do("GET", "/books")["carriers"]["kuaidi100"]["subscriptions"]
    assert (row["number"], row["count"], row["callbackurl"]) == (WAYBILL, 2, "http://127.0.0.1:9/cb?sid=1")


def test_a_wrong_key_and_a_missing_phone_are_refused(sandbox: Sandbox) -> None:
    carrier = sandbox.carrier()
    param = json.dumps(
        {"company": "yuantong", "number": WAYBILL, "key": "x", "parameters": {"callbackurl": "http://x"}}
    )

    wrong_key = HTTP.post(carrier["poll_url"], data={"schema": "json", "param": param}).json()
    no_phone = subscribe(sandbox, "http://127.0.0.1:9/cb", "SF1234567890123", "shunfeng")

    assert (wrong_key["returnCode"], no_phone["returnCode"]) == ("600", "701")


def test_a_push_carries_the_whole_history_signed_with_the_salt(sandbox: Sandbox, received: Inbox) -> None:
    subscribe(sandbox, received.url + "/cb?sid=7")
    sandbox.do("POST", "/carriers/kuaidi100/advance", {"to": "in_transit"})

    counts = sandbox.do("POST", "/carriers/kuaidi100/advance", {"to": "delivered"})

    form = dict(parse_qsl(received.messages[1][1].decode()))
    param = json.loads(form["param"])
    assert counts == {"sent": 1, "acknowledged": 1, "failed": 0}
    assert form["sign"] == upper_md5(form["param"] + "pepper")
    assert (param["status"], param["lastResult"]["state"]) == ("shutdown", "301")
    assert [item["statusCode"] for item in param["lastResult"]["data"]] == ["301", "5", "1001", "1002", "103"]


def test_a_push_without_the_exact_answer_counts_as_failed(sandbox: Sandbox, received: Inbox) -> None:
    received.answer = lambda path: (200, {"ok": True})
    subscribe(sandbox, received.url)

    assert sandbox.do("POST", "/carriers/kuaidi100/advance", {"to": "collected"})["failed"] == 1


def test_an_abort_with_a_new_carrier_then_goes_on_under_it(sandbox: Sandbox, received: Inbox) -> None:
    subscribe(sandbox, received.url)

    sandbox.do("POST", "/carriers/kuaidi100/advance", {"abort": "3天查询无记录", "comNew": "shentong"})
    sandbox.do("POST", "/carriers/kuaidi100/advance", {"to": "collected"})

    first, second = (json.loads(dict(parse_qsl(body.decode()))["param"]) for _, body in received.messages)
    assert (first["status"], first["autoCheck"], first["comOld"], first["comNew"]) == ("abort", "0", "", "shentong")
    assert (second["autoCheck"], second["comOld"], second["comNew"]) == ("1", "yuantong", "shentong")


def test_a_number_may_be_asked_every_thirty_minutes(sandbox: Sandbox, received: Inbox) -> None:
    subscribe(sandbox, received.url)
    sandbox.do("POST", "/carriers/kuaidi100/advance", {"to": "collected"})

    first, early = query(sandbox), query(sandbox)
    sandbox.do("POST", "/clock", {"advance_s": 1801})
    later = query(sandbox)

    assert (first["state"], first["data"][0]["statusCode"]) == ("103", "103")
    assert (early["returnCode"], later["message"]) == ("504", "ok")


def test_a_query_needs_a_good_signature_and_for_some_carriers_the_phone(sandbox: Sandbox, received: Inbox) -> None:
    carrier = sandbox.carrier()
    subscribe(sandbox, received.url, "SF1234567890123", "shunfeng", phone="5678")
    sandbox.do("POST", "/carriers/kuaidi100/advance", {"to": "collected"})
    unsigned = {"customer": carrier["customer"], "sign": "X", "param": "{}"}

    assert HTTP.post(carrier["query_url"], data=unsigned).json()["returnCode"] == "503"
    assert query(sandbox, "SF1234567890123", "shunfeng", phone="0000")["returnCode"] == "408"
    assert query(sandbox, "SF1234567890123", "shunfeng", phone="13800005678")["message"] == "ok"


def test_a_number_is_recognised(sandbox: Sandbox) -> None:
    carrier = sandbox.carrier()

    answer = HTTP.get(carrier["autonumber_url"], params={"num": WAYBILL, "key": carrier["key"]}).json()
    keyless = HTTP.get(carrier["autonumber_url"], params={"num": WAYBILL}).json()

    assert [row["comCode"] for row in answer] == ["yuantong"]
    assert keyless["returnCode"] == "701"


def test_a_label_without_reorder_is_the_same_waybill_again(sandbox: Sandbox) -> None:
    carrier = sandbox.carrier()
    person = {"name": "某人", "mobile": "13800005678", "printAddr": "某地"}
    content = {"printType": "NON", "kuaidicom": "yuantong", "recMan": person, "sendMan": person, "orderId": "OB1"}

    def order(**extra: Any) -> str:
        param = json.dumps(content | extra)
        sign = upper_md5(param + "1" + carrier["key"] + carrier["secret"])
        fields = {"method": "order", "key": carrier["key"], "t": "1", "param": param, "sign": sign}
        number: str = HTTP.post(carrier["label_url"], data=fields).json()["data"]["kuaidinum"]
        return number

    first, same, other = order(reorder=False), order(reorder=False), order()

    assert first == same != other


def test_only_the_named_parcels_move(sandbox: Sandbox) -> None:
    subscribe(sandbox, "http://127.0.0.1:9/cb", "YT0000000000001")
    subscribe(sandbox, "http://127.0.0.1:9/cb", "YT0000000000002")

    sandbox.do("POST", "/carriers/kuaidi100/advance", {"to": "problem", "waybills": ["YT0000000000002"]})

    states = [query(sandbox, f"YT000000000000{number}").get("state") for number in (1, 2)]
    assert states == [None, "204"]
