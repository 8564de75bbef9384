from datetime import UTC, datetime
from typing import Any

import httpx
import orjson
import pytest

from connectors.base import Subscription
from connectors.carriers.codes import carrier_codes, carrier_name, needs_phone
from connectors.carriers.kuaidi100 import ACCEPTED, BAD_SIGNATURE, Kuaidi100, push_sign
from connectors.carriers.kuaidi100_trace import STAGES
from connectors.registry import own_mapping
from models.errors import (
    ChannelDenied,
    ChannelError,
    ChannelRejected,
    ChannelUnavailable,
    RateLimited,
)
from tests.connectors.conftest import NOON

PARCEL = Subscription("yuantong", "YT9693083639795", "", "", "", "https://oms.example/cb", "s4lt")
SCANS = [
    {
        "context": "[深圳市]派件人 王五13900001234，取件码：8-2-1234",
        "ftime": "2026-11-22 15:04:05",
        "areaName": "广东,深圳市,南山区",
        "status": "派件",
        "statusCode": "5",
    },
    {"context": "[杭州市]已揽收", "time": "2026-11-21 18:20:11", "status": "揽收"},
    {"context": "no time", "ftime": ""},
]


def carrier(answer: Any) -> Kuaidi100:
    response = answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)
    client = httpx.Client(transport=httpx.MockTransport(lambda request: response))
    credentials = {"endpoint": "https://poll.example", "key": "k", "customer": "C"}
    return Kuaidi100(client, "kuaidi100", credentials, lambda: NOON)


def push(**content: Any) -> dict[str, str]:
    result = {"state": "5", "com": "yuantong", "nu": "YT9693083639795", "data": SCANS}
    body = {"status": "polling", "message": "", "autoCheck": "0", "comOld": "", "comNew": "", "lastResult": result}
    param = orjson.dumps({**body, **content}).decode()
    return {"param": param, "sign": push_sign(param, "s4lt").lower()}


@pytest.mark.parametrize(
    ("codes", "stage"),
    [
        (("101", "102"), "label_created"),
        (("1", "103"), "collected"),
        (("0", "1001", "1002", "1003", "7", "8", "10", "11", "12"), "in_transit"),
        (("5",), "out_for_delivery"),
        (("501",), "at_pickup_point"),
        (("3", "301", "302", "303", "304"), "delivered"),
        (("2", *map(str, range(201, 211)), "13"), "problem"),
        (("6",), "returning"),
        (("4", "14"), "returned"),
        (("401",), "cancelled"),
    ],
)
def test_what_a_state_means(codes: tuple[str, ...], stage: str) -> None:
    assert {STAGES[code] for code in codes} == {stage}


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("500", ChannelUnavailable),
        ("502", ChannelRejected),
        ("504", RateLimited),
        ("600", ChannelDenied),
        ("601", ChannelDenied),
        ("700", ChannelRejected),
        ("701", ChannelRejected),
        ("702", ChannelRejected),
        ("999", ChannelRejected),
        ("", ChannelRejected),
    ],
)
def test_a_refused_subscription(code: str, error: type[ChannelError]) -> None:
    with pytest.raises(error):
        carrier({"result": False, "returnCode": code, "message": "said"}).subscribe(PARCEL)


@pytest.mark.parametrize("code", ["200", "501", 501])
def test_a_parcel_that_is_followed_already_is_success(code: Any) -> None:
    carrier({"result": code == "200", "returnCode": code, "message": "said"}).subscribe(PARCEL)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"returnCode": "400", "message": "账号余额不足"}, ChannelDenied),
        ({"returnCode": "400", "message": "找不到对应公司"}, ChannelRejected),
        ({"returnCode": "408", "message": "快递公司参数异常：验证码错误"}, ChannelRejected),
        ({"returnCode": "501", "message": ""}, ChannelUnavailable),
        ({"returnCode": "502", "message": ""}, ChannelUnavailable),
        ({"returnCode": "503", "message": ""}, ChannelDenied),
        ({"returnCode": "504", "message": ""}, RateLimited),
        ({"returnCode": "601", "message": ""}, ChannelDenied),
        ({}, ChannelRejected),
        (httpx.Response(502, text="<html>"), ChannelUnavailable),
        (httpx.Response(200, text="<html>"), ChannelUnavailable),
    ],
)
def test_a_refused_query(answer: Any, error: type[ChannelError]) -> None:
    with pytest.raises(error):
        carrier(answer).query("yuantong", "YT9693083639795", "")


@pytest.mark.parametrize(
    "answer",
    [
        {"result": False, "returnCode": "500", "message": "查询无结果，请隔段时间再查"},
        {"status": "201", "message": "查询无结果"},
        {"status": "200", "message": "ok", "state": "0", "data": []},
    ],
)
def test_no_result_yet_is_no_statement(answer: Any) -> None:
    trace = carrier(answer).query("yuantong", "YT9693083639795", "")

    assert (trace.stage, trace.scans) == (None, ())


