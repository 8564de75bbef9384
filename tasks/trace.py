"""What sources of tracking tell of parcels: scans kept once, stages by the vendors' time, never back from an end."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from psycopg import sql

from connectors.base import Carrier, Scan, Trace
from models.database import Connection
from models.errors import ChannelError
from models.order import Cause, write_events
from models.rules.parcel_way import WayEvent, standing, union
from models.sealing import unseal
from models.shipment import PARCEL_ENDS, PARCEL_STEPS, ParcelStage
from models.tracking import Answer
from tasks.confirm import Outcome
from tasks.corrections import correct_carriers, give_up, need_no_subscription
from tasks.counterparts import KUAIDI100
from tasks.delivered_back import post_delivered
from tasks.intercepts import follow
from tasks.returned_parcels import open_intercepted


@dataclass(frozen=True, slots=True)
class Parcel:
    """A parcel as tracking sees it."""

    id: int
    carrier: str
    waybill: str
    stage: ParcelStage
    stage_at: datetime
    salt_enc: bytes
    dropped_at: datetime | None = None
    unasked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Push:
    """A stored push: inbox id, the token of the address it came to, its form."""

    inbox_id: int
    callback_token: str
    form: Mapping[str, str]


Told = tuple[int, Parcel, Trace]
"""A key of the caller's, the parcel, and what is told of it."""


def apply_pushes(conn: Connection, pushes: Sequence[Push], carrier: Carrier, why: Cause) -> dict[int, Outcome]:
    """Apply stored pushes in the order they came; what cannot be read is ignored and says why."""
    parcels = take_parcels(conn, "callback_token", [push.callback_token for push in pushes])
    traces: list[Told] = []
    outcomes: dict[int, Outcome] = {}
    for push in pushes:
        parcel = parcels.get(push.callback_token)
        if parcel is None:
            outcomes[push.inbox_id] = Outcome("no parcel was subscribed under this address")
            continue
        try:
            traces.append((push.inbox_id, parcel, carrier.read_push(push.form, unseal(parcel.salt_enc))))
        except ChannelError as error:
            outcomes[push.inbox_id] = Outcome(str(error))
    for inbox_id, changed in apply_traces(conn, traces, why).items():
        outcomes[inbox_id] = Outcome() if changed else Outcome("nothing new")
    return outcomes


def take_parcels(conn: Connection, column: Literal["id", "callback_token"], keys: Sequence[Any]) -> dict[Any, Parcel]:
    """The parcels with these keys, locked, by key.

    The other parcels of their orders are locked with them: of two that are delivered at once, the later one sees that
    it is the last of its order.
    """
    rows = conn.execute(
        sql.SQL(
            """with mine as (select id from parcel where {key} = any(%(keys)s))
               select {key}, id, carrier, waybill, stage, stage_at, salt_enc, dropped_at, unasked_at from parcel
               where id in (
                 select id from mine
                 union select p.id from mine m join parcel_line l on l.parcel_id = m.id
                 join allocation a on a.order_id = l.order_id join parcel p on p.document_id = a.document_id)
               order by id for update"""
        ).format(key=sql.Identifier(column)),
        {"keys": list(keys)},
    ).fetchall()
    wanted = set(keys)
    return {row[0]: Parcel(row[1], row[2], row[3], ParcelStage(row[4]), *row[5:]) for row in rows if row[0] in wanted}


