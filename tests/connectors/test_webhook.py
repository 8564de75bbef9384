from datetime import timedelta

import httpx
import orjson
import pytest

from connectors.base import Message
from connectors.wms.webhook import (
    MAX_BODY_BYTES,
    BadSignature,
    EndpointGone,
    WebhookWms,
    envelope,
    sign_body,
    thin,
    unpacked,
    verify_body,
)
from models.errors import (
    ChannelDenied,
    ChannelError,
    ChannelRejected,
    ChannelUnavailable,
    OutcomeUnknown,
    RateLimited,
    SetupError,
)
from tests.connectors.conftest import NOON

OLD = "whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA="
NEW = "whsec_ZWZnaGlqa2xtbm9wcXJzdHV2d3h5ent8"
BODY = b'{"type":"outbound.shipped","timestamp":"2026-11-22T18:05:10+08:00","data":{"outbound_no":"OB1"}}'
MESSAGE = Message("outbound.created", "OB1:1", NOON, {"outbound_no": "OB1"})


def headers(secrets: list[str], body: bytes = BODY) -> dict[str, str]:
    return {
        "Webhook-Id": "msg_1",
        "Webhook-Timestamp": str(int(NOON.timestamp())),
        "Webhook-Signature": sign_body(secrets, "msg_1", NOON, body.decode()),
    }


def wms(answer: httpx.Response | Exception, secret: str = OLD, **more: str) -> WebhookWms:
    def respond(request: httpx.Request) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        answer.request = request
        return answer

    client = httpx.Client(transport=httpx.MockTransport(respond))
    return WebhookWms(client, "WH-E", {"endpoint": "https://wms.example/in", "secret": secret, **more}, lambda: NOON)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.Response(410), EndpointGone),
        (httpx.Response(429, headers={"retry-after": "30"}), RateLimited),
        (httpx.Response(503, headers={"retry-after": "30"}), RateLimited),
        (httpx.Response(503), ChannelUnavailable),
        (httpx.Response(500, headers={"retry-after": "30"}), ChannelUnavailable),
        (httpx.Response(404), ChannelUnavailable),
        (httpx.Response(401), ChannelUnavailable),
        (httpx.Response(302, headers={"location": "https://other.example"}), ChannelUnavailable),
        (httpx.ConnectError("refused"), ChannelUnavailable),
        (httpx.ConnectTimeout("slow"), ChannelUnavailable),
        (httpx.ReadTimeout("slow"), OutcomeUnknown),
        (httpx.WriteError("broken"), OutcomeUnknown),
        (httpx.RemoteProtocolError("closed"), OutcomeUnknown),
    ],
)
def test_what_an_answer_means(answer: httpx.Response | Exception, error: type[ChannelError]) -> None:
    with pytest.raises(ChannelError) as caught:
        wms(answer).send(MESSAGE)
    assert type(caught.value) is error


@pytest.mark.parametrize("status", [200, 201, 204])
def test_any_2xx_is_delivered(status: int) -> None:
    wms(httpx.Response(status)).send(MESSAGE)


def test_a_message_is_signed_with_every_secret_new_first() -> None:
    answer = httpx.Response(200)
    wms(answer, secret=f"{NEW} {OLD}").send(MESSAGE)

    sent = answer.request
    entries = sent.headers["webhook-signature"].split()
    assert len(entries) == 2
    for secret, entry in zip((NEW, OLD), entries, strict=True):
        assert entry == sign_body([secret], sent.headers["webhook-id"], NOON, sent.content.decode())
    assert orjson.loads(sent.content) == {
        "type": "outbound.created",
        "timestamp": NOON.isoformat(),
        "data": {"outbound_no": "OB1"},
    }


def test_a_key_with_a_dot_cannot_move_the_signed_border() -> None:
    answer = httpx.Response(200)
    wms(answer).send(Message("outbound.created", "OB1.仓", NOON, {}))

    assert answer.request.headers["webhook-id"] == "OB1%2E%E4%BB%93"


def test_a_body_that_is_too_long_must_go_thin() -> None:
    data = {"outbound_no": "OB1", "version": 2, "lines": [{"sku": "x" * 100}] * 300, "receiver": {"name": "张*"}}
    with pytest.raises(ChannelRejected, match=f"at most {MAX_BODY_BYTES}"):
        wms(httpx.Response(200)).send(Message("outbound.created", "OB1:2", NOON, data))

    short = thin(data, "https://oms.example/pull/OB1")

    assert short == {"outbound_no": "OB1", "version": 2, "pull_url": "https://oms.example/pull/OB1"}


def document(number: int, bytes_: int = 100) -> Message:
    return Message("outbound.created", f"OB{number}:1", NOON, {"outbound_no": f"OB{number}", "note": "x" * bytes_})


def test_without_batches_each_message_goes_alone() -> None:
    messages = [document(number) for number in range(3)]

    assert wms(httpx.Response(200)).groups(messages) == [[message] for message in messages]


@pytest.mark.parametrize(
    ("count", "bytes_", "sizes"), [(250, 10, [100, 100, 50]), (45, 1000, [17, 17, 11]), (0, 1, [])]
)
def test_a_batch_holds_a_hundred_messages_or_twenty_kilobytes(count: int, bytes_: int, sizes: list[int]) -> None:
    messages = [document(number, bytes_) for number in range(count)]
    answer = httpx.Response(200)
    warehouse = wms(answer, batches="yes")

    groups = warehouse.groups(messages)

    assert [len(group) for group in groups] == sizes
    assert [message for group in groups for message in group] == messages
    for group in groups:
        warehouse.send(*group)
        assert len(answer.request.content) <= MAX_BODY_BYTES


