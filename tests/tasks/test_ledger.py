"""The stock ledger: counters change with what explains them, each lock ends once, missing units leave with locks."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date

import psycopg
import pytest

from models.database import transaction
from models.stock import LockState
from tasks.ledger import (
    Movement,
    NewLock,
    Shipment,
    book,
    end_locks,
    free_capacity,
    move_locks,
    open_locks,
    resize_locks,
    ship,
    take_pools,
)
from tests.fakes import NOON, FakePool, why

TEA, WH_A, WH_B = 1, 1, 2


def locked_at(pool: FakePool, units: int, *, warehouse: int | None = WH_A, order: int = 1, line: int = 1) -> int:
    """Lock units of TEA; gives the lock's id."""
    with transaction() as conn:
        open_locks(conn, [NewLock(order, line, TEA, warehouse, units)], NOON)
    return int(pool.rows("select max(id) from lock")[0][0])


def end(lock_id: int, to: LockState = LockState.RELEASED) -> int:
    with transaction() as conn:
        return len(end_locks(conn, [lock_id], to, why()))


def shelf(pool: FakePool) -> tuple[int, ...]:
    """On hand, locked and missing of TEA in WH-A."""
    return pool.rows("select on_hand, locked, missing from stock where warehouse_id = 1")[0]


def lose(pool: FakePool, units: int) -> None:
    """As by a count that did not find units which are locked."""
    pool.execute("update stock set missing = %s where warehouse_id = 1", units)
    pool.execute(
        """insert into shortfall (warehouse_id, sku_id, feed_id, counted, locked, missing, opened_at)
           values (1, 1, 1, 0, %s, %s, %s)""",
        units,
        units,
        NOON,
    )


def test_a_movement_changes_shelf_and_pool(pool: FakePool) -> None:
    pool.stock(TEA=5)
    with transaction() as conn:
        book(conn, [Movement(WH_A, TEA, -2, "count", "sheet", NOON), Movement(WH_A, TEA, 1, "count", "b", NOON)], NOON)

    assert shelf(pool) == (4, 0, 0)
    assert pool.untrue() == []


def test_units_that_come_to_a_new_shelf_make_it(pool: FakePool) -> None:
    pool.stock(TEA=5)
    with transaction() as conn:
        book(conn, [Movement(WH_B, TEA, 3, "arrival", "PO-1", NOON)], NOON)

    assert pool.rows("select opening, on_hand from stock where warehouse_id = 2") == [(0, 3)]
    assert pool.untrue() == []


def test_what_is_locked_cannot_be_booked_out(pool: FakePool) -> None:
    pool.stock(TEA=5)
    locked_at(pool, 4)

    with pytest.raises(psycopg.errors.CheckViolation), transaction() as conn:
        book(conn, [Movement(WH_A, TEA, -2, "count", "sheet", NOON)], NOON)

    assert pool.untrue() == []


def test_a_pool_that_is_not_there_is_made_empty(pool: FakePool) -> None:
    pool.execute("insert into sku (code, name, barcode, weight_g) values ('CUP', '', '', 0)")

    with transaction() as conn:
        assert take_pools(conn, [1])[1].sellable == 0


def test_a_lock_ends_once_however_many_try(pool: FakePool) -> None:
    pool.stock(TEA=5)
    lock_id = locked_at(pool, 4)

    with ThreadPoolExecutor(8) as threads:
        ended = list(threads.map(lambda _: end(lock_id), range(8)))

    assert sorted(ended) == [0] * 7 + [1]
    assert pool.untrue() == []


def test_a_lock_that_ended_never_changes(pool: FakePool) -> None:
    pool.stock(TEA=5)
    end(locked_at(pool, 4))

    with pytest.raises(psycopg.errors.IntegrityConstraintViolation):
        pool.execute("update lock set state = 'open', ended_at = null")


