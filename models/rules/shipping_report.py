"""What a shop can be told about the boxes of an order: decided from what its channel can take, and nothing else."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


class Limits(Protocol):
    """The part of a channel's capabilities that reports of parcels keep to."""

    @property
    def tracking_unit(self) -> str:
        """The smallest thing that carries a number: `order`, `line` or `units`."""

    @property
    def parcels_per_order(self) -> int | None:
        """How many numbers an order takes; None: any."""

    @property
    def numbers_at_once(self) -> bool:
        """Whether one call has to name all numbers of an order."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line that is ours to ship: our number and the platform's, its pieces, and how many are still to leave.

    `closed`: the shop says that nothing more is to be shipped of it, be it refunded or reported before.
    """

    number: int
    platform_line: str
    sku_code: str
    quantity: int
    to_come: int
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Parcel:
    """A box that left, with the pieces of each line (by our number) in it.

    A line of kits has those that the box completes: 0 where it holds nothing but parts of them.
    """

    id: int
    carrier: str
    waybill: str
    pieces: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Shipment:
    """An order on its way: its lines by our number, and its boxes of all documents, first to leave first."""

    order_no: str
    lines: Mapping[int, Line]
    parcels: Sequence[Parcel]

    @property
    def to_come(self) -> int:
        """Pieces that are still to leave."""
        return sum(line.to_come for line in self.lines.values())


@dataclass(frozen=True, slots=True)
class Report:
    """What to say of one box: its pieces by line, whether it is the whole order, whether it is the last to be told.

    `others` are boxes to be named with it: those before it, or all others where one call names all numbers.
    """

    pieces: Mapping[int, int]
    whole: bool
    last: bool
    others: tuple[Parcel, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """The channel can never be told of this box; the sentence says why."""

    sentence: str


@dataclass(frozen=True, slots=True)
class NotYet:
    """The channel can be told of this box only once more has happened; the sentence says what."""

    sentence: str


@dataclass(frozen=True, slots=True)
class Silence:
    """There is nothing to say of this box: it holds parts of kits, which the channel knows only as whole pieces."""


Verdict = Report | Refusal | NotYet | Silence


def judge(shipment: Shipment, limits: Limits, channel: str) -> dict[int, Verdict]:
    """What to say of each box of an order, by parcel id.

    Boxes claim what they can in the order in which they left: where a line takes one number it is that of its
    first box, and where an order takes so many numbers they are those of its first boxes. A box of parts only is
    named where the order as a whole carries the numbers; elsewhere the box that completes the kit speaks for it.
    """
    if limits.numbers_at_once and shipment.to_come:
        sentence = (
            f"{shipment.to_come} pieces of order {shipment.order_no} are still to leave; "
            f"{channel} takes all its numbers in one call"
        )
        return {parcel.id: NotYet(sentence) for parcel in shipment.parcels}
    claims: dict[int, Mapping[int, int] | Refusal | Silence] = {}
    told: list[Parcel] = []
    for parcel in shipment.parcels:
        claims[parcel.id] = _claim(shipment, parcel, told, limits, channel)
        if not isinstance(claims[parcel.id], Refusal | Silence):
            told.append(parcel)
    return {
        parcel.id: claim if isinstance(claim, Refusal | Silence) else _report(shipment, parcel, claim, told, limits)
        for parcel in shipment.parcels
        for claim in (claims[parcel.id],)
    }


def reportable(limits: Limits, parts: Sequence[Mapping[int, int]]) -> str:
    """Why a plan could not be reported, "" when it can; `parts` are the units per line of each planned parcel."""
    parcels = [part for part in parts if any(part.values())]
    most = limits.parcels_per_order
    if most is not None and len(parcels) > most:
        return f"it would leave in {len(parcels)} parcels; {_numbers(most)} per order can be reported"
    if limits.tracking_unit == "line":
        parcels_of = Counter(line for part in parcels for line, units in part.items() if units)
        for line in sorted(parcels_of):
            if parcels_of[line] > 1:
                return f"line {line} would leave in {parcels_of[line]} parcels; 1 number per line can be reported"
    return ""


def _claim(
    shipment: Shipment, parcel: Parcel, told: Sequence[Parcel], limits: Limits, channel: str
) -> Mapping[int, int] | Refusal | Silence:
    pieces = _pieces(shipment, parcel)
    if limits.tracking_unit != "order":
        pieces = {line: units for line, units in pieces.items() if units}
        if not pieces:
            return Silence()
    most = limits.parcels_per_order
    if most is not None and len(told) >= most:
        boxes = len(shipment.parcels)
        return Refusal(f"order {shipment.order_no} is in {boxes} boxes; {channel} takes {_numbers(most)} per order")
    if limits.tracking_unit != "line":
        return pieces
    carried = {line: other.waybill for other in reversed(told) for line, units in other.pieces.items() if units}
    fresh = {line: units for line, units in pieces.items() if line not in carried}
    if fresh:
        return fresh
    line = min(pieces)
    return Refusal(
        f"line {line} of order {shipment.order_no} carries {carried[line]} already; {channel} takes one number per line"
    )


def _pieces(shipment: Shipment, parcel: Parcel) -> Mapping[int, int]:
    """What of a box the shop can be told: a closed line is left out, unless there is nothing else in the box.

    Then it may have been closed by this very report, of which we never got the answer.
    """
    wanted = {line: units for line, units in parcel.pieces.items() if not shipment.lines[line].closed}
    return wanted or parcel.pieces


def _report(
    shipment: Shipment, parcel: Parcel, claim: Mapping[int, int], told: Sequence[Parcel], limits: Limits
) -> Report:
    whole = len(shipment.parcels) == 1 and _is_all(shipment, parcel, claim, limits)
    if limits.numbers_at_once:
        return Report(claim, whole, True, tuple(other for other in told if other is not parcel))
    last = parcel is told[-1] and shipment.to_come == 0
    return Report(claim, whole, last, tuple(told[: told.index(parcel)]))


def _is_all(shipment: Shipment, parcel: Parcel, claim: Mapping[int, int], limits: Limits) -> bool:
    """Whether a box stands for its order: one with a closed line elsewhere must not, where lines can be named.

    That line may have left already, or leave from a warehouse of the platform, under a number that is not ours.
    """
    if limits.tracking_unit != "order":
        return all(parcel.pieces.get(line.number) == line.quantity for line in shipment.lines.values())
    wanted = (line for line in shipment.lines.values() if line.number in claim or not line.closed)
    return all(claim.get(line.number) == line.quantity for line in wanted)


def _numbers(count: int) -> str:
    return f"{count} number{'' if count == 1 else 's'}"
