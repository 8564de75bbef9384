"""Windows follow each other without a gap, and a run finds its own again."""

from datetime import datetime, timedelta
from threading import Event, Thread

import pytest

from connectors.channels.woocommerce import WooCommerceChannel
from models.database import transaction
from models.errors import SetupError
from models.settings import clock, set_clock
from tasks.windows import Window, claim_window, find_shop, finish_window, only_run_of
from tests.fakes import NOON, FakePool

LAG = WooCommerceChannel.capabilities.lag


class At:
    """A clock that stands still."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


def claim(run: str, minute: float, since: datetime | None = None, until: datetime | None = None) -> Window | None:
    before = clock()
    set_clock(At(NOON + timedelta(minutes=minute)))
    try:
        with transaction() as conn:
            shop = find_shop(conn, "WOO")
        return claim_window(shop, WooCommerceChannel.capabilities, run, since, until)
    finally:
        set_clock(before)


def claimed(run: str, minute: float) -> Window:
    window = claim(run, minute)
    assert window is not None
    return window


def finish(window: Window) -> None:
    with transaction() as conn:
        finish_window(conn, find_shop(conn, "WOO"), window)


def test_the_next_window_begins_where_the_last_one_ended(pool: FakePool) -> None:
    first = claimed("run-1", 0)
    finish(first)

    second = claimed("run-2", 15)

    assert (second.since, second.until) == (first.until, NOON + timedelta(minutes=15) - LAG)


def test_a_window_ends_before_the_platform_is_done_writing(pool: FakePool) -> None:
    assert claimed("run-1", 0).until == NOON - LAG


def test_a_retry_finds_its_own_window_however_late_it_comes(pool: FakePool) -> None:
    first = claimed("run-1", 0)

    assert claim("run-1", 90) == first


def test_a_window_left_unread_is_taken_over_up_to_the_present(pool: FakePool) -> None:
    first = claimed("run-1", 0)

    second = claimed("run-2", 15)

    assert (second.id, second.since, second.until) == (first.id, first.since, NOON + timedelta(minutes=15) - LAG)


def test_a_late_retry_never_moves_the_watermark_back(pool: FakePool) -> None:
    first = claimed("run-1", 0)
    pool.execute("update shop set watermark = %s", NOON + timedelta(hours=1))

    finish(first)

    assert pool.rows("select watermark from shop") == [(NOON + timedelta(hours=1),)]


def test_nothing_is_claimed_before_anything_has_passed(pool: FakePool) -> None:
    finish(claimed("run-1", 0))

    assert claim("run-2", 0) is None


def test_a_window_that_was_asked_for_leaves_the_watermark(pool: FakePool) -> None:
    asked = claim("backfill", 0, NOON - timedelta(days=9), NOON - timedelta(days=8))
    assert asked is not None
    finish(asked)

    assert pool.rows("select watermark from shop") == [(None,)]


def test_a_window_that_ends_before_it_begins_is_refused(pool: FakePool) -> None:
    with pytest.raises(SetupError, match="it ends before it begins"):
        claim("backfill", 0, NOON, NOON - timedelta(hours=1))


def test_a_shop_is_kept_by_one_run_at_a_time(pool: FakePool) -> None:
    inside, over = Event(), Event()

    def first() -> None:
        with only_run_of("WOO") as alone:
            assert alone
            inside.set()
            over.wait(20)

    thread = Thread(target=first)
    thread.start()
    inside.wait(20)
    with only_run_of("WOO", wait_s=1) as alone:
        assert not alone
    over.set()
    thread.join(20)
    with only_run_of("WOO", wait_s=1) as alone:
        assert alone
