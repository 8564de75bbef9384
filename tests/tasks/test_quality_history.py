"""History of data quality: shares by day and of late, and an alert before a limit is reached."""

from datetime import datetime, timedelta

import pytest
from psycopg.types.json import Jsonb

from models.database import transaction
from models.errors import SetupError
from tasks.quality_history import Course, drifting_feeds, last_points, quality_of_shops
from tasks.watch import watch_all
from tests.fakes import NOON, FakePool, why

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
PHONE = "receiver can be called"


def checked(
    pool: FakePool, at: datetime, rows: int, name: str = PHONE, failed: int = 0, verdict: str = "passed"
) -> int:
    """A batch that was checked: so many of its orders failed an expectation."""
    ((batch_id,),) = pool.rows("select coalesce(max(id), 0) + 1 from batch")
    pool.execute(
        """insert into batch (id, shop_id, origin, state, stored, joined, rejected, flow_run_id, created_at)
           values (%s, 1, 'window', 'open', %s, 0, 0, 'run', %s)""",
        batch_id,
        rows,
        at,
    )
    unmet = {name: {"failed": failed, "rows": rows, "examples": ["A1"]}} if failed else {}
    pool.execute(
        "insert into quality_check values (%s, 1, %s, %s, %s, %s, 'digest', 'run', %s)",
        batch_id,
        rows,
        Jsonb(unmet),
        Jsonb([name] if verdict != "passed" else []),
        verdict,
        at,
    )
    return int(batch_id)


def course(name: str = PHONE, now: datetime = NOON) -> Course:
    with transaction() as conn:
        (shop,) = quality_of_shops(conn, now)
    return next(course for course in shop.courses if course.expected.name == name)


def alert(now: datetime = NOON) -> str:
    with transaction() as conn:
        return drifting_feeds(conn, now).get("shop:WOO", "")


def test_recent_batches_are_the_newest_that_have_enough_orders(pool: FakePool) -> None:
    checked(pool, NOON - 5 * HOUR, 400, failed=4)
    checked(pool, NOON - 4 * HOUR, 300, failed=3)
    checked(pool, NOON - 3 * HOUR, 300, failed=2)

    found = course()

    assert (found.recent.failed, found.recent.rows) == (5, 600)
    assert (found.before.failed, found.before.rows) == (4, 400)


def test_batches_of_yesterday_are_not_recent_and_those_of_last_week_are_over(pool: FakePool) -> None:
    checked(pool, NOON - 8 * DAY, 100, failed=9)
    checked(pool, NOON - DAY, 100, failed=5)
    checked(pool, NOON - HOUR, 100, failed=1)

    found = course()

    assert (found.recent.rows, found.before.rows) == (100, 100)
    assert {f"{day:%m-%d}": tally.failed for day, tally in found.days.items()} == {"11-19": 5, "11-20": 1}


def test_unreadable_orders_are_counted_among_all(pool: FakePool) -> None:
    checked(pool, NOON - HOUR, 150, "orders can be read", failed=50)

    assert course("orders can be read").recent.share == 0.25


def test_a_feed_that_nears_its_limit_is_alerted_before_a_batch_fails(pool: FakePool) -> None:
    checked(pool, NOON - HOUR, 400, failed=12)

    assert alert() == (
        "shop WOO: its feed drifts: receiver can be called: 12 of 400 orders (3 %, limit 5 %), near its limit"
    )


def test_a_feed_far_above_its_usual_share_is_alerted(pool: FakePool) -> None:
    checked(pool, NOON - 2 * DAY, 2000, failed=1)
    checked(pool, NOON - HOUR, 800, failed=10)

    assert "10 of 800 orders (1.2 %, 0.05 % before, limit 5 %), far above what is usual" in alert()


def test_a_few_accidents_in_small_batches_are_no_drift(pool: FakePool) -> None:
    for minutes in range(9):
        checked(pool, NOON - minutes * timedelta(minutes=1), 5, failed=1)

    assert alert() == ""


def test_the_alert_closes_by_itself_when_the_feed_is_good_again(pool: FakePool) -> None:
    checked(pool, NOON - HOUR, 500, failed=15)
    opened, _ = watch_all(why())
    checked(pool, NOON, 500)

    closed, alerts = watch_all(why(at=NOON + timedelta(minutes=1)))

    assert (opened.open, closed.closed, alerts) == (1, 1, [])


def test_an_expectation_of_whole_batches_is_no_drift(pool: FakePool) -> None:
    checked(pool, NOON - HOUR, 100, "creation times differ", failed=100)

    assert alert() == ""


def test_a_batch_over_its_limit_is_told_until_it_goes_on(pool: FakePool) -> None:
    stopped = checked(pool, NOON - 9 * DAY, 40, failed=40, verdict="failed")
    with transaction() as conn:
        (shop,) = quality_of_shops(conn, NOON, "WOO")
    (stop,) = shop.stops

    assert (stop.batch_id, stop.waits, stop.failing[0].failed, stop.failing[0].examples) == (stopped, True, 40, ("A1",))


def test_points_are_the_newest_batches_with_the_oldest_first(pool: FakePool) -> None:
    for hours, failed in ((3, 30), (2, 20), (1, 0)):
        checked(pool, NOON - hours * HOUR, 100, failed=failed)

    with transaction() as conn:
        points = last_points(conn, "WOO", 2)[PHONE]

    assert [point.share for point in points] == [0.2, 0.0]


def test_a_shop_that_is_not_there_is_named(pool: FakePool) -> None:
    with transaction() as conn, pytest.raises(SetupError, match="shop NONE: there is no such shop"):
        quality_of_shops(conn, NOON, "NONE")
