"""What a shop offers: its articles, the units they show, and what keeps a seller from changing them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sandbox.errors import ControlError
from sandbox.orders import stable_id

STOPS = ("audit", "banned", "promotion", "busy")
"""What may be against a new number: the product is checked, blocked, promised (no fewer), or it is no time for it."""


@dataclass(slots=True)
class Product:
    """One SKU code as a shop offers it: the only SKU of its article, one of several, or (`single`) without SKUs."""

    sku: str
    title: str
    price_fen: int
    stock: int = 100
    modified_at: datetime | None = None
    article: str = ""  # which SKUs of one article have in common; "": it is the only one of its article
    single: bool = False
    counted_at: datetime | None = None  # when somebody last set the number, as against selling from it
    stop: str = ""
    stop_left: int | None = None  # refusals to come; None: until it is taken away
    history: list[dict[str, Any]] = field(default_factory=list)

    @property
    def item_id(self) -> int:
        """The platform's article number."""
        return stable_id("item", self.article or self.sku or self.title, digits=12)

    @property
    def sku_id(self) -> int:
        """The platform's own SKU number."""
        name = self.sku or self.title
        return stable_id("sku", f"{self.article}/{name}" if self.article else name, digits=13)

    @property
    def product_id(self) -> int:
        """The web shop's product number, of a variation its own."""
        name = self.sku or self.title
        return stable_id("product", f"{self.article}/{name}" if self.article else name, digits=7)

    @property
    def parent_id(self) -> int:
        """The web shop's number of the product that it is a variation of, 0 when it is none."""
        return stable_id("product", self.article, digits=7) if self.article else 0

    def count(self, units: int, now: datetime, why: str) -> None:
        """Show so many units: somebody says that there are so many."""
        self.counted_at = now
        self.show(units, now, why)

    def show(self, units: int, now: datetime, why: str) -> None:
        """Show so many units from now on."""
        self.stock, self.modified_at = units, now
        self.history.append({"units": units, "at": now.isoformat(), "why": why})

    def set_up(self, row: dict[str, Any], now: datetime) -> None:
        """Take what the control API says about it; ControlError for a stop that is not known."""
        if "stock" in row:
            self.count(int(row["stock"]), now, "control")
        if "single" in row:
            self.single = bool(row["single"])
        if "stop" in row:
            stop, times = str(row["stop"] or ""), row.get("times")
            if stop not in {"", *STOPS}:
                raise ControlError(f"product {self.sku}: stop {stop!r} is not one of {', '.join(STOPS)}")
            self.stop, self.stop_left = stop, None if times is None else int(times)

    def obstacle(self, units: int) -> str:
        """Return what the platform has against showing so many units, "" when nothing; a counted one is used up."""
        if not self.stop or (self.stop == "promotion" and units >= self.stock):
            return ""
        found = self.stop
        if self.stop_left is not None:
            self.stop_left -= 1
            if self.stop_left <= 0:
                self.stop = ""
        return found

    def as_json(self) -> dict[str, Any]:
        """Return what the control API shows."""
        return {
            "sku": self.sku,
            "title": self.title,
            "stock": self.stock,
            "num_iid": self.item_id,
            "sku_id": self.sku_id,
            "product_id": self.product_id,
            "parent_id": self.parent_id,
        }

    def listing(self, platform: str) -> dict[str, Any]:
        """Return the listing's ids as this platform's API takes them, the units shown, and all it showed so far."""
        item_id, sku_ref = str(self.item_id), "" if self.single else str(self.sku_id)
        if platform == "woocommerce":
            item_id, sku_ref = str(self.parent_id or self.product_id), str(self.product_id) if self.parent_id else ""
        return {
            "item_id": item_id,
            "sku_ref": sku_ref,
            "sku_code": self.sku,
            "title": self.title,
            "units": self.stock,
            "history": self.history,
        }
