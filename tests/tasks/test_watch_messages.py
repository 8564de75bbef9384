"""Messages that stay where they are: what came in and is not worked on, what does not get through."""

from datetime import timedelta

import pytest

from models.alert import AlertRule
from models.messages import InboxState
from tasks.limits import shipped_limits
from tests.fakes import NOON, FakePool
from tests.tasks.shipping import dispatched, report
from tests.tasks.watching import SCAN, life, said, scan

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
INSTRUCTION, MESSAGE = AlertRule.INSTRUCTION_UNDELIVERED, AlertRule.MESSAGE_STUCK


@pytest.fixture
def sent(pool: FakePool) -> FakePool:
    """Order 1 in a document of WH-A, whose instruction waits since noon."""
    return dispatched(pool)


def set_messages(pool: FakePool, state: str, error: str = "") -> None:
    pool.execute("update outbox set state = %s, last_error = %s", state, error)


class TestInstructions:
    def test_one_that_does_not_get_through_is_told_of_after_35_minutes(self, sent: FakePool) -> None:
        found = life(sent, INSTRUCTION, NOON + timedelta(minutes=35), lambda: set_messages(sent, "delivered"))

        assert found.sentences == {
            "warehouse:WH-A": "warehouse:WH-A: 1 instructions to ship did not get through since 11-20 12:00: "
            "not tried yet"
        }
        assert [(alert.order_id, alert.things) for alert in found.alerts] == [(1, 1)]

    def test_one_that_is_refused_is_told_of_at_once(self, sent: FakePool) -> None:
        set_messages(sent, "refused", "unknown SKU")

        assert said(INSTRUCTION, NOON + SCAN) == {
            "warehouse:WH-A": "warehouse:WH-A: 1 instructions to ship did not get through since 11-20 12:00, "
            "1 of them refused: unknown SKU"
        }

    def test_one_that_stays_back_on_purpose_is_none(self, sent: FakePool) -> None:
        sent.execute(
            "insert into document_block (document_id, order_id, reason, placed_at) values (1, 1, 'desk', %s)", NOON
        )
        sent.execute("update document_block set document_id = (select id from outbound_document)")

        assert scan(INSTRUCTION, NOON + DAY) == []

    def test_one_of_a_document_that_has_ended_is_none(self, sent: FakePool) -> None:
        sent.execute("update outbound_document set state = 'cancelled'")

        assert scan(INSTRUCTION, NOON + DAY) == []

    def test_many_of_a_warehouse_are_one_alert_that_is_told_anew_when_it_grew(self, sent: FakePool) -> None:
        def more(beginning: int, end: int) -> None:
            sent.execute(
                """insert into outbox (kind, counterpart, subject_id, revision, key, state, attempts, in_doubt, next_at,
                     last_error, created_at)
                   select kind, counterpart, subject_id, 1, 'more-' || n, state, 1, false, next_at, 'HTTP 503', %s
                   from outbox, generate_series(%s::int, %s::int) n where kind = 'outbound.created' and attempts = 0""",
                NOON,
                beginning,
                end,
            )

        more(1, 4)
        first = scan(INSTRUCTION, NOON + HOUR)
        more(5, 29)
        anew = scan(INSTRUCTION, NOON + HOUR + SCAN)
        still = scan(INSTRUCTION, NOON + HOUR + 2 * SCAN)

        assert [(alert.things, alert.opened_at) for alert in (*first, *anew, *still)] == [
            (5, NOON + HOUR),
            (30, NOON + HOUR + SCAN),
            (30, NOON + HOUR + SCAN),
        ]
        assert anew[0].sentence.startswith("warehouse:WH-A: 30 instructions to ship did not get through since")


class TestOthers:
    def test_a_subscription_that_does_not_get_through(self, sent: FakePool) -> None:
        report(sent, {"YT1": {1: 3, 2: 1}})
        set_messages(sent, "delivered")
        sent.execute("update outbox set state = 'pending', last_error = 'HTTP 503' where kind = 'subscribe'")

        found = life(sent, MESSAGE, NOON + 6 * HOUR, lambda: sent.execute("update parcel set stage = 'delivered'"))

        assert found.sentences == {
            "outbox:carrier:kuaidi100:subscribe": "carrier:kuaidi100: 1 subscriptions of parcels did not get through "
            "since 11-20 12:00: HTTP 503"
        }
        assert [alert.order_id for alert in found.alerts] == [1]

    def test_a_delivery_that_its_shop_is_not_told_of(self, sent: FakePool) -> None:
        set_messages(sent, "delivered")
        sent.execute(
            """insert into outbox (kind, counterpart, subject_id, revision, key, state, attempts, in_doubt, next_at,
                 last_error, created_at)
               select 'delivered_back', 'shop:WOO', id, 1, 'delivered-1', 'pending', 3, false, %s, 'HTTP 503', %s
               from orders""",
            NOON,
            NOON,
        )

        found = life(sent, MESSAGE, NOON + DAY, lambda: set_messages(sent, "delivered"))

        assert found.sentences == {
            "outbox:shop:WOO:delivered_back": "shop:WOO: 1 deliveries to be told did not get through since "
            "11-20 12:00: HTTP 503"
        }
        assert [alert.order_id for alert in found.alerts] == [1]

    def test_ship_backs_and_listings_are_told_of_by_their_own_rules(self, sent: FakePool) -> None:
        report(sent, {"YT1": {1: 3, 2: 1}})
        sent.execute("update outbox set state = 'delivered' where kind <> 'ship_back'")

        assert scan(MESSAGE, NOON + DAY) == []

    @pytest.mark.parametrize(
        ("source", "kind"), [("wms:WH-A", "warehouse"), ("carrier:kuaidi100", "carrier"), ("shop:WOO", "other")]
    )
    def test_what_came_in_and_is_not_worked_on(self, sent: FakePool, source: str, kind: str) -> None:
        set_messages(sent, "delivered")
        sent.execute(
            """insert into inbox (source, message_id, state, note, received_at, erase_after)
               select %s, n::text, 'new', '', %s, %s from generate_series(1, 3) n""",
            source,
            NOON,
            NOON + 30 * DAY,
        )

        found = life(
            sent,
            MESSAGE,
            NOON + shipped_limits().of("inbox")[kind],
            lambda: sent.execute("update inbox set state = %s, done_at = %s", InboxState.DONE.value, NOON),
        )

        assert found.sentences == {
            f"inbox:{source}": f"{source}: 3 messages that came in wait to be worked on since 11-20 12:00"
        }
        assert [alert.things for alert in found.alerts] == [3]
