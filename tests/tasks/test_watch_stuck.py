"""What stays in a state beyond its limit: documents, batches, orders, refunds, returns, wishes to have parcels back."""

from datetime import timedelta
from pathlib import Path

import pytest

from models.alert import AlertRule
from models.errors import PipelineError
from models.rules.limits import Limit
from models.settings import settings
from tasks.limits import limits_in_force, shipped_limits
from tasks.watch import watch_all
from tests.fakes import NOON, FakePool, payload, why
from tests.tasks.shipping import dispatched, report
from tests.tasks.watching import SCAN, life, said, scan

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
DOCUMENT, ORDER, AFTER_SALES = AlertRule.DOCUMENT_STUCK, AlertRule.ORDER_STUCK, AlertRule.AFTER_SALES_STUCK


def limit(kind: str, state: str) -> timedelta:
    return shipped_limits().of(kind)[state]


@pytest.fixture
def sent(pool: FakePool) -> FakePool:
    """Order 1 in a document of WH-A, whose instruction got through at noon."""
    dispatched(pool)
    pool.execute("update outbox set state = 'delivered'")
    return pool


def number(pool: FakePool) -> str:
    return str(pool.rows("select no from outbound_document")[0][0])


class TestDocuments:
    @pytest.mark.parametrize(
        "state", ["created", "accepted", "queued", "picking", "picked", "packed", "put_back", "part_shipped"]
    )
    def test_one_is_told_of_when_it_stays_in_a_state_beyond_its_limit(self, sent: FakePool, state: str) -> None:
        if state != "created":
            sent.execute("update outbound_document set state = %s, state_at = %s", state, NOON)

        due = NOON + limit("document", state)
        found = life(sent, DOCUMENT, due, lambda: sent.execute("update outbound_document set state = 'shipped'"))

        assert found.sentences == {
            f"document:{number(sent)}": f"warehouse WH-A: document {number(sent)} is {state} since 11-20 12:00"
        }
        assert [alert.order_id for alert in found.alerts] == [1]

    @pytest.mark.parametrize("state", ["shipped", "short", "rejected", "cancelled"])
    def test_one_that_has_ended_is_none(self, sent: FakePool, state: str) -> None:
        sent.execute("update outbound_document set state = %s", state)

        assert scan(DOCUMENT, NOON + 9 * DAY) == []

    def test_one_whose_instruction_did_not_get_through_is_told_of_as_that(self, sent: FakePool) -> None:
        sent.execute("update outbox set state = 'pending'")

        assert scan(DOCUMENT, NOON + DAY) == []
        assert len(scan(AlertRule.INSTRUCTION_UNDELIVERED, NOON + DAY)) == 1

    def test_a_supplier_who_reports_once_a_day_has_a_day(self, sent: FakePool) -> None:
        sent.execute("update warehouse set kind = 'supplier'")

        assert scan(DOCUMENT, NOON + limit("document", "created") + SCAN) == []
        assert len(scan(DOCUMENT, NOON + limit("document", "accepted") + SCAN)) == 1

    def test_its_time_is_that_of_the_report_of_its_state(self, sent: FakePool) -> None:
        sent.execute("update outbound_document set created_at = created_at - interval '3 days'")
        report(sent, {"YT1": {1: 3}}, final=False)

        assert sent.rows("select state, state_at from outbound_document") == [("part_shipped", NOON)]
        assert said(DOCUMENT, NOON + limit("document", "part_shipped") - SCAN) == {}

    def test_many_of_a_warehouse_in_a_state_are_one_alert(self, sent: FakePool) -> None:
        sent.execute("update outbound_document set state = 'picked', state_at = %s", NOON)
        sent.execute(
            """insert into outbound_document (id, no, warehouse_id, shop_id, batch_id, revision, state, carrier,
                 receiver_token, created_at, state_at)
               select 100 + n, 'OB' || n, warehouse_id, shop_id, batch_id, 1, state, carrier, 't' || n, created_at, %s
               from outbound_document, generate_series(1, 5) n""",
            NOON + HOUR,
        )

        assert said(DOCUMENT, NOON + 6 * HOUR) == {
            "documents:WH-A/picked": "warehouse WH-A: 6 documents are picked for too long; the oldest since "
            f"11-20 12:00: document {number(sent)}"
        }


@pytest.fixture
def routed(pool: FakePool) -> FakePool:
    """A batch of noon with orders 1 to 3, routed and free to go."""
    pool.stock(TEA=10)
    pool.take([payload(no) for no in (1, 2, 3)])
    pool.through_the_stages("route")
    return pool


