"""Waves of an own warehouse: made of the documents that wait, taken by a picker."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import datetime, time, timedelta

from models.database import Connection, copy_rows, in_transaction, one, take_ids
from models.floor import TaskState, WaveState
from models.order import Cause
from models.rules.waves import PlannedWave, Waiting, WaveSizes, plan_waves
from models.settings import SHANGHAI
from tasks.bookings import load_documents
from tasks.confirm import apply_confirmations
from tasks.floor_people import Signed, is_signed_in, own_warehouse
from tasks.floor_rows import Refused, move_wave, report, take_wave_row

_MOST = 5_000  # documents that are dealt out in one go


def make_waves(warehouse_code: str, why: Cause) -> list[str]:
    """Put every accepted document that waits in a warehouse into a wave; returns the numbers of the new waves.

    A document that is blocked waits on. Safe to repeat and to run twice at once. Raises SetupError for a warehouse
    without handhelds.
    """
    return in_transaction(lambda conn: _make_waves(conn, warehouse_code, why))


def _make_waves(conn: Connection, warehouse_code: str, why: Cause) -> list[str]:
    warehouse_id = own_warehouse(conn, warehouse_code)
    # two who make waves at once must not both take a document
    conn.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"waves of {warehouse_code}",))
    # what waits is locked, and looked at again: it may have been asked back meanwhile
    locked = load_documents(conn, _in_no_wave(conn, warehouse_id))
    found = [each for each in _waiting(conn, warehouse_id, why.at) if each[0] in locked]
    waiting = [document for _, document in found]
    skus = sorted({sku_id for document in waiting for sku_id in document.units})
    rows = conn.execute(
        "select sku_id, place from sku_place where warehouse_id = %s and sku_id = any(%s)", (warehouse_id, skus)
    ).fetchall()
    places: dict[int, str] = dict(rows)
    planned = plan_waves(waiting, places, WaveSizes())
    ids = take_ids(conn, "wave_id_seq", len(planned))
    nos = [f"WV{why.at.astimezone(SHANGHAI):%Y%m%d}{i:06d}" for i in ids]
    copy_rows(
        conn,
        "wave",
        "id no warehouse_id kind zone carrier leaves_at state made_at made_by".split(),
        (
            (i, no, warehouse_id, w.kind.value, w.zone, w.carrier, w.leaves_at, WaveState.OPEN.value, why.at, why.actor)
            for i, no, w in zip(ids, nos, planned, strict=True)
        ),
    )
    units = {document.document_id: document.units for document in waiting}
    _write_tasks(conn, warehouse_id, dict(zip(ids, planned, strict=True)), units, places)
    queued = [report(0, warehouse_code, "outbound.queued", no, why.at) for no, _ in found]
    apply_confirmations(conn, queued, why)
    return nos


_IN_NO_WAVE = """
  d.warehouse_id = %s and d.state = 'accepted'
  and not exists (select 1 from floor_task t where t.document_id = d.id)
  and not exists (select 1 from document_block b where b.document_id = d.id and b.lifted_at is null)
  and not exists (select 1 from outbox x where x.key = d.no || '-r' || d.revision || '-cancel')"""


def count_waiting(conn: Connection, warehouse_id: int) -> int:
    """How many documents of a warehouse `make_waves` would take."""
    counted: int = one(
        conn.execute(
            f"select count(*) from outbound_document d where {_IN_NO_WAVE}".encode(), (warehouse_id,)
        ).fetchone()
    )
    return counted


def _in_no_wave(conn: Connection, warehouse_id: int) -> list[str]:
    rows = conn.execute(
        f"""select d.no from outbound_document d where {_IN_NO_WAVE}
            order by coalesce(d.deadline_at, d.created_at), d.id limit %s""".encode(),
        (warehouse_id, _MOST),
    ).fetchall()
    return [row[0] for row in rows]


def _waiting(conn: Connection, warehouse_id: int, at: datetime) -> list[tuple[str, Waiting]]:
    """The documents that are in no wave, with their numbers, by deadline."""
    rows = conn.execute(
        f"""select d.id, d.no, d.carrier, coalesce(d.deadline_at, d.created_at), least(w.cutoff, c.cutoff)
            from outbound_document d join warehouse w on w.id = d.warehouse_id
            left join warehouse_carrier c on c.warehouse_id = d.warehouse_id and c.carrier = d.carrier
            where {_IN_NO_WAVE} order by 4, d.id limit %s""".encode(),
        (warehouse_id, _MOST),
    ).fetchall()
    units: dict[int, Counter[int]] = defaultdict(Counter)
    for document_id, sku_id, count in conn.execute(
        """select document_id, sku_id, sum(quantity - shipped) from allocation where document_id = any(%s)
           group by 1, 2 order by 1, 2""",
        ([row[0] for row in rows],),
    ):
        units[document_id][sku_id] = int(count)
    return [(no, Waiting(i, carrier, _leaves(cutoff, at), due, units[i])) for i, no, carrier, due, cutoff in rows]


def _leaves(cutoff: time | None, at: datetime) -> datetime | None:
    """When a carrier with this last pick-up (China time) comes next; None when he comes all day."""
    if cutoff is None:
        return None
    here = at.astimezone(SHANGHAI)
    today = datetime.combine(here.date(), cutoff, SHANGHAI)
    return today if here < today else today + timedelta(days=1)


def _write_tasks(
    conn: Connection,
    warehouse_id: int,
    planned: Mapping[int, PlannedWave],
    units: Mapping[int, Mapping[int, int]],
    places: Mapping[int, str],
) -> None:
    copy_rows(
        conn,
        "floor_task",
        "document_id warehouse_id wave_id slot state".split(),
        (
            (document_id, warehouse_id, wave_id, slot, TaskState.WAITING.value)
            for wave_id, wave in planned.items()
            for slot, document_id in enumerate(wave.documents, 1)
        ),
    )
    copy_rows(
        conn,
        "floor_unit",
        "document_id sku_id wanted checked boxed astray returned".split(),
        (
            (document_id, sku_id, wanted, 0, 0, 0, 0)
            for wave in planned.values()
            for document_id in wave.documents
            for sku_id, wanted in units[document_id].items()
        ),
    )
    totals = {
        wave_id: sum((Counter(units[document_id]) for document_id in wave.documents), Counter[int]())
        for wave_id, wave in planned.items()
    }
    copy_rows(
        conn,
        "wave_pick",
        "wave_id sku_id place wanted picked missing".split(),
        (
            (wave_id, sku_id, places.get(sku_id, ""), wanted, 0, 0)
            for wave_id, total in totals.items()
            for sku_id, wanted in total.items()
        ),
    )


def take_wave(signed: Signed, no: str, at: datetime) -> None:
    """Let a picker begin a wave, or go on with that of somebody who is signed in nowhere; his own stays his.

    Raises Refused when it is another's, or over.
    """
    in_transaction(lambda conn: _take(conn, signed, no, at))


def _take(conn: Connection, signed: Signed, no: str, at: datetime) -> None:
    own = conn.execute(
        "select 1 from wave where no = %s and state = %s and picker_id = %s", (no, WaveState.PICKING.value, signed.id)
    ).fetchone()
    if own:
        return
    nos = documents_of(conn, signed, no)
    begun = [report(0, signed.warehouse_code, "outbound.picking", document_no, at) for document_no in nos]
    apply_confirmations(conn, begun, signed.cause(at))
    wave = take_wave_row(conn, signed.warehouse_id, no)
    if wave.state is WaveState.PICKING and wave.picker_id != signed.id and is_signed_in(conn, wave.picker_id, at):
        raise Refused("not_yours", wave_id=wave.id)
    move_wave(conn, wave, WaveState.PICKING, signed.id)


def documents_of(conn: Connection, signed: Signed, no: str) -> list[str]:
    """The numbers of the documents that are still to be picked in a wave."""
    rows = conn.execute(
        """select d.no from floor_task t
           join wave v on v.id = t.wave_id join outbound_document d on d.id = t.document_id
           where v.no = %s and v.warehouse_id = %s and t.state = %s order by d.id""",
        (no, signed.warehouse_id, TaskState.WAITING.value),
    ).fetchall()
    return [row[0] for row in rows]
