import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from connectors.base import PushChannel, ShipBack, Terms
from connectors.channels.douyin import DouyinChannel
from connectors.channels.douyin_authoriser import DouyinAuthoriser
from connectors.channels.douyin_protocol import error_of, param_json, push_signature, sign
from connectors.mapping import join, load_mapping
from models.errors import (
    ChannelDenied,
    ChannelError,
    ChannelRejected,
    ChannelUnavailable,
    OutcomeUnknown,
    PutOff,
    RateLimited,
    TokenRefused,
)
from models.incoming import LineState, PayState
from tests.connectors.conftest import DATA, NOON, recorded

MAPPING = load_mapping(Path("connectors/mappings/douyin.yaml")).gated(DouyinChannel.ready_to_ship)
APP = {"app_key": "7012345678901234567", "app_secret": "4c1d2e3f"}
VECTORS = [row for row in json.loads((DATA / "vectors.json").read_text("utf-8")) if row["channel"] == "douyin"]


def answering(data: Any, status: int = 200) -> DouyinChannel:
    """A shop whose every call is answered with this data."""
    content = {"code": 10000, "msg": "success", "data": data}
    client = httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(status, json=content)))
    known = {**APP, "endpoint": "http://127.0.0.1:1", "access_token": "t"}
    return DouyinChannel(client, "douyin-1", known, MAPPING, lambda: NOON)


def answering_pages(pages: Iterator[list[str]]) -> DouyinChannel:
    """A shop that lists these numbers, call by call, two to a page and three in all."""

    def answer(request: httpx.Request) -> httpx.Response:
        rows = [{"order_id": no} for no in next(pages)]
        return httpx.Response(200, json={"code": 10000, "data": {"total": 3, "shop_order_list": rows}})

    client = httpx.Client(transport=httpx.MockTransport(answer))
    known = {**APP, "endpoint": "http://127.0.0.1:1", "access_token": "t"}
    terms = Terms(capabilities=replace(DouyinChannel.capabilities, page_size=2))
    return DouyinChannel(client, "douyin-1", known, MAPPING, lambda: NOON, terms)


def read(shop: DouyinChannel) -> list[str]:
    pages = shop.changed_orders(NOON - timedelta(minutes=30), NOON)
    return [order["order_id"] for page in pages for order in page]


