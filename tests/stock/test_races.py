"""Two who want the opposite of the same stock at the same moment: exactly one of them gets it."""

import random
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from models.database import Connection, connect
from models.feeds import Counts
from models.hold import HoldCode
from models.order import Stage
from tasks.confirm import apply_confirmations
from tasks.dispatch import dispatch_batch
from tasks.expire_locks import expire_locks
from tasks.lock_stock import lock_batch, unlock_stock
from tasks.promises import keep_promises
from tasks.promo import promo_on
from tasks.route import route_batch
from tasks.stock_feed import Feed, Told, apply_feed
from tasks.withdraw import withdraw_stale
from tests.fakes import NOON, FakePool, payload, why
from tests.shared_pool import emptied
from tests.stock.crowd import Crowd, batches_of, each
from tests.stock.invariants import broken_rules

ROUNDS = 10

Work = Callable[[Connection], Any]


def still_true() -> None:
    with connect() as conn:
        assert broken_rules(conn) == []


def dispatched(pool: FakePool) -> str:
    """An order of 3 TEA, its instruction not sent yet; gives the document's number."""
    pool.stock(TEA=10)
    batch = pool.batch_of([{"TEA": 3}])
    pool.through_the_stages("track", [batch])
    return str(pool.rows("select no from outbound_document")[0][0])


def may_be_promised(pool: FakePool, units: int) -> None:
    """So many units of every SKU may be sold before they are there."""
    pool.execute(
        "insert into promise_pool (sku_id, kind, limit_units, promised) select id, 'backorder', %s, 0 from sku", units
    )


def shipping(no: str) -> Work:
    """The warehouse reports that all of a document left."""
    box = {"tracking_no": "YT1", "carrier_code": "yuantong", "lines": [{"line_no": "1", "qty": 3}]}
    envelope = {"type": "outbound.shipped", "data": {"outbound_no": no, "packages": [box]}}
    return lambda conn: apply_confirmations(conn, [(1, "WH-A", envelope)], why())[1].ignored


@pytest.mark.parametrize("_", range(ROUNDS))
def test_a_lock_that_is_consumed_and_released_at_once_ends_once(stock_database: str, crowd: Crowd, _: int) -> None:
    with emptied(stock_database):
        pool = FakePool()
        no = dispatched(pool)

        crowd.do([shipping(no), lambda conn: unlock_stock(conn, [1], why())])

        ended = pool.rows("select state, count(*) from lock where warehouse_id is not null group by 1")
        assert ended in ([("consumed", 1)], [("released", 1)])
        assert pool.rows("select on_hand, locked from sku_pool") == [(7, 0)]
        assert pool.rows("select on_hand, locked from stock") == [(7, 0)]


@pytest.mark.parametrize("_", range(ROUNDS))
def test_an_order_cancelled_while_it_ships_is_either_cancelled_with_its_stock_back_or_shipped(
    stock_database: str, crowd: Crowd, _: int
) -> None:
    with emptied(stock_database):
        pool = FakePool()
        no = dispatched(pool)
        pool.take([payload(1, 1, "cancelled", {"TEA": 3})], run="run-2")

        told = crowd.do([shipping(no), lambda conn: withdraw_stale(conn, "warehouse:WH-A", why())])

        stage = pool.stages()["1"]
        stock = pool.rows("select on_hand, locked from sku_pool")
        if told[1]:
            assert (stage, stock) == (Stage.CANCELLED, [(10, 0)])
            assert pool.rows("select count(*) from parcel") == [(0,)]
        else:
            assert (stage, stock) == (Stage.DISPATCHED, [(7, 0)])
            assert pool.rows("select state from outbound_document") == [("shipped",)]
        still_true()


def test_a_day_takes_no_more_documents_than_its_limit_however_many_route_at_once(
    stock_database: str, crowd: Crowd
) -> None:
    with emptied(stock_database):
        pool = FakePool()
        pool.stock(TEA=100)
        pool.execute("update warehouse set daily_limit = 7, active = (code = 'WH-A')")
        batches = batches_of(pool, [{"TEA": 1}] * 40)
        crowd.do([each(lock_batch, batch) for batch in batches])

        counts = crowd.do([each(route_batch, batch) for batch in batches])

        days = pool.rows("select used from warehouse_day where used > 0 order by day")
        assert sum(used for (used,) in days) == sum(count.routed for count in counts) > 0
        assert max(used for (used,) in days) == 7
        assert sum(count.routed + count.short for count in counts) == 40
        still_true()


