"""What the payloads of a Douyin shop say: of an order its phases and parcels, of a push its order."""

import hashlib
from collections import Counter
from typing import Any, Final

import orjson

from connectors.base import ShipBack
from connectors.channels.reading import Rows

UNPAID_PHASE: Final = (False, "0", "false")
ORDER_TAGS: Final = range(100, 300)  # orders 100.., refunds 200..; 400.. are articles, 0 is a test


def boxes_of(order: dict[str, Any] | None) -> Rows:
    """The reported parcels of an order."""
    return objects((order or {}).get("logistics_info"))


def numbered(box: dict[str, Any], waybill: str) -> bool:
    """Whether a parcel has this number; the platform may write it in capitals."""
    return str(box.get("tracking_no") or "").strip().upper() == waybill.upper()


def carries(boxes: Rows, parcel: ShipBack) -> bool:
    """Whether these boxes hold what the parcel does; where they do not say what is in them, the number is enough."""
    ours = [box for box in boxes if numbered(box, parcel.waybill)]
    rows = [row for box in ours for row in objects(box.get("product_info"))]
    if not rows or not parcel.line_nos:
        return bool(ours)
    held: Counter[str] = Counter()
    for row in rows:
        held[str(row.get("sku_order_id") or "")] += number_in(row.get("product_count")) or 0
    return all(held[piece.line_no] >= piece.quantity for piece in parcel.pieces)


def awaits_a_phase(payload: dict[str, Any]) -> bool:
    """Whether a phase is said to be unpaid, or the last one of a line is not there yet."""
    wanted: Counter[str] = Counter()
    reached: Counter[str] = Counter()
    for phase in objects(payload.get("order_phase_list")):
        if phase.get("pay_success") in UNPAID_PHASE:
            return True
        line = str(phase.get("sku_order_id"))
        wanted[line] = max(wanted[line], number_in(phase.get("total_phase")) or 0)
        reached[line] = max(reached[line], number_in(phase.get("current_phase")) or wanted[line])
    return any(reached[line] < last for line, last in wanted.items())


def notice_in(message: dict[str, Any]) -> tuple[str, str] | None:
    """The message and order id of a pushed message, None when it is about something else than an order."""
    if number_in(message.get("tag")) not in ORDER_TAGS:
        return None
    written = message.get("data")
    data = parsed(written.encode("utf-8", "replace")) if type(written) is str else written
    order_id = str(data.get("p_id") or "") if type(data) is dict else ""
    message_id = str(message.get("msg_id") or "") or hashlib.sha256(orjson.dumps(message)).hexdigest()
    return (message_id, order_id) if order_id else None


def parsed(body: bytes) -> Any:
    """The JSON of a text, None when it is none."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def objects(rows: Any) -> Rows:
    """The objects of a list, none where there is no list."""
    return [row for row in rows if type(row) is dict] if type(rows) is list else []


def number_in(value: Any) -> int | None:
    """A whole number that may be written as text, None when it is none."""
    written = str(value)
    return int(written) if written.isascii() and written.isdigit() and len(written) < 20 else None
