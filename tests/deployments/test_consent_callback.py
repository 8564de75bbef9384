import socket
from concurrent.futures import Future, ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx
import pytest

from deployments.consent_callback import CallbackPage
from models.errors import SetupError
from tasks.authorise import ConsentDeclined


def accept(query: dict[str, str]) -> str:
    """The code of an answer whose state is `ours`."""
    if query.get("state") != "ours":
        raise SetupError(f"the state {query.get('state')} is not <ours>")
    if "error" in query:
        raise ConsentDeclined(f"declined: {query['error']}")
    return query["code"]


def get(page: CallbackPage, query: str) -> httpx.Response:
    return httpx.get(f"{page.redirect_uri}?{query}", trust_env=False, timeout=10)


def waiting(page: CallbackPage, patience_s: float = 10) -> "Future[str]":
    return ThreadPoolExecutor(1).submit(page.wait, accept, patience_s)


def test_the_answer_is_taken_and_the_browser_told() -> None:
    page = CallbackPage(0)
    code = waiting(page)

    answer = get(page, "code=c1&state=ours")

    assert code.result(5) == "c1"
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert "The consent has arrived" in answer.text


def test_an_answer_with_another_state_is_refused_and_waiting_goes_on() -> None:
    page = CallbackPage(0)
    code = waiting(page)

    refused = get(page, "code=evil&state=<script>alert(1)</script>")
    get(page, "code=c1&state=ours")

    assert code.result(5) == "c1"
    assert refused.status_code == 400
    assert "&lt;script&gt;" in refused.text
    assert "<script>" not in refused.text


def test_a_seller_who_declines_ends_the_waiting() -> None:
    page = CallbackPage(0)
    code = waiting(page, patience_s=30)

    assert get(page, "state=ours&error=access_denied").status_code == 400
    with pytest.raises(SetupError, match="declined: access_denied"):
        code.result(5)


def test_other_addresses_are_not_found() -> None:
    page = CallbackPage(0)
    code = waiting(page)

    found = httpx.get(page.redirect_uri.replace("/callback", "/favicon.ico"), trust_env=False)
    get(page, "code=c1&state=ours")

    assert code.result(5) == "c1"
    assert found.status_code == 404


def test_waiting_ends_and_says_what_came_instead() -> None:
    page = CallbackPage(0)
    code = waiting(page, patience_s=0.5)
    get(page, "state=theirs")

    with pytest.raises(SetupError, match="within 0 s; the last answer: the state theirs is not <ours>"):
        code.result(5)


def test_a_connection_that_says_nothing_does_not_stop_the_answer() -> None:
    page = CallbackPage(0)
    code = waiting(page, patience_s=30)
    address = urlsplit(page.redirect_uri)
    with socket.create_connection((address.hostname, address.port)):
        got = get(page, "code=c1&state=ours")

    assert got.status_code == 200
    assert code.result(5) == "c1"


def test_only_loopback_is_listened_on() -> None:
    page = CallbackPage(0)
    code = waiting(page, patience_s=0.2)

    assert page.redirect_uri.startswith("http://127.0.0.1:")
    with pytest.raises(SetupError):
        code.result(5)


def test_a_port_that_is_taken_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(SetupError, match=f"port {port}: cannot be listened on"):
            CallbackPage(port)
