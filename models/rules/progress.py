"""Where an order stands in the words of its buyer: one bar of steps, and what lies beside it.

What holds an order up inside the house (a review, a shortage, a warehouse that refused) is no word of the buyer's: it
has been placed, or is being prepared.
"""

from collections.abc import Collection
from enum import StrEnum
from typing import Final

from models.order import Stage
from models.rules.order_status import Facts, Status, order_status
from models.shipment import LEFT, DocumentState, ParcelStage


class Progress(StrEnum):
    """A step of the bar, or a state beside it."""

    PLACED = "placed"
    PREPARING = "preparing"
    LEFT = "left"
    COLLECTED = "collected"
    IN_TRANSIT = "in_transit"
    OUT_FOR_DELIVERY = "out_for_delivery"
    AT_PICKUP_POINT = "at_pickup_point"  # in the place of OUT_FOR_DELIVERY
    DELIVERED = "delivered"
    PROBLEM = "problem"
    RETURNING = "returning"
    RETURNED = "returned"
    CANCELLED = "cancelled"


WAY: Final = (
    Progress.PLACED,
    Progress.PREPARING,
    Progress.LEFT,
    Progress.COLLECTED,
    Progress.IN_TRANSIT,
    Progress.OUT_FOR_DELIVERY,
    Progress.DELIVERED,
)
"""The steps of the bar, in their order."""

BESIDE: Final = frozenset({Progress.PROBLEM, Progress.RETURNING, Progress.RETURNED, Progress.CANCELLED})
"""States that are no step of the bar."""

_OF_PARCELS: Final[dict[ParcelStage, Progress]] = {
    ParcelStage.LABEL_CREATED: Progress.LEFT,
    ParcelStage.COLLECTED: Progress.COLLECTED,
    ParcelStage.IN_TRANSIT: Progress.IN_TRANSIT,
    ParcelStage.OUT_FOR_DELIVERY: Progress.OUT_FOR_DELIVERY,
    ParcelStage.AT_PICKUP_POINT: Progress.AT_PICKUP_POINT,
    ParcelStage.DELIVERED: Progress.DELIVERED,
    ParcelStage.PROBLEM: Progress.PROBLEM,
    ParcelStage.RETURNING: Progress.RETURNING,
    ParcelStage.RETURNED: Progress.RETURNED,
    ParcelStage.CANCELLED: Progress.CANCELLED,
}


def of_parcel(stage: ParcelStage) -> Progress:
    """Where a parcel is. One that was reported has left the warehouse, whether or not a carrier has seen it."""
    return _OF_PARCELS[stage]


def step_of(progress: Progress) -> int:
    """The place in WAY of a step; -1 for what lies beside it."""
    if progress is Progress.AT_PICKUP_POINT:
        return WAY.index(Progress.OUT_FOR_DELIVERY)
    return -1 if progress in BESIDE else WAY.index(progress)


def furthest_step(scanned: Collection[ParcelStage]) -> int:
    """How far along WAY a parcel came by what was ever scanned of it; at least to where it left."""
    return max([step_of(Progress.LEFT), *(step_of(of_parcel(stage)) for stage in scanned)])


def of_order(facts: Facts) -> Progress:
    """Where an order stands: as far as what is furthest behind, or in trouble with any of its parcels."""
    if facts.stage is Stage.CANCELLED:
        return Progress.CANCELLED
    parcels = [of_parcel(stage) for stage in facts.parcels if stage is not ParcelStage.CANCELLED]
    if not parcels:
        return _before_a_parcel(facts)
    for trouble in (Progress.PROBLEM, Progress.RETURNING):
        if trouble in parcels:
            return trouble
    if order_status(facts) is Status.PARTLY_SHIPPED:
        return Progress.PREPARING
    under_way = [parcel for parcel in parcels if parcel is not Progress.RETURNED]
    # of two at one step the one that the buyer must fetch counts
    return min(under_way, key=lambda each: (step_of(each), each is not Progress.AT_PICKUP_POINT), default=parcels[0])


def _before_a_parcel(facts: Facts) -> Progress:
    documents = [state for state in facts.documents if state is not DocumentState.CANCELLED]
    if LEFT.intersection(documents):
        return Progress.LEFT
    return Progress.PREPARING if facts.stage in (Stage.ROUTED, Stage.DISPATCHED) else Progress.PLACED


def has_left_in_part(facts: Facts) -> bool:
    """Whether something of the order is with the buyer or on its way, and something has still to leave."""
    return bool(facts.parcels) and order_status(facts) is Status.PARTLY_SHIPPED
