"""track: what warehouses and carriers report moves documents, stock and parcels, each report once."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from time import monotonic, sleep
from typing import Any

import psycopg
from prefect import task
from psycopg.rows import TupleRow

from models.database import Connection, transaction
from models.messages import OutboxKind
from models.order import Cause
from models.sealing import unseal
from tasks.batches import close_batch, take_batch, title
from tasks.confirm import Outcome, apply_confirmations
from tasks.counterparts import open_carrier
from tasks.orders_first import orders_press
from tasks.outbox import deliver_batches
from tasks.return_reports import apply_return_reports, is_return_report
from tasks.runs import cause, in_one_line, in_plain_words, is_retry, leave_table, stage_of
from tasks.send import send
from tasks.shortfalls import StillLocking
from tasks.stock_reports import StockReport, apply_stock_reports, is_stock_report
from tasks.trace import Push, apply_pushes
from tasks.undelivered import obstacles_of, undelivered

CHUNK = 500
LONGEST_BREAK_S = 5.0


@dataclass(frozen=True, slots=True)
class TrackCount:
    """Reports that changed something, reports that changed nothing, parcels that left by them and their batches.

    `since`: no message about these parcels was written before.
    """

    done: int
    ignored: int
    parcels: int
    batch_ids: tuple[int, ...]
    since: datetime


@dataclass(frozen=True, slots=True)
class BatchTrack:
    """Of a batch's documents: how many are reported shipped, how many have a deadline to be."""

    reported: int
    waiting: int


def work_off_inbox(conn: Connection, why: Cause) -> TrackCount | None:
    """Apply the next chunk of stored reports in the order they came, those of warehouses before those of carriers.

    What left must be told to its shop in time; where a parcel is by now can wait. None when none is left.

    Safe to repeat and to run twice at once: the rows are locked, and a report is marked in the
    transaction of its effects. A report that makes no sense is ignored with its reason, never lost.
    """
    ids = _next_reports(conn)
    if not ids:
        return None
    rows = conn.execute(
        """select id, source, message_id, body_enc from inbox
           where id = any(%s) and state = 'new' order by id for update""",
        (ids,),
    ).fetchall()
    outcomes = _outcomes(conn, rows, why) if rows else {}
    conn.cursor().executemany(
        "update inbox set state = %s, note = %s, done_at = %s where id = %s",
        [("ignored" if o.ignored else "done", o.ignored or o.note, why.at, i) for i, o in outcomes.items()],
    )
    ignored = sum(1 for outcome in outcomes.values() if outcome.ignored)
    return TrackCount(
        len(outcomes) - ignored,
        ignored,
        sum(outcome.parcels for outcome in outcomes.values()),
        tuple(sorted({outcome.batch_id for outcome in outcomes.values() if outcome.parcels})),
        why.at,
    )


def _next_reports(conn: Connection) -> list[int]:
    """The ids of the next chunk. Sender by sender, because so the index of what is new gives them in order."""
    rows = conn.execute(
        """with recursive sender as (
             (select source from inbox where state = 'new' and source >= 'carrier:' order by source limit 1)
             union all
             select (select source from inbox where state = 'new' and source > s.source order by source limit 1)
             from sender s where s.source is not null)
           select i.id from sender s cross join lateral (
             select id from inbox where state = 'new' and source = s.source order by id limit %(size)s) i
           where s.source like 'wms:%%' or s.source like 'carrier:%%'
           order by s.source like 'carrier:%%', i.id limit %(size)s""",
        {"size": CHUNK},
    ).fetchall()
    return [row[0] for row in rows]


def _outcomes(conn: Connection, rows: Sequence[TupleRow], why: Cause) -> dict[int, Outcome]:
    """Apply a chunk as a whole; where that breaks, report by report, so that one bad report stops no other."""
    try:
        with conn.transaction():
            return _apply(conn, rows, why)
    except (psycopg.OperationalError, StillLocking):
        raise
    except Exception as error:  # noqa: BLE001 - a report that breaks the code must not stop all tracking
        if len(rows) == 1:
            return {rows[0][0]: Outcome(f"could not be applied: {in_one_line(error)}")}
        return {key: outcome for row in rows for key, outcome in _outcomes(conn, [row], why).items()}