def changed(payload: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """The payload with some values set; a null takes a field out."""
    for path, value in change.items():
        *outer, last = path.split(".")
        inner: Any = payload
        for step in outer:
            inner = inner[int(step) if isinstance(inner, list) else step]
        if value is None:
            del inner[last]
        else:
            inner[last] = value
    return payload


class TestSigning:
    """The published signatures."""

    @pytest.mark.parametrize("vector", [row for row in VECTORS if "business_params" in row])
    def test_a_call_is_signed_as_published(self, vector: dict[str, Any]) -> None:
        params, secret = vector["params"], vector["app_secret"]

        assert param_json(vector["business_params"]) == params["param_json"]
        assert sign(params, secret, vector["algorithm"]) == vector["expected_sign"]
        assert sign({**params, "timestamp": "1"}, secret, vector["algorithm"]) != vector["expected_sign"]

    @pytest.mark.parametrize("vector", [row for row in VECTORS if row["algorithm"] == "push-event-sign-md5"])
    def test_a_push_is_signed_as_published(self, vector: dict[str, Any]) -> None:
        key, body = vector["params"]["app_key"], vector["params"]["body"].encode()

        assert push_signature(key, body, vector["app_secret"]) == vector["expected_sign"]
        assert push_signature(key, body + b" ", vector["app_secret"]) != vector["expected_sign"]

    def test_every_published_vector_is_tried(self) -> None:
        assert len(VECTORS) == 6

    def test_an_unknown_sign_method_is_refused(self) -> None:
        with pytest.raises(ValueError, match="sha1"):
            sign(VECTORS[0]["params"], "secret", "sha1")


class TestErrors:
    """What an answer says to do."""

    @pytest.mark.parametrize(
        ("code", "sub_code", "changes", "error"),
        [
            (10001, "", False, ChannelUnavailable),
            (10001, "", True, OutcomeUnknown),
            (20000, "isp.service-error:9999", False, ChannelUnavailable),
            (20000, "isp.service-error:9999", True, OutcomeUnknown),
            (20000, "isp.service-error:70008", True, ChannelUnavailable),
            (20001, "isp.service-error", True, OutcomeUnknown),
            (30001, "isv.app-permissions-insufficient", False, ChannelDenied),
            (30001, "dop.authorization-closed", False, ChannelDenied),
            (30002, "", False, ChannelDenied),
            (40001, "isv.missing-parameter", True, ChannelRejected),
            (40004, "isv.parameter-invalid:20022", False, ChannelRejected),
            (40003, "isv.signature-invalid", False, ChannelDenied),
            (40003, "isv.timestamp-invalid", False, ChannelDenied),
            (40003, "isv.access-token-expired", False, TokenRefused),
            (40003, "isv.access-token-no-existed", False, ChannelDenied),
            (50001, "", False, TokenRefused),
            (50002, "isv.business-failed:60018", True, ChannelRejected),
            (50002, "isv.business-failed:60040", True, PutOff),
            (50002, "isv.business-failed:60109", True, PutOff),
            (50002, "isv.business-failed:8888", True, ChannelUnavailable),
            (60000, "isv.traffic-limited", True, RateLimited),
            ("60000", "", True, RateLimited),
            (70000, "", True, ChannelDenied),
            (80000, "", False, ChannelDenied),
            (90000, "", False, ChannelUnavailable),
            (90000, "", True, OutcomeUnknown),
            (None, "", False, ChannelUnavailable),
            (None, "", True, OutcomeUnknown),
        ],
    )
    def test_every_code_is_sorted(self, code: Any, sub_code: str, changes: bool, error: type[ChannelError]) -> None:
        answer = {"code": code, "sub_code": sub_code, "sub_msg": "收件人13800005678", "log_id": "20261120093001A1"}

        found = error_of(answer, "douyin-1", "order.logisticsAdd", changes=changes)

        assert type(found) is error or (error is ChannelRejected and isinstance(found, ChannelRejected))
        assert "log_id 20261120093001A1" in str(found)
        assert "13800005678" not in str(found)

    @pytest.mark.parametrize(
        "data",
        [
            None,
            {},
            {"shop_order_list": []},
            {"total": 1},
            {"total": 1, "shop_order_list": []},
            {"total": 1, "shop_order_list": None},
            {"total": 2, "shop_order_list": [{"order_id": "7"}]},
            {"total": 1, "shop_order_list": ["x"]},
            {"total": 1, "shop_order_list": {"order_id": "1"}},
        ],
    )
    def test_a_list_that_lacks_what_it_counts_is_unavailable(self, data: Any) -> None:
        with pytest.raises(ChannelUnavailable):
            read(answering(data))

    def test_orders_that_change_places_between_pages_are_read_again(self) -> None:
        answers = iter([["1", "2"], ["2"], ["1", "2"], ["1", "2"], ["3"], ["1", "2"]])

        assert set(read(answering_pages(answers))) == {"1", "2", "3"}

    def test_an_empty_window_may_leave_its_list_out(self) -> None:
        assert read(answering({"total": "0"})) == []
        assert read(answering({"total": 0, "shop_order_list": None})) == []

    def test_numbers_may_come_as_texts(self) -> None:
        assert read(answering({"total": "1", "shop_order_list": [{"order_id": "7"}]})) == ["7"]

    def test_a_created_order_without_a_number_is_not_passed_over(self) -> None:
        shop = answering({"total": 1, "shop_order_list": [{"order_id": ""}]})

        with pytest.raises(ChannelUnavailable, match="no order_id"):
            list(shop.created_ids(NOON - timedelta(minutes=5), NOON))

    def test_an_empty_detail_is_unavailable(self) -> None:
        with pytest.raises(ChannelUnavailable, match="no shop_order_detail"):
            answering({}).order("1")

    def test_carriers_that_are_no_list_are_unavailable(self) -> None:
        with pytest.raises(ChannelUnavailable, match="no list"):
            answering({}).list_carriers()

    @pytest.mark.parametrize(
        ("status", "error"),
        [(429, RateLimited), (403, ChannelRejected), (500, OutcomeUnknown), (503, ChannelUnavailable)],
    )
    def test_another_http_status_is_sorted_too(self, status: int, error: type[ChannelError]) -> None:
        with pytest.raises(error):
            answering(None, status).ship_back(ShipBack("1", "1", "yuantong", "YT9693083639795", (), True, "k1"))


class TestConsent:
    """Where the platform differs from the sandbox."""

    def test_the_consent_page_of_the_platform_names_the_service(self) -> None:
        with httpx.Client() as client:
            authoriser = DouyinAuthoriser(client, "douyin-1", {**APP, "service_id": "77"}, lambda: NOON)
            page = httpx.URL(authoriser.consent_url("http://127.0.0.1/back", "s1"))

        assert (page.host, page.path) == ("fuwu.jinritemai.com", "/authorize")
        assert (page.params["service_id"], page.params["state"]) == ("77", "s1")

    def test_an_older_answer_of_the_token_call_is_read(self) -> None:
        content = {"err_no": 0, "message": "success", "data": {"access_token": "a", "expires_in": 60, "shop_id": 7}}
        client = httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(200, json=content)))

        tokens = DouyinAuthoriser(client, "douyin-1", {"app_key": "1", "app_secret": "s"}, lambda: NOON).exchange(
            "c", ""
        )

        assert (tokens.access_token, tokens.owner) == ("a", "7")
        assert tokens.expires_at == NOON + timedelta(seconds=60)


