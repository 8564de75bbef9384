"""Deciding what listings are told: newest wins, nothing twice."""

from typing import Any

from models.database import connect, transaction
from models.errors import ChannelUnavailable
from tasks.stock_messages import Push, save_pushes
from tasks.stock_push import PushCount, decide_all
from tests.clocks import StoppedClock
from tests.fakes import NOON, FakePool, why
from tests.tasks.pushing import Platform, decide, listed, listing, sell, states, tell


def test_a_new_listing_is_told_what_there_is_and_that_is_noted(pool: FakePool, stopped: StoppedClock) -> None:
    platform = listed(pool, TEA=70)

    count = decide()
    told = tell(platform)

    assert (count, told) == (PushCount(1, {"WOO": 1}), 1)
    assert platform.shows == {"1": 70}
    assert pool.rows("select shown, shown_at, obstacle from listing") == [(70, NOON, "")]
    assert pool.rows("select sent from stock_push") == [(True,)]


def test_what_shows_the_right_number_is_not_told_again_before_an_hour_is_over(
    pool: FakePool, stopped: StoppedClock
) -> None:
    platform = listed(pool, TEA=70)
    decide()
    tell(platform)

    stopped.advance(minutes=59)
    early = decide().to_tell
    stopped.advance(minutes=1)
    due = decide().to_tell
    tell(platform)

    assert (early, due) == ({}, {"WOO": 1})
    assert len(platform.calls) == 2
    assert states(pool) == ["delivered"]


def test_everything_is_told_again_on_demand(pool: FakePool, stopped: StoppedClock) -> None:
    platform = listed(pool, TEA=70)
    decide()
    tell(platform)
    platform.shows["1"] = 3

    decide(everything=True)
    tell(platform)

    assert platform.shows == {"1": 70}


def test_what_is_told_again_has_a_key_of_its_own(pool: FakePool, stopped: StoppedClock) -> None:
    platform = listed(pool, TEA=70)
    for _ in range(2):
        decide(everything=True)
        tell(platform)
        stopped.advance(minutes=1)

    keys = [level.key for call in platform.calls for level in call]

    assert len(set(keys)) == 2


def test_the_same_units_at_another_version_are_another_message(pool: FakePool, stopped: StoppedClock) -> None:
    platform = listed(pool, TEA=70)
    for change in (0, 1, -1):  # 70, 69, and 70 again
        sell(pool, change)
        decide()
        tell(platform)

    assert [level.units for call in platform.calls for level in call] == [70, 69, 70]
    assert len({row[0] for row in pool.rows("select key from outbox")}) == 3


def test_a_newer_decision_withdraws_what_waits(pool: FakePool, stopped: StoppedClock) -> None:
    platform = listed(pool, TEA=70)
    decide()
    sell(pool, 5)
    decide()
    tell(platform)

    assert states(pool) == ["withdrawn", "delivered"]
    assert [[level.units for level in call] for call in platform.calls] == [[65]]


def test_a_message_says_what_is_right_when_it_is_sent(pool: FakePool, stopped: StoppedClock) -> None:
    platform = listed(pool, TEA=70)
    decide()
    pool.execute("update stock_push set units = 64, version = version + 1")

    tell(platform)

    assert platform.shows == {"1": 64}


def test_an_older_push_does_not_overwrite_a_newer_one(pool: FakePool) -> None:
    pool.stock(TEA=70)
    listing(pool, "1")
    with transaction() as conn:
        save_pushes(conn, [Push(1, "WOO", 5, 9, 2)], NOON)
        save_pushes(conn, [Push(1, "WOO", 70, 8, 2)], NOON)
        save_pushes(conn, [Push(1, "WOO", 70, 9, 1)], NOON)

    assert pool.rows("select units, version, formula from stock_push") == [(5, 9, 2)]
    assert pool.rows("select key from outbox") == [("WOO:1:9:2",)]


def test_an_answer_to_an_older_push_does_not_overwrite_a_newer_one(pool: FakePool, stopped: StoppedClock) -> None:
    platform = listed(pool, TEA=70)
    decide()
    first: list[Any] = []

    def overtaken() -> None:
        if not first:
            first.append(True)
            sell(pool, 30)
            decide()

    platform.before = overtaken
    tell(platform)

    assert [level.units for call in platform.calls for level in call] == [70, 20]
    assert pool.rows("select shown from listing") == [(20,)]
    assert pool.rows("select units, sent from stock_push") == [(20, True)]
    assert decide().to_tell == {}


def test_a_number_that_comes_back_while_another_is_under_way_is_told_again(
    pool: FakePool, stopped: StoppedClock
) -> None:
    platform = listed(pool, TEA=70)
    decide()
    tell(platform)
    sell(pool, 5)
    decide()
    platform.broken = ChannelUnavailable("WOO", "show", "no answer")
    tell(platform)
    platform.broken = None
    sell(pool, -5)

    decide()
    tell(platform)

    assert platform.shows == {"1": 70}
    assert pool.rows("select shown, shown_version > 0 from listing") == [(70, True)]


def test_another_number_at_the_same_version_while_one_is_under_way_is_told_at_once(
    pool: FakePool, stopped: StoppedClock
) -> None:
    platform = listed(pool, TEA=70)

    def decide_otherwise() -> None:
        platform.before = lambda: None
        stopped.advance(seconds=1)
        with transaction() as conn:
            ((version, formula),) = conn.execute("select version, formula from stock_push").fetchall()
            save_pushes(conn, [Push(1, "WOO", 60, version, formula)], stopped.at)

    platform.before = decide_otherwise
    decide()

    tell(platform)
    tell(platform)

    assert platform.shows == {"1": 60}
    assert states(pool) == ["delivered"]


def test_what_is_sold_out_goes_first(pool: FakePool, stopped: StoppedClock) -> None:
    skus = {f"S{n:02}": 60 for n in range(19)}
    pool.stock(**skus, ZZZ=0)
    platform = Platform()
    for sku in (*skus, "ZZZ"):
        listing(pool, sku, sku)
    decide()

    tell(platform)

    assert "ZZZ" in [level.item_id for level in platform.calls[0]]


def test_two_who_decide_at_once_write_one_message(pool: FakePool, stopped: StoppedClock) -> None:
    pool.stock(TEA=70)
    listing(pool, "1")
    with connect() as first:
        decide_all(first, why())
        first.commit()
        second = decide().to_tell

    assert second == {}
    assert states(pool) == ["pending"]


def test_shops_that_cannot_be_told_are_left_alone(pool: FakePool, stopped: StoppedClock) -> None:
    pool.stock(TEA=70)
    pool.execute("update shop set channel = 'file'")
    listing(pool, "1")

    assert decide() == PushCount(0, {})


def test_messages_that_are_over_are_forgotten_after_a_day(pool: FakePool, stopped: StoppedClock) -> None:
    platform = listed(pool, TEA=70)
    for _ in range(3):
        sell(pool, 1)
        decide()
        tell(platform)
        stopped.advance(hours=13)

    assert len(states(pool)) == 2
