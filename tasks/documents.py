"""Outbound documents as they are written: one per order, or merge of orders, and warehouse."""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from models.database import Connection, copy_rows, take_ids
from models.messages import OutboxKind
from models.order import Cause
from models.settings import SHANGHAI, settings
from tasks.effects import Effect, post


def write_documents(conn: Connection, batch_id: int, shop_id: int, order_ids: Sequence[int], why: Cause) -> int:
    """Write a document for each of these orders, or merges of them, and warehouse; returns how many.

    Of several orders in a document the earliest promise counts. They are numbered, and so handed over, in the order of
    their promises.
    """
    shares = conn.execute(
        """select a.order_id, a.warehouse_id, coalesce(-m.group_id, a.order_id), w.code,
                  coalesce(a.carrier, w.carrier), o.ship_by, o.paid_at
           from (select order_id, warehouse_id, max(carrier) as carrier from allocation
                 where order_id = any(%s) group by 1, 2) a
           join warehouse w on w.id = a.warehouse_id join orders o on o.id = a.order_id
           left join merge_member m on m.order_id = a.order_id and m.left_at is null order by 1, 2""",
        (list(order_ids),),
    ).fetchall()
    papers: dict[tuple[int, int], list[tuple[Any, ...]]] = {}
    for share in shares:
        papers.setdefault((share[2], share[1]), []).append(share)
    due = [(min(share[5] or due_at(share[6], why.at) for share in of), of) for of in papers.values()]
    due.sort(key=lambda paper: (paper[0], paper[1][0][:2]))
    ids = take_ids(conn, "outbound_document_id_seq", len(due))
    numbered = [(i, of, ship_by) for i, (ship_by, of) in zip(ids, due, strict=True)]
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
                of[0][1],
                shop_id,
                batch_id,
                1,
                "created",
                of[0][4],
                "rcv_" + secrets.token_urlsafe(16),
                ship_by,
                ship_by,
                why.at,
            )
            for i, of, ship_by in numbered
        ),
    )
    links = [(i, share[0], share[1]) for i, of, _ in numbered for share in of]
    conn.execute(
        """update allocation a set document_id = d.id
           from unnest(%s::bigint[], %s::bigint[], %s::int[]) d(id, order_id, warehouse_id)
           where a.order_id = d.order_id and a.warehouse_id = d.warehouse_id""",
        [[link[place] for link in links] for place in range(3)],
    )
    post(
        conn,
        [
            Effect(OutboxKind.OUTBOUND_CREATED, f"warehouse:{of[0][3]}", i, f"{document_no(i, why.at)}-r1", batch_id)
            for i, of, _ in numbered
        ],
        why.at,
    )
    return len(numbered)


def document_no(document_id: int, at: datetime) -> str:
    """What people call an outbound document: `OB20261122000017`, the day in China and the id."""
    return f"OB{at.astimezone(SHANGHAI):%Y%m%d}{document_id:06d}"


def due_at(paid_at: datetime | None, now: datetime) -> datetime:
    """When an order without a promise of its own should leave."""
    return (paid_at or now) + timedelta(hours=settings().promise_hours)
