"""Signing in and out: who gets in, who waits, how long a session holds."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest

from models.console import Role
from models.settings import SystemClock, clock, set_clock
from tasks.people import add_person, set_active, set_password, set_role, unlock
from tasks.sessions import ADDRESS_TRIES
from tests.fakes import FakePool, why
from tests.web.console.conftest import PASSWORD, Browser, hidden
from web.console.session import COOKIE

pytestmark = pytest.mark.usefixtures("li")

WRONG = "wrong horse battery"


class Later:
    """The machine's clock put forward."""

    def __init__(self, by: timedelta) -> None:
        self.by = by

    def now(self) -> datetime:
        return SystemClock().now() + self.by


@pytest.fixture
def later() -> Iterator[Callable[[timedelta], None]]:
    """Puts the clock forward by a time from now."""
    yield lambda by: set_clock(Later(by))
    set_clock(SystemClock())


@pytest.fixture
def li(pool: FakePool) -> str:
    return add_person("Li", Role.DESK, PASSWORD, why())


def is_in(browser: Browser) -> bool:
    return browser.get("/console/password").status_code == 200


def test_the_right_password_begins_a_session(browser: Browser) -> None:
    answer = browser.sign_in(" LI ")

    assert (answer.status_code, answer.headers["location"]) == (303, "/console/")
    assert is_in(browser)


def test_a_console_without_people_says_how_to_add_one(pool: FakePool, browser: Browser) -> None:
    pool.execute("delete from console_user")

    assert "orderpool user add" in browser.get("/console/sign-in").text


def test_a_page_leads_to_the_sign_in_and_back(browser: Browser) -> None:
    asked = browser.get("/console/password?lang=en")

    assert asked.headers["location"] == "/console/sign-in?next=%2Fconsole%2Fpassword%3Flang%3Den"
    assert browser.sign_in("li", wanted="/console/password?lang=en").headers["location"] == "/console/password?lang=en"


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.test/", "//evil.test", "/console//evil.test", "/console/\\evil", "/consoles", "javascript:alert(1)",
     "/console/sign-in", "/console/\r\nx: y"],
)  # fmt: skip
def test_the_sign_in_leads_nowhere_else(browser: Browser, elsewhere: str) -> None:
    assert browser.sign_in("li", wanted=elsewhere).headers["location"] == "/console/"


def test_a_part_of_a_page_is_led_to_the_sign_in_as_a_whole(browser: Browser) -> None:
    answer = browser.get("/console/password", headers={"hx-request": "true"})

    assert (answer.status_code, answer.headers["hx-redirect"]) == (401, "/console/sign-in")


def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(browser: Browser) -> None:
    wrong, unknown = browser.sign_in("li", WRONG), browser.sign_in("nobody", WRONG)

    assert (wrong.status_code, unknown.status_code) == (401, 401)
    assert wrong.text.replace('value="li"', "") == unknown.text.replace('value="nobody"', "")


def test_tries_are_noted_without_what_was_typed(pool: FakePool, browser: Browser) -> None:
    browser.sign_in("li", WRONG)
    browser.sign_in(WRONG, "li")
    browser.sign_in("li")

    noted = pool.rows("select what, actor, address, detail from access_log order by id")
    assert noted == [
        ("sign_in_failed", "person:li", "127.0.0.1", None),
        ("sign_in_failed", "person:?", "127.0.0.1", None),
        ("signed_in", "person:li", "127.0.0.1", None),
    ]


def test_after_five_wrong_passwords_a_name_waits(
    pool: FakePool, browser: Browser, later: Callable[[timedelta], None]
) -> None:
    answers = [browser.sign_in("li", WRONG) for _ in range(5)] + [browser.sign_in("li")]

    assert {answer.status_code for answer in answers} == {401}
    later(timedelta(minutes=15, seconds=1))
    assert browser.sign_in("li", WRONG).status_code == 401  # waits twice as long now
    later(timedelta(minutes=31))
    assert browser.sign_in("li").status_code == 401
    later(timedelta(minutes=46))
    assert browser.sign_in("li").status_code == 303
    assert pool.rows("select failures, locked_until from console_user") == [(0, None)]


def test_an_admin_lets_a_waiting_name_try_again(browser: Browser) -> None:
    for _ in range(5):
        browser.sign_in("li", WRONG)

    unlock("li", why())

    assert browser.sign_in("li").status_code == 303


def test_an_address_that_failed_too_often_waits_whatever_the_name(
    pool: FakePool, browser: Browser, later: Callable[[timedelta], None]
) -> None:
    pool.execute(
        """insert into access_log (at, actor, what, address)
           select %s, 'person:?', 'sign_in_failed', '127.0.0.1' from generate_series(1, %s)""",
        clock().now(),
        ADDRESS_TRIES,
    )
    waiting = browser.sign_in("li")
    token = hidden(browser.get("/console/sign-in").text, "csrf")
    elsewhere = browser.post(
        "/console/sign-in",
        data={"csrf": token, "name": "li", "password": PASSWORD},
        headers={"x-forwarded-for": "192.0.2.7"},
    )

    assert (waiting.status_code, waiting.headers["retry-after"]) == (429, "600")
    assert elsewhere.status_code == 303
    later(timedelta(minutes=11))
    assert browser.sign_in("li").status_code == 303


