"""Telling the shops: each listing for itself, whatever a platform answers or does not."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from connectors.base import StockVerdict
from models.database import connect, transaction
from models.errors import ChannelRejected, ChannelUnavailable
from tasks.stock_messages import forget_shown
from tests.clocks import StoppedClock
from tests.fakes import FakePool
from tests.tasks.pushing import Platform, decide, listed, listing, sell, states, tell
from tests.tasks.waiting import wait_for_a_lock


def test_one_call_tells_many_listings_and_a_refused_one_hurts_no_other(pool: FakePool, stopped: StoppedClock) -> None:
    platform = listed(pool, TEA=70, CUP=60, POT=55)
    platform.against["2"] = (StockVerdict.REFUSED, "the product is banned")
    decide()

    told = tell(platform)

    assert (told, len(platform.calls)) == (2, 1)
    assert platform.shows == {"1": 70, "3": 55}
    assert pool.rows("select obstacle from listing order by item_id") == [("",), ("the product is banned",), ("",)]
    assert states(pool) == ["delivered", "refused", "delivered"]


def test_only_what_failed_is_tried_again(pool: FakePool, stopped: StoppedClock) -> None:
    platform = listed(pool, TEA=70, CUP=60)
    platform.against["2"] = (StockVerdict.AGAIN, "busy")
    decide()
    tell(platform)
    platform.against.clear()

    stopped.advance(seconds=10)
    tell(platform)

    assert [[level.item_id for level in call] for call in platform.calls] == [["1", "2"], ["2"]]
    keys = [level.key for call in platform.calls for level in call if level.item_id == "2"]
    assert len(set(keys)) == 2


def test_what_was_taken_before_the_platform_fell_silent_counts(pool: FakePool, stopped: StoppedClock) -> None:
    platform = listed(pool, size=1, TEA=70, CUP=60)

    def fall_silent() -> None:
        if platform.calls:
            platform.broken = ChannelUnavailable("WOO", "show", "HTTP 503")

    platform.before = fall_silent
    decide()
    tell(platform)

    assert states(pool) == ["delivered", "pending"]
    assert pool.rows("select shown from listing order by item_id") == [(70,), (None,)]


@pytest.mark.parametrize(
    "answer",
    [
        (StockVerdict.REFUSED, "no such product"),
        (StockVerdict.AGAIN, "the store shows 3 after it was told 60"),
    ],
)
def test_listings_that_are_refused_or_put_off_do_not_make_a_shop_look_down(
    pool: FakePool, stopped: StoppedClock, answer: tuple[StockVerdict, str]
) -> None:
    skus = {f"S{n:02}": 60 for n in range(20)}
    platform = listed(pool, **skus)
    platform.against = {str(number): answer for number in range(1, 11)}
    decide()

    assert tell(platform) == 10


def test_after_hours_of_silence_the_next_sweep_tells_a_listing(pool: FakePool, stopped: StoppedClock) -> None:
    platform = listed(pool, TEA=0)
    platform.broken = ChannelUnavailable("WOO", "show", "HTTP 503")
    for _ in range(36):
        decide()
        tell(platform)
        stopped.advance(minutes=5)
    platform.broken = None
    decide()

    assert tell(platform) == 1


def test_a_shop_that_refuses_the_call_as_such_is_asked_once(pool: FakePool, stopped: StoppedClock) -> None:
    skus = {f"S{n:02}": 60 for n in range(20)}
    pool.stock(**skus)
    platform = Platform()
    platform.broken = ChannelRejected("WOO", "show", "no permission for stock")
    for sku in skus:
        listing(pool, sku, sku)
    decide()

    tell(platform)

    assert len(platform.calls) == 1


def test_a_refused_listing_is_tried_again_when_its_stock_changes_and_after_an_hour(
    pool: FakePool, stopped: StoppedClock
) -> None:
    platform = listed(pool, TEA=70)
    platform.against["1"] = (StockVerdict.REFUSED, "banned")
    decide()
    tell(platform)

    stopped.advance(minutes=5)
    unchanged = decide().to_tell
    sell(pool, 1)
    changed = decide().to_tell
    tell(platform)
    stopped.advance(minutes=60)
    after_an_hour = decide().to_tell

    assert (unchanged, changed, after_an_hour) == ({}, {"WOO": 1}, {"WOO": 1})


def test_a_process_that_died_after_the_platform_took_it_tells_it_once_more(
    pool: FakePool, stopped: StoppedClock
) -> None:
    platform = listed(pool, TEA=70)
    decide()
    tell(platform)
    # what a kill between the answer and our note leaves behind
    pool.execute("update outbox set state = 'pending', attempts = 0, in_doubt = true, delivered_at = null")

    tell(platform)

    assert platform.shows == {"1": 70}
    assert states(pool) == ["delivered"]
    assert len({level.key for call in platform.calls for level in call}) == 1


def test_whoever_withdraws_and_whoever_notes_answers_do_not_block_each_other(
    pool: FakePool, stopped: StoppedClock
) -> None:
    pool.stock(TEA=70, CUP=60)
    listing(pool, "1")
    listing(pool, "2", "CUP")
    decide()
    first, second = (row[0] for row in pool.rows("select id from outbox order by id"))
    platform, asked = Platform(), Event()
    platform.against["1"] = (StockVerdict.AGAIN, "busy")  # what got through is noted ahead of what did not

    with connect() as other, ThreadPoolExecutor(1) as threads:

        def lock_first() -> None:
            other.execute("select 1 from outbox where id = %s for update", (first,))
            asked.set()

        platform.before = lock_first
        telling = threads.submit(tell, platform)
        asked.wait(10)
        wait_for_a_lock(pool)
        other.execute("select 1 from outbox where id = %s for update", (second,))
        other.commit()

        assert telling.result() == 1


def test_the_answer_for_a_listing_that_sells_another_sku_by_now_changes_nothing(
    pool: FakePool, stopped: StoppedClock
) -> None:
    platform = listed(pool, TEA=70)
    decide()

    def change() -> None:
        with transaction() as conn:
            forget_shown(conn, [1])

    platform.before = change
    tell(platform)

    assert pool.rows("select shown, shown_version from listing") == [(None, 0)]
    assert decide().to_tell == {"WOO": 1}
