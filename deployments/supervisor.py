"""The process that keeps the parts of an installation running; started by `orderpool up`.

It reads which parts are wanted from a file, so a second `up` can add some, and adopts the parts that an earlier
supervisor left running. Told to end, it leaves the parts alone: `orderpool down` stops them.
"""

import json
import logging
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import psutil

from deployments import embedded_postgres
from deployments.addresses import write_private
from deployments.databases import embedded_names
from deployments.parts import NAMES, PARTS, POSTGRES
from deployments.prefect_settings import environment
from deployments.processes import MARK, is_alive, launch, recall, remember, rotate
from models.logs import write_log
from models.settings import CHECKOUT, settings

TICK_S = 0.5
FIRST_DELAY_S = 1.0
LONGEST_DELAY_S = 60.0
SETTLED_S = 60.0  # a part that ran this long starts again with the first delay

_log = logging.getLogger("orderpool.supervisor")


def wanted() -> list[str]:
    """The parts that shall run, in starting order."""
    try:
        chosen = json.loads(_wanted_file().read_text())
    except FileNotFoundError:
        return []
    return [name for name in NAMES if name in chosen]


def want(names: list[str]) -> None:
    """Replace the list of parts that shall run."""
    write_private(_wanted_file(), json.dumps(names) + "\n")


def _wanted_file() -> Path:
    return settings().run_dir / "wanted.json"


def record_of(part: str) -> Path:
    """Where the process of a part, or the supervisor itself, is written down."""
    return settings().run_dir / "parts" / f"{part}.json"


def running(part: str) -> psutil.Process | None:
    """The process of a part, if it runs."""
    return embedded_postgres.process() if part == POSTGRES else recall(record_of(part))


def mark() -> str:
    """The value by which the processes of this installation know each other."""
    return str(settings().var.resolve())


def launch_supervisor() -> None:
    """Start a supervisor unless one runs."""
    if recall(record_of("supervisor")):
        return
    log = settings().log_dir / "supervisor.log"
    rotate(log)
    child = launch([sys.executable, "-m", "deployments.supervisor"], _child_environment(), log, CHECKOUT)
    remember(record_of("supervisor"), child.pid)


def _child_environment() -> dict[str, str]:
    return {**os.environ, **environment(), MARK: mark()}


@dataclass
class Watch:
    """What the supervisor knows of one part."""

    name: str
    child: subprocess.Popen[bytes] | None = None
    process: psutil.Process | None = None
    started_at: float = 0.0
    not_before: float = 0.0
    delay_s: float = FIRST_DELAY_S

    def tend(self, now: float) -> None:
        """Notice a death, and start the part when its time has come."""
        if self._runs():
            return
        # one that died before it was looked up has no process, but it did start
        if self.process is not None or self.child is not None:
            self._mourn(now)
        if now >= self.not_before and self._needs_are_met():
            self._start(now)

    def _runs(self) -> bool:
        if self.child is not None:
            return self.child.poll() is None
        if self.process is None:
            self.process = running(self.name)
            if self.process is not None:
                self._tell("found", f"found running, pid {self.process.pid}")
        return self.process is not None and is_alive(self.process)

    def _mourn(self, now: float) -> None:
        if now - self.started_at > SETTLED_S:
            self.delay_s = FIRST_DELAY_S
        how = f"exit {self.child.returncode}" if self.child else "gone"
        pid = self.process.pid if self.process else self.child.pid if self.child else "?"
        self._tell("died", f"died, pid {pid}, {how}; next start in {self.delay_s:.0f} s")
        self._postpone(now)

    def _postpone(self, now: float) -> None:
        self.child = self.process = None
        self.not_before = now + self.delay_s
        self.delay_s = min(self.delay_s * 2, LONGEST_DELAY_S)

    def _needs_are_met(self) -> bool:
        return self.name == POSTGRES or all(PARTS[need].is_healthy() for need in PARTS[self.name].needs)

    def _start(self, now: float) -> None:
        self.started_at = now
        try:
            if self.name == POSTGRES:
                embedded_postgres.start(embedded_names())
            else:
                self._spawn()
        except Exception as error:  # noqa: BLE001  one part's trouble must not stop the care for the others
            self._tell("not_started", f"not started: {error}; next start in {self.delay_s:.0f} s")
            self._postpone(now)
            return
        self.process = running(self.name)
        self._tell("started", f"started, pid {self.process.pid if self.process else '?'}")

    def _tell(self, event: str, what: str) -> None:
        _log.info("%s: %s", self.name, what, extra={"event": event, "of": self.name})

    def _spawn(self) -> None:
        log = settings().log_dir / f"{self.name}.log"
        rotate(log)
        part = PARTS[self.name]
        self.child = launch(part.command(), _child_environment(), log, CHECKOUT)
        remember(record_of(self.name), self.child.pid)


@dataclass
class Supervisor:
    """Tends the wanted parts until it is told to end."""

    watches: dict[str, Watch] = field(default_factory=dict)
    ended: bool = False

    def run(self) -> None:
        """Tend every half second."""
        signal.signal(signal.SIGTERM, self._end)
        signal.signal(signal.SIGINT, self._end)
        _log.info("supervisor: started, pid %d", os.getpid())
        while not self.ended:
            for name in wanted():
                self.watches.setdefault(name, Watch(name)).tend(time.monotonic())
            time.sleep(TICK_S)
        _log.info("supervisor: told to end")

    def _end(self, _signal: int, _frame: FrameType | None) -> None:
        self.ended = True


if __name__ == "__main__":
    write_log("supervisor")
    Supervisor().run()
