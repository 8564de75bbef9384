"""Orders whose wait has ended go on; those that still wait, or belong to a run, stay."""

from datetime import timedelta

import pytest

from models.database import transaction
from models.errors import SetupError
from models.hold import Finding, HoldCode, place_holds, release_holds
from tasks.lock_stock import lock_batch
from tasks.resume import abandon_batch, resume_waiting
from tasks.shop_settings import set_shop
from tests.fakes import NOON, FakePool, payload, why


def resume(pool: FakePool, hours: float = 1) -> int:
    """Let waits that have ended end, and take their orders through the stages; returns how many went on."""
    with transaction() as conn:
        count = resume_waiting(conn, why("resume", NOON + timedelta(hours=hours)))
    pool.through_the_stages(batches=count.batch_ids)
    return count.orders


@pytest.fixture
def short(pool: FakePool) -> FakePool:
    """Two orders of 3 TEA, of which there are 4."""
    pool.stock(TEA=4)
    pool.take([payload(n, units={"TEA": 3}) for n in (1, 2)])
    pool.through_the_stages()
    assert pool.holds() == {"2": ["SHORT_STOCK"]}
    return pool


def test_a_short_order_goes_on_when_its_stock_has_come(short: FakePool) -> None:
    short.deliver_more("TEA", 2)

    assert resume(short) == 1

    assert short.stages() == {"1": "dispatched", "2": "dispatched"}
    assert short.holds() == {}
    assert short.untrue() == []


def test_a_short_order_waits_while_too_little_has_come(short: FakePool) -> None:
    short.deliver_more("TEA", 1)

    assert resume(short) == 0
    assert short.holds() == {"2": ["SHORT_STOCK"]}


def test_of_two_short_orders_only_that_which_fits_goes_on(pool: FakePool) -> None:
    pool.stock(TEA=0)
    pool.take([payload(n, units={"TEA": 3}) for n in (1, 2)])
    pool.through_the_stages()
    pool.deliver_more("TEA", 4)

    resume(pool)
    resume(pool)

    assert pool.stages() == {"1": "dispatched", "2": "validated"}
    assert pool.holds() == {"2": ["SHORT_STOCK"]}
    assert pool.untrue() == []


@pytest.mark.parametrize("obstacle", ["hold", "run"])
def test_a_short_order_that_cannot_go_on_keeps_no_stock_from_the_next(pool: FakePool, obstacle: str) -> None:
    pool.stock(TEA=0)
    first = pool.batch_of([{"TEA": 3}])
    second = pool.batch_of([{"TEA": 3}], "another")
    for batch_id in (first, second):
        with transaction() as conn:
            lock_batch(conn, batch_id, why())
    pool.execute("update batch set state = 'closed' where id = %s or %s", second, obstacle == "hold")
    if obstacle == "hold":
        with transaction() as conn:
            place_holds(conn, [(1, Finding(HoldCode.BLOCKED, "a person looks at it", {}))], why())
    pool.deliver_more("TEA", 4)

    assert resume(pool) == 1

    assert pool.stages() == {"1": "validated", "2": "dispatched"}


def test_a_short_kit_goes_on_when_its_last_component_has_come(pool: FakePool) -> None:
    pool.stock(TEA=4, CUP=0)
    pool.kit("GIFT", TEA=2, CUP=1)
    pool.take([payload(1, units={"GIFT": 2})])
    pool.through_the_stages()
    pool.deliver_more("CUP", 1)
    assert resume(pool) == 0
    pool.deliver_more("CUP", 1)

    assert resume(pool) == 1
    assert pool.stages() == {"1": "dispatched"}
    assert (pool.locked("TEA"), pool.locked("CUP")) == (4, 2)


def test_safety_stock_serves_no_short_order(short: FakePool) -> None:
    short.keep_safe(TEA=2)
    short.deliver_more("TEA", 3)

    assert resume(short) == 0


def test_units_owed_to_promises_serve_no_short_order(short: FakePool) -> None:
    short.execute("insert into promise_pool values (1, 'backorder', 5, 0, null, null)")
    short.take([payload(3, units={"TEA": 5})], run="run-2")
    short.through_the_stages()
    assert short.holds() == {"2": ["SHORT_STOCK"], "3": ["AWAITING_STOCK"]}
    short.deliver_more("TEA", 4)

    assert resume(short) == 0


def test_a_short_order_is_tried_again_after_a_day_whatever_was_seen(short: FakePool) -> None:
    assert (resume(short, hours=23), resume(short, hours=24)) == (0, 1)

    assert short.holds() == {"2": ["SHORT_STOCK"]}
    assert short.rows("select release_at > placed_at from hold where released_at is null") == [(True,)]


def test_an_order_that_no_warehouse_has_whole_goes_on_when_one_has(pool: FakePool) -> None:
    set_shop("WOO", {"parcels_per_order": "1"})
    pool.stock(TEA=2, TEA_B=2)
    pool.take([payload(1, units={"TEA": 3})])
    pool.through_the_stages()
    assert pool.holds() == {"1": ["SHORT_ROUTE"]}
    assert pool.locked() == 3

    pool.deliver_more("TEA", 1)
    resume(pool)

    assert pool.stages() == {"1": "dispatched"}
    assert pool.locked() == 3
    assert pool.untrue() == []


