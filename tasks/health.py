"""How this installation is, for who decides whether to send work here: the pool, the live process, Prefect, queues."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import httpx
import psycopg

from models.database import Connection, connect, version_of_code, version_of_pool
from models.errors import SetupError
from models.settings import clock, settings

PATIENCE_S = 3
SIGN_OF_LIFE = timedelta(seconds=30)
"""The live process leaves a sign every two seconds; one older than this is silent."""

QUEUE_PATIENCE = timedelta(minutes=10)
"""What is due for longer says that nobody works it off."""


class Condition(StrEnum):
    """OK: all works. DEGRADED: pages and hooks answer and lose nothing, but work waits. FAILING: they cannot."""

    OK = "ok"
    DEGRADED = "degraded"
    FAILING = "failing"


@dataclass(frozen=True, slots=True)
class Health:
    """What was found. Ages are in seconds: None where nothing waits, or for `live_age_s` where no sign was ever left
    on this machine.
    """

    pool_reachable: bool
    pool_migrated: bool
    live_age_s: float | None
    prefect_reachable: bool
    inbox_oldest_s: float | None
    outbox_oldest_s: float | None

    @property
    def condition(self) -> Condition:
        """What follows from it all."""
        if not (self.pool_reachable and self.pool_migrated):
            return Condition.FAILING
        silent = self.live_age_s is not None and self.live_age_s > SIGN_OF_LIFE.total_seconds()
        oldest = max(self.inbox_oldest_s or 0.0, self.outbox_oldest_s or 0.0)
        waits = oldest > QUEUE_PATIENCE.total_seconds()
        return Condition.DEGRADED if silent or waits or not self.prefect_reachable else Condition.OK


def health(now: datetime) -> Health:
    """How things are at this moment; takes a few seconds at most, whatever is down."""
    migrated, inbox_s, outbox_s = False, None, None
    try:
        with connect(autocommit=True, patience_s=PATIENCE_S) as conn:
            migrated = version_of_pool(conn) == version_of_code()
            if migrated:
                inbox_s, outbox_s = _oldest(conn, now)
        reachable = True
    except (psycopg.Error, SetupError):
        reachable = False
    return Health(reachable, migrated, live_age_s(now), prefect_answers(), inbox_s, outbox_s)


def _oldest(conn: Connection, now: datetime) -> tuple[float | None, float | None]:
    """How long the oldest message to us waits, and how long the oldest one to the outside is due."""
    row = conn.execute(
        """select (select min(received_at) from inbox where state = 'new'),
                  (select min(next_at) from outbox where state = 'pending' and next_at <= %s)""",
        (now,),
    ).fetchone()
    inbox, outbox = row or (None, None)
    return _age_s(inbox, now), _age_s(outbox, now)


def _age_s(since: datetime | None, now: datetime) -> float | None:
    return None if since is None else max((now - since).total_seconds(), 0.0)


def live_age_s(now: datetime) -> float | None:
    """How old the last sign of life of this machine's live process is; None where there is none."""
    try:
        sign = json.loads((settings().run_dir / "live.json").read_text())
        return _age_s(datetime.fromisoformat(sign["at"]), now)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def prefect_answers() -> bool:
    """Whether Prefect's API does."""
    try:
        address = settings().address("prefect_api_url")
        # no proxy of the environment may stand between a machine and itself
        return httpx.get(f"{address}/health", timeout=PATIENCE_S, trust_env=False).is_success
    except (httpx.HTTPError, SetupError):
        return False


def health_now() -> Health:
    """How things are, by the Clock in force."""
    return health(clock().now())
