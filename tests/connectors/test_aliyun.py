"""Aliyun Market's express query: what it is asked, over real HTTP and in recorded answers, and what it means."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from connectors.carriers.aliyun import AliyunExpress
from models.errors import (
    ChannelDenied,
    ChannelError,
    ChannelRejected,
    ChannelUnavailable,
    RateLimited,
    SetupError,
)
from sandbox.server import Sandbox
from tests.connectors.conftest import NOON

APPCODE = "0123456789abcdef0123456789abcdef"
ANSWER: dict[str, Any] = {
    "status": "0",
    "msg": "ok",
    "result": {
        "number": "780098068058",
        "type": "zto",
        "list": [
            {"time": "2026-11-22 11:59:26", "status": "【石家庄市】快件已在【长安三部】签收，电话：13812345678"},
            {"time": "2026-11-22 08:10:02", "status": "【石家庄市】正在派件"},
            {"time": "2026-11-21 18:20:11", "status": "【广州市】已揽收"},
        ],
        "deliverystatus": "3",
        "issign": "1",
        "courier": "李师傅",
        "courierPhone": "13912345678",
    },
}


def answering(answer: httpx.Response | dict[str, Any]) -> tuple[AliyunExpress, list[httpx.Request]]:
    """The service with one recorded answer, and what it was asked."""
    asked: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)

    client = httpx.Client(transport=httpx.MockTransport(handle))
    return AliyunExpress(client, "aliyun", {"appcode": APPCODE}, lambda: NOON), asked


def test_an_answer_is_read_with_a_stage_for_the_newest_scan_only() -> None:
    service, _ = answering(ANSWER)

    trace = service.query("yuantong", "YT9693083639795", "")

    assert (trace.stage, trace.source) == ("delivered", "aliyun")
    assert [scan.stage for scan in trace.scans] == ["", "", ""]
    assert trace.scans[0].at == datetime(2026, 11, 22, 3, 59, 26, tzinfo=UTC)
    assert trace.scans[2].text == "【广州市】已揽收"


def test_phones_in_texts_are_masked_and_the_couriers_are_not_kept() -> None:
    trace = answering(ANSWER)[0].query("yuantong", "YT9693083639795", "")

    assert "13812345678" not in repr(trace)
    assert "13912345678" not in repr(trace)


@pytest.mark.parametrize(
    ("carrier", "waybill", "no", "code"),
    [
        ("shunfeng", "SF1234567890123", "SF1234567890123:8000", "SFEXPRESS"),
        ("zhongtong", "780098068058", "780098068058:8000", "ZTO"),
        ("yuantong", "YT9693083639795", "YT9693083639795", "YTO"),
        ("kuayue", "KY40001234567", "KY40001234567", None),
    ],
)
def test_carriers_that_want_it_get_the_digits_of_a_phone(carrier: str, waybill: str, no: str, code: str | None) -> None:
    service, asked = answering(ANSWER)

    service.query(carrier, waybill, "8000")

    assert (asked[0].url.params["no"], asked[0].url.params.get("type")) == (no, code)
    assert asked[0].headers["authorization"] == f"APPCODE {APPCODE}"
    assert str(asked[0].url).startswith("https://wuliu.market.alicloudapi.com/kdi?")


def test_without_digits_such_a_carrier_is_not_asked_about() -> None:
    service, asked = answering(ANSWER)

    with pytest.raises(ChannelRejected, match="needs the last four digits"):
        service.query("shunfeng", "SF1234567890123", "")
    assert asked == []


@pytest.mark.parametrize(
    ("status", "stage"),
    [
        ("0", "collected"),
        ("1", "in_transit"),
        ("2", "out_for_delivery"),
        ("4", "problem"),
        ("5", "problem"),
        ("6", "returned"),
        ("9", None),
        (1, "in_transit"),
    ],
)
def test_the_delivery_status_is_the_stage(status: object, stage: str | None) -> None:
    answer = {**ANSWER, "result": {**ANSWER["result"], "deliverystatus": status}}

    assert answering(answer)[0].query("yuantong", "YT9693083639795", "").stage == stage


def test_no_information_yet_is_no_error() -> None:
    trace = answering({"status": "205", "msg": "没有信息"})[0].query("yuantong", "YT9693083639795", "")

    assert (trace.stage, trace.scans) == (None, ())


@pytest.mark.parametrize("status", ["201", "203", "204", "207", "999", None])
def test_other_words_of_the_supplier_are_refusals_of_this_number(status: str | None) -> None:
    with pytest.raises(ChannelRejected):
        answering({"status": status, "msg": "x"})[0].query("yuantong", "YT9693083639795", "")


@pytest.mark.parametrize(
    ("code", "said", "kind"),
    [
        (400, "Invalid AppCode `not exists`", ChannelDenied),
        (401, "", ChannelDenied),
        (400, "Invalid Url", ChannelDenied),
        (400, "Invalid Param Location", ChannelRejected),
        (403, "Unauthorized", ChannelDenied),
        (403, "Quota Exhausted", ChannelDenied),
        (403, "Api Market Subscription quota exhausted", ChannelDenied),
        (429, "Throttled by USER Flow Control", RateLimited),
        (503, "", RateLimited),
        (500, "D503CB", RateLimited),
        (500, "Internal Error", ChannelUnavailable),
    ],
)
def test_what_the_gateway_refuses_is_told_by_its_header(code: int, said: str, kind: type[ChannelError]) -> None:
    refused = httpx.Response(code, headers={"X-Ca-Error-Message": said} if said else {})

    with pytest.raises(kind) as caught:
        answering(refused)[0].query("yuantong", "YT9693083639795", "")
    assert said in str(caught.value)


def test_an_error_quotes_neither_the_appcode_nor_the_digits() -> None:
    said = {"status": "207", "msg": ""} | {"msg": f"SF1234567890123:8042 {APPCODE}"}
    for answer in ({**said, "status": "998"}, httpx.Response(500, headers={"X-Ca-Error-Message": APPCODE})):
        with pytest.raises(ChannelError) as caught:
            answering(answer)[0].query("shunfeng", "SF1234567890123", "8042")
        assert "8042" not in str(caught.value)
        assert APPCODE not in str(caught.value)


def test_an_answer_that_is_no_json_may_be_another_one_later() -> None:
    with pytest.raises(ChannelUnavailable):
        answering(httpx.Response(200, text="<html>"))[0].query("yuantong", "YT9693083639795", "")


@pytest.mark.parametrize(
    ("given", "lacks"), [({}, "appcode"), ({"appcode": "x", "endpoint": "http://wuliu.example.com"}, "https")]
)
def test_it_is_not_made_without_appcode_nor_for_an_open_line(given: dict[str, str], lacks: str) -> None:
    with pytest.raises(SetupError, match=lacks):
        AliyunExpress(httpx.Client(), "aliyun", given, lambda: NOON)


# over HTTP


@pytest.fixture
def service(sandbox: Sandbox, client: httpx.Client) -> AliyunExpress:
    return AliyunExpress(client, "aliyun", sandbox.carrier("aliyun"), lambda: NOON)


@pytest.fixture
def on_its_way(sandbox: Sandbox) -> Callable[[str, str, str], None]:
    def begin(carrier: str, waybill: str, phone: str) -> None:
        endpoint = sandbox.carrier()["poll_url"]
        parameters = {"callbackurl": "http://127.0.0.1:9/", "phone": phone}
        param = {"company": carrier, "number": waybill, "key": sandbox.carrier()["key"], "parameters": parameters}
        body = {"schema": "json", "param": httpx.Response(200, json=param).text}
        assert httpx.post(endpoint, data=body, trust_env=False).json()["returnCode"] == "200"
        sandbox.do("POST", "/carriers/kuaidi100/advance", {"to": "out_for_delivery", "waybills": [waybill]})

    return begin


def test_a_parcel_is_found_and_its_address_is_not_logged(
    service: AliyunExpress, on_its_way: Callable[[str, str, str], None], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    on_its_way("shunfeng", "SF1234567890123", "8042")
    caplog.clear()

    trace = service.query("shunfeng", "SF1234567890123", "8042")

    assert trace.stage == "out_for_delivery"
    assert len(trace.scans) == 4
    assert [record.getMessage() for record in caplog.records if "8042" in record.getMessage()] == []


def test_with_the_wrong_digits_there_is_no_information(
    service: AliyunExpress, on_its_way: Callable[[str, str, str], None]
) -> None:
    on_its_way("shunfeng", "SF1234567890123", "8042")

    assert service.query("shunfeng", "SF1234567890123", "1111").scans == ()


def test_a_wrong_appcode_is_denied(sandbox: Sandbox, client: httpx.Client) -> None:
    wrong = AliyunExpress(client, "aliyun", {**sandbox.carrier("aliyun"), "appcode": "wrong"}, lambda: NOON)

    with pytest.raises(ChannelDenied, match="Invalid AppCode"):
        wrong.query("yuantong", "YT9693083639795", "")


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("expired_token", ChannelDenied),
        ("rate_limit", RateLimited),
        ("html", ChannelUnavailable),
        ("timeout_before", ChannelUnavailable),
    ],
)
def test_faults_of_the_service_are_sorted(
    sandbox: Sandbox, service: AliyunExpress, fault: str, kind: type[ChannelError]
) -> None:
    sandbox.do("POST", "/faults", {"target": "carrier:aliyun", "kind": fault, "times": 1, "seconds": 0.1})

    with pytest.raises(kind):
        service.query("yuantong", "YT9693083639795", "")
