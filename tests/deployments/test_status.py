"""`orderpool status` and the console tell what waits and why from the pool alone: Prefect has never run here."""

import json
import socket
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest

from deployments.scratch import scratch_installation
from models.alert import AlertRule
from models.database import transaction
from models.settings import clock, settings
from tasks.alerts import raise_alerts
from tests.deployments.calling import run
from tests.fakes import FakePool
from tests.web.console.conftest import Browser, begin_session


def fill() -> None:
    """An order that the desk has to decide on, one whose run stopped, a message that is due, an alert."""
    now = clock().now()
    pool = FakePool()
    pool.execute("update shop set watermark = %s", now)
    pool.stock(TEA=5)
    pool.batch_of([{"TEA": 1}, {"TEA": 1}])
    pool.execute("update batch set created_at = %s", now - timedelta(hours=3))
    pool.execute(
        """insert into hold (order_id, code, sentence, evidence, rule_version, placed_at, resume_due)
           values (1, 'REMARK', '', '{}', 1, %s, false)""",
        now - timedelta(hours=2),
    )
    pool.execute(
        """insert into inbox (source, message_id, body_enc, state, note, received_at, erase_after)
           values ('shop:WOO', 'm', '', 'new', '', %s, %s)""",
        now - timedelta(minutes=20),
        now,
    )
    with transaction() as conn:
        raise_alerts(conn, AlertRule.RUN_FAILED, lambda *_: {"x": "process_orders/orders of WOO failed"}, now)


@pytest.fixture(scope="module")
def web_url() -> Iterator[str]:
    """An installation of which only the database and the web pages run, with orders that wait."""
    with (
        TemporaryDirectory(prefix="op-") as folder,
        scratch_installation(Path(folder), only=("postgres", "web")) as scratch,
    ):
        fill()
        yield scratch.web_url


def test_status_tells_what_waits_and_why_without_prefect(web_url: str) -> None:
    said = run("status")

    assert "2 orders wait:" in said
    assert "  on-call: its run stopped or failed: 1, oldest 2 of WOO for 3.0 h" in said
    assert "  order desk: note to be seen to: 1, oldest 1 of WOO for 2.0 h" in said
    assert "queue inbox shop:WOO: 1 wait, the oldest for 20 min" in said
    assert "1 alerts are open:" in said
    assert ": process_orders/orders of WOO failed" in said


def test_status_tells_machines_the_same(web_url: str) -> None:
    told = json.loads(run("status", "--json"))

    assert {part["part"]: part["state"] for part in told["parts"]} == dict.fromkeys(
        ["supervisor", "postgres", "web"], "running"
    )
    reasons = told["pool"]["waiting"]["reasons"]
    assert {(row["reason"], row["owner"], row["orders"]) for row in reasons} == {
        ("run_stopped", "on-call", 1),
        ("REMARK", "order desk", 1),
    }
    assert told["pool"]["alerts"][0]["rule"] == "run_failed"


def test_the_console_tells_what_waits_and_why_without_prefect(web_url: str) -> None:
    with Browser(httpx.URL(web_url)) as browser:
        begin_session(browser, "viewer")
        page = browser.get("/console/waiting?lang=en").text

    assert "note to be seen to" in page
    assert "its run stopped or failed" in page


def test_status_with_a_pool_that_does_not_answer_says_so_soon(web_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        monkeypatch.setenv("ORDERPOOL_DATABASE_URL", f"postgresql://127.0.0.1:{mute.getsockname()[1]}/none")
        settings.cache_clear()
        began = time.monotonic()
        said = run("status", code=1)
        took_s = time.monotonic() - began
        monkeypatch.undo()
        settings.cache_clear()

    assert "pool: not known what waits: ConnectionTimeout: " in said
    assert took_s < 20
