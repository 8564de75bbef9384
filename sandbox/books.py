"""What the simulated outside has received: every effect, so that lost and doubled ones show."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(slots=True)
class ShopBook:
    """Effects on one shop. A ship-back is booked for every accepted call."""

    ship_backs: list[dict[str, Any]] = field(default_factory=list)
    notes: list[dict[str, Any]] = field(default_factory=list)
    stock_writes: list[dict[str, Any]] = field(default_factory=list)
    modified_order_nos: list[str] = field(default_factory=list)
    refused: list[dict[str, Any]] = field(default_factory=list)
    webhooks: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    _waybills: defaultdict[str, set[str | None]] = field(default_factory=lambda: defaultdict(set))

    def waybills_of(self, order_no: str) -> set[str | None]:
        """Return what an order was shipped back with so far; None stands for a parcel without a number."""
        return set(self._waybills.get(order_no, ()))

    def ship_back(
        self,
        order_no: str,
        line_nos: list[str] | None,
        carrier: str,
        waybill: str | None,
        at: datetime,
        request_key: str | None,
    ) -> None:
        """Book that the shop was told a parcel is on its way."""
        self._waybills[order_no].add(waybill)
        self.ship_backs.append(
            {
                "order_no": order_no,
                "line_nos": line_nos,
                "carrier": carrier,
                "waybill": waybill,
                "at": at.isoformat(),
                "request_key": request_key,
            }
        )

    def as_json(self, order_nos: list[str]) -> dict[str, Any]:
        """Return the whole book of a shop that holds these orders."""
        return {
            "orders": order_nos,
            "ship_backs": self.ship_backs,
            "modified_order_nos": self.modified_order_nos,
            "notes": self.notes,
            "stock_writes": self.stock_writes,
            "refused": self.refused,
            "webhooks": dict(self.webhooks),
            "calls": dict(self.calls),
        }

    def summary(self, orders: int) -> dict[str, Any]:
        """Return counts; `doubled` are ship-backs beyond the first of the same order, waybill and lines."""
        distinct = {(row["order_no"], row["waybill"], tuple(row["line_nos"] or ())) for row in self.ship_backs}
        return {
            "orders": orders,
            "ship_backs": len(self.ship_backs),
            "orders_shipped_back": len({row["order_no"] for row in self.ship_backs}),
            "doubled": len(self.ship_backs) - len(distinct),
            "modified_orders": len(set(self.modified_order_nos)),
            "notes": len(self.notes),
            "stock_writes": len(self.stock_writes),
            "refused": len(self.refused),
        }


@dataclass(slots=True)
class CarrierBook:
    """Effects on the tracking network."""

    subscriptions: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    queries: Counter[str] = field(default_factory=Counter)
    labels: list[dict[str, Any]] = field(default_factory=list)
    label_calls: Counter[str] = field(default_factory=Counter)
    pushed: Counter[str] = field(default_factory=Counter)
    locked: list[str] = field(default_factory=list)
    asked_elsewhere: Counter[str] = field(default_factory=Counter)
    asked_too_soon: list[str] = field(default_factory=list)

    def elsewhere(self) -> dict[str, Any]:
        """Return what the market's query service was asked, and about which numbers too soon after the last time."""
        return {"queries": dict(self.asked_elsewhere), "too_soon": self.asked_too_soon}

    def as_json(self) -> dict[str, Any]:
        """Return the whole book."""
        return {
            "subscriptions": list(self.subscriptions.values()),
            "queries": dict(self.queries),
            "labels": self.labels,
            "label_calls": dict(self.label_calls),
            "locked": self.locked,
            "pushed": tally(self.pushed),
        }

    def summary(self) -> dict[str, Any]:
        """Return counts; `doubled` are repeated subscribe calls."""
        calls = sum(int(row["count"]) for row in self.subscriptions.values())
        return {
            "subscriptions": len(self.subscriptions),
            "doubled": calls - len(self.subscriptions),
            "queries": sum(self.queries.values()),
            "labels": len(self.labels),
            "locked": len(self.locked),
            "pushed": tally(self.pushed),
        }


def tally(counts: Counter[str]) -> dict[str, int]:
    """Return the outcome of deliveries, zeros included."""
    return {key: counts[key] for key in ("sent", "acknowledged", "failed")}
