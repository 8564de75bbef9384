"""Who gets the units: all lines of an order or none, by promise, then payment, then id."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Demand:
    """What an order wants: units per SKU id, and its place in the queue."""

    order_id: int
    ship_by: datetime | None
    paid_at: datetime | None
    units: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Shortage:
    """An order that gets nothing, with what it wanted and what was left per SKU id that is short."""

    order_id: int
    missing: Mapping[int, tuple[int, int]]


def share_out(demands: Sequence[Demand], sellable: Mapping[int, int]) -> tuple[list[int], list[Shortage]]:
    """Which orders can be locked from `sellable` units per SKU id, and which fall short of what.

    Orders queue by promise, payment time and id, those without a time last. An order that falls short
    takes nothing, so a later, smaller one may still be served.
    """
    left = dict(sellable)
    served: list[int] = []
    short: list[Shortage] = []
    for demand in sorted(demands, key=_place):
        missing = {sku: (wanted, left.get(sku, 0)) for sku, wanted in demand.units.items() if left.get(sku, 0) < wanted}
        if missing:
            short.append(Shortage(demand.order_id, missing))
            continue
        for sku, wanted in demand.units.items():
            left[sku] -= wanted
        served.append(demand.order_id)
    return served, short


def _place(demand: Demand) -> tuple[float, float, int]:
    return (_when(demand.ship_by), _when(demand.paid_at), demand.order_id)


def _when(at: datetime | None) -> float:
    return at.timestamp() if at else float("inf")
