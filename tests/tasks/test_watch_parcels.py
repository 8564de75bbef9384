"""Parcels that nobody fetched, that stopped moving, that meet with trouble, and ship-backs that were refused."""

from datetime import datetime, timedelta

import pytest

from models.alert import AlertRule
from tasks.shop_settings import set_shop
from tests.fakes import NOON, FakePool
from tests.tasks.shipping import dispatched, report
from tests.tasks.watching import SCAN, life, said, scan

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
UNCOLLECTED, UNMOVED, TROUBLE = AlertRule.NOT_COLLECTED, AlertRule.NO_MOVEMENT, AlertRule.DELIVERY_PROBLEM
REFUSED = AlertRule.SHIP_BACK_FAILED


@pytest.fixture
def left(pool: FakePool) -> FakePool:
    """Order 1 of WOO left WH-A at noon as parcel YT1, of which no carrier has told anything."""
    dispatched(pool)
    report(pool, {"YT1": {1: 3, 2: 1}})
    return pool


def move(pool: FakePool, stage: str, at: datetime, parcel: int = 1) -> None:
    """A scan of a parcel, and the stage that it is in by it."""
    pool.execute("update parcel set stage = %s, stage_at = %s where id = %s and stage <> %s", stage, at, parcel, stage)
    pool.execute(
        "insert into parcel_event (parcel_id, digest, at, stage, text, place) values (%s, %s, %s, %s, '', '')",
        parcel,
        str(at),
        at,
        stage,
    )


def more_parcels(pool: FakePool, count: int, since: datetime = NOON) -> None:
    """So many more parcels like the first one, with numbers from 101 on."""
    pool.execute(
        """insert into parcel (id, document_id, package_no, carrier, waybill, stage, stage_at, shipped_at, heard_at,
             salt_enc, callback_token, note)
           select 100 + n, document_id, 'P' || n, carrier, 'YT10' || n, 'label_created', %s, %s, %s, salt_enc,
                  't' || n, '' from parcel, generate_series(1, %s) n where id = 1""",
        since,
        since,
        since,
        count,
    )


class TestNotCollected:
    def test_one_is_told_of_a_day_after_it_left_until_its_first_scan(self, left: FakePool) -> None:
        found = life(left, UNCOLLECTED, NOON + DAY, lambda: move(left, "collected", NOON + DAY))

        assert found.sentences == {
            "parcel:1": "shop WOO, order 1: parcel 圆通速递 YT1 left WH-A 11-20 12:00 and was not collected"
        }
        assert [alert.order_id for alert in found.alerts] == [1]

    def test_a_shop_may_give_its_carriers_other_hours(self, left: FakePool) -> None:
        set_shop("WOO", {"not_collected_h": "48"})

        life(left, UNCOLLECTED, NOON + 2 * DAY, lambda: move(left, "delivered", NOON + 2 * DAY))

    @pytest.mark.parametrize("stage", ["collected", "delivered", "cancelled", "returned"])
    def test_one_that_was_fetched_or_called_off_is_none(self, left: FakePool, stage: str) -> None:
        move(left, stage, NOON + HOUR)

        assert scan(UNCOLLECTED, NOON + 2 * DAY) == []

    def test_nobody_is_told_of_one_that_left_long_ago(self, left: FakePool) -> None:
        assert scan(UNCOLLECTED, NOON + 59 * DAY) != []
        assert scan(UNCOLLECTED, NOON + 61 * DAY) == []

    def test_many_of_a_carrier_in_a_warehouse_are_one_alert(self, left: FakePool) -> None:
        more_parcels(left, 5)

        found = scan(UNCOLLECTED, NOON + DAY + SCAN)

        assert [(alert.subject, alert.things, alert.order_id) for alert in found] == [("parcels:WH-A/yuantong", 6, 1)]
        assert found[0].sentence == (
            "6 parcels of 圆通速递 from WH-A were not collected; the oldest left 11-20 12:00: "
            "shop WOO, order 1: parcel 圆通速递 YT1"
        )

    def test_as_many_as_may_be_single_are(self, left: FakePool) -> None:
        more_parcels(left, 4)

        assert len(scan(UNCOLLECTED, NOON + DAY + SCAN)) == 5

    def test_a_group_stays_one_until_nothing_of_it_is_left(self, left: FakePool) -> None:
        more_parcels(left, 6)
        later = NOON + DAY + SCAN
        assert [alert.things for alert in scan(UNCOLLECTED, later)] == [7]

        left.execute("update parcel set stage = 'collected' where id > 101")
        assert [(alert.things, alert.opened_at) for alert in scan(UNCOLLECTED, later + SCAN)] == [(2, later)]
        left.execute("update parcel set stage = 'label_created' where id in (102, 103, 104, 105)")
        assert [(alert.things, alert.opened_at) for alert in scan(UNCOLLECTED, later + 2 * SCAN)] == [(6, later)]
        left.execute("update parcel set stage = 'collected'")
        assert scan(UNCOLLECTED, later + 3 * SCAN) == []
        assert left.rows("select count(*) from alert where rule = 'not_collected'") == [(1,)]

    def test_single_ones_become_one_when_they_are_many(self, left: FakePool) -> None:
        assert list(said(UNCOLLECTED, NOON + DAY + SCAN)) == ["parcel:1"]
        more_parcels(left, 9, NOON + HOUR)

        assert list(said(UNCOLLECTED, NOON + DAY + 2 * HOUR)) == ["parcels:WH-A/yuantong"]

    def test_one_that_grew_threefold_is_told_anew(self, left: FakePool) -> None:
        more_parcels(left, 9)
        first = scan(UNCOLLECTED, NOON + DAY + SCAN)
        left.execute("delete from parcel where id > 1")
        more_parcels(left, 28)
        known = scan(UNCOLLECTED, NOON + DAY + 2 * SCAN)
        left.execute("delete from parcel where id > 1")
        more_parcels(left, 29)
        anew = scan(UNCOLLECTED, NOON + DAY + 3 * SCAN)

        assert [(alert.things, alert.opened_at) for alert in (*first, *known, *anew)] == [
            (10, NOON + DAY + SCAN),
            (29, NOON + DAY + SCAN),
            (30, NOON + DAY + 3 * SCAN),
        ]


