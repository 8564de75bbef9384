"""What routing decides of an order: a plan of parts, small and as JSON made of codes, or why there is none."""

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Any, NamedTuple

from models.stock import Basis


class Why(StrEnum):
    """Why a warehouse, or a set of warehouses, does not serve an order."""

    LACKS_STOCK = "lacks_stock"  # it does not have all units
    NO_ROOM = "no_room"  # its days are full up to the horizon
    NO_CARRIER = "no_carrier"  # no carrier of it takes such a parcel there
    OUT_OF_AREA = "out_of_area"  # the rules let only the areas' warehouses serve
    SPLIT_FORBIDDEN = "split_forbidden"  # only several together could, and the rules forbid splits
    TOO_MANY_PARCELS = "too_many_parcels"  # it would take more parcels than the rules allow
    UNTELLABLE = "untellable"  # the channel could not be told of such parcels
    PART_TOO_SMALL = "part_too_small"  # a part would be worth less than the rules ask
    LATER = "later"  # it misses the promise, or misses it by more
    WAITS = "waits"  # it would wait (longer) for a day with room
    FARTHER_AREA = "farther_area"  # its areas are less local, of a higher number, or do not cover the receiver
    UNPREFERRED = "unpreferred"  # it could not use a carrier that the rules prefer
    DEARER = "dearer"  # it costs more
    SLOWER = "slower"  # it costs the same and arrives later
    EQUAL = "equal"  # equal in everything but distance, order of carriers and code
    NO_AREA = "no_area"  # no service area covers the receiver
    SEVERAL = "several"  # several warehouses of the same area and priority, or the rules let the cost decide first


class Part(NamedTuple):
    """What one warehouse ships of an order, in one parcel.

    `units` is per line number and SKU id; `ship_day` (China) the day whose room it takes; `leaves_at` the pick-up by
    the carrier, or the first moment of the day where no cut-off is known; `arrives_on` the day of arrival; `kept`
    whether it leaves within the order's promise, true without one.
    """

    warehouse_id: int
    warehouse: str
    carrier: str
    ship_day: date
    leaves_at: datetime
    arrives_on: date
    kept: bool
    cost_fen: int
    units: Mapping[tuple[int, int], int]


class Rejected(NamedTuple):
    """Warehouses (codes) that do not serve the order together, and the first reason why."""

    warehouses: tuple[str, ...]
    why: Why


class Gap(NamedTuple):
    """By how much a plan may miss the best one: parcels and fen above what no plan can go below."""

    parcels: int
    cost_fen: int


class Plan(NamedTuple):
    """How an order is served, one part per warehouse.

    `basis` AREA: its area's first warehouse has all of it, room on the first day it could leave, and keeps the
    promise. PLAN: anything else; then `why` is what kept the area's first warehouse from it, `rejected` what else was
    near, best first, and `gap` is None when the plan is proven best.
    """

    order_id: int
    rule_version: int
    basis: Basis
    parts: tuple[Part, ...]
    why: Why | None = None
    rejected: tuple[Rejected, ...] = ()
    gap: Gap | None = None

    @property
    def cost_fen(self) -> int:
        """Of all its parts."""
        return sum(part.cost_fen for part in self.parts)

    @property
    def kept(self) -> bool:
        """Whether all of it leaves within the promise."""
        return all(part.kept for part in self.parts)

    def to_json(self) -> dict[str, Any]:
        """The plan without its order id, for storing; `plan_from` reads it."""
        return {
            "version": self.rule_version,
            "basis": self.basis.value,
            "parts": [_part_json(part) for part in self.parts],
            "why": self.why.value if self.why else None,
            "rejected": [[list(each.warehouses), each.why.value] for each in self.rejected],
            "gap": list(self.gap) if self.gap else None,
        }


class NoPlan(NamedTuple):
    """Why an order cannot be served now.

    `why` is the obstacle of the order as a whole, `warehouses` that of each warehouse by code. `missing` is per SKU id
    what was wanted and what there is: at the fullest warehouse (`fullest`, its code; "" when none may serve at all).
    `next_try_at`: when a further try makes sense by the clock alone; stock that comes may allow one before.
    """

    order_id: int
    rule_version: int
    why: Why
    warehouses: Mapping[str, Why]
    fullest: str
    missing: Mapping[int, tuple[int, int]]
    next_try_at: datetime


Decision = Plan | NoPlan


def plan_from(order_id: int, stored: Mapping[str, Any]) -> Plan:
    """The plan that `Plan.to_json` made."""
    return Plan(
        order_id,
        stored["version"],
        Basis(stored["basis"]),
        tuple(_part_from(part) for part in stored["parts"]),
        Why(stored["why"]) if stored["why"] else None,
        tuple(Rejected(tuple(codes), Why(why)) for codes, why in stored["rejected"]),
        Gap(*stored["gap"]) if stored["gap"] else None,
    )


def _part_json(part: Part) -> dict[str, Any]:
    return {
        "id": part.warehouse_id,
        "warehouse": part.warehouse,
        "carrier": part.carrier,
        "ship_day": part.ship_day.isoformat(),
        "leaves_at": part.leaves_at.isoformat(),
        "arrives_on": part.arrives_on.isoformat(),
        "kept": part.kept,
        "cost_fen": part.cost_fen,
        "units": [[line_no, sku_id, units] for (line_no, sku_id), units in part.units.items()],
    }


def _part_from(stored: Mapping[str, Any]) -> Part:
    return Part(
        stored["id"],
        stored["warehouse"],
        stored["carrier"],
        date.fromisoformat(stored["ship_day"]),
        datetime.fromisoformat(stored["leaves_at"]),
        date.fromisoformat(stored["arrives_on"]),
        stored["kept"],
        stored["cost_fen"],
        {(line_no, sku_id): units for line_no, sku_id, units in stored["units"]},
    )
