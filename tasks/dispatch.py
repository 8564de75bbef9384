"""dispatch: turn routed orders into outbound documents and hand these to their warehouses."""

from collections.abc import Sequence
from dataclasses import dataclass

from prefect import task

from models.database import Connection, in_transaction, one, transaction
from models.messages import OutboxKind
from models.order import Cause, Stage, advance
from tasks.again import route_again
from tasks.batches import take_batch, title
from tasks.documents import write_documents
from tasks.merges import mates
from tasks.outbox import deliver_batches
from tasks.release_room import let_go, room_waits
from tasks.restored import hold_restored, open_restore
from tasks.route import without_holds
from tasks.runs import cause, is_retry, leave_table, stage_of
from tasks.send import send
from tasks.undelivered import obstacles_of, undelivered

WAREHOUSES_AT_ONCE = 4
_KINDS = (OutboxKind.OUTBOUND_CREATED,)
_DOCUMENTS = b"select count(*) from outbound_document where batch_id = %s"


@dataclass(frozen=True, slots=True)
class DispatchCount:
    """Outbound documents written for how many orders."""

    documents: int
    orders: int


def dispatch_batch(conn: Connection, batch_id: int, why: Cause) -> DispatchCount:
    """Write one outbound document per routed order and warehouse, with the message that hands it over.

    Orders of a merge share one, also those of them that are in another batch; those of them that are held meanwhile
    leave the merge and are routed again. It goes with the carrier that routing chose, else with the warehouse's usual
    one. While releases are metered, orders that their warehouse has no room for stay routed; after a restore, those
    that it may know already are held. Safe to repeat: orders already dispatched are not looked at. One transaction;
    nothing is sent here.
    """
    batch = take_batch(conn, batch_id)
    restore = open_restore(conn)
    there = _take_routed(conn, batch_id)
    hold_restored(conn, restore, there, why)
    free = without_holds(conn, there)
    ids = let_go(conn, free, why)
    if len(free) < len(there):
        _part_held(conn, sorted({*there} - {*free}), ids, why)
    documents = write_documents(conn, batch_id, batch.shop_id, ids, why)
    advance(conn, ids, Stage.DISPATCHED, why)
    return DispatchCount(documents, len(ids))


def _take_routed(conn: Connection, batch_id: int) -> list[int]:
    """The batch's routed orders and those merged with them, locked for this transaction, ascending."""
    rows = conn.execute(
        """select order_id from order_state where stage = 'routed' and order_id in (
             select order_id from order_state where batch_id = %(batch)s and stage = 'routed'
             union all
             select o.order_id from order_state s join merge_member m on m.order_id = s.order_id and m.left_at is null
             join merge_member o on o.group_id = m.group_id and o.left_at is null and o.order_id <> s.order_id
             where s.batch_id = %(batch)s and s.stage = 'routed')
           order by order_id for update""",
        {"batch": batch_id},
    ).fetchall()
    return [row[0] for row in rows]


def _part_held(conn: Connection, held: Sequence[int], going: Sequence[int], why: Cause) -> None:
    """Let held orders leave the merges whose other orders go now."""
    known = mates(conn, held)
    leaving = {known[order_id] for order_id in going if order_id in known}
    route_again(conn, [o for o in held if known.get(o) in leaving], why, "it is held while the others leave")


@task(persist_result=True, task_run_name=title("dispatch"), tags=["stage:dispatch"])
def dispatch(batch_id: int) -> DispatchCount:
    """The dispatch stage of a run: it is done when no document of the batch is undelivered, whoever delivered it."""
    with stage_of("dispatch", batch_id):
        why = cause("dispatch")
        count = in_transaction(lambda conn: dispatch_batch(conn, batch_id, why))
        deliver_batches(
            [batch_id], _KINDS, send, cause("dispatch"), forced=is_retry(), counterparts_at_once=WAREHOUSES_AT_ONCE
        )
        with transaction() as conn:
            missing = obstacles_of(conn, [batch_id], _KINDS)
            waits = room_waits(conn, [batch_id])
            total = int(one(conn.execute(_DOCUMENTS, (batch_id,)).fetchone()))
        told = f"{count.documents} documents for {count.orders} orders; {total} in the batch"
        if missing:
            raise undelivered("dispatch", batch_id, total, missing, told)
        leave_table("dispatch", batch_id, [wait.row() for wait in waits], told)
    return count
