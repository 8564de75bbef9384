"""A whole installation with its outside world, whose processes can be killed, and how it comes back."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg

from deployments import addresses, processes, supervisor
from deployments.demo_sandbox import Outside, launch_sandbox
from deployments.parts import NAMES, PARTS, POSTGRES, WORKER
from deployments.prefect_settings import environment
from deployments.scratch import Scratch, scratch_installation
from deployments.simulation import SITES
from models.database import connect
from models.settings import CHECKOUT, settings
from tests.pipeline.prefect_api import PrefectApi

SKUS = {f"CH-{number:02d}": f"货品 {number}" for number in range(24)}
UNITS = 100_000
SHOPS = ("woo-1", "douyin-1", "tmall-1")
"""Two shops that push what changes, and one that is only asked."""

SHIP_AFTER_S = 2.0
LAG_S = 2


@dataclass(slots=True)
class Site:
    """The installation that this process's settings lead to; strikes hit its processes only."""

    scratch: Scratch
    prefect: PrefectApi
    journal: Path
    helpers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def outside(self) -> Outside:
        """The simulated platforms, warehouses and carriers."""
        return self.scratch.outside

    def process(self, part: str) -> psutil.Process:
        """The process of a part, the supervisor or the sandbox."""
        if part == "sandbox":
            found = processes.recall(settings().run_dir / "sandbox.json")
        elif part == "supervisor":
            found = processes.recall(supervisor.record_of(part))
        else:
            found = supervisor.running(part)
        assert found, f"{part} does not run"
        return found

    def kill(self, part: str, *, with_children: bool = False) -> int:
        """kill -9 of a part; returns its pid."""
        process = self.process(part)
        for victim in processes.tree(process) if with_children else [process]:
            with contextlib.suppress(psutil.NoSuchProcess):
                victim.kill()
        return process.pid

    def flow_processes(self) -> dict[str, psutil.Process]:
        """The processes in which workers of this site run flows, by flow run id."""
        found = {}
        for process in processes.marked(supervisor.mark()):
            with contextlib.suppress(psutil.Error):
                run_id = process.environ().get("PREFECT__FLOW_RUN_ID")
                if run_id and "prefect.engine" in " ".join(process.cmdline()):
                    found[run_id] = process
        return found

    def launch_sandbox(self) -> None:
        """Start the sandbox anew; its world is as it was."""
        self.helpers.append(launch_sandbox(self.journal))
        self.outside.await_answer()

    @contextmanager
    def another_worker(self, **variables: str) -> Iterator[None]:
        """A worker of the same pool, as another machine would run it; it dies at the end of the block."""
        variables = {**os.environ, **environment(), processes.MARK: supervisor.mark(), **variables}
        log = settings().log_dir / "another-worker.log"
        command = [word if not word.startswith("orderpool on") else "another machine" for word in WORKER.command()]
        child = processes.launch(command, variables, log, CHECKOUT)
        try:
            yield
        finally:
            processes.end(processes.tree(psutil.Process(child.pid)), grace_s=10)
            child.wait(timeout=10)

    @contextmanager
    def without(self, part: str) -> Iterator[None]:
        """The supervisor leaves a part alone, which is ended meanwhile."""
        supervisor.want([name for name in NAMES if name != part])
        processes.end(processes.tree(self.process(part)), grace_s=10)
        try:
            yield
        finally:
            supervisor.want(list(NAMES))

    def fault(self, target: str, kind: str, **more: Any) -> None:
        """Let a counterpart misbehave until the site is drained."""
        self.outside.do("POST", "faults", {"target": target, "kind": kind, **more})

    def let_waits_pass(self) -> None:
        """Have it be the time for which messages wait that did not get through: the table's third wait is 5 minutes."""
        with connect() as conn:
            conn.execute("update outbox set next_at = now() where state = 'pending' and next_at > now()")

    def rows(self, query: str, *arguments: object) -> list[tuple[Any, ...]]:
        """The rows of a query on the pool."""
        with connect() as conn:
            return conn.execute(query.encode(), arguments or None).fetchall()

    def number(self, query: str, *arguments: object) -> int:
        """The one number that a query gives."""
        return int(self.rows(query, *arguments)[0][0])

    def await_parts(self, patience_s: float = 300) -> None:
        """Return once every part runs and answers again."""
        await_true(self._is_up, "every part to run again", patience_s)

    def _is_up(self) -> bool:
        if processes.recall(supervisor.record_of("supervisor")) is None:
            supervisor.launch_supervisor()
        if any(supervisor.running(name) is None for name in NAMES):
            return False
        if not all(PARTS[name].is_healthy() for name in NAMES if name != POSTGRES):
            return False
        try:
            return self.number("select 1") == 1 and self.prefect.client.get("ready").is_success
        except (psycopg.Error, httpx.HTTPError):
            return False


def await_true(holds: Callable[[], object], what: str, patience_s: float, step_s: float = 0.2) -> None:
    """Wait until something holds; AssertionError that says what was waited for."""
    until = time.monotonic() + patience_s
    while not holds():
        assert time.monotonic() < until, f"waited {patience_s:.0f} s for {what}"
        time.sleep(step_s)


@contextmanager
def running_site(folder: Path) -> Iterator[Site]:
    """Bring up an installation and its outside in `folder`: three shops, three warehouses that ship by themselves."""
    journal = folder / "sandbox.world"
    ours = str(folder.resolve())
    # the worker looks for runs every second, not every five
    with scratch_installation(folder, journal=journal, PREFECT_WORKER_QUERY_SECONDS="1") as scratch:
        scratch.connect(SKUS, UNITS, {"capabilities": {"calls_per_s": 1000, "lag_s": LAG_S}})
        for code in SITES:
            scratch.outside.do("POST", "warehouses", {"code": code, "mode": "auto", "ship_after_s": SHIP_AFTER_S})
        for shop, channel in (("woo-1", "woocommerce"), ("douyin-1", "douyin")):
            hook = f"{scratch.web_url}/hooks/{channel}/{shop}"
            scratch.outside.do("POST", "shops", {"code": shop, "platform": channel, "webhook_url": hook})
        with PrefectApi.at(addresses.read()["prefect_api_url"]) as prefect:
            site = Site(scratch, prefect, journal)
            try:
                yield site
            finally:
                supervisor.want([])
                for helper in site.helpers:
                    with contextlib.suppress(ProcessLookupError):
                        helper.send_signal(signal.SIGKILL)
                    helper.wait(timeout=10)
    assert [process.pid for process in processes.marked(ours)] == [], "processes are left"
