"""Codes leave once, in time, and only for phones that have orders."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from connectors.messages import sms
from models.database import transaction
from sandbox.server import Sandbox
from tasks.progress_codes import ask_code, has_codes
from tasks.progress_limits import Caller
from tasks.progress_sms import A_MINUTE, send_codes, set_sms
from tests.clocks import StoppedClock, in_force
from tests.fakes import NOON, FakePool, payload


@pytest.fixture
def clock() -> Iterator[StoppedClock]:
    with in_force(StoppedClock(NOON + timedelta(hours=1))) as stopped:
        yield stopped


@pytest.fixture
def sandbox(running_sandbox: Sandbox, clock: StoppedClock) -> Sandbox:
    running_sandbox.do("POST", "/reset")
    running_sandbox.do("POST", "/clock", {"now": clock.now().isoformat()})
    return running_sandbox


@pytest.fixture
def waiting(pool: FakePool, sandbox: Sandbox, clock: StoppedClock) -> FakePool:
    """A code that waits for a phone with an order."""
    pool.take([payload(1)])
    set_sms(sandbox.sms())
    ask("13900000001", clock)
    return pool


def ask(phone: str, clock: StoppedClock) -> None:
    with transaction() as conn:
        ask_code(conn, phone, Caller("", phone.encode()), clock.now())


def sent(sandbox: Sandbox) -> list[str]:
    return [message["phone"] for message in sandbox.do("GET", "/books")["sms"]["aliyun"]]


def states(pool: FakePool) -> list[tuple[str, bool]]:
    return [(row[0], row[1]) for row in pool.rows("select state, sealed_enc is null from progress_code order by id")]


def broken(sandbox: Sandbox, kind: str, **how: object) -> None:
    sandbox.do("POST", "/faults", {"target": "sms:aliyun", "kind": kind, "times": 1, **how})


def test_a_code_is_sent_once(waiting: FakePool, sandbox: Sandbox) -> None:
    assert has_codes()
    assert [send_codes().sent, send_codes().sent] == [1, 0]
    assert not has_codes()
    assert sent(sandbox) == ["13900000001"]
    assert states(waiting) == [("sent", True)]


def test_a_phone_without_orders_gets_nothing(waiting: FakePool, sandbox: Sandbox, clock: StoppedClock) -> None:
    ask("13900000002", clock)
    count = send_codes()

    assert (count.sent, count.without_orders) == (1, 1)
    assert sent(sandbox) == ["13900000001"]
    assert states(waiting) == [("sent", True), ("no_orders", True)]


def test_what_may_have_been_sent_is_not_sent_again(
    waiting: FakePool, sandbox: Sandbox, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sms, "TIMEOUT_S", 0.3)
    broken(sandbox, "timeout_after")
    send_codes()
    clock.advance(seconds=30)

    assert send_codes().sent == 0
    assert sent(sandbox) == ["13900000001"]
    assert states(waiting) == [("in_doubt", True)]


def test_a_process_that_died_while_sending_is_not_followed_by_another(
    waiting: FakePool, sandbox: Sandbox, clock: StoppedClock
) -> None:
    waiting.execute("update progress_code set state = 'sending'")
    clock.advance(minutes=11)

    assert (has_codes(), send_codes().sent, sent(sandbox)) == (False, 0, [])
    assert states(waiting) == [("in_doubt", True)]


@pytest.mark.parametrize("kind", ["http_503", "rate_limit"])
def test_a_service_that_is_away_is_asked_again_within_the_time(
    waiting: FakePool, sandbox: Sandbox, clock: StoppedClock, kind: str
) -> None:
    broken(sandbox, kind)
    first = send_codes()
    assert (first.sent, len(first.obstacles), has_codes()) == (0, 1, False)
    clock.advance(seconds=15)

    assert send_codes().sent == 1
    assert states(waiting) == [("sent", True)]


def test_a_code_that_is_late_is_dropped(waiting: FakePool, sandbox: Sandbox, clock: StoppedClock) -> None:
    clock.advance(minutes=5)
    count = send_codes()

    assert (count.sent, count.late, sent(sandbox)) == (0, 1, [])
    assert states(waiting) == [("late", True)]


def test_a_refusal_is_kept_without_the_phone(waiting: FakePool, sandbox: Sandbox) -> None:
    set_sms({"template_code": "SMS_1"})
    obstacles = send_codes().obstacles

    assert len(obstacles) == 1
    assert "isv.SMS_TEMPLATE_ILLEGAL" in obstacles[0]
    assert waiting.rows("select state, last_error from progress_code") == [("refused", obstacles[0])]
    assert "139" not in obstacles[0]


def test_a_number_that_gets_no_more_messages_stands_in_nobodys_way(waiting: FakePool, clock: StoppedClock) -> None:
    send_codes()
    clock.advance(seconds=61)  # not so at the service, whose minute goes on
    ask("13900000001", clock)
    count = send_codes()

    assert (count.sent, count.refused, count.obstacles) == (0, 1, ())
    ((state, error),) = waiting.rows("select state, last_error from progress_code order by id desc limit 1")
    assert (state, "isv.BUSINESS_LIMIT_CONTROL" in error) == ("refused", True)


def test_without_a_service_the_code_waits(pool: FakePool, clock: StoppedClock) -> None:
    pool.take([payload(1)])
    ask("13900000001", clock)

    assert "orderpool sms set" in send_codes().obstacles[0]
    assert states(pool) == [("waiting", False)]


def test_a_minute_has_so_many_messages(waiting: FakePool, sandbox: Sandbox, clock: StoppedClock) -> None:
    waiting.execute(
        """insert into progress_code (browser_hash, phone_hash, state, tries, made_at, ends_at, next_at, sent_at,
                                      last_error)
           select '', '', 'sent', 0, %s, %s, %s, %s, '' from generate_series(1, %s)""",
        *[clock.now()] * 4,
        A_MINUTE,
    )
    held = send_codes()
    clock.advance(seconds=61)

    assert (held.sent, held.held_back) == (0, 1)
    assert held.obstacles == (f"sms: 1 codes wait: {A_MINUTE} messages within a minute are the most",)
    assert send_codes().sent == 1
