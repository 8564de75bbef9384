"""Orders of one receiver in a pool, and what became of them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from models.database import transaction
from models.messages import OutboxKind
from models.order import Cause
from models.settings import clock
from tasks.confirm import apply_confirmations
from tasks.dispatch import dispatch_batch
from tasks.lock_stock import lock_batch
from tasks.outbox import Pending, deliver_due
from tasks.resume import end_waits
from tasks.route import route_batch
from tests.fakes import FakePool, why
from tests.stock.world import review_batch

HOME = b"home"
TO_WAREHOUSES = (OutboxKind.OUTBOUND_CREATED, OutboxKind.OUTBOUND_CANCEL)


def cause() -> Cause:
    """The cause of what happens now."""
    return why(at=clock().now())


def person() -> Cause:
    """A person's doing, now."""
    return Cause("person:li", clock().now(), None, 1)


def validated(pool: FakePool, *baskets: Mapping[str, int], receiver: bytes | None = HOME) -> int:
    """A batch of validated orders of one buyer to one receiver."""
    batch_id = pool.batch_of(baskets, run=f"run-{pool.rows('select count(*) from batch')[0][0]}")
    pool.execute("update batch set state = 'open' where id = %s", batch_id)
    ids = [row[0] for row in pool.rows("select order_id from order_state where batch_id = %s", batch_id)]
    pool.execute("update orders set buyer_key = 'mei' where id = any(%s)", ids)
    pool.execute("update receiver set receiver_hash = %s, masked = false where order_id = any(%s)", receiver, ids)
    told(pool, ids)
    return batch_id


def told(pool: FakePool, order_ids: Sequence[int]) -> None:
    """Let their stories say that these orders were validated."""
    pool.execute(
        """insert into event (order_id, at, what, actor, rule_version)
           select o, %s, 'validated', 'test', 1 from unnest(%s::bigint[]) o""",
        clock().now(),
        list(order_ids),
    )


def through(batch_id: int, *stages: Any) -> None:
    """Take a batch through stages, each at a time of its own; those from lock to dispatch unless named."""
    for stage in stages or (lock_batch, route_batch, dispatch_batch):
        with transaction() as conn:
            stage(conn, batch_id, cause())


def finished(pool: FakePool, batch_id: int) -> None:
    """The run of a batch is over."""
    pool.execute("update batch set state = 'closed', closed_at = %s where id = %s", clock().now(), batch_id)


def resumed(pool: FakePool) -> None:
    """What the resume run does."""
    for batch_id in end_waits(cause()).batch_ids:
        through(batch_id, review_batch, lock_batch, route_batch, dispatch_batch)
        finished(pool, batch_id)


def deliver() -> list[str]:
    """What leaves for the warehouses, by key."""
    sent: list[str] = []

    def send(counterpart: str, pending: Sequence[Pending]) -> dict[int, Callable[[], None]]:
        return {message.id: lambda key=message.key: sent.append(key) for message in pending}  # type: ignore[misc]

    deliver_due(send, TO_WAREHOUSES, cause())
    return sorted(sent)


def warehouse_says(envelopes: Sequence[Mapping[str, Any]], by: Cause) -> list[str]:
    """Warehouse WH-A tells these in one chunk; gives why each was ignored."""
    with transaction() as conn:
        outcomes = apply_confirmations(conn, [(i, "WH-A", said) for i, said in enumerate(envelopes)], by)
    return [outcomes[i].ignored for i in range(len(envelopes))]


def of_first_document(pool: FakePool, kind: str, **data: object) -> dict[str, Any]:
    """What a warehouse says of its first document."""
    no = pool.rows("select no from outbound_document order by id limit 1")[0][0]
    return {"type": f"outbound.{kind}", "data": {"outbound_no": no, **data}}


def papers(pool: FakePool) -> list[tuple[str, ...]]:
    """The order numbers in each document that is not cancelled, oldest document first."""
    rows = pool.rows(
        """select d.id, array_agg(distinct o.order_no order by o.order_no) from outbound_document d
           join allocation a on a.document_id = d.id join orders o on o.id = a.order_id
           where d.state <> 'cancelled' group by 1 order by 1"""
    )
    return [tuple(row[1]) for row in rows]


def merged(pool: FakePool) -> list[tuple[str, ...]]:
    """The order numbers in each open merge."""
    rows = pool.rows(
        """select m.group_id, array_agg(o.order_no order by o.order_no) from merge_member m
           join merge_group g on g.id = m.group_id and g.ended_at is null
           join orders o on o.id = m.order_id where m.left_at is null group by 1 order by 1"""
    )
    return [tuple(row[1]) for row in rows]


def events(pool: FakePool, no: str, what: str) -> list[dict[str, Any]]:
    """The details of an order's events of a kind."""
    rows = pool.rows(
        """select e.detail from event e join orders o on o.id = e.order_id
           where o.order_no = %s and e.what = %s order by e.id""",
        no,
        what,
    )
    return [row[0] for row in rows]