class TestBatchesAndOrders:
    @pytest.mark.parametrize("stage", ["ingested", "validated", "locked", "routed"])
    def test_a_batch_whose_orders_stay_at_a_stage_is_told_of_with_its_run(self, routed: FakePool, stage: str) -> None:
        routed.execute("update order_state set stage = %s", stage)
        routed.execute("update batch set flow_run_id = '0-1-2'")

        found = life(
            routed,
            ORDER,
            NOON + limit("order", stage),
            lambda: routed.execute("update order_state set stage = 'dispatched'"),
        )

        assert found.sentences == {"batch:1": f"shop WOO: batch 1 is open since 11-20 12:00; orders in it: 3 {stage}"}
        assert [(alert.order_id, alert.run_id) for alert in found.alerts] == [(1, "0-1-2")]

    def test_a_batch_that_looks_wrong_waits_to_be_accepted(self, routed: FakePool) -> None:
        routed.execute("""update batch set feed_findings = '["odd"]'""")

        assert said(ORDER, NOON + HOUR)["batch:1"].endswith("; it looks wrong and waits to be accepted")

    def test_a_batch_whose_orders_went_on_has_more_time(self, routed: FakePool) -> None:
        routed.execute("update order_state set stage = 'dispatched'")

        found = life(
            routed,
            ORDER,
            NOON + limit("batch", "open"),
            lambda: routed.execute("update batch set state = 'closed', closed_at = %s", NOON),
        )

        assert found.sentences["batch:1"].endswith("; its orders went on")

    def test_orders_that_are_held_hold_up_no_batch(self, routed: FakePool) -> None:
        routed.execute(
            """insert into hold (order_id, code, sentence, evidence, rule_version, placed_at, resume_due)
               select id, 'MANUAL', '', '{}', 1, %s, false from orders""",
            NOON,
        )

        assert scan(ORDER, NOON + HOUR) == []

    @pytest.mark.parametrize("state", ["closed", "abandoned"])
    def test_an_order_that_its_batch_left_behind_is_told_of_until_it_moves(self, routed: FakePool, state: str) -> None:
        routed.execute("update order_state set stage = 'dispatched' where order_id <> 2")
        routed.execute("update batch set state = %s, closed_at = %s", state, NOON)

        assert said(ORDER, NOON + limit("order", "routed") + SCAN) == {
            "order:2": "shop WOO: order 2 is routed since 11-20 12:00"
        }
        # also when its batch is out of sight by then
        assert len(scan(ORDER, NOON + 9 * DAY)) == 1
        routed.execute("update order_state set stage = 'dispatched'")
        assert scan(ORDER, NOON + 9 * DAY + SCAN) == []

    @pytest.mark.parametrize("change", ["pay_state = 'platform_ships'", "kind = 'header'"])
    def test_orders_that_are_not_ours_to_ship_are_none(self, routed: FakePool, change: str) -> None:
        routed.execute("update batch set state = 'closed', closed_at = %s", NOON)
        routed.execute(f"update orders set {change}")

        assert scan(ORDER, NOON + HOUR) == []

    def test_one_that_waits_for_room_is_told_of_as_that(self, routed: FakePool) -> None:
        routed.execute("update batch set state = 'closed', closed_at = %s", NOON - 9 * DAY)
        routed.execute("insert into release_wait select 2, id, %s, %s, %s from warehouse where id = 1", *[NOON] * 3)

        found = life(routed, ORDER, NOON + limit("order", "room"), lambda: routed.execute("delete from release_wait"))

        assert found.sentences == {"order:2": "shop WOO: order 2 is waiting for room since 11-20 12:00"}

    def test_one_whose_wait_ended_and_that_nobody_takes_up_is_told_of(self, routed: FakePool) -> None:
        routed.execute("update batch set state = 'closed', closed_at = %s", NOON - 9 * DAY)
        routed.execute(
            """insert into hold (order_id, code, sentence, evidence, rule_version, placed_at, released_at, resume_due)
               values (2, 'MANUAL', '', '{}', 1, %s, %s, true)""",
            NOON,
            NOON,
        )

        found = life(
            routed,
            ORDER,
            NOON + limit("order", "released"),
            lambda: routed.execute("update hold set resume_due = false"),
        )

        assert found.sentences == {"order:2": "shop WOO: order 2 is free to go on since 11-20 12:00"}

    def test_many_that_were_left_behind_are_one(self, pool: FakePool) -> None:
        pool.stock(TEA=10)
        pool.take([payload(no) for no in range(1, 8)])
        pool.through_the_stages("route")
        pool.execute("update batch set state = 'closed', closed_at = %s", NOON)

        assert said(ORDER, NOON + HOUR) == {
            "orders:WOO/routed": "shop WOO: 7 orders are routed for too long; the oldest since 11-20 12:00: order 1"
        }


