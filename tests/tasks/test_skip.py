"""A person parks orders so that their run can finish: no stage takes them, and they keep what they have."""

import pytest

from models.database import transaction
from models.errors import SetupError
from tasks import desk
from tasks.decided import Decided
from tasks.dispatch import dispatch_batch
from tasks.lock_stock import lock_batch
from tasks.reconcile import reconcile
from tasks.redo import redo
from tasks.resume import abandon_batch
from tasks.route import route_batch
from tasks.skip import skip, skip_batch
from tests.clocks import TickingClock
from tests.fakes import FakePool, payload
from tests.tasks.merged import events, papers, person, through, validated
from tests.tasks.under_way import STAGES, STANDS, go_on, sound


@pytest.fixture
def tea(pool: FakePool, ticking: TickingClock) -> FakePool:
    """Three orders of TEA in the batch of a run that failed; there are 10."""
    pool.stock(TEA=10)
    pool.take([payload(n, units={"TEA": 2}) for n in (1, 2, 3)])
    return pool


def park(*order_ids: int) -> Decided:
    return skip(order_ids, "poison", person())


def standing_after(pool: FakePool, after: int) -> None:
    if after:
        pool.through_the_stages(to=STAGES[after - 1])


@pytest.mark.parametrize("after", range(4), ids=STANDS)
def test_every_stage_leaves_a_parked_order_where_it_stands_with_its_stock(tea: FakePool, after: int) -> None:
    standing_after(tea, after)

    assert park(1) == Decided([1])
    tea.through_the_stages()

    assert tea.stages() == {"1": STANDS[after], "2": "dispatched", "3": "dispatched"}
    assert tea.holds() == {"1": ["SKIPPED"]}
    assert tea.locked() == (6 if after > 1 else 4)
    assert tea.open_batches() == []
    assert sound(tea)


@pytest.mark.parametrize("after", range(4), ids=STANDS)
def test_a_released_order_goes_on_from_where_it_stood(tea: FakePool, after: int) -> None:
    standing_after(tea, after)
    park(1)
    tea.through_the_stages()

    assert desk.release([1], "SKIPPED", "the bug is mended", person()) == Decided([1])
    go_on(tea)

    assert tea.stages()["1"] == "dispatched"
    assert sound(tea)


def test_a_whole_batch_is_parked_but_for_what_is_dispatched(tea: FakePool) -> None:
    desk.hold([1], "gift box", person())
    tea.through_the_stages(to="dispatch")
    (batch_id,) = tea.open_batches()

    assert skip_batch(batch_id, "poison", person()) == Decided([1])
    assert tea.holds() == {"1": ["MANUAL", "SKIPPED"]}


def test_of_a_batch_those_that_wait_for_one_stage_are_parked(tea: FakePool) -> None:
    tea.through_the_stages(to="lock_stock")
    (batch_id,) = tea.open_batches()
    redo("validate", [1], "so", person())
    tea.execute("update order_state set batch_id = %s", batch_id)

    assert skip_batch(batch_id, "poison", person(), "route").done == [2, 3]
    assert skip_batch(batch_id, "poison", person(), "validate").done == [1]
    with pytest.raises(SetupError, match="there is no stage ingest"):
        skip_batch(batch_id, "poison", person(), "ingest")


def test_parking_twice_parks_once(tea: FakePool) -> None:
    assert park(1) == park(1) == Decided([1])

    assert len(events(tea, "1", "held")) == 1


def test_another_reason_takes_the_place_of_the_first(tea: FakePool) -> None:
    park(1)
    skip([1], "13812345678 asked", person())

    assert tea.rows("select sentence from hold") == [("skipped by li: 138****5678 asked",)]


def test_orders_that_are_dispatched_cancelled_or_not_known_are_refused(tea: FakePool) -> None:
    tea.through_the_stages(to="validate")
    desk.cancel([2], "the buyer called", person())
    tea.through_the_stages()

    assert park(1, 2, 77).refused == {
        1: "order 1: cannot skip; it is dispatched: `orderpool order hold 1` stops it while no warehouse has it",
        2: "order 2: cannot skip; it is cancelled",
        77: "order id 77: is not in the pool",
    }
    assert tea.holds() == {}


def test_an_order_that_carries_no_goods_is_refused(tea: FakePool) -> None:
    tea.execute("update orders set kind = 'header' where id = 1")

    assert park(1).refused == {1: "order 1: cannot skip; it carries no goods"}
    assert redo("validate", [1], "so", person()).refused == {1: "order 1: cannot redo validate; it carries no goods"}
    assert tea.rows("select count(*) from batch") == [(1,)]


def test_a_missing_reason_or_batch_is_an_error(tea: FakePool) -> None:
    with pytest.raises(SetupError, match="cannot be skipped without a reason"):
        skip([1], " ", person())
    with pytest.raises(SetupError, match="batch 77: is not in the pool"):
        skip_batch(77, "so", person())


def test_a_parked_order_stays_parked_when_its_batch_is_given_up_or_its_stage_redone(tea: FakePool) -> None:
    tea.through_the_stages(to="lock_stock")
    (batch_id,) = tea.open_batches()
    park(1)
    with transaction() as conn:
        abandon_batch(conn, batch_id, person(), "its run will not be retried")
    go_on(tea)
    assert tea.stages()["1"] == "locked"

    redo("lock_stock", [1], "so", person())
    go_on(tea)

    assert tea.stages()["1"] == "validated"
    assert tea.holds() == {"1": ["SKIPPED"]}
    assert sound(tea)


def test_who_would_leave_in_one_parcel_with_a_parked_order_leaves_without_it(
    pool: FakePool, ticking: TickingClock
) -> None:
    pool.stock(TEA=10)

    batch_id = validated(pool, {"TEA": 1}, {"TEA": 1})
    through(batch_id, lock_batch, route_batch)
    park(1)
    through(batch_id, dispatch_batch)

    assert papers(pool) == [("2",)]
    assert pool.locked() == 2
    assert [one.sentence for one in reconcile()] == []