def test_a_query_gives_stage_scans_and_no_phone_numbers() -> None:
    answer = {"status": "200", "state": 5, "com": "yuantong", "nu": "YT9693083639795", "data": SCANS}
    answer["courierInfo"] = {"deliveryManPhone": "13900001234"}

    trace = carrier(answer).query("yuantong", "YT9693083639795", "")

    assert trace.stage == "out_for_delivery"
    assert [(scan.stage, scan.code) for scan in trace.scans] == [("out_for_delivery", "5"), ("collected", "")]
    assert trace.scans[0].at == datetime(2026, 11, 22, 7, 4, 5, tzinfo=UTC)
    assert trace.scans[0].text == "[深圳市]派件人 王五139****1234，取件码：****"
    assert "13900001234" not in repr(trace)


def test_a_push_is_read_when_its_signature_holds() -> None:
    trace = carrier({}).read_push(push(), "s4lt")

    assert (trace.carrier, trace.waybill, trace.stage, trace.closed) == (
        "yuantong",
        "YT9693083639795",
        "out_for_delivery",
        False,
    )


@pytest.mark.parametrize(
    ("form", "salt"),
    [
        (push(), "other"),
        (push(), ""),
        ({"param": push()["param"]}, "s4lt"),
        ({**push(), "param": "{}"}, "s4lt"),
        ({"param": "{}", "sign": push_sign("{}", "")}, ""),
        ({**push(), "sign": "签"}, "s4lt"),
    ],
)
def test_a_push_with_a_wrong_signature_is_denied(form: dict[str, str], salt: str) -> None:
    with pytest.raises(ChannelDenied):
        carrier({}).read_push(form, salt)


def test_the_end_of_following_closes_the_trace() -> None:
    result = {"state": "3", "com": "yuantong", "nu": "YT9693083639795", "data": []}
    trace = carrier({}).read_push(push(status="shutdown", lastResult=result), "s4lt")

    assert (trace.closed, trace.stage, trace.aborted) == (True, "delivered", "")


def test_giving_up_says_why() -> None:
    trace = carrier({}).read_push(push(status="abort", message="3天查询无记录"), "s4lt")

    assert (trace.aborted, trace.stage, trace.closed) == ("3天查询无记录", None, True)


def test_giving_up_for_another_carrier_is_no_loss() -> None:
    form = push(status="abort", message="3天查询无记录", comNew="zhongtong")

    trace = carrier({}).read_push(form, "s4lt")

    assert (trace.aborted, trace.carrier, trace.corrected_carrier) == ("", "yuantong", "zhongtong")


def test_data_of_the_corrected_carrier_carry_its_name() -> None:
    form = push(autoCheck="1", comOld="yuantong", comNew="zhongtong")

    trace = carrier({}).read_push(form, "s4lt")

    assert (trace.carrier, trace.corrected_carrier) == ("zhongtong", "zhongtong")


@pytest.mark.parametrize("param", ["", "[]", "{", "null"])
def test_a_signed_push_without_content_is_refused(param: str) -> None:
    with pytest.raises(ChannelRejected):
        carrier({}).read_push({"param": param, "sign": push_sign(param, "s4lt")}, "s4lt")


def test_carriers_that_need_a_phone_are_refused_without_one() -> None:
    assert [code for code in carrier_codes() if needs_phone(code)] == [
        "shunfeng",
        "shunfengkuaiyun",
        "zhongtong",
        "fengwang",
    ]
    with pytest.raises(ChannelRejected, match="last four digits"):
        carrier({}).query("shunfeng", "SF1234567890123", "")


@pytest.mark.parametrize("waybill", ["12345", "1" * 33])
def test_a_number_of_impossible_length_is_not_sent(waybill: str) -> None:
    with pytest.raises(ChannelRejected, match="6 to 32"):
        carrier({}).query("yuantong", waybill, "")


def test_the_answers_to_a_push_are_what_the_vendor_reads() -> None:
    assert ACCEPTED.decode() == '{"result":true,"returnCode":"200","message":"成功"}'
    assert BAD_SIGNATURE.decode() == '{"result":false,"returnCode":"500","message":"签名错误"}'


@pytest.mark.parametrize("channel", ["taobao", "woocommerce"])
def test_the_mappings_name_only_carriers_we_know(channel: str) -> None:
    carriers = own_mapping(channel).carriers
    known = {code: row.taobao if channel == "taobao" else row.woo for code, row in carrier_codes().items()}

    assert dict(carriers) == {code: theirs for code, theirs in known.items() if theirs}
    assert (carrier_name("shunfeng"), carrier_name("nobody")) == ("顺丰速运", "nobody")
