"""A worker process that makes as many calls in a shop's name as it may; it imports little, so that it starts soon."""

import threading
import time
from pathlib import Path

from tasks.call_budget import PoolBudget

GO = "go"


def work(name: str, folder: str, rate: float, seconds: float) -> None:
    """From the moment there is a file `go`, call in two threads, and write each call down at once."""
    place = Path(folder)
    (place / f"{name}.ready").touch()
    while not (place / GO).exists():
        time.sleep(0.01)
    budget = PoolBudget("S", rate)
    threads = [threading.Thread(target=_call, args=(budget, place / f"{name}.log", seconds)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _call(budget: PoolBudget, log: Path, seconds: float) -> None:
    end = time.time() + seconds
    with log.open("a", buffering=1) as file:
        while time.time() < end:
            budget.take()
            file.write(f"{time.time()}\n")
