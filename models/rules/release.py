"""Who goes when warehouses have room for some only: the earliest promises first."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Unit:
    """What is released as a whole: an order, or orders that share a document; one document per warehouse.

    `key` is the lowest of the order ids. `due` is until when it should leave, of several orders the earliest.
    """

    key: int
    due: datetime
    paid_at: datetime
    warehouses: frozenset[int]

    @property
    def place(self) -> tuple[datetime, datetime, int]:
        """Where it stands in the line, lower first: its promise, when it was paid, its id."""
        return self.due, self.paid_at, self.key


@dataclass(slots=True)
class Release:
    """Keys of units that go, and for each that waits the warehouse that lacks room."""

    going: list[int] = field(default_factory=list)
    waiting: dict[int, int] = field(default_factory=dict)


def release_by_room(units: Iterable[Unit], rooms: Mapping[int, int]) -> Release:
    """Let units go in their line as long as every warehouse of theirs has room for one more document.

    `rooms` are the documents that each metered warehouse takes still, 0 or fewer: none; a warehouse that is not in it
    takes all. A unit that one of its warehouses has no room for waits there (at the fullest; of equals the lowest id)
    and lets those behind it pass. The first that waits at a warehouse keeps its places in its other ones: without,
    a unit that needs two full warehouses could be passed for ever; with one for each that waits, a warehouse that
    takes nothing would stop the others.
    """
    left = dict(rooms)
    found = Release()
    led: set[int] = set()
    for unit in sorted(units, key=lambda unit: unit.place):
        metered = unit.warehouses & left.keys()
        full = [warehouse for warehouse in metered if left[warehouse] <= 0]
        if not full:
            found.going.append(unit.key)
        else:
            found.waiting[unit.key] = min(full, key=lambda warehouse: (left[warehouse], warehouse))
        if not full or found.waiting[unit.key] not in led:
            led.update(full)
            for warehouse in metered.difference(full):
                left[warehouse] -= 1
    return found