def test_a_batch_carries_each_message_under_the_id_it_has_alone() -> None:
    answer = httpx.Response(200)
    warehouse = wms(answer, batches="yes")
    warehouse.send(document(1))
    alone = answer.request.headers["webhook-id"], orjson.loads(answer.request.content)

    warehouse.send(document(1), document(2))

    batch = orjson.loads(answer.request.content)
    assert (batch["type"], len(batch["data"]["messages"])) == ("outbound.batch", 2)
    assert batch["data"]["messages"][0] == {"id": alone[0], **alone[1]}
    assert answer.request.headers["webhook-signature"] == sign_body(
        [OLD], answer.request.headers["webhook-id"], NOON, answer.request.content.decode()
    )


def test_what_a_batch_carried_is_taken_apart_again() -> None:
    answer = httpx.Response(200)
    warehouse = wms(answer, batches="yes")
    warehouse.send(document(1), document(2))
    sent = orjson.loads(answer.request.content)

    bodies = unpacked(sent, 200)

    assert bodies is not None
    assert list(bodies) == ["OB1:1", "OB2:1"]
    assert bodies["OB2:1"].encode() == envelope(document(2))


@pytest.mark.parametrize(
    "messages",
    [
        None,
        {},
        [],
        ["OB1"],
        [{"type": "outbound.shipped"}],
        [{"id": 7}],
        [{"id": ""}],
        [{"id": "x" * 201}],
        [{"id": "m\0"}],
        [{"id": f"m{number}"} for number in range(101)],
    ],
)
def test_a_batch_that_cannot_be_taken_apart_is_one_message(messages: object) -> None:
    assert unpacked({"type": "outbound.batch", "data": {"messages": messages}}, 200) is None
    assert unpacked({"type": "outbound.shipped", "data": {"messages": [{"id": "m1"}]}}, 200) is None


@pytest.mark.parametrize("signed_with", [OLD, NEW])
def test_either_secret_of_a_rotation_is_accepted(signed_with: str) -> None:
    found = wms(httpx.Response(200), secret=f"{NEW} {OLD}").verify(headers([signed_with]), BODY)

    assert found["data"] == {"outbound_no": "OB1"}


def test_incoming_bodies_may_have_a_secret_of_their_own() -> None:
    warehouse = wms(httpx.Response(200), secret=OLD, inbound_secret=NEW)

    assert warehouse.verify(headers([NEW]), BODY)["type"] == "outbound.shipped"
    with pytest.raises(ChannelDenied):
        warehouse.verify(headers([OLD]), BODY)


@pytest.mark.parametrize("junk", ["nocomma", "v1,", "v1,!!", "v2,abc", "v1a,abc", ",", "v1,无"])
def test_malformed_entries_are_passed_over(junk: str) -> None:
    given = headers([OLD])

    verify_body([OLD], {**given, "Webhook-Signature": f"{junk} {given['Webhook-Signature']} {junk}"}, BODY, NOON)
    with pytest.raises(BadSignature):
        verify_body([OLD], {**given, "Webhook-Signature": junk}, BODY, NOON)


@pytest.mark.parametrize("away_s", [-300, 300])
def test_five_minutes_away_is_still_accepted(away_s: int) -> None:
    verify_body([OLD], headers([OLD]), BODY, NOON + timedelta(seconds=away_s))


@pytest.mark.parametrize(
    "change",
    [
        {"Webhook-Timestamp": "soon"},
        {"Webhook-Timestamp": "-5"},
        {"Webhook-Timestamp": "1795147200.5"},
        {"Webhook-Timestamp": "9" * 400},
        {"Webhook-Timestamp": str(int(NOON.timestamp()) - 301)},
        {"Webhook-Timestamp": str(int(NOON.timestamp()) + 301)},
        {"Webhook-Id": "msg_2"},
        {"Webhook-Id": ""},
        {"Webhook-Signature": ""},
    ],
)
def test_a_header_that_does_not_fit_is_denied(change: dict[str, str]) -> None:
    with pytest.raises(ChannelDenied):
        wms(httpx.Response(200)).verify({**headers([OLD]), **change}, BODY)


@pytest.mark.parametrize("body", [b"[]", b"{", b'{"type":"a"}', b'{"type":"a b","data":{}}'])
def test_a_signed_body_that_is_no_envelope_is_refused(body: bytes) -> None:
    with pytest.raises(ChannelRejected):
        wms(httpx.Response(200)).verify(headers([OLD], body), body)


def test_a_body_that_is_no_text_is_denied() -> None:
    with pytest.raises(ChannelDenied):
        wms(httpx.Response(200)).verify(headers([OLD]), b"\xff\xfe")


@pytest.mark.parametrize(
    "change",
    [
        {"endpoint": "http://wms.example/in"},
        {"endpoint": "ftp://wms.example/in", "allow_http": "1"},
        {"endpoint": ""},
        {"secret": ""},
        {"secret": "whsec_"},
        {"secret": "whsec_not base64!"},
        {"secret": "whsec_AQIDB"},
    ],
)
def test_what_cannot_be_set_up(change: dict[str, str]) -> None:
    credentials = {"endpoint": "https://wms.example/in", "secret": OLD, **change}

    with pytest.raises(SetupError):
        WebhookWms(httpx.Client(), "WH-E", credentials, lambda: NOON)
