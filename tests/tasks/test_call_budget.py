import multiprocessing
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from multiprocessing.context import SpawnProcess
from pathlib import Path

import pytest

from models.database import connect
from models.errors import RateLimited
from tasks.call_budget import LEASE_S, PoolBudget
from tests.clocks import StoppedClock
from tests.fakes import FakePool
from tests.tasks.budget_worker import GO, work

RATE = 40.0
AIR_S = 1.0
"""A call is written down after its turn has come, by a machine that may be busy."""


def calls(budget: PoolBudget, seconds: float) -> list[float]:
    """When calls were made by someone who makes as many as he may."""
    made: list[float] = []
    end = time.time() + seconds
    while time.time() < end:
        budget.take()
        made.append(time.time())
    return made


def workers(count: int, seconds: float, folder: Path) -> list[SpawnProcess]:
    """Worker processes that begin to call together."""
    context = multiprocessing.get_context("spawn")
    started = [context.Process(target=work, args=(str(n), str(folder), RATE, seconds)) for n in range(count)]
    for process in started:
        process.start()
    while len(list(folder.glob("*.ready"))) < count:
        assert all(process.is_alive() for process in started)
        time.sleep(0.02)
    (folder / GO).touch()
    return started


def times(folder: Path) -> list[float]:
    return sorted(float(line) for log in folder.glob("*.log") for line in log.read_text().split())


def most_in(moments: Sequence[float], seconds: float) -> int:
    """The most calls in any span of so many seconds."""
    return max(sum(start <= moment < start + seconds for moment in moments) for start in moments)


def is_kept(moments: Sequence[float], rate: float) -> bool:
    return all(most_in(moments, span) <= rate * (span + LEASE_S + AIR_S) + 1 for span in (0.1, 0.5, 1.0, 2.0))


def test_workers_and_threads_together_never_make_more_calls(pool: FakePool, tmp_path: Path) -> None:
    for process in workers(4, 4.0, tmp_path):
        process.join(120)
        assert process.exitcode == 0

    made = times(tmp_path)
    assert is_kept(made, RATE)
    assert len(made) <= RATE * (made[-1] - made[0] + LEASE_S + AIR_S) + 1
    assert len(made) > RATE, "the budget is used, too"


def test_a_killed_worker_takes_only_its_lease_with_it(pool: FakePool, tmp_path: Path) -> None:
    (doomed,) = workers(1, 30.0, tmp_path)
    while not times(tmp_path):
        time.sleep(0.05)
    doomed.kill()
    doomed.join(10)
    began = time.time()

    PoolBudget("S", RATE).take()

    assert time.time() - began < 2 * LEASE_S + 3 * AIR_S


def test_one_worker_gets_all_of_the_budget(pool: FakePool) -> None:
    made = calls(PoolBudget("S", RATE), 2.0)

    assert RATE * 1.2 < len(made) <= RATE * (2.0 + LEASE_S) + 1


def test_a_busy_worker_asks_the_pool_once_for_many_calls(pool: FakePool) -> None:
    transaction_no = "select pg_current_xact_id()::text::bigint"
    before = pool.rows(transaction_no)[0][0]

    made = calls(PoolBudget("S", 200), 1.5)

    assert len(made) > 100
    assert pool.rows(transaction_no)[0][0] - before < 20


def test_shops_do_not_wait_for_each_other(pool: FakePool) -> None:
    PoolBudget("A", 1).pause(60)
    began = time.monotonic()

    PoolBudget("B", 1).take()

    assert time.monotonic() - began < 10


def test_a_pause_of_one_stops_all(pool: FakePool) -> None:
    one, other = PoolBudget("S", 100), PoolBudget("S", 100)
    stopped = threading.Event()
    after: list[float] = []

    def go_on() -> None:
        while True:
            try:
                other.take()
            except RateLimited:
                stopped.set()
                return
            after.append(time.monotonic())

    thread = threading.Thread(target=go_on)
    thread.start()
    time.sleep(0.5)
    paused_at = time.monotonic()
    one.pause(3600)
    assert stopped.wait(10)
    thread.join(10)

    with pytest.raises(RateLimited):
        one.take()
    assert max(after) - paused_at <= LEASE_S + AIR_S


def test_a_pause_stops_threads_that_wait_for_their_turn(pool: FakePool) -> None:
    budget = PoolBudget("S", 2)
    budget.take()
    made: list[float] = []

    def wait() -> None:
        try:
            budget.take()
        except RateLimited:
            return
        made.append(time.monotonic())

    threads = [threading.Thread(target=wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(0.05)
    budget.pause(3600)
    for thread in threads:
        thread.join(20)

    assert made == []


def test_who_would_wait_too_long_is_told_how_long(pool: FakePool) -> None:
    budget = PoolBudget("S", 10)
    budget.pause(3600)

    with pytest.raises(RateLimited, match="S: take a turn: its calls are used up for the next 3600 s") as refused:
        budget.take()

    assert 3590 < refused.value.retry_after_s <= 3600


def test_a_short_pause_is_waited_out(pool: FakePool) -> None:
    budget = PoolBudget("S", 10)
    began = time.monotonic()
    budget.pause(1.0)

    budget.take()

    assert 0.95 <= time.monotonic() - began < 10


def test_a_shorter_pause_does_not_end_a_longer_one(pool: FakePool) -> None:
    budget = PoolBudget("S", 10)
    budget.pause(3600)
    budget.pause(1)

    with pytest.raises(RateLimited):
        budget.take()


def test_turns_that_nobody_used_do_not_add_up(pool: FakePool) -> None:
    budget = PoolBudget("S", 20)
    calls(budget, 1.5)
    time.sleep(2 * LEASE_S + 0.2)

    assert most_in(calls(budget, 0.2), 0.2) <= 20 * (0.2 + 0.3) + 1


def test_calls_go_on_under_a_clock_that_stands_still(pool: FakePool, stopped: StoppedClock) -> None:
    began = time.monotonic()
    budget = PoolBudget("S", 20)
    for _ in range(20):
        budget.take()

    assert 0.8 < time.monotonic() - began < 10


def test_a_time_that_no_pause_explains_is_not_waited_for(pool: FakePool) -> None:
    later = datetime.now(UTC) + timedelta(days=30)
    pool.execute("insert into call_budget (shop_code, next_at) values ('S', %s)", later)
    began = time.monotonic()

    PoolBudget("S", 10).take()

    assert time.monotonic() - began < 10


def test_the_callers_transaction_is_not_touched(pool: FakePool) -> None:
    with connect() as conn:
        conn.execute("insert into call_budget (shop_code, next_at) values ('OTHER', %s)", (datetime.now(UTC),))
        PoolBudget("S", 10).take()
        conn.rollback()

    assert pool.rows("select shop_code from call_budget") == [("S",)]
