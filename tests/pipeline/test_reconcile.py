"""The reconciler: silent when all agree, one finding per wrong fact."""

from datetime import UTC, datetime

import pytest

from models.database import connect
from tasks.reconcile import reconcile
from tests.pipeline.conftest import World
from tests.pipeline.orders import order
from tests.pipeline.test_six_stages import through_the_stages, work_off


@pytest.fixture
def shipped_in_part(world: World) -> World:
    """30 orders dispatched; those of one warehouse have left."""
    world.load("woo-1", [order(n, datetime.now(UTC)) for n in range(30)])
    through_the_stages("woo-1")
    world.sandbox.do("POST", "warehouses/WH-E/ship", {})
    work_off()
    return world


def change(statement: str) -> None:
    with connect() as conn:
        assert conn.execute(statement.encode()).rowcount == 1


def sentences() -> list[str]:
    return [mismatch.sentence for mismatch in reconcile()]


def test_nothing_is_found_in_an_undisturbed_pool(shipped_in_part: World) -> None:
    assert sentences() == []


def test_three_changed_facts_give_these_three_findings(shipped_in_part: World) -> None:
    change("""update stock set on_hand = on_hand + 3 where (warehouse_id, sku_id) =
              (select w.id, k.id from warehouse w, sku k where w.code = 'WH-N' and k.code = 'SKU-11')""")
    change("update lock set quantity = quantity + 1 where id = (select min(id) from lock where state = 'open')")
    change("""update order_state set stage = 'validated' where order_id =
              (select max(order_id) from order_state where stage = 'dispatched')""")

    found = sentences()

    assert len(found) == 3
    assert any(sentence.startswith("stock of SKU SKU-11 in WH-N: on hand is 1003") for sentence in found)
    assert any("lock of order" in sentence and "its order wants" in sentence for sentence in found)
    assert any("stage is validated; its events say dispatched" in sentence for sentence in found)


@pytest.mark.parametrize(
    "statement",
    [
        "update stock set locked = locked + 1 where ctid = (select ctid from stock where locked > 0 limit 1)",
        "update stock set opening = opening + 1 where ctid = (select ctid from stock limit 1)",
        "update sku_pool set locked = locked + 1 where sku_id = (select min(sku_id) from sku_pool)",
        "update sku_pool set on_hand = on_hand + 1 where sku_id = (select min(sku_id) from sku_pool)",
        "update lock set state = 'released', ended_at = locked_at"
        " where id = (select min(id) from lock where state = 'open')",
        "update lock set quantity = quantity + 1 where id = (select min(id) from lock where state = 'moved')",
        "update lock set quantity = quantity + 1 where id = (select min(id) from lock where state = 'consumed')",
        "update lock set state = 'released' where id = (select min(id) from lock where state = 'consumed')",
        "update lock set sku_id = sku_id + 1 where id = (select min(id) from lock where state = 'open')",
        "delete from lock where id = (select min(id) from lock where state = 'open')",
        "update allocation set shipped = shipped - 1"
        " where ctid = (select ctid from allocation where shipped > 1 limit 1)",
        "delete from order_state where order_id = (select min(order_id) from order_state)",
        "delete from outbox where id = (select min(id) from outbox where kind = 'ship_back')",
    ],
)
def test_one_changed_fact_gives_one_finding(shipped_in_part: World, statement: str) -> None:
    change(statement)

    assert len(sentences()) == 1
