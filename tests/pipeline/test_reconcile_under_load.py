"""While many work, the reconciler sees whole transactions only: it never finds what is not wrong."""

import time

import pytest

from models.database import connect
from tasks.reconcile import reconcile
from tests.fakes import FakePool
from tests.shared_pool import emptied, shared_pool
from tests.stock.invariants import broken_rules
from tests.stock.workers import trade_until, workers
from tests.stock.world import World

WORKERS = 4
SECONDS = 10


@pytest.mark.parametrize("seconds", [SECONDS, pytest.param(20 * SECONDS, marks=pytest.mark.long)])
def test_nothing_is_found_while_several_workers_trade(postgres: str, seconds: int) -> None:
    with shared_pool(postgres, "under_load") as url, emptied(url):
        pool = FakePool()
        pool.stock(TEA=300, TEA_B=100, CUP=300, CUP_B=300, POT=20, POT_B=20)
        pool.execute("update shop set lock_unpaid = true")
        pool.execute("update warehouse set daily_limit = 400 where code = 'WH-A'")
        with connect(autocommit=True) as conn:
            world = World(conn)
            world.make_kits()
            world.serve_everywhere()
        with workers(WORKERS, url) as crowd:
            end = time.time() + seconds
            trading = [crowd.submit(trade_until, seed + 1, end) for seed in range(WORKERS)]
            looks = 0
            while time.time() < end:
                assert [mismatch.sentence for mismatch in reconcile()] == []
                looks += 1
            done = [one.result() for one in trading]

        assert looks > 3
        assert min(each.total() - each["put_off"] for each in done) > 10
        assert [mismatch.sentence for mismatch in reconcile()] == []
        with connect() as conn:
            assert broken_rules(conn) == []
