"""Batches as the stages see them: taken one run at a time, closed when nothing of them is left to do."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg

from models.batch import BatchOrigin, BatchState
from models.database import Connection, one, transaction
from models.errors import SetupError
from models.order import Stage
from models.settings import settings

RULE_VERSION = 1
"""The version of the decisions in `models/rules`; every state row, hold and event names it."""


@dataclass(frozen=True, slots=True)
class BatchRow:
    """A batch and the shop it belongs to; `window_s` is how long a time it was read of, None where it has no window."""

    id: int
    shop_id: int
    shop_code: str
    channel: str
    lock_unpaid: bool
    state: BatchState
    rejected: int
    accepted: bool
    window_s: float | None


def take_batch(conn: Connection, batch_id: int) -> BatchRow:
    """Lock the batch row, so that two runs of one batch follow each other, and read it.

    Raises SetupError when there is no such batch.
    """
    row = conn.execute(
        """select b.id, b.shop_id, s.code, s.channel, s.lock_unpaid, b.state, b.rejected, b.accepted_at is not null,
                  extract(epoch from w.until - w.since)::float8
           from batch b join shop s on s.id = b.shop_id left join ingest_window w on w.id = b.window_id
           where b.id = %s for update of b""",
        (batch_id,),
    ).fetchone()
    if row is None:
        raise SetupError(f"batch {batch_id}: there is no such batch in the pool")
    return BatchRow(row[0], row[1], row[2], row[3], row[4], BatchState(row[5]), *row[6:])


def orders_in(conn: Connection, batch_id: int, stage: Stage) -> list[int]:
    """The batch's orders that are in `stage` and not SKIPPED, locked for this transaction, ascending."""
    # whoever skips orders locks their batch first, so the list of these is read once and stays true
    rows = conn.execute(
        """select order_id from order_state where batch_id = %s and stage = %s
             and order_id not in (select order_id from hold where code = 'SKIPPED' and released_at is null)
           order by order_id for update""",
        (batch_id, stage.value),
    ).fetchall()
    return [row[0] for row in rows]


def keep_in_sight(conn: Connection, batch: BatchRow, at: datetime) -> None:
    """Note that a run works on a batch that was closed before: what it leaves there is looked for from now on."""
    if batch.state is BatchState.CLOSED:
        conn.execute("update batch set closed_at = %s where id = %s", (at, batch.id))


def open_batch(
    conn: Connection,
    shop_id: int,
    origin: BatchOrigin,
    flow_run_id: str,
    at: datetime,
    window_id: int | None = None,
) -> int:
    """A new open batch; its counts are written when its orders are."""
    return int(
        one(
            conn.execute(
                """insert into batch
                     (shop_id, window_id, origin, state, stored, joined, rejected, flow_run_id, created_at)
                   values (%s, %s, %s, 'open', 0, 0, 0, %s, %s) returning id""",
                (shop_id, window_id, origin.value, flow_run_id, at),
            ).fetchone()
        )
    )


def close_batch(conn: Connection, batch_id: int, at: datetime) -> None:
    """Mark a batch as through: what is left of it waits under holds and comes back through `resume_orders`."""
    conn.execute("update batch set state = 'closed', closed_at = %s where id = %s and state = 'open'", (at, batch_id))


def said_emptied(batch_ids: Sequence[int]) -> str:
    """`; the orders of 1 went on in others` for the message of a run that found batches empty, "" when it found none.

    That is what a Retry finds after its batch was given up, or a stage of all its orders was redone.
    """
    with transaction() as conn:
        row = conn.execute(
            """select count(*) from batch b where b.id = any(%s) and b.stored + b.joined > 0
                 and not exists (select from order_state s where s.batch_id = b.id)""",
            (list(batch_ids),),
        ).fetchone()
    return f"; the orders of {one(row)} went on in others" if one(row) else ""


def by_promise(conn: Connection, batch_ids: Sequence[int], at: datetime) -> tuple[int, ...]:
    """These batches in the order of the earliest promise among their orders that are not dispatched."""
    rows = conn.execute(
        """select b.id from unnest(%s::bigint[]) b(id)
           left join order_state s on s.batch_id = b.id and s.stage in ('ingested', 'validated', 'locked', 'routed')
           left join orders o on o.id = s.order_id
           group by b.id
           order by min(coalesce(o.ship_by, coalesce(o.paid_at, %s) + %s)) nulls last, b.id""",
        (list(batch_ids), at, timedelta(hours=settings().promise_hours)),
    ).fetchall()
    return tuple(row[0] for row in rows)


def batch_size(batch_id: int) -> int:
    """How many orders the batch carries, for the names of runs."""
    with transaction() as conn:
        return int(one(conn.execute("select count(*) from order_state where batch_id = %s", (batch_id,)).fetchone()))


def title(stage: str) -> Callable[[], str]:
    """A task-run name like `lock_stock · batch 1042 · 1,987 orders`, counted when the run starts."""

    def name() -> str:
        from prefect.runtime import task_run  # only inside a run is there a server to ask

        batch_id = int(task_run.parameters["batch_id"])
        with suppress(psycopg.Error, SetupError):  # while the pool cannot be asked, the stage itself says why
            return f"{stage} · batch {batch_id} · {batch_size(batch_id):,} orders"
        return f"{stage} · batch {batch_id}"

    return name
