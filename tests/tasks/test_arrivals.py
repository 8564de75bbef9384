"""Arrivals: expected, received once however often that is told, and what came is sellable."""

from pathlib import Path

import pytest

from models.errors import SetupError
from tasks.arrivals import expect_arrivals, receive_arrivals
from tests.fakes import FakePool
from tests.tasks.feeding import count, stands

EXPECTED = "warehouse,sku,reference,expected,expected_at\nWH-A,TEA,PO-1,50,2026-12-01 09:00\n"


@pytest.fixture
def shop(pool: FakePool) -> FakePool:
    """A pool with 10 TEA in WH-A and none in WH-B."""
    pool.stock(TEA=10, TEA_B=0)
    return pool


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    return tmp_path / "arrivals.csv"


@pytest.fixture
def expected(shop: FakePool, sheet: Path) -> FakePool:
    """50 TEA are expected in WH-A under PO-1."""
    sheet.write_text(EXPECTED)
    expect_arrivals(sheet)
    return shop


def arrivals(pool: FakePool) -> list[tuple[object, ...]]:
    return pool.rows("select reference, expected, received, closed_at is not null from arrival order by id")


def test_an_expected_arrival_is_no_stock_yet(expected: FakePool) -> None:
    assert arrivals(expected) == [("PO-1", 50, 0, False)]
    assert stands(expected) == (10, 0, 0)


def test_an_arrival_told_again_is_changed_not_doubled(expected: FakePool, sheet: Path) -> None:
    sheet.write_text("仓库,商家编码,采购单号,应到数量,预计到货时间\nWH-A,TEA,PO-1,60,2026-12-01 09:00\n")

    first, again = expect_arrivals(sheet), expect_arrivals(sheet)

    assert (first.changed, again.same) == (1, 1)
    assert arrivals(expected) == [("PO-1", 60, 0, False)]


def test_what_came_is_on_hand(expected: FakePool, sheet: Path) -> None:
    sheet.write_text("reference,sku,received,delivery\nPO-1,TEA,20,D1\n")

    assert receive_arrivals(sheet).units == 20

    assert stands(expected) == (30, 0, 0)
    assert arrivals(expected) == [("PO-1", 50, 20, False)]
    assert expected.rows("select quantity, reason, reference from stock_movement") == [(20, "arrival", "PO-1/D1")]
    assert expected.untrue() == []


def test_a_delivery_told_in_another_file_counts_once(expected: FakePool, sheet: Path) -> None:
    sheet.write_text("reference,sku,received,delivery\nPO-1,TEA,20,D1\n")
    receive_arrivals(sheet)
    sheet.write_text("reference,sku,received,delivery\nPO-1,TEA,20,D1\nPO-1,TEA,30,D2\n")

    done = receive_arrivals(sheet)

    assert (done.units, done.known, done.closed) == (30, 1, 1)
    assert arrivals(expected) == [("PO-1", 50, 50, True)]
    assert stands(expected) == (60, 0, 0)


def test_a_file_received_twice_counts_once(expected: FakePool, sheet: Path) -> None:
    sheet.write_text("reference,sku,received\nPO-1,TEA,20\n")
    receive_arrivals(sheet)

    assert receive_arrivals(sheet).feed.again

    assert arrivals(expected) == [("PO-1", 50, 20, False)]
    assert stands(expected) == (30, 0, 0)


def test_an_arrival_of_which_nothing_more_comes_can_be_closed(expected: FakePool, sheet: Path) -> None:
    sheet.write_text("采购单号,商家编码,实收数量,完结\nPO-1,TEA,20,是\n")

    assert receive_arrivals(sheet).closed == 1

    assert arrivals(expected) == [("PO-1", 50, 20, True)]


def test_a_closed_arrival_cannot_be_expected_again(expected: FakePool, sheet: Path) -> None:
    sheet.write_text("reference,sku,received\nPO-1,TEA,50\n")
    receive_arrivals(sheet)
    sheet.write_text(EXPECTED)

    with pytest.raises(SetupError, match="line 2, reference 'PO-1': has arrived and is closed"):
        expect_arrivals(sheet)


def test_what_came_before_the_last_count_was_in_it(expected: FakePool, sheet: Path) -> None:
    count({"TEA": 30}, 10)
    sheet.write_text("reference,sku,received,occurred_at\nPO-1,TEA,20,2026-11-20 12:05\n")

    receive_arrivals(sheet)

    assert stands(expected) == (30, 0, 0)
    assert arrivals(expected) == [("PO-1", 50, 20, False)]
    assert expected.untrue() == []


def test_what_nobody_expected_is_refused_with_its_row(expected: FakePool, sheet: Path) -> None:
    sheet.write_text("reference,sku,received\nPO-1,TEA,20\nPO-2,TEA,5\n")

    with pytest.raises(SetupError, match="line 3, reference 'PO-2': no TEA is expected under it"):
        receive_arrivals(sheet)

    assert stands(expected) == (10, 0, 0)


def test_one_reference_in_two_warehouses_needs_the_warehouse(expected: FakePool, sheet: Path) -> None:
    sheet.write_text(EXPECTED.replace("WH-A", "WH-B"))
    expect_arrivals(sheet)
    sheet.write_text("reference,sku,received\nPO-1,TEA,20\n")

    with pytest.raises(SetupError, match="is expected in WH-A, WH-B; name the warehouse"):
        receive_arrivals(sheet)

    sheet.write_text("reference,sku,received,warehouse\nPO-1,TEA,20,WH-B\n")
    receive_arrivals(sheet)
    assert stands(expected, "TEA_B") == (20, 0, 0)
