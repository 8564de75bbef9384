"""Feeds that take units back while others lock, ship and count: nobody waits in a circle, and all adds up."""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta

from models.database import transaction
from models.feeds import Counts
from tasks.lock_stock import lock_batch
from tests.fakes import NOON, FakePool, why
from tests.tasks.feeding import count, dispatched, feed, report, ship, stands

ROUNDS = 6


def test_counts_locks_and_shipments_at_once_end_and_add_up(pool: FakePool) -> None:
    pool.stock(TEA=60, CUP=60)
    nos = dispatched(pool, *[2] * ROUNDS)
    batches = [pool.batch_of([{"TEA": 3, "CUP": 3} for _ in range(6)], run=f"run {n}") for n in range(ROUNDS)]

    def lock(batch_id: int) -> None:
        with transaction() as conn:
            lock_batch(conn, batch_id, why(f"lock {batch_id}"))

    def counted(n: int) -> None:
        units = {"TEA": 40 - 4 * n, "CUP": 40 - 5 * n}
        count(units, 100 + n, known=NOON + timedelta(days=1, seconds=n))

    with ThreadPoolExecutor(6) as threads:
        done: list[Future[object]] = [threads.submit(lock, batch_id) for batch_id in batches]
        done += [threads.submit(counted, n) for n in range(ROUNDS)]
        done += [threads.submit(ship, no, 200) for no in nos]
        for one in done:
            one.result(60)

    assert pool.untrue() == []
    assert stands(pool) == (20 - 2 * ROUNDS, 0, 0)
    assert pool.locked("TEA") <= 20 - 2 * ROUNDS


def test_a_count_that_comes_while_reports_are_booked_is_not_corrected_by_what_it_knew(pool: FakePool) -> None:
    pool.stock(TEA=20)
    (no,) = dispatched(pool, 5)
    report("packed", no, 1)

    with ThreadPoolExecutor(1) as threads:
        with transaction() as conn:
            feed(conn, {"TEA": 15}, 5, Counts.NET_OF_SHIPPED)
            leaving = threads.submit(ship, no, 6)
            wait_for_a_lock(pool)
        leaving.result(30)

    assert stands(pool) == (15, 0, 0)


def wait_for_a_lock(pool: FakePool) -> None:
    """Return when a transaction of this database waits for another."""
    for _ in range(300):
        waiting = "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        if pool.rows(waiting):
            return
        time.sleep(0.1)
    raise AssertionError("no transaction waits for another")
