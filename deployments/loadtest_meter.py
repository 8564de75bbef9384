"""What a load test watches while it runs: CPU seconds of each group of processes, and every queue."""

import contextlib
import threading
import time
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime

import psutil
import psycopg

from models.database import transaction
from models.settings import clock
from tasks.pressure import pressure

EVERY_S = 10.0


@dataclass(slots=True)
class Peak:
    """The most that waited in a queue, and the longest that its oldest entry did."""

    waiting: int = 0
    age_s: float = 0.0


@dataclass(slots=True)
class Meter:
    """Looks every few seconds from its own thread. `roots` gives the first process of each group.

    `busy` holds, per look, seconds since the start, CPU seconds of each group since the look before, and the seconds
    between the two.
    """

    roots: Mapping[str, Callable[[], psutil.Process | None]]
    peaks: dict[str, Peak] = field(default_factory=dict)
    busy: list[tuple[float, dict[str, float], float]] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _before: dict[str, float] = field(default_factory=dict)

    def __enter__(self) -> "Meter":
        self._before = self._cpu()
        self._thread = threading.Thread(target=self._watch, name="meter", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        if self._thread:
            self._thread.join()

    def cpu_s(self) -> dict[str, float]:
        """CPU seconds of each group since the start."""
        return {name: sum(used.get(name, 0.0) for _, used, _ in self.busy) for name in self.roots}

    def busiest(self, span_s: float = 60.0) -> dict[str, float]:
        """Cores that each group kept busy in the span that kept most of them busy."""
        best: dict[str, float] = {}
        for last in range(len(self.busy)):
            looks = [look for look in self.busy[: last + 1] if look[0] > self.busy[last][0] - span_s]
            took = sum(look[2] for look in looks)
            used = {name: sum(look[1].get(name, 0.0) for look in looks) / took for name in self.roots}
            if took >= min(span_s, self.busy[-1][0]) * 0.8 and sum(used.values()) > sum(best.values()):
                best = used
        return best

    def _watch(self) -> None:
        began = earlier = time.monotonic()
        while not self._stop.wait(EVERY_S):
            now, cpu = time.monotonic(), self._cpu()
            used = {name: max(seconds - self._before.get(name, 0.0), 0.0) for name, seconds in cpu.items()}
            self.busy.append((now - began, used, now - earlier))
            self._before, earlier = cpu, now
            with contextlib.suppress(psycopg.Error):
                self._note_queues(clock().now())

    def _note_queues(self, now: datetime) -> None:
        with transaction() as conn:
            queues = pressure(conn, now)
        for queue in queues:
            peak = self.peaks.setdefault(queue.name, Peak())
            peak.waiting = max(peak.waiting, queue.waiting)
            peak.age_s = max(peak.age_s, queue.age_s(now))

    def _cpu(self) -> dict[str, float]:
        seconds, children = _all_processes()
        found = {name: root() for name, root in self.roots.items()}
        pids = {name: root.pid for name, root in found.items() if root}
        others = {name: {*pids.values()} - {pid} for name, pid in pids.items()}
        return {name: _of_tree(pid, others[name], seconds, children) for name, pid in pids.items()}


def _all_processes() -> tuple[dict[int, float], dict[int, list[int]]]:
    """CPU seconds of every process of this machine and of those it has collected, and the children of each."""
    seconds: dict[int, float] = {}
    children: dict[int, list[int]] = {}
    for process in psutil.process_iter(["ppid", "cpu_times"]):
        if times := process.info["cpu_times"]:
            seconds[process.pid] = times.user + times.system + times.children_user + times.children_system
            children.setdefault(process.info["ppid"], []).append(process.pid)
    return seconds, children


def _of_tree(
    root: int, others: AbstractSet[int], seconds: Mapping[int, float], children: Mapping[int, list[int]]
) -> float:
    """CPU seconds of a process and all below it, without the groups that `others` begin."""
    below = sum(_of_tree(child, others, seconds, children) for child in children.get(root, ()) if child not in others)
    return seconds.get(root, 0.0) + below
