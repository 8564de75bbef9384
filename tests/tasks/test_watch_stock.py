"""Stock below what is kept safe, with how long it lasts, and counts of stock that stopped coming."""

from datetime import datetime, timedelta

import pytest

from models.alert import AlertRule
from tests.fakes import NOON, FakePool
from tests.tasks.watching import SCAN, life, said, scan

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
LOW, SILENT = AlertRule.BELOW_SAFETY, AlertRule.STOCK_FEED_SILENT


def sell(pool: FakePool, units: int, at: datetime = NOON - DAY, reason: str = "shipped") -> None:
    """Units of TEA leave WH-A."""
    pool.execute("update stock set on_hand = on_hand - %s", units)
    pool.execute("update sku_pool set on_hand = on_hand - %s", units)
    pool.execute(
        """insert into stock_movement (warehouse_id, sku_id, quantity, reason, reference, occurred_at, at)
           select warehouse_id, sku_id, -%s, %s, 'OB1', %s, %s from stock""",
        units,
        reason,
        at,
        at,
    )


class TestBelowSafety:
    @pytest.fixture
    def tea(self, pool: FakePool) -> FakePool:
        """100 units of TEA in WH-A, 20 of them kept safe: 80 can be sold."""
        pool.stock(TEA=100)
        pool.keep_safe(TEA=20)
        return pool

    def test_one_is_told_of_with_the_days_that_it_lasts(self, tea: FakePool) -> None:
        sell(tea, 60)
        assert scan(LOW, NOON) == []
        sell(tea, 1)

        assert said(LOW, NOON + SCAN) == {
            "sku:TEA": "SKU TEA: 19 units can be sold, 20 are kept safe; they last 4.3 days"
        }

    def test_demand_is_what_left_within_two_weeks(self, tea: FakePool) -> None:
        sell(tea, 31, NOON - 15 * DAY)
        sell(tea, 16, NOON - DAY, "missing")
        sell(tea, 14)

        assert said(LOW, NOON)["sku:TEA"].endswith("; they last 19 days")

    def test_without_demand_that_is_said_to_be_unknown(self, tea: FakePool) -> None:
        sell(tea, 70, NOON - 30 * DAY)

        assert said(LOW, NOON)["sku:TEA"].endswith("; how long they last is unknown, none left in 14 days")

    def test_units_that_are_locked_cannot_be_sold(self, tea: FakePool) -> None:
        tea.execute("update sku_pool set locked = 90")
        tea.execute("update stock set locked = 90")

        assert said(LOW, NOON) == {"sku:TEA": "SKU TEA: -10 units can be sold, 20 are kept safe; nothing is left"}

    def test_it_closes_when_clearly_more_can_be_sold(self, tea: FakePool) -> None:
        sell(tea, 61)
        assert len(scan(LOW, NOON)) == 1
        sell(tea, -2)
        assert [alert.opened_at for alert in scan(LOW, NOON + SCAN)] == [NOON]
        sell(tea, -1)

        assert scan(LOW, NOON + 2 * SCAN) == []
        sell(tea, 1)
        assert scan(LOW, NOON + 3 * SCAN) == []

    def test_what_nothing_is_kept_safe_of_is_none(self, pool: FakePool) -> None:
        pool.stock(TEA=0)

        assert scan(LOW, NOON) == []

    def test_many_are_one_that_names_the_lowest(self, pool: FakePool) -> None:
        pool.stock(**{f"TEA{number}": number for number in range(1, 22)})
        pool.keep_safe("WH-A", **{f"TEA{number}": 50 for number in range(1, 22)})

        found = scan(LOW, NOON)

        assert [(alert.subject, alert.things) for alert in found] == [("skus:below_safety", 21)]
        assert found[0].sentence.startswith("21 SKUs are below their safety stock; the lowest: SKU TEA1: -49 units")


def counted(pool: FakePool, at: datetime, source: str = "wms:WH-A", counts: str = "physical") -> None:
    pool.execute(
        """insert into stock_feed (source, reference, counts, as_of, shelves, changed, late, applied_at)
           values (%s, %s, %s, %s, 1, 0, 0, %s)""",
        source,
        f"{at}",
        counts,
        at,
        at,
    )


class TestSilentFeeds:
    def test_one_that_came_every_hour_is_told_of_when_it_stops(self, pool: FakePool) -> None:
        for hours in range(100):
            counted(pool, NOON - hours * HOUR)

        found = life(pool, SILENT, NOON + 2 * HOUR, lambda: counted(pool, NOON + 2 * HOUR + SCAN))

        assert found.sentences == {
            "feed:wms:WH-A": "warehouse WH-A: no count of stock since 11-20 12:00; usually one comes within 1 h"
        }

    def test_usual_breaks_at_night_and_at_weekends_are_none(self, pool: FakePool) -> None:
        # from Monday to Friday at 9 and 18 o'clock; NOON is on a Friday
        for day in range(1, 15):
            at = NOON - day * DAY
            if at.weekday() < 5:
                counted(pool, at - 3 * HOUR)
                counted(pool, at + 6 * HOUR)
        counted(pool, NOON - 3 * HOUR)
        counted(pool, NOON + 6 * HOUR)

        assert scan(SILENT, NOON + 2 * DAY + 21 * HOUR) == []
        assert len(scan(SILENT, NOON + 6 * HOUR + 63 * HOUR * 1.5 + SCAN)) == 1

    def test_one_outage_before_makes_nobody_more_patient(self, pool: FakePool) -> None:
        for hours in range(336):
            if not 100 < hours < 160:
                counted(pool, NOON - hours * HOUR)

        assert len(scan(SILENT, NOON + 2 * HOUR + SCAN)) == 1

    def test_one_that_never_was_regular_is_none(self, pool: FakePool) -> None:
        for days in (1, 2, 5, 6, 7, 12, 13):
            counted(pool, NOON - days * DAY)

        assert scan(SILENT, NOON + 20 * DAY) == []

    def test_changes_are_no_counts(self, pool: FakePool) -> None:
        for hours in range(20):
            counted(pool, NOON - hours * HOUR, counts="change")

        assert scan(SILENT, NOON + DAY) == []

    def test_files_that_people_bring_are_a_feed_too(self, pool: FakePool) -> None:
        for days in range(14):
            counted(pool, NOON - days * DAY, "file")

        assert said(SILENT, NOON + 1.5 * DAY + SCAN) == {
            "feed:file": "stock files: no count of stock since 11-20 12:00; usually one comes within 24 h"
        }

    def test_a_warehouse_that_is_switched_off_or_a_feed_that_is_no_more_is_none(self, pool: FakePool) -> None:
        for hours in range(20):
            counted(pool, NOON - hours * HOUR)
            counted(pool, NOON - hours * HOUR, "wms:WH-B")
        pool.execute("update warehouse set active = false where code = 'WH-A'")

        assert list(said(SILENT, NOON + DAY)) == ["feed:wms:WH-B"]
        assert scan(SILENT, NOON + 31 * DAY) == []
