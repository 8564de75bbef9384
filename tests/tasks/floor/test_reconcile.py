"""What the reconciler finds when the floor and the pool say different things."""

import pytest

from tasks.reconcile import reconcile
from tests.tasks.floor.house import House, waybill


@pytest.fixture
def shipped(house: House) -> str:
    """A document that left, beside one that is picked; the number of the first."""
    no, _ = house.orders({"TEA": 2}, {"CUP": 2})
    house.fetch(house.waves()[0])
    house.check_all(no)
    house.scan("ship", waybill(1), document=no)
    assert reconcile() == []
    return no


@pytest.mark.parametrize(
    ("spoilt", "told"),
    [
        ("update floor_task set state = 'packed' where document_id = 1", "is shipped, yet on the floor"),
        ("update floor_task set state = 'done' where document_id = 2", "is picked, yet on the floor"),
        (
            "update floor_unit set boxed = 1 where document_id = 1",
            "1 units were scanned out, yet 2 lie in its parcels",
        ),
        (
            "update floor_unit set checked = 2, boxed = 2 where document_id = 2",
            "2 units were scanned out, yet 0 lie in its parcels",
        ),
    ],
)
def test_one_changed_fact_gives_one_finding(house: House, shipped: str, spoilt: str, told: str) -> None:
    house.pool.execute(spoilt)
    (found,) = reconcile()
    assert told in found.sentence
