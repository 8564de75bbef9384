"""A web shop's own count of what it sells: units go when an order is paid and come back when it is cancelled."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from sandbox.orders import Order
from sandbox.products import Product
from sandbox.shelf import Shelf

SOLD = frozenset({"paid", "forbid", "shipped", "finished"})
CANCELLED = frozenset({"closed", "closed_unpaid"})


@dataclass(slots=True)
class OwnSales:
    """Which orders of a web shop have taken units from what it shows."""

    open: set[str] = field(default_factory=set)  # orders that may yet take or give back
    taken: dict[str, list[tuple[str, int]]] = field(default_factory=dict)  # by order, the article's key and its units

    def look_at(self, orders: Iterable[Order]) -> None:
        """Orders that are new or have changed."""
        self.open |= {order.no for order in orders}

    def settle(self, shelf: Shelf, products: dict[str, Product], now: datetime) -> None:
        """Let every order that was paid or cancelled by now change what is shown."""
        for no in sorted(self.open):
            order = shelf.get(no)
            if order is None or order.created_at > now:
                continue
            self._settle_one(order, products, now)
            if order.status in SOLD | CANCELLED and (order.paid_at or now) <= now:
                self.open.discard(no)

    def _settle_one(self, order: Order, products: dict[str, Product], now: datetime) -> None:
        sold_at = order.created_at if order.cod else order.paid_at
        if order.status in SOLD and order.no not in self.taken and sold_at is not None and sold_at <= now:
            lines = [(line.sku or line.title, line.quantity) for line in order.lines]
            self.taken[order.no] = [_take(products, key, units, sold_at, now) for key, units in lines]
        refunded = all(line.refund == "done" for line in order.lines)
        # a refund gives nothing back by itself: the goods may be with the buyer
        if order.status in CANCELLED and not refunded:
            for key, units in self.taken.pop(order.no, []):
                products[key].show(products[key].stock + units, now, "cancelled")


def _take(products: dict[str, Product], key: str, units: int, sold_at: datetime, now: datetime) -> tuple[str, int]:
    product = products[key]
    # a number that was set after the sale was set by somebody who knew of it
    if product.counted_at is None or sold_at >= product.counted_at:
        product.show(product.stock - units, now, "sold")
    return key, units
