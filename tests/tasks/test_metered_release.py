"""While a promo meters releases, warehouses get what they have room for, the earliest promises first."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from models.database import connect, transaction
from models.hold import Finding, HoldCode, place_holds
from models.order import Stage
from models.rules.owners import Standstill
from tasks.dispatch import dispatch_batch
from tasks.promo import promo_off, promo_on, shipped_profiles
from tasks.reconcile import reconcile
from tasks.release_room import could_go, renew_room_waits, room_waits, rooms_of
from tasks.resume import resume_waiting
from tasks.track import track_batch
from tasks.waiting import waiting_orders
from tests.clocks import StoppedClock
from tests.fakes import NOON, FakePool, payload, why
from tests.tasks import merged as merging

EVENING = NOON + timedelta(hours=8)


@pytest.fixture
def promo(pool: FakePool, stopped: StoppedClock) -> FakePool:
    """A promo in force, with room for two documents in WH-A; WH-B is not metered."""
    promo_on("usual", EVENING, "", why())
    pool.execute("update warehouse set in_progress_limit = 2 where code = 'WH-A'")
    pool.stock(TEA=100)
    return pool


def arrive(pool: FakePool, numbers: Sequence[int], due: Sequence[int] | None = None) -> int:
    """A batch of orders of one TEA each, routed; `due` are hours after noon."""
    pool.take([payload(n) for n in numbers], run=f"run-{numbers[0]}")
    batch_id = max(pool.open_batches())
    for n, hours in zip(numbers, due or (), strict=False):
        pool.execute("update orders set ship_by = %s where order_no = %s", NOON + timedelta(hours=hours), str(n))
    pool.through_the_stages("route", [batch_id])
    return batch_id


def dispatched(pool: FakePool, batch_id: int, at: datetime = NOON) -> list[str]:
    """Let a batch be dispatched and its run end; gives the numbers of all orders that are dispatched."""
    with transaction() as conn:
        dispatch_batch(conn, batch_id, why(at=at))
        track_batch(conn, batch_id, why(at=at))
    return gone(pool)


def gone(pool: FakePool) -> list[str]:
    return sorted((no for no, stage in pool.stages().items() if stage == "dispatched"), key=int)


def waits(pool: FakePool) -> list[tuple[str, str]]:
    """Order numbers and warehouses of who waits for room, in their line."""
    return pool.rows(
        """select o.order_no, w.code from release_wait r join orders o on o.id = r.order_id
           join warehouse w on w.id = r.warehouse_id order by r.due_at, r.paid_at, r.order_id"""
    )


def ships(pool: FakePool, *numbers: int) -> None:
    """The warehouse reports that the documents of these orders left."""
    pool.execute(
        """update outbound_document set state = 'shipped' where id in (
             select a.document_id from allocation a join orders o on o.id = a.order_id where o.order_no = any(%s))""",
        [str(n) for n in numbers],
    )


def resumed(pool: FakePool, at: datetime = NOON) -> list[str]:
    """What a resume run does."""
    with transaction() as conn:
        count = resume_waiting(conn, why("resume", at))
    for batch_id in count.batch_ids:
        dispatched(pool, batch_id, at)
    return gone(pool)


def test_without_a_promo_a_limit_means_nothing(pool: FakePool, stopped: StoppedClock) -> None:
    pool.stock(TEA=9)
    pool.execute("update warehouse set in_progress_limit = 1")

    assert dispatched(pool, arrive(pool, [1, 2, 3])) == ["1", "2", "3"]


def test_a_promo_means_nothing_to_a_warehouse_without_a_limit(promo: FakePool) -> None:
    promo.execute("update warehouse set in_progress_limit = null")

    assert dispatched(promo, arrive(promo, [1, 2, 3])) == ["1", "2", "3"]


def test_no_more_orders_go_than_there_is_room_for_and_the_earliest_promises_go_first(promo: FakePool) -> None:
    assert dispatched(promo, arrive(promo, [1, 2, 3, 4], due=[9, 7, 8, 6])) == ["2", "4"]

    assert waits(promo) == [("3", "WH-A"), ("1", "WH-A")]
    assert promo.stages()["1"] == "routed"
    assert promo.rows("select distinct state from batch") == [("closed",)]
    assert promo.rows("select detail->>'warehouse' from event where what = 'waits_for_room'") == [("WH-A",)] * 2
    assert promo.untrue() == []


def test_a_share_of_its_daily_limit_is_the_room_of_a_warehouse_without_a_limit_of_its_own(promo: FakePool) -> None:
    promo.execute("update warehouse set in_progress_limit = null, daily_limit = 3")
    profile = shipped_profiles()["usual"].model_copy(update={"in_progress_share": 0.5})
    promo_on("half", EVENING, "", why(), {"half": profile})

    with transaction() as conn:
        assert [(room.warehouse, room.limit) for room in rooms_of(conn, NOON)] == [("WH-A", 2), ("WH-B", 2)]


def test_nothing_goes_where_there_is_no_room(promo: FakePool) -> None:
    dispatched(promo, arrive(promo, [1, 2]))

    assert dispatched(promo, arrive(promo, [3, 4])) == ["1", "2"]
    assert resumed(promo) == ["1", "2"]


def test_who_waits_goes_on_as_parcels_leave_the_earliest_promise_first(promo: FakePool) -> None:
    dispatched(promo, arrive(promo, [1, 2, 3, 4, 5], due=[1, 2, 5, 4, 3]))
    ships(promo, 1)

    assert resumed(promo) == ["1", "2", "5"]
    assert resumed(promo) == ["1", "2", "5"]
    ships(promo, 2, 5)
    assert resumed(promo) == ["1", "2", "3", "4", "5"]
    assert waits(promo) == []


def test_a_new_order_does_not_pass_one_that_waits_and_is_due_earlier(promo: FakePool) -> None:
    dispatched(promo, arrive(promo, [1, 2, 3], due=[1, 2, 5]))
    ships(promo, 1)

    assert dispatched(promo, arrive(promo, [4], due=[6])) == ["1", "2"]
    assert dispatched(promo, arrive(promo, [5], due=[4])) == ["1", "2", "5"]
    ships(promo, 2)
    assert resumed(promo) == ["1", "2", "3", "5"]


def test_room_is_kept_for_orders_that_a_run_has_taken_up_until_it_has_stopped(promo: FakePool) -> None:
    dispatched(promo, arrive(promo, [1, 2, 3], due=[1, 2, 5]))
    ships(promo, 1)
    with transaction() as conn:
        (taken,) = resume_waiting(conn, why("another")).batch_ids

    assert dispatched(promo, arrive(promo, [4], due=[6])) == ["1", "2"]
    assert resumed(promo) == ["1", "2"]
    later = NOON + timedelta(minutes=11)
    assert dispatched(promo, arrive(promo, [5], due=[5]), later) == ["1", "2", "5"]
    assert dispatched(promo, taken, later) == ["1", "2", "5"]


def test_everybody_goes_when_the_promo_ends(promo: FakePool, stopped: StoppedClock) -> None:
    dispatched(promo, arrive(promo, [1, 2, 3, 4]))
    assert resumed(promo, EVENING - timedelta(seconds=1)) == ["1", "2"]

    assert resumed(promo, EVENING) == ["1", "2", "3", "4"]
    assert waits(promo) == []


def test_everybody_goes_when_a_person_ends_the_promo_or_lifts_the_limit(promo: FakePool) -> None:
    dispatched(promo, arrive(promo, [1, 2, 3, 4]))
    promo.execute("update warehouse set in_progress_limit = 3")
    assert len(resumed(promo)) == 3

    promo_off(why())

    assert len(resumed(promo)) == 4


def test_an_order_that_is_held_keeps_no_room_from_others(promo: FakePool) -> None:
    dispatched(promo, arrive(promo, [1, 2, 3], due=[1, 2, 3]))
    with transaction() as conn:
        place_holds(conn, [(3, Finding(HoldCode.MANUAL, "a person looks at it", {}))], why())
    ships(promo, 1)

    assert resumed(promo) == ["1", "2"]
    assert dispatched(promo, arrive(promo, [4], due=[9])) == ["1", "2", "4"]


def test_an_order_that_is_cancelled_while_it_waits_waits_no_more(promo: FakePool) -> None:
    dispatched(promo, arrive(promo, [1, 2, 3], due=[1, 2, 3]))

    promo.take([payload(3, 1, "cancelled")], run="run-9")
    promo.through_the_stages()

    assert promo.stages()["3"] == "cancelled"
    assert waits(promo) == []
    assert promo.untrue() == []


def test_a_promise_that_moves_moves_the_place_in_line(promo: FakePool) -> None:
    dispatched(promo, arrive(promo, [1, 2, 3, 4], due=[1, 2, 3, 4]))
    promo.execute("update orders set ship_by = %s where order_no = '4'", NOON + timedelta(hours=2.5))
    with transaction() as conn:
        renew_room_waits(conn, [3, 4])

    assert waits(promo) == [("4", "WH-A"), ("3", "WH-A")]


def test_an_order_of_two_warehouses_goes_when_both_have_room(promo: FakePool) -> None:
    promo.stock(CUP=0, CUP_B=50, TEA_B=0)
    promo.execute("update warehouse set in_progress_limit = 1")
    promo.take([payload(1), payload(2, units={"TEA": 1, "CUP": 1}), payload(3, units={"CUP": 1})])
    (batch,) = promo.open_batches()
    promo.through_the_stages("route", [batch])

    assert dispatched(promo, batch) == ["1"]
    assert waits(promo) == [("2", "WH-A"), ("3", "WH-B")]

    ships(promo, 1)
    assert resumed(promo) == ["1", "2"]
    assert len(promo.rows("select id from outbound_document where state = 'created'")) == 2


def test_orders_that_lack_room_elsewhere_do_not_stop_those_behind_them(promo: FakePool) -> None:
    promo.stock(CUP=0, CUP_B=50, TEA_B=0)
    promo.execute("update warehouse set in_progress_limit = case code when 'WH-A' then 2 else 1 end")
    both = [payload(n, units={"TEA": 1, "CUP": 1}) for n in (4, 5, 6)]
    promo.take([payload(1), payload(2), payload(3, units={"CUP": 1}), *both, payload(7)])
    (batch,) = promo.open_batches()
    promo.through_the_stages("route", [batch])
    assert dispatched(promo, batch) == ["1", "2", "3"]
    assert waits(promo) == [("4", "WH-A"), ("5", "WH-A"), ("6", "WH-A"), ("7", "WH-A")]

    ships(promo, 1, 2)

    assert resumed(promo) == ["1", "2", "3", "7"]
    ships(promo, 3)
    assert resumed(promo) == ["1", "2", "3", "4", "7"]


def test_who_waits_goes_on_although_others_of_the_run_were_not_delivered(promo: FakePool) -> None:
    batch = arrive(promo, [1, 2, 3], due=[1, 2, 3])
    with transaction() as conn:
        dispatch_batch(conn, batch, why())
    ships(promo, 1)

    assert resumed(promo) == ["1", "2"]  # their run may be at work yet
    with transaction() as conn:
        (standing,) = [each for each in waiting_orders(conn, NOON).standings if each.stage is Stage.ROUTED]
    assert (standing.reason, standing.since) == (Standstill.METERED, NOON)
    assert resumed(promo, NOON + timedelta(minutes=11)) == ["1", "2", "3"]
    assert promo.rows("select state from batch where id = %s", batch) == [("open",)]
    assert promo.untrue() == []


def test_what_waits_is_counted_per_warehouse(promo: FakePool) -> None:
    batch = arrive(promo, [1, 2, 3, 4], due=[1, 2, 3, 4])
    dispatched(promo, batch)

    with transaction() as conn:
        (row,) = room_waits(conn, [batch])
        assert room_waits(conn, [batch + 1]) == []
        assert could_go(conn, NOON, 10) == []
    assert (row.warehouse, row.orders, row.first_due) == ("WH-A", 2, NOON + timedelta(hours=3))


def test_merged_orders_wait_and_go_together_in_one_document(pool: FakePool, stopped: StoppedClock) -> None:
    pool.stock(TEA=50)
    promo_on("usual", EVENING, "", why())
    pool.execute("update warehouse set in_progress_limit = 1, active = (code = 'WH-A')")
    merging.through(merging.validated(pool, {"TEA": 1}, {"TEA": 2}, receiver=b"mei"))
    later = merging.validated(pool, {"TEA": 1}, {"TEA": 2}, receiver=b"li")
    merging.through(later)
    merging.finished(pool, later)

    assert merging.papers(pool) == [("1", "2")]
    assert [no for no, _ in waits(pool)] == ["3", "4"]
    ships(pool, 1)
    merging.resumed(pool)

    assert merging.papers(pool) == [("1", "2"), ("3", "4")]
    assert waits(pool) == []
    assert reconcile() == []


def test_a_merged_order_that_is_held_while_they_wait_lets_the_other_go(pool: FakePool, stopped: StoppedClock) -> None:
    pool.stock(TEA=50)
    promo_on("usual", EVENING, "", why())
    pool.execute("update warehouse set in_progress_limit = 1, active = (code = 'WH-A')")
    dispatched(pool, arrive(pool, [1]))
    pair = merging.validated(pool, {"TEA": 1}, {"TEA": 2})
    merging.through(pair)
    merging.finished(pool, pair)
    with transaction() as conn:
        place_holds(conn, [(2, Finding(HoldCode.MANUAL, "a person looks at it", {}))], why())
    ships(pool, 1)

    merging.resumed(pool)

    assert (pool.stages()["2"], pool.stages()["3"]) == ("validated", "dispatched")
    assert waits(pool) == []


def test_a_dispatch_that_is_killed_before_its_end_has_changed_nothing_and_gives_its_turn_back(promo: FakePool) -> None:
    batch = arrive(promo, [1, 2, 3])
    killed = connect()
    dispatch_batch(killed, batch, why())
    promo.execute("select pg_terminate_backend(%s)", killed.info.backend_pid)

    assert gone(promo) == []
    assert waits(promo) == []
    assert dispatched(promo, batch) == ["1", "2"]
    assert waits(promo) == [("3", "WH-A")]
