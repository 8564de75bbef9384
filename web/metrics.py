"""Figures for Prometheus. Each group of them is read from the pool at most every so many seconds, whoever scrapes."""

import hmac
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import ip_address

import psycopg
from fastapi import APIRouter, HTTPException, Request, Response
from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from models.database import Connection, connect
from models.errors import SetupError
from models.settings import clock, settings
from tasks.figures import Gauge, hold_figures, order_figures, queue_figures, run_figures, waiting_figures
from tasks.health import live_age_s

router = APIRouter()

PATIENCE_S = 5
OFTEN_S = 10.0
SELDOM_S = 60.0
"""For figures that read every order."""

_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")


@dataclass(slots=True)
class Group:
    """Figures that are read together, and for how long they are kept. `failed` when the last reading did."""

    name: str
    read: Callable[[Connection, datetime], list[Gauge]]
    kept_s: float
    found: list[Gauge] = field(default_factory=list)
    failed: bool = False
    until: float = 0.0


class PoolCollector(Collector):
    """The pool's figures. Scrapes at the same moment follow each other; a group that cannot be read is left out and
    told of in `orderpool_figures_failed`.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._groups = (
            Group("orders", order_figures, SELDOM_S),
            Group("waiting", waiting_figures, SELDOM_S),
            Group("holds", hold_figures, OFTEN_S),
            Group("queues", queue_figures, OFTEN_S),
            Group("runs", run_figures, OFTEN_S),
        )

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Every figure as it was read last."""
        with self._lock:
            self._refresh()
            gauges = [gauge for group in self._groups for gauge in group.found]
            failed = Gauge("orderpool_figures_failed", "1 for a group of figures that could not be read", ("group",))
            gauges.append(failed.filled(((group.name,), float(group.failed)) for group in self._groups))
        age_s = live_age_s(clock().now())
        if age_s is not None:
            sign = Gauge("orderpool_live_sign_age_seconds", "Age of the live process's last sign of life")
            gauges.append(sign.filled([((), age_s)]))
        return map(_family, gauges)

    def _refresh(self) -> None:
        due = [group for group in self._groups if time.monotonic() >= group.until]
        if not due:
            return
        try:
            with connect(autocommit=True, patience_s=PATIENCE_S) as conn:
                for group in due:
                    _read(group, conn)
        except (psycopg.Error, SetupError):
            for group in due:
                _give_up(group)


def _read(group: Group, conn: Connection) -> None:
    try:
        group.found, group.failed = group.read(conn, clock().now()), False
        group.until = time.monotonic() + group.kept_s
    except psycopg.Error:
        _give_up(group)
        if conn.closed:
            raise


def _give_up(group: Group) -> None:
    # an old figure would pass for a new one
    group.found, group.failed = [], True
    group.until = time.monotonic() + OFTEN_S


def _family(gauge: Gauge) -> GaugeMetricFamily:
    family = GaugeMetricFamily(gauge.name, gauge.meaning, labels=gauge.labels)
    for labels, value in gauge.values.items():
        family.add_metric(labels, value)
    return family


def registry_of(collectors: Iterable[Collector]) -> CollectorRegistry:
    """A registry of its own: that of the library is everybody's."""
    registry = CollectorRegistry()
    for collector in collectors:
        registry.register(collector)
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    return registry


class _AllFigures:
    """The registry of this process, made when first asked for."""

    def __init__(self) -> None:
        self._registry: CollectorRegistry | None = None
        self._lock = threading.Lock()

    def text(self) -> bytes:
        with self._lock:
            self._registry = self._registry or registry_of([PoolCollector()])
        return generate_latest(self._registry)

    def forget(self) -> None:
        with self._lock:
            self._registry = None


_ALL = _AllFigures()
forget = _ALL.forget
"""Have the next scrape read everything anew, for who changed something."""


@router.get("/metrics", include_in_schema=False)
def metrics(request: Request) -> Response:
    """Every figure, for who asks from this machine itself or shows the token; anybody else finds no such page."""
    if not (_is_local(request) or _shows_token(request)):
        raise HTTPException(404)
    return Response(_ALL.text(), media_type=CONTENT_TYPE_LATEST)


def _is_local(request: Request) -> bool:
    """Whether the call comes from loopback and was passed on by no proxy, whose word about others may be anything."""
    if any(name in request.headers for name in _FORWARDED):
        return False
    try:
        return ip_address(request.client.host if request.client else "").is_loopback
    except ValueError:
        return False


def _shows_token(request: Request) -> bool:
    wanted = settings().metrics_token
    scheme, _, shown = request.headers.get("authorization", "").partition(" ")
    return bool(wanted) and scheme.lower() == "bearer" and hmac.compare_digest(shown.encode(), wanted.encode())
