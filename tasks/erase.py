"""erase: every night what is personal and whose time is over."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from prefect import task
from prefect.cache_policies import NO_CACHE

from models.database import Connection, in_transaction, one, transaction
from models.order import Cause
from models.privacy import ErasureReason
from models.rules.retention import (
    ACCESS_LOG,
    ERASURES,
    MOST_DAYS,
    PARCEL_EVENTS,
    QUARANTINE_DAYS,
    QUARANTINE_LEFT_DAYS,
    erase_at,
)
from tasks.erasing import erase
from tasks.erasure_journal import apply_journal, write_journal
from tasks.retention import settle_times
from tasks.runs import cause, in_plain_words

CHUNK: Final = 2_000
"""Orders in one transaction."""


@dataclass(frozen=True, slots=True)
class ErasedCount:
    """What one run erased, in rows; `kept` are receivers of old orders that something keeps."""

    receivers: int = 0
    labels: int = 0
    bodies: int = 0
    quarantined: int = 0
    scans: int = 0
    accesses: int = 0
    erasures: int = 0
    kept: int = 0


def erase_due(at: datetime, why: Cause, *, anew: bool = False, chunk: int = CHUNK) -> int:
    """Erase every receiver whose time is over at `at`; returns how many.

    In chunks of `chunk` orders, each one transaction, so that a run that is killed goes on where it stopped. It looks
    at orders that had not ended when they were last looked at, and at those whose time has come, which may have been
    opened again since; what somebody works on is left to the next night. `anew` looks at all, for a shop may keep
    receivers for a shorter time now.
    """
    erased, last = 0, 0
    while True:
        count, last = in_transaction(partial(_erase_chunk, after=last, at=at, why=why, anew=anew, chunk=chunk))
        erased += count
        if not last:
            return erased


def _erase_chunk(conn: Connection, after: int, at: datetime, why: Cause, *, anew: bool, chunk: int) -> tuple[int, int]:
    """How many of the next orders were erased, and the last of them; 0 when there are no more."""
    rows = conn.execute(
        """select order_id from receiver
           where order_id > %s and erased_at is null and (erase_after is null or erase_after <= %s or %s)
           order by order_id limit %s for update skip locked""",
        (after, at, anew, chunk),
    ).fetchall()
    if not rows:
        return 0, 0
    ids = [row[0] for row in rows]
    endings = settle_times(conn, ids)
    due = [order_id for order_id, one in endings.items() if (when := erase_at(one)) is not None and when <= at]
    asked = [order_id for order_id in due if endings[order_id].restricted]
    count = erase(conn, [order_id for order_id in due if not endings[order_id].restricted], ErasureReason.OVER, why)
    return count + erase(conn, asked, ErasureReason.REQUEST, why), ids[-1]


_BESIDE: Final[dict[str, str]] = {
    "labels": """
      update waybill set label_enc = null, image_enc = null where id in (
        select v.id from waybill v
        where (v.label_enc is not null or v.image_enc is not null)
          and not exists (select from allocation a join receiver r on r.order_id = a.order_id
                          where a.document_id = v.document_id and r.erased_at is null)
          -- a document that was taken back has no orders any more
          and (v.wanted_at <= %(most)s or exists (select from allocation a where a.document_id = v.document_id))
        limit %(chunk)s)""",
    "bodies": """
      update inbox set body_enc = null, state = case state when 'new' then 'ignored' else state end,
             note = case state when 'new' then 'nobody worked on it for 90 days; erased' else note end,
             done_at = coalesce(done_at, %(at)s)
      where id in (
        select id from inbox
        where erase_after <= %(at)s and body_enc is not null and (state <> 'new' or received_at <= %(most)s)
        limit %(chunk)s)""",
    "quarantined": """
      delete from quarantined_order where id in (
        select id from quarantined_order
        where released_at <= %(left)s or released_at is null and stored_at <= %(most)s limit %(chunk)s)""",
    "scans": """
      delete from parcel_event where parcel_id in (
        select p.id from parcel p
        where p.stage in ('delivered', 'returned') and p.stage_at <= %(scans)s
          and p.shipped_at > %(scans)s - interval '400 days'
          and exists (select from parcel_event e where e.parcel_id = p.id) limit %(chunk)s)""",
    "accesses": """
      delete from access_log where id in (select id from access_log where at <= %(accesses)s limit %(chunk)s)""",
    "erasures": """
      delete from erasure where id in (select id from erasure where at <= %(erasures)s limit %(chunk)s)""",
}
"""What else is over, by what is counted; each statement takes a part, until nothing is left."""


def erase_beside(at: datetime) -> dict[str, int]:
    """Erase what else is over at `at`; returns rows by kind.

    That is labels of e-waybills none of whose orders has a receiver any more, bodies that came in, payloads in
    quarantine, scans of parcels that ended long ago, and old lines of the logs of access and of erasures.
    """
    values: dict[str, Any] = {
        "at": at,
        "most": at - timedelta(days=QUARANTINE_DAYS),
        "left": at - timedelta(days=QUARANTINE_LEFT_DAYS),
        "scans": at - PARCEL_EVENTS,
        "accesses": at - ACCESS_LOG,
        "erasures": at - ERASURES,
        "chunk": CHUNK,
    }
    forget = {"accesses": values["accesses"], "erasures": values["erasures"]}
    return {what: _in_parts(statement, values, forget.get(what, at)) for what, statement in _BESIDE.items()}


def _in_parts(statement: str, values: dict[str, Any], before: datetime) -> int:
    def part(conn: Connection) -> int:
        # the logs give up lines from before this moment, and no others
        conn.execute("select set_config('orderpool.forget_before', %s, true)", (before.isoformat(),))
        return conn.execute(statement.encode(), values).rowcount

    total = 0
    while count := in_transaction(part):
        total += count
    return total


def count_overdue(conn: Connection, at: datetime) -> int:
    """How many orders placed more than twice their longest time ago still have a receiver, since something keeps it."""
    return int(
        one(
            conn.execute(
                """select count(*) from receiver r join orders o on o.id = r.order_id
                   where r.erased_at is null and r.erase_after is null and o.created_at <= %s""",
                (at - timedelta(days=2 * MOST_DAYS),),
            ).fetchone()
        )
    )


@task(task_run_name="erase receivers", tags=["stage:erase"], cache_policy=NO_CACHE)
def erase_receivers_due() -> ErasedCount:
    """Everything whose time is over, and what people asked to have erased and the pool forgot by a restore."""
    with in_plain_words("erase", "receivers"):
        why = cause("erase")
        again = apply_journal(why)
        receivers = erase_due(why.at, why)
        beside = erase_beside(why.at)
        write_journal()
        with transaction() as conn:
            kept = count_overdue(conn, why.at)
        return ErasedCount(receivers + again, kept=kept, **beside)