def test_a_lock_that_moves_is_counted_once(pool: FakePool) -> None:
    pool.stock(TEA=5)
    lock_id = locked_at(pool, 5, warehouse=None)
    with transaction() as conn:
        move_locks(conn, [lock_id], [NewLock(1, 1, TEA, WH_A, 5)], why())

    assert (shelf(pool), pool.locked()) == ((5, 5, 0), 5)
    assert pool.rows("select state from lock order by id") == [("moved",), ("open",)]
    assert pool.untrue() == []


@pytest.mark.parametrize("units", [1, 4])
def test_another_quantity_takes_or_gives_back_the_difference(pool: FakePool, units: int) -> None:
    pool.stock(TEA=5)
    lock_id = locked_at(pool, 2)
    with transaction() as conn:
        resize_locks(conn, {lock_id: units}, why())

    assert shelf(pool) == (5, units, 0)
    assert pool.untrue() == []


@pytest.fixture
def allocated(pool: FakePool) -> FakePool:
    """Five TEA of an order's line to be shipped by WH-A, which has six."""
    pool.stock(TEA=6)
    locked_at(pool, 5)
    pool.execute(
        """insert into allocation (order_id, line_no, sku_id, warehouse_id, quantity, shipped, basis, ship_day)
           values (1, 1, 1, 1, 5, 0, 'a', '2026-11-20')"""
    )
    return pool


@pytest.mark.parametrize(
    ("units", "final", "state", "left"),
    [(5, False, "consumed", (1, 0, 0)), (2, False, "open", (4, 3, 0)), (2, True, "released", (4, 0, 0))],
)
def test_what_leaves_is_taken_out_of_what_is_locked(
    allocated: FakePool, units: int, final: bool, state: str, left: tuple[int, ...]
) -> None:
    with transaction() as conn:
        ship(conn, [Shipment(1, 1, TEA, WH_A, units, final, "OB1", NOON)], why())

    assert (shelf(allocated), allocated.rows("select state from lock")) == (left, [(state,)])
    assert allocated.rows("select quantity, reason, reference from stock_movement") == [(-units, "shipped", "OB1")]
    assert allocated.untrue() == []


def test_two_boxes_of_a_line_add_up(allocated: FakePool) -> None:
    with transaction() as conn:
        ship(conn, [Shipment(1, 1, TEA, WH_A, units, False, "OB1", NOON) for units in (2, 3)], why())

    assert (shelf(allocated), allocated.rows("select shipped from allocation")) == ((1, 0, 0), [(5,)])
    assert allocated.untrue() == []


def test_units_that_a_count_did_not_find_leave_with_the_lock_that_held_them(pool: FakePool) -> None:
    pool.stock(TEA=5)
    first, second = locked_at(pool, 2), locked_at(pool, 3, order=2)
    lose(pool, 4)

    end(first)
    assert shelf(pool) == (3, 3, 2)
    assert pool.rows("select count(*) from shortfall where closed_at is null") == [(1,)]
    end(second)

    assert shelf(pool) == (1, 0, 0)
    assert pool.rows("select quantity, reason, reference from stock_movement order by id") == [
        (-2, "missing", "shortfall 1"),
        (-2, "missing", "shortfall 1"),
    ]
    assert pool.rows("select count(*) from shortfall where closed_at is null") == [(0,)]
    assert pool.untrue() == []


def test_capacity_is_given_back_once_and_not_for_what_left(allocated: FakePool) -> None:
    allocated.execute("insert into warehouse_day values (1, '2026-11-20', 9, 2)")
    allocated.execute(
        """insert into allocation (order_id, line_no, sku_id, warehouse_id, quantity, shipped, basis, ship_day)
           values (2, 1, 1, 1, 1, 1, 'a', '2026-11-20')"""
    )
    for _ in range(2):
        with transaction() as conn:
            free_capacity(conn, [1, 2])

    assert allocated.rows("select day, used from warehouse_day") == [(date(2026, 11, 20), 1)]