def signed(messages: Any) -> tuple[Mapping[str, str], bytes]:
    """The headers and the body of a push."""
    body = messages if isinstance(messages, bytes) else json.dumps(messages).encode()
    made = hashlib.md5(APP["app_key"].encode() + body + APP["app_secret"].encode()).hexdigest()
    return {"Event-Sign": made, "app-id": APP["app_key"]}, body


def message(tag: Any, **more: Any) -> dict[str, Any]:
    return {"tag": tag, "msg_id": f"m{tag}", "data": '{"p_id":6921234567890123456,"shop_id":1}', **more}


class TestNotices:
    """Pushes of the platform."""

    @pytest.fixture
    def shop(self) -> PushChannel:
        return answering(None)

    def test_orders_and_refunds_are_noticed(self, shop: PushChannel) -> None:
        pushed = signed([message("101"), message(206), message("400")])

        assert shop.read_notices(*pushed) == [("m101", "6921234567890123456"), ("m206", "6921234567890123456")]

    def test_a_test_push_is_about_nothing(self, shop: PushChannel) -> None:
        assert shop.read_notices(*signed([{"tag": "0", "msg_id": "0", "data": "2026"}])) == []

    @pytest.mark.parametrize("data", ["no json", "[]", "{}", "", None, 7, ["x"]])
    def test_a_message_without_an_order_is_passed_over(self, shop: PushChannel, data: Any) -> None:
        pushed = signed([message("101", data=data), message("102")])

        assert [message_id for message_id, _ in shop.read_notices(*pushed)] == ["m102"]

    def test_a_message_without_an_id_gets_one_of_its_own(self, shop: PushChannel) -> None:
        pushed = signed([message("101", msg_id=""), message("102", msg_id="")])

        first, second = shop.read_notices(*pushed)

        assert first[0] != second[0]
        assert first[0]

    @pytest.mark.parametrize("made", ["", "0" * 32, "é"])
    def test_a_wrong_signature_is_denied(self, shop: PushChannel, made: str) -> None:
        _, body = signed([message("101")])

        with pytest.raises(ChannelDenied):
            shop.read_notices({"event-sign": made}, body)

    @pytest.mark.parametrize("body", [b"x", b"{}", b"[" + b"0," * 2000 + b"0]", b" " * 1_000_001])
    def test_a_body_that_is_none_of_theirs_is_refused(self, shop: PushChannel, body: bytes) -> None:
        with pytest.raises(ChannelRejected):
            shop.read_notices(*signed(body))


