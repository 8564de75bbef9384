"""dispatch: turn routed orders into outbound documents and hand these to their warehouses."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from prefect import task

from models.database import Connection, copy_rows, in_transaction, one, take_ids, transaction
from models.messages import OutboxKind
from models.order import Cause, Stage, advance
from models.settings import SHANGHAI, settings
from tasks.batches import orders_in, take_batch, title
from tasks.outbox import Effect, deliver_batches, post, say_undelivered, undelivered
from tasks.route import without_holds
from tasks.runs import cause, is_retry, leave_table, stage_of, step_failed
from tasks.send import send

_KINDS = (OutboxKind.OUTBOUND_CREATED,)


@dataclass(frozen=True, slots=True)
class DispatchCount:
    """Outbound documents written for how many orders."""

    documents: int
    orders: int


def dispatch_batch(conn: Connection, batch_id: int, why: Cause) -> DispatchCount:
    """Write one outbound document per routed order and warehouse, with the message that hands it over.

    It goes with the carrier that routing chose, else with the warehouse's usual one. Safe to repeat: orders already
    dispatched are not looked at. One transaction; nothing is sent here.
    """
    batch = take_batch(conn, batch_id)
    ids = without_holds(conn, orders_in(conn, batch_id, Stage.ROUTED))
    rows = conn.execute(
        """select a.order_id, a.warehouse_id, w.code, coalesce(a.carrier, w.carrier), o.ship_by, o.paid_at
           from (select order_id, warehouse_id, max(carrier) as carrier from allocation
                 where order_id = any(%s) group by 1, 2) a
           join warehouse w on w.id = a.warehouse_id join orders o on o.id = a.order_id order by 1, 2""",
        (ids,),
    ).fetchall()
    document_ids = take_ids(conn, "outbound_document_id_seq", len(rows))
    documents = list(zip(document_ids, rows, strict=True))
    copy_rows(
        conn,
        "outbound_document",
        (
            "id no warehouse_id shop_id batch_id revision state carrier receiver_token ship_by deadline_at created_at"
        ).split(),
        (
            (
                i,
                document_no(i, why.at),
                row[1],
                batch.shop_id,
                batch_id,
                1,
                "created",
                row[3],
                "rcv_" + secrets.token_urlsafe(16),
                row[4] or due_at(row[5], why.at),
                row[4] or due_at(row[5], why.at),
                why.at,
            )
            for i, row in documents
        ),
    )
    conn.execute(
        """update allocation a set document_id = d.id
           from unnest(%s::bigint[], %s::bigint[], %s::int[]) d(id, order_id, warehouse_id)
           where a.order_id = d.order_id and a.warehouse_id = d.warehouse_id""",
        (document_ids, [row[0] for row in rows], [row[1] for row in rows]),
    )
    post(
        conn,
        [
            Effect(OutboxKind.OUTBOUND_CREATED, f"warehouse:{row[2]}", i, f"{document_no(i, why.at)}-r1", batch_id)
            for i, row in documents
        ],
        why.at,
    )
    advance(conn, ids, Stage.DISPATCHED, why)
    return DispatchCount(len(documents), len(ids))


def document_no(document_id: int, at: datetime) -> str:
    """What people call an outbound document: `OB20261122000017`, the day in China and the id."""
    return f"OB{at.astimezone(SHANGHAI):%Y%m%d}{document_id:06d}"


def due_at(paid_at: datetime | None, now: datetime) -> datetime:
    """When an order without a promise of its own should leave."""
    return (paid_at or now) + timedelta(hours=settings().promise_hours)


@task(persist_result=True, task_run_name=title("dispatch"), tags=["stage:dispatch"])
def dispatch(batch_id: int) -> DispatchCount:
    """The dispatch stage of a run: it is done when no document of the batch is undelivered, whoever delivered it."""
    with stage_of("dispatch", batch_id):
        why = cause("dispatch")
        count = in_transaction(lambda conn: dispatch_batch(conn, batch_id, why))
        deliver_batches([batch_id], _KINDS, send, cause("dispatch"), forced=is_retry())
    with transaction() as conn:
        missing = undelivered(conn, [batch_id], _KINDS)
        total = one(conn.execute("select count(*) from outbound_document where batch_id = %s", (batch_id,)).fetchone())
    leave_table(
        "dispatch",
        batch_id,
        [{"warehouse": to.partition(":")[2], "undelivered": number, "why": why} for to, number, why in missing],
        f"{count.documents} documents for {count.orders} orders; {total} in the batch",
    )
    if missing:
        raise step_failed(say_undelivered("dispatch", total, missing))
    return count
