"""A person has a stage done again: what it and later stages did is undone, and the orders go on by themselves."""

import threading
from collections.abc import Callable

import pytest

from models.database import transaction
from models.errors import SetupError
from models.hold import Finding, HoldCode, place_holds
from models.order import Stage
from tasks import desk
from tasks.lock_stock import lock_batch
from tasks.merging import merge_by_hand
from tasks.redo import Redone, redo, redo_batch
from tasks.route import route_batch
from tasks.validate import validate_batch
from tests.clocks import TickingClock
from tests.fakes import FakePool, payload, why
from tests.tasks.merged import events, finished, merged, papers, person, resumed, through, validated
from tests.tasks.under_way import STAGES, STANDS, go_on, sound


@pytest.fixture
def tea(pool: FakePool, ticking: TickingClock) -> FakePool:
    """Two orders of TEA in the batch of a run that failed; there are 10."""
    pool.stock(TEA=10)
    pool.take([payload(n, units={"TEA": 2}) for n in (1, 2)])
    return pool


def again(stage: str, *order_ids: int) -> Redone:
    return redo(stage, order_ids, "the map was wrong", person())


@pytest.mark.parametrize("after", range(4), ids=STANDS)
@pytest.mark.parametrize("stage", STAGES)
def test_an_order_goes_back_to_where_it_waits_for_the_stage_and_then_on(tea: FakePool, stage: str, after: int) -> None:
    if after:
        tea.through_the_stages(to=STAGES[after - 1])
    entry = STAGES.index(stage)

    redone = again(stage, 1)

    stands = STANDS[min(after, 1 if stage == "route" and after == 3 else entry)]
    assert tea.stages() == {"1": stands, "2": STANDS[after]}
    assert (redone.done, redone.refused) == ([1], {})
    assert redone.stood == ({1: Stage(STANDS[after])} if after <= entry else {})
    tea.execute("update batch set state = 'abandoned' where state = 'open'")
    go_on(tea)
    assert tea.stages() == {"1": "dispatched", "2": "dispatched"}
    assert tea.locked() == 4
    assert sound(tea)


@pytest.mark.parametrize(("stage", "kept"), [("validate", 4), ("lock_stock", 2), ("route", 4)])
def test_only_redoing_the_lock_gives_an_orders_stock_to_others(tea: FakePool, stage: str, kept: int) -> None:
    tea.through_the_stages(to="route")

    again(stage, 1)

    assert tea.locked() == kept
    assert tea.rows("select count(*) from allocation where order_id = 1") == [(0,)]
    assert sound(tea)


def test_an_order_that_is_dispatched_is_refused_with_the_command_to_use(tea: FakePool) -> None:
    tea.through_the_stages()

    assert again("route", 1).refused == {
        1: "order 1: cannot redo route; it is dispatched: `orderpool order cancel 1` calls it off while no warehouse "
        "has it"
    }
    assert tea.stages()["1"] == "dispatched"


def test_an_order_that_is_cancelled_or_not_known_is_refused(tea: FakePool) -> None:
    tea.through_the_stages(to="validate")
    desk.cancel([1], "the buyer called", person())

    assert again("validate", 1, 77).refused == {
        1: "order 1: cannot redo validate; it is cancelled",
        77: "order id 77: is not in the pool",
    }


def test_a_stage_that_there_is_not_and_a_missing_reason_are_errors(tea: FakePool) -> None:
    with pytest.raises(SetupError, match="no stage track; the stages are validate, lock_stock, route, dispatch"):
        again("track", 1)
    with pytest.raises(SetupError, match="cannot be redone without a reason"):
        redo("route", [1], "  ", person())
    with pytest.raises(SetupError, match="batch 77: is not in the pool"):
        redo_batch("route", 77, "so", person())


def test_redoing_twice_moves_an_order_once(tea: FakePool) -> None:
    tea.through_the_stages(to="route")
    again("validate", 1)
    batches = tea.rows("select count(*) from batch")

    assert again("validate", 1) == Redone([1], stood={1: Stage.INGESTED})

    assert tea.rows("select count(*) from batch") == batches
    assert events(tea, "1", "redone") == [{"stage": "validate", "reason": "the map was wrong"}]


def test_a_whole_batch_goes_back_at_once_and_a_retry_of_its_run_finds_nothing(tea: FakePool) -> None:
    tea.through_the_stages(to="route")
    (batch_id,) = tea.open_batches()

    assert redo_batch("lock_stock", batch_id, "wrong stock", person()).done == [1, 2]
    assert redo_batch("lock_stock", batch_id, "wrong stock", person()) == Redone()
    tea.through_the_stages(batches=[batch_id])

    assert tea.stages() == {"1": "validated", "2": "validated"}
    assert tea.locked() == 0
    go_on(tea)
    assert tea.stages() == {"1": "dispatched", "2": "dispatched"}
    assert sound(tea)


