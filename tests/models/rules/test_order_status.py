"""An order's status as people see it."""

from itertools import combinations

import pytest

from models.hold import HoldCode
from models.order import Stage
from models.rules.order_status import Facts, Status, order_status
from models.shipment import DocumentState as D
from models.shipment import ParcelStage as P

LOCKED, SENT = Stage.LOCKED, Stage.DISPATCHED

TABLE = [
    (Facts(Stage.INGESTED), Status.IN_PROCESS),
    (Facts(LOCKED), Status.IN_PROCESS),
    (Facts(LOCKED, [HoldCode.UNPAID]), Status.WAITING_PAYMENT),
    (Facts(LOCKED, [HoldCode.UNPAID, HoldCode.REMARK]), Status.WAITING_PAYMENT),
    (Facts(LOCKED, [HoldCode.SHORT_STOCK]), Status.SHORT),
    (Facts(LOCKED, [HoldCode.SHORT_ROUTE, HoldCode.AWAITING_STOCK]), Status.SHORT),
    (Facts(LOCKED, [HoldCode.SHORT_STOCK, HoldCode.MANUAL]), Status.HELD),
    (Facts(LOCKED, [HoldCode.REMARK]), Status.HELD),
    (Facts(Stage.CANCELLED, [HoldCode.REMARK]), Status.CANCELLED),
    (Facts(SENT, [], [D.CREATED]), Status.AT_WAREHOUSE),
    (Facts(SENT, [], [D.PACKED, D.PICKING]), Status.AT_WAREHOUSE),
    (Facts(SENT, [HoldCode.CHANGED_LATE], [D.PICKING]), Status.HELD),
    (Facts(SENT, [], [D.REJECTED]), Status.PROBLEM),
    (Facts(SENT, [HoldCode.WMS_REFUSED], [D.REJECTED]), Status.HELD),
    (Facts(SENT, [], [D.CANCELLED]), Status.PROBLEM),
    (Facts(SENT, [], [D.SHIPPED, D.ACCEPTED], [P.IN_TRANSIT]), Status.PARTLY_SHIPPED),
    (Facts(SENT, [], [D.PART_SHIPPED], [P.DELIVERED]), Status.PARTLY_SHIPPED),
    (Facts(SENT, [HoldCode.SHIPPED_SHORT], [D.SHORT], [P.IN_TRANSIT]), Status.PARTLY_SHIPPED),
    (Facts(SENT, [], [D.SHORT], [P.DELIVERED]), Status.DELIVERED),
    (Facts(SENT, [], [D.SHIPPED]), Status.SHIPPED),
    (Facts(SENT, [], [D.SHIPPED], [P.LABEL_CREATED]), Status.SHIPPED),
    (Facts(SENT, [], [D.SHIPPED], [P.DELIVERED, P.IN_TRANSIT]), Status.SHIPPED),
    (Facts(SENT, [], [D.SHIPPED], [P.DELIVERED, P.CANCELLED]), Status.DELIVERED),
    (Facts(SENT, [], [D.SHIPPED], [P.DELIVERED, P.RETURNED]), Status.DELIVERED),
    (Facts(SENT, [], [D.SHIPPED], [P.RETURNED]), Status.RETURNED),
    (Facts(SENT, [], [D.SHIPPED], [P.RETURNING]), Status.PROBLEM),
    (Facts(SENT, [], [D.SHIPPED, D.ACCEPTED], [P.PROBLEM]), Status.PROBLEM),
]


@pytest.mark.parametrize(("facts", "status"), TABLE)
def test_status_follows_from_the_facts(facts: Facts, status: Status) -> None:
    assert order_status(facts) is status


def test_every_combination_of_stage_document_and_parcels_has_a_status() -> None:
    for stage in Stage:
        for documents in combinations(D, 2):
            for parcels in combinations(P, 2):
                assert order_status(Facts(stage, [], documents, parcels)) in Status
