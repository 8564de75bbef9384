"""What warehouses report of goods that came back, by webhook: inspected there, each return once."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from models.database import transaction
from models.rules.returns import Verdict
from tasks.inbox import keep_all
from tasks.reconcile import reconcile
from tasks.return_rows import ReturnRow
from tasks.track import work_off_inbox
from tests.clocks import TickingClock
from tests.fakes import FakePool
from tests.tasks.returning import announced, inspected_in, li, on_the_way, shipped, stock


@pytest.fixture
def found(pool: FakePool, ticking: TickingClock) -> ReturnRow:
    """A return of 2 of an order's 3 TEA, on its way to WH-A where 7 stay."""
    pool.stock(TEA=10, CUP=10)
    return on_the_way(announced(shipped(pool), {1: 2}))


@pytest.fixture
def notes(pool: FakePool) -> Callable[..., list[tuple[str, str]]]:
    """Stores messages of WH-A and works them off; gives state and note of each."""

    def tell(*envelopes: dict[str, Any]) -> list[tuple[str, str]]:
        before = pool.rows("select coalesce(max(id), 0) from inbox")[0][0]
        with transaction() as conn:
            keep_all(conn, "wms:WH-A", {f"m{before}-{n}": json.dumps(said) for n, said in enumerate(envelopes)})
        while True:
            with transaction() as conn:
                if work_off_inbox(conn, li()) is None:
                    break
        return pool.rows("select state, note from inbox where id > %s order by id", before)

    return tell


Notes = Callable[..., list[tuple[str, str]]]


def report(lines: object, **data: Any) -> dict[str, Any]:
    return {"type": "return.inspected", "data": {"lines": lines, **data}}


def change(ref_no: str, delta: int) -> dict[str, Any]:
    items = [{"sku": "TEA", "stock_type": "GOOD", "delta": delta, "reason": "XTRK", "ref_no": ref_no}]
    return {"type": "inventory.changed", "data": {"items": items}}


GOOD = [{"sku": "TEA", "qty": 1}, {"sku": "TEA", "qty": "1", "verdict": "DEFECT"}]


def test_a_report_inspects_the_return_that_its_waybill_names(pool: FakePool, found: ReturnRow, notes: Notes) -> None:
    assert notes(report(GOOD, waybill="SF1234567890"), report(GOOD, return_no=found.no)) == [("done", "")] * 2

    assert pool.rows("select good, defect from return_line") == [(1, 1)]
    assert pool.rows("select inspected_by from return_order") == [("person:li",)]
    assert (stock(pool, "TEA"), reconcile()) == (8, [])


def test_what_the_warehouse_counts_of_it_is_not_booked_twice(pool: FakePool, found: ReturnRow, notes: Notes) -> None:
    told = notes(change(found.no, 1), report(GOOD, return_no=found.no), change(found.no, 1), change("RK-7", 4))

    assert stock(pool, "TEA") == 12
    assert [state for state, _ in told] == ["ignored", "done", "ignored", "done"]
    assert (pool.untrue(), reconcile()) == ([], [])


def test_nor_where_both_name_only_its_waybill(pool: FakePool, found: ReturnRow, notes: Notes) -> None:
    waybill = "SF1234567890"
    told = notes(change(waybill, 1), report(GOOD, waybill=waybill), change(waybill, 1))

    assert [state for state, _ in told] == ["ignored", "done", "ignored"]
    assert (stock(pool, "TEA"), pool.untrue(), reconcile()) == (8, [], [])


def test_another_warehouse_may_name_what_it_will_by_that_waybill(
    pool: FakePool, found: ReturnRow, notes: Notes
) -> None:
    inspected_in("WH-B", found, {"TEA": Verdict(good=2)})

    assert [state for state, _ in notes(change("SF1234567890", 4))] == ["done"]
    assert stock(pool, "TEA") == 11


@pytest.mark.parametrize(
    ("lines", "more", "note"),
    [
        (GOOD, {}, "it names neither a return_no nor a waybill"),
        (GOOD, {"return_no": "RT9"}, "return RT9: is not in the pool"),
        ([], {"waybill": "SF1234567890"}, "it has no lines"),
        ([{"sku": "TEA", "qty": 1, "verdict": "NICE"}], {"waybill": "SF1234567890"}, "no verdict of GOOD"),
        ([{"sku": "TEA", "qty": "x"}], {"waybill": "SF1234567890"}, "the qty of TEA"),
        ([{"sku": "TEA", "qty": -1}], {"waybill": "SF1234567890"}, "has no such number of units"),
        ([{"sku": "TEA", "qty": 3}], {"waybill": "SF1234567890"}, "2 of TEA of line 1 were announced"),
        ([{"sku": "POT", "qty": 1}], {"waybill": "SF1234567890"}, "POT was not announced"),
    ],
)
def test_a_report_that_cannot_be_is_ignored_with_its_reason(
    pool: FakePool, found: ReturnRow, notes: Notes, lines: object, more: dict[str, Any], note: str
) -> None:
    ((state, said),) = notes(report(lines, **more))

    assert (state, note in said) == ("ignored", True), said
    assert (stock(pool, "TEA"), pool.rows("select state from return_order")) == (7, [("on_the_way",)])
