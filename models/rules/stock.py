"""Who gets the units: all lines of an order or none, by promise, then payment, then id; and what an order keeps."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

Place = tuple[int, int]
"""A line number and a SKU id: where in an order units are wanted."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What an order wants: units per SKU id, and its place in the queue.

    `kept` are units it has locked already, `promised` those it was promised; more may be promised where `may_wait`.
    """

    order_id: int
    ship_by: datetime | None
    paid_at: datetime | None
    units: Mapping[int, int]
    kept: Mapping[int, int] = field(default_factory=dict)
    promised: Mapping[int, int] = field(default_factory=dict)
    may_wait: bool = False

    def lacking(self) -> dict[int, int]:
        """Units per SKU id that it has neither locked nor been promised."""
        if not self.kept and not self.promised:
            return dict(self.units)
        open_units = {
            sku: wanted - self.kept.get(sku, 0) - self.promised.get(sku, 0) for sku, wanted in self.units.items()
        }
        return {sku: units for sku, units in open_units.items() if units > 0}


@dataclass(frozen=True, slots=True)
class Shortage:
    """An order that gets nothing, with what it wanted and what was left per SKU id that is short."""

    order_id: int
    missing: Mapping[int, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Sharing:
    """How units are shared out: orders served whole, orders that wait for promised units, orders that get nothing.

    `waiting` holds what each is newly promised per SKU id; the rest of what it lacks, it locks now.
    """

    served: list[int]
    waiting: dict[int, dict[int, int]]
    short: list[Shortage]


def share_out(demands: Sequence[Demand], sellable: Mapping[int, int], room: Mapping[int, int]) -> Sharing:
    """Which orders can be locked from `sellable` units per SKU id, which wait for units promised within `room`.

    Orders queue by promise, payment time and id, those without a time last. `sellable` lacks the units owed to open
    promises, so it may be below 0. An order that falls short takes nothing and gives up what it kept, so a later,
    smaller one may still be served.
    """
    left, free = Counter(sellable), Counter(room)
    sharing = Sharing([], {}, [])
    for demand in sorted(demands, key=_queue):
        lacking = demand.lacking()
        rest = {sku: units - max(0, left[sku]) for sku, units in lacking.items() if units > left[sku]}
        if rest and not (demand.may_wait and all(free[sku] >= units for sku, units in rest.items())):
            sharing.short.append(_shortage(demand, rest, left))
            left.update(demand.kept)
            left.update(demand.promised)
            free.update(demand.promised)
            continue
        for sku, units in lacking.items():
            left[sku] -= units
        if not rest and not any(demand.promised.values()):
            sharing.served.append(demand.order_id)
            continue
        free.subtract(rest)
        sharing.waiting[demand.order_id] = rest
    return sharing


def _shortage(demand: Demand, rest: Mapping[int, int], left: Mapping[int, int]) -> Shortage:
    return Shortage(
        demand.order_id,
        {sku: (demand.units[sku], max(0, left[sku]) + demand.kept.get(sku, 0)) for sku in rest},
    )


def _queue(demand: Demand) -> tuple[float, float, int]:
    return (_when(demand.ship_by), _when(demand.paid_at), demand.order_id)


def _when(at: datetime | None) -> float:
    return at.timestamp() if at else float("inf")


def still_wanted(wanted: Mapping[Place, int], owned: Mapping[Place, int]) -> dict[Place, int]:
    """Which of the units that an order owns it still wants, and where: each SKU's own lines first, then its others.

    Per SKU that is the smaller of what is wanted and what is owned.
    """
    kept = {place: min(units, wanted.get(place, 0)) for place, units in owned.items()}
    spare: Counter[int] = Counter()
    for place, units in owned.items():
        spare[place[1]] += units - kept[place]
    for place in sorted(wanted):
        moved = min(spare[place[1]], wanted[place] - kept.get(place, 0))
        if moved > 0:
            kept[place] = kept.get(place, 0) + moved
            spare[place[1]] -= moved
    return {place: units for place, units in kept.items() if units}


def split_by_place(
    lacking: Mapping[Place, int], promised: Mapping[int, int]
) -> tuple[dict[Place, int], dict[Place, int]]:
    """What is locked and what is promised at each place; of each SKU so many units are promised, last lines first."""
    if not promised:
        return dict(lacking), {}
    rest = Counter(promised)
    waits: dict[Place, int] = {}
    for place in sorted(lacking, reverse=True):
        if units := min(rest[place[1]], lacking[place]):
            waits[place] = units
            rest[place[1]] -= units
    return {place: left for place, units in lacking.items() if (left := units - waits.get(place, 0))}, waits
