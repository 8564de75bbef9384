"""What a report on stock means for a shelf, whenever it comes: counts, changes, and units that nobody found.

A shelf truly has `on_hand - missing` units. `on_hand` is never below `locked`; what is locked and yet not there is
`missing`. Both follow from what is there and what is locked, so facts may be learnt in any order.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

ARRIVAL = "arrival"
CHANGE = "change"
COUNT = "count"
COUNTED = "counted already"
MISSING = "missing"
RETURNED = "returned"
SHIPPED = "shipped"

ADJUSTING = (COUNT, COUNTED, MISSING)
"""Reasons of movements that correct what we believed; the others are units that really moved."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A shelf as it stands: units on hand, locked and missing, and the moment that its last count speaks of."""

    on_hand: int
    locked: int
    missing: int = 0
    counted_at: datetime | None = None

    @property
    def there(self) -> int:
        """The units that are there as far as we know."""
        return self.on_hand - self.missing

    def with_units(self, there: int, counted_at: datetime | None = None) -> "Standing":
        """The shelf once it is known that so many units are there; never fewer than none, never below `locked`."""
        there = max(there, 0)
        return Standing(
            max(there, self.locked), self.locked, max(self.locked - there, 0), counted_at or self.counted_at
        )


@dataclass(frozen=True, slots=True)
class Moved:
    """Units in (+) or out (-) of one shelf: why, by what, and when that happened there."""

    quantity: int
    reason: str
    reference: str
    occurred_at: datetime


def is_late(counted_at: datetime | None, as_of: datetime) -> bool:
    """Whether a later count has spoken of the shelf already; the newer of two counts of one moment counts."""
    return counted_at is not None and as_of < counted_at


def is_counted(counted_at: datetime | None, occurred_at: datetime) -> bool:
    """Whether the last count has seen a movement already: it happened at that moment or before."""
    return counted_at is not None and occurred_at <= counted_at


def units_now(counted: int, later: Iterable[int]) -> int:
    """What is there now of units that were counted, after what moved since, in the order in which it happened.

    More cannot leave than is there: where that seems so the count was too low, and nothing is left.
    """
    units = max(counted, 0)
    for quantity in later:
        units = max(units + quantity, 0)
    return units


def after_count(shelf: Standing, there: int, reference: str, as_of: datetime) -> tuple[Standing, list[Moved]]:
    """The shelf after a count as of a moment by which `there` units are there now, with the movements that explain it.

    The count corrects what was believed; what is locked beyond it stays on hand as missing.
    """
    found = shelf.with_units(there, as_of)
    corrected = max(there, 0) - shelf.there
    pretended = found.missing - shelf.missing
    moves = [Moved(corrected, COUNT, reference, as_of), Moved(pretended, MISSING, reference, as_of)]
    return found, [move for move in moves if move.quantity]


def after_moves(shelf: Standing, moves: Sequence[Moved]) -> tuple[Standing, list[Moved], int]:
    """The shelf after movements in the order in which they happened, all that has to be booked, and how many were late.

    One that the last count has seen changes nothing: it is booked with its opposite.
    """
    booked: list[Moved] = []
    late = 0
    for move in sorted(moves, key=lambda move: move.occurred_at):
        booked.append(move)
        if is_counted(shelf.counted_at, move.occurred_at):
            booked.append(opposite(move))
            late += 1
            continue
        before, shelf = shelf, shelf.with_units(shelf.there + move.quantity)
        pretended = shelf.on_hand - before.on_hand - move.quantity
        if pretended:
            booked.append(Moved(pretended, MISSING, move.reference, move.occurred_at))
    return shelf, booked, late


def after_recount(shelf: Standing, more: int, reference: str, as_of: datetime) -> tuple[Standing, list[Moved]]:
    """The shelf once it is known that its last count, as of that moment, had meant so many units more."""
    found = shelf.with_units(shelf.there + more)
    corrected, pretended = found.there - shelf.there, found.missing - shelf.missing
    moves = [Moved(corrected, COUNTED, reference, as_of), Moved(pretended, MISSING, reference, as_of)]
    return found, [move for move in moves if move.quantity]


def opposite(move: Moved) -> Moved:
    """What takes a movement back that a count has seen already."""
    return Moved(-move.quantity, COUNTED, move.reference, move.occurred_at)


@dataclass(frozen=True, slots=True)
class Holder:
    """An order that holds locked units per SKU id; a sequence of them is in the order of the queue."""

    order_id: int
    units: Mapping[int, int]


def give_back(holders: Sequence[Holder], lacking: Mapping[int, int]) -> list[int]:
    """Orders that give back all they hold until nothing lacks per SKU id: the last in the queue first.

    Fewer than needed when all of them together hold too little.
    """
    left = dict(lacking)
    chosen: list[int] = []
    for holder in reversed(holders):
        if any(left.get(sku_id, 0) > 0 for sku_id in holder.units):
            chosen.append(holder.order_id)
            for sku_id, units in holder.units.items():
                left[sku_id] = left.get(sku_id, 0) - units
    return chosen


def threatened(holders: Sequence[Holder], sku_id: int, missing: int) -> dict[int, int]:
    """Which orders a shortfall threatens, with how many of their units are not there: the last in the queue first."""
    left = missing
    found: dict[int, int] = {}
    for holder in reversed(holders):
        units = min(holder.units.get(sku_id, 0), left)
        if units > 0:
            found[holder.order_id] = units
            left -= units
    return found
