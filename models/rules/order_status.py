"""An order's status as people see it, derived from its stage, open holds, documents and parcels."""

from collections.abc import Collection
from enum import StrEnum
from typing import NamedTuple

from models.hold import HoldCode
from models.order import Stage
from models.shipment import CLOSED, LEFT, DocumentState, ParcelStage


class Status(StrEnum):
    """What people call where an order stands."""

    WAITING_PAYMENT = "waiting_payment"
    HELD = "held"
    SHORT = "short"
    IN_PROCESS = "in_process"
    AT_WAREHOUSE = "at_warehouse"
    PARTLY_SHIPPED = "partly_shipped"
    SHIPPED = "shipped"
    PROBLEM = "problem"
    DELIVERED = "delivered"
    RETURNED = "returned"
    CANCELLED = "cancelled"


WAITS_FOR_PAYMENT = frozenset({HoldCode.UNPAID, HoldCode.PAYMENT_FAILED, HoldCode.LOCK_EXPIRED})
"""Holds that only a payment ends; whatever else an order is held for does not matter before."""

WAITS_FOR_STOCK = frozenset({HoldCode.SHORT_STOCK, HoldCode.SHORT_ROUTE, HoldCode.AWAITING_STOCK})
"""Holds that end when goods, or room in a warehouse, are there."""

NOT_SHIPPED = frozenset(
    {Status.WAITING_PAYMENT, Status.HELD, Status.SHORT, Status.IN_PROCESS, Status.AT_WAREHOUSE, Status.PARTLY_SHIPPED}
)
"""Statuses in which something of the order has still to leave: those that can be overdue."""

_TROUBLE = frozenset({ParcelStage.PROBLEM, ParcelStage.RETURNING})


class Facts(NamedTuple):
    """What the status of one order follows from: its documents and parcels that were not cancelled count."""

    stage: Stage
    holds: Collection[HoldCode] = ()
    documents: Collection[DocumentState] = ()
    parcels: Collection[ParcelStage] = ()


def order_status(facts: Facts) -> Status:
    """The one status of an order; total over every combination of facts.

    Before dispatch the holds say it: payment first, shortage only when nothing else is open. After dispatch what left
    says it; while nothing has left, an open hold means that somebody has to decide.
    """
    if facts.stage is Stage.CANCELLED:
        return Status.CANCELLED
    if facts.stage is not Stage.DISPATCHED:
        return _before_dispatch(frozenset(facts.holds))
    parcels = [stage for stage in facts.parcels if stage is not ParcelStage.CANCELLED]
    documents = [state for state in facts.documents if state is not DocumentState.CANCELLED]
    if not parcels and not LEFT.intersection(documents):
        return _before_leaving(bool(facts.holds), documents)
    return _after_leaving(facts, documents, parcels)


def _before_dispatch(holds: frozenset[HoldCode]) -> Status:
    if holds & WAITS_FOR_PAYMENT:
        return Status.WAITING_PAYMENT
    if not holds:
        return Status.IN_PROCESS
    return Status.SHORT if holds <= WAITS_FOR_STOCK else Status.HELD


def _before_leaving(held: bool, documents: Collection[DocumentState]) -> Status:
    if held:
        return Status.HELD
    works_on_it = documents and DocumentState.REJECTED not in documents
    return Status.AT_WAREHOUSE if works_on_it else Status.PROBLEM


def _after_leaving(facts: Facts, documents: Collection[DocumentState], parcels: Collection[ParcelStage]) -> Status:
    if _TROUBLE.intersection(parcels):
        return Status.PROBLEM
    if HoldCode.SHIPPED_SHORT in facts.holds or any(state not in CLOSED for state in documents):
        return Status.PARTLY_SHIPPED
    if not parcels or any(stage not in _ENDED for stage in parcels):
        return Status.SHIPPED
    return Status.DELIVERED if ParcelStage.DELIVERED in parcels else Status.RETURNED


_ENDED = frozenset({ParcelStage.DELIVERED, ParcelStage.RETURNED})
