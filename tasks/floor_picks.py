"""Picking: units of a wave's pick list are fetched from their shelves, or are not there."""

from collections import defaultdict

from models.database import Connection
from models.floor import TaskState, WaveState
from models.rules.waves import shared_out
from tasks.bookings import load_documents
from tasks.confirm import Report, apply_confirmations
from tasks.floor_lacks import LACKING, lacks_at_bench, short_picked, take_from_stock
from tasks.floor_people import Signed
from tasks.floor_rows import Refused, Task, WaveRow, move_tasks, move_wave, report, skus_of, take_tasks, take_wave_row
from tasks.floor_scan import Done, ScanIn
from tasks.floor_waves import documents_of


def pick(conn: Connection, signed: Signed, scan: ScanIn) -> Done:
    """Units of a SKU were taken from their shelf for a wave."""
    wave = _own_wave(conn, signed, scan.wave)
    sku_id = _count(conn, wave, scan, "picked")
    return Done("picked", sku_id=sku_id, wave_id=wave.id)


def missing(conn: Connection, signed: Signed, scan: ScanIn) -> Done:
    """The shelf lacks units of a SKU that a wave wants; with a document, they are lost or broken at the bench."""
    if scan.document:
        return lacks_at_bench(conn, signed, scan)
    wave = _own_wave(conn, signed, scan.wave)
    sku_id = _count(conn, wave, scan, "missing")
    take_from_stock(conn, signed, scan, sku_id, wave.no)
    return Done("noted", sku_id=sku_id, wave_id=wave.id)


def _own_wave(conn: Connection, signed: Signed, no: str) -> WaveRow:
    wave = take_wave_row(conn, signed.warehouse_id, no)
    if wave.state is not WaveState.PICKING:
        raise Refused("over", wave.state.value, wave_id=wave.id)
    if wave.picker_id != signed.id:
        raise Refused("not_yours", wave_id=wave.id)
    return wave


def _count(conn: Connection, wave: WaveRow, scan: ScanIn, column: str) -> int:
    """Count units of a SKU of the pick list; returns the SKU, of several with one barcode the first that wants some."""
    rows = conn.execute(
        """select sku_id, wanted - picked - missing from wave_pick where wave_id = %s and sku_id = any(%s)
           order by wanted - picked - missing < %s, sku_id for update""",
        (wave.id, list(skus_of(conn, scan.code)), scan.quantity),
    ).fetchall()
    if not rows:
        raise Refused("wrong_sku", scan.code, wave_id=wave.id)
    sku_id, left = rows[0]
    if scan.quantity > left:
        raise Refused("too_many", str(left), wave_id=wave.id)
    conn.execute(
        f"update wave_pick set {column} = {column} + %s where wave_id = %s and sku_id = %s".encode(),
        (scan.quantity, wave.id, sku_id),
    )
    return int(sku_id)


def picked(conn: Connection, signed: Signed, scan: ScanIn) -> Done:
    """The walk of a wave is over: what lacks is lacking to the documents that leave last."""
    nos = documents_of(conn, signed, scan.wave)
    load_documents(conn, nos)  # orders and documents are locked before the wave
    wave = _own_wave(conn, signed, scan.wave)
    (left,) = conn.execute(
        "select coalesce(sum(wanted - picked - missing), 0) from wave_pick where wave_id = %s", (wave.id,)
    ).fetchone() or (0,)
    if left:
        raise Refused("not_complete", str(left), wave_id=wave.id)
    tasks = {no: t for no, t in take_tasks(conn, signed.warehouse_id, nos).items() if t.state is TaskState.WAITING}
    short = _share_out(conn, wave, tasks)
    move_tasks(conn, {t.document.id: t.state for t in tasks.values()}, TaskState.PICKED)
    empty = {no for no, lacks in short.items() if lacks == {u.sku_id: u.wanted for u in tasks[no].units}}
    move_tasks(conn, {tasks[no].document.id: TaskState.PICKED for no in empty}, TaskState.DONE)
    reports = [_reported(signed, task, short.get(no, {}), scan, gone=no in empty) for no, task in tasks.items()]
    apply_confirmations(conn, reports, signed.cause(scan.applied_at))
    move_wave(conn, wave, WaveState.PICKED, signed.id)
    return Done("picked", wave_id=wave.id)


def _share_out(conn: Connection, wave: WaveRow, tasks: dict[str, Task]) -> dict[str, dict[int, int]]:
    """Take what lacks from the wishes of the last documents; returns what lacks by document number and SKU."""
    lacking: dict[int, int] = dict(
        conn.execute("select sku_id, picked from wave_pick where wave_id = %s and missing > 0", (wave.id,)).fetchall()
    )
    if not lacking:
        return {}
    slots: dict[int, int] = dict(
        conn.execute("select document_id, slot from floor_task where wave_id = %s", (wave.id,)).fetchall()
    )
    order = sorted(tasks.values(), key=lambda task: slots[task.document.id])
    short: dict[str, dict[int, int]] = defaultdict(dict)
    for sku_id, there in lacking.items():
        wishes = [(t.document.id, u.wanted) for t in order for u in t.units if u.sku_id == sku_id]
        given = shared_out(there, wishes)
        for task in order:
            units = task.of([sku_id])
            if units and given[task.document.id] < units.wanted:
                short[task.document.no][sku_id] = units.wanted - given[task.document.id]
    conn.cursor().executemany(
        "update floor_unit set wanted = wanted - %s where document_id = %s and sku_id = %s",
        [(n, tasks[no].document.id, sku_id) for no, lacks in short.items() for sku_id, n in lacks.items()],
    )
    return short


def _reported(signed: Signed, task: Task, lacks: dict[int, int], scan: ScanIn, *, gone: bool) -> Report:
    no, code = task.document.no, signed.warehouse_code
    if gone:
        return report(0, code, "outbound.cancelled", no, scan.at, reason_code=LACKING)
    if not lacks:
        return report(0, code, "outbound.picked", no, scan.at)
    return short_picked(signed, task.document, lacks, scan)
