"""Safety stock is set shelf by shelf, and the pool keeps the sum."""

from pathlib import Path

import pytest

from models.errors import SetupError
from tasks.safety_stock import import_safety
from tests.fakes import FakePool


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    return tmp_path / "safety.csv"


def test_the_pool_keeps_the_sum_of_its_shelves(pool: FakePool, sheet: Path) -> None:
    pool.stock(TEA=10, TEA_B=5)
    sheet.write_text("warehouse,sku,safety\nWH-A,TEA,4\nWH-B,TEA,2\n")

    done = import_safety(sheet)

    assert (done.added, done.changed, done.same) == (0, 2, 0)
    assert pool.rows("select safety from sku_pool") == [(6,)]
    assert pool.untrue() == []


def test_a_shelf_that_holds_nothing_yet_is_made(pool: FakePool, sheet: Path) -> None:
    pool.stock(TEA=10)
    sheet.write_text("仓库编码,商家编码,安全库存\nWH-B,TEA,2\n")

    assert import_safety(sheet).added == 1
    assert pool.rows("select warehouse_id, on_hand, safety from stock order by 1") == [(1, 10, 0), (2, 0, 2)]
    assert pool.untrue() == []


def test_zero_ends_it_and_the_same_file_changes_nothing(pool: FakePool, sheet: Path) -> None:
    pool.stock(TEA=10)
    sheet.write_text("warehouse,sku,safety\nWH-A,TEA,4\n")
    import_safety(sheet)
    assert import_safety(sheet).same == 1

    sheet.write_text("warehouse,sku,safety\nWH-A,TEA,0\n")

    assert import_safety(sheet).changed == 1
    assert pool.rows("select safety from sku_pool") == [(0,)]


def test_bad_rows_are_named_and_nothing_is_written(pool: FakePool, sheet: Path) -> None:
    pool.stock(TEA=10, SET=0)
    pool.execute(
        "insert into kit_component select s.id, t.id, 1 from sku s, sku t where s.code = 'SET' and t.code = 'TEA'"
    )
    sheet.write_text("warehouse,sku,safety\nWH-A,TEA,4\nWH-X,NO,-1\nWH-A,SET,1\n")

    with pytest.raises(SetupError) as refused:
        import_safety(sheet)

    said = str(refused.value)
    assert "line 3, warehouse 'WH-X': there is no such warehouse" in said
    assert "line 3, sku 'NO': there is no such SKU" in said
    assert "line 3, safety '-1': is not a whole number" in said
    assert "line 4, sku 'SET': is a kit" in said
    assert pool.rows("select sum(safety) from stock") == [(0,)]
