"""Scans of handhelds, each applied once: in a transaction of its own, with its row."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final

from models.database import Connection, in_transaction
from tasks.floor_back import put_back
from tasks.floor_bench import check, pack, ship, ship_one
from tasks.floor_people import Signed
from tasks.floor_picks import missing, pick, picked
from tasks.floor_rows import Refused
from tasks.floor_scan import Answer, Done, ScanIn

KINDS: Final[Mapping[str, Callable[[Connection, Signed, ScanIn], Done]]] = {
    "pick": pick,
    "missing": missing,
    "picked": picked,
    "check": check,
    "pack": pack,
    "ship": ship,
    "ship_one": ship_one,
    "put_back": put_back,
}
"""What each kind of scan does."""

OLDEST: Final = timedelta(days=7)
"""A scan that waited longer in a handheld is not taken: what it says is no longer true."""


def apply_scan(signed: Signed, scan: ScanIn) -> Answer:
    """Apply a scan, once however often it comes, and return its answer; a refused scan changes nothing but its row.

    Raises StillLocking and psycopg.OperationalError when it was not applied and may be sent again.
    """
    return in_transaction(lambda conn: _apply(conn, signed, scan))


def _apply(conn: Connection, signed: Signed, scan: ScanIn) -> Answer:
    # the same scan may be on its way twice
    conn.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"scan {scan.id}",))
    known = _known(conn, signed, scan)
    if known is not None:
        return known
    try:
        with conn.transaction():
            done, ok = _do(conn, signed, scan), True
    except Refused as error:
        done, ok = Done(error.said, error.about[:200], error.document_id, error.wave_id), False
    conn.execute(
        """insert into floor_scan (id, picker_id, warehouse_id, kind, code, wave_id, document_id, sku_id, quantity, ok,
                                   said, about, scanned_at, applied_at)
           values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
        (
            scan.id,
            signed.id,
            signed.warehouse_id,
            scan.kind,
            scan.code,
            done.wave_id,
            done.document_id,
            done.sku_id,
            scan.quantity,
            ok,
            done.said,
            done.about,
            scan.at,
            scan.applied_at,
        ),
    )
    answer = _known(conn, signed, scan)
    assert answer is not None
    return Answer(answer.id, ok, done.said, done.about, False, answer.document, answer.wave)


def _do(conn: Connection, signed: Signed, scan: ScanIn) -> Done:
    if scan.kind not in KINDS:
        raise Refused("not_found", scan.kind[:32])
    if scan.applied_at - scan.at > OLDEST:
        raise Refused("over", "too old")
    return KINDS[scan.kind](conn, signed, scan)


def _known(conn: Connection, signed: Signed, scan: ScanIn) -> Answer | None:
    """The answer to a scan that was applied already; somebody else's is none of this picker's."""
    row = conn.execute(
        """select s.picker_id, s.ok, s.said, s.about, coalesce(d.no, ''), coalesce(v.no, '') from floor_scan s
           left join outbound_document d on d.id = s.document_id left join wave v on v.id = s.wave_id
           where s.id = %s""",
        (scan.id,),
    ).fetchone()
    if row is None:
        return None
    if row[0] != signed.id:
        return Answer(scan.id, False, "not_yours", "", True, "", "")
    return Answer(scan.id, row[1], row[2], row[3], True, row[4], row[5])
