"""The parcels a Douyin order has left in, and what of it is still to leave."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from sandbox.douyin_carriers import Carrier
from sandbox.orders import Line, Order


@dataclass(slots=True)
class Pack:
    """One reported parcel: `pieces` by line, and the request that reported it, "" for a whole order at once."""

    id: str
    request_id: str
    carrier: Carrier
    number: str
    shipped_at: datetime
    pieces: dict[str, int]


def packs_of(order: Order) -> list[Pack]:
    """Return the reported parcels of an order, oldest first."""
    return [row["pack"] for row in order.meta if "pack" in row]


def add_pack(order: Order, pack: Pack) -> None:
    """Report a parcel; lines that have left whole carry its number, and an order that has is shipped."""
    order.meta.append({"pack": pack})
    for line in order.lines:
        if line.line_no in pack.pieces and not pieces_left(order, line):
            line.carrier, line.waybill, line.shipped_at = pack.carrier.name, pack.number, pack.shipped_at
    if all(line.refund == "done" or not pieces_left(order, line) for line in order.lines):
        order.status = "shipped"


def pieces_left(order: Order, line: Line) -> int:
    """Return how many pieces of a line have not left yet."""
    gone: Counter[str] = Counter()
    for pack in packs_of(order):
        gone.update(pack.pieces)
    return line.quantity - gone[line.line_no]
