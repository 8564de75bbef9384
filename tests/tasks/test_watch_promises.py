"""Promises to ship that end: orders that have not left, and held ones that nobody decided on."""

from datetime import datetime, timedelta

import pytest

from models.alert import AlertRule
from models.database import transaction
from models.hold import Finding, HoldCode, place_holds, release_holds
from tasks.shop_settings import set_shop
from tests.fakes import NOON, FakePool, payload, why
from tests.tasks.shipping import report
from tests.tasks.watching import SCAN, life, said, scan

HOUR = timedelta(hours=1)
OVER, DUE, HELD = AlertRule.NOT_DISPATCHED, AlertRule.DISPATCH_DUE, AlertRule.HELD_DUE

PAID = NOON - 2 * HOUR
END = PAID + timedelta(hours=48)


@pytest.fixture
def one(pool: FakePool) -> FakePool:
    """Order 1 of WOO, paid two hours before noon, routed and free to go; its platform promises nothing."""
    pool.stock(TEA=100)
    pool.take([payload(1)])
    pool.execute("update orders set paid_at = %s", PAID)
    pool.through_the_stages("route")
    return pool


def promise(pool: FakePool, until: datetime) -> None:
    pool.execute("update orders set ship_by = %s", until)
    pool.execute("update outbound_document set ship_by = %s, deadline_at = %s", until, until)


def hold(*codes: HoldCode) -> None:
    with transaction() as conn:
        place_holds(conn, [(1, Finding(code, "x", {})) for code in codes], why())


def release(*codes: HoldCode) -> None:
    with transaction() as conn:
        release_holds(conn, [1], codes, why())


class TestNotDispatched:
    def test_one_that_was_not_sent_off_is_told_of_before_and_after_its_promise_ends(self, one: FakePool) -> None:
        before = said(DUE, END - SCAN)
        after = said(OVER, END + SCAN)

        assert before == {"order:1": "shop WOO: order 1 is to leave by 11-22 10:00 and is routed"}
        assert after == {"order:1": "shop WOO: order 1 was to leave by 11-22 10:00 and is routed"}
        assert scan(DUE, END + SCAN) == []

    def test_one_at_its_warehouse_is_told_of_until_it_left(self, one: FakePool) -> None:
        one.through_the_stages("track")

        found = life(one, DUE, END - 6 * HOUR, lambda: report(one, {"YT1": {1: 1}}))

        assert found.sentences == {
            "order:1": "shop WOO: order 1 is to leave by 11-22 10:00 and is at warehouse WH-A, created"
        }
        assert [alert.order_id for alert in found.alerts] == [1]

    def test_one_that_is_over_closes_when_it_left(self, one: FakePool) -> None:
        one.through_the_stages("track")

        life(one, OVER, END, lambda: report(one, {"YT1": {1: 1}}))

    def test_what_the_platform_promised_counts(self, one: FakePool) -> None:
        one.through_the_stages("track")
        promise(one, NOON + 10 * 24 * HOUR)

        life(one, OVER, NOON + 10 * 24 * HOUR, lambda: promise(one, NOON + 30 * 24 * HOUR))

    def test_a_shop_may_be_warned_earlier(self, one: FakePool) -> None:
        set_shop("WOO", {"dispatch_due_h": "20"})

        life(one, DUE, END - 20 * HOUR, lambda: promise(one, NOON + 30 * 24 * HOUR))

    def test_of_a_short_promise_nothing_is_said_before_half_of_it_is_over(self, one: FakePool) -> None:
        promise(one, PAID + 8 * HOUR)

        life(one, DUE, PAID + 4 * HOUR, lambda: promise(one, NOON + 30 * 24 * HOUR))

    @pytest.mark.parametrize(
        "change",
        [
            "update orders set pay_state = 'unpaid'",
            "update orders set pay_state = 'blocked'",
            "update orders set pay_state = 'cancelled'",
            "update orders set kind = 'header'",
            "update order_state set stage = 'cancelled'",
        ],
    )
    def test_one_that_is_not_to_leave_is_none(self, one: FakePool, change: str) -> None:
        one.execute(change)

        assert scan(OVER, END + SCAN) == scan(DUE, END - SCAN) == []

    @pytest.mark.parametrize("state", ["shipped", "short", "rejected", "cancelled"])
    def test_a_document_that_has_ended_is_none(self, one: FakePool, state: str) -> None:
        one.through_the_stages("track")
        one.execute("update outbound_document set state = %s", state)

        assert scan(OVER, END + SCAN) == []

    def test_many_of_a_shop_are_one_alert(self, pool: FakePool) -> None:
        pool.stock(TEA=100)
        pool.take([payload(no) for no in range(1, 8)])
        pool.execute("update orders set paid_at = %s", PAID)
        pool.through_the_stages("route")

        found = scan(OVER, END + SCAN)

        assert [(alert.subject, alert.things, alert.order_id) for alert in found] == [("orders:WOO", 7, 1)]
        assert found[0].sentence == (
            "shop WOO: 7 orders have not left in time; the oldest promise ended 11-22 10:00: order 1, routed"
        )

    def test_one_that_its_batch_left_behind_is_found(self, one: FakePool) -> None:
        one.execute("update batch set state = 'closed', closed_at = %s", NOON)

        life(one, OVER, END, lambda: one.execute("update order_state set stage = 'cancelled'"))


class TestHeld:
    def test_one_that_nobody_decided_on_is_told_of_while_there_is_time(self, one: FakePool) -> None:
        hold(HoldCode.REMARK, HoldCode.HIGH_VALUE)

        found = life(one, HELD, END - 12 * HOUR, lambda: release(HoldCode.REMARK, HoldCode.HIGH_VALUE))

        assert found.sentences == {
            "order:1": "shop WOO: order 1 is held (HIGH_VALUE, REMARK) and is to leave by 11-22 10:00"
        }
        assert [alert.order_id for alert in found.alerts] == [1]

    def test_it_is_told_of_by_this_rule_alone_also_when_its_promise_ended(self, one: FakePool) -> None:
        hold(HoldCode.REMARK)

        assert len(scan(HELD, END + HOUR)) == 1
        assert scan(OVER, END + HOUR) == scan(DUE, END - HOUR) == []

    def test_a_shop_may_decide_later(self, one: FakePool) -> None:
        set_shop("WOO", {"held_due_h": "3"})
        hold(HoldCode.REMARK)

        life(one, HELD, END - 3 * HOUR, lambda: release(HoldCode.REMARK))

    @pytest.mark.parametrize("code", [HoldCode.REJECTED, HoldCode.REFUNDING, HoldCode.SHIPPED_ELSEWHERE])
    def test_one_that_is_not_to_leave_is_none(self, one: FakePool, code: HoldCode) -> None:
        hold(code, HoldCode.REMARK)

        assert scan(HELD, END + HOUR) == []

    def test_one_that_is_not_paid_is_none(self, one: FakePool) -> None:
        hold(HoldCode.UNPAID)
        one.execute("update orders set pay_state = 'unpaid'")

        assert scan(HELD, END + HOUR) == []

    def test_one_that_has_left_whole_is_none(self, one: FakePool) -> None:
        one.through_the_stages("track")
        hold(HoldCode.CHANGED_LATE)
        assert len(scan(HELD, END)) == 1
        report(one, {"YT1": {1: 1}})

        assert scan(HELD, END + HOUR) == []
