"""Stock from files: counts and changes, CSV and workbooks, headers in English and Chinese."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from models.errors import SetupError
from models.feeds import Counts
from tasks.catalog import import_skus, import_warehouses
from tasks.stock_files import import_stock
from tests.connectors.test_files import write_xlsx
from tests.shared_pool import emptied, shared_pool

STOCK = """select w.code, k.code, s.opening, s.on_hand, s.locked from stock s
    join warehouse w on w.id = s.warehouse_id join sku k on k.id = s.sku_id order by 1, 2"""
POOL = "select k.code, p.on_hand, p.locked from sku_pool p join sku k on k.id = p.sku_id order by 1"
MOVED = "select quantity, reason from stock_movement order by id"


def rows(database: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(database) as conn:
        return conn.execute(statement.encode()).fetchall()


@pytest.fixture(scope="module")
def stock_pool(postgres: str) -> Iterator[str]:
    with shared_pool(postgres, "stock_files") as url:
        yield url


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    return tmp_path / "sheet.csv"


@pytest.fixture
def catalog(stock_pool: str, sheet: Path) -> Iterator[str]:
    """Warehouses WH-E and WH-W and the SKUs TEA and CUP, without stock."""
    with emptied(stock_pool) as url:
        sheet.write_text(
            "code,name,division,endpoint\nWH-E,East,330110,https://east.example.com/in\n"
            "WH-W,West,510107,https://west.example.com/in\n"
        )
        import_warehouses(sheet)
        sheet.write_text("code\nTEA\nCUP\n")
        import_skus(sheet)
        yield url


@pytest.fixture
def counted(catalog: str, sheet: Path) -> str:
    sheet.write_text("warehouse,sku,on_hand\nWH-E,TEA,10\nWH-W,TEA,5\nWH-E,CUP,0\n")
    import_stock(sheet)
    return catalog


def test_the_first_count_is_the_opening(counted: str) -> None:
    assert rows(counted, STOCK) == [
        ("WH-E", "CUP", 0, 0, 0),
        ("WH-E", "TEA", 10, 10, 0),
        ("WH-W", "TEA", 5, 5, 0),
    ]
    assert rows(counted, POOL) == [("CUP", 0, 0), ("TEA", 15, 0)]
    assert rows(counted, "select 1 from stock_movement") == []


def test_a_later_count_is_a_movement(counted: str, sheet: Path) -> None:
    sheet.write_text("仓库编码,商家编码,实盘数量\nWH-E,TEA,7\nWH-W,TEA,5.0\nWH-W,CUP,3\n")

    done = import_stock(sheet)

    assert (done.opened, done.changed, done.same) == (1, 1, 1)
    assert rows(counted, MOVED) == [(-3, "count")]
    assert rows(counted, POOL) == [("CUP", 3, 0), ("TEA", 12, 0)]


def test_the_same_count_as_of_now_is_a_new_one_that_agrees(counted: str, sheet: Path) -> None:
    before = rows(counted, STOCK)

    done = import_stock(sheet)

    assert (done.again, done.opened, done.changed, done.same) == (False, 0, 0, 3)
    assert rows(counted, STOCK) == before
    assert rows(counted, MOVED) == []


def test_the_same_file_as_of_the_same_moment_counts_once(counted: str, sheet: Path) -> None:
    moment = datetime.now(UTC)
    sheet.write_text("warehouse,sku,on_hand\nWH-E,TEA,7\n")
    import_stock(sheet, as_of=moment)

    assert import_stock(sheet, as_of=moment).again


def test_rows_may_have_moments_of_their_own(counted: str, sheet: Path) -> None:
    long_ago = "2026-01-02 03:04"
    sheet.write_text(f"仓库,商家编码,库存,盘点时间\nWH-E,TEA,7,{long_ago}\nWH-E,CUP,4,\n")

    done = import_stock(sheet)

    assert (done.late, done.changed) == (1, 1)
    assert rows(counted, POOL) == [("CUP", 4, 0), ("TEA", 15, 0)]


def test_changes_need_a_reference_and_count_once_by_it(counted: str, sheet: Path) -> None:
    sheet.write_text("仓库,商家编码,变动数量,单号\nWH-E,TEA,-3,ADJ-1\nWH-E,CUP,8,ADJ-1\n")
    import_stock(sheet, Counts.CHANGE)
    sheet.write_text("仓库,商家编码,变动数量,单号\nWH-E,TEA,-3,ADJ-1\nWH-E,TEA,1,ADJ-2\n")

    import_stock(sheet, Counts.CHANGE)

    assert rows(counted, POOL) == [("CUP", 8, 0), ("TEA", 13, 0)]


def test_a_workbook_is_read_like_a_csv(counted: str, tmp_path: Path) -> None:
    book = write_xlsx(tmp_path / "stock.xlsx", [["仓库", "商家编码", "实盘数量"], ["WH-E", "TEA", 7.0]])

    assert import_stock(book).changed == 1

    assert rows(counted, POOL) == [("CUP", 0, 0), ("TEA", 12, 0)]


def test_a_kit_is_not_counted(counted: str, sheet: Path) -> None:
    with psycopg.connect(counted) as conn:
        conn.execute(
            """insert into kit_component (kit_id, component_id, quantity)
               select a.id, b.id, 2 from sku a, sku b where a.code = 'CUP' and b.code = 'TEA'"""
        )
    sheet.write_text("warehouse,sku,on_hand\nWH-E,CUP,3\n")

    with pytest.raises(SetupError, match="line 2, sku 'CUP': is a kit, which lies nowhere"):
        import_stock(sheet)


def test_a_count_of_the_future_is_refused(counted: str, sheet: Path) -> None:
    with pytest.raises(SetupError, match="cannot be taken over; it is only"):
        import_stock(sheet, as_of=datetime.now(UTC) + timedelta(hours=1))


def test_on_hand_stays_opening_and_movements_and_the_pool_their_sum(counted: str, sheet: Path) -> None:
    for tea in (3, 30, 12):
        sheet.write_text(f"warehouse,sku,on_hand\nWH-E,TEA,{tea}\nWH-W,CUP,{tea}\n")
        import_stock(sheet)

    unexplained = """select 1 from stock s where on_hand <> opening + (
        select coalesce(sum(quantity), 0) from stock_movement m
        where (m.warehouse_id, m.sku_id) = (s.warehouse_id, s.sku_id))"""
    apart = """select 1 from sku_pool p
        where on_hand <> (select sum(on_hand) from stock s where s.sku_id = p.sku_id)"""
    assert rows(counted, unexplained) == []
    assert rows(counted, apart) == []


def test_two_counts_at_once_follow_each_other(catalog: str, tmp_path: Path) -> None:
    skus = tmp_path / "skus.csv"
    skus.write_text("code\n" + "".join(f"S{i:03}\n" for i in range(200)))
    import_skus(skus)
    files = [tmp_path / "up.csv", tmp_path / "down.csv"]
    for file, order in zip(files, (1, -1), strict=True):
        lines = [f"{w},S{i:03},{i}\n" for i in range(200) for w in ("WH-E", "WH-W")]
        file.write_text("warehouse,sku,on_hand\n" + "".join(lines[::order]))

    with ThreadPoolExecutor(2) as pool:
        opened = sorted(done.opened for done in pool.map(import_stock, files))

    assert opened == [0, 400]
    assert rows(catalog, "select sum(on_hand) from sku_pool") == [(2 * sum(range(200)),)]


def test_unknown_names_and_bad_numbers_are_listed_together(counted: str, sheet: Path) -> None:
    sheet.write_text("warehouse,sku,on_hand\nWH-X,TEA,1\nWH-E,MUG,1\nWH-E,TEA,-1\nWH-E,CUP,many\nWH-E,CUP,2\n")

    with pytest.raises(SetupError) as refused:
        import_stock(sheet)

    said = str(refused.value)
    assert "line 2, warehouse 'WH-X': there is no such warehouse" in said
    assert "line 3, sku 'MUG': there is no such SKU" in said
    assert "line 4, on_hand '-1': is not a whole number from 0" in said
    assert "line 5, on_hand 'many': is not a number" in said
    assert "line 6, sku 'CUP': line 5 says the same warehouse and sku already" in said


def test_a_count_of_twenty_thousand_shelves_takes_seconds(catalog: str, tmp_path: Path) -> None:
    skus, stock = tmp_path / "skus.csv", tmp_path / "stock.csv"
    skus.write_text("code\n" + "".join(f"S{i:05}\n" for i in range(10_000)))
    import_skus(skus)
    for units in (10, 7):
        lines = [f"{w},S{i:05},{units + i % 5}\n" for i in range(10_000) for w in ("WH-E", "WH-W")]
        stock.write_text("warehouse,sku,on_hand\n" + "".join(lines))
        began = datetime.now(UTC)
        import_stock(stock)
        took = datetime.now(UTC) - began

    assert rows(catalog, "select count(*), sum(on_hand) from stock") == [(20_000, 20_000 * 9)]
    assert took < timedelta(seconds=30), took
