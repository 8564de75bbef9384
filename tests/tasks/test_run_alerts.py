"""What of a run's trouble is an alert, and when that is over; what Prefect says is given here."""

from dataclasses import replace
from datetime import timedelta

import pytest

from models.alert import AlertRule
from models.database import transaction
from models.errors import PipelineError
from tasks.alerts import OpenAlert, open_alerts
from tasks.run_alerts import Trouble, announcement, note, settle, silent_shops, trouble_of
from tasks.watch import watch_all
from tests.fakes import NOON, FakePool, why

MINUTE = timedelta(minutes=1)
FAILED = Trouble(AlertRule.RUN_FAILED, "process_orders/orders of WOO", "run-9", "dispatch: 2 of 9 not delivered", NOON)


def told(trouble: Trouble, minutes: int = 0) -> bool:
    with transaction() as conn:
        return note(conn, trouble, NOON + minutes * MINUTE)


def settled(*troubles: Trouble, minutes: int = 1) -> list[OpenAlert]:
    """The open alerts after Prefect was asked, and said that these runs are in trouble."""
    with transaction() as conn:
        for rule in {AlertRule.RUN_FAILED, AlertRule.RUN_LATE}:
            settle(conn, rule, troubles, NOON + minutes * MINUTE, None)
        return open_alerts(conn)


def trouble(**changes: object) -> Trouble | None:
    known: dict[str, object] = {
        "flow": "process_orders",
        "deployment": "orders",
        "shop": "WOO",
        "run_id": "run-9",
        "state_type": "FAILED",
        "state_name": "Failed",
        "message": "dispatch: 2 of 9 not delivered",
        "at": NOON,
    }
    return trouble_of(**(known | changes))  # type: ignore[arg-type]


def test_the_same_trouble_told_twice_is_one_alert(pool: FakePool) -> None:
    assert (told(FAILED), told(FAILED, 1)) == (True, False)
    assert [alert.subject for alert in settled(FAILED)] == [FAILED.work]


def test_an_alert_is_over_when_its_run_is_in_trouble_no_more(pool: FakePool) -> None:
    told(FAILED)

    assert settled() == []


def test_what_was_told_after_prefect_was_asked_stays(pool: FakePool) -> None:
    told(FAILED, minutes=5)

    assert len(settled(minutes=4)) == 1
    assert settled(minutes=6) == []


def test_what_is_told_after_it_was_over_opens_nothing(pool: FakePool) -> None:
    told(FAILED)
    settled()

    assert not told(FAILED, minutes=9)
    assert told(replace(FAILED, at=NOON + 8 * MINUTE), minutes=9)


def test_what_nobody_told_is_found_by_asking(pool: FakePool) -> None:
    (alert,) = settled(FAILED)

    assert alert.sentence.startswith("process_orders/orders of WOO failed 11-20 12:00; dispatch: 2 of 9 not delivered")


def test_many_runs_of_one_work_are_one_alert_with_the_newest(pool: FakePool) -> None:
    later = replace(FAILED, run_id="run-10", message="again", at=NOON + MINUTE)
    (alert,) = settled(FAILED, later)

    assert alert.sentence.startswith("process_orders/orders of WOO failed 11-20 12:01; again; 1 more before it")


def test_a_failed_run_is_over_when_a_later_one_completed(pool: FakePool) -> None:
    told(FAILED)

    assert settled(replace(FAILED, followed=True)) == []


def test_what_was_over_stays_over_when_what_followed_is_out_of_sight(pool: FakePool) -> None:
    told(FAILED)
    settled(replace(FAILED, followed=True))

    assert settled(FAILED, minutes=2) == []
    assert len(settled(replace(FAILED, at=NOON + 2 * MINUTE), minutes=3)) == 1


def test_a_failed_run_whose_orders_wait_for_retry_is_not_over(pool: FakePool) -> None:
    pool.batch_of([{"TEA": 1}])
    pool.execute("update batch set flow_run_id = 'run-9', state = 'open'")

    assert len(settled(replace(FAILED, followed=True))) == 1
    pool.execute("update batch set state = 'closed', closed_at = %s", NOON)
    assert settled(replace(FAILED, followed=True), minutes=2) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"state_type": "COMPLETED", "state_name": "Completed"},
        {"deployment": ""},
        {"flow": "watch_deadlines", "message": announcement(("shop WOO: no orders",), 3, 5)},
    ],
    ids=["completed", "of no deployment", "the announcement of alerts"],
)
def test_what_is_no_trouble(changes: dict[str, object]) -> None:
    assert trouble(**changes) is None


def test_a_watch_that_breaks_is_trouble() -> None:
    found = trouble(flow="watch_deadlines", deployment="every-ten-minutes", shop="", message="watch: 0 rules finished")

    assert found is not None
    assert found.work == "watch_deadlines/every-ten-minutes"


def test_late_runs_of_a_deployment_are_one_work_whatever_their_shop() -> None:
    late = [trouble(shop=shop, state_type="SCHEDULED", state_name="Late") for shop in ("A", "B")]

    assert {found.work for found in late if found} == {"process_orders/orders"}


def test_only_the_first_line_of_a_reason_is_told() -> None:
    found = trouble(message="Flow run encountered an exception: KeyError: 'x'\nTraceback: line")

    assert found is not None
    assert found.message == "KeyError: 'x'"


def test_a_shop_is_silent_after_three_polls_and_45_minutes(pool: FakePool) -> None:
    pool.execute("update shop set active = true, poll_minutes = 20, watermark = %s", NOON)
    with transaction() as conn:
        assert silent_shops(conn, NOON + 60 * MINUTE) == {}
        assert silent_shops(conn, NOON + 61 * MINUTE) == {
            "shop:WOO": "shop WOO: no orders were fetched since 11-20 12:00"
        }
    pool.execute("update shop set poll_minutes = 1")
    with transaction() as conn:
        assert silent_shops(conn, NOON + 45 * MINUTE) == {}
        assert silent_shops(conn, NOON + 46 * MINUTE) != {}


def test_nobody_waits_for_a_shop_that_is_switched_off_or_comes_as_a_file(pool: FakePool) -> None:
    pool.execute("update shop set active = false, watermark = %s", NOON)
    pool.execute(
        """insert into shop (code, channel, name, active, lock_unpaid, poll_minutes, settings, created_at)
           values ('F', 'file', '', true, false, 15, '{}', %s)""",
        NOON,
    )
    with transaction() as conn:
        assert silent_shops(conn, NOON + 600 * MINUTE) == {}


def test_a_prefect_that_does_not_answer_keeps_the_other_rules_going(pool: FakePool) -> None:
    pool.execute("update shop set active = true, watermark = %s", NOON - 60 * MINUTE)

    def away(_: object) -> list[Trouble]:
        raise ConnectionError("away")

    with pytest.raises(PipelineError, match="runs: ConnectionError: away"):
        watch_all(why(), away)
    with transaction() as conn:
        assert [alert.rule for alert in open_alerts(conn)] == [AlertRule.INGEST_SILENT]