def a_return(pool: FakePool, state: str, refund: str) -> None:
    """Return RT1 of order 1, with its goods and its money in these states since noon."""
    pool.execute(
        """insert into return_order (id, no, order_id, kind, state, reason, carrier, waybill, inspected_by, note,
             opened_at, opened_by, arrived_at, inspected_at)
           values (8, 'RT1', 1, 'return', %s, '', '', '', '', '', %s, 'test', %s, %s)""",
        state,
        NOON,
        NOON if state in {"arrived", "inspected"} else None,
        NOON if state == "inspected" else None,
    )
    pool.execute("insert into refund values (8, %s, 100, 0, '', %s)", refund, NOON)


class TestAfterSales:
    @pytest.mark.parametrize("state", ["announced", "on_the_way", "arrived", "inspected"])
    def test_goods_that_nobody_goes_on_with(self, sent: FakePool, state: str) -> None:
        a_return(sent, state, "none")

        found = life(
            sent,
            AFTER_SALES,
            NOON + limit("return", state),
            lambda: sent.execute("update return_order set state = 'closed'"),
        )

        assert found.sentences == {"return:8": f"shop WOO: return RT1 is {state} since 11-20 12:00"}
        assert [alert.order_id for alert in found.alerts] == [1]

    @pytest.mark.parametrize("state", ["wanted", "agreed", "asked", "in_doubt"])
    def test_money_that_nobody_goes_on_with(self, sent: FakePool, state: str) -> None:
        a_return(sent, "closed", state)

        found = life(
            sent,
            AFTER_SALES,
            NOON + limit("refund", state),
            lambda: sent.execute("update refund set state = 'done'"),
        )

        assert found.sentences == {"refund:8": f"shop WOO: refund RT1 is {state} since 11-20 12:00"}

    @pytest.mark.parametrize("state", ["wanted", "asked", "agreed", "refused", "in_doubt", "by_phone"])
    def test_a_parcel_that_is_wanted_back(self, sent: FakePool, state: str) -> None:
        report(sent, {"YT1": {1: 3, 2: 1}})
        sent.execute(
            """insert into parcel_intercept (parcel_id, state, wish, reason, asked_by, wanted_at, changed_at)
               values (1, %s, 'RETURN_SEND_ADDR', '', 'person:li', %s, %s)""",
            state,
            NOON,
            NOON,
        )

        found = life(
            sent,
            AFTER_SALES,
            NOON + limit("intercept", state),
            lambda: sent.execute("update parcel_intercept set state = 'missed'"),
        )

        assert found.sentences == {"intercept:1": f"shop WOO: intercept YT1 is {state} since 11-20 12:00"}
        assert [alert.order_id for alert in found.alerts] == [1]

    def test_a_return_that_is_over_is_none(self, sent: FakePool) -> None:
        a_return(sent, "called_off", "refused")

        assert scan(AFTER_SALES, NOON + 90 * DAY) == []


class TestLimitsOfAnInstallation:
    @pytest.fixture
    def own(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        file = tmp_path / "limits.yaml"
        monkeypatch.setenv("ORDERPOOL_LIMITS_FILE", str(file))
        settings.cache_clear()
        return file

    @pytest.fixture(autouse=True)
    def put_back(self) -> object:
        yield
        settings.cache_clear()

    def test_its_own_go_before_those_that_come_with_us(self, sent: FakePool, own: Path) -> None:
        own.write_text("limits:\n  document:\n    created: {after: 6h, why: it prints twice a day}\n")

        assert limits_in_force().limits["document"]["created"] == Limit(6 * HOUR, "it prints twice a day")
        assert limits_in_force().of("document")["picked"] == limit("document", "picked")
        life(sent, DOCUMENT, NOON + 6 * HOUR, lambda: sent.execute("update outbound_document set state = 'shipped'"))

    def test_a_file_that_cannot_be_used_is_told_of_and_stops_no_other_rule(self, sent: FakePool, own: Path) -> None:
        own.write_text("limits:\n  document:\n    creatd: {after: 6h, why: x}\n")
        sent.execute("update shop set watermark = %s", NOON)

        with pytest.raises(PipelineError, match=r"document_stuck: limits .*document creatd: there is none; there are"):
            watch_all(why(at=NOON + DAY))

        assert ("ingest_silent",) in sent.rows("select rule from alert")
