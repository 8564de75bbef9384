import logging
import time

import httpx
import pytest

from models.settings import settings
from tests.web.conftest import PULL_TOKEN, Pool


def test_health_says_that_the_pool_answers(web: httpx.Client, pool: Pool) -> None:
    answer = web.get("/health")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "database": True})


def test_health_fails_without_a_pool(web: httpx.Client, pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERPOOL_DATABASE_URL", "postgresql://nobody@127.0.0.1:9/none")
    settings.cache_clear()

    answer = web.get("/health")

    assert (answer.status_code, answer.json()) == (503, {"status": "failing", "database": False})


def test_a_lost_pool_is_said_without_details(web: httpx.Client, pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERPOOL_DATABASE_URL", "postgresql://nobody@127.0.0.1:9/none")
    settings.cache_clear()

    answer = web.post("/hooks/wms/WH-E", content=b"{}")

    assert (answer.status_code, answer.json()) == (503, {"error": "try again later"})


def test_an_unforeseen_error_tells_nothing_of_what_was_sent(
    web: httpx.Client, pool: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    pool.execute("update receiver set name_enc = '\\x0102'")

    caplog.set_level(logging.INFO, logger="orderpool.web")
    answer = web.post("/receiver/rcv_abc", headers={"authorization": f"Bearer {PULL_TOKEN}"})

    assert (answer.status_code, answer.json()) == (500, {"error": "internal error"})
    # the line is written after the answer
    deadline = time.monotonic() + 5
    while "/receiver/{receiver_token} 500" not in caplog.text and time.monotonic() < deadline:
        time.sleep(0.01)
    assert "/receiver/{receiver_token} 500" in caplog.text
    assert "rcv_abc" not in caplog.text


@pytest.mark.parametrize("path", ["/nothing", "/hooks/wms/%00", "/hooks/wms/WH%2FE", "/docs", "/openapi.json"])
def test_an_unknown_path_is_not_found(web: httpx.Client, pool: Pool, path: str) -> None:
    answer = web.post(path) if "hooks" in path else web.get(path)

    assert (answer.status_code, answer.json()) == (404, {"error": "not found"})


def test_a_wrong_method_is_said_plainly(web: httpx.Client, pool: Pool) -> None:
    answer = web.get("/hooks/wms/WH-E")

    assert (answer.status_code, answer.json()) == (405, {"error": "method not allowed"})
