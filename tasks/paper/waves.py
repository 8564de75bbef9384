"""What is printed of a wave of an own warehouse: its pick list, and the slips of its documents."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from connectors.carriers.codes import carrier_name
from models.database import Connection
from models.errors import SetupError
from models.floor import TaskState, WaveKind
from models.order import Cause
from models.rules.purposes import Purpose
from models.shipment import ENDED, GIVEN_BACK, DocumentState
from tasks.floor_rows import blocks_of
from tasks.paper.documents import slip_of
from tasks.paper.pick_list import LEFT, STOPPED, Listed, Pick, PickList
from tasks.paper.sheet import china
from tasks.paper.slips import Slip
from tasks.render import render_outbound

KINDS: Final[Mapping[WaveKind, str]] = {
    WaveKind.SINGLE_SKU: "同款单件 One SKU",
    WaveKind.SINGLE_ITEM: "单件 One unit each",
    WaveKind.MIXED: "混合 Mixed",
}


class _Wave(NamedTuple):
    id: int
    no: str
    kind: WaveKind
    zone: str
    carrier: str
    leaves_at: datetime | None
    warehouse: str
    picker: str


class _Task(NamedTuple):
    document_id: int
    no: str
    slot: int
    mark: str
    units: int
    carrier: str
    order_nos: Sequence[str]


def wave_pick_list(conn: Connection, no: str, at: datetime) -> PickList:
    """The pick list of a wave as it is now. Raises SetupError when there is no such wave."""
    wave = _wave(conn, no)
    tasks = _tasks(conn, wave.id)
    picks = _picks(conn, wave)
    facts = (
        ("仓库 Warehouse", wave.warehouse),
        ("快递 Carrier", carrier_name(wave.carrier) if wave.carrier else "多家 Several"),
        ("发车 Leaves", china(wave.leaves_at)),
        ("库区 Zone", wave.zone or "多区 Several"),
        ("类型 Kind", KINDS[wave.kind]),
        ("单据 Documents", f"{len(tasks)}"),
        ("件数 Units", f"{sum(pick.wanted for pick in picks)} / {len(picks)} SKU"),
        ("拣货员 Picker", wave.picker),
    )
    documents = [
        Listed(task.slot, task.no, task.units, (carrier_name(task.carrier), ", ".join(task.order_nos)), task.mark)
        for task in tasks
    ]
    return PickList("拣货单 Pick list", wave.no, facts, picks, documents, at)


def wave_slips(conn: Connection, no: str, why: Cause) -> list[Slip]:
    """The slips of a wave's documents, by slot. Raises SetupError when there is no such wave."""
    tasks = _tasks(conn, _wave(conn, no).id)
    data = render_outbound(conn, [task.document_id for task in tasks], Purpose.PAPER, why)
    return [slip_of(data[task.document_id], task.slot, task.mark) for task in tasks]


def _wave(conn: Connection, no: str) -> _Wave:
    row = conn.execute(
        """select v.id, v.no, v.kind, v.zone, v.carrier, v.leaves_at, concat_ws(' ', w.code, nullif(w.name, '')),
                  coalesce(p.name, '')
           from wave v join warehouse w on w.id = v.warehouse_id left join picker p on p.id = v.picker_id
           where v.no = %s""",
        (no,),
    ).fetchone()
    if row is None:
        raise SetupError(f"wave {no[:40]}: is not in the pool, so there is nothing to print")
    return _Wave(row[0], row[1], WaveKind(row[2]), *row[3:])


def _tasks(conn: Connection, wave_id: int) -> list[_Task]:
    rows = conn.execute(
        """select d.id, d.no, t.slot, t.state, d.state, u.units, d.carrier, o.order_nos
           from floor_task t join outbound_document d on d.id = t.document_id
           cross join lateral (select coalesce(sum(wanted), 0)::int as units from floor_unit
                               where document_id = d.id) u
           cross join lateral (select array_agg(order_no order by id) as order_nos from orders
                               where id in (select order_id from allocation where document_id = d.id)) o
           where t.wave_id = %s order by t.slot""",
        (wave_id,),
    ).fetchall()
    blocked = blocks_of(conn, [row[0] for row in rows])
    return [
        _Task(row[0], row[1], row[2], _mark(TaskState(row[3]), DocumentState(row[4]), row[0] in blocked), *row[5:])
        for row in rows
    ]


def _mark(task: TaskState, document: DocumentState, is_blocked: bool) -> str:
    if is_blocked or task is TaskState.PUT_BACK or document in GIVEN_BACK:
        return STOPPED
    return LEFT if task is TaskState.DONE or document in ENDED else ""


def _picks(conn: Connection, wave: _Wave) -> list[Pick]:
    dealt: dict[int, list[tuple[int, int]]] = defaultdict(list)
    if wave.kind is WaveKind.MIXED:  # the others are fetched in bulk and dealt out at the bench
        for sku_id, slot, wanted in conn.execute(
            """select u.sku_id, t.slot, u.wanted from floor_task t join floor_unit u on u.document_id = t.document_id
               where t.wave_id = %s and u.wanted > 0 order by t.slot""",
            (wave.id,),
        ):
            dealt[sku_id].append((slot, wanted))
    rows = conn.execute(
        """select p.sku_id, p.place, k.code, k.name, k.barcode, p.wanted, p.picked + p.missing
           from wave_pick p join sku k on k.id = p.sku_id
           where p.wave_id = %s and p.wanted > 0 order by p.place = '', p.place, k.code""",
        (wave.id,),
    ).fetchall()
    return [
        Pick(place, code, name, barcode, wanted, dealt[sku_id], fetched)
        for sku_id, place, code, name, barcode, wanted, fetched in rows
    ]
