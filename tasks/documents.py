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

# those of no document, or of one that its warehouse gave back and whose units were not settled otherwise
_UNWRITTEN = """(a.document_id is null or exists (
  select 1 from outbound_document g where g.id = a.document_id and g.state in ('rejected', 'cancelled')
    and not exists (select 1 from remainder r where r.document_id = g.id and r.order_id = a.order_id)))"""


def write_documents(conn: Connection, batch_id: int, shop_id: int, order_ids: Sequence[int], why: Cause) -> int:
    """Write a document for each of these orders, or merges of them, and warehouse; returns how many.

    What a document of them already ships, or has shipped, stays with it. What earlier documents of an order lacked has
    a document of its own.
    Of several orders in a document the earliest promise counts. They are numbered, and so handed over, in the order of
    their promises.
    """
    shares = conn.execute(
        f"""select a.order_id, a.warehouse_id, case when a.turn = 1 then coalesce(-m.group_id, a.order_id)
                                                  else a.order_id end, w.code,
                  coalesce(a.carrier, w.carrier), o.ship_by, o.paid_at, a.turn
           from (select order_id, warehouse_id, turn, max(carrier) as carrier from allocation a
                 where order_id = any(%s) and {_UNWRITTEN} group by 1, 2, 3) a
           join warehouse w on w.id = a.warehouse_id join orders o on o.id = a.order_id
           left join merge_member m on m.order_id = a.order_id and m.left_at is null order by 1, 2, 8""".encode(),
        (list(order_ids),),
    ).fetchall()
    papers: dict[tuple[int, int, int], list[tuple[Any, ...]]] = {}
    for share in shares:
        papers.setdefault((share[2], share[1], share[7]), []).append(share)
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
    links = [(i, share[0], share[1], share[7]) for i, of, _ in numbered for share in of]
    conn.execute(
        f"""update allocation a set document_id = d.id
           from unnest(%s::bigint[], %s::bigint[], %s::int[], %s::int[]) d(id, order_id, warehouse_id, turn)
           where a.order_id = d.order_id and a.warehouse_id = d.warehouse_id and a.turn = d.turn
             and {_UNWRITTEN}""".encode(),
        [[link[place] for link in links] for place in range(4)],
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
