"""The warehouse system over HTTP, both directions."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from sandbox.server import Sandbox
from tests.sandbox.clients import HTTP, NOON, Inbox, WmsCaller


def open_manual(sandbox: Sandbox, received: Inbox, **settings: Any) -> dict[str, Any]:
    """Point a warehouse's callbacks at the inbox."""
    body = {"code": "WH-E", "callback_url": received.url + "/hooks/wms/WH-E", "mode": "manual"}
    entry: dict[str, Any] = sandbox.do("POST", "/warehouses", body | settings)
    return entry


def test_a_document_is_taken_once_by_its_message_id(sandbox: Sandbox, wms: WmsCaller) -> None:
    answers = [wms.create("OB1", webhook_id="msg_1").json()["result"] for _ in range(3)]

    assert answers == ["accepted", "duplicate", "duplicate"]
    (row,) = sandbox.do("GET", "/books")["warehouses"]["WH-E"]["documents"]
    assert (row["outbound_no"], row["webhook_id"], row["received"], row["qty"]) == ("OB1", "msg_1", 3, 3)


def test_a_document_sent_under_two_ids_shows_as_doubled(sandbox: Sandbox, wms: WmsCaller) -> None:
    for _ in range(2):
        wms.create("OB1")

    summary = sandbox.do("GET", "/books?summary=1")["warehouses"]["WH-E"]
    assert (summary["documents"], summary["doubled"]) == (1, 1)


@pytest.mark.parametrize("seconds", [-301, 301])
def test_an_old_or_early_message_is_refused(sandbox: Sandbox, wms: WmsCaller, seconds: int) -> None:
    body = '{"type":"outbound.created","data":{"outbound_no":"OB1"}}'
    moment = datetime.fromtimestamp(datetime.now(UTC).timestamp() + seconds, UTC)
    sandbox.do("POST", "/clock", {"follow": True})
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": Webhook(wms.warehouse["secret"]).sign("msg_1", moment, body),
    }

    assert HTTP.post(wms.warehouse["endpoint"], content=body, headers=headers).status_code == 401


def test_a_message_signed_with_the_callback_secret_is_refused(sandbox: Sandbox, wms: WmsCaller) -> None:
    wms.warehouse["secret"] = wms.warehouse["callback_secret"]

    assert wms.create("OB1").status_code == 401


def test_shipping_sends_callbacks_that_the_library_verifies(sandbox: Sandbox, wms: WmsCaller, received: Inbox) -> None:
    entry = open_manual(sandbox, received)
    wms.create("OB1")

    counts = sandbox.do("POST", "/warehouses/WH-E/ship", {"packages": 2})

    ((headers, body),) = received.messages
    message = Webhook(entry["callback_secret"]).verify(body, headers)
    packages = message["data"]["packages"]
    assert counts == {"sent": 1, "acknowledged": 1, "failed": 0}
    assert (message["type"], message["data"]["final"], len(packages)) == ("outbound.shipped", True, 2)
    assert sum(line["qty"] for package in packages for line in package["lines"]) == 3
    (row,) = sandbox.do("GET", "/books")["warehouses"]["WH-E"]["documents"]
    assert row["waybills"] == [package["tracking_no"] for package in packages]


def test_callbacks_can_be_stamped_with_platform_time(sandbox: Sandbox, wms: WmsCaller, received: Inbox) -> None:
    open_manual(sandbox, received, stamps="platform")
    wms.create("OB1")

    sandbox.do("POST", "/warehouses/WH-E/ship", {})

    ((headers, _),) = received.messages
    assert 0 <= int(headers["webhook-timestamp"]) - NOON.timestamp() < 60


def test_ship_takes_a_limit_then_the_rest(sandbox: Sandbox, wms: WmsCaller, received: Inbox) -> None:
    open_manual(sandbox, received)
    for number in range(5):
        wms.create(f"OB{number}")

    counts = [sandbox.do("POST", "/warehouses/WH-E/ship", body)["sent"] for body in ({"limit": 2}, {}, {})]

    assert counts == [2, 3, 0]


def test_a_short_shipment_is_final_with_less(sandbox: Sandbox, wms: WmsCaller, received: Inbox) -> None:
    open_manual(sandbox, received)
    wms.create("OB1")

    sandbox.do("POST", "/warehouses/WH-E/ship", {"short": {"TEA-1": 1}, "carrier": "shunfeng"})

    (package,) = received.bodies()[0]["data"]["packages"]
    assert [(line["sku"], line["qty"]) for line in package["lines"]] == [("TEA-1", 1), ("CUP", 1)]
    assert package["tracking_no"].startswith("SF")


