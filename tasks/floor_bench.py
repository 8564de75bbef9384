"""The bench: each item of a document is scanned, the parcel closed, its waybill scanned, and it has left."""

import re
from collections.abc import Sequence
from typing import Final

from models.database import Connection
from models.floor import TaskState, WaveKind
from tasks.confirm import apply_confirmations
from tasks.floor_people import Signed
from tasks.floor_rows import Refused, Task, Units, move_tasks, report, skus_of, take_task
from tasks.floor_scan import Done, ScanIn
from tasks.parcel_numbers import NUMBER
from tasks.waybills import owner_of, waybill_of

_TRIES: Final = 20  # documents of one unit that are looked at for one label: the others before were blocked meanwhile


def check(conn: Connection, signed: Signed, scan: ScanIn) -> Done:
    """Units of a SKU were scanned into the parcel of a document."""
    task = take_task(conn, signed.warehouse_id, scan.document)
    task.require_free()
    units = _wanted(conn, task, scan.code, scan.quantity)
    _count_checked(conn, task, units, scan.quantity)
    return Done("checked", document_id=task.document.id, wave_id=task.wave_id, sku_id=units.sku_id)


def _wanted(conn: Connection, task: Task, code: str, quantity: int) -> Units:
    skus = skus_of(conn, code)
    found = [units for units in task.units if units.sku_id in skus and units.wanted]
    if not found:
        raise task.refuse("wrong_sku", code)
    room = [units for units in found if units.checked + quantity <= units.wanted]
    if not room:
        raise task.refuse("too_many", str(found[0].wanted - found[0].checked))
    return room[0]


def _count_checked(conn: Connection, task: Task, units: Units, quantity: int) -> None:
    conn.execute(
        "update floor_unit set checked = checked + %s where document_id = %s and sku_id = %s",
        (quantity, task.document.id, units.sku_id),
    )


def pack(conn: Connection, signed: Signed, scan: ScanIn) -> Done:
    """Everything of a document is in its parcel."""
    task = take_task(conn, signed.warehouse_id, scan.document)
    task.require_free()
    _require_complete(task)
    move_tasks(conn, {task.document.id: task.state}, TaskState.PACKED)
    said = report(0, signed.warehouse_code, "outbound.packed", task.document.no, scan.at)
    apply_confirmations(conn, [said], signed.cause(scan.applied_at))
    return Done("packed", document_id=task.document.id, wave_id=task.wave_id)


def _require_complete(task: Task) -> None:
    left = sum(units.wanted - units.checked for units in task.units)
    if left:
        raise task.refuse("not_complete", str(left))


def ship(conn: Connection, signed: Signed, scan: ScanIn) -> Done:
    """The parcel of a document leaves under the scanned waybill; with `more`, another box of it follows.

    The box with the last unit is the last one, whatever the picker says.
    """
    task = take_task(conn, signed.warehouse_id, scan.document)
    task.require_free()
    left = any(units.checked < units.wanted for units in task.units)
    if not scan.more:
        _require_complete(task)
    box = {units.sku_id: units.checked - units.boxed for units in task.units}
    return _ship(conn, signed, scan, task, box, more=scan.more and left)


def ship_one(conn: Connection, signed: Signed, scan: ScanIn) -> Done:
    """A unit of a SKU leaves under the scanned waybill: for the first document of that unit alone that may leave.

    An e-waybill is for the document that it was made for.
    """
    skus = skus_of(conn, scan.sku)
    if not skus:
        raise Refused("wrong_sku", scan.sku)
    waybill = _written(scan.code)
    for no in _single_documents(conn, signed, skus, owner_of(conn, [waybill]).get(waybill)):
        task = take_task(conn, signed.warehouse_id, no)
        if task.blocked or task.state is not TaskState.PICKED:
            continue
        (units,) = task.units
        _count_checked(conn, task, units, 1 - units.checked)
        return _ship(conn, signed, scan, task, {units.sku_id: 1}, more=False)
    raise Refused("not_found", scan.sku)