def apply_traces(conn: Connection, traces: Sequence[Told], why: Cause) -> dict[int, bool]:
    """Union each trace's scans into its parcel, and let the parcel stand where all its scans leave it.

    Returns per key whether anything changed. Whatever order traces come in, they come to the same: delivered, returned
    and cancelled are never left, and else the newest scan by the vendors' time says the stage. A parcel that came back
    opens a return; an order of which all is delivered is told to its shop where that wants it.
    """
    before = {parcel.id: parcel for _, parcel, _ in traces}
    ways, fresh = _store_scans(conn, traces)
    now = {i: _moved(parcel, ways[i]) for i, parcel in before.items()}
    for _, parcel, trace in traces:
        now[parcel.id] = _closed(now[parcel.id], trace, why.at)
    _save(conn, traces, now, ways, fresh, why)
    moved_on = [parcel for i, parcel in now.items() if parcel.stage is not before[i].stage]
    _write_stage_events(conn, moved_on, why)
    corrected = correct_carriers(conn, {p.id: t.corrected_carrier for _, p, t in traces if _is_corrected(t)}, why)
    given_up = {p.id: t for _, p, t in traces if t.aborted and now[p.id].stage not in PARCEL_ENDS}
    dropped = give_up(conn, {i: trace.aborted for i, trace in given_up.items()}, why)
    need_no_subscription(conn, [p.id for p in moved_on if p.stage in PARCEL_ENDS])
    open_intercepted(conn, [p.id for p in moved_on if p.stage is ParcelStage.RETURNED], why)
    post_delivered(conn, _orders_in(conn, [p.id for p in moved_on if p.stage is ParcelStage.DELIVERED]), why.at)
    changed = {i for i in before if now[i] != before[i]} | fresh | corrected | dropped
    return {key: parcel.id in changed for key, parcel, _ in traces}


def _is_corrected(trace: Trace) -> bool:
    """Whether these data are the other carrier's; when it is only named, the vendor has still to find them there."""
    return trace.corrected_carrier != "" and trace.carrier == trace.corrected_carrier


def _moved(parcel: Parcel, way: Sequence[WayEvent]) -> Parcel:
    stands = standing(way)
    if stands is None or parcel.stage in PARCEL_ENDS:
        return parcel
    return replace(parcel, stage=stands[0], stage_at=stands[1])


def _closed(parcel: Parcel, trace: Trace, at: datetime) -> Parcel:
    """What a vendor closed as delivered or returned is so, also when it tells no scan of it."""
    stage = ParcelStage(trace.stage) if trace.stage else None
    if not trace.closed or trace.scans or stage not in PARCEL_ENDS or stage not in PARCEL_STEPS[parcel.stage]:
        return parcel
    return replace(parcel, stage=stage, stage_at=at)


def _store_scans(conn: Connection, traces: Sequence[Told]) -> tuple[dict[int, list[WayEvent]], set[int]]:
    """Write what is new of the traces; returns every parcel's whole way, and the parcels that got any new scan."""
    ways: dict[int, dict[str, WayEvent]] = {parcel.id: {} for _, parcel, _ in traces}
    for parcel_id, *row in conn.execute(
        "select parcel_id, digest, at, stage, text, place, source, twin from parcel_event where parcel_id = any(%s)",
        (list(ways),),
    ):
        ways[parcel_id][row[0]] = WayEvent(*row)
    told: dict[tuple[int, str], list[WayEvent]] = {}
    for _, parcel, trace in traces:
        told.setdefault((parcel.id, trace.source), []).extend(_events(trace))
    changed: dict[tuple[int, str], WayEvent] = {}
    fresh: set[int] = set()
    for (parcel_id, _), scans in told.items():
        way = ways[parcel_id]
        for event in union(list(way.values()), scans):
            fresh |= set() if event.digest in way else {parcel_id}
            way[event.digest] = changed[parcel_id, event.digest] = event
    _write_scans(conn, changed)
    return {parcel_id: list(way.values()) for parcel_id, way in ways.items()}, fresh


def _events(trace: Trace) -> list[WayEvent]:
    """The scans of a trace; the newest one has the stage that the vendor says the parcel is in."""
    if not trace.scans:
        return []
    # of those of one moment, vendors tell the newest first
    newest = max(trace.scans, key=lambda scan: scan.at)
    return [
        WayEvent(
            digest(scan),
            scan.at,
            (trace.stage or scan.stage) if scan is newest else scan.stage,
            scan.text,
            scan.place,
            trace.source,
        )
        for scan in trace.scans
    ]


