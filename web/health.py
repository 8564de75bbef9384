"""What orchestrators and load balancers ask: is this process up, and can it do its work."""

import threading
import time
from typing import Any

import psycopg
from fastapi import APIRouter
from fastapi.responses import JSONResponse

from models.database import connect
from models.errors import SetupError
from tasks.health import PATIENCE_S, Condition, Health, health_now

router = APIRouter()

KEPT_S = 5.0
"""So long an answer is given again, for anybody may ask."""


@router.get("/health")
def health() -> JSONResponse:
    """Whether the process answers and reaches the pool."""
    try:
        with connect(autocommit=True, patience_s=PATIENCE_S) as conn:
            conn.execute("select 1")
    except (psycopg.Error, SetupError):
        return JSONResponse({"status": "failing", "database": False}, 503)
    return JSONResponse({"status": "ok", "database": True})


@router.get("/health/ready")
def ready() -> JSONResponse:
    """Whether work may be sent here: 200 when ok or degraded, 503 when the pool is away or of another version."""
    found = _KEPT.health()
    told: dict[str, Any] = {
        "status": found.condition.value,
        "pool": {"reachable": found.pool_reachable, "migrated": found.pool_migrated},
        "live": {"sign_of_life_s": found.live_age_s},
        "prefect": {"reachable": found.prefect_reachable},
        "inbox": {"oldest_s": found.inbox_oldest_s},
        "outbox": {"oldest_due_s": found.outbox_oldest_s},
    }
    return JSONResponse(told, 503 if found.condition is Condition.FAILING else 200, {"Cache-Control": "no-store"})


class _Kept:
    """The last answer, for a few seconds; who asks meanwhile gets it, too."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: Health | None = None
        self._until = 0.0

    def health(self) -> Health:
        with self._lock:
            if self._found is None or time.monotonic() > self._until:
                self._found = health_now()
                self._until = time.monotonic() + KEPT_S
            return self._found

    def forget(self) -> None:
        with self._lock:
            self._found = None


_KEPT = _Kept()
forget = _KEPT.forget
"""Have the next question answered anew, for who changed something."""
