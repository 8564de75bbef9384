"""Many at once: threads that begin at the same moment, each with a connection and a batch of its own."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from threading import Barrier
from typing import Any

from models.database import Connection
from models.order import Cause
from tests.fakes import FakePool, why

THREADS = 100


class Crowd:
    """Threads, each with a connection of its own, that begin at the same moment."""

    def __init__(self, conns: Sequence[Connection]) -> None:
        self._threads = ThreadPoolExecutor(len(conns))
        self._conns: SimpleQueue[Connection] = SimpleQueue()
        for conn in conns:
            self._conns.put(conn)

    def do(self, works: Sequence[Callable[[Connection], Any]]) -> list[Any]:
        """Do all of it at once, each in a transaction; an error of any surfaces."""
        start = Barrier(len(works))

        def alone(work: Callable[[Connection], Any]) -> Any:
            conn = self._conns.get()
            try:
                start.wait(30)
                with conn.transaction():
                    return work(conn)
            finally:
                self._conns.put(conn)

        return list(self._threads.map(alone, works))


def batches_of(pool: FakePool, demands: Sequence[dict[str, int]]) -> list[int]:
    """A batch of its own for each order."""
    pool.batch_of(demands)
    pool.execute(
        """insert into batch (shop_id, origin, state, stored, joined, rejected, flow_run_id, created_at)
           select b.shop_id, b.origin, 'open', 0, 1, 0, 'by hand', b.created_at
           from order_state s join batch b on b.id = s.batch_id"""
    )
    pool.execute(
        """update order_state s set batch_id = n.batch_id from (
             select id as batch_id, row_number() over (order by id desc) as place from batch) n,
             (select order_id, row_number() over (order by order_id) as place from order_state) o
           where o.order_id = s.order_id and o.place = n.place"""
    )
    return [row[0] for row in pool.rows("select batch_id from order_state order by order_id")]


def each(stage: Callable[[Connection, int, Cause], Any], batch_id: int) -> Callable[[Connection], Any]:
    """A stage on a batch, for one of the crowd."""
    return lambda conn: stage(conn, batch_id, why())
