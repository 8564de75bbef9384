"""What the sandbox told anybody is true after its death, and what it owed is sent then."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from models.settings import CHECKOUT
from sandbox.errors import JournalError
from sandbox.journal import Journal
from tests.sandbox.clients import Inbox

NOW = datetime.now(UTC)
CROWD = {
    "count": 200,
    "since": (NOW - timedelta(minutes=9)).isoformat(),
    "until": NOW.isoformat(),
    "skus": ["TEA", "CUP"],
    "run": 1,
}


class Process:
    """A sandbox with a journal, that can die."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.port = 0
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "sandbox", "--port", str(self.port), "--json", "--journal", str(self._file)]
        self._child = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=CHECKOUT)
        assert self._child.stdout
        self.world = json.loads(self._child.stdout.readline())
        self.port = int(self.world["url"].rpartition(":")[2])

    def kill(self) -> None:
        self._child.kill()
        self._child.communicate()

    def do(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        answer = httpx.request(method, f"{self.world['control']}/{path}", json=body, timeout=30, trust_env=False)
        answer.raise_for_status()
        return answer.json()


@contextmanager
def process(file: Path) -> Iterator[Process]:
    with ExitStack() as stack:
        made = Process(file)
        stack.callback(made.kill)
        yield made


def test_what_it_answered_is_true_after_its_death(tmp_path: Path) -> None:
    with process(tmp_path / "world") as sandbox:
        sandbox.do("POST", "shops/woo-1/crowd", CROWD)
        sandbox.do("POST", "warehouses", {"code": "WH-E", "callback_url": "http://127.0.0.1:9", "mode": "auto"})
        before = sandbox.do("GET", "shops/woo-1/orders")
        url = sandbox.world["url"]

        sandbox.kill()
        sandbox.start()

        assert sandbox.world["url"] == url
        assert sandbox.do("GET", "shops/woo-1/orders") == before
        assert len(before["orders"]) == 200
        entry = next(row for row in sandbox.world["warehouses"] if row["code"] == "WH-E")
        assert entry["mode"] == "auto"


def test_a_message_that_was_owed_is_sent_after_the_restart(tmp_path: Path, received: Inbox) -> None:
    with process(tmp_path / "world") as sandbox:
        sandbox.do("POST", "warehouses", {"code": "WH-E", "callback_url": f"{received.url}/hook"})
        sandbox.do("POST", "faults", {"target": "wms:WH-E", "kind": "out_of_order", "times": 1})
        sandbox.do("POST", "warehouses/WH-E/send", {"type": "outbound.accepted", "data": {"outbound_no": "OB1"}})
        assert not received.messages
        # the message is held back in memory; the answer to another request makes that safe as well
        sandbox.do("POST", "clock", {"advance_s": 1})

        sandbox.kill()
        sandbox.start()

        received.wait(1, seconds=10)
        assert [body["data"]["outbound_no"] for body in received.bodies()] == ["OB1"]


def test_answers_that_wait_at_the_same_time_share_one_writing(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "world")
    before = journal.writings

    async def crowd() -> None:
        await asyncio.gather(*(journal.safe() for _ in range(100)))

    asyncio.run(crowd())

    assert journal.writings - before <= 2


def test_a_file_of_something_else_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "world").write_text("no world")

    with pytest.raises(JournalError, match="world cannot be read"):
        Journal.open(tmp_path / "world")