def test_no_more_is_promised_than_may_be_however_many_buy_at_once(stock_database: str, crowd: Crowd) -> None:
    with emptied(stock_database):
        pool = FakePool()
        pool.stock(TEA=5)
        may_be_promised(pool, 8)
        batches = batches_of(pool, [{"TEA": 1}] * 60)

        counts = crowd.do([each(lock_batch, batch) for batch in batches])

        assert Counter({"locked": sum(c.locked for c in counts), "promised": sum(c.promised for c in counts)}) == {
            "locked": 5,
            "promised": 8,
        }
        assert pool.rows("select promised from promise_pool") == [(8,)]
        still_true()


def test_units_that_come_are_never_sold_past_those_they_were_promised_to(stock_database: str, crowd: Crowd) -> None:
    with emptied(stock_database):
        pool = FakePool()
        pool.stock(TEA=0)
        may_be_promised(pool, 6)
        waiting = pool.batch_of([{"TEA": 2}] * 3)
        with connect(autocommit=True) as conn, conn.transaction():
            assert lock_batch(conn, waiting, why()).promised == 3
        late = [pool.batch_of([{"TEA": 1}], run=f"late-{number}") for number in range(10)]

        def come(conn: Connection) -> None:
            apply_feed(conn, Feed("ERP", "arrival", Counts.CHANGE, NOON), [Told((1, 1), 7, NOON, "arrival")], why())

        def buy(batch: int) -> Work:
            return lambda conn: lock_batch(conn, batch, why()).locked

        told = crowd.do([come, *(buy(batch) for batch in late), *([lambda conn: keep_promises(conn, None, why())] * 5)])
        with connect(autocommit=True) as conn, conn.transaction():
            keep_promises(conn, None, why())

        assert pool.rows("select state from promise where order_id <= 3") == [("kept",)] * 3
        assert sum(told[1:11]) <= 1
        still_true()


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_a_lock_that_expires_while_it_is_paid_is_kept_or_taken_anew_once(
    stock_database: str, crowd: Crowd, seed: int
) -> None:
    with emptied(stock_database):
        pool = FakePool()
        pool.stock(TEA=3)
        pool.execute("update shop set lock_unpaid = true")
        pool.take([payload(1, 0, "pending", {"TEA": 3})])
        batch = pool.open_batches()[0]
        pool.execute("update order_state set stage = 'validated'")
        with connect(autocommit=True) as conn, conn.transaction():
            lock_batch(conn, batch, why())
        pool.execute("update lock set expires_at = %s", NOON)
        turns = [lambda conn: expire_locks(conn, why()), lambda _: pool.take([payload(1, 1, "processing", {"TEA": 3})])]
        random.Random(seed).shuffle(turns)

        crowd.do(turns)

        pool.execute("update order_state set stage = 'validated'")
        with connect(autocommit=True) as conn, conn.transaction():
            lock_batch(conn, pool.open_batches()[-1], why())
        assert pool.stages() == {"1": "locked"}
        assert pool.rows("select locked from sku_pool") == [(3,)]
        assert HoldCode.LOCK_EXPIRED not in pool.holds().get("1", [])


def test_a_warehouse_gets_no_more_documents_than_it_has_room_for_however_many_dispatch_at_once(
    stock_database: str, crowd: Crowd
) -> None:
    with emptied(stock_database):
        pool = FakePool()
        pool.stock(TEA=100)
        pool.execute("update warehouse set in_progress_limit = 7, active = (code = 'WH-A')")
        promo_on("usual", NOON + timedelta(hours=1), "", why())
        batches = batches_of(pool, [{"TEA": 1}] * 40)
        for stage in (lock_batch, route_batch):
            crowd.do([each(stage, batch) for batch in batches])

        counts = crowd.do([each(dispatch_batch, batch) for batch in batches])

        assert sum(count.orders for count in counts) == 7
        assert pool.rows("select count(*) from outbound_document") == [(7,)]
        assert pool.rows("select count(*) from release_wait") == [(33,)]
        still_true()
