"""What JD's answers mean; recorded ones are fed without a network."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from connectors.base import ShipBack
from connectors.channels import jd
from connectors.channels.jd import JdChannel
from connectors.channels.jd_authoriser import JdAuthoriser
from connectors.channels.jd_protocol import error_of, refusal_in, rows_with, sign, whole
from connectors.mapping import load_mapping
from connectors.registry import mapping_for
from connectors.transport import without_empty
from models.errors import (
    ChannelDenied,
    ChannelError,
    ChannelRejected,
    ChannelUnavailable,
    OutcomeUnknown,
    RateLimited,
    TokenRefused,
)
from tests.connectors.conftest import DATA, NOON, recorded

RECORDED = recorded("jd")
FIRST = "312345678901"
PARCEL = ShipBack(FIRST, FIRST, "yuantong", "YT9693083639795", (), True, "k1")
VECTORS = [row for row in json.loads((DATA / "vectors.json").read_text("utf-8")) if row.get("channel") == "jd"]
KNOWN = {"endpoint": "https://jd.example/routerjson", "app_key": "1", "app_secret": "s", "access_token": "t"}


def told(answer: httpx.Response) -> JdChannel:
    """A shop that hears this answer to every call."""
    client = httpx.Client(transport=httpx.MockTransport(lambda request: answer))
    return JdChannel(client, "jd-1", KNOWN, load_mapping(mapping_for("jd")), lambda: NOON)


def fed(content: dict[str, Any], method: str = jd.SEARCH, ending: str = "_responce") -> JdChannel:
    """A shop that hears this content in the envelope of a method."""
    return told(httpx.Response(200, json={method.replace(".", "_") + ending: {"code": "0", **content}}))


def authoriser(answer: httpx.Response) -> JdAuthoriser:
    """An authoriser that hears this answer."""
    client = httpx.Client(transport=httpx.MockTransport(lambda request: answer))
    return JdAuthoriser(client, "jd-1", KNOWN, lambda: NOON)


def read(shop: JdChannel) -> list[dict[str, Any]]:
    return [row for page in shop.changed_orders(NOON - timedelta(minutes=5), NOON) for row in page]


class TestSigning:
    """The signature and the call it stands on."""

    @pytest.mark.parametrize("vector", VECTORS, ids=[row["expected_sign"] for row in VECTORS])
    def test_a_documented_call_signs_right(self, vector: dict[str, Any]) -> None:
        assert sign(vector["params"], vector["app_secret"]) == vector["expected_sign"]

    @pytest.mark.parametrize("vector", VECTORS, ids=[row["expected_sign"] for row in VECTORS])
    def test_a_changed_call_signs_otherwise(self, vector: dict[str, Any]) -> None:
        changed = {**vector["params"], "app_key": vector["params"]["app_key"] + "1"}

        assert sign(changed, vector["app_secret"]) != vector["expected_sign"]
        assert sign(vector["params"], vector["app_secret"] + "1") != vector["expected_sign"]

    def test_a_signature_that_is_sent_along_does_not_count(self) -> None:
        vector = VECTORS[0]

        assert sign({**vector["params"], "sign": "x"}, vector["app_secret"]) == vector["expected_sign"]

    def test_public_parameters_without_a_value_are_not_sent(self) -> None:
        assert without_empty({"a": None, "b": "", "c": 0}) == {"c": "0"}


class TestAnswers:
    """Answers in odd forms, read as far as that is safe."""

    @pytest.mark.parametrize("ending", ["_responce", "_response"])
    @pytest.mark.parametrize("total", [1, "1", 1.0])
    def test_either_spelling_and_kind_of_number_is_read(self, ending: str, total: Any) -> None:
        result = {"apiResult": {"success": "true"}, "orderTotal": total, "orderInfoList": RECORDED[:1]}

        assert len(read(fed({"searchorderinfo_result": result}, ending=ending))) == 1

    def test_a_missing_wrapper_is_done_without(self) -> None:
        assert len(read(fed({"orderTotal": 1, "orderInfoList": RECORDED[:1]}))) == 1

    @pytest.mark.parametrize("rows", [{}, {"orderInfoList": None}, {"orderInfoList": []}])
    def test_an_empty_list_may_be_missing(self, rows: dict[str, Any]) -> None:
        assert read(fed({"searchorderinfo_result": {"orderTotal": "0", **rows}})) == []

    @pytest.mark.parametrize(
        "result",
        [
            {},
            {"orderInfoList": RECORDED[:1]},
            {"orderTotal": "many", "orderInfoList": RECORDED[:1]},
            {"orderTotal": -1, "orderInfoList": []},
            {"orderTotal": 1},
            {"orderTotal": 1, "orderInfoList": []},
            {"orderTotal": 1, "orderInfoList": {"orderId": "1"}},
            {"orderTotal": 1, "orderInfoList": ["1"]},
        ],
    )
    def test_an_answer_without_its_count_or_list_is_no_empty_one(self, result: dict[str, Any]) -> None:
        with pytest.raises(ChannelUnavailable):
            read(fed({"searchorderinfo_result": result}))

    def test_a_row_without_a_number_is_not_passed_over(self) -> None:
        shop = fed({"searchorderinfo_result": {"orderTotal": 1, "orderInfoList": [{"orderId": None}]}})

        with pytest.raises(ChannelUnavailable, match="no orderId"):
            list(shop.created_ids(NOON - timedelta(minutes=5), NOON))

    @pytest.mark.parametrize("content", [{}, {"orderDetailInfo": {}}, {"orderDetailInfo": {"orderInfo": None}}])
    def test_a_detail_without_its_order_is_no_missing_order(self, content: dict[str, Any]) -> None:
        with pytest.raises(ChannelUnavailable, match="no orderInfo"):
            fed(content, jd.DETAIL).order(FIRST)

    @pytest.mark.parametrize(
        ("said", "error"),
        [
            ({"code": "15", "zh_desc": "不存在的方法名"}, ChannelRejected),
            ({"code": "19", "zh_desc": "token不存在"}, TokenRefused),
        ],
    )
    def test_only_a_missing_order_is_one(self, said: dict[str, str], error: type[ChannelError]) -> None:
        with pytest.raises(error):
            told(httpx.Response(200, json={"error_response": said})).order(FIRST)

    def test_a_shipment_that_does_not_say_success_is_unknown(self) -> None:
        with pytest.raises(OutcomeUnknown, match="success"):
            fed({"sopjosshipment_result": {}}, jd.SHIP).ship_back(PARCEL)

    @pytest.mark.parametrize(
        ("value", "number"), [(0, 0), ("12", 12), (" 12 ", 12), (3.0, 3), (1.5, None), (None, None), (-1, None)]
    )
    def test_what_counts_as_a_count(self, value: Any, number: int | None) -> None:
        assert whole(value) == number

    @pytest.mark.parametrize(
        ("answer", "found"),
        [
            ({"a": {"b": [{"id": 1, "name": "x"}]}}, [{"id": 1, "name": "x"}]),
            ({"a": [], "b": {"c": [{"id": 1, "name": "x"}]}}, [{"id": 1, "name": "x"}]),
            ([{"id": 1, "name": "x"}], [{"id": 1, "name": "x"}]),
            ({"a": []}, []),
            ({"a": [{"id": 1}]}, None),
            ({"a": "x"}, None),
        ],
    )
    def test_where_the_carriers_stand_does_not_matter(self, answer: Any, found: Any) -> None:
        assert rows_with(answer, "id", "name") == found

    def test_an_answer_of_another_method_is_none(self) -> None:
        with pytest.raises(ChannelUnavailable, match="neither"):
            fed({}, "jingdong.something.else").order(FIRST)

    def test_an_answer_without_carriers_is_no_empty_list(self) -> None:
        with pytest.raises(ChannelUnavailable, match="no list"):
            fed({"result": {"success": True}}, jd.CARRIERS).list_carriers()


class TestRefusals:
    """What the platform's errors mean for the next step."""

    @pytest.mark.parametrize(
        ("code", "said", "reading", "writing"),
        [
            ("12", "无效签名", ChannelDenied, ChannelDenied),
            (12, "Invalid signature", ChannelDenied, ChannelDenied),
            ("15", "不存在的方法名", ChannelRejected, ChannelRejected),
            ("19", "", TokenRefused, TokenRefused),
            ("99", "token已过期", TokenRefused, TokenRefused),
            ("99", "Invalid access_token", TokenRefused, TokenRefused),
            ("21", "无效app_key", ChannelDenied, ChannelDenied),
            ("2001", "", ChannelDenied, ChannelDenied),
            ("99", "应用没有权限", ChannelDenied, ChannelDenied),
            ("22", "已被限流", RateLimited, RateLimited),
            ("99", "调用次数超过上限", RateLimited, RateLimited),
            ("99", "请求过于频繁", RateLimited, RateLimited),
            ("99", "Call Limited", RateLimited, RateLimited),
            ("99", "参数end_date的跨度超过一个月", ChannelRejected, ChannelRejected),
            ("67", "系统异常", ChannelUnavailable, OutcomeUnknown),
            (None, "", ChannelUnavailable, OutcomeUnknown),
            ("99", "订单状态校验系统异常", ChannelUnavailable, OutcomeUnknown),
            ("99", "参数校验超时，请稍后重试", ChannelUnavailable, OutcomeUnknown),
            ("99", "请求频繁，请稍后重试", RateLimited, RateLimited),
            ("99", "参数查询过于频繁，请稍后重试", RateLimited, RateLimited),
        ],
    )
    def test_of_the_gateway(
        self, code: Any, said: str, reading: type[ChannelError], writing: type[ChannelError]
    ) -> None:
        body = {"code": code, "zh_desc": said, "en_desc": ""}

        assert type(error_of(body, "jd-1", "a", changes=False)) is reading
        assert type(error_of(body, "jd-1", "a", changes=True)) is writing

    @pytest.mark.parametrize(
        ("answer", "reading", "writing"),
        [
            ({"code": "0", "r": {"apiResult": {"success": True}}}, None, None),
            ({"code": 0, "r": {"success": "TRUE"}}, None, None),
            ({"code": "0", "r": {}}, None, None),
            ({"code": "19", "r": {"success": True}}, TokenRefused, TokenRefused),
            ({"code": "10", "zh_desc": "参数错误"}, ChannelRejected, ChannelRejected),
            (
                {"r": {"apiResult": {"success": "false", "chineseErrCode": "系统繁忙"}}},
                ChannelUnavailable,
                OutcomeUnknown,
            ),
            ({"r": {"apiResult": {"success": 0}}}, ChannelUnavailable, ChannelRejected),
            ({"r": {"apiResult": {}}}, ChannelUnavailable, ChannelRejected),
            ({"r": {"success": False, "chineseErrCode": "订单不存在"}}, ChannelRejected, ChannelRejected),
            ({"r": {"success": False, "chineseErrCode": "无权限"}}, ChannelDenied, ChannelDenied),
            ({"r": {"success": False, "chineseErrCode": "请求频繁"}}, RateLimited, RateLimited),
            ({"r": {"success": False, "errorCode": "999999"}}, ChannelUnavailable, OutcomeUnknown),
            (
                {"r": {"success": False, "errorCode": "999999", "chineseErrCode": "订单状态更新失败"}},
                ChannelUnavailable,
                OutcomeUnknown,
            ),
            ({"r": {"success": False, "chineseErrCode": "参数服务系统繁忙"}}, ChannelUnavailable, OutcomeUnknown),
            ({"r": {"success": False, "errorCode": 99999999}}, ChannelUnavailable, OutcomeUnknown),
            ({"r": {"success": False, "errorCode": "9999991"}}, ChannelUnavailable, ChannelRejected),
        ],
    )
    def test_behind_the_gateway(self, answer: dict[str, Any], reading: Any, writing: Any) -> None:
        found = [refusal_in(answer, "jd-1", "a", changes=changes) for changes in (False, True)]

        assert [None if error is None else type(error) for error in found] == [reading, writing]

    @pytest.mark.parametrize(
        ("status", "reading", "writing"),
        [
            (400, ChannelRejected, ChannelRejected),
            (429, RateLimited, RateLimited),
            (500, ChannelUnavailable, OutcomeUnknown),
            (503, ChannelUnavailable, ChannelUnavailable),
            (200, ChannelUnavailable, OutcomeUnknown),
        ],
    )
    def test_of_a_proxy(self, status: int, reading: type[ChannelError], writing: type[ChannelError]) -> None:
        shop = told(httpx.Response(status, text="<html>"))

        with pytest.raises(reading):
            shop.order(FIRST)
        with pytest.raises(writing):
            shop.ship_back(PARCEL)

    def test_phones_in_a_refusal_are_masked(self) -> None:
        said = {"apiResult": {"success": False, "chineseErrCode": "收货人13800005678 参数错误"}}

        with pytest.raises(ChannelRejected) as caught:
            fed({"orderDetailInfo": said}, jd.DETAIL).order(FIRST)
        assert "13800005678" not in str(caught.value)