def _single_documents(conn: Connection, signed: Signed, skus: Sequence[int], only: int | None) -> list[str]:
    """Those that a unit of these SKUs may be for; a number of paper is first for those without an e-waybill."""
    rows = conn.execute(
        """select d.no from floor_task t
           join wave v on v.id = t.wave_id join outbound_document d on d.id = t.document_id
           join floor_unit u on u.document_id = t.document_id
           where t.warehouse_id = %s and t.state = %s and v.kind = any(%s) and u.sku_id = any(%s) and u.wanted = 1
             and (%s::bigint is null or d.id = %s)
             and not exists (select 1 from document_block b where b.document_id = d.id and b.lifted_at is null)
           order by exists (select 1 from waybill b where b.document_id = d.id and b.state = 'got'), v.id, t.slot
           limit %s""",
        (
            signed.warehouse_id,
            TaskState.PICKED.value,
            [WaveKind.SINGLE_SKU.value, WaveKind.SINGLE_ITEM.value],
            list(skus),
            only,
            only,
            _TRIES,
        ),
    ).fetchall()
    return [row[0] for row in rows]


def _ship(conn: Connection, signed: Signed, scan: ScanIn, task: Task, box: dict[int, int], *, more: bool) -> Done:
    waybill = _written(scan.code)
    _require_waybill(conn, task, waybill)
    if not any(box.values()):
        raise task.refuse("not_complete", "0")
    document = task.document
    codes = {line.sku_id: line.sku_code for line in document.lines.values()}
    package = {
        "package_no": f"P{len(document.package_nos) + 1}",
        "carrier_code": document.carrier,
        "tracking_no": waybill,
        "lines": [{"sku": codes[sku_id], "qty": units} for sku_id, units in box.items() if units],
    }
    said = report(
        0, signed.warehouse_code, "outbound.shipped", document.no, scan.at, final=not more, packages=[package]
    )
    (outcome,) = apply_confirmations(conn, [said], signed.cause(scan.applied_at)).values()
    if outcome.ignored:
        raise task.refuse("over", outcome.ignored)
    conn.execute("update floor_unit set boxed = checked where document_id = %s", (document.id,))
    if not more:
        move_tasks(conn, {document.id: task.state}, TaskState.DONE)
    (sku_id, *others) = [sku_id for sku_id, units in box.items() if units]
    return Done("shipped", waybill, document.id, task.wave_id, None if others else sku_id)


def _written(code: str) -> str:
    """A waybill as we write it."""
    return code.strip().upper()


def _require_waybill(conn: Connection, task: Task, waybill: str) -> None:
    """Refuse what is no waybill of the document's carrier, is in use, or is not its e-waybill where it has one."""
    if not NUMBER.fullmatch(waybill) or waybill.startswith("OB") or skus_of(conn, waybill):
        raise task.refuse("waybill_format", task.document.carrier)
    rows = conn.execute(
        """select c.pattern, c.shop_id = d.shop_id from outbound_document d join shop_carrier c on c.carrier = d.carrier
           where d.id = %s and c.pattern <> '' order by 2 desc, c.shop_id""",
        (task.document.id,),
    ).fetchall()
    # what the document's own shop takes counts; without that, what any of our shops takes of this carrier
    own = [pattern for pattern, is_own in rows if is_own] or [pattern for pattern, _ in rows]
    if own and not any(_matches(pattern, waybill) for pattern in own):
        raise task.refuse("waybill_format", task.document.carrier)
    used = conn.execute(
        """select d.no from parcel p join outbound_document d on d.id = p.document_id where p.waybill = %s limit 1""",
        (waybill,),
    ).fetchone()
    if used:
        raise task.refuse("waybill_used", used[0])
    _require_e_waybill(conn, task, waybill)


def _require_e_waybill(conn: Connection, task: Task, waybill: str) -> None:
    document_id = task.document.id
    owner = owner_of(conn, [waybill]).get(waybill)
    if owner is not None and owner != document_id:
        (no,) = conn.execute("select no from outbound_document where id = %s", (owner,)).fetchone() or ("",)
        raise task.refuse("waybill_used", no)
    numbers = waybill_of(conn, [document_id]).get(document_id, set())
    if waybill not in numbers and (numbers or owner is not None):  # one that was given back is none any more
        raise task.refuse("waybill_other", ", ".join(sorted(numbers)))


def _matches(pattern: str, waybill: str) -> bool:
    try:
        return re.fullmatch(pattern, waybill) is not None
    except re.error:
        return True  # a platform's expression that is none of ours says nothing