class TestNoMovement:
    def test_one_is_told_of_five_days_after_its_newest_scan(self, left: FakePool) -> None:
        move(left, "collected", NOON + HOUR)
        move(left, "in_transit", NOON + 2 * HOUR)
        move(left, "in_transit", NOON + 9 * HOUR)

        due = NOON + 9 * HOUR + 5 * DAY
        found = life(left, UNMOVED, due, lambda: move(left, "in_transit", due))

        assert found.sentences == {
            "parcel:1": "shop WOO, order 1: parcel 圆通速递 YT1 is without a scan since 11-20 21:00"
        }
        assert [alert.order_id for alert in found.alerts] == [1]

    def test_one_that_nobody_fetches_says_where_it_waits(self, left: FakePool) -> None:
        move(left, "at_pickup_point", NOON)

        found = life(left, UNMOVED, NOON + 5 * DAY, lambda: move(left, "delivered", NOON + 5 * DAY))

        assert found.sentences["parcel:1"].endswith("YT1 waits at a pick-up point and has no scan since 11-20 12:00")

    def test_a_shop_may_give_it_other_days(self, left: FakePool) -> None:
        set_shop("WOO", {"no_movement_days": "2.5"})
        move(left, "in_transit", NOON)

        life(left, UNMOVED, NOON + 2.5 * DAY, lambda: move(left, "out_for_delivery", NOON + 2.5 * DAY))

    @pytest.mark.parametrize("stage", ["label_created", "problem", "returning", "delivered", "returned", "cancelled"])
    def test_one_that_has_not_begun_or_has_ended_or_is_in_trouble_is_none(self, left: FakePool, stage: str) -> None:
        left.execute("update parcel set stage = %s", stage)

        assert scan(UNMOVED, NOON + 9 * DAY) == []

    def test_many_are_one(self, left: FakePool) -> None:
        more_parcels(left, 6)
        left.execute("update parcel set stage = 'in_transit'")

        assert said(UNMOVED, NOON + 6 * DAY) == {
            "parcels:WH-A/yuantong": "7 parcels of 圆通速递 from WH-A do not move; the oldest has no scan since "
            "11-20 12:00: shop WOO, order 1: parcel 圆通速递 YT1"
        }


