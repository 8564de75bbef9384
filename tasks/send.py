"""The sender of the outbox: renders messages and makes the calls of the connectors."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import orjson

from connectors.base import Message, Wms
from connectors.wms.webhook import MAX_BODY_BYTES, envelope, thin
from models.database import transaction
from models.errors import ChannelDenied
from models.messages import OutboxKind
from models.order import Cause
from models.rules.purposes import Purpose
from models.settings import clock, settings
from tasks.alert_calls import alert_calls
from tasks.counterparts import open_carrier, open_channel, open_wms
from tasks.delivered_back import delivery_calls, render_delivered
from tasks.floor_back import answer_wishes
from tasks.inbox import keep_all
from tasks.instruction_links import page_address, said_until
from tasks.intercept_calls import intercept_calls
from tasks.outbox_calls import Pending, Shared
from tasks.render import render_cancels, render_outbound, render_subscriptions
from tasks.ship_back_calls import report_calls
from tasks.ship_backs import render_ship_backs
from tasks.stock_messages import stock_calls
from tasks.waybill_calls import waybill_calls

ALL_KINDS = tuple(OutboxKind)

ABOUT_ORDERS = tuple(kind for kind in OutboxKind if kind not in (OutboxKind.STOCK, OutboxKind.ALERT))
"""What `deliver_outbox` sends: stock, of which there may be thousands, is told by `push_stock`; alerts go apart, so
that neither waits for the other.
"""


def send(counterpart: str, pending: Sequence[Pending]) -> Mapping[int, Callable[[], None] | Shared]:
    """The call per message id; the calls talk to the outside, this function only to the pool."""
    kind, _, code = counterpart.partition(":")
    match kind:
        case "warehouse":
            return _to_warehouse(code, pending)
        case "shop":
            return _to_shop(code, pending)
        case "recipient":
            return alert_calls(code, pending)
        case _:
            return _to_carrier(code, pending)


def _to_warehouse(code: str, pending: Sequence[Pending]) -> dict[int, Callable[[], None] | Shared]:
    with transaction() as conn:
        stopped = conn.execute("select stopped_at from warehouse where code = %s", (code,)).fetchone()
        if stopped and stopped[0]:
            wish = "nothing is sent until its endpoint is imported again"
            raise ChannelDenied(code, "send", f"it answered 410 (gone) at {stopped[0]:%m-%d %H:%M} UTC; {wish}")
        wms = open_wms(conn, code)
        cancels = render_cancels(conn, _subjects(pending, OutboxKind.OUTBOUND_CANCEL))
        why = Cause(f"wms:{code}", clock().now())
        bodies = render_outbound(conn, _subjects(pending, OutboxKind.OUTBOUND_CREATED), Purpose.INSTRUCTION, why)
    said = {message.id: _warehouse_message(wms, message, cancels, bodies) for message in pending}
    # whatever did not get through at first goes alone: one that is refused must not hold up the others again
    first = [
        said[message.id] for message in pending if message.kind is OutboxKind.OUTBOUND_CREATED and not message.attempts
    ]
    ids = {message.key: number for number, message in said.items()}
    calls: dict[int, Callable[[], None] | Shared] = {
        number: partial(_tell, wms, code, [message]) for number, message in said.items()
    }
    for group in wms.groups(first):
        if len(group) > 1:
            together = tuple(ids[message.key] for message in group)
            calls |= dict.fromkeys(together, Shared(together, partial(_tell_together, wms, code, group)))
    return calls


def _tell_together(wms: Wms, code: str, messages: Sequence[Message]) -> Mapping[int, Exception]:
    _tell(wms, code, messages)
    return {}


def _tell(wms: Wms, code: str, messages: Sequence[Message]) -> None:
    """Deliver messages in one call. What the answer reports waits like any other report, once for each message."""
    reports = wms.send(*messages)
    if reports:
        with transaction() as conn:
            bodies = {f"answer:{key}": orjson.dumps(report).decode() for key, report in reports.items()}
            keep_all(conn, f"wms:{code}", bodies)
    if wms.in_house:
        asked_back = [
            message.data["outbound_no"] for message in messages if message.type == OutboxKind.OUTBOUND_CANCEL.value
        ]
        answer_wishes(code, asked_back, Cause("stage:dispatch", clock().now()))


def _subjects(pending: Sequence[Pending], kind: OutboxKind) -> list[int]:
    return [message.subject_id for message in pending if message.kind is kind]


def _warehouse_message(
    wms: Wms, message: Pending, cancels: Mapping[int, Mapping[str, Any]], bodies: Mapping[int, Mapping[str, Any]]
) -> Message:
    if message.kind is OutboxKind.OUTBOUND_CANCEL:
        return Message(message.kind.value, message.key, message.created_at, cancels[message.subject_id])
    return _outbound_message(wms, message, bodies[message.subject_id])


def _outbound_message(wms: Wms, message: Pending, data: Mapping[str, Any]) -> Message:
    if wms.for_people:
        page = {"page_url": page_address(data["receiver"]["token"]), "page_until": said_until(message.created_at)}
        data = {**data, **page}
    whole = Message(message.kind.value, message.key, message.created_at, data)
    if not wms.reads_long or len(envelope(whole)) <= MAX_BODY_BYTES:
        return whole
    pull_url = f"{settings().callback_base()}/pull/outbound/{data['outbound_no']}?revision={data['version']}"
    return replace(whole, data=thin(data, pull_url))


def _to_shop(code: str, pending: Sequence[Pending]) -> dict[int, Callable[[], None] | Shared]:
    parcels = [message for message in pending if message.kind is OutboxKind.SHIP_BACK]
    delivered = [message for message in pending if message.kind is OutboxKind.DELIVERED_BACK]
    stock = [message for message in pending if message.kind is OutboxKind.STOCK]
    with transaction() as conn:
        channel = open_channel(conn, code)
        tellings = render_ship_backs(conn, parcels, channel.capabilities)
        deliveries = render_delivered(conn, delivered) if delivered else []
        levels = stock_calls(conn, channel, code, stock)
    return {**report_calls(channel, code, tellings), **delivery_calls(channel, code, deliveries), **levels}


def _to_carrier(code: str, pending: Sequence[Pending]) -> dict[int, Callable[[], None]]:
    if "/" in code:  # a warehouse's accounts for e-waybills
        return waybill_calls(code, pending)
    wanted_back = [message for message in pending if message.kind is OutboxKind.INTERCEPT]
    followed = [message for message in pending if message.kind is not OutboxKind.INTERCEPT]
    said = intercept_calls(wanted_back)
    if followed:
        with transaction() as conn:
            carrier = open_carrier(conn)
            parcels = render_subscriptions(conn, followed)
        said |= {message_id: partial(carrier.subscribe, parcel) for message_id, parcel in parcels.items()}
    return said
