"""A shop whose orders change while they are read, and readers of it that can be killed."""

import os
import random
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from multiprocessing.context import ForkServerProcess
from typing import Any

from psycopg.types.json import Jsonb

from models.database import transaction
from models.errors import PipelineError
from models.order import Cause
from models.settings import set_clock, settings
from sandbox.server import Sandbox
from tests.forked import forking
from tests.pipeline.conftest import World

SPAN = timedelta(hours=2)
STEP_S = 600
ROUNDS = 40
HANDED_ON = ("ORDERPOOL_DATABASE_URL",)

_server = forking("tasks.ingest", "tests.pipeline.moving_orders")


@dataclass(frozen=True, slots=True)
class Ahead:
    """A clock that is so many seconds ahead of the machine's."""

    seconds: float

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.seconds)


@dataclass(slots=True)
class MovingShop:
    """A simulated shop with orders, and how often its reader was killed and started."""

    world: World
    code: str
    seed: str
    draw: random.Random = field(init=False)
    kills: int = 0
    attempts: int = 0
    ahead_s: float = 0.0

    def __post_init__(self) -> None:
        self.draw = random.Random(self.seed)

    @property
    def sandbox(self) -> Sandbox:
        """The outside."""
        return self.world.sandbox

    def settle(self, **capabilities: Any) -> None:
        """Let the matrix say other things of this shop; its call budget is no matter here."""
        wanted = {"calls_per_s": 100_000, "page_size": 20, **capabilities}
        with transaction() as conn:
            conn.execute(
                "update shop set settings = settings || %s, watermark = %s where code = %s",
                (Jsonb({"capabilities": wanted}), datetime.now(UTC) - SPAN, self.code),
            )

    def move(self, times: int, per_call: int = 3) -> None:
        """Let orders change at random between page reads, so many times in all."""
        body = {"moves": per_call, "times": times, "seed": self.seed}
        self.sandbox.do("POST", f"/shops/{self.code}/churn", body)

    def misbehave(self, share: float, times: int) -> None:
        """Fail calls now and then, so many in all: too many, unavailable, no answer before or after."""
        fault = {"target": f"shop:{self.code}", "kind": "random", "share": share, "times": times, "seconds": 0.05}
        self.sandbox.do("POST", "/faults", {**fault, "seed": self.seed})

    def read_all(self, kills: int = 0, quiet_rounds: int = 2) -> None:
        """Read window after window until nothing has changed for so many, killing the reader so many times."""
        quiet = 0
        for round_no in range(ROUNDS):
            before = self.changes()
            self._read_to_the_present(f"{self.code}-{round_no}", kills)
            quiet = quiet + 1 if self.changes() == before else 0
            if quiet >= quiet_rounds and self.kills >= kills:
                return
            self.ahead_s += STEP_S
            self.sandbox.do("POST", "/clock", {"advance_s": STEP_S})
        raise AssertionError(f"{self.code} was still changing after {ROUNDS} rounds")

    def changes(self) -> int:
        """How often an order of the shop has changed so far."""
        return len(self._book()["modified_order_nos"])

    def _read_to_the_present(self, run: str, kills: int) -> None:
        for _ in range(ROUNDS):
            self.attempts += 1
            process = start_reading(self.code, run, self.ahead_s)
            if self.kills < kills and self._kill_on_the_way(process):
                continue
            process.join(120)
            assert process.exitcode is not None, f"{self.code} was not read within 120 s"
            if process.exitcode == 0:
                return
            assert process.exitcode == UNREAD, f"the reader of {self.code} broke: exit code {process.exitcode}"
        raise AssertionError(f"{self.code} could not be read in {ROUNDS} attempts")

    def _kill_on_the_way(self, process: ForkServerProcess) -> bool:
        """kill -9 after a random number of calls; False when the reader was through before."""
        enough = self._calls() + self.draw.randrange(3, 40)
        while process.is_alive() and self._calls() < enough:
            time.sleep(0.02)
        if not process.is_alive():
            return False
        process.kill()
        process.join(10)
        self.kills += 1
        return True

    def _calls(self) -> int:
        return sum(self._book()["calls"].values())

    def _book(self) -> dict[str, Any]:
        book: dict[str, Any] = self.sandbox.do("GET", "/books")["shops"][self.code]
        return book

    def on_the_platform(self) -> dict[str, datetime]:
        """Every order's number with the time of its last change."""
        found = self.sandbox.do("GET", f"/shops/{self.code}/orders")["orders"]
        return {order["no"]: datetime.fromisoformat(order["modified_at"]) for order in found}

    def in_the_pool(self) -> dict[str, datetime]:
        """The same as the pool has it."""
        query = """select o.order_no, o.modified_at from orders o join shop s on s.id = o.shop_id where s.code = %s
                   union all select q.external_id, null from quarantined_order q join shop s on s.id = q.shop_id
                   where s.code = %s and q.released_at is null"""
        rows = self.world.rows(query, self.code, self.code)
        assert len(rows) == len({row[0] for row in rows}), "an order is in the pool twice"
        return dict(rows)


UNREAD = 3
"""How a reader ends that the platform stopped; another attempt goes on where it was."""


def start_reading(shop: str, run: str, ahead_s: float) -> ForkServerProcess:
    """Read a shop's next window in a process of its own."""
    environment = {name: os.environ[name] for name in HANDED_ON}
    process = _server.Process(target=_read, args=(shop, run, ahead_s, environment), daemon=True)
    process.start()
    return process


def _read(shop: str, run: str, ahead_s: float, environment: dict[str, str]) -> None:
    os.environ.update(environment)
    from tasks.ingest import ingest_shop

    settings.cache_clear()
    set_clock(Ahead(ahead_s))
    try:
        ingest_shop(shop, None, None, Cause("test", Ahead(ahead_s).now(), run, 1))
    except PipelineError:
        os._exit(UNREAD)
    os._exit(0)
