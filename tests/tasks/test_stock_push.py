"""Deciding what listings show, and telling the shops: newest wins, each listing for itself, nothing twice."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import yaml

from connectors.base import StockLevel, StockOutcome, StockVerdict
from models.database import connect, transaction
from models.errors import ChannelRejected, ChannelUnavailable, PipelineError
from models.messages import OutboxKind
from models.settings import clock, set_clock
from tasks.outbox import Pending, Shared, deliver
from tasks.stock_formula import use_formula
from tasks.stock_messages import Push, forget_shown, save_pushes, stock_calls
from tasks.stock_push import PushCount, decide_all, decide_crossed, has_crossed
from tests.fakes import NOON, FakePool, why
from tests.tasks.waiting import wait_for_a_lock

STOCK = (OutboxKind.STOCK,)
PLAIN: dict[str, Any] = {"rules": [{}]}


class StoppedClock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.at = NOON

    def now(self) -> datetime:
        return self.at

    def advance(self, **span: float) -> None:
        self.at += timedelta(**span)


@pytest.fixture
def stopped() -> Iterator[StoppedClock]:
    before, mine = clock(), StoppedClock()
    set_clock(mine)
    yield mine
    set_clock(before)


class Platform:
    """Shops that show what they are told, one call per `size` listings; `before` runs ahead of each call."""

    def __init__(self, size: int = 100) -> None:
        self.size = size
        self.shows: dict[str, int] = {}
        self.calls: list[list[StockLevel]] = []
        self.against: dict[str, tuple[StockVerdict, str]] = {}
        self.broken: PipelineError | None = None
        self.before: Callable[[], None] = lambda: None

    def push_stock(self, levels: Sequence[StockLevel]) -> Iterator[list[StockOutcome]]:
        for first in range(0, len(levels), self.size):
            batch = list(levels[first : first + self.size])
            self.before()
            self.calls.append(batch)
            if self.broken:
                raise self.broken
            yield [self._take(level) for level in batch]

    def _take(self, level: StockLevel) -> StockOutcome:
        if level.item_id in self.against:
            return StockOutcome(level, *self.against[level.item_id])
        self.shows[level.item_id] = level.units
        return StockOutcome(level, StockVerdict.ACCEPTED)

    def send(self, counterpart: str, pending: Sequence[Pending]) -> dict[int, Shared]:
        with transaction() as conn:
            return stock_calls(conn, self, counterpart.partition(":")[2], pending)


def listing(pool: FakePool, item: str, sku: str = "TEA", shop: str = "WOO") -> None:
    pool.execute(
        """insert into listing (shop_id, sku_id, item_id, sku_ref, active, shown_version, shown_formula, obstacle)
           select s.id, k.id, %s, '', true, 0, 0, '' from shop s, sku k where s.code = %s and k.code = %s""",
        item,
        shop,
        sku,
    )


def another_shop(pool: FakePool, code: str) -> None:
    pool.execute(
        """insert into shop (code, channel, name, active, lock_unpaid, poll_minutes, settings, created_at)
           select %s, channel, name, active, lock_unpaid, poll_minutes, settings, created_at
           from shop where code = 'WOO'""",
        code,
    )


def use(folder: Path, body: dict[str, Any]) -> None:
    file = folder / "formula.yaml"
    file.write_text(yaml.safe_dump(body))
    use_formula(file, "", why())


def decide(*, everything: bool = False, shop: str | None = None) -> PushCount:
    with transaction() as conn:
        return decide_all(conn, why(at=clock().now()), shop, everything=everything)


def decide_at_once() -> PushCount:
    with transaction() as conn:
        return decide_crossed(conn, why(at=clock().now()))


def tell(platform: Platform, shop: str = "WOO", *, forced: bool = False) -> int:
    return deliver(f"shop:{shop}", platform.send, STOCK, why(at=clock().now()), forced=forced).delivered


def sell(pool: FakePool, units: int, sku: str = "TEA") -> None:
    pool.execute(
        "update sku_pool set locked = locked + %s where sku_id = (select id from sku where code = %s)", units, sku
    )


def states(pool: FakePool) -> list[str]:
    return [row[0] for row in pool.rows("select state from outbox order by id")]


def test_a_new_listing_is_told_what_there_is_and_that_is_noted(pool: FakePool, stopped: StoppedClock) -> None:
    pool.stock(TEA=70)
    listing(pool, "1")
    platform = Platform()

    count = decide()
    told = tell(platform)

    assert (count, told) == (PushCount(1, {"WOO": 1}), 1)
    assert platform.shows == {"1": 70}
    assert pool.rows("select shown, shown_at, obstacle from listing") == [(70, NOON, "")]
    assert pool.rows("select sent from stock_push") == [(True,)]


def test_the_shipped_formula_shows_twenty_below_fifty(pool: FakePool, stopped: StoppedClock) -> None:
    pool.stock(TEA=49, CUP=7)
    listing(pool, "1")
    listing(pool, "2", "CUP")
    platform = Platform()

    decide()
    tell(platform)

    assert platform.shows == {"1": 20, "2": 7}


def test_what_shows_the_right_number_is_not_told_again_before_an_hour_is_over(
    pool: FakePool, stopped: StoppedClock
) -> None:
    pool.stock(TEA=70)
    listing(pool, "1")
    platform = Platform()
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
    pool.stock(TEA=70)
    listing(pool, "1")
    platform = Platform()
    decide()
    tell(platform)
    platform.shows["1"] = 3

    decide(everything=True)
    tell(platform)

    assert platform.shows == {"1": 70}


def test_what_is_told_again_has_a_key_of_its_own(pool: FakePool, stopped: StoppedClock) -> None:
    pool.stock(TEA=70)
    listing(pool, "1")
    platform = Platform()
    for _ in range(2):
        decide(everything=True)
        tell(platform)
        stopped.advance(minutes=1)

    keys = [level.key for call in platform.calls for level in call]

    assert len(set(keys)) == 2


def test_the_same_units_at_another_version_are_another_message(pool: FakePool, stopped: StoppedClock) -> None:
    pool.stock(TEA=70)
    listing(pool, "1")
    platform = Platform()
    for change in (0, 1, -1):  # 70, 69, and 70 again
        sell(pool, change)
        decide()
        tell(platform)

    assert [level.units for call in platform.calls for level in call] == [70, 69, 70]
    assert len({row[0] for row in pool.rows("select key from outbox")}) == 3


def test_a_newer_decision_withdraws_what_waits(pool: FakePool, stopped: StoppedClock) -> None:
    pool.stock(TEA=70)
    listing(pool, "1")
    platform = Platform()
    decide()
    sell(pool, 5)
    decide()
    tell(platform)

    assert states(pool) == ["withdrawn", "delivered"]
    assert [[level.units for level in call] for call in platform.calls] == [[65]]


def test_a_message_says_what_is_right_when_it_is_sent(pool: FakePool, stopped: StoppedClock) -> None:
    pool.stock(TEA=70)
    listing(pool, "1")
    platform = Platform()
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
    pool.stock(TEA=70)
    listing(pool, "1")
    platform = Platform()
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
    pool.stock(TEA=70)
    listing(pool, "1")
    platform = Platform()
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
    pool.stock(TEA=70)
    listing(pool, "1")
    platform = Platform()

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


def test_one_call_tells_many_listings_and_a_refused_one_hurts_no_other(pool: FakePool, stopped: StoppedClock) -> None:
    pool.stock(TEA=70, CUP=60, POT=55)
    for item, sku in (("1", "TEA"), ("2", "CUP"), ("3", "POT")):
        listing(pool, item, sku)
    platform = Platform()
    platform.against["2"] = (StockVerdict.REFUSED, "the product is banned")
    decide()

    told = tell(platform)

    assert (told, len(platform.calls)) == (2, 1)
    assert platform.shows == {"1": 70, "3": 55}
    assert pool.rows("select obstacle from listing order by item_id") == [("",), ("the product is banned",), ("",)]
    assert states(pool) == ["delivered", "refused", "delivered"]


def test_only_what_failed_is_tried_again(pool: FakePool, stopped: StoppedClock) -> None:
    pool.stock(TEA=70, CUP=60)
    listing(pool, "1")
    listing(pool, "2", "CUP")
    platform = Platform()
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
    pool.stock(TEA=70, CUP=60)
    listing(pool, "1")
    listing(pool, "2", "CUP")
    platform = Platform(size=1)

    def fall_silent() -> None:
        if platform.calls:
            platform.broken = ChannelUnavailable("WOO", "show", "HTTP 503")

    platform.before = fall_silent
    decide()
    tell(platform)

    assert states(pool) == ["delivered", "pending"]
    assert pool.rows("select shown from listing order by item_id") == [(70,), (None,)]


def test_refused_listings_do_not_make_a_shop_look_down(pool: FakePool, stopped: StoppedClock) -> None:
    skus = {f"S{n:02}": 60 for n in range(20)}
    pool.stock(**skus)
    platform = Platform()
    for sku in skus:
        listing(pool, sku, sku)
        if sku < "S10":
            platform.against[sku] = (StockVerdict.REFUSED, "no such product")
    decide()

    assert tell(platform) == 10


def test_listings_that_are_put_off_do_not_make_a_shop_look_down(pool: FakePool, stopped: StoppedClock) -> None:
    skus = {f"S{n:02}": 60 for n in range(20)}
    pool.stock(**skus)
    platform = Platform()
    for sku in skus:
        listing(pool, sku, sku)
        if sku < "S10":
            platform.against[sku] = (StockVerdict.AGAIN, "the store shows 3 after it was told 60")
    decide()

    assert tell(platform) == 10


def test_after_hours_of_silence_the_next_sweep_tells_a_listing(pool: FakePool, stopped: StoppedClock) -> None:
    pool.stock(TEA=0)
    listing(pool, "1")
    platform = Platform()
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
    pool.stock(TEA=70)
    listing(pool, "1")
    platform = Platform()
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


def test_a_process_that_died_after_the_platform_took_it_tells_it_once_more(
    pool: FakePool, stopped: StoppedClock
) -> None:
    pool.stock(TEA=70)
    listing(pool, "1")
    platform = Platform()
    decide()
    tell(platform)
    # what a kill between the answer and our note leaves behind
    pool.execute("update outbox set state = 'pending', attempts = 0, in_doubt = true, delivered_at = null")

    tell(platform)

    assert platform.shows == {"1": 70}
    assert states(pool) == ["delivered"]
    assert len({level.key for call in platform.calls for level in call}) == 1


def test_shops_with_a_share_and_those_without(pool: FakePool, stopped: StoppedClock, tmp_path: Path) -> None:
    pool.stock(TEA=100)
    another_shop(pool, "W2")
    listing(pool, "1")
    listing(pool, "2", shop="W2")
    use(tmp_path, {"rules": [{}, {"shop": "W2", "percent": 30}]})
    platform = Platform()

    decide()
    tell(platform)
    tell(platform, "W2")

    assert platform.shows == {"1": 70, "2": 30}


def test_a_kit_shows_what_its_components_make(pool: FakePool, stopped: StoppedClock) -> None:
    pool.stock(TEA=100, CUP=130)
    pool.execute("insert into sku (code, name, barcode, weight_g) values ('KIT', '', '', 0)")
    pool.execute(
        """insert into kit_component (kit_id, component_id, quantity)
           select k.id, c.id, case c.code when 'TEA' then 1 else 2 end from sku k, sku c
           where k.code = 'KIT' and c.code in ('TEA', 'CUP')"""
    )
    listing(pool, "1", "KIT")
    platform = Platform()
    decide()
    tell(platform)
    pool.execute("delete from kit_component where component_id = (select id from sku where code = 'CUP')")
    decide()
    tell(platform)

    assert [level.units for call in platform.calls for level in call] == [65, 100]
    assert pool.rows("select shown from listing") == [(100,)]


def test_a_kit_that_is_made_of_something_calmer_now_is_still_seen_to_sell_out(
    pool: FakePool, stopped: StoppedClock
) -> None:
    pool.stock(TEA=100, CUP=130)
    pool.execute("update sku_pool set version = 5000 where sku_id = (select id from sku where code = 'TEA')")
    pool.execute("insert into sku (code, name, barcode, weight_g) values ('KIT', '', '', 0)")
    pool.execute(
        """insert into kit_component (kit_id, component_id, quantity)
           select k.id, c.id, 1 from sku k, sku c where k.code = 'KIT' and c.code = 'TEA'"""
    )
    listing(pool, "1", "KIT")
    platform = Platform()
    decide()
    tell(platform)
    pool.execute("update kit_component set component_id = (select id from sku where code = 'CUP')")
    decide()
    tell(platform)

    sell(pool, 130, "CUP")

    assert decide_at_once().to_tell == {"WOO": 1}
    tell(platform)
    assert platform.shows == {"1": 0}


def test_units_on_the_way_to_promises_are_not_shown(pool: FakePool, stopped: StoppedClock, tmp_path: Path) -> None:
    pool.stock(TEA=60)
    listing(pool, "1")
    use(tmp_path, PLAIN)
    pool.execute(
        """insert into promise (order_id, line_no, sku_id, quantity, state, priority, paid_at, made_at)
           select 1, 1, id, 8, 'open', 1, %s, %s from sku""",
        NOON,
        NOON,
    )
    platform = Platform()
    decide()
    tell(platform)

    assert platform.shows == {"1": 52}


def test_a_rate_buffer_hides_what_recent_sales_may_take(pool: FakePool, stopped: StoppedClock, tmp_path: Path) -> None:
    pool.stock(TEA=400)
    listing(pool, "1")
    use(tmp_path, {"rules": [{"buffer": {"quantile": 0.999, "interval_s": 300}}]})
    pool.execute(
        """insert into lock (order_id, line_no, sku_id, quantity, state, locked_at)
           select n, 1, (select id from sku), 1, 'open', %s - n * interval '60 seconds'
           from generate_series(1, 180) n""",
        NOON,
    )
    sell(pool, 180)
    platform = Platform()
    decide()
    tell(platform)

    assert platform.shows == {"1": 400 - 180 - 13}  # 60 an hour, 5 minutes


class TestAtOnce:
    @pytest.fixture(autouse=True)
    def shown(self, pool: FakePool, stopped: StoppedClock, tmp_path: Path) -> None:
        pool.stock(TEA=500)
        listing(pool, "1")
        self.platform = Platform()
        self.folder = tmp_path
        decide()
        tell(self.platform)

    def test_nothing_crossed_while_nothing_changes(self, pool: FakePool) -> None:
        assert not has_crossed(NOON)
        assert decide_at_once() == PushCount(0)

    def test_plenty_waits_for_the_sweep(self, pool: FakePool) -> None:
        sell(pool, 3)

        assert not has_crossed(NOON)
        assert decide_at_once() == PushCount(1, {})
        assert decide().to_tell == {"WOO": 1}

    def test_what_shows_more_than_there_is_when_little_is_left_is_told(self, pool: FakePool) -> None:
        sell(pool, 420)

        assert has_crossed(NOON)
        assert decide_at_once().to_tell == {"WOO": 1}
        tell(self.platform)
        assert self.platform.shows == {"1": 80}
        assert not has_crossed(NOON)

    @pytest.mark.parametrize("left", [49, 20, 0])
    def test_a_step_and_the_end_are_told(self, pool: FakePool, left: int) -> None:
        sell(pool, 500 - left)
        decide_at_once()
        tell(self.platform)

        assert self.platform.shows == {"1": min(left, 20)}

    def test_what_can_be_sold_again_is_told(self, pool: FakePool) -> None:
        sell(pool, 500)
        decide_at_once()
        tell(self.platform)
        sell(pool, -3)

        assert decide_at_once().to_tell == {"WOO": 1}

    def test_a_change_that_shows_the_same_is_not_told(self, pool: FakePool) -> None:
        sell(pool, 460)
        decide_at_once()
        sell(pool, 5)

        assert decide_at_once().to_tell == {}

    def test_a_share_knows_of_the_other_shops(self, pool: FakePool) -> None:
        another_shop(pool, "W2")
        listing(pool, "2", shop="W2")
        use(self.folder, {"rules": [{}, {"shop": "W2", "percent": 50}]})
        decide()
        sell(pool, 480)
        decide_at_once()

        assert pool.rows("select units from stock_push order by listing_id") == [(10,), (10,)]


def test_shops_that_cannot_be_told_are_left_alone(pool: FakePool, stopped: StoppedClock) -> None:
    pool.stock(TEA=70)
    pool.execute("update shop set channel = 'file'")
    listing(pool, "1")

    assert decide() == PushCount(0, {})


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


def test_messages_that_are_over_are_forgotten_after_a_day(pool: FakePool, stopped: StoppedClock) -> None:
    pool.stock(TEA=70)
    listing(pool, "1")
    platform = Platform()
    for _ in range(3):
        sell(pool, 1)
        decide()
        tell(platform)
        stopped.advance(hours=13)

    assert len(states(pool)) == 2


def test_the_answer_for_a_listing_that_sells_another_sku_by_now_changes_nothing(
    pool: FakePool, stopped: StoppedClock
) -> None:
    pool.stock(TEA=70)
    listing(pool, "1")
    platform = Platform()
    decide()

    def change() -> None:
        with transaction() as conn:
            forget_shown(conn, [1])

    platform.before = change
    tell(platform)

    assert pool.rows("select shown, shown_version from listing") == [(None, 0)]
    assert decide().to_tell == {"WOO": 1}
