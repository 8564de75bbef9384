"""Orders that go some way again: in batches that no run owns, which the next `resume_orders` takes up."""

from collections.abc import Iterator, Sequence

from models.batch import BatchOrigin
from models.database import Connection
from models.order import Cause, Stage, advance
from tasks.amend import step_back
from tasks.batches import open_batch
from tasks.kept_stock import return_to_pool


def begin_again(conn: Connection, order_ids: Sequence[int], why: Cause, because: str = "it begins again") -> None:
    """Put orders back to ingested, with the stock that they still want; they are locked."""
    for batch_id, ids in _batches(conn, order_ids, why):
        step_back(conn, batch_id, ids, why, because)


def route_again(conn: Connection, order_ids: Sequence[int], why: Cause, because: str) -> None:
    """Put routed or dispatched orders back to validated: what they have stays locked, their route is given back.

    They are not reviewed again. They are locked, and no document of theirs is at work any more.
    """
    for batch_id, ids in _batches(conn, order_ids, why):
        return_to_pool(conn, ids, why, because)
        advance(conn, ids, Stage.VALIDATED, why)
        conn.execute("update order_state set batch_id = %s where order_id = any(%s)", (batch_id, ids))


def go_on(conn: Connection, order_ids: Sequence[int], why: Cause) -> None:
    """Let orders go on from where they stand, whatever run had them; they are locked. The caller tells of it."""
    for batch_id, ids in _batches(conn, order_ids, why):
        conn.execute("update order_state set batch_id = %s where order_id = any(%s)", (batch_id, ids))


def _batches(conn: Connection, order_ids: Sequence[int], why: Cause) -> Iterator[tuple[int, list[int]]]:
    """A batch for these orders of each shop, already abandoned: what is in such a one goes on with the next resume."""
    rows = conn.execute(
        "select shop_id, id from orders where id = any(%s) order by 1, 2", (list(order_ids),)
    ).fetchall()
    by_shop: dict[int, list[int]] = {}
    for shop_id, order_id in rows:
        by_shop.setdefault(shop_id, []).append(order_id)
    for shop_id, ids in by_shop.items():
        batch_id = open_batch(conn, shop_id, BatchOrigin.RESUME, str(why.flow_run_id), why.at)
        conn.execute(
            "update batch set state = 'abandoned', joined = %s, closed_at = %s where id = %s",
            (len(ids), why.at, batch_id),
        )
        yield batch_id, ids
