"""Processes of their own that work on the same pool, as two workers of two machines would."""

import os
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime

from tests.forked import forking

_server = forking("tests.stock.world", "tests.stock.trade")


@contextmanager
def workers(count: int, url: str) -> Iterator[ProcessPoolExecutor]:
    """So many processes that work on the pool at `url`, imported and waiting."""
    with ProcessPoolExecutor(count, mp_context=_server, initializer=_settle, initargs=(url,)) as pool:
        list(pool.map(_wait_until, [time.time() + 0.5] * count))
        yield pool


def _settle(url: str) -> None:
    os.environ["ORDERPOOL_DATABASE_URL"] = url
    from models.settings import settings

    settings.cache_clear()


def _wait_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.time()))


def lock_batches(batch_ids: Sequence[int], seed: int, begin_at: float) -> tuple[int, int]:
    """Lock these batches in an order of one's own, each in its transaction; gives units-taking and short orders."""
    from models.database import connect
    from tasks.lock_stock import lock_batch
    from tests.fakes import why

    mine = list(batch_ids)
    random.Random(seed).shuffle(mine)
    locked = short = 0
    with connect(autocommit=True) as conn:
        _wait_until(begin_at)
        for batch_id in mine:
            with conn.transaction():
                count = lock_batch(conn, batch_id, why(f"worker-{seed}"))
            locked, short = locked + count.locked, short + count.short
    return locked, short


def trade_until(seed: int, end: float) -> Counter[str]:
    """Do a seller's business on the pool until a moment; gives how often each kind of thing was done."""
    from models.database import connect
    from tests.stock.trade import Trader
    from tests.stock.world import World

    with connect(autocommit=True) as conn:
        trader = Trader(World(conn, datetime.now(UTC)), seed)
        while time.time() < end:
            trader.do_something()
    return trader.done