def _apply(conn: Connection, rows: Sequence[TupleRow], why: Cause) -> dict[int, Outcome]:
    """Apply what goes into one transaction: all that concerns documents and parcels, else returns, else stock.

    In whatever order they come, they come to the same.
    """
    told = [(row[0], row[1].removeprefix("wms:"), row[2], _parsed(row[3])) for row in rows if row[1].startswith("wms:")]
    stock = [StockReport(*report) for report in told if is_stock_report(report[3])]
    if len(stock) == len(rows):
        return apply_stock_reports(conn, stock, why)
    others = [(inbox_id, place, body) for inbox_id, place, _, body in told if not is_stock_report(body)]
    returned = [report for report in others if is_return_report(report[2])]
    if returned and len(returned) + len(stock) == len(rows):
        # one by one: each takes stock, and the next must not be taken after that
        return apply_return_reports(conn, returned[:1], why)
    reports = [report for report in others if not is_return_report(report[2])]
    pushes = [Push(row[0], row[2].partition(":")[0], _parsed(row[3])) for row in rows if row[1].startswith("carrier:")]
    outcomes = apply_confirmations(conn, reports, why)
    if pushes:
        outcomes |= apply_pushes(conn, pushes, open_carrier(conn), why)
    return outcomes


def _parsed(body_enc: bytes) -> dict[str, Any]:
    try:
        # the database takes no NUL in a text
        body = json.loads(unseal(body_enc).replace("\\u0000", ""))
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def track_batch(conn: Connection, batch_id: int, why: Cause) -> BatchTrack:
    """Count what the batch's documents already report and what has a deadline still to meet, and close the batch.

    Safe to repeat. The deadlines themselves were written with the documents.
    """
    take_batch(conn, batch_id)
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
    with stage_of("track", batch_id):
        with transaction() as conn:
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
    """Work off every stored report, a chunk per transaction; half the time while orders wait for their turn."""
    why = cause("track")
    total = TrackCount(0, 0, 0, (), why.at)
    with in_plain_words("track", "reports"):
        while True:
            began = monotonic()
            with transaction() as conn:
                count = work_off_inbox(conn, why)
                gives_way = orders_press(conn)
            if count is None:
                break
            if gives_way:
                sleep(min(monotonic() - began, LONGEST_BREAK_S))
            total = TrackCount(
                total.done + count.done,
                total.ignored + count.ignored,
                total.parcels + count.parcels,
                tuple(sorted({*total.batch_ids, *count.batch_ids})),
                why.at,
            )
        with transaction() as conn:
            return with_untold(conn, total)


def with_untold(conn: Connection, count: TrackCount) -> TrackCount:
    """The count with batches of parcels that nobody has tried to tell of: a killed run leaves them behind."""
    rows = conn.execute(
        """select batch_id, min(created_at) from outbox
           where state = 'pending' and attempts = 0 and kind = any(%s) and batch_id is not null group by 1""",
        ([kind.value for kind in EFFECTS],),
    ).fetchall()
    return replace(
        count,
        batch_ids=tuple(sorted({*count.batch_ids, *(row[0] for row in rows)})),
        since=min([count.since, *(row[1] for row in rows)]),
    )


@task(persist_result=True, task_run_name="tell shops and carriers", tags=["stage:track"])
def tell(batch_ids: tuple[int, ...], since: datetime) -> int:
    """Report parcels that left to their shops and have them followed; done when none of these is undelivered.

    What is scanned out on handhelds meanwhile is for `deliver_outbox`: nobody here may have seen it.
    """
    with in_plain_words("track", "reports to shops and carriers"):
        told = _messages(batch_ids, since)
        deliver_batches(batch_ids, EFFECTS, send, cause("track"), forced=is_retry())
        with transaction() as conn:
            missing = obstacles_of(conn, batch_ids, EFFECTS, told)
        if missing:
            raise undelivered("track", "effects", len(told), missing, "Reports that did not get through")
    return len(told)


def _messages(batch_ids: Sequence[int], since: datetime) -> list[int]:
    with transaction() as conn:
        rows = conn.execute(
            "select id from outbox where batch_id = any(%s) and kind = any(%s) and created_at >= %s",
            (list(batch_ids), [kind.value for kind in EFFECTS], since),
        ).fetchall()
    return [row[0] for row in rows]
