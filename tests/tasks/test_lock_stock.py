"""Stock is locked once, for whom it is promised first, and never beyond what there is."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.database import transaction
from models.hold import Finding, HoldCode, place_holds
from tasks.lock_stock import lock_batch, unlock_stock
from tasks.route import route_batch
from tests.fakes import FakePool, why
from tests.shared_pool import emptied

THREADS = 8


def lock(batch_id: int) -> int:
    with transaction() as conn:
        return lock_batch(conn, batch_id, why()).locked


def lock_at_once(batch_ids: Sequence[int]) -> int:
    with ThreadPoolExecutor(THREADS) as threads:
        return sum(threads.map(lock, batch_ids))


def test_eight_batches_at_once_lock_exactly_the_sellable_units(pool: FakePool) -> None:
    pool.stock(TEA=20)
    batches = [pool.batch_of([{"TEA": 1}] * 5) for _ in range(THREADS)]

    assert lock_at_once(batches) == 20

    assert pool.locked() == 20
    assert pool.rows("select count(*) from hold where code = 'SHORT_STOCK' and released_at is null") == [(20,)]
    assert pool.untrue() == []


def test_batches_that_want_the_same_skus_in_opposite_order_never_wait_in_a_circle(pool: FakePool) -> None:
    pool.stock(TEA=100, CUP=100, POT=100)
    forth, back = {"TEA": 1, "CUP": 1, "POT": 1}, {"POT": 1, "CUP": 1, "TEA": 1}
    batches = [pool.batch_of([forth, back] if n % 2 else [back, forth]) for n in range(THREADS)]

    assert lock_at_once(batches) == 2 * THREADS
    assert pool.untrue() == []


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    units=st.lists(st.integers(0, 6), min_size=3, max_size=3),
    batches=st.lists(
        st.lists(
            st.dictionaries(st.sampled_from(["TEA", "CUP", "POT"]), st.integers(1, 4), min_size=1, max_size=3),
            min_size=1,
            max_size=4,
        ),
        min_size=1,
        max_size=4,
    ),
)
def test_whatever_is_wanted_at_once_locks_are_whole_orders_within_stock(
    stage_database: str, units: list[int], batches: list[list[dict[str, int]]]
) -> None:
    with emptied(stage_database):
        pool = FakePool()
        pool.stock(TEA=units[0], CUP=units[1], POT=units[2])
        made = [pool.batch_of(demands) for demands in batches]

        lock_at_once([*made, *made])

        assert pool.untrue() == []
        whole = pool.rows(
            """select s.stage, count(l.*) = count(k.*), count(k.*) from order_state s
               join order_line l on l.order_id = s.order_id
               left join lock k on k.order_id = l.order_id and k.line_no = l.line_no and k.quantity = l.quantity
               group by s.order_id"""
        )
        assert all(all_lines if stage == "locked" else not locks for stage, all_lines, locks in whole)


def test_locking_twice_locks_once(pool: FakePool) -> None:
    pool.stock(TEA=10)
    batch = pool.batch_of([{"TEA": 3}])

    assert (lock(batch), lock(batch)) == (1, 0)
    assert pool.locked() == 3


def test_the_earlier_promise_gets_the_last_unit(pool: FakePool) -> None:
    pool.stock(TEA=1)
    batch = pool.batch_of([{"TEA": 1}, {"TEA": 1}])
    pool.execute("update orders set ship_by = '2026-11-21 12:00Z' where id = 1")
    pool.execute("update orders set ship_by = '2026-11-21 11:00Z' where id = 2")

    lock(batch)

    assert pool.stages() == {"1": "validated", "2": "locked"}


@pytest.mark.parametrize(
    ("code", "takes"), [("BAD_ADDRESS", True), ("REFUNDING", True), ("DUPLICATE", False), ("UNPAID", False)]
)
def test_a_held_order_keeps_stock_unless_its_hold_gives_it_up(pool: FakePool, code: str, takes: bool) -> None:
    pool.stock(TEA=1)
    batch = pool.batch_of([{"TEA": 1}])
    with transaction() as conn:
        place_holds(conn, [(1, Finding(HoldCode(code), "for a test", {}))], why())

    lock(batch)

    assert pool.locked() == int(takes)


def test_an_unpaid_order_takes_stock_where_the_shop_locks_unpaid_orders(pool: FakePool) -> None:
    pool.stock(TEA=1)
    pool.execute("update shop set lock_unpaid = true")
    batch = pool.batch_of([{"TEA": 1}])
    with transaction() as conn:
        place_holds(conn, [(1, Finding(HoldCode.UNPAID, "for a test", {}))], why())

    lock(batch)

    assert pool.locked() == 1


def test_giving_back_twice_at_once_gives_back_once(pool: FakePool) -> None:
    pool.stock(TEA=10)
    batch = pool.batch_of([{"TEA": 2}, {"TEA": 3}])
    lock(batch)
    with transaction() as conn:
        route_batch(conn, batch, why())

    def give_back(_: int) -> int:
        with transaction() as conn:
            return unlock_stock(conn, [1, 2], why())

    with ThreadPoolExecutor(THREADS) as threads:
        ended = list(threads.map(give_back, range(THREADS)))

    assert sorted(ended, reverse=True)[:2] == [2, 0]
    assert pool.locked() == 0
    assert pool.untrue() == []


def test_an_order_with_nothing_left_to_ship_is_cancelled_without_a_lock(pool: FakePool) -> None:
    pool.stock(TEA=1)
    batch = pool.batch_of([{"TEA": 1}])
    pool.execute("update order_line set state = 'closed'")

    lock(batch)

    assert pool.stages() == {"1": "cancelled"}
    assert pool.locked() == 0
