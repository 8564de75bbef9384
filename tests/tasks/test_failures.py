"""Which kind of fault an error is, and what a failed run says to do about it."""

import errno
import pickle

import psycopg
import pytest
from psycopg import errors as pg

from models.database import transaction
from models.errors import (
    ChannelDenied,
    ChannelRejected,
    ChannelUnavailable,
    CounterpartBusy,
    FeedError,
    OutcomeUnknown,
    PipelineError,
    PutOff,
    RateLimited,
    SetupError,
    StepFailed,
    TokenRefused,
)
from models.messages import OutboxKind
from models.rules.faults import WISHES, Fault
from models.settings import settings
from tasks.failures import CARRIER, SHOP, WAREHOUSE, advice, fault_of
from tasks.undelivered import obstacles_of
from tests.fakes import FakePool, payload

KINDS = (OutboxKind.OUTBOUND_CREATED,)
SAID = ("them", "call", "no")
ERRORS: list[tuple[Exception, str, Fault]] = [
    (ChannelUnavailable(*SAID), SHOP, Fault.PLATFORM_DOWN),
    (PutOff(*SAID), SHOP, Fault.PLATFORM_REFUSES),
    (ChannelUnavailable(*SAID), WAREHOUSE, Fault.WMS_DOWN),
    (ChannelUnavailable(*SAID), CARRIER, Fault.CARRIER_DOWN),
    (CounterpartBusy(*SAID), WAREHOUSE, Fault.ANOTHER_RUN),
    (RateLimited(*SAID, retry_after_s=1), SHOP, Fault.RATE_LIMITED),
    (OutcomeUnknown(*SAID), WAREHOUSE, Fault.NO_ANSWER),
    (TokenRefused(*SAID), SHOP, Fault.ACCESS_DENIED),
    (ChannelDenied(*SAID), CARRIER, Fault.ACCESS_DENIED),
    (ChannelDenied(*SAID), WAREHOUSE, Fault.WMS_REFUSES),
    (ChannelRejected(*SAID), SHOP, Fault.PLATFORM_REFUSES),
    (ChannelRejected(*SAID), WAREHOUSE, Fault.WMS_REFUSES),
    (FeedError("all dates are one"), SHOP, Fault.FEED_WRONG),
    (SetupError("shop a: there is none"), SHOP, Fault.SET_UP),
    (pg.UndefinedColumn("column x does not exist"), SHOP, Fault.SET_UP),
    (pg.DiskFull("no space"), SHOP, Fault.DISK_FULL),
    (pg.TooManyConnections("slots"), SHOP, Fault.DATABASE_BUSY),
    (psycopg.OperationalError("FATAL:  sorry, too many clients already"), SHOP, Fault.DATABASE_BUSY),
    (pg.QueryCanceled("statement timeout"), SHOP, Fault.DATABASE_BUSY),
    (pg.DeadlockDetected("deadlock detected"), SHOP, Fault.DATABASE_BUSY),
    (pg.AdminShutdown("terminating connection"), SHOP, Fault.DATABASE_GONE),
    (psycopg.OperationalError("connection refused"), SHOP, Fault.DATABASE_GONE),
    (pg.CheckViolation("stock below nothing"), SHOP, Fault.BUG),
    (PipelineError("the sender broke"), SHOP, Fault.BUG),
    (KeyError("total"), SHOP, Fault.BUG),
    (OSError(errno.EIO, "broken"), SHOP, Fault.BUG),
    (ChannelRejected("WH-S", "send", "HTTP 400 too many clients"), WAREHOUSE, Fault.WMS_REFUSES),
    (StepFailed("route: 3 orders stopped", Fault.DISK_FULL), SHOP, Fault.DISK_FULL),
]


@pytest.mark.parametrize(("error", "party", "fault"), ERRORS, ids=[type(error).__name__ for error, _, _ in ERRORS])
def test_an_error_is_of_the_kind_that_a_person_can_act_on(error: Exception, party: str, fault: Fault) -> None:
    assert fault_of(error, party) is fault


def test_every_fault_has_a_wish_that_fits_into_a_state() -> None:
    assert [fault for fault in Fault if not 10 <= len(WISHES.get(fault, "")) <= 90] == []


def test_the_advice_ends_with_the_section_of_the_runbook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERPOOL_PUBLIC_URL", "https://orders.example.com/")
    settings.cache_clear()

    assert advice(Fault.BUG) == (
        "What to do: press Retry once; if it fails again, tell the developers."
        " https://orders.example.com/console/runbook#bug"
    )
    monkeypatch.undo()
    settings.cache_clear()


def test_a_failed_step_keeps_its_kind_when_it_is_stored() -> None:
    stored = pickle.loads(pickle.dumps(StepFailed("dispatch: 1 of 2", Fault.WMS_DOWN)))

    assert (str(stored), stored.fault) == ("dispatch: 1 of 2", Fault.WMS_DOWN)


def test_messages_that_nobody_tried_count_with_the_cause_of_those_before_them(pool: FakePool) -> None:
    pool.stock(TEA=9)
    pool.take([payload(n) for n in range(1, 4)])
    pool.through_the_stages("dispatch")
    pool.execute("update outbox set fault = 'wms-down', last_error = 'WH-A: send: HTTP 503', attempts = 1 where id = 1")

    with transaction() as conn:
        (obstacle,) = obstacles_of(conn, [1], KINDS)

    assert (obstacle.at, obstacle.count, obstacle.fault) == ("WH-A", 3, Fault.WMS_DOWN)
    assert obstacle.why == "WH-A: send: HTTP 503"
    assert sorted(obstacle.examples) == ["1", "2", "3"]


def test_messages_that_came_meanwhile_are_for_another_run(pool: FakePool) -> None:
    pool.stock(TEA=9)
    pool.take([payload(n) for n in range(1, 4)])
    pool.through_the_stages("dispatch")
    ids = [row[0] for row in pool.rows("select id from outbox order by id")]

    with transaction() as conn:
        (obstacle,) = obstacles_of(conn, [1], KINDS, ids[:2])
        nothing = obstacles_of(conn, [1], KINDS, [])

    assert (obstacle.count, nothing) == (2, [])
