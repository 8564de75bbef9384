"""Rows of an own warehouse's floor as scans find them, locked; and what a scan is refused with."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from models.database import Connection
from models.errors import PipelineError
from models.floor import TASK_STEPS, WAVE_STEPS, TaskState, WaveState
from models.shipment import ENDED, LEFT, DocumentState
from tasks.bookings import Document, load_documents
from tasks.confirm import Report


class Refused(PipelineError):
    """A scan, or a wave, that is not taken: a word for the handheld, and what it is about.

    Words: wrong_sku, too_many, blocked, not_found, waybill_used, waybill_format, waybill_other, not_complete, over,
    not_yours.
    """

    def __init__(
        self, said: str, about: str = "", *, document_id: int | None = None, wave_id: int | None = None
    ) -> None:
        super().__init__(f"{said}: {about}" if about else said)
        self.said = said
        self.about = about
        self.document_id = document_id
        self.wave_id = wave_id


@dataclass(frozen=True, slots=True)
class WaveRow:
    """A wave, locked."""

    id: int
    no: str
    kind: str
    state: WaveState
    picker_id: int | None


@dataclass(frozen=True, slots=True)
class Units:
    """Units of a SKU that a document wants from the house, as `FloorUnit` has them."""

    sku_id: int
    wanted: int
    checked: int
    boxed: int
    astray: int
    returned: int


@dataclass(frozen=True, slots=True)
class Task:
    """A document on the floor with its wave and its units, locked, and why it is blocked."""

    document: Document
    wave_id: int
    state: TaskState
    units: tuple[Units, ...]
    blocked: tuple[str, ...]

    def of(self, skus: Collection[int]) -> Units | None:
        """The units of the first of these SKUs that it has."""
        return next((units for units in self.units if units.sku_id in skus), None)

    def refuse(self, said: str, about: str = "") -> Refused:
        """A refusal that names the document."""
        return Refused(said, about, document_id=self.document.id, wave_id=self.wave_id)

    def require_free(self) -> None:
        """Refuse what is blocked, has left, or is on its way back to the shelf."""
        if self.blocked or self.state is TaskState.PUT_BACK:
            raise self.refuse("blocked", ", ".join(self.blocked))
        if self.state is TaskState.DONE or self.document.state in ENDED:
            raise self.refuse("over", self.document.state.value)


def report(number: int, warehouse_code: str, kind: str, document_no: str, at: datetime, **data: Any) -> Report:
    """What a warehouse system would report of a document."""
    when = at.isoformat()
    return number, warehouse_code, {
        "type": kind, "timestamp": when, "data": {"outbound_no": document_no, "occurred_at": when, **data}
    }  # fmt: skip


def take_wave_row(conn: Connection, warehouse_id: int, no: str) -> WaveRow:
    """A wave of a warehouse, locked; raises Refused when it has none of that number."""
    row = conn.execute(
        "select id, no, kind, state, picker_id from wave where no = %s and warehouse_id = %s for update",
        (no, warehouse_id),
    ).fetchone()
    if row is None:
        raise Refused("not_found", no[:32])
    return WaveRow(row[0], row[1], row[2], WaveState(row[3]), row[4])


def move_wave(conn: Connection, wave: WaveRow, to: WaveState, picker_id: int | None) -> None:
    """Move a wave, which is locked, on; raises Refused when no step leads there."""
    if to not in WAVE_STEPS[wave.state]:
        raise Refused("over", wave.state.value, wave_id=wave.id)
    conn.execute("update wave set state = %s, picker_id = %s where id = %s", (to.value, picker_id, wave.id))


def skus_of(conn: Connection, code: str) -> tuple[int, ...]:
    """The SKUs that a scanned code may mean: those of a barcode, else the one of that merchant's code."""
    rows = conn.execute(
        """select id from sku where code = %(code)s or (barcode = %(code)s and barcode <> '')
           order by code = %(code)s, id""",
        {"code": code},
    ).fetchall()
    return tuple(row[0] for row in rows)


def take_tasks(conn: Connection, warehouse_id: int, nos: Sequence[str]) -> dict[str, Task]:
    """Documents of a warehouse that are on its floor, by number: their orders, documents and tasks locked, in order."""
    documents = {no: d for no, d in load_documents(conn, nos).items() if d.warehouse_id == warehouse_id}
    ids = [document.id for document in documents.values()]
    rows = conn.execute(
        "select document_id, wave_id, state from floor_task where document_id = any(%s) order by 1 for update", (ids,)
    ).fetchall()
    tasks = {row[0]: row for row in rows}
    units: dict[int, list[Units]] = {document_id: [] for document_id in ids}
    for document_id, *rest in conn.execute(
        """select document_id, sku_id, wanted, checked, boxed, astray, returned from floor_unit
           where document_id = any(%s) order by 1, 2 for update""",
        (ids,),
    ):
        units[document_id].append(Units(*rest))
    blocked = blocks_of(conn, ids)
    return {
        no: Task(document, task[1], TaskState(task[2]), tuple(units[document.id]), blocked.get(document.id, ()))
        for no, document in documents.items()
        if (task := tasks.get(document.id)) is not None
    }


def take_task(conn: Connection, warehouse_id: int, no: str) -> Task:
    """One document on the floor, locked; raises Refused when it is not there."""
    found = take_tasks(conn, warehouse_id, [no]).get(no)
    if found is None:
        raise Refused("not_found", no[:32])
    return found


def blocks_of(conn: Connection, document_ids: Collection[int]) -> dict[int, tuple[str, ...]]:
    """Why these documents must not leave: the reasons of their blocks, or that they were asked back."""
    rows = conn.execute(
        """select d.id, array_remove(array_agg(distinct b.reason order by b.reason), null),
                  exists (select 1 from outbox x where x.key = d.no || '-r' || d.revision || '-cancel'
                          and x.state in ('pending', 'refused', 'delivered'))
           from outbound_document d
           left join document_block b on b.document_id = d.id and b.lifted_at is null
           where d.id = any(%s) and d.state <> all(%s) group by d.id""",
        (list(document_ids), [state.value for state in LEFT - {DocumentState.PART_SHIPPED}]),
    ).fetchall()
    return {row[0]: tuple(row[1] or (["asked_back"] if row[2] else [])) for row in rows if row[1] or row[2]}


def move_tasks(conn: Connection, tasks: Mapping[int, TaskState], to: TaskState) -> None:
    """Move these tasks (document id, with the state it is in, locked) on; those that are there stay.

    Raises Refused, moving none, when no step leads from one of them.
    """
    going = {document_id: state for document_id, state in tasks.items() if state is not to}
    wrong = [document_id for document_id, state in going.items() if to not in TASK_STEPS[state]]
    if wrong:
        raise Refused("over", going[wrong[0]].value, document_id=wrong[0])
    conn.execute("update floor_task set state = %s where document_id = any(%s)", (to.value, list(going)))
