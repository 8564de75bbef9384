"""Asking a warehouse for a document back: it must not leave as it is, or one of its orders is to leave by itself."""

from collections.abc import Collection, Iterable

from psycopg.rows import TupleRow

from connectors import registry
from models.database import Connection
from models.messages import OutboxKind
from models.order import Cause, write_own_events
from models.shipment import BlockReason, DocumentState
from tasks.effects import Effect, post

ASKABLE = frozenset({DocumentState.CREATED, DocumentState.ACCEPTED, DocumentState.QUEUED, DocumentState.PICKING})
"""States in which a warehouse is asked to give a document of several orders back: nobody has picked it."""

ASKABLE_ALONE = ASKABLE | {DocumentState.PICKED, DocumentState.PACKED, DocumentState.PUT_BACK}
"""The same for a document of one order, of which nothing is to leave as it is."""


def ask_back(conn: Connection, document_ids: Collection[int], why: Cause) -> set[int]:
    """Ask warehouses to give back these documents, each once; returns those that are asked.

    Not asked are documents that left or ended, merged ones that were picked or whose orders have a part elsewhere,
    those that their warehouse has refused to give back, and warehouses that people answer for. Of an order in parts
    each document is asked for by itself. The caller has locked the orders.
    """
    able = _able(conn, document_ids)
    new = [row for row in able if not row[6]]
    kind = OutboxKind.OUTBOUND_CANCEL
    post(conn, [Effect(kind, f"warehouse:{row[3]}", row[0], cancel_key(row[1], row[2]), row[5]) for row in new], why.at)
    tell_of(conn, "unmerge_asked", "d.id", [row[0] for row in new if row[7] > 1], why)
    tell_of(conn, "asked_back", "d.id", [row[0] for row in new if row[7] == 1], why)
    return {row[0] for row in able}


def askable(conn: Connection, document_ids: Collection[int]) -> set[int]:
    """Those of these documents that `ask_back` would ask for."""
    return {row[0] for row in _able(conn, document_ids)}


def _able(conn: Connection, document_ids: Collection[int]) -> list[TupleRow]:
    if not document_ids:
        return []
    rows = conn.execute(
        """select d.id, d.no, d.revision, w.code, w.wms, d.batch_id,
                  exists (select 1 from outbox x where x.key = d.no || '-r' || d.revision || '-cancel'), n.orders
           from outbound_document d join warehouse w on w.id = d.warehouse_id
           cross join lateral (
             select count(distinct a.order_id) as orders from allocation a where a.document_id = d.id) n
           where d.id = any(%s) and d.state = any(case when n.orders > 1 then %s::text[] else %s::text[] end)
             and not exists (select 1 from allocation a join event e on e.order_id = a.order_id
                             where a.document_id = d.id and e.what in ('unmerge_refused', 'not_given_back')
                               and e.detail->>'document' = d.no)
             and not exists (select 1 from allocation a join allocation b on b.order_id = a.order_id
                             where n.orders > 1 and a.document_id = d.id and b.document_id is distinct from d.id)
           order by d.id for update of d""",
        (list(document_ids), _names(ASKABLE), _names(ASKABLE_ALONE)),
    ).fetchall()
    return [row for row in rows if not registry.WMS[row[4]].for_people]


def _names(states: Collection[DocumentState]) -> list[str]:
    return [state.value for state in states]


def forget_wishes(conn: Connection, document_ids: Collection[int]) -> None:
    """Take back what was not sent yet of the wishes for these documents: they ended, so there is nothing to give."""
    if document_ids:
        conn.execute(
            """update outbox set state = 'withdrawn'
               where kind = 'outbound.cancel_requested' and subject_id = any(%s) and state in ('pending', 'refused')""",
            (list(document_ids),),
        )


def cancel_key(document_no: str, revision: int) -> str:
    """The idempotency key of the wish that a warehouse gives a document back."""
    return f"{document_no}-r{revision}-cancel"


def block(conn: Connection, documents: Iterable[tuple[int, int]], reason: BlockReason, why: Cause) -> None:
    """Block documents (id, with the order that is not to leave by it) until their warehouse has answered."""
    rows = list(documents)
    conn.execute(
        """insert into document_block (document_id, order_id, reason, placed_at)
           select d, o, %s, %s from unnest(%s::bigint[], %s::bigint[]) n(d, o) order by 1
           on conflict (document_id, reason) where lifted_at is null do nothing""",
        (reason.value, why.at, [row[0] for row in rows], [row[1] for row in rows]),
    )


def tell_of(conn: Connection, what: str, key: str, ids: Collection[int], why: Cause) -> None:
    """An event for the orders of documents whose `key` (a column) is one of these; it names the document."""
    rows = conn.execute(
        f"""select distinct a.order_id, d.no from allocation a join outbound_document d on d.id = a.document_id
            where {key} = any(%s) order by 1, 2""".encode(),
        (list(ids),),
    ).fetchall()
    write_own_events(conn, ((order_id, what, {"document": no}) for order_id, no in rows), why)
