"""Every report of a warehouse, in every state of its document, asked back or not: a total table."""

from typing import Any, Final

import pytest

from models.shipment import DocumentState
from tasks.confirm import CANCEL_FAILED, STATES
from tasks.reconcile import reconcile
from tests.clocks import TickingClock
from tests.fakes import FakePool, payload
from tests.tasks.merged import cause, finished, through, validated, warehouse_says

UNITS: Final = 3
BOXES: Final = {"part", "whole", "less", "closed"}
"""What a document's `outbound.shipped` may tell: one unit or all of them, and whether more comes."""

# The state after the report, = for none; and how many of the three units stay locked. Of an order that the shop
# cancelled all are free as soon as its warehouse gives it back.
UNASKED: Final = """
             accepted  picking  picked  packed  short_picked part          whole    less   closed     rejected  cancelled  cancel_failed  queued    put_back
created      accepted3 picking3 picked3 packed3 picked3      part_shipped2 shipped0 short0 cancelled3 rejected3 cancelled3 =3             queued3   put_back3
accepted     =3        picking3 picked3 packed3 picked3      part_shipped2 shipped0 short0 cancelled3 =3        cancelled3 =3             queued3   put_back3
queued       =3        picking3 picked3 packed3 picked3      part_shipped2 shipped0 short0 cancelled3 =3        cancelled3 =3             =3        put_back3
picking      =3        =3       picked3 packed3 picked3      part_shipped2 shipped0 short0 cancelled3 =3        cancelled3 =3             =3        put_back3
picked       =3        =3       =3      packed3 =3           part_shipped2 shipped0 short0 cancelled3 =3        cancelled3 =3             =3        put_back3
packed       =3        =3       =3      =3      =3           part_shipped2 shipped0 short0 cancelled3 =3        cancelled3 =3             =3        put_back3
put_back     =3        =3       =3      =3      =3           part_shipped2 shipped0 short0 cancelled3 =3        cancelled3 =3             =3        =3
part_shipped =2        =2       =2      =2      =2           part_shipped1 shipped0 short0 short0     =2        short0     =2             =2        =2
shipped      =0        =0       =0      =0      =0           =0            =0       =0     =0         =0        =0         =0             =0        =0
short        =0        =0       =0      =0      =0           =0            =0       =0     =0         =0        =0         =0             =0        =0
rejected     =3        =3       =3      =3      =3           part_shipped2 shipped0 short0 =3         =3        =3         =3             =3        =3
cancelled    =3        =3       =3      =3      =3           part_shipped2 shipped0 short0 =3         =3        =3         =3             =3        =3
"""  # noqa: E501
ASKED: Final = """
             accepted  picking  picked  packed  short_picked part          whole    less   closed     rejected  cancelled  cancel_failed  queued    put_back
created      accepted3 picking3 picked3 packed3 picked3      part_shipped2 shipped0 short0 cancelled0 rejected0 cancelled0 =3             queued3   put_back3
accepted     =3        picking3 picked3 packed3 picked3      part_shipped2 shipped0 short0 cancelled0 =3        cancelled0 =3             queued3   put_back3
queued       =3        picking3 picked3 packed3 picked3      part_shipped2 shipped0 short0 cancelled0 =3        cancelled0 =3             =3        put_back3
picking      =3        =3       picked3 packed3 picked3      part_shipped2 shipped0 short0 cancelled0 =3        cancelled0 =3             =3        put_back3
picked       =3        =3       =3      packed3 =3           part_shipped2 shipped0 short0 cancelled0 =3        cancelled0 =3             =3        put_back3
packed       =3        =3       =3      =3      =3           part_shipped2 shipped0 short0 cancelled0 =3        cancelled0 =3             =3        put_back3
put_back     =3        =3       =3      =3      =3           part_shipped2 shipped0 short0 cancelled0 =3        cancelled0 =3             =3        =3
part_shipped =2        =2       =2      =2      =2           part_shipped1 shipped0 short0 short0     =2        short0     =2             =2        =2
shipped      =0        =0       =0      =0      =0           =0            =0       =0     =0         =0        =0         =0             =0        =0
short        =0        =0       =0      =0      =0           =0            =0       =0     =0         =0        =0         =0             =0        =0
rejected     =0        =0       =0      =0      =0           =0            =0       =0     =0         =0        =0         =0             =0        =0
cancelled    =0        =0       =0      =0      =0           =0            =0       =0     =0         =0        =0         =0             =0        =0
"""  # noqa: E501

