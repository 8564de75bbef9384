"""What carriers tell of parcels: scans kept once, stages moved by the vendor's time, never back from an end."""

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
from models.sealing import unseal
from models.shipment import PARCEL_STEPS, ParcelStage
from tasks.confirm import Outcome
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


@dataclass(frozen=True, slots=True)
class Push:
    """A stored push: inbox id, the token of the address it came to, its form."""

    inbox_id: int
    callback_token: str
    form: Mapping[str, str]


def apply_pushes(conn: Connection, pushes: Sequence[Push], carrier: Carrier, why: Cause) -> dict[int, Outcome]:
    """Apply stored pushes in the order they came; what cannot be read is ignored and says why."""
    parcels = take_parcels(conn, "callback_token", [push.callback_token for push in pushes])
    traces: list[tuple[int, Parcel, Trace]] = []
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
    """The parcels with these keys, locked, by key."""
    rows = conn.execute(
        sql.SQL(
            """select {key}, id, carrier, waybill, stage, stage_at, salt_enc from parcel
               where {key} = any(%s) order by id for update"""
        ).format(key=sql.Identifier(column)),
        (list(keys),),
    ).fetchall()
    return {row[0]: Parcel(row[1], row[2], row[3], ParcelStage(row[4]), row[5], row[6]) for row in rows}


def apply_traces(conn: Connection, traces: Sequence[tuple[int, Parcel, Trace]], why: Cause) -> dict[int, bool]:
    """Union each trace's scans into its parcel and move the parcel's stage; returns per key whether anything changed.

    A stage moves to that of the newest scan by the vendor's time; delivered, returned and cancelled are
    never left, so an old push that comes late changes nothing. A parcel that came back opens a return.
    """
    fresh = _store_scans(conn, traces)
    changed: dict[int, bool] = {}
    now: dict[int, Parcel] = {}
    for key, parcel, trace in traces:
        known = now.get(parcel.id, parcel)
        moved = next_stage(known, trace)
        now[parcel.id] = moved
        changed[key] = moved != known or parcel.id in fresh
        _correct_carrier(conn, parcel, trace)
    heard = {parcel.id for _, parcel, trace in traces if trace.scans}
    conn.execute(
        """update parcel p set stage = n.stage, stage_at = n.at,
                  heard_at = case when n.heard then %s else p.heard_at end
           from unnest(%s::bigint[], %s::text[], %s::timestamptz[], %s::bool[]) n(id, stage, at, heard)
           where p.id = n.id""",
        (
            why.at,
            list(now),
            [p.stage.value for p in now.values()],
            [p.stage_at for p in now.values()],
            [p.id in heard for p in now.values()],
        ),
    )
    before = {parcel.id: parcel.stage for _, parcel, _ in traces}
    moved_on = [p for p in now.values() if p.stage is not before[p.id]]
    _write_stage_events(conn, moved_on, why)
    open_intercepted(conn, [p.id for p in moved_on if p.stage is ParcelStage.RETURNED], why)
    return changed


def next_stage(parcel: Parcel, trace: Trace) -> Parcel:
    """The parcel after a trace: its stage is the newest scan's, unless it ended or knows a newer one."""
    scans = sorted(trace.scans, key=lambda scan: scan.at)
    if not scans:
        return parcel
    latest = scans[-1]
    stage = ParcelStage(trace.stage or latest.stage)
    if latest.at < parcel.stage_at and stage not in (ParcelStage.DELIVERED, ParcelStage.RETURNED):
        return parcel
    if stage is parcel.stage or stage not in PARCEL_STEPS[parcel.stage]:
        return parcel
    return replace(parcel, stage=stage, stage_at=latest.at)


def _store_scans(conn: Connection, traces: Sequence[tuple[int, Parcel, Trace]]) -> set[int]:
    """Write scans not known yet; returns the parcels that got any."""
    scans = {(parcel.id, digest(scan)): scan for _, parcel, trace in traces for scan in trace.scans}
    rows = conn.execute(
        """insert into parcel_event (parcel_id, digest, at, stage, text, place)
           select * from unnest(%s::bigint[], %s::text[], %s::timestamptz[], %s::text[], %s::text[], %s::text[])
           on conflict do nothing returning parcel_id""",
        (
            [key[0] for key in scans],
            [key[1] for key in scans],
            [scan.at for scan in scans.values()],
            [scan.stage for scan in scans.values()],
            [scan.text for scan in scans.values()],
            [scan.place for scan in scans.values()],
        ),
    ).fetchall()
    return {row[0] for row in rows}


def digest(scan: Scan) -> str:
    """What makes two tellings of a scan the same: its time and its text."""
    return hashlib.sha256(f"{scan.at.isoformat()}|{scan.text}".encode()).hexdigest()[:32]


def _correct_carrier(conn: Connection, parcel: Parcel, trace: Trace) -> None:
    if trace.corrected_carrier and trace.corrected_carrier != parcel.carrier:
        conn.execute(
            "update parcel set carrier = %s, note = %s where id = %s",
            (trace.corrected_carrier, f"carrier corrected from {parcel.carrier}", parcel.id),
        )
    elif trace.aborted:
        conn.execute("update parcel set note = %s where id = %s", (f"given up by carrier: {trace.aborted}", parcel.id))


def _write_stage_events(conn: Connection, parcels: Sequence[Parcel], why: Cause) -> None:
    by_stage: dict[ParcelStage, list[int]] = {}
    for parcel in parcels:
        by_stage.setdefault(parcel.stage, []).append(parcel.id)
    for stage, ids in by_stage.items():
        rows = conn.execute("select distinct order_id from parcel_line where parcel_id = any(%s)", (ids,)).fetchall()
        write_events(conn, [row[0] for row in rows], f"parcel_{stage.value}", why)
        follow(conn, ids, stage, why)