class TestMapping:
    """The recorded payloads."""

    def test_the_recorded_orders_are_read(self) -> None:
        found, faults = MAPPING.read_all(recorded("douyin"))

        assert faults == []
        assert [order.pay_state for _, order in found] == [
            PayState.READY,
            PayState.BLOCKED,
            PayState.UNPAID,
            PayState.READY,
            PayState.READY,
        ]
        for _, order in found:
            assert order.goods_fen - order.discount_fen + order.freight_fen == order.total_fen
            assert sum(line.paid_fen for line in order.lines) + order.freight_fen == order.total_fen

    def test_an_order_without_a_last_moment_is_due_at_the_appointed_one(self) -> None:
        payload = {**recorded("douyin")[0], "exp_ship_time": 0, "appointment_ship_time": 1795399200}

        assert MAPPING.read(payload).ship_by == datetime.fromtimestamp(1795399200, UTC)
        assert MAPPING.read({**payload, "appointment_ship_time": 0}).ship_by is None

    def test_an_order_in_fen_and_seconds(self) -> None:
        order = MAPPING.read(recorded("douyin")[0])

        assert order.paid_at == NOON.replace(hour=1, minute=2)
        assert order.ship_by == NOON.replace(day=22, hour=1, minute=2)
        assert (order.goods_fen, order.discount_fen, order.total_fen, order.paid_fen) == (31800, 5000, 26800, 26800)
        assert [(line.sku_code, line.unit_price_fen, line.paid_fen, line.state) for line in order.lines] == [
            ("DJ-001-BLK-L", 25800, 21743, LineState.OPEN),
            ("WZ-009-WHT", 3000, 5057, LineState.REFUNDING),
        ]

    def test_masks_and_ciphertexts_are_kept_apart(self) -> None:
        receiver = MAPPING.read(recorded("douyin")[3]).receiver

        assert (receiver.name, receiver.phone, receiver.address, receiver.masked) == (
            "张*",
            "1********78",
            "****",
            True,
        )
        assert (receiver.district, receiver.town) == ("余杭区", "五常街道")
        assert receiver.name_cipher == "##Zm9vYmFy==##kLmN1==*2*1##"
        assert receiver.phone_cipher == "$$1380Zm9vYmFy==$MTM4$2$1$$"
        assert receiver.address_cipher == "##YWRkcmVzcw==##pQrS2==*2*1##"
        assert receiver.merge_key == "b3BlbkFkZHJlc3M="

    def test_a_deposit_is_what_an_unfinished_presale_has_paid(self) -> None:
        order = MAPPING.read(recorded("douyin")[2])

        assert (order.total_fen, order.paid_fen, order.paid_at) == (50000, 5000, None)

    def test_lines_of_a_part_shipped_order_have_states_of_their_own(self) -> None:
        order = MAPPING.read(recorded("douyin")[3])

        states = [(line.sku_code, line.state) for line in order.lines]
        assert states == [
            ("DJ-001-BLK-L", LineState.CLOSED),
            ("WZ-009-WHT", LineState.OPEN),
            ("GIFT-1", LineState.OPEN),
        ]
        assert (order.freight_fen, order.refunded_fen) == (800, 21743)

    @pytest.mark.parametrize(
        ("status", "state"),
        [
            *((status, LineState.OPEN) for status in (0, 27, 28, 29, 51, "27", None)),
            (12, LineState.CLOSED),
            *((status, LineState.REFUNDING) for status in (6, 7, 11, 13, 14, 99)),
        ],
    )
    def test_what_an_after_sale_status_means(self, status: Any, state: LineState) -> None:
        payload = changed(recorded("douyin")[0], {"sku_order_list.0.after_sale_info.after_sale_status": status})

        assert MAPPING.read(payload).lines[0].state is state

    def test_nothing_personal_stays_in_a_cut_payload(self) -> None:
        for payload in recorded("douyin"):
            cut = MAPPING.cut(payload)
            personal = json.dumps(payload, ensure_ascii=False)
            for value in ("张*", "李*", "1********", "##", "$$", "别发邮政", "五常街道", "预售单", "b3BlbkFkZHJlc3M="):
                assert value not in cut, value
                assert "$receiver" in cut or value not in personal
            assert join(cut, MAPPING.personal(payload)) == payload

    def test_ciphertexts_never_show_in_an_error(self) -> None:
        payload = changed(
            recorded("douyin")[0], {"encrypt_post_tel": ["$$1380Zm9vYmFy"], "mask_post_receiver": {"a": "张*"}}
        )

        _, ((_, error),) = MAPPING.read_all([payload])

        assert "1380Zm9vYmFy" not in str(error)
        assert "张" not in str(error)


def cases() -> list[Any]:
    found = yaml.safe_load((DATA / "ready_to_ship" / "douyin.yaml").read_text("utf-8"))
    return [pytest.param(case["change"], case["is"], id=case["name"]) for case in found["cases"]]


@pytest.mark.parametrize(("change", "state"), cases())
def test_ready_to_ship(change: dict[str, Any], state: str) -> None:
    assert MAPPING.read(changed(recorded("douyin")[0], change)).pay_state == state


@pytest.mark.parametrize(
    "payload",
    [{}, {"main_status": []}, {"order_phase_list": {}}, {"order_phase_list": [1, {}]}, {"order_status": {"a": 1}}],
)
def test_the_predicate_takes_any_payload(payload: dict[str, Any]) -> None:
    assert DouyinChannel.ready_to_ship(payload) is None
