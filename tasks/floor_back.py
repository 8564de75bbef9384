"""Documents that an own warehouse is asked back: given back at once, or when their goods are on their shelves again."""

from collections.abc import Sequence

from models.database import Connection, in_transaction
from models.floor import TaskState
from models.order import Cause
from models.shipment import ENDED, LEFT
from tasks.bookings import load_documents
from tasks.confirm import CANCEL_FAILED, Report, apply_confirmations
from tasks.floor_people import Signed
from tasks.floor_rows import Task, move_tasks, report, skus_of, take_task, take_tasks
from tasks.floor_scan import Done, ScanIn

GIVEN_BACK = "ASKED_BACK"


def answer_wishes(warehouse_code: str, nos: Sequence[str], why: Cause) -> None:
    """Answer the wish for these documents: what has left is kept, what lies on its shelves is given back.

    What was fetched from its shelf is to be put back first, which is work for the handhelds. Safe to repeat.
    """
    in_transaction(lambda conn: _answer(conn, warehouse_code, nos, why))


def _answer(conn: Connection, warehouse_code: str, nos: Sequence[str], why: Cause) -> None:
    documents = {no: d for no, d in load_documents(conn, nos).items() if d.warehouse_code == warehouse_code}
    left = [no for no, document in documents.items() if document.state in LEFT]
    open_nos = [no for no, document in documents.items() if document.state not in ENDED | LEFT]
    warehouse_ids = {document.warehouse_id for document in documents.values()}
    waves = [
        row[0]
        for row in conn.execute(
            """select distinct t.wave_id from floor_task t join outbound_document d on d.id = t.document_id
               where d.no = any(%s) order by 1""",
            (open_nos,),
        )
    ]
    conn.execute("select 1 from wave where id = any(%s) order by id for update", (waves,))
    tasks = {no: t for code in warehouse_ids for no, t in take_tasks(conn, code, open_nos).items()}
    going_back = {no for no, task in tasks.items() if task.state is TaskState.PUT_BACK}
    kept = {no for no in open_nos if no in tasks and _stays_out(conn, tasks[no])}
    reports: list[Report] = [
        report(0, warehouse_code, CANCEL_FAILED, no, why.at, reason_code="SHIPPED") for no in _unanswered(conn, left)
    ]
    reports += [report(0, warehouse_code, "outbound.put_back", no, why.at) for no in sorted(kept - going_back)]
    reports += [
        report(0, warehouse_code, "outbound.cancelled", no, why.at, reason_code=GIVEN_BACK)
        for no in open_nos
        if no not in kept
    ]
    apply_confirmations(conn, reports, why)


def _unanswered(conn: Connection, nos: Sequence[str]) -> list[str]:
    """Those of these documents about which their orders' stories have no answer yet."""
    rows = conn.execute(
        """select d.no from outbound_document d where d.no = any(%s) and not exists (
             select 1 from allocation a join event e on e.order_id = a.order_id
             where a.document_id = d.id and e.what in ('not_given_back', 'unmerge_refused')
               and e.detail->>'document' = d.no) order by d.id""",
        (list(nos),),
    ).fetchall()
    return [row[0] for row in rows]


def _stays_out(conn: Connection, task: Task) -> bool:
    """Take a document out of its wave; whether goods of it are off their shelves, to be put back first."""
    if task.state in (TaskState.DONE, TaskState.PUT_BACK):
        return task.state is TaskState.PUT_BACK
    document_id = task.document.id
    if task.state is TaskState.WAITING:
        astray = {units.sku_id: _unpick(conn, task.wave_id, units.sku_id, units.wanted) for units in task.units}
    else:
        astray = {units.sku_id: units.wanted - units.boxed for units in task.units}
    conn.cursor().executemany(
        "update floor_unit set astray = %s where document_id = %s and sku_id = %s",
        [(count, document_id, sku_id) for sku_id, count in astray.items()],
    )
    out = any(astray.values())
    move_tasks(conn, {document_id: task.state}, TaskState.PUT_BACK if out else TaskState.DONE)
    return out


def _unpick(conn: Connection, wave_id: int, sku_id: int, count: int) -> int:
    """Take units from a pick list; returns how many of them the picker has already, more than the others want."""
    row = conn.execute(
        "select wanted, picked, missing from wave_pick where wave_id = %s and sku_id = %s", (wave_id, sku_id)
    ).fetchone()
    assert row is not None
    wanted, picked, missing = row[0] - count, row[1], row[2]
    excess = max(0, picked + missing - wanted)
    # what is missing lacks to whoever is left last: first the wish for it goes
    unmissed = min(excess, missing)
    astray = excess - unmissed
    conn.execute(
        """update wave_pick set wanted = %s, picked = picked - %s, missing = missing - %s
           where wave_id = %s and sku_id = %s""",
        (wanted, astray, unmissed, wave_id, sku_id),
    )
    return int(astray)


def put_back(conn: Connection, signed: Signed, scan: ScanIn) -> Done:
    """Units of a document that is asked back are on their shelf again; with the last of them it is given back."""
    task = take_task(conn, signed.warehouse_id, scan.document)
    if task.state is not TaskState.PUT_BACK:
        raise task.refuse("over", task.state.value)
    skus = skus_of(conn, scan.code)
    units = task.of([sku for sku in skus if any(u.sku_id == sku and u.astray for u in task.units)])
    if units is None:
        raise task.refuse("wrong_sku", scan.code)
    if units.returned + scan.quantity > units.astray:
        raise task.refuse("too_many", str(units.astray - units.returned))
    conn.execute(
        "update floor_unit set returned = returned + %s where document_id = %s and sku_id = %s",
        (scan.quantity, task.document.id, units.sku_id),
    )
    if sum(u.astray - u.returned for u in task.units) == scan.quantity:
        move_tasks(conn, {task.document.id: task.state}, TaskState.DONE)
        said = report(
            0, signed.warehouse_code, "outbound.cancelled", task.document.no, scan.at, reason_code=GIVEN_BACK
        )  # fmt: skip
        apply_confirmations(conn, [said], signed.cause(scan.applied_at))
    return Done("returned", document_id=task.document.id, wave_id=task.wave_id, sku_id=units.sku_id)
