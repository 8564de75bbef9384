"""Units that are not there, or not fit to be sent: they leave the stock, and a document goes without them."""

import orjson

from models.database import Connection
from models.floor import TaskState
from models.rules.waves import shared_out
from tasks.bookings import Document
from tasks.confirm import Report, apply_confirmations
from tasks.floor_people import Signed
from tasks.floor_rows import Task, move_tasks, report, skus_of, take_task
from tasks.floor_scan import Done, ScanIn
from tasks.inbox import keep

LACKING = "PHYSICAL_SHORT"
"""The reason under which units leave the stock that a picker did not find, or found broken."""


def take_from_stock(conn: Connection, signed: Signed, scan: ScanIn, sku_id: int, reference: str) -> None:
    """Report, as a warehouse system would, that the units of a scan lie on no shelf; applied with the next reports."""
    (code,) = conn.execute("select code from sku where id = %s", (sku_id,)).fetchone() or ("",)
    item = {"sku": code, "stock_type": "GOOD", "delta": -scan.quantity, "reason": LACKING, "ref_no": reference}
    message_id = f"floor:{scan.id}"
    at = scan.at.isoformat()
    data = {"event_id": message_id, "occurred_at": at, "items": [item]}
    body = {"type": "inventory.changed", "timestamp": at, "data": data}
    keep(conn, f"wms:{signed.warehouse_code}", message_id, orjson.dumps(body).decode())


def short_picked(signed: Signed, document: Document, lacks: dict[int, int], scan: ScanIn) -> Report:
    """What a warehouse system would report of units (by SKU) that a document goes without."""
    lines = [
        {"line_no": number, "short_qty": units, "reason": LACKING}
        for sku_id, lacking in sorted(lacks.items())
        for number, units in shared_out(lacking, _wishes(document, sku_id)).items()
        if units
    ]
    kind = "outbound.short_picked"
    return report(0, signed.warehouse_code, kind, document.no, scan.at, lines=lines, proposal="PARTIAL_SHIP")


def _wishes(document: Document, sku_id: int) -> list[tuple[str, int]]:
    """The lines of a document that want a SKU, the last first: those before them get what is there."""
    lines = [(number, line.open) for number, line in document.lines.items() if line.sku_id == sku_id]
    return lines[::-1]


def lacks_at_bench(conn: Connection, signed: Signed, scan: ScanIn) -> Done:
    """Units of a document are lost or broken at the bench; one of which nothing more is to come is closed."""
    task = take_task(conn, signed.warehouse_id, scan.document)
    task.require_free()
    units = task.of(skus_of(conn, scan.code))
    if units is None or not units.wanted:
        raise task.refuse("wrong_sku", scan.code)
    if scan.quantity > units.wanted - units.checked:
        raise task.refuse("too_many", str(units.wanted - units.checked))
    conn.execute(
        "update floor_unit set wanted = wanted - %s where document_id = %s and sku_id = %s",
        (scan.quantity, task.document.id, units.sku_id),
    )
    take_from_stock(conn, signed, scan, units.sku_id, task.document.no)
    reports = [short_picked(signed, task.document, {units.sku_id: scan.quantity}, scan)]
    if sum(each.wanted - each.boxed for each in task.units) == scan.quantity:
        reports.append(_closed(signed, task, scan))
        move_tasks(conn, {task.document.id: task.state}, TaskState.DONE)
    apply_confirmations(conn, reports, signed.cause(scan.applied_at))
    return Done("noted", document_id=task.document.id, wave_id=task.wave_id, sku_id=units.sku_id)


def _closed(signed: Signed, task: Task, scan: ScanIn) -> Report:
    no, code = task.document.no, signed.warehouse_code
    if any(units.boxed for units in task.units):
        return report(1, code, "outbound.shipped", no, scan.at, final=True, packages=[])
    return report(1, code, "outbound.cancelled", no, scan.at, reason_code=LACKING)
