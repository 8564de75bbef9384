"""What Pinduoduo's answers mean; recorded ones are read without a network."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import yaml

from connectors.base import Box, NotReady, ShipBack
from connectors.channels import reading
from connectors.channels.pinduoduo import PinduoduoChannel
from connectors.channels.pinduoduo_authoriser import PinduoduoAuthoriser
from connectors.channels.pinduoduo_protocol import error_of, number_of, sign, texts_of
from connectors.mapping import MappingError
from models.errors import (
    ChannelDenied,
    ChannelError,
    ChannelRejected,
    ChannelUnavailable,
    OutcomeUnknown,
    RateLimited,
    TokenRefused,
)
from models.incoming import LineState, PayState
from tests.connectors.conftest import DATA, NOON, recorded
from tests.connectors.pinduoduo_shop import NOW, READING

READY = yaml.safe_load((DATA / "ready_to_ship" / "pinduoduo.yaml").read_text("utf-8"))["cases"]
PARCEL = ShipBack("1", "1", "yuantong", "YT9693083639795", (), True, "k1")
FURTHER = ShipBack("1", "1", "yuantong", "YT2", ("2",), True, "k2", earlier=(Box("yuantong", PARCEL.waybill),))


def answering(body: Any, status: int = 200) -> PinduoduoChannel:
    """A channel whose platform always says the same."""
    client = httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(status, json=body)))
    known = {"endpoint": "https://pdd.example/api", "app_key": "1", "app_secret": "s", "access_token": "t"}
    return PinduoduoChannel(client, "pdd-1", known, READING, lambda: NOW)


def listed(channel: PinduoduoChannel) -> list[str]:
    pages = channel.changed_orders(NOON - timedelta(minutes=30), NOON)
    return [order["order_sn"] for page in pages for order in page]


@pytest.mark.parametrize("vector", [row for row in recorded("../vectors") if row.get("channel") == "pinduoduo"])
def test_every_known_signature_matches(vector: dict[str, Any]) -> None:
    assert sign(vector["params"], vector["app_secret"]) == vector["expected_sign"]
    assert sign({**vector["params"], "page": "2"}, vector["app_secret"]) != vector["expected_sign"]
    assert sign(vector["params"], "another") != vector["expected_sign"]


def test_parameters_are_sent_as_text_and_not_without_a_value() -> None:
    given = {"a": None, "b": "", "c": 0, "d": True, "e": [{"k": "中"}], "f": False}

    assert texts_of(given) == {"c": "0", "d": "true", "e": '[{"k":"中"}]', "f": "false"}


@pytest.mark.parametrize(
    ("value", "number"), [(1, 1), ("1", 1), (1.0, 1), (True, None), (None, None), ("", None), ("x", None), (1.5, None)]
)
def test_numbers_may_be_text(value: Any, number: int | None) -> None:
    assert number_of(value) == number


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"total_count": None},
        {"total_count": 1},
        {"total_count": "1", "order_sn_list": None},
        {"total_count": 1, "order_sn_list": {}},
        {"total_count": 1, "order_sn_list": ["261120-1"]},
        {"total_count": 1, "order_sn_list": [{"order_status": 1}]},
        {"total_count": 1, "order_sn_list": [{"order_sn": "1"}], "has_next": True},
    ],
)
def test_a_list_that_may_hide_orders_is_unavailable(monkeypatch: pytest.MonkeyPatch, content: dict[str, Any]) -> None:
    monkeypatch.setattr(reading, "sleep", lambda seconds: None)

    with pytest.raises(ChannelUnavailable, match="list orders"):
        listed(answering({"order_sn_increment_get_response": content}))


def test_the_answers_name_may_be_any_and_its_count_text() -> None:
    content = {"total_count": "1", "order_sn_list": [{"order_sn": "1"}], "has_next": "false"}

    assert listed(answering({"anything_response": content})) == ["1"]


@pytest.mark.parametrize("body", [[], {"order": {}}, {"a_response": {}, "b_response": {}}, {"a_response": []}])
def test_an_answer_of_another_shape_is_unavailable(body: Any) -> None:
    with pytest.raises(ChannelUnavailable):
        answering(body).order("1")


@pytest.mark.parametrize(
    ("code", "reading", "writing"),
    [
        *((code, ChannelRejected, ChannelRejected) for code in (10000, 10001, 21001, 21002, 30000, 50001, 52004, None)),
        *((code, ChannelDenied, ChannelDenied) for code in (10016, 10017, 20004, 20005, 20031, 20032, 20034)),
        *((code, ChannelDenied, ChannelDenied) for code in (70032, 70034, 70035)),
        *((code, ChannelUnavailable, OutcomeUnknown) for code in (50000, 50002, 52001, 52002)),
        *((code, ChannelUnavailable, ChannelUnavailable) for code in (52102, 52103, 70033)),
        *((code, RateLimited, RateLimited) for code in (52101, 70031, 70036)),
        (10019, TokenRefused, TokenRefused),
        ("10019", TokenRefused, TokenRefused),
    ],
)
def test_what_an_error_code_means(code: Any, reading: type[ChannelError], writing: type[ChannelError]) -> None:
    body = {"error_code": code, "error_msg": "said", "sub_code": None}

    assert type(error_of(body, "p", "a", NOW, changes=False)) is reading
    assert type(error_of(body, "p", "a", NOW, changes=True)) is writing


@pytest.mark.parametrize(("code", "wait_s"), [(52101, 5.0), (70031, 2.0), (70036, 12 * 3600 - 300 + 1.0)])
def test_how_long_a_limit_lasts(code: int, wait_s: float) -> None:
    error = error_of({"error_code": code}, "p", "a", NOW, changes=False)

    assert isinstance(error, RateLimited)
    assert error.retry_after_s == wait_s


@pytest.mark.parametrize(
    ("status", "error"), [(429, RateLimited), (403, ChannelRejected), (500, OutcomeUnknown), (503, ChannelUnavailable)]
)
def test_what_another_http_status_means_for_a_write(status: int, error: type[ChannelError]) -> None:
    with pytest.raises(error):
        answering({}, status).ship_back(PARCEL)


def test_a_phone_in_an_error_is_masked() -> None:
    said = {"error_code": 50001, "error_msg": "收件人13800005678不存在", "sub_code": None, "sub_msg": None}

    with pytest.raises(ChannelRejected, match=r"138\*\*\*\*5678"):
        answering({"error_response": said}).order("1")


@pytest.mark.parametrize(("parcel", "name"), [(PARCEL, "is_success"), (FURTHER, "success")])
def test_a_report_that_is_not_confirmed_is_unknown(parcel: ShipBack, name: str) -> None:
    content = {
        name: False,
        "order_info": {"order_sn": "1", "tracking_number": PARCEL.waybill},
    }

    with pytest.raises(OutcomeUnknown, match=f"does not say {name}"):
        answering({"any_response": content}).ship_back(parcel)


def test_a_carrier_list_must_be_there() -> None:
    with pytest.raises(ChannelUnavailable):
        answering({"logistics_companies_get_response": {}}).list_carriers()


def test_tokens_without_a_moment_end_after_their_seconds() -> None:
    content = {"access_token": "a", "expires_in": "60", "expires_at": 1795225500000}
    client = httpx.Client(
        transport=httpx.MockTransport(lambda request: httpx.Response(200, json={"x_response": content}))
    )
    authoriser = PinduoduoAuthoriser(client, "p", {"app_key": "1", "app_secret": "s"}, lambda: NOW)

    tokens = authoriser.refresh("r")

    assert (tokens.expires_at, tokens.refresh_expires_at, tokens.owner) == (NOW + timedelta(seconds=60), None, "")
    assert authoriser.consent_url("u", "s").startswith("https://fuwu.pinduoduo.com/service-market/auth?")


def test_a_recorded_order() -> None:
    order = READING.read(recorded("pinduoduo")[0])

    assert (order.external_id, order.order_no) == ("261120-123456789012345", "261120-123456789012345")
    assert (order.pay_state, order.not_ready, order.buyer_key) == (PayState.READY, "", "")
    assert order.paid_at == datetime(2026, 11, 20, 1, 1, 30, tzinfo=UTC)
    assert order.ship_by == datetime(2026, 11, 22, 1, 3, 2, tzinfo=UTC)
    assert (order.goods_fen, order.discount_fen, order.freight_fen, order.total_fen) == (11970, 1500, 0, 10470)
    assert order.paid_fen == 10470
    assert [(line.line_no, line.sku_code, line.quantity, line.paid_fen) for line in order.lines] == [
        ("1234567890123", "DJ-001-BLK-L", 1, 8738),
        ("1234567890555", "WZ-009-WHT", 2, 1732),
    ]


def test_a_receiver_is_read_with_masks_ciphertexts_and_its_token() -> None:
    raw = recorded("pinduoduo")[0]

    receiver = READING.read(raw).receiver

    assert (receiver.name, receiver.phone, receiver.masked) == ("王*", "1********21", True)
    assert (receiver.province, receiver.city, receiver.district, receiver.town) == ("广东省", "深圳市", "南山区", "")
    assert (receiver.name_cipher, receiver.phone_cipher) == (raw["receiver_name"], raw["receiver_phone"])
    assert (receiver.address_cipher, receiver.merge_key) == (raw["receiver_address"], raw["open_address_id"])


def test_a_reading_error_shows_nothing_of_a_person() -> None:
    raw = recorded("pinduoduo")[0] | {
        "receiver_name": {"cipher": "~secret~"},
        "pay_amount": "much",
        "buyer_memo": ["x"],
    }

    with pytest.raises(MappingError) as caught:
        READING.read(raw)
    assert "pay_amount" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_deposit_is_what_an_unfinished_presale_has_paid() -> None:
    order = READING.read(recorded("pinduoduo")[2])

    assert (order.pay_state, order.paid_fen, order.total_fen) == (PayState.UNPAID, 2000, 10490)


def test_an_order_under_review_is_read_without_a_receiver() -> None:
    order = READING.read(recorded("pinduoduo")[3])

    assert (order.pay_state, order.not_ready) == (PayState.BLOCKED, "the platform reviews it for risk")
    assert (order.receiver.name, order.receiver.phone_cipher, order.receiver.province) == ("", "", "上海市")


def test_a_shipped_order_is_read_without_a_receiver() -> None:
    order = READING.read(recorded("pinduoduo")[4])

    assert (order.pay_state, order.receiver.address, order.receiver.merge_key) == (PayState.SHIPPED, "", "")


def test_a_refunded_order_has_its_money_back() -> None:
    order = READING.read(recorded("pinduoduo")[5])

    assert (order.pay_state, order.refunded_fen) == (PayState.CANCELLED, 3490)


def test_text_in_place_of_numbers_and_a_sku_sold_twice_are_read() -> None:
    order = READING.read(recorded("pinduoduo")[6])

    assert (order.pay_state, order.total_fen) == (PayState.READY, 3490)
    assert [(line.line_no, line.paid_fen) for line in order.lines] == [("1234567899999", 2990), ("1234567899999#2", 0)]


def completed(order: dict[str, Any]) -> dict[str, Any]:
    """The order as the channel gives it when the platform tells this."""
    found = answering({"order_info_get_response": {"order_info": order}}).order("1")
    assert found is not None
    return found


def test_gifts_are_lines_for_nothing() -> None:
    gift = {"sku_id": 1234567890555, "outer_id": "WZ-009-WHT", "goods_name": "袜", "goods_count": 2, "goods_price": 9.9}
    payload = completed(recorded("pinduoduo")[0] | {"refund_status": 2, "gift_list": [gift, "x", None]})
    order = READING.read(payload)

    assert [(line.line_no, line.sku_code, line.quantity, line.paid_fen, line.state) for line in order.lines] == [
        ("1234567890123", "DJ-001-BLK-L", 1, 8738, LineState.REFUNDING),
        ("1234567890555", "WZ-009-WHT", 2, 1732, LineState.REFUNDING),
        ("1234567890555#2", "WZ-009-WHT", 2, 0, LineState.REFUNDING),
    ]


@pytest.mark.parametrize("gifts", [None, [], {}, "x", [1]])
def test_an_order_without_gifts_has_its_own_lines_only(gifts: Any) -> None:
    assert len(READING.read(completed(recorded("pinduoduo")[0] | {"gift_list": gifts})).lines) == 2


def test_amounts_that_doubles_miss_are_whole_fen() -> None:
    order = READING.read(
        recorded("pinduoduo")[0] | {"pay_amount": 104.70000000000002, "goods_amount": 119.69999999999999}
    )

    assert (order.total_fen, order.goods_fen, order.discount_fen) == (10470, 11970, 1500)


def changed(order: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    for path, value in change.items():
        *outer, last = path.split(".")
        place: Any = order
        for key in outer:
            place = place[int(key)] if isinstance(place, list) else place[key]
        place[last] = value
    return order


@pytest.mark.parametrize("case", READY, ids=lambda case: case["name"])
def test_when_an_order_may_be_shipped(case: dict[str, Any]) -> None:
    order = READING.read(changed(recorded("pinduoduo")[0], case["change"]))

    assert order.pay_state == case["is"]
    assert bool(order.not_ready) == (case["is"] in {"blocked", "unpaid", "platform_ships", "cancelled"})


@pytest.mark.parametrize("field", ["order_status", "pay_amount"])
def test_an_order_without_its_status_or_amount_is_not_read(field: str) -> None:
    with pytest.raises(MappingError, match=field):
        READING.read({**recorded("pinduoduo")[0], field: None})


@pytest.mark.parametrize("odd", [None, "", "x", [], {}, [1], {"a": []}, -1, 1e300, True, "９"])
def test_whatever_a_payload_holds_the_predicate_answers(odd: Any) -> None:
    names = "refund_status confirm_status trade_type step_order_info order_depot_info order_tag_list".split()
    payloads: list[dict[str, Any]] = [{}, *({**recorded("pinduoduo")[0], name: odd} for name in names)]
    predicate: Callable[[dict[str, Any]], NotReady | None] = PinduoduoChannel.ready_to_ship

    assert predicate(payloads[0]) is not None
    assert all(found is None or found.reason for found in map(predicate, payloads))
