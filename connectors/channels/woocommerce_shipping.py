"""What a parcel changes in a WooCommerce order: the core has no shipments, so numbers are kept in the order's meta."""

from collections.abc import Sequence
from datetime import UTC
from typing import Any, Final

from connectors.base import Delivered, ShipBack
from connectors.carriers.codes import carrier_name

NUMBER_META: Final = "_tracking_number"
CARRIER_META: Final = "_tracking_carrier"
DELIVERED_META: Final = "_delivered_at"
"""When the last parcel of an order was delivered, in UTC; a key of ours like the others."""


def order_changes(order: dict[str, Any], parcel: ShipBack, carrier: str, *, completes: bool) -> dict[str, Any]:
    """The fields of an order to write for a parcel; none when it is all there. The last one completes it, or does not.

    Each parcel has one entry of either key; a number that was wrong is written over together with its carrier.
    """
    changes: dict[str, Any] = {}
    if entries := _entries(order, parcel, carrier):
        changes["meta_data"] = entries
    if completes and parcel.last_parcel and order.get("status") != "completed":
        changes["status"] = "completed"
    return changes


def delivery_changes(order: dict[str, Any], told: Delivered) -> dict[str, Any]:
    """The fields of an order to write when all of it was delivered; none when that is all there."""
    changes: dict[str, Any] = {}
    value = told.delivered_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    entry = _written_over(_metas(order, DELIVERED_META), 0, DELIVERED_META, value)
    if entry not in _metas(order, DELIVERED_META):
        changes["meta_data"] = [entry]
    if order.get("status") != "completed":
        changes["status"] = "completed"
    return changes


def _entries(order: dict[str, Any], parcel: ShipBack, carrier: str) -> list[dict[str, Any]]:
    wanted = ((NUMBER_META, parcel.waybill), (CARRIER_META, carrier))
    numbers = [str(meta.get("value")) for meta in _metas(order, NUMBER_META)]
    if parcel.replaces in numbers:
        place = numbers.index(parcel.replaces)
        entries = [_written_over(_metas(order, key), place, key, value) for key, value in wanted]
        return [entry for entry in entries if entry not in _metas(order, entry["key"])]
    return [] if parcel.waybill in numbers else [{"key": key, "value": value} for key, value in wanted]


def _written_over(metas: Sequence[dict[str, Any]], place: int, key: str, value: str) -> dict[str, Any]:
    # an entry with an id replaces, one without is added
    entry = {"id": metas[place].get("id")} if place < len(metas) else {}
    return {**entry, "key": key, "value": value}


def note_for(parcel: ShipBack) -> str:
    """What the buyer is told of a parcel; its number stands between spaces."""
    told = f"{carrier_name(parcel.carrier)} {parcel.waybill}"
    return f"运单号更正：{told} ，原为 {parcel.replaces}" if parcel.replaces else f"已发货：{told}"


def is_noted(parcel: ShipBack, notes: Sequence[str]) -> bool:
    """Whether the buyer was told of this number; of a corrected carrier only its own note tells."""
    if parcel.replaces == parcel.waybill:
        return note_for(parcel) in notes
    return any(parcel.waybill in note.split() for note in notes)


def _metas(order: dict[str, Any], key: str) -> list[dict[str, Any]]:
    metas = order.get("meta_data")
    return [meta for meta in metas if type(meta) is dict and meta.get("key") == key] if type(metas) is list else []
