"""Payloads that could not be read enter the pool once the mapping can read them."""

from typing import Any

import pytest

from models.database import transaction
from tasks.replay import replay_batch
from tests.fakes import FakePool, payload, why
from tests.tasks.replaying import go_on, read_with, replay

UNREADABLE = ("processing: ready", "being-processed: ready")


@pytest.fixture
def quarantined(pool: FakePool) -> FakePool:
    """Three paid orders of TEA in quarantine; the mapping is mended by now."""
    pool.stock(TEA=10)
    read_with(pool, UNREADABLE)
    pool.take([payload(n) for n in (1, 2, 3)])
    pool.through_the_stages()
    assert waiting(pool) == 3
    read_with(pool)
    return pool


def waiting(pool: FakePool) -> int:
    return int(pool.rows("select count(*) from quarantined_order where released_at is null")[0][0])


def test_they_enter_in_a_batch_of_the_replay_and_wait(quarantined: FakePool) -> None:
    count = replay()

    assert (count.read, count.freed, count.held) == (3, 3, 3)
    assert quarantined.rows("select origin, state, stored from batch where stored > 0") == [("replay", "closed", 3)]
    assert quarantined.holds() == {no: ["REPLAYED"] for no in "123"}
    assert waiting(quarantined) == 0


def test_the_batch_that_put_them_aside_no_longer_counts_them(quarantined: FakePool) -> None:
    replay()

    assert quarantined.rows("select origin, rejected from batch order by id limit 1") == [("window", 0)]


def test_a_second_replay_finds_nothing(quarantined: FakePool) -> None:
    replay()

    count = replay()

    assert (count.freed, count.changed, count.unreadable, count.batch_ids) == (0, 0, 0, [])


def test_go_on_lets_them_through(quarantined: FakePool) -> None:
    replay(go_on=True)

    assert go_on(quarantined) == 3
    assert set(quarantined.stages().values()) == {"dispatched"}
    assert quarantined.untrue() == []


def test_a_later_go_on_of_the_span_in_which_they_were_put_aside_releases_them(quarantined: FakePool) -> None:
    replay()
    quarantined.execute(
        "update orders set stored_at = stored_at + interval '9 days', modified_at = modified_at - interval '9 days'"
    )

    assert replay(go_on=True).released == 3


def test_a_dry_run_leaves_them_where_they_are(quarantined: FakePool) -> None:
    count = replay(dry_run=True)

    assert (count.freed, count.held) == (3, 0)
    assert waiting(quarantined) == 3
    assert quarantined.stages() == {}


def test_one_that_is_still_unreadable_says_what_stands_in_the_way_now(pool: FakePool) -> None:
    read_with(pool, UNREADABLE)
    pool.take([payload(1, total="many"), payload(2)])
    read_with(pool)

    count = replay()

    assert (count.freed, count.unreadable) == (1, 1)
    ((problem,),) = pool.rows("select problem from quarantined_order where released_at is null")
    assert "total" in problem
    assert "pay_state" not in problem
    assert count.obstacles == [("1", problem)]


def test_one_without_a_readable_number_leaves_the_quarantine_too(pool: FakePool) -> None:
    read_with(pool, ("external_id: id", "external_id: missing"), ("[number, id]", "missing"))
    pool.take([payload(1)])
    assert pool.rows("select external_id like 'sha256:%%' from quarantined_order where true") == [(True,)]
    read_with(pool)

    assert replay().freed == 1
    assert waiting(pool) == 0
    assert list(pool.stages()) == ["1"]


def test_a_newer_version_of_a_known_order_takes_effect(pool: FakePool) -> None:
    pool.stock(TEA=10)
    read_with(pool, ("cancelled: cancelled", "called-off: cancelled"))
    pool.take([payload(1)])
    pool.through_the_stages(to="lock_stock")
    pool.take([payload(1, 1, "cancelled")], run="run-2")
    read_with(pool)

    replay(go_on=True)
    go_on(pool)

    assert pool.stages() == {"1": "cancelled"}
    assert (pool.locked(), pool.untrue()) == (0, [])
    assert pool.rows("select max(revision) from raw_order") == [(2,)]


def test_a_cancellation_of_a_dispatched_order_stops_its_document_like_any_other(pool: FakePool) -> None:
    pool.stock(TEA=10)
    read_with(pool, ("cancelled: cancelled", "called-off: cancelled"))
    pool.take([payload(1)])
    pool.through_the_stages()
    pool.take([payload(1, 1, "cancelled")], run="run-2")
    read_with(pool)

    replay()

    assert pool.stages() == {"1": "dispatched"}
    assert pool.holds() == {"1": ["CHANGED_LATE"]}
    assert waiting(pool) == 0


def test_an_older_version_of_a_known_order_only_leaves_the_quarantine(pool: FakePool) -> None:
    read_with(pool, ("pending: unpaid", "waits: unpaid"))
    pool.take([payload(1, 0, "pending")])
    pool.execute("update quarantined_order set external_id = 'another'")
    pool.take([payload(1, 1)], run="run-2")
    before = pool.orders()
    read_with(pool)

    count = replay()

    assert (count.freed, count.held) == (1, 0)
    assert waiting(pool) == 0
    assert pool.orders() == before


def test_two_versions_of_one_order_enter_as_the_newer(pool: FakePool) -> None:
    read_with(pool, UNREADABLE)
    pool.take([payload(1, 0, total="10.00")])
    pool.execute("update quarantined_order set external_id = 'another'")
    pool.take([payload(1, 5)])
    read_with(pool)

    replay()

    assert pool.rows("select total_fen from orders") == [(2000,)]
    assert waiting(pool) == 0


def test_a_retried_run_takes_in_its_own_newer_versions_too(pool: FakePool) -> None:
    pool.take([payload(1)])
    read_with(pool, UNREADABLE)
    changed: dict[str, Any] = payload(1, 1, units={"TEA": 3})
    pool.take([changed, payload(2)], run="run-2")
    batch_id = pool.open_batches()[-1]
    read_with(pool)

    with transaction() as conn:
        replayed = replay_batch(conn, batch_id, why("run-2"))

    assert replayed == 2
    assert pool.rows("select order_id, quantity from order_line order by 1") == [(1, 3), (2, 1)]
    assert pool.holds() == {}


def test_of_versions_with_the_same_fault_the_newest_enters(pool: FakePool) -> None:
    read_with(pool, UNREADABLE)
    pool.take([payload(1, units={"TEA": 1})])
    pool.take([payload(1, 1, units={"TEA": 3})], run="run-2")
    read_with(pool)

    replay()

    assert pool.rows("select quantity from order_line") == [(3,)]
