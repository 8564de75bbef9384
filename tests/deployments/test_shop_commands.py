"""The commands for shops, each in a process of its own, against the sandbox."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.server import Sandbox, running
from tests.shared_pool import emptied, shared_pool

COMMAND = [sys.executable, "-m", "deployments.cli"]


@dataclass(frozen=True)
class Shell:
    """Runs commands with an installation of its own."""

    env: dict[str, str]
    sandbox: Sandbox

    def run(self, *arguments: str, ok: bool = True) -> str:
        """What a command prints; its standard error when it must fail."""
        done = subprocess.run(
            [*COMMAND, *arguments], env=self.env, capture_output=True, text=True, timeout=120, check=False
        )
        assert (done.returncode == 0) is ok, done.stdout + done.stderr
        return done.stdout if ok else done.stdout + done.stderr

    def json(self, *arguments: str, ok: bool = True) -> Any:
        """What a command prints for machines."""
        return json.loads(self.run(*arguments, "--json", ok=ok))

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """A command that waits for something."""
        return subprocess.Popen(
            [*COMMAND, *arguments], env={**self.env, "PYTHONUNBUFFERED": "1"}, stdout=subprocess.PIPE, text=True
        )

    def add(self) -> None:
        """Add shop tmall-1 of the sandbox before its seller has agreed."""
        entry = self.sandbox.shop("tmall-1")
        pages = {"consent_url": f"{self.sandbox.url}/authorize", "token_url": entry["token_url"]}
        keys = {name: entry[name] for name in ("endpoint", "app_key", "app_secret")} | pages
        given = [argument for name, value in keys.items() for argument in ("--credential", f"{name}={value}")]
        assert "orderpool shop authorize tmall-1" in self.run("shop", "add", "tmall-1", "--channel", "tmall", *given)


@pytest.fixture(scope="module")
def shell_database(postgres: str) -> Iterator[str]:
    with shared_pool(postgres, "shopcommands") as url:
        yield url


@pytest.fixture
def shell(shell_database: str, tmp_path: Path) -> Iterator[Shell]:
    with emptied(shell_database) as url, running() as sandbox:
        env = {"ORDERPOOL_VAR": str(tmp_path), "ORDERPOOL_DATABASE_URL": url, "ORDERPOOL_KEY": "ab" * 32}
        yield Shell({**os.environ, **env}, sandbox)


def page_in(said: str) -> str:
    found = re.search(r"^  (http\S+)$", said, re.MULTILINE)
    assert found, said
    return found[1]


def test_a_seller_agrees_and_the_code_is_given_to_a_second_command(shell: Shell) -> None:
    shell.add()
    assert "waits for the seller's consent" in shell.run("shop", "check", "tmall-1", ok=False)

    said = shell.run("shop", "authorize", "tmall-1", "--redirect-uri", "https://oms.example.com/back")
    back = httpx.get(page_in(said), trust_env=False).headers["location"]
    assert back.startswith("https://oms.example.com/back?code=code-tmall-1&state=")
    done = shell.run("shop", "authorize", "tmall-1", "--code", back)

    assert re.search(r"^token: good until 20\d\d-\d\d-\d\d \d\d:\d\d; refreshable until ", done, re.MULTILINE)
    assert done.endswith("a signed read works\n")
    checked = shell.json("shop", "check", "tmall-1")
    assert (checked["ok"], checked["token"]["refreshable"]) == (True, True)


def test_a_command_listens_for_the_answer(shell: Shell) -> None:
    shell.add()
    with shell.start("shop", "authorize", "tmall-1", "--listen", "--port", "0") as waits:
        assert waits.stdout
        page = page_in("".join(waits.stdout.readline() for _ in range(2)))
        answer = httpx.get(page, trust_env=False, follow_redirects=True)
        rest = waits.stdout.read()

    assert "The consent has arrived" in answer.text
    assert waits.returncode == 0
    assert rest.endswith("a signed read works\n")


def test_an_address_with_another_state_is_refused(shell: Shell) -> None:
    shell.add()
    shell.run("shop", "authorize", "tmall-1")

    said = shell.run("shop", "authorize", "tmall-1", "--code", "http://x/?code=code-tmall-1&state=1", ok=False)

    assert said.startswith("orderpool: shop tmall-1: the state in the answer is not the one that was sent")


def test_carriers_are_loaded_and_shown(shell: Shell) -> None:
    shell.add()
    shell.run("shop", "authorize", "tmall-1")
    shell.run("shop", "authorize", "tmall-1", "--code", "code-tmall-1")

    table = shell.run("shop", "carriers", "tmall-1", "--reload")

    assert re.search(r"^zhongtong +ZTO +platform +中通快递$", table, re.MULTILINE)
    found = shell.json("shop", "carriers", "tmall-1")
    assert {row["carrier"]: row["code"] for row in found["rows"]}["yuantong"] == "YTO"


def test_settings_are_changed_and_shown(shell: Shell) -> None:
    shell.add()

    said = shell.run("shop", "set", "tmall-1", "page_size=20", "history_s=30d")

    assert re.search(r"^page_size +20 +40$", said, re.MULTILINE)
    assert re.search(r"^history_s +30d +90d$", said, re.MULTILINE)
    refused = shell.run("shop", "set", "tmall-1", "page_size", ok=False)
    assert refused == "orderpool: 'page_size': want NAME=VALUE, such as page_size=50\n"


def test_the_matrix_of_channels_is_a_table(shell: Shell) -> None:
    lines = shell.run("channels").splitlines()

    assert lines[0].split()[:2] == ["taobao", "tmall"]
    assert next(line for line in lines if line.startswith("tracking_unit")).split()[1:3] == ["line", "line"]
    assert shell.json("channels")["woocommerce"]["push"] == "http"


def test_open_alerts_are_listed_and_checked(shell: Shell) -> None:
    assert shell.run("alerts", "--check") == "no alert is open\n"
    insert = """insert into alert (rule, subject, sentence, opened_at)
                values ('token_expiring', 'shop:S1', 'shop S1: its token ends', '2026-11-22T00:00Z')"""
    shell.run("psql", "-c", insert)

    assert "2026-11-22 08:00  token_expiring          shop S1: its token ends" in shell.run(
        "alerts", "--check", ok=False
    )
    (told,) = shell.json("alerts")
    assert told["subject"] == "shop:S1"
    assert told["links"].keys() == {"page", "run", "runbook"}
