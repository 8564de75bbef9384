"""Parcels that the carrier brings back: each opens a return by itself, once, that waits for inspection."""

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

from models.database import Connection, one
from models.order import Cause
from models.rules.returns import EXPECTED, OPEN, ReturnKind, ReturnState
from tasks.return_rows import NewReturn, move, open_return
from tasks.returned_units import Unit, returned_units, take_shipped
from tasks.returns import arrive


def open_intercepted(conn: Connection, parcel_ids: Sequence[int], why: Cause) -> None:
    """Open a return for each order in these parcels that came back.

    Safe to repeat. Units that another return of the order announces already are left to that, which arrives by it
    unless it travels under a waybill of its own. The carrier's word that a parcel came back is its arrival: what is in
    it somebody has to look at.
    """
    contents = _contents(conn, parcel_ids)
    expected = _take_expected(conn, {order_id for order_id, _ in contents})
    for (order_id, parcel_id), rows in contents.items():
        shipped = take_shipped(conn, order_id)
        known = conn.execute(
            "select 1 from return_order where parcel_id = %s and order_id = %s", (parcel_id, order_id)
        ).fetchone()
        returned = returned_units(conn, order_id)
        units: dict[Unit, int] = {
            (row[2], row[3]): left
            for row in rows
            if (left := min(row[4], shipped[row[2], row[3]] - returned[row[2], row[3]])) > 0
        }
        if known is not None:
            continue
        if units:
            _open(conn, order_id, parcel_id, units, rows[0], why)
        covered = Counter({(row[2], row[3]): row[4] - units.get((row[2], row[3]), 0) for row in rows})
        _note_arrived(conn, order_id, expected, +covered, rows[0], why)


def _take_expected(conn: Connection, order_ids: Collection[int]) -> list[int]:
    """Lock the returns of these orders that have still to come, which is done before what was shipped is taken."""
    rows = conn.execute(
        "select id from return_order where order_id = any(%s) and state = any(%s) order by id for update",
        (sorted(order_ids), [state.value for state in EXPECTED]),
    )
    return [row[0] for row in rows]


def _note_arrived(
    conn: Connection, order_id: int, expected: list[int], covered: Counter[Unit], row: tuple[Any, ...], why: Cause
) -> None:
    """Let the returns that announced these units of the parcel arrive by it, the oldest first."""
    carrier, waybill, came_back_at, warehouse_id = row[5:]
    warehouse = str(one(conn.execute("select code from warehouse where id = %s", (warehouse_id,)).fetchone()))
    announced: dict[int, Counter[Unit]] = {}
    for return_id, line_no, sku_id, quantity in conn.execute(
        """select r.id, l.line_no, l.sku_id, l.quantity from return_order r join return_line l on l.return_id = r.id
           where r.id = any(%s) and r.order_id = %s and r.state = any(%s) and r.waybill in ('', %s) order by 1, 2, 3""",
        (expected, order_id, [state.value for state in EXPECTED], waybill),
    ):
        announced.setdefault(return_id, Counter())[line_no, sku_id] = quantity
    for return_id, units in announced.items():
        if units & covered:
            covered = covered - units
            # whoever scans the parcel finds it by this, where no other return is found by it
            conn.execute(
                """update return_order set carrier = %s, waybill = %s where id = %s and waybill = '' and not exists (
                     select 1 from return_order o where o.waybill = %s and o.state = any(%s))""",
                (carrier, waybill, return_id, waybill, [state.value for state in OPEN]),
            )
            arrive(conn, return_id, warehouse, why, came_back_at)


def _open(
    conn: Connection, order_id: int, parcel_id: int, units: dict[Unit, int], row: tuple[Any, ...], why: Cause
) -> None:
    carrier, waybill, came_back_at, warehouse_id = row[5:]
    found = open_return(
        conn,
        NewReturn(
            order_id,
            ReturnKind.INTERCEPTED,
            units,
            "",
            warehouse_id,
            parcel_id=parcel_id,
            carrier=carrier,
            waybill=waybill,
        ),
        why,
    )
    conn.execute("update return_order set arrived_at = %s where id = %s", (min(came_back_at, why.at), found.id))
    move(conn, found, ReturnState.ARRIVED, why, warehouse=found.warehouse, carrier=carrier, waybill=waybill)


def _contents(conn: Connection, parcel_ids: Sequence[int]) -> dict[tuple[int, int], list[tuple[Any, ...]]]:
    """What lies in these parcels, by order and parcel, ascending."""
    rows = conn.execute(
        """select l.order_id, l.parcel_id, l.line_no, l.sku_id, l.quantity, p.carrier, p.waybill, p.stage_at,
                  d.warehouse_id
           from parcel_line l join parcel p on p.id = l.parcel_id join outbound_document d on d.id = p.document_id
           where l.parcel_id = any(%s) order by 1, 2, 3, 4""",
        (list(parcel_ids),),
    ).fetchall()
    found: dict[tuple[int, int], list[tuple[Any, ...]]] = {}
    for row in rows:
        found.setdefault((row[0], row[1]), []).append(row)
    return found
