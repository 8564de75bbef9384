"""Many at once on real PostgreSQL: units are sold once, races have one winner, and nobody sees a deadlock."""

import random
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

import pytest

from models.database import connect
from tasks.lock_stock import lock_batch
from tests.fakes import FakePool
from tests.shared_pool import emptied
from tests.stock.crowd import THREADS, Crowd, batches_of, each
from tests.stock.invariants import broken_rules
from tests.stock.workers import lock_batches, workers

UNITS = 10


@pytest.fixture(scope="module")
def two_workers(stock_database: str) -> Iterator[ProcessPoolExecutor]:
    with workers(2, stock_database) as both:
        yield both


def baskets(draw: random.Random) -> list[dict[str, int]]:
    """Random orders that want the same SKUs in any order; enough of them want one TEA, so that no unit stays."""
    found = []
    for number in range(THREADS):
        wanted = [("TEA", 1 if number % 4 == 0 else draw.randint(1, 4))]
        wanted += [(sku, draw.randint(1, 3)) for sku in ("CUP", "POT", "TIN") if draw.random() < 0.5]
        draw.shuffle(wanted)
        found.append(dict(wanted))
    return found


def sell_ten(crowd: Crowd, seed: int) -> None:
    pool = FakePool()
    pool.stock(TEA=4, TEA_B=6, CUP=400, POT=400, TIN=400)
    batches = batches_of(pool, baskets(random.Random(seed)))

    counts = crowd.do([each(lock_batch, batch) for batch in batches])

    assert pool.locked() == UNITS
    assert sum(count.locked for count in counts) + sum(count.short for count in counts) == THREADS
    with connect() as conn:
        assert broken_rules(conn) == []


@pytest.mark.parametrize("seed", range(20))
def test_a_hundred_random_orders_at_once_buy_exactly_the_ten_units(
    stock_database: str, crowd: Crowd, seed: int
) -> None:
    with emptied(stock_database):
        sell_ten(crowd, seed)


@pytest.mark.long
def test_a_hundred_random_orders_at_once_buy_exactly_the_ten_units_two_hundred_times(
    stock_database: str, crowd: Crowd
) -> None:
    for seed in range(200):
        with emptied(stock_database):
            sell_ten(crowd, 1000 + seed)


@pytest.mark.parametrize("seed", range(5))
def test_two_workers_on_the_same_batches_lock_each_order_once(
    stock_database: str, two_workers: ProcessPoolExecutor, seed: int
) -> None:
    with emptied(stock_database):
        pool = FakePool()
        pool.stock(TEA=4, TEA_B=6, CUP=400, POT=400, TIN=400)
        batches = batches_of(pool, baskets(random.Random(seed)))
        begin_at = time.time() + 0.05

        told = list(two_workers.map(lock_batches, [batches[:70], batches[30:]], [seed, -seed], [begin_at] * 2))

        stages = list(pool.stages().values())
        assert pool.locked() == UNITS
        assert sum(locked for locked, _ in told) == stages.count("locked")
        # a worker that comes to a batch again finds only what is short
        assert sum(short for _, short in told) >= stages.count("validated")
        with connect() as conn:
            assert broken_rules(conn) == []
