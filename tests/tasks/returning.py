"""Orders that were shipped, returns of them, and what became of both."""

from collections.abc import Mapping
from typing import Any

from models.database import transaction
from models.order import Cause
from models.rules.returns import ReturnKind, Verdict
from models.settings import clock
from tasks.return_rows import ReturnRow, return_id_of
from tasks.return_verdicts import verdicts_by_sku
from tasks.returns import Wish, announce, arrive, inspect, record_waybill
from tests.fakes import FakePool
from tests.tasks.shipping import instructed, report


def li() -> Cause:
    """What a person does now."""
    return Cause("person:li", clock().now(), None, 1)


def shipped(pool: FakePool, units: Mapping[str, int] | None = None) -> int:
    """An order that left whole in one box `YT7000<its number>`; gives its id. Orders are numbered on from 1."""
    instructed(pool, units or {"TEA": 3, "CUP": 1})
    (order_id, no, document) = pool.rows(
        """select o.id, o.order_no, d.no from outbound_document d join allocation a on a.document_id = d.id
           join orders o on o.id = a.order_id order by d.id desc limit 1"""
    )[0]
    rows = pool.rows("select quantity from allocation where order_id = %s order by order_id, line_no, sku_id", order_id)
    box = {number: row[0] for number, row in enumerate(rows, 1)}
    assert report(pool, {f"YT7000{no}": box}, no=document) == ""
    return int(order_id)


def announced(order_id: int, pieces: Mapping[int, int], **more: Any) -> ReturnRow:
    """A return of pieces of an order's lines, announced."""
    kind = more.pop("kind", ReturnKind.RETURN)
    with transaction() as conn:
        return announce(conn, Wish(order_id, pieces, more.pop("reason", "too large"), kind, **more), li())


def on_the_way(found: ReturnRow, waybill: str = "SF1234567890") -> ReturnRow:
    """The same with a waybill."""
    with transaction() as conn:
        return record_waybill(conn, found.id, "shunfeng", waybill, li())


def arrived(found: ReturnRow, warehouse: str = "") -> ReturnRow:
    """The same, arrived."""
    with transaction() as conn:
        return arrive(conn, found.id, warehouse, li())


def inspected(found: ReturnRow, /, **verdicts: Verdict) -> ReturnRow:
    """The same, inspected where it is expected: verdicts by SKU."""
    return inspected_in("", found, verdicts)


def inspected_in(warehouse: str, found: ReturnRow, verdicts: Mapping[str, Verdict]) -> ReturnRow:
    """The same, inspected in a warehouse."""
    with transaction() as conn:
        return inspect(conn, found.id, verdicts_by_sku(conn, found.id, verdicts), li(), warehouse=warehouse)


def by_code(code: str) -> int:
    """The id of a return."""
    with transaction() as conn:
        return return_id_of(conn, code)


def stock(pool: FakePool, sku: str, warehouse: str = "WH-A") -> int:
    """How many units of a SKU lie in a warehouse."""
    rows = pool.rows(
        """select s.on_hand from stock s join sku k on k.id = s.sku_id join warehouse w on w.id = s.warehouse_id
           where k.code = %s and w.code = %s""",
        sku,
        warehouse,
    )
    return int(rows[0][0]) if rows else 0


def told(pool: FakePool, order_id: int, like: str = "re%") -> list[str]:
    """What an order's story tells of its returns and their money."""
    return [
        row[0]
        for row in pool.rows(
            """select what from event where order_id = %s and what like %s and detail ? 'return' order by id""",
            order_id,
            like,
        )
    ]
