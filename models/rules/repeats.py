"""Which orders repeat an earlier one: the same buyer paid for the same goods."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from models.rules.reviewed import Earlier

Basket = frozenset[tuple[str, int]]
"""Units per SKU code."""


@dataclass(frozen=True, slots=True)
class Purchase:
    """A paid order: when it was paid (created, when it is paid at the door), by whom, and what for.

    `buyer` is what all purchases of one buyer have in common. An empty basket is like no other.
    """

    order_id: int
    order_no: str
    at: datetime
    buyer: str
    basket: Basket


def nearest_repeats(purchases: Iterable[Purchase], wanted: set[int]) -> Mapping[int, Earlier]:
    """For each wanted order that repeats one of its buyer, the nearest such order before it and how many seconds.

    Before means an earlier moment, or the same moment and a lower id.
    """
    last: dict[tuple[str, Basket], Purchase] = {}
    found: dict[int, Earlier] = {}
    for purchase in sorted(purchases, key=lambda one: (one.at, one.order_id)):
        if not purchase.basket:
            continue
        key = (purchase.buyer, purchase.basket)
        before = last.get(key)
        if before is not None and purchase.order_id in wanted and purchase.order_id != before.order_id:
            found[purchase.order_id] = Earlier(before.order_no, int((purchase.at - before.at).total_seconds()))
        last[key] = purchase
    return found


def basket_of(lines: Iterable[tuple[str, int]]) -> Basket:
    """Units per SKU code of lines (code, units); empty when a code or a quantity is not known."""
    units: dict[str, int] = {}
    for code, quantity in lines:
        if not code or quantity <= 0:
            return frozenset()
        units[code] = units.get(code, 0) + quantity
    return frozenset(units.items())
