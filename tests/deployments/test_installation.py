"""The whole installation, run by its own command in a folder of its own."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import psutil
import pytest

from deployments.processes import is_alive

PARTS = "postgres,prefect,worker,web"


class Installation:
    """An installation in a folder, and its `orderpool` command."""

    def __init__(self, var: Path) -> None:
        self.var = var

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        env = {name: value for name, value in os.environ.items() if not name.startswith(("ORDERPOOL_", "PREFECT_"))}
        command = [sys.executable, "-m", "deployments.cli", *arguments]
        env["ORDERPOOL_VAR"] = str(self.var)
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=180, check=False)

    def status(self) -> dict[str, dict[str, Any]]:
        return {part["part"]: part for part in json.loads(self.run("status", "--json").stdout)["parts"]}

    def pids(self) -> dict[str, int]:
        return {name: part["pid"] for name, part in self.status().items()}

    def record(self, part: str) -> Path:
        return self.var / "run" / "parts" / f"{part}.json"

    def processes(self) -> list[psutil.Process]:
        """Everything that runs for the installation, by what it was started with."""
        found = []
        for process in psutil.process_iter(["cmdline", "environ"]):
            environ = process.info["environ"] or {}
            if str(self.var) in " ".join(process.info["cmdline"] or []) or environ.get("ORDERPOOL_VAR") == str(
                self.var
            ):
                found.append(process)
        return found


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    var = Path(mkdtemp(prefix="op-"))
    made = Installation(var)
    made.run("up", "--only", PARTS, "--no-schedules")
    yield made
    made.run("down")
    shutil.rmtree(var, ignore_errors=True)


def eventually(fact: Callable[[], bool], within_s: float = 30) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if fact():
            return True
        time.sleep(0.3)
    return False


def test_every_part_runs_after_up(installation: Installation) -> None:
    states = {name: part["state"] for name, part in installation.status().items()}

    assert states == dict.fromkeys(["supervisor", *PARTS.split(",")], "running")
    assert installation.run("status").returncode == 0


def test_up_twice_starts_nothing_again(installation: Installation) -> None:
    before = installation.pids()

    installation.run("up", "--only", PARTS)

    assert installation.pids() == before


@pytest.mark.parametrize("part", ["web", "worker", "postgres"])
def test_killed_part_is_started_again(installation: Installation, part: str) -> None:
    before = installation.pids()[part]
    psutil.Process(before).kill()

    assert eventually(lambda: installation.pids().get(part) not in {None, before})
    assert f"{part}: died" in (installation.var / "log" / "supervisor.log").read_text()


def test_up_recovers_a_killed_supervisor_and_keeps_its_parts(installation: Installation) -> None:
    assert eventually(lambda: installation.run("status").returncode == 0)
    before = installation.pids()
    psutil.Process(before["supervisor"]).kill()

    installation.run("up", "--only", PARTS)
    after = installation.pids()

    assert after.pop("supervisor") != before.pop("supervisor")
    assert after == before


def test_psql_reaches_the_order_pool(installation: Installation) -> None:
    assert installation.run("psql", "-At", "-c", "select current_database()").stdout == "orderpool\n"


def test_prefect_command_reaches_our_server(installation: Installation) -> None:
    assert installation.run("prefect", "work-pool", "ls").stdout.count("orderpool") == 1


def test_down_stops_all_but_a_stranger_with_a_recorded_pid(installation: Installation) -> None:
    psutil.Process(installation.pids()["supervisor"]).kill()
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as stranger:
        record = json.loads(installation.record("web").read_text())
        web = psutil.Process(record["pid"])
        installation.record("live").write_text(json.dumps({**record, "pid": stranger.pid}))

        done = installation.run("down")

        assert done.returncode == 0, done.stderr
        assert stranger.poll() is None
        assert not is_alive(web)
        stranger.kill()
    assert installation.processes() == []
    assert installation.run("status").returncode == 1
