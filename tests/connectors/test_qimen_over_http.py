from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from connectors.wms.qimen import ItemStock, QimenWms
from models.errors import ChannelDenied, ChannelRejected, ChannelUnavailable, OutcomeUnknown, RateLimited
from sandbox.server import Sandbox
from tests.connectors.test_qimen import CANCEL, message

MESSAGE = message()


def wall() -> datetime:
    return datetime.now(UTC)


def opened(sandbox: Sandbox, client: httpx.Client, options: str = "", **habits: Any) -> QimenWms:
    """The sandbox's WH-E, which speaks Qimen and has these habits, and our connector to it."""
    sandbox.do("POST", "/warehouses", {"code": "WH-E", "speaks": "qimen", "qimen": habits})
    return QimenWms(client, "WH-E", {**sandbox.warehouse("WH-E"), "allow_http": "1", "options": options}, wall)


@pytest.fixture
def wms(sandbox: Sandbox, client: httpx.Client) -> QimenWms:
    return opened(sandbox, client)


def documents(sandbox: Sandbox) -> list[tuple[str, str, int]]:
    """Number, state and how often each document was received."""
    warehouse = sandbox.do("GET", "/books")["warehouses"]["WH-E"]
    return [(row["outbound_no"], row["state"], row["received"]) for row in warehouse["documents"]]


@pytest.mark.parametrize("wrap", ["both", "trailing"])
@pytest.mark.parametrize("sign_method", ["md5", "hmac", "hmac-sha256"])
def test_an_order_arrives_however_it_is_signed(
    sandbox: Sandbox, client: httpx.Client, sign_method: str, wrap: str
) -> None:
    opened(sandbox, client, sign_method=sign_method, wrap=wrap).send(MESSAGE)

    assert documents(sandbox) == [("OB1", "received", 1)]


@pytest.mark.parametrize("repeat", ["success", "exists"])
def test_an_order_sent_twice_is_one(sandbox: Sandbox, client: httpx.Client, repeat: str) -> None:
    wms = opened(sandbox, client, repeat=repeat)

    for _ in range(2):
        wms.send(MESSAGE)

    assert documents(sandbox) == [("OB1", "received", 2)]


@pytest.mark.parametrize("repeat", ["success", "exists"])
def test_no_answer_is_unknown_and_a_repeat_has_one_effect(sandbox: Sandbox, client: httpx.Client, repeat: str) -> None:
    wms = opened(sandbox, client, "timeout_s=0.3", repeat=repeat)
    sandbox.do("POST", "/faults", {"target": "wms:WH-E", "kind": "timeout_after", "times": 1})

    with pytest.raises(OutcomeUnknown):
        wms.send(MESSAGE)
    wms.send(MESSAGE)

    assert documents(sandbox) == [("OB1", "received", 2)]


def test_an_order_with_an_unknown_item_is_rejected(sandbox: Sandbox, client: httpx.Client) -> None:
    sku = MESSAGE.data["lines"][0]["sku"]

    with pytest.raises(ChannelRejected, match="商品编码不存在"):
        opened(sandbox, client, refuses=[sku]).send(MESSAGE)
    assert documents(sandbox) == []


@pytest.mark.parametrize("wrong", ["secret", "customer_id", "app_key"])
def test_wrong_credentials_are_denied(sandbox: Sandbox, client: httpx.Client, wms: QimenWms, wrong: str) -> None:
    known = {**sandbox.warehouse("WH-E"), "allow_http": "1", wrong: "other"}

    with pytest.raises(ChannelDenied, match="sign-check-failure"):
        QimenWms(client, "WH-E", known, wall).send(MESSAGE)


def test_a_clock_that_is_wrong_is_denied(sandbox: Sandbox, client: httpx.Client, wms: QimenWms) -> None:
    known = {**sandbox.warehouse("WH-E"), "allow_http": "1"}

    with pytest.raises(ChannelDenied):
        QimenWms(client, "WH-E", known, lambda: datetime(2020, 1, 1, tzinfo=UTC)).send(MESSAGE)


@pytest.mark.parametrize(
    ("fault", "error"),
    [("rate_limit", RateLimited), ("http_503", ChannelUnavailable), ("html", OutcomeUnknown)],
)
def test_what_a_fault_means(sandbox: Sandbox, wms: QimenWms, fault: str, error: type[Exception]) -> None:
    sandbox.do("POST", "/faults", {"target": "wms:WH-E", "kind": fault, "times": 1})

    with pytest.raises(error):
        wms.send(MESSAGE)
    wms.send(MESSAGE)

    assert documents(sandbox) == [("OB1", "received", 1)]


def test_a_port_nobody_listens_on_is_unavailable(client: httpx.Client) -> None:
    known = {"endpoint": "http://127.0.0.1:9/in", "app_key": "1", "secret": "s", "customer_id": "c", "allow_http": "1"}

    with pytest.raises(ChannelUnavailable, match="not reached"):
        QimenWms(client, "WH-X", known, wall).send(MESSAGE)


def test_a_cancel_before_work_began_is_done(sandbox: Sandbox, wms: QimenWms) -> None:
    wms.send(MESSAGE)

    answers = [wms.send(CANCEL)[CANCEL.key]["type"] for _ in range(2)]

    assert answers == ["outbound.cancelled", "outbound.cancelled"]
    assert documents(sandbox) == [("OB1", "cancelled", 1)]


def test_a_cancel_that_comes_too_late_is_refused(sandbox: Sandbox, wms: QimenWms) -> None:
    wms.send(MESSAGE)
    sandbox.do("POST", "/warehouses", {"code": "WH-E", "cancel_reason": "ALREADY_PICKED"})

    report = wms.send(CANCEL)[CANCEL.key]

    assert report["type"] == "outbound.cancel_failed"
    assert "ALREADY_PICKED" in report["data"]["reason_code"]
    assert documents(sandbox) == [("OB1", "received", 1)]


def test_stock_is_what_lies_there_in_all_batches(sandbox: Sandbox, client: httpx.Client) -> None:
    wms = opened(sandbox, client, "query_batch=2", defective={"TEA": 4})
    sandbox.do("POST", "/warehouses", {"code": "WH-E", "stock": {"TEA": 9, "CUP": 0, "POT": 1, "SKU-红<1>&": 5}})
    wms.send(MESSAGE)
    sandbox.do("POST", "/warehouses/WH-E/accept")

    assert wms.stock(["TEA", "CUP", "POT", "NONE", "SKU-红<1>&"]) == {
        "TEA": ItemStock(9, 0),
        "CUP": ItemStock(0, 0),
        "POT": ItemStock(1, 0),
        "SKU-红<1>&": ItemStock(3, 2),
    }
