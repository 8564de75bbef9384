from dataclasses import replace
from datetime import UTC, datetime

import httpx
import pytest

from connectors.base import Message
from connectors.wms import webhook
from connectors.wms.webhook import WebhookWms
from models.errors import ChannelUnavailable, OutcomeUnknown
from sandbox.server import Sandbox
from tests.connectors.conftest import NOON

MESSAGE = Message("outbound.created", "OB1:1", NOON, {"outbound_no": "OB1", "version": 1, "lines": []})


def wall() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def wms(sandbox: Sandbox, client: httpx.Client) -> WebhookWms:
    return WebhookWms(client, "WH-E", {**sandbox.warehouse("WH-E"), "allow_http": "1"}, wall)


def received(sandbox: Sandbox) -> list[str]:
    warehouse = sandbox.do("GET", "/books")["warehouses"]["WH-E"]
    return [row["outbound_no"] for row in warehouse["documents"]]


def test_a_message_sent_twice_arrives_once(sandbox: Sandbox, wms: WebhookWms) -> None:
    wms.send(MESSAGE)
    wms.send(MESSAGE)

    assert received(sandbox) == ["OB1"]


def test_no_answer_after_sending_is_unknown_and_a_retry_has_one_effect(
    sandbox: Sandbox, wms: WebhookWms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "TIMEOUT_S", 0.3)
    sandbox.do("POST", "/faults", {"target": "wms:WH-E", "kind": "timeout_after", "times": 1})

    with pytest.raises(OutcomeUnknown):
        wms.send(MESSAGE)
    wms.send(MESSAGE)

    assert received(sandbox) == ["OB1"]


def test_what_came_in_a_batch_and_alone_arrives_once(sandbox: Sandbox, client: httpx.Client) -> None:
    wms = WebhookWms(client, "WH-E", {**sandbox.warehouse("WH-E"), "allow_http": "1", "batches": "yes"}, wall)
    other = replace(MESSAGE, key="OB2:1", data={**MESSAGE.data, "outbound_no": "OB2"})

    wms.send(MESSAGE)
    for _ in range(2):
        wms.send(MESSAGE, other)

    assert received(sandbox) == ["OB1", "OB2"]


def test_a_warehouse_that_is_down_is_unavailable(sandbox: Sandbox, wms: WebhookWms) -> None:
    sandbox.do("POST", "/faults", {"target": "wms:WH-E", "kind": "http_503", "times": 1})

    with pytest.raises(ChannelUnavailable, match="HTTP 503"):
        wms.send(MESSAGE)


def test_a_port_nobody_listens_on_is_unavailable(client: httpx.Client) -> None:
    secret = "whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA="
    credentials = {"endpoint": "http://127.0.0.1:9/inbound", "secret": secret, "allow_http": "1"}

    with pytest.raises(ChannelUnavailable, match="not reached"):
        WebhookWms(client, "WH-X", credentials, wall).send(MESSAGE)
