"""track: what warehouses and carriers report moves documents, stock and parcels, each report once."""

import json
from dataclasses import dataclass, replace
from typing import Any

from prefect import task

from models.database import Connection, one, transaction
from models.messages import OutboxKind
from models.order import Cause
from models.sealing import unseal
from tasks.batches import close_batch, take_batch, title
from tasks.confirm import apply_confirmations
from tasks.counterparts import open_carrier
from tasks.outbox import deliver_batches, say_undelivered, undelivered
from tasks.runs import cause, leave_table, stage_of, step_failed
from tasks.send import send
from tasks.trace import Push, apply_pushes

CHUNK = 500


@dataclass(frozen=True, slots=True)
class TrackCount:
    """Reports that changed something, reports that changed nothing, parcels that left by them and their batches."""

    done: int
    ignored: int
    parcels: int
    batch_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class BatchTrack:
    """Of a batch's documents: how many are reported shipped, how many got a deadline to be."""

    reported: int
    waiting: int


def work_off_inbox(conn: Connection, why: Cause) -> TrackCount | None:
    """Apply the next chunk of stored reports in the order they came; None when none is left.

    Safe to repeat and to run twice at once: the rows are locked, and a report is marked in the
    transaction of its effects. A report that makes no sense is ignored with its reason, never lost.
    """
    rows = conn.execute(
        """select id, source, message_id, body_enc from inbox
           where state = 'new' and (source like 'wms:%%' or source like 'carrier:%%')
           order by id limit %s for update""",
        (CHUNK,),
    ).fetchall()
    if not rows:
        return None
    reports = [(row[0], row[1].removeprefix("wms:"), _parsed(row[3])) for row in rows if row[1].startswith("wms:")]
    pushes = [Push(row[0], row[2].partition(":")[0], _parsed(row[3])) for row in rows if row[1].startswith("carrier:")]
    outcomes = apply_confirmations(conn, reports, why)
    if pushes:
        outcomes |= apply_pushes(conn, pushes, open_carrier(conn), why)
    conn.cursor().executemany(
        "update inbox set state = %s, note = %s, done_at = %s where id = %s",
        [("ignored" if o.ignored else "done", o.ignored, why.at, i) for i, o in outcomes.items()],
    )
    ignored = sum(1 for outcome in outcomes.values() if outcome.ignored)
    return TrackCount(
        len(outcomes) - ignored,
        ignored,
        sum(outcome.parcels for outcome in outcomes.values()),
        tuple(sorted({outcome.batch_id for outcome in outcomes.values() if outcome.parcels})),
    )


def _parsed(body_enc: bytes) -> dict[str, Any]:
    try:
        # the database takes no NUL in a text
        body = json.loads(unseal(body_enc).replace("\\u0000", ""))
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def track_batch(conn: Connection, batch_id: int, why: Cause) -> BatchTrack:
    """Count what the batch's documents already report and write the deadline of the rest.

    Safe to repeat: a deadline once written stays.
    """
    take_batch(conn, batch_id)
    conn.execute(
        "update outbound_document set deadline_at = ship_by where batch_id = %s and deadline_at is null", (batch_id,)
    )
    rows = conn.execute(
        "select state in ('shipped', 'short'), count(*) from outbound_document where batch_id = %s group by 1",
        (batch_id,),
    ).fetchall()
    counts: dict[bool, int] = dict(rows)
    close_batch(conn, batch_id, why.at)
    return BatchTrack(counts.get(True, 0), counts.get(False, 0))


def has_reports() -> bool:
    """Whether stored reports of warehouses or carriers wait."""
    with transaction() as conn:
        row = conn.execute(
            """select 1 from inbox where state = 'new' and (source like 'wms:%' or source like 'carrier:%') limit 1"""
        ).fetchone()
    return row is not None


EFFECTS = (OutboxKind.SHIP_BACK, OutboxKind.SUBSCRIBE)
"""What a parcel that left has to be told to the outside."""


@task(persist_result=True, task_run_name=title("track"), tags=["stage:track"])
def track(batch_id: int) -> BatchTrack:
    """The track stage of a run; with it the batch is through."""
    with stage_of("track", batch_id), transaction() as conn:
        count = track_batch(conn, batch_id, cause("track"))
    leave_table(
        "track",
        batch_id,
        [{"reported shipped": count.reported, "waiting for the warehouse": count.waiting}],
        f"{count.reported} documents report themselves shipped, {count.waiting} have a deadline",
    )
    return count


@task(persist_result=True, task_run_name="apply reports", tags=["stage:track"])
def apply_reports() -> TrackCount:
    """Work off every stored report, a chunk per transaction."""
    why = cause("track")
    total = TrackCount(0, 0, 0, ())
    while True:
        with transaction() as conn:
            count = work_off_inbox(conn, why)
        if count is None:
            break
        total = TrackCount(
            total.done + count.done,
            total.ignored + count.ignored,
            total.parcels + count.parcels,
            tuple(sorted({*total.batch_ids, *count.batch_ids})),
        )
    with transaction() as conn:
        return replace(total, batch_ids=tuple(sorted({*total.batch_ids, *untold_batches(conn)})))


def untold_batches(conn: Connection) -> list[int]:
    """Batches with parcels that left of which nobody has tried to tell: a killed run leaves them behind."""
    rows = conn.execute(
        """select distinct batch_id from outbox
           where state <> 'delivered' and attempts = 0 and kind = any(%s) and batch_id is not null""",
        ([kind.value for kind in EFFECTS],),
    ).fetchall()
    return [row[0] for row in rows]


@task(persist_result=True, task_run_name="tell shops and carriers", tags=["stage:track"])
def tell(batch_ids: tuple[int, ...]) -> int:
    """Report parcels that left to their shops and have them followed; done when none of these is undelivered."""
    deliver_batches(batch_ids, EFFECTS, send)
    with transaction() as conn:
        missing = undelivered(conn, batch_ids, EFFECTS)
        total = one(
            conn.execute(
                "select count(*) from outbox where batch_id = any(%s) and kind = any(%s)",
                (list(batch_ids), [kind.value for kind in EFFECTS]),
            ).fetchone()
        )
    if missing:
        leave_table(
            "track",
            "effects",
            [{"to": to.partition(":")[2], "undelivered": number, "why": why} for to, number, why in missing],
            "Reports that did not get through",
        )
        raise step_failed(say_undelivered("track", total, missing))
    return int(total)
