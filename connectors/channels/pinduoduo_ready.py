"""When a Pinduoduo order may be shipped: the fields that count, and what each of their states means.

Source: the open platform's order pages and its frequently asked questions.
"""

from collections.abc import Iterator
from typing import Any, Final

from connectors.base import NotReady
from connectors.channels.pinduoduo_protocol import number_of, rows_of
from models.incoming import PayState

OWN_DEPOT: Final = 1  # (unconfirmed) depot_type of a warehouse of the seller
HOLD_TAGS: Final = frozenset({"ship_hold"})  # (unconfirmed) names of order_tag_list

_READY: Final = {"refund_status": 1, "confirm_status": 1, "group_status": 1, "risk_control_status": 0}
_NOT_READY: Final = {
    ("refund_status", 2): NotReady(PayState.BLOCKED, "the buyer asks for a refund"),
    ("refund_status", 3): NotReady(PayState.BLOCKED, "a refund is under way"),
    ("refund_status", 4): NotReady(PayState.CANCELLED, "it is refunded"),
    ("confirm_status", 0): NotReady(PayState.BLOCKED, "the deal is not confirmed yet"),
    ("confirm_status", 2): NotReady(PayState.CANCELLED, "the deal is cancelled"),
    ("group_status", 0): NotReady(PayState.BLOCKED, "the group purchase is not full yet"),
    ("group_status", 2): NotReady(PayState.CANCELLED, "the group purchase has failed"),
    ("risk_control_status", 1): NotReady(PayState.BLOCKED, "the platform reviews it for risk"),
}


def why_not_ready(payload: dict[str, Any]) -> NotReady | None:
    """Why an order that is to be shipped by its status must not be; what is over for good comes first.

    A state that is missing or unknown keeps the order here: what nobody thought of must not ship.
    """
    unmet = [_unmet(name, payload) for name, good in _READY.items() if number_of(payload.get(name)) != good]
    cancelled = [found for found in unmet if found.state is PayState.CANCELLED]
    found = [*cancelled, *_unpaid_step(payload), *_platform_depot(payload), *unmet, *_held(payload)]
    return found[0] if found else None


def _unmet(name: str, payload: dict[str, Any]) -> NotReady:
    value = number_of(payload.get(name))
    known = None if value is None else _NOT_READY.get((name, value))
    said = "is not given" if value is None else f"is {value}"
    return known or NotReady(PayState.BLOCKED, f"the platform does not say that it may leave: {name} {said}")


def _unpaid_step(payload: dict[str, Any]) -> Iterator[NotReady]:
    step = payload.get("step_order_info")
    status = number_of(step.get("step_trade_status")) if type(step) is dict else None
    kind = number_of(payload.get("trade_type"))
    # an order without a kind is a pre-sale when it tells of steps
    if kind == 0 or (kind is None and status is None) or status == 2:
        return
    yield NotReady(PayState.UNPAID, "the final part of the pre-sale is not paid")


def _platform_depot(payload: dict[str, Any]) -> Iterator[NotReady]:
    depot = payload.get("order_depot_info")
    if type(depot) is not dict or number_of(depot.get("depot_type")) == OWN_DEPOT:
        return
    if any(str(depot.get(name) or "").strip("0") for name in ("depot_id", "depot_code")):
        yield NotReady(PayState.PLATFORM_SHIPS, "it leaves from a warehouse of the platform")


def _held(payload: dict[str, Any]) -> Iterator[NotReady]:
    for tag in rows_of(payload, "order_tag_list"):
        if number_of(tag.get("value")) == 1 and str(tag.get("name")) in HOLD_TAGS:
            yield NotReady(PayState.BLOCKED, "the platform holds its shipping for now")