def test_of_a_batch_those_that_are_dispatched_are_refused_and_the_others_go_back(tea: FakePool) -> None:
    tea.through_the_stages(to="lock_stock")
    with transaction() as conn:
        place_holds(conn, [(2, Finding(HoldCode.REMARK, "look", {}))], why())
    tea.through_the_stages(to="dispatch")
    (batch_id,) = tea.open_batches()

    redone = redo_batch("validate", batch_id, "so", person())

    assert (redone.done, list(redone.refused)) == ([2], [1])
    assert tea.stages() == {"1": "dispatched", "2": "ingested"}


def test_what_a_person_decided_in_review_stays_decided(pool: FakePool, ticking: TickingClock) -> None:
    pool.stock(TEA=10)
    pool.take([payload(1, total="0.00", shipping=payload(1)["shipping"] | {"phone": ""})])
    pool.through_the_stages(to="validate")
    desk.release([1], "BAD_AMOUNT", "a gift", person())
    finished(pool, 1)

    again("validate", 1)
    go_on(pool)

    assert pool.holds() == {"1": ["BAD_FIELD"]}


def test_a_hold_that_a_person_placed_stays_over_a_review_anew(tea: FakePool) -> None:
    tea.through_the_stages(to="lock_stock")
    desk.hold([1], "gift box", person())
    again("validate", 1)
    go_on(tea)

    assert tea.holds() == {"1": ["MANUAL"]}
    assert tea.stages()["1"] == "locked"


def to_route(pool: FakePool, *baskets: dict[str, int]) -> int:
    """A batch of orders of one receiver that is routed."""
    batch_id = validated(pool, *baskets)
    pool.execute("update warehouse set daily_limit = 9")
    through(batch_id, lock_batch, route_batch)
    return batch_id


@pytest.mark.parametrize("stage", ["validate", "lock_stock", "route"])
def test_who_shares_a_parcel_is_routed_anew_together_and_leaves_in_one(
    pool: FakePool, ticking: TickingClock, stage: str
) -> None:
    pool.stock(TEA=20)
    to_route(pool, {"TEA": 2}, {"TEA": 1})
    assert merged(pool) == [("1", "2")]

    assert again(stage, 1).done == [1]

    assert pool.stages()["2"] == "validated"
    assert merged(pool) == []
    assert sound(pool)
    resumed(pool)
    assert papers(pool) == [("1", "2")]
    assert sound(pool)


@pytest.mark.parametrize("stage", ["validate", "lock_stock", "route"])
def test_what_a_person_merged_stays_merged(pool: FakePool, ticking: TickingClock, stage: str) -> None:
    pool.stock(TEA=20)
    pool.execute("""update shop set settings = '{"merge": "off"}'""")
    batch_id = validated(pool, {"TEA": 2}, {"TEA": 1})
    merge_by_hand([1, 2], "one customer", person())
    through(batch_id, lock_batch, route_batch)
    assert pool.stages() == {"1": "routed", "2": "routed"}

    again(stage, 1)

    assert merged(pool) == [("1", "2")]
    resumed(pool)
    assert papers(pool) == [("1", "2")]
    assert sound(pool)


def test_redo_dispatch_of_a_routed_order_undoes_nothing_and_lets_its_parcel_go(
    pool: FakePool, ticking: TickingClock
) -> None:
    pool.stock(TEA=20)
    finished(pool, to_route(pool, {"TEA": 2}, {"TEA": 1}))

    assert again("dispatch", 1).stood == {1: Stage.ROUTED}
    resumed(pool)

    assert papers(pool) == [("1", "2")]


def test_two_who_redo_at_once_beside_the_stages_leave_every_order_whole(tea: FakePool) -> None:
    (batch_id,) = tea.open_batches()
    start = threading.Barrier(3)
    broken: list[Exception] = []

    def at_once(work: Callable[[], object]) -> None:
        start.wait()
        try:
            work()
        except Exception as error:  # noqa: BLE001 - told by the test
            broken.append(error)

    works: list[Callable[[], object]] = [
        lambda: redo_batch("route", batch_id, "so", person()),
        lambda: redo_batch("lock_stock", batch_id, "so", person()),
        lambda: through(batch_id, validate_batch, lock_batch, route_batch),
    ]
    people = [threading.Thread(target=at_once, args=(work,)) for work in works]
    for one in people:
        one.start()
    for one in people:
        one.join(60)
    go_on(tea)

    assert broken == []
    assert tea.stages() == {"1": "dispatched", "2": "dispatched"}
    assert tea.rows("select count(*) from outbound_document") == [(2,)]
    assert sound(tea)
