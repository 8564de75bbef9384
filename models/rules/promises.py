"""Units that are sold before they are there: how many more, and who gets those that come."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from models.stock import PromiseKind


@dataclass(frozen=True, slots=True)
class PromiseTerms:
    """On what terms units of a SKU are promised beyond what there is."""

    kind: PromiseKind
    limit: int
    promised: int
    available_at: datetime | None
    closes_at: datetime | None

    def room(self, at: datetime) -> int:
        """How many more units may be promised now.

        None from `closes_at` on; a presale is over when its goods are available, a backorder goes on.
        """
        ends = [self.closes_at, self.available_at if self.kind is PromiseKind.PRESALE else None]
        if any(end is not None and end <= at for end in ends):
            return 0
        return self.limit - self.promised

    def due_at(self, at: datetime) -> datetime | None:
        """For when units are promised now; None when nobody can say, as after the day that was announced."""
        return self.available_at if self.available_at and self.available_at > at else None


@dataclass(frozen=True, slots=True)
class Waiting:
    """An open promise: units of a SKU, and its place in the queue; a lower priority number goes first."""

    id: int
    sku_id: int
    quantity: int
    priority: int
    paid_at: datetime
    order_id: int
    line_no: int


def hand_out(promises: Sequence[Waiting], sellable: Mapping[int, int]) -> dict[int, int]:
    """The units that each promise (by id) gets now: by priority, payment, order and line, in part if need be."""
    left = Counter(sellable)
    given: dict[int, int] = {}
    for promise in sorted(promises, key=lambda one: (one.priority, one.paid_at, one.order_id, one.line_no, one.sku_id)):
        units = min(promise.quantity, left[promise.sku_id])
        if units > 0:
            given[promise.id] = units
            left[promise.sku_id] -= units
    return given
