"""A day of orders for the machines of the compose file: made outside, run through, and counted on every side."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from deployments.demo_sandbox import Outside, sandbox_process
from deployments.simulation import SITES, connect_shops, connect_warehouses, fill_stock
from models.settings import settings
from tests.pipeline.prefect_api import ENDS, PrefectApi, stage_of

SKUS: Mapping[str, str] = {f"SKU-{number:03d}": f"货品 {number}" for number in range(40)}
UNITS = 1_000_000
STAGES = ("ingest", "validate", "lock_stock", "route", "dispatch", "track")


@dataclass(slots=True)
class Run:
    """A flow run of one window: when it was asked for, and when it was seen to have ended (monotonic seconds)."""

    id: str
    shop: str
    since: datetime
    asked_at: float
    ended_at: float | None = None
    state: str = ""
    retried: bool = False


@dataclass(slots=True)
class Day:
    """Windows of every shop; `orders` in each."""

    outside: Outside
    prefect: PrefectApi
    shops: Sequence[str]
    begins: datetime
    orders: int
    runs: list[Run] = field(default_factory=list)
    _windows: int = 0

    def start(self, windows: int) -> list[Run]:
        """Make the orders of so many further windows in every shop, and ask for a run of each."""
        chosen = range(self._windows, self._windows + windows)
        self._windows += windows
        for shop in self.shops:
            for window in chosen:
                self._make_orders(shop, window)
        started = [self._ask(shop, window) for window in chosen for shop in self.shops]
        self.runs += started
        return started

    def _make_orders(self, shop: str, window: int) -> None:
        since = self.begins + timedelta(minutes=10 * window)
        body = {
            "count": self.orders,
            "since": since.isoformat(),
            "until": (since + timedelta(minutes=9)).isoformat(),
            "skus": list(SKUS),
            "run": 1,
            "first": window * self.orders,
        }
        self.outside.do("POST", f"shops/{shop}/crowd", body)

    def _ask(self, shop: str, window: int) -> Run:
        since = self.begins + timedelta(minutes=10 * window)
        parameters = {"shop": shop, "since": since.isoformat(), "until": (since + timedelta(minutes=10)).isoformat()}
        return Run(self.prefect.start("process_orders/orders", parameters), shop, since, time.monotonic())

    def look(self, runs: Sequence[Run]) -> int:
        """Read how the runs are, retry what failed or crashed as on-call does; returns how many have ended."""
        left = [run for run in runs if run.ended_at is None]
        body = {"flow_runs": {"id": {"any_": [run.id for run in left]}}, "limit": 200}
        found = {each["id"]: each["state"] for each in self.prefect.call("POST", "flow_runs/filter", body)}
        for run in left:
            run.state = found[run.id]["type"]
            if run.state in {"FAILED", "CRASHED"}:
                run.retried = True
                # one whose signs of life were lost with Redis is called dead, and may complete all the same
                if self.prefect.state(run.id)["type"] != "COMPLETED":
                    self.prefect.retry(run.id)
            elif run.state in ENDS:
                run.ended_at = time.monotonic()
        return sum(run.ended_at is not None for run in runs)

    def rate(self, runs: Sequence[Run]) -> float:
        """Orders a second from the first run asked for to the last that ended."""
        last = max(run.ended_at or 0 for run in runs)
        return len(runs) * self.orders / (last - min(run.asked_at for run in runs))

    def under_way(self, since: datetime, until: datetime) -> set[str]:
        """The runs that were at work at any moment of this span."""
        body = {"flow_runs": {"id": {"any_": [run.id for run in self.runs]}}, "limit": 200}
        found = self.prefect.call("POST", "flow_runs/filter", body)
        return {
            each["id"]
            for each in found
            if datetime.fromisoformat(each["start_time"]) <= until and datetime.fromisoformat(each["end_time"]) >= since
        }

    def recorded(self, run: Run) -> Counter[str]:
        """How often Prefect recorded each stage of a run as completed."""
        body = {"flow_runs": {"id": {"any_": [run.id]}}, "limit": 200}
        return Counter(
            stage_of(task)
            for task in self.prefect.call("POST", "task_runs/filter", body)
            if task["state_type"] == "COMPLETED" and task["state_name"] != "Cached"
        )

    def expected(self, run: Run) -> Counter[str]:
        """The stages of a run that went through undisturbed: one ingest, and the others once for each batch."""
        batches = one("select count(*) from batch where flow_run_id = %s", run.id)
        return Counter({stage: 1 if stage == "ingest" else batches for stage in STAGES})


def one(query: str, *values: object) -> Any:
    """The single value that the pool answers."""
    with psycopg.connect(settings().pool_url()) as conn:
        row = conn.execute(query.encode(), values).fetchone()
    assert row is not None
    return row[0]


@contextmanager
def outside(variables: Mapping[str, str], folder: Path, web_url: str) -> Iterator[tuple[Outside, list[str]]]:
    """A simulated outside, and the pool of these variables connected to it; gives the shops' codes."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        settings.cache_clear()
        with sandbox_process() as sandbox:
            world = sandbox.world()
            shops = connect_shops(world)
            tokens = connect_warehouses(world, folder)
            fill_stock(folder, SKUS, {(site, sku): UNITS for site in SITES for sku in SKUS})
            for code in SITES:
                sandbox.connect_warehouse(code, web_url, tokens[code])
            yield sandbox, shops
    settings.cache_clear()