def test_auto_mode_accepts_then_ships(sandbox: Sandbox, wms: WmsCaller, received: Inbox) -> None:
    open_manual(sandbox, received, mode="auto", ship_after_s=0.05)

    wms.create("OB1")

    received.wait(2)
    assert [body["type"] for body in received.bodies()] == ["outbound.accepted", "outbound.shipped"]


def test_each_message_of_a_batch_is_taken_once(sandbox: Sandbox, wms: WmsCaller) -> None:
    wms.create("OB1", webhook_id="msg_1")
    entries = [{"id": f"msg_{n}", "type": "outbound.created", "data": {"outbound_no": f"OB{n}"}} for n in (1, 2)]

    answers = [wms.send("outbound.batch", {"messages": entries}).json()["results"] for _ in range(2)]

    assert [[answer["result"] for answer in each] for each in answers] == [
        ["duplicate", "accepted"],
        ["duplicate", "duplicate"],
    ]
    assert wms.send("outbound.batch", {"messages": [{"id": "msg_3"}]}).status_code == 400
    assert sandbox.do("GET", "/books?summary=1")["warehouses"]["WH-E"]["documents"] == 2


def test_reports_go_in_batches_where_they_are_wanted(sandbox: Sandbox, wms: WmsCaller, received: Inbox) -> None:
    entry = open_manual(sandbox, received, batches=True)
    for number in range(120):
        wms.create(f"OB{number}")

    counts = sandbox.do("POST", "/warehouses/WH-E/ship", {})

    carried = []
    for headers, body in received.messages:
        assert len(body) <= 20 * 1024
        carried += Webhook(entry["callback_secret"]).verify(body, headers)["data"]["messages"]
    assert counts == {"sent": 120, "acknowledged": 120, "failed": 0}
    assert len(received.messages) < 10
    assert len({message["id"] for message in carried}) == 120
    assert {message["data"]["outbound_no"] for message in carried} == {f"OB{number}" for number in range(120)}


def test_a_cancel_request_wins_only_before_shipping(sandbox: Sandbox, wms: WmsCaller, received: Inbox) -> None:
    open_manual(sandbox, received)
    for number in ("OB1", "OB2"):
        wms.create(number)
    sandbox.do("POST", "/warehouses/WH-E/ship", {"outbound_nos": ["OB2"]})

    for number in ("OB1", "OB2"):
        wms.send("outbound.cancel_requested", {"outbound_no": number})

    received.wait(3)
    told = {(body["data"]["outbound_no"], body["type"]) for body in received.bodies()}
    assert {("OB1", "outbound.cancelled"), ("OB2", "outbound.cancel_failed")} <= told


def test_a_thin_document_is_pulled_with_the_token_it_came_with(
    sandbox: Sandbox, wms: WmsCaller, received: Inbox
) -> None:
    open_manual(sandbox, received)
    lines = [{"line_no": "1", "sku": "TEA-1", "qty": 4}]
    received.answer = lambda path: (200, {"data": {"outbound_no": "OB1", "lines": lines}})
    thin = {"outbound_no": "OB1", "version": 1, "pull_url": received.url + "/documents/OB1", "pull_token": "tok"}

    wms.send("outbound.created", thin)
    headers, _ = received.wait(1)[0]
    sandbox.do("POST", "/warehouses/WH-E/ship", {})

    assert headers["authorization"] == "Bearer tok"
    assert sandbox.do("GET", "/books")["warehouses"]["WH-E"]["documents"][0]["qty"] == 4


def test_an_arbitrary_callback_can_be_sent_again(sandbox: Sandbox, received: Inbox) -> None:
    entry = open_manual(sandbox, received)
    body = {"type": "outbound.picked", "data": {"outbound_no": "OB9"}, "webhook_id": "msg_late"}

    for _ in range(2):
        sandbox.do("POST", "/warehouses/WH-E/send", body)

    assert {headers["webhook-id"] for headers, _ in received.messages} == {"msg_late"}
    headers, raw = received.messages[1]
    assert Webhook(entry["callback_secret"]).verify(raw, headers)["type"] == "outbound.picked"


def test_callback_faults_forge_double_and_reorder(sandbox: Sandbox, wms: WmsCaller, received: Inbox) -> None:
    entry = open_manual(sandbox, received)
    for number in ("OB1", "OB2"):
        wms.create(number)
    for kind in ("out_of_order", "duplicate", "bad_signature"):
        sandbox.do("POST", "/faults", {"target": "wms:WH-E", "kind": kind, "times": 1})

    sandbox.do("POST", "/warehouses/WH-E/ship", {})

    arrived = [json.loads(body)["data"]["outbound_no"] for _, body in received.messages]
    assert arrived == ["OB2", "OB2", "OB1"]
    headers, body = received.messages[0]
    with pytest.raises(WebhookVerificationError):
        Webhook(entry["callback_secret"]).verify(body, headers)
