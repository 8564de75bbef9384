"""Which outbound documents of a warehouse are picked in one walk.

Documents of one unit are picked in bulk and shipped label by label: those of the same SKU together, the others zone by
zone. Documents of several units are gathered in slots, those of one zone together. What leaves with another carrier,
or at another time, is another wave. Within each, what has to leave first comes first.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from models.floor import WaveKind


@dataclass(frozen=True, slots=True)
class Waiting:
    """A document that waits: its carrier with its last pick-up, its deadline, and its units by SKU id."""

    document_id: int
    carrier: str
    leaves_at: datetime | None
    deadline_at: datetime
    units: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class WaveSizes:
    """From how many documents on a SKU has waves of its own, and how many documents a wave takes.

    `slots` is how many orders a picker's cart keeps apart.
    """

    same_sku: int = 5
    one_item: int = 60
    slots: int = 20


@dataclass(frozen=True, slots=True)
class PlannedWave:
    """Documents to be picked together, by deadline: their places in the tuple are their slots, from 1 on."""

    kind: WaveKind
    zone: str
    carrier: str
    leaves_at: datetime | None
    documents: tuple[int, ...]


_Whose = TypeVar("_Whose", int, str)
_Key = tuple[str, datetime | None, WaveKind, int, str]


def zone_of(place: str) -> str:
    """The zone of a place: what stands before its first dash."""
    return place.partition("-")[0]


def plan_waves(waiting: Sequence[Waiting], places: Mapping[int, str], sizes: WaveSizes) -> list[PlannedWave]:
    """Put every waiting document into one wave, those that leave first in front. `places` are by SKU id."""
    singles: dict[tuple[str, datetime | None, int], int] = defaultdict(int)
    for document in waiting:
        if _is_single(document):
            (sku_id,) = document.units
            singles[document.carrier, document.leaves_at, sku_id] += 1
    groups: dict[_Key, list[Waiting]] = defaultdict(list)
    for document in sorted(waiting, key=lambda one: (one.deadline_at, one.document_id)):
        kind, sku_id = WaveKind.MIXED, 0
        if _is_single(document):
            (sku_id,) = document.units
            alike = singles[document.carrier, document.leaves_at, sku_id]
            kind, sku_id = (WaveKind.SINGLE_SKU, sku_id) if alike >= sizes.same_sku else (WaveKind.SINGLE_ITEM, 0)
        groups[document.carrier, document.leaves_at, kind, sku_id, _zone(document.units, places)].append(document)
    waves = [wave for key, documents in groups.items() for wave in _cut(key, documents, sizes)]
    deadlines = {document.document_id: document.deadline_at for document in waiting}
    return sorted(waves, key=lambda wave: (deadlines[wave.documents[0]], wave.documents))


def shared_out(units: int, wishes: Iterable[tuple[_Whose, int]]) -> dict[_Whose, int]:
    """Units of a SKU for those who want so many of it, in their order, while they last."""
    given: dict[_Whose, int] = {}
    for whose, wanted in wishes:
        given[whose] = min(wanted, units)
        units -= given[whose]
    return given


def _is_single(document: Waiting) -> bool:
    return sum(document.units.values()) == 1


def _zone(skus: Iterable[int], places: Mapping[int, str]) -> str:
    zones = {zone_of(places.get(sku_id, "")) for sku_id in skus}
    return zones.pop() if len(zones) == 1 else ""


def _cut(key: _Key, documents: Sequence[Waiting], sizes: WaveSizes) -> Iterable[PlannedWave]:
    carrier, leaves_at, kind, _, zone = key
    most = sizes.slots if kind is WaveKind.MIXED else sizes.one_item
    for start in range(0, len(documents), most):
        chosen = tuple(document.document_id for document in documents[start : start + most])
        yield PlannedWave(kind, zone, carrier, leaves_at, chosen)
