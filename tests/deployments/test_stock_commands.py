"""`orderpool stock` as a person gives it."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from deployments.commands import app, load
from models.errors import SetupError
from tests.fakes import FakePool
from tests.tasks.feeding import dispatched


@pytest.fixture
def shop(database: str) -> FakePool:
    """10 TEA in WH-A, of which two orders lock 8."""
    pool = FakePool()
    pool.stock(TEA=10)
    dispatched(pool, 4, 4)
    return pool


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    return tmp_path / "sheet.csv"


def stock(*arguments: object) -> str:
    load()
    done = CliRunner().invoke(app, ["stock", *map(str, arguments)])
    if done.exception:
        raise done.exception
    return done.output


def test_a_count_below_what_is_locked_says_whom_it_threatens(shop: FakePool, sheet: Path) -> None:
    sheet.write_text("warehouse,sku,on_hand,colour\nWH-A,TEA,7,green\n")

    assert stock("import", sheet, "--as-of", "2026-11-20 12:00") == (
        "stock: 0 opened, 1 corrected, 0 agreed\n"
        "short: warehouse WH-A: 1 of 8 locked TEA are not there; orders 2\n"
        "columns that mean nothing here: colour\n"
    )
    assert "this file was taken over before" in stock("import", sheet, "--as-of", "2026-11-20 12:00")
    assert "  order 2 of WOO: 1\n" in stock("shortfalls")


def test_no_shortfall_is_said(shop: FakePool) -> None:
    assert stock("shortfalls") == "all that is locked is there\n"


def test_a_moment_that_is_none_is_refused(shop: FakePool, sheet: Path) -> None:
    with pytest.raises(SetupError, match="--as-of 'noon': is not a time; write it as 2026-11-22 18:00"):
        stock("import", sheet, "--as-of", "noon")


def test_arrivals_are_expected_and_received(shop: FakePool, sheet: Path) -> None:
    sheet.write_text("warehouse,sku,reference,expected,expected_at\nWH-A,TEA,PO-1,5,2026-12-01\n")
    expected = stock("expect", sheet)
    sheet.write_text("reference,sku,received\nPO-1,TEA,5\n")

    assert expected == "arrivals: 1 added, 0 changed, 0 as they were\n"
    assert stock("receive", sheet) == "arrivals: 5 units came, 1 arrivals closed\n"
    assert "tell deliveries apart by a column `delivery`" in stock("receive", sheet)


def test_a_warehouses_words_for_our_own_documents_are_set_and_shown(shop: FakePool) -> None:
    assert "SALE" in stock("own-outbound", "WH-A")
    assert stock("own-outbound", "WH-A", "b2c", "B2B") == "WH-A: B2B, B2C\n"
    with pytest.raises(SetupError, match="warehouse WH-X: there is no such warehouse"):
        stock("own-outbound", "WH-X", "B2C")


def test_safety_stock_is_set(shop: FakePool, sheet: Path) -> None:
    sheet.write_text("warehouse,sku,safety\nWH-A,TEA,2\n")

    assert stock("safety", sheet) == "safety stock: 0 added, 1 changed, 0 as they were\n"