WAYS: Final = {
    "part_shipped": "part",
    "shipped": "whole",
    "short": "less",
}
"""The report that brings a document into a state, where it is not called like it."""


def read(text: str) -> dict[tuple[str, str], tuple[str, int]]:
    """The table: state and report -> state and units locked afterwards."""
    head, *rows = (line.split() for line in text.strip().splitlines())
    return {
        (state, report): (state if cell[:-1] == "=" else cell[:-1], int(cell[-1]))
        for state, *cells in rows
        for report, cell in zip(head, cells, strict=True)
    }


def envelope(no: str, report: str, box: str) -> dict[str, Any]:
    """What a warehouse says; whatever leaves is in a box of its own."""

    def left(units: int) -> list[dict[str, Any]]:
        lines = [{"line_no": "1", "qty": units}]
        return [{"package_no": box, "tracking_no": box, "carrier_code": "yuantong", "lines": lines}]

    boxes: dict[str, dict[str, Any]] = {
        "part": {"packages": left(1), "final": False},
        "less": {"packages": left(1), "final": True},
        "closed": {"packages": [], "final": True},
        # without lines the only box holds all that is left
        "whole": {"packages": [{"package_no": box, "tracking_no": box, "carrier_code": "yuantong"}], "final": True},
    }
    kind = "shipped" if report in boxes else report
    return {"type": f"outbound.{kind}", "data": {"outbound_no": no, **boxes.get(report, {"reason_code": "WHY"})}}


def test_the_table_is_total() -> None:
    reports = {kind.removeprefix("outbound.") for kind in (*STATES, CANCEL_FAILED)} - {"shipped"}
    wanted = {(state.value, report) for state in DocumentState for report in reports | BOXES}

    assert read(UNASKED).keys() == read(ASKED).keys() == wanted


@pytest.mark.parametrize("text", [UNASKED, ASKED], ids=["unasked", "asked back"])
def test_a_report_does_what_the_table_says(pool: FakePool, ticking: TickingClock, text: str) -> None:
    table = read(text)
    pool.stock(TEA=UNITS * len(table))
    batch_id = validated(pool, *({"TEA": UNITS} for _ in table))
    pool.execute("update receiver set receiver_hash = order_id::text::bytea")  # none is merged with another
    through(batch_id)
    finished(pool, batch_id)
    pool.execute("update outbox set state = 'delivered'")
    rows = pool.rows(
        "select a.order_id, d.no from outbound_document d join allocation a on a.document_id = d.id order by 1"
    )
    cells = dict(zip(table, rows, strict=True))
    if text is ASKED:
        pool.take([payload(order_id, 1, "cancelled", units={"TEA": UNITS}) for order_id, _ in rows], run="news")
        pool.execute("update outbox set state = 'delivered'")

    warehouse_says(
        [envelope(no, WAYS.get(s, s), f"{no}-a") for (s, _), (_, no) in cells.items() if s != "created"], cause()
    )
    warehouse_says([envelope(no, report, f"{no}-b") for (_, report), (_, no) in cells.items()], cause())

    states = dict(pool.rows("select no, state from outbound_document"))
    locked = dict(
        pool.rows(
            """select k.order_id, sum(k.quantity - coalesce(a.shipped, 0))::int from lock k
               left join allocation a using (order_id, line_no, sku_id, warehouse_id)
               where k.state = 'open' group by 1"""
        )
    )
    assert {cell: (states[no], locked.get(order_id, 0)) for cell, (order_id, no) in cells.items()} == table
    assert pool.untrue() == []
    assert reconcile() == []