class TestTokens:
    """What the token calls answer."""

    @pytest.mark.parametrize(
        ("known", "page"),
        [
            ({}, "https://open-oauth.jd.com/oauth2"),
            ({"consent_url": "http://a/x/to_login"}, "http://a/x"),
            ({"consent_url": "http://a/x/to_login", "token_url": "http://b/y/access_token"}, "http://b/y"),
        ],
    )
    def test_the_token_calls_stand_beside_the_consent_page(self, known: dict[str, str], page: str) -> None:
        answer = {"access_token": "t", "expires_in": 60, "refresh_token": "r", "time": 1763611200000, "xid": "x1"}
        asked: list[str] = []

        def take(request: httpx.Request) -> httpx.Response:
            asked.append(str(request.url))
            return httpx.Response(200, json=answer)

        client = httpx.Client(transport=httpx.MockTransport(take))
        seller = JdAuthoriser(client, "jd-1", {"app_key": "1", "app_secret": "s", **known}, lambda: NOON)
        tokens = seller.exchange("c", "http://127.0.0.1/back")
        seller.refresh("r")

        assert asked == [f"{page}/access_token", f"{page}/refresh_token"]
        assert (tokens.expires_at, tokens.owner) == (datetime(2025, 11, 20, 4, 1, tzinfo=UTC), "x1")

    @pytest.mark.parametrize(
        ("answer", "error"),
        [
            (httpx.Response(500, json={"code": 1, "msg": "x"}), ChannelUnavailable),
            (httpx.Response(200, text="<html>"), ChannelUnavailable),
            (httpx.Response(200, json={"code": 1, "msg": "code is over"}), ChannelDenied),
        ],
    )
    def test_what_a_failing_token_call_means(self, answer: httpx.Response, error: type[ChannelError]) -> None:
        with pytest.raises(error):
            authoriser(answer).exchange("c", "http://127.0.0.1/back")

    def test_tokens_without_an_end_have_none(self) -> None:
        tokens = authoriser(httpx.Response(200, json={"access_token": "t"})).refresh("r")

        assert (tokens.expires_at, tokens.refresh_token, tokens.owner) == (None, "", "")
