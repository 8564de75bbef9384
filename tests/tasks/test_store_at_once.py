"""Runs of one shop whose windows overlap: whoever stores first, each order is there once, in its newest version."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

from models.database import connect
from tasks.store import StoreCount, store_alone
from tasks.windows import find_shop, only_run_of, only_run_of_window
from tests.fakes import NOON, FakePool, payload

ORDERS = 120
AT_ONCE = 4


def at_once(readings: Sequence[Callable[[], StoreCount]]) -> list[StoreCount]:
    """Let all of them begin at the same moment."""
    barrier = Barrier(len(readings))

    def begin(reading: Callable[[], StoreCount]) -> StoreCount:
        barrier.wait(20)
        return reading()

    with ThreadPoolExecutor(len(readings)) as threads:
        return list(threads.map(begin, readings))


def taking(pool: FakePool, payloads: Sequence[dict[str, Any]], run: str) -> Callable[[], StoreCount]:
    return lambda: pool.take(payloads, run=run)


def test_new_orders_that_runs_store_at_once_are_stored_once(pool: FakePool) -> None:
    pool.stock(TEA=9999)
    crowd = [payload(n, 0, "processing", {"TEA": 1}) for n in range(1, ORDERS + 1)]

    counts = at_once([taking(pool, crowd, f"run-{n}") for n in range(AT_ONCE)])

    assert sorted(count.stored for count in counts) == [0] * (AT_ONCE - 1) + [ORDERS]
    assert pool.rows("select count(*), count(distinct external_id) from orders") == [(ORDERS, ORDERS)]


def test_the_newest_of_versions_that_runs_store_at_once_wins(pool: FakePool) -> None:
    pool.stock(TEA=9999)
    versions = [[payload(n, m, "processing", {"TEA": m + 1}) for n in range(1, 21)] for m in range(AT_ONCE)]

    at_once([taking(pool, version, f"run-{n}") for n, version in enumerate(versions)])

    assert pool.rows("select distinct quantity from order_line") == [(AT_ONCE,)]
    pool.through_the_stages()
    assert pool.rows("select stage, count(*) from order_state group by 1") == [("dispatched", 20)]


def test_storing_waits_for_the_shops_other_run(pool: FakePool) -> None:
    with connect() as other, ThreadPoolExecutor(1) as thread:
        store_alone(other, find_shop(other, "WOO").id)
        waiting = thread.submit(taking(pool, [payload(1)], "run-1"))
        assert not waiting.done()
        other.rollback()
        assert waiting.result(20).stored == 1


def test_a_window_that_was_asked_for_is_read_beside_the_others(pool: FakePool) -> None:
    hour = timedelta(hours=1)
    with (
        only_run_of("WOO", wait_s=1) as shop,
        only_run_of_window("WOO", NOON, NOON + hour, wait_s=1) as window,
        only_run_of_window("WOO", NOON + hour, NOON + 2 * hour, wait_s=1) as next_window,
    ):
        assert (shop, window, next_window) == (True, True, True)


def test_two_runs_do_not_read_the_same_window_at_once(pool: FakePool) -> None:
    hour = timedelta(hours=1)
    with (
        only_run_of_window("WOO", NOON, NOON + hour, wait_s=1) as first,
        only_run_of_window("WOO", NOON, NOON + hour, wait_s=1) as second,
    ):
        assert (first, second) == (True, False)
