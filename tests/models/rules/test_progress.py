from itertools import product

import pytest

from models.hold import HoldCode
from models.order import Stage
from models.rules.order_status import Facts
from models.rules.progress import BESIDE, WAY, Progress, furthest_step, has_left_in_part, of_order, of_parcel, step_of
from models.shipment import DocumentState, ParcelStage

SHIPPED = (DocumentState.SHIPPED,)


@pytest.mark.parametrize(
    ("facts", "progress"),
    [
        (Facts(Stage.INGESTED), Progress.PLACED),
        (Facts(Stage.VALIDATED, [HoldCode.UNPAID]), Progress.PLACED),
        (Facts(Stage.LOCKED, [HoldCode.REMARK]), Progress.PLACED),
        (Facts(Stage.ROUTED), Progress.PREPARING),
        (Facts(Stage.DISPATCHED, (), [DocumentState.PICKING]), Progress.PREPARING),
        (Facts(Stage.DISPATCHED, (), [DocumentState.REJECTED]), Progress.PREPARING),
        (Facts(Stage.DISPATCHED, (), SHIPPED), Progress.LEFT),
        (Facts(Stage.DISPATCHED, (), SHIPPED, [ParcelStage.LABEL_CREATED]), Progress.LEFT),
        (Facts(Stage.DISPATCHED, (), SHIPPED, [ParcelStage.DELIVERED, ParcelStage.COLLECTED]), Progress.COLLECTED),
        (Facts(Stage.DISPATCHED, (), SHIPPED, [ParcelStage.DELIVERED, ParcelStage.PROBLEM]), Progress.PROBLEM),
        (Facts(Stage.DISPATCHED, (), SHIPPED, [ParcelStage.RETURNED, ParcelStage.IN_TRANSIT]), Progress.IN_TRANSIT),
        (Facts(Stage.DISPATCHED, (), SHIPPED, [ParcelStage.RETURNED]), Progress.RETURNED),
        (Facts(Stage.DISPATCHED, (), SHIPPED, [ParcelStage.CANCELLED]), Progress.LEFT),
        (
            Facts(Stage.DISPATCHED, (), SHIPPED, [ParcelStage.OUT_FOR_DELIVERY, ParcelStage.AT_PICKUP_POINT]),
            Progress.AT_PICKUP_POINT,
        ),
        (
            Facts(Stage.DISPATCHED, (), [DocumentState.PART_SHIPPED], [ParcelStage.DELIVERED]),
            Progress.PREPARING,
        ),
        (Facts(Stage.CANCELLED, (), SHIPPED, [ParcelStage.DELIVERED]), Progress.CANCELLED),
    ],
)
def test_an_order_stands_where_its_buyer_understands_it(facts: Facts, progress: Progress) -> None:
    assert of_order(facts) is progress


def test_every_state_is_a_step_or_lies_beside_the_bar() -> None:
    assert {progress for progress in Progress if step_of(progress) < 0} == BESIDE
    assert [step_of(step) for step in WAY] == list(range(len(WAY)))
    assert {of_parcel(stage) for stage in ParcelStage} <= set(Progress)


def test_every_combination_of_facts_has_a_word() -> None:
    for stage, document, parcels in product(Stage, DocumentState, product(ParcelStage, repeat=2)):
        facts = Facts(stage, (), [document], parcels)
        assert of_order(facts) in Progress
        assert not (has_left_in_part(facts) and of_order(facts) is Progress.DELIVERED)


def test_a_parcel_in_trouble_is_shown_as_far_as_it_came() -> None:
    scanned = [ParcelStage.PROBLEM, ParcelStage.IN_TRANSIT, ParcelStage.COLLECTED]

    assert furthest_step(scanned) == step_of(Progress.IN_TRANSIT)
    assert furthest_step([]) == step_of(Progress.LEFT)