class TestDeliveryProblem:
    @pytest.mark.parametrize(
        ("stage", "words"),
        [
            ("problem", "its carrier has a problem with it since 11-20 13:00"),
            ("returning", "it comes back since 11-20 13:00, and nobody asked for that"),
        ],
    )
    def test_one_in_trouble_is_told_of_with_the_next_scan(self, left: FakePool, stage: str, words: str) -> None:
        assert scan(TROUBLE, NOON + HOUR) == []
        move(left, stage, NOON + HOUR)

        assert said(TROUBLE, NOON + HOUR + SCAN) == {"parcel:1": f"shop WOO, order 1: parcel 圆通速递 YT1: {words}"}
        move(left, "out_for_delivery", NOON + 2 * HOUR)
        assert scan(TROUBLE, NOON + 2 * HOUR) == []

    def test_one_that_its_carrier_gave_up_is_told_of_as_that_alone(self, left: FakePool) -> None:
        left.execute("update parcel set note = 'given up by carrier: 3天查询无记录'")

        assert said(TROUBLE, NOON + HOUR) == {
            "parcel:1": "shop WOO, order 1: parcel 圆通速递 YT1: its carrier gave it up, "
            "the last news is of 11-20 12:00: 3天查询无记录"
        }
        assert scan(UNCOLLECTED, NOON + 2 * DAY) == []
        left.execute("update parcel set waybill = 'YT2', note = 'was yuantong YT1'")
        assert scan(TROUBLE, NOON + 2 * HOUR) == []

    def test_one_that_is_wanted_back_comes_back_without_alert(self, left: FakePool) -> None:
        left.execute(
            """insert into parcel_intercept (parcel_id, state, wish, reason, asked_by, wanted_at, changed_at)
               values (1, 'agreed', 'RETURN_SEND_ADDR', '', 'person:li', %s, %s)""",
            NOON,
            NOON,
        )
        move(left, "returning", NOON + HOUR)

        assert scan(TROUBLE, NOON + 2 * HOUR) == []

    @pytest.mark.parametrize("stage", ["delivered", "returned", "cancelled"])
    def test_one_that_has_ended_is_none(self, left: FakePool, stage: str) -> None:
        left.execute("update parcel set note = 'given up by carrier: x', stage = %s", stage)

        assert scan(TROUBLE, NOON + HOUR) == []


class TestShipBackFailed:
    def refuse(self, pool: FakePool) -> None:
        pool.execute("update outbox set state = 'refused', last_error = 'closed' where kind = 'ship_back'")

    def test_one_that_is_refused_is_told_of_at_once_and_by_one_rule(self, left: FakePool) -> None:
        assert scan(REFUSED, NOON + SCAN) == []
        self.refuse(left)

        assert said(REFUSED, NOON + 2 * SCAN) == {
            "parcel:1": "shop WOO: refuses parcel 圆通速递 YT1 since 11-20 12:00: closed"
        }
        assert scan(AlertRule.SHIP_BACK_OVERDUE, NOON + 9 * HOUR) == []
        assert [alert.order_id for alert in scan(REFUSED, NOON + 9 * HOUR)] == [1]
        left.execute("update outbox set state = 'delivered' where kind = 'ship_back'")
        assert scan(REFUSED, NOON + 10 * HOUR) == []

    @pytest.mark.parametrize("pay_state", ["finished", "cancelled"])
    def test_one_whose_order_is_closed_on_the_platform_is_none(self, left: FakePool, pay_state: str) -> None:
        self.refuse(left)
        left.execute("update orders set pay_state = %s", pay_state)

        assert scan(REFUSED, NOON + HOUR) == []

    def test_a_shop_that_refuses_all_is_one_alert(self, left: FakePool) -> None:
        self.refuse(left)
        more_parcels(left, 6)
        left.execute(
            """insert into outbox (kind, counterpart, subject_id, revision, key, state, attempts, in_doubt, next_at,
                 last_error, created_at)
               select 'ship_back', 'shop:WOO', id, 1, 'k' || id, 'refused', 1, false, %s, 'closed', %s
               from parcel where id > 1""",
            NOON,
            NOON + HOUR,
        )

        assert said(REFUSED, NOON + 2 * HOUR) == {
            "parcels:WOO": "shop WOO: refuses 7 parcels; the oldest since 11-20 12:00, parcel 圆通速递 YT1: closed"
        }
