"""A promo day behind the sandbox's shops, and the command that backfills it, in an installation of its own."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psutil

from deployments import addresses, prefect_setup
from deployments.scratch import Scratch, scratch_installation
from models.database import connect
from models.settings import CHECKOUT, SHANGHAI
from tests.pipeline.prefect_api import PrefectApi

SKUS = {f"P-{n:03d}": f"大促商品 {n}" for n in range(60)}
UNITS = 1_000_000
PUSHED = {"woo-1": "woocommerce", "douyin-1": "douyin"}
LAG_S = 2
LIVE_EVERY_S = 4.0
PAST, PRESENT = 1, 2
_CROWD = 25_000


@dataclass(slots=True)
class PromoDay:
    """The last hours of a day in China, `orders` of which `shops` share; the crowd grows towards midnight."""

    scratch: Scratch
    prefect: PrefectApi
    shops: tuple[str, ...]
    orders: int
    hours: int
    lived: dict[str, int] = field(default_factory=dict)

    @property
    def until(self) -> datetime:
        """Midnight, twelve days ago."""
        today = datetime.now(SHANGHAI).replace(hour=0, minute=0, second=0, microsecond=0)
        return today - timedelta(days=11)

    @property
    def since(self) -> datetime:
        """Where the backfill begins."""
        return self.until - timedelta(hours=self.hours)

    @property
    def windows(self) -> int:
        """An hour of one shop each."""
        return self.hours * len(self.shops)

    def fill(self) -> dict[str, int]:
        """Put the orders into the shops; gives how many each has."""
        weights = [1 + hour % 4 + 3 * (hour >= self.hours - 2) for hour in range(self.hours)]
        share = self.orders // len(self.shops)
        placed = 0
        for hour, weight in enumerate(weights):
            count = share - placed if hour == self.hours - 1 else share * weight // sum(weights)
            for shop in self.shops:
                self._crowd(shop, count, self.since + timedelta(hours=hour), placed)
            placed += count
        return dict.fromkeys(self.shops, share)

    def _crowd(self, shop: str, count: int, since: datetime, first: int) -> None:
        for start in range(0, count, _CROWD):
            some = min(_CROWD, count - start)
            begin = since + timedelta(minutes=58) * (start / count)
            end = since + timedelta(minutes=58) * ((start + some) / count)
            self.scratch.outside.do("POST", f"shops/{shop}/crowd", {
                "count": some, "since": begin.isoformat(), "until": end.isoformat(), "skus": list(SKUS), "run": PAST,
                "first": first + start,
            })  # fmt: skip

    @contextmanager
    def live_orders(self) -> Iterator[None]:
        """Let new orders come in the same shops for as long as the block lasts, announced where a shop does that."""
        ended = threading.Event()
        thread = threading.Thread(target=self._live, args=(ended,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join(60)

    def _live(self, ended: threading.Event) -> None:
        while not ended.wait(LIVE_EVERY_S):
            for shop in self.shops:
                made = self.lived.setdefault(shop, 0)
                body = {"count": 1, "skus": list(SKUS), "run": PRESENT, "first": made, "notify": shop in PUSHED}
                self.scratch.outside.do("POST", f"shops/{shop}/crowd", body)
                self.lived[shop] += 1

    def command(self, *more: str) -> str:
        """Ask for the backfill; gives what was printed."""
        done = subprocess.run(self._words(*more), cwd=CHECKOUT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    def _words(self, *more: str) -> list[str]:
        span = ["--since", f"{self.since:%Y-%m-%d %H:%M}", "--until", f"{self.until:%Y-%m-%d %H:%M}", "--window", "1h"]
        return [sys.executable, "-m", "deployments.cli", "backfill", "--shop", ",".join(self.shops), *span, *more]

    def rows(self, query: str, *arguments: object) -> list[tuple[Any, ...]]:
        """The rows of a query on the pool."""
        with connect() as conn:
            return conn.execute(query.encode(), arguments or None).fetchall()

    def done(self) -> int:
        """How many windows are through."""
        return int(self.rows("select count(*) from backfill_window where done_at is not null")[0][0])

    def parent(self) -> str:
        """The run of the backfill."""
        return str(self.rows("select flow_run_id from backfill")[0][0])

    def waits_s(self, since: datetime) -> list[float]:
        """Seconds from payment until the warehouse had it, of the orders that were announced since then, ascending."""
        rows = self.rows(
            """select extract(epoch from max(x.delivered_at) - o.paid_at)::float
               from orders o join shop p on p.id = o.shop_id join allocation a on a.order_id = o.id
               join outbox x on x.kind = 'outbound.created' and x.subject_id = a.document_id
               where o.paid_at >= %s and p.code = any(%s) group by o.id having bool_and(x.state = 'delivered')""",
            since,
            list(PUSHED),
        )
        return sorted(row[0] for row in rows)

    def process_of(self, run_id: str) -> psutil.Process | None:
        """The process in which the worker runs a flow."""
        for process in psutil.process_iter(["cmdline"]):
            command = " ".join(process.info["cmdline"] or ())
            if "prefect.engine" in command or "flow-run execute" in command:
                try:
                    if process.environ().get("PREFECT__FLOW_RUN_ID") == run_id:
                        return process
                except psutil.Error:
                    continue
        return None

    def kill_parent(self) -> None:
        """kill -9 of the backfill's own process."""
        parent = self.process_of(self.parent())
        assert parent, "the backfill has no process"
        parent.kill()
        await_true(lambda: self.prefect.state(self.parent())["type"] == "CRASHED", "the backfill to be called crashed")

    def kill_child(self) -> str:
        """kill -9 of the process of a window that is under way; gives its run."""
        found: list[str] = []

        def killed() -> bool:
            rows = self.rows(
                "select flow_run_id from backfill_window where done_at is null and flow_run_id is not null"
            )
            for (run_id,) in rows:
                if process := self.process_of(run_id):
                    process.kill()
                    found.append(run_id)
                    return True
            return False

        await_true(killed, "a window to be under way")
        return found[0]


def await_true(holds: Callable[[], object], what: str, patience_s: float = 300) -> None:
    """Wait until something holds."""
    until = time.monotonic() + patience_s
    while not holds():
        assert time.monotonic() < until, f"waited {patience_s:.0f} s for {what}"
        time.sleep(0.5)


@contextmanager
def promo_day(folder: Path, shops: tuple[str, ...], orders: int, hours: int) -> Iterator[PromoDay]:
    """An installation with its shops connected; every flow has its schedule but those of quarters of an hour and more.

    A shop that announces nothing is read every two minutes.
    """
    with scratch_installation(folder, schedules=True) as scratch:
        scratch.connect(SKUS, UNITS, {"capabilities": {"calls_per_s": 1000, "lag_s": LAG_S}}, batches=True)
        for shop, channel in PUSHED.items():
            hook = f"{scratch.web_url}/hooks/{channel}/{shop}"
            scratch.outside.do("POST", "shops", {"code": shop, "platform": channel, "webhook_url": hook})
        for shop in shops:
            if shop not in PUSHED:
                prefect_setup.add_shop_schedule(shop, minutes=2)
        with PrefectApi.at(addresses.read()["prefect_api_url"]) as prefect:
            yield PromoDay(scratch, prefect, shops, orders, hours)
