"""Taking back instructions that never left: of documents that are blocked, and of orders that the shop cancelled."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from models.database import Connection
from models.hold import HoldCode, release_holds
from models.order import Cause, Stage, advance, write_own_events
from tasks.amend import take_amended_lines
from tasks.kept_stock import give_back_route, take_stock_of
from tasks.lock_stock import unlock_stock
from tasks.split_orders import free_children, relatives_of
from tasks.unmerge import go, ways_of

# documents whose instruction surely no warehouse has, while it must not go out as it is
_STALE = """
  with waiting as materialized (
    select subject_id as document_id, counterpart from outbox
    where kind = 'outbound.created' and (state = 'pending' or state = 'refused')
      and counterpart = coalesce(%s, counterpart)),
  parts as (
    select w.document_id, w.counterpart, bool_and(o.pay_state = 'cancelled') as called_off from waiting w
    join allocation a on a.document_id = w.document_id join orders o on o.id = a.order_id group by 1, 2)
  select p.document_id, p.counterpart from parts p
  where (p.called_off
         or exists (select 1 from document_block b where b.document_id = p.document_id and b.lifted_at is null))
    and not exists (select 1 from outbox y where y.kind = 'outbound.created' and y.subject_id = p.document_id
                    and (y.in_doubt or y.state not in ('pending', 'refused')))
    and exists (select 1 from outbound_document d where d.id = p.document_id and d.state = 'created')
  order by 1"""


def lift_blocks(conn: Connection, at: datetime) -> int:
    """End the blocks of documents that ended, or that a person let go; returns how many.

    Let go is a document when CHANGED_LATE was released after the last news of the order that the block is about, and
    is open for none of its orders; one that a person stopped, when the hold of it ended. To be called in a transaction
    of its own: whoever amends orders has locked them before it touches their blocks. What is being amended at this
    moment is left to the next call.
    """
    return conn.execute(
        """update document_block set lifted_at = %s where id in (
             select b.id from document_block b join outbound_document d on d.id = b.document_id
             where b.lifted_at is null and (d.state in ('shipped', 'short', 'rejected', 'cancelled') or (
               b.reason not in ('unmerge', 'desk')
               and b.placed_at <= (select max(h.placed_at) from hold h where h.order_id = b.order_id
                               and h.code = 'CHANGED_LATE' and h.released_at is not null)
               and not exists (select 1 from allocation a join hold h on h.order_id = a.order_id
                               where a.document_id = d.id and h.code = 'CHANGED_LATE' and h.released_at is null))
             or (b.reason = 'desk'
               and not exists (select 1 from allocation a join hold h on h.order_id = a.order_id
                               where a.document_id = d.id and h.code in ('MANUAL', 'REJECTED')
                                 and h.evidence ? 'asked_back' and h.released_at is null)))
             order by b.id for update of b skip locked)""",
        (at,),
    ).rowcount


def settle_reported(conn: Connection, counterpart: str, at: datetime) -> int:
    """Count instructions as delivered whose warehouse reported on their documents: it has them; returns how many."""
    return conn.execute(
        """update outbox set state = 'delivered', delivered_at = %s, last_error = '', fault = '', in_doubt = false
           where id in (
             select o.id from outbox o join outbound_document d on d.id = o.subject_id and d.state <> 'created'
             where o.kind = 'outbound.created' and o.counterpart = %s and o.state in ('pending', 'refused')
             order by o.id for update of o skip locked)""",
        (at, counterpart),
    ).rowcount


def with_stale_instructions(conn: Connection) -> list[str]:
    """The counterparts for which an instruction waits that is to be taken back, or that turned out to have arrived."""
    reported = conn.execute(
        """select distinct o.counterpart from outbox o
           join outbound_document d on d.id = o.subject_id and d.state <> 'created'
           where o.kind = 'outbound.created' and (o.state = 'pending' or o.state = 'refused')"""
    )
    return sorted({*(row[0] for row in reported), *(row[1] for row in conn.execute(_STALE, (None,)))})


def withdraw_stale(conn: Connection, counterpart: str, why: Cause) -> int:
    """Take back instructions that never reached the warehouse and must not go out as they are.

    The caller is the only sender, so nothing of them is under way. Their documents are cancelled. Orders that the shop
    cancelled end as cancelled and give back all they have; others that it changed begin again, with what the shop said
    since and with the stock that they still want, in a batch that `resume_orders` takes up. Orders that nothing
    happened to, merged with such a one, go on by a new document. Returns how many documents.
    """
    stale = stale_documents(conn, counterpart)
    if not stale:
        return 0
    documents = takeable(conn, stale)
    ways = ways_of(conn, documents)
    end_documents(conn, list(documents), why)
    take_stock_of(conn, sorted({order_id for order_ids in documents.values() for order_id in order_ids}))
    cancelled = _cancelled_ones(conn, list(ways.again))
    cancel_orders(conn, cancelled, why)
    go(conn, replace(ways, again=tuple(o for o in ways.again if o not in cancelled)), why)
    free_children(conn, cancelled, why)
    return len(documents)


def stale_documents(conn: Connection, counterpart: str) -> list[int]:
    """The documents for a counterpart that surely nobody has, and that must not go out as they are."""
    return [row[0] for row in conn.execute(_STALE, (counterpart,))]


def takeable(conn: Connection, documents: Sequence[int]) -> dict[int, list[int]]:
    """Those of the documents none of whose orders has a part elsewhere, with their orders; all locked, by id.

    An order with another document at work cannot begin again as a whole: `withdraw_parts` sees to it.
    """
    rows = conn.execute("select distinct order_id from allocation where document_id = any(%s)", (list(documents),))
    orders = [row[0] for row in rows]
    # children of a split order among them are moved as well
    conn.execute(
        "select 1 from order_state where order_id = any(%s) order by order_id for update",
        ([*orders, *relatives_of(conn, orders)],),
    )
    created = conn.execute(
        "select id from outbound_document where id = any(%s) and state = 'created' order by id for update",
        (list(documents),),
    ).fetchall()
    parts: dict[int, set[int]] = {}
    for order_id, document_id in conn.execute(
        """select distinct a.order_id, a.document_id from allocation a where a.order_id in (
             select order_id from allocation where document_id = any(%s)) order by 1""",
        (list(documents),),
    ):
        parts.setdefault(order_id, set()).add(document_id)
    return _closed({row[0] for row in created}, parts)


def _closed(documents: Collection[int], parts: dict[int, set[int]]) -> dict[int, list[int]]:
    kept = set(documents)
    while stays := {part for whole in parts.values() if not whole <= kept for part in whole & kept}:
        kept -= stays
    return {document: [order for order, whole in parts.items() if document in whole] for document in sorted(kept)}


def end_documents(conn: Connection, documents: Sequence[int], why: Cause) -> None:
    """Cancel documents whose instruction is surely unsent, with their messages and blocks; their orders are told."""
    ids = list(documents)
    conn.execute(
        "update outbox set state = 'withdrawn' where kind = 'outbound.created' and subject_id = any(%s)", (ids,)
    )
    rows = conn.execute(
        """with ended as (
             update outbound_document set state = 'cancelled', state_at = %s where id = any(%s) returning id, no)
           select distinct a.order_id, e.no from ended e join allocation a on a.document_id = e.id order by 1""",
        (why.at, ids),
    ).fetchall()
    conn.execute(
        "update document_block set lifted_at = %s where document_id = any(%s) and lifted_at is null",
        (why.at, ids),
    )
    write_own_events(conn, ((order_id, "withdrawn", {"document": no}) for order_id, no in rows), why)


def _cancelled_ones(conn: Connection, order_ids: list[int]) -> list[int]:
    rows = conn.execute(
        "select id from orders where id = any(%s) and pay_state = 'cancelled' order by id", (order_ids,)
    ).fetchall()
    return [row[0] for row in rows]


def cancel_orders(conn: Connection, order_ids: list[int], why: Cause) -> None:
    """End orders as cancelled, with all they have given back; they are locked and no document of theirs is at work."""
    unlock_stock(conn, order_ids, why)
    give_back_route(conn, order_ids, why, "it is cancelled")
    take_amended_lines(conn, order_ids)
    release_holds(conn, order_ids, list(HoldCode), why)
    advance(conn, order_ids, Stage.CANCELLED, why)
