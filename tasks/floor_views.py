"""What handhelds show: the work there is, a wave with its pick list, a document at the bench."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from models.database import Connection, transaction
from models.floor import TaskState
from models.settings import clock
from tasks.floor_people import IDLE, Signed
from tasks.floor_rows import Refused, blocks_of
from tasks.floor_waves import count_waiting
from tasks.waybills import waybill_of

_SHOWN_WAVES = 100
_SHOWN_PUT_BACK = 50


@dataclass(frozen=True, slots=True)
class WaveSummary:
    """A wave in the list of work. `state` is that of `Wave`; `done` of its documents left, or are to be put back.

    `abandoned`: its picker is signed in nowhere, so that anybody may go on with it.
    """

    no: str
    kind: str
    zone: str
    carrier: str
    leaves_at: datetime | None
    state: str
    picker: str
    documents: int
    done: int
    units: int
    abandoned: bool


@dataclass(frozen=True, slots=True)
class PickLine:
    """A line of a pick list; `picked` and `missing` units of those wanted are counted."""

    sku: str
    barcode: str
    name: str
    place: str
    wanted: int
    picked: int
    missing: int


@dataclass(frozen=True, slots=True)
class WaveDocument:
    """A document of a wave, its slot, and why it must not leave."""

    no: str
    slot: int
    state: str
    units: int
    blocked: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WaveView:
    """A wave with its pick list, in the order of places, and its documents, in the order of slots."""

    no: str
    kind: str
    zone: str
    carrier: str
    leaves_at: datetime | None
    state: str
    picker: str
    picks: tuple[PickLine, ...]
    documents: tuple[WaveDocument, ...]


@dataclass(frozen=True, slots=True)
class DocumentLineView:
    """Units of a SKU in a document: to be put into its parcel, checked, left already; and to be put back."""

    sku: str
    barcode: str
    name: str
    wanted: int
    checked: int
    boxed: int
    astray: int
    returned: int


@dataclass(frozen=True, slots=True)
class DocumentView:
    """A document at the bench. `waybills` are the e-waybills under which it may leave, none where it has no such."""

    no: str
    wave: str
    slot: int
    state: str
    blocked: tuple[str, ...]
    carrier: str
    waybills: tuple[str, ...]
    lines: tuple[DocumentLineView, ...]


@dataclass(frozen=True, slots=True)
class Work:
    """What there is to do in a warehouse: waves not all shipped, documents to be put back, how many are in no wave."""

    waves: tuple[WaveSummary, ...]
    put_back: tuple[DocumentView, ...]
    waiting: int


_WAVES = """
  select v.no, v.kind, v.zone, v.carrier, v.leaves_at, v.state, coalesce(p.name, ''), t.documents, t.done, t.units,
         v.state = 'picking' and not exists (
           select 1 from handheld_session s where s.picker_id = v.picker_id and s.ends_at > %(at)s
             and s.seen_at > %(idle)s)
  from wave v left join picker p on p.id = v.picker_id
  cross join lateral (
    select count(distinct f.document_id) as documents,
           count(distinct f.document_id) filter (where f.state in ('done', 'put_back')) as done,
           coalesce(sum(u.wanted), 0) as units
    from floor_task f join floor_unit u on u.document_id = f.document_id where f.wave_id = v.id) t
  where v.id in (select wave_id from floor_task where warehouse_id = %(warehouse)s
                 and state <> 'done' and state <> 'put_back')
  order by v.leaves_at nulls last, v.id limit %(most)s"""


def work_of(signed: Signed) -> Work:
    """The work of the picker's warehouse, what leaves first in front."""
    return work_in(signed.warehouse_id)


def work_in(warehouse_id: int) -> Work:
    """The work of a warehouse, what leaves first in front."""
    with transaction() as conn:
        at = clock().now()
        rows = conn.execute(
            _WAVES, {"warehouse": warehouse_id, "at": at, "idle": at - IDLE, "most": _SHOWN_WAVES}
        ).fetchall()
        back = conn.execute(
            """select d.no from floor_task t join outbound_document d on d.id = t.document_id
               where t.warehouse_id = %s and t.state = %s order by d.id limit %s""",
            (warehouse_id, TaskState.PUT_BACK.value, _SHOWN_PUT_BACK),
        ).fetchall()
        documents = _documents(conn, warehouse_id, [row[0] for row in back])
        waiting = count_waiting(conn, warehouse_id)
    return Work(tuple(WaveSummary(*row) for row in rows), tuple(documents.values()), waiting)


def wave_view(warehouse_id: int, no: str) -> WaveView:
    """A wave of a warehouse; raises Refused when it has none of that number."""
    with transaction() as conn:
        row = conn.execute(
            """select v.id, v.no, v.kind, v.zone, v.carrier, v.leaves_at, v.state, coalesce(p.name, '') from wave v
               left join picker p on p.id = v.picker_id where v.no = %s and v.warehouse_id = %s""",
            (no, warehouse_id),
        ).fetchone()
        if row is None:
            raise Refused("not_found", no[:32])
        picks = conn.execute(
            """select k.code, k.barcode, k.name, p.place, p.wanted, p.picked, p.missing from wave_pick p
               join sku k on k.id = p.sku_id where p.wave_id = %s and p.wanted > 0 order by p.place, k.code""",
            (row[0],),
        ).fetchall()
        documents = conn.execute(
            """select d.id, d.no, t.slot, t.state, sum(u.wanted) from floor_task t
               join outbound_document d on d.id = t.document_id join floor_unit u on u.document_id = d.id
               where t.wave_id = %s group by 1, 2, 3, 4 order by 3""",
            (row[0],),
        ).fetchall()
        blocked = blocks_of(conn, [each[0] for each in documents])
    _, no, kind, zone, carrier, leaves_at, state, picker = row
    return WaveView(
        no,
        kind,
        zone,
        carrier,
        leaves_at,
        state,
        picker,
        tuple(PickLine(*pick) for pick in picks),
        tuple(WaveDocument(each, slot, at, int(n), blocked.get(i, ())) for i, each, slot, at, n in documents),
    )


def document_view(warehouse_id: int, no: str) -> DocumentView:
    """A document on the floor of a warehouse; raises Refused when it is not there."""
    with transaction() as conn:
        found = _documents(conn, warehouse_id, [no])
    if no not in found:
        raise Refused("not_found", no[:32])
    return found[no]


def _documents(conn: Connection, warehouse_id: int, nos: list[str]) -> dict[str, DocumentView]:
    rows = conn.execute(
        """select d.id, d.no, v.no, t.slot, t.state, d.carrier from outbound_document d
           join floor_task t on t.document_id = d.id join wave v on v.id = t.wave_id
           where d.no = any(%s) and d.warehouse_id = %s order by d.id""",
        (nos, warehouse_id),
    ).fetchall()
    ids = [row[0] for row in rows]
    lines: dict[int, list[DocumentLineView]] = defaultdict(list)
    for document_id, *line in conn.execute(
        """select u.document_id, k.code, k.barcode, k.name, u.wanted, u.checked, u.boxed, u.astray, u.returned
           from floor_unit u join sku k on k.id = u.sku_id where u.document_id = any(%s) order by 1, 2""",
        (ids,),
    ):
        lines[document_id].append(DocumentLineView(*line))
    blocked, numbers = blocks_of(conn, ids), waybill_of(conn, ids)
    return {
        no: DocumentView(
            no, wave, slot, state, blocked.get(i, ()), carrier, tuple(sorted(numbers.get(i, ()))), tuple(lines[i])
        )
        for i, no, wave, slot, state, carrier in rows
    }
