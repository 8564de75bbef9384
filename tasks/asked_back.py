"""Asking a warehouse for a merged document back, so that one of its orders can leave it."""

from collections.abc import Collection, Iterable

from connectors import registry
from models.database import Connection
from models.messages import OutboxKind
from models.order import Cause, write_own_events
from models.shipment import DocumentState
from tasks.effects import Effect, post

ASKABLE = frozenset({DocumentState.CREATED, DocumentState.ACCEPTED, DocumentState.PICKING})
"""States in which a warehouse is asked to give a document back: nobody has picked it."""


def ask_back(conn: Connection, document_ids: Collection[int], why: Cause) -> set[int]:
    """Ask warehouses to give back these documents of several orders, each once; returns those that are asked.

    Not asked are those that were picked or ended, those that their warehouse has refused to give back, and warehouses
    that people answer for. The caller has locked the orders.
    """
    if not document_ids:
        return set()
    rows = conn.execute(
        """select d.id, d.no, d.revision, w.code, w.wms, d.batch_id,
                  exists (select 1 from outbox x where x.key = d.no || '-r' || d.revision || '-cancel')
           from outbound_document d join warehouse w on w.id = d.warehouse_id
           where d.id = any(%s) and d.state = any(%s)
             and (select count(distinct a.order_id) from allocation a where a.document_id = d.id) > 1
             and not exists (select 1 from allocation a join event e on e.order_id = a.order_id
                             where a.document_id = d.id and e.what = 'unmerge_refused' and e.detail->>'document' = d.no)
           order by d.id for update of d""",
        (list(document_ids), [state.value for state in ASKABLE]),
    ).fetchall()
    able = [row for row in rows if not registry.WMS[row[4]].for_people]
    new = [row for row in able if not row[6]]
    kind = OutboxKind.OUTBOUND_CANCEL
    post(conn, [Effect(kind, f"warehouse:{row[3]}", row[0], cancel_key(row[1], row[2]), row[5]) for row in new], why.at)
    tell_of(conn, "unmerge_asked", "d.id", [row[0] for row in new], why)
    return {row[0] for row in able}


def cancel_key(document_no: str, revision: int) -> str:
    """The idempotency key of the wish that a warehouse gives a document back."""
    return f"{document_no}-r{revision}-cancel"


def block(conn: Connection, documents: Iterable[tuple[int, int]], why: Cause) -> None:
    """Block documents (id, with the order that is to leave by itself) until their warehouse has answered."""
    rows = list(documents)
    conn.execute(
        """insert into document_block (document_id, order_id, reason, placed_at)
           select d, o, 'unmerge', %s from unnest(%s::bigint[], %s::bigint[]) n(d, o) order by 1
           on conflict (document_id, reason) where lifted_at is null do nothing""",
        (why.at, [row[0] for row in rows], [row[1] for row in rows]),
    )


def tell_of(conn: Connection, what: str, key: str, ids: Collection[int], why: Cause) -> None:
    """An event for the orders of documents whose `key` (a column) is one of these; it names the document."""
    rows = conn.execute(
        f"""select distinct a.order_id, d.no from allocation a join outbound_document d on d.id = a.document_id
            where {key} = any(%s) order by 1, 2""".encode(),
        (list(ids),),
    ).fetchall()
    write_own_events(conn, ((order_id, what, {"document": no}) for order_id, no in rows), why)
