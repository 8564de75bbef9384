"""Processes that are remembered on disk and told apart from strangers that got the same pid later."""

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from deployments.addresses import write_private

# The kernel reports a start time that moves with corrections of the clock.
SAME_START_S = 2.0

MARK = "ORDERPOOL_SUPERVISED"
"""Environment variable that every process started by a supervisor inherits; its value names the installation."""


@dataclass(frozen=True)
class Record:
    """A process as it was when it started; `started` is in seconds since the epoch."""

    pid: int
    started: float


def remember(path: Path, pid: int) -> Record:
    """Write down a process that runs now."""
    record = Record(pid, psutil.Process(pid).create_time())
    write_private(path, json.dumps(asdict(record)) + "\n")
    return record


def recall(path: Path) -> psutil.Process | None:
    """The process that was written down, if it still runs; None for a stranger under its pid."""
    try:
        record = Record(**json.loads(path.read_text()))
        process = psutil.Process(record.pid)
        same = abs(process.create_time() - record.started) < SAME_START_S
        return process if same and is_alive(process) else None
    except (FileNotFoundError, ValueError, TypeError, psutil.Error):
        return None


def is_alive(process: psutil.Process) -> bool:
    """Whether it runs; a zombie whose parent does not collect it counts as dead."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def launch(command: Sequence[str], env: Mapping[str, str], log: Path, folder: Path) -> subprocess.Popen[bytes]:
    """Start a process of its own session that writes to a log and outlives its parent."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            env=dict(env),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def end_as_by_ctrl_c() -> None:
    """Have this process, by whatever means it is told to end, still stop what it started.

    A job in the background ignores Ctrl-C, and told to terminate a process runs nothing more of its own.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)


def rotate(log: Path, limit_bytes: int = 10_000_000, keep: int = 3) -> None:
    """Set a log that has grown past the limit aside as `.1`, older ones as `.2` and so on."""
    if not log.exists() or log.stat().st_size < limit_bytes:
        return
    for number in range(keep, 0, -1):
        older = log.with_name(f"{log.name}.{number - 1}") if number > 1 else log
        if older.exists():
            older.replace(log.with_name(f"{log.name}.{number}"))


def tree(process: psutil.Process) -> list[psutil.Process]:
    """A process and all its descendants."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return [process, *process.children(recursive=True)]
    return []


def marked(value: str) -> Iterator[psutil.Process]:
    """Every process that inherited the mark, also those whose parents are gone."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and process.environ().get(MARK) == value:
                yield process


def end(processes: Iterable[psutil.Process], grace_s: float) -> None:
    """Ask processes to end, and kill those that have not within `grace_s` seconds."""
    asked = list(processes)
    for process in asked:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    deadline = time.monotonic() + grace_s
    left = asked
    while left and time.monotonic() < deadline:
        time.sleep(0.05)
        left = [process for process in left if is_alive(process)]
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(left, timeout=5)


@contextlib.contextmanager
def exclusive(lock: Path) -> Iterator[None]:
    """Hold a lock file, so that two commands on one installation follow each other."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