def _write_scans(conn: Connection, changed: Mapping[tuple[int, str], WayEvent]) -> None:
    if not changed:
        return
    conn.execute(
        """insert into parcel_event (parcel_id, digest, at, stage, text, place, source, twin)
           select * from unnest(%s::bigint[], %s::text[], %s::timestamptz[], %s::text[], %s::text[], %s::text[],
                                %s::text[], %s::text[])
           on conflict (parcel_id, digest) do update
           set stage = excluded.stage, place = excluded.place, twin = excluded.twin""",
        (
            [key[0] for key in changed],
            [event.digest for event in changed.values()],
            [event.at for event in changed.values()],
            [event.stage for event in changed.values()],
            [event.text for event in changed.values()],
            [event.place for event in changed.values()],
            [event.source for event in changed.values()],
            [event.twin for event in changed.values()],
        ),
    )


def digest(scan: Scan) -> str:
    """What makes two tellings of a scan the same: its time and its text."""
    return hashlib.sha256(f"{scan.at.isoformat()}|{scan.text}".encode()).hexdigest()[:32]


def _save(
    conn: Connection,
    traces: Sequence[Told],
    now: Mapping[int, Parcel],
    ways: Mapping[int, Sequence[WayEvent]],
    fresh: set[int],
    why: Cause,
) -> None:
    """Write where the parcels are and that they were heard of; with a new scan one is not lost any more."""
    pushed = {parcel.id for _, parcel, trace in traces if trace.source == KUAIDI100 and parcel.id in fresh}
    heard = {parcel.id for _, parcel, trace in traces if trace.scans}
    conn.execute(
        """update parcel p set stage = n.stage, stage_at = n.at, scanned_at = n.scanned_at,
                  heard_at = case when n.heard then %(at)s else p.heard_at end,
                  note = case when n.fresh and (p.dropped_at is not null or p.unasked_at is not null) then ''
                              else p.note end,
                  dropped_at = case when n.pushed then null else p.dropped_at end,
                  unasked_at = case when n.fresh then null else p.unasked_at end
           from unnest(%(ids)s::bigint[], %(stages)s::text[], %(stage_ats)s::timestamptz[],
                       %(scanned_ats)s::timestamptz[], %(heard)s::bool[], %(fresh)s::bool[],
                       %(pushed)s::bool[])
                  n(id, stage, at, scanned_at, heard, fresh, pushed)
           where p.id = n.id""",
        {
            "at": why.at,
            "ids": list(now),
            "stages": [p.stage.value for p in now.values()],
            "stage_ats": [p.stage_at for p in now.values()],
            "scanned_ats": [max((event.at for event in ways[i]), default=None) for i in now],
            "heard": [i in heard for i in now],
            "fresh": [i in fresh for i in now],
            "pushed": [i in pushed for i in now],
        },
    )
    conn.execute(
        """update tracking_question q set answer = %s, empty_since = null
           from unnest(%s::text[], %s::text[]) n(source, waybill)
           where q.source = n.source and q.waybill = n.waybill and (q.answer <> %s or q.empty_since is not null)""",
        (
            Answer.TOLD.value,
            [trace.source for _, _, trace in traces if trace.scans],
            [parcel.waybill for _, parcel, trace in traces if trace.scans],
            Answer.TOLD.value,
        ),
    )


def _write_stage_events(conn: Connection, parcels: Sequence[Parcel], why: Cause) -> None:
    by_stage: dict[ParcelStage, list[int]] = {}
    for parcel in parcels:
        by_stage.setdefault(parcel.stage, []).append(parcel.id)
    for stage, ids in by_stage.items():
        write_events(conn, _orders_in(conn, ids), f"parcel_{stage.value}", why)
        follow(conn, ids, stage, why)


def _orders_in(conn: Connection, parcel_ids: Sequence[int]) -> list[int]:
    rows = conn.execute("select distinct order_id from parcel_line where parcel_id = any(%s)", (list(parcel_ids),))
    return [row[0] for row in rows.fetchall()]