def test_the_cookie_is_out_of_reach_for_scripts_and_other_sites(pool: FakePool, browser: Browser) -> None:
    set_cookie = next(value for value in browser.sign_in("li").headers.get_list("set-cookie") if COOKIE + "=" in value)

    assert "HttpOnly" in set_cookie
    assert "SameSite=lax" in set_cookie
    assert "Secure" not in set_cookie  # the test speaks http
    assert browser.cookies[COOKIE].encode() not in pool.rows("select digest from console_session")[0][0]


def test_over_https_the_cookie_stays_on_https(browser: Browser) -> None:
    token = hidden(browser.get("/console/sign-in").text, "csrf")
    answer = browser.post(
        "/console/sign-in",
        data={"csrf": token, "name": "li", "password": PASSWORD},
        headers={"x-forwarded-proto": "https"},
    )

    assert "Secure" in next(value for value in answer.headers.get_list("set-cookie") if COOKIE + "=" in value)


def test_a_sign_in_ends_the_session_before(pool: FakePool, browser: Browser) -> None:
    browser.sign_in("li")
    before = browser.cookies[COOKIE]
    browser.sign_in("li")

    assert browser.cookies[COOKIE] != before
    assert pool.rows("select count(*) from console_session") == [(1,)]


def test_signing_out_ends_the_session(pool: FakePool, signed_in: Callable[[str], Browser]) -> None:
    browser = signed_in("viewer")

    assert browser.submit("/console/sign-out").headers["location"] == "/console/sign-in"
    assert not is_in(browser)
    assert pool.rows("select count(*) from console_session") == [(0,)]


def test_a_session_ends_when_nothing_is_asked_for_twelve_hours(
    signed_in: Callable[[str], Browser], later: Callable[[timedelta], None]
) -> None:
    browser = signed_in("viewer")

    later(timedelta(hours=11, minutes=59))
    assert is_in(browser)
    later(timedelta(hours=23, minutes=58))
    assert is_in(browser)
    later(timedelta(hours=35, minutes=59))
    assert not is_in(browser)


def test_a_session_ends_after_seven_days_of_use(
    pool: FakePool, signed_in: Callable[[str], Browser], later: Callable[[timedelta], None]
) -> None:
    browser = signed_in("viewer")
    pool.execute("update console_session set seen_at = seen_at + interval '7 days'")

    later(timedelta(days=7, minutes=-1))
    assert is_in(browser)
    later(timedelta(days=7, seconds=1))
    assert not is_in(browser)


@pytest.mark.parametrize("change", ["role", "active", "password"])
def test_what_changes_a_person_ends_the_sessions(browser: Browser, change: str) -> None:
    browser.sign_in("li")
    if change == "role":
        set_role("li", Role.VIEWER, why())
    elif change == "active":
        set_active("li", False, why())
    else:
        set_password("li", "another password", why())

    assert not is_in(browser)


def test_whoever_is_not_active_cannot_sign_in(browser: Browser) -> None:
    set_active("li", False, why())

    assert browser.sign_in("li").status_code == 401


def test_ones_own_password_changes_and_other_sessions_end(
    browser: Browser, signed_in: Callable[[str], Browser]
) -> None:
    browser.sign_in("li")
    other = hidden(browser.get("/console/password").text, "csrf")
    old = browser.cookies[COOKIE]
    new = {"old": PASSWORD, "new": "a new password", "again": "a new password"}

    assert browser.post("/console/password", data={"csrf": other, **new}).status_code == 303
    assert is_in(browser)
    assert browser.cookies[COOKIE] != old
    assert browser.sign_in("li").status_code == 401
    assert browser.sign_in("li", "a new password").status_code == 303


@pytest.mark.parametrize(
    ("old", "new", "again"),
    [(WRONG, "a new password", "a new password"), (PASSWORD, "short", "short"), (PASSWORD, "a new password", "other"),
     (PASSWORD, PASSWORD, PASSWORD)],
)  # fmt: skip
def test_a_bad_wish_for_a_password_changes_nothing(
    pool: FakePool, browser: Browser, old: str, new: str, again: str
) -> None:
    browser.sign_in("li")
    before = pool.rows("select password_hash from console_user")
    token = hidden(browser.get("/console/password").text, "csrf")
    answer = browser.post("/console/password", data={"csrf": token, "old": old, "new": new, "again": again})

    assert answer.status_code == 409
    assert pool.rows("select password_hash from console_user") == before


def test_guessing_at_ones_own_password_makes_the_name_wait(pool: FakePool, browser: Browser) -> None:
    browser.sign_in("li")
    token = hidden(browser.get("/console/password").text, "csrf")
    tries = [WRONG] * 5 + [PASSWORD]
    answers = [
        browser.post(
            "/console/password", data={"csrf": token, "old": old, "new": "a new password", "again": "a new password"}
        )
        for old in tries
    ]

    assert [answer.status_code for answer in answers] == [409] * 6
    assert pool.rows("select failures from console_user") == [(5,)]
