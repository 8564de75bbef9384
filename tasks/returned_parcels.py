"""Parcels that the carrier brings back: each opens a return by itself, once, that waits for inspection."""

from collections.abc import Sequence
from typing import Any

from models.database import Connection
from models.order import Cause
from models.rules.returns import ReturnKind, ReturnState
from tasks.return_rows import NewReturn, move, open_return, take_return
from tasks.returned_units import Unit, returned_units, take_shipped


def open_intercepted(conn: Connection, parcel_ids: Sequence[int], why: Cause) -> list[str]:
    """Open a return for each order in these parcels that came back, and gives their numbers.

    Safe to repeat. Units that another return of the order announces already are left to that. The carrier's word that
    a parcel came back is its arrival: what is in it somebody has to look at.
    """
    opened = []
    for (order_id, parcel_id), rows in _contents(conn, parcel_ids).items():
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
        if known is None and units:
            opened.append(_open(conn, order_id, parcel_id, units, rows[0], why))
    return opened


def _open(
    conn: Connection, order_id: int, parcel_id: int, units: dict[Unit, int], row: tuple[Any, ...], why: Cause
) -> str:
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
    return take_return(conn, found.id).no


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
