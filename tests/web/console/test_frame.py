"""What holds for every page of the console: rights, tokens, headers, messages."""

import re
from collections.abc import Callable

import pytest

from models.console import Role
from tests.fakes import FakePool
from tests.web.console.conftest import Browser, begin_session
from tests.web.console.routes import ways
from web.console.session import COOKIE, RIGHTS

WAYS = ways()
POSTS = [way for way in WAYS if way.method == "POST"]


def test_every_way_into_the_console_asks_for_a_right() -> None:
    assert [way for way in WAYS if not way.rights] == []


@pytest.mark.parametrize("role", list(Role))
def test_a_role_gets_where_its_rights_lead_and_no_further(signed_in: Callable[[str], Browser], role: Role) -> None:
    browser = signed_in(role)
    token = browser.cookies[COOKIE]
    wrong = []
    for way in sorted(WAYS, key=lambda way: way.path == "/console/sign-out"):
        may = all(role in RIGHTS[right] for right in way.rights)
        answer = browser.request(way.method, way.path, data={"csrf": browser.csrf} if way.method == "POST" else None)
        if (answer.status_code != 403) != may or answer.status_code >= 500:
            wrong.append((way, answer.status_code))
        if browser.cookies.get(COOKIE) != token:
            begin_session(browser, role)
            token = browser.cookies[COOKIE]

    assert wrong == []


def test_no_way_leads_in_without_a_session(browser: Browser) -> None:
    answers = {(way.method, way.path): browser.request(way.method, way.path) for way in WAYS}

    assert [
        place
        for place, answer in answers.items()
        if answer.status_code != 303 or not answer.headers["location"].startswith("/console/sign-in")
    ] == []


@pytest.mark.parametrize(
    ("token", "headers"),
    [
        ("", {}),
        ("another session's", {}),
        ("own", {"origin": "http://evil.test"}),
        ("own", {"origin": "null"}),
        ("own", {"sec-fetch-site": "cross-site"}),
        ("own", {"sec-fetch-site": "same-site"}),
    ],
)
def test_a_forged_form_is_refused_everywhere(
    signed_in: Callable[[str], Browser], token: str, headers: dict[str, str]
) -> None:
    browser = signed_in("admin")
    given = browser.csrf if token == "own" else token
    answers = {way.path: browser.post(way.path, data={"csrf": given}, headers=headers).status_code for way in POSTS}

    assert {path for path, status in answers.items() if status != 403} == set()


def test_a_forged_sign_in_is_refused(browser: Browser) -> None:
    browser.get("/console/sign-in")

    assert browser.post("/console/sign-in", data={"csrf": "x", "name": "li", "password": "y"}).status_code == 403


def test_the_token_may_come_in_a_header(signed_in: Callable[[str], Browser]) -> None:
    browser = signed_in("admin")
    own = {"origin": str(browser.base_url).rstrip("/"), "sec-fetch-site": "same-origin", "x-csrf-token": browser.csrf}

    assert browser.post("/console/people/unlock", data={"name": "admin"}, headers=own).status_code == 303


@pytest.mark.parametrize(
    "path", ["/console/sign-in", "/console/password", "/console/nothing", "/console/static/console.css"]
)
def test_every_answer_has_the_headers_that_keep_others_out(signed_in: Callable[[str], Browser], path: str) -> None:
    headers = signed_in("viewer").get(path).headers

    assert headers["content-security-policy"].startswith("default-src 'self'; frame-ancestors 'none'")
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert "static" in path or headers["cache-control"] == "no-store"


def test_no_page_has_a_script_or_style_in_it(signed_in: Callable[[str], Browser]) -> None:
    browser = signed_in("admin")
    pages = {way.path: browser.get(way.path).text for way in WAYS if way.method == "GET" and "export" not in way.path}

    assert [path for path, text in pages.items() if re.search(r"<style|<script>|<[^>]* (style|on[a-z]+)=", text)] == []


def test_the_bare_address_leads_to_the_console(browser: Browser) -> None:
    assert [browser.get(path).headers["location"] for path in ("/", "/console")] == ["/console/", "/console/"]


def test_an_unknown_page_is_told_as_a_page(signed_in: Callable[[str], Browser]) -> None:
    answer = signed_in("viewer").get("/console/nothing")

    assert (answer.status_code, "没有这个页面" in answer.text) == (404, True)


def test_a_part_of_a_page_is_told_its_error_as_a_part(signed_in: Callable[[str], Browser]) -> None:
    answer = signed_in("viewer").get("/console/people", headers={"hx-request": "true"})

    assert (answer.status_code, answer.headers["hx-retarget"]) == (403, "#message")
    assert "<html" not in answer.text


def test_a_lost_database_is_told_as_a_page(pool: FakePool, browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    from models.settings import settings

    monkeypatch.setenv("ORDERPOOL_DATABASE_URL", "postgresql://nobody@127.0.0.1:9/none")
    settings.cache_clear()
    answer = browser.get("/console/password", headers={"cookie": f"{COOKIE}=x"})

    assert (answer.status_code, "数据库没有响应" in answer.text) == (503, True)


def test_a_message_is_shown_once(signed_in: Callable[[str], Browser]) -> None:
    browser = signed_in("admin")
    browser.submit("/console/people/unlock", name="admin")

    assert [browser.said(), browser.said()] == ["admin 现在可以重新尝试登录。", ""]


def test_a_message_that_we_did_not_leave_is_not_shown(signed_in: Callable[[str], Browser]) -> None:
    browser = signed_in("admin")
    browser.submit("/console/people/unlock", name="admin")
    body, _, sign = browser.cookies["orderpool_flash"].strip('"').partition(".")
    browser.cookies.delete("orderpool_flash")
    browser.cookies.set("orderpool_flash", f"{body}A.{sign}", path="/console")

    assert browser.said() == ""


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"csrf=%00", "application/x-www-form-urlencoded", 400),
        (
            b'--x\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n\\ud800\r\n--x--\r\n',
            "multipart/form-data; boundary=x; charset=unicode_escape",
            400,
        ),
        (b"x=" + b"a" * 300_000, "application/x-www-form-urlencoded", 413),
        (b"not a form", "multipart/form-data", 400),
        (b"{}", "application/json", 403),
    ],
)
def test_a_form_that_is_none_is_refused(
    signed_in: Callable[[str], Browser], body: bytes, kind: str, status: int
) -> None:
    browser = signed_in("admin")
    answer = browser.post("/console/people", content=body, headers={"content-type": kind})

    assert answer.status_code == status
