"""The units that listings are told: by formula, share, kit and promise, and at once when little is left."""

from pathlib import Path

import pytest

from tasks.stock_push import PushCount, has_crossed
from tests.clocks import StoppedClock
from tests.fakes import NOON, FakePool
from tests.tasks.pushing import (
    PLAIN,
    Platform,
    another_shop,
    decide,
    decide_at_once,
    listed,
    listing,
    sell,
    tell,
    use,
)


def test_the_shipped_formula_shows_twenty_below_fifty(pool: FakePool, stopped: StoppedClock) -> None:
    platform = listed(pool, TEA=49, CUP=7)

    decide()
    tell(platform)

    assert platform.shows == {"1": 20, "2": 7}


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