def test_an_unknown_sku_goes_on_once_it_is_imported(pool: FakePool) -> None:
    pool.stock(TEA=1)
    pool.take([payload(1, units={"CUP": 1})])
    pool.through_the_stages()
    assert pool.holds() == {"1": ["UNKNOWN_SKU"]}
    assert resume(pool) == 0

    pool.stock(CUP=5)

    assert resume(pool) == 1
    assert pool.stages() == {"1": "dispatched"}
    assert pool.locked("CUP") == 1


def test_a_hold_with_a_time_ends_at_that_time(pool: FakePool) -> None:
    pool.stock(TEA=1)
    pool.take([payload(1)])
    pool.through_the_stages(to="lock_stock")
    with transaction() as conn:
        place_holds(conn, [(1, Finding(HoldCode.BLOCKED, "for two hours", {}))], why())
    pool.execute("update hold set release_at = %s", NOON + timedelta(hours=2))
    pool.through_the_stages()

    assert resume(pool, hours=1.9) == 0
    assert resume(pool, hours=2) == 1
    assert pool.stages() == {"1": "dispatched"}


def test_a_hold_that_a_person_released_goes_on_once(pool: FakePool) -> None:
    pool.stock(TEA=2)
    pool.take([payload(1, shipping=payload(1)["shipping"] | {"phone": ""})])
    pool.through_the_stages()
    assert pool.holds() == {"1": ["BAD_FIELD"]}
    with transaction() as conn:
        release_holds(conn, [1], [HoldCode.BAD_FIELD], why("person"), resume=True)

    assert (resume(pool), resume(pool)) == (1, 0)
    assert pool.stages() == {"1": "dispatched"}
    assert pool.locked() == 1


def test_an_order_with_another_open_hold_stays(pool: FakePool) -> None:
    pool.stock(TEA=2)
    pool.take([payload(1, total="0.00", shipping=payload(1)["shipping"] | {"phone": ""})])
    pool.through_the_stages()
    assert pool.holds() == {"1": ["BAD_AMOUNT", "BAD_FIELD"]}
    with transaction() as conn:
        release_holds(conn, [1], [HoldCode.BAD_FIELD], why("person"), resume=True)

    assert resume(pool) == 0
    assert pool.holds() == {"1": ["BAD_AMOUNT"]}


def test_a_failed_runs_orders_are_left_to_it(pool: FakePool) -> None:
    pool.stock(TEA=2)
    pool.take([payload(1)])
    pool.through_the_stages(to="lock_stock")

    assert resume(pool, hours=23) == 0


def test_an_order_that_no_warehouse_can_serve_is_not_tried_again_at_every_look(pool: FakePool) -> None:
    set_shop("WOO", {"parcels_per_order": "1"})
    pool.stock(TEA=2, TEA_B=2)
    pool.take([payload(1, units={"TEA": 3})])
    pool.through_the_stages()

    assert [resume(pool, hours=hours) for hours in (0.1, 0.2, 0.3)] == [0, 0, 0]


@pytest.mark.parametrize("to", ["validate", "lock_stock", "route"])
def test_a_batch_that_was_given_up_goes_on_from_where_it_stood(pool: FakePool, to: str) -> None:
    pool.stock(TEA=2)
    pool.take([payload(1)])
    pool.through_the_stages(to=to)
    (batch_id,) = pool.open_batches()
    with transaction() as conn:
        abandon_batch(conn, batch_id, why("person"), "its run will not be retried")

    assert resume(pool) == 1

    assert pool.stages() == {"1": "dispatched"}
    assert pool.locked() == 1
    assert pool.untrue() == []


def test_a_later_retry_of_a_batch_that_was_given_up_finds_nothing(pool: FakePool) -> None:
    pool.stock(TEA=2)
    pool.take([payload(1)])
    (batch_id,) = pool.open_batches()
    with transaction() as conn:
        abandon_batch(conn, batch_id, why("person"), "its run will not be retried")
    resume(pool)

    pool.through_the_stages(batches=[batch_id])

    assert pool.rows("select count(*) from outbound_document") == [(1,)]
    assert pool.locked() == 1


def test_a_batch_left_open_for_a_day_is_given_up_by_itself(pool: FakePool) -> None:
    pool.stock(TEA=2)
    pool.take([payload(1)])

    assert resume(pool, hours=25) == 1
    assert pool.stages() == {"1": "dispatched"}


def test_a_closed_batch_cannot_be_given_up(pool: FakePool) -> None:
    pool.stock(TEA=2)
    pool.take([payload(1)])
    pool.through_the_stages()

    with pytest.raises(SetupError, match="batch 1: cannot be abandoned; it is closed"), transaction() as conn:
        abandon_batch(conn, 1, why("person"), "by mistake")
