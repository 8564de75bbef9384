"""Figures of the pool for monitoring, read set-wise: orders by stage, holds, what waits, queues, alerts, ingest.

Labels are codes of shops, warehouses and reasons, so their number is bounded; nothing personal is among them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from models.alert import AlertRule
from models.database import Connection
from models.hold import HoldCode
from tasks.pressure import pressure
from tasks.promo import promo_in_force
from tasks.waiting import waiting_orders


@dataclass(slots=True)
class Gauge:
    """One measure: a value for each combination of its labels."""

    name: str
    meaning: str
    labels: tuple[str, ...] = ()
    values: dict[tuple[str, ...], float] = field(default_factory=dict)

    def filled(self, rows: Iterable[tuple[tuple[str, ...], float]]) -> "Gauge":
        """This gauge with values."""
        self.values.update(rows)
        return self


def order_figures(conn: Connection, _now: datetime) -> list[Gauge]:
    """Orders by shop and stage: every order's state is read, so not every few seconds."""
    rows = conn.execute(
        """select p.code, c.stage, sum(c.orders) from (
             select batch_id, stage, count(*) as orders from order_state group by 1, 2) c
           join batch b on b.id = c.batch_id join shop p on p.id = b.shop_id group by 1, 2"""
    ).fetchall()
    orders = Gauge("orderpool_orders", "Orders by shop and stage", ("shop", "stage"))
    return [orders.filled(((shop, stage), float(count)) for shop, stage, count in rows)]


def waiting_figures(conn: Connection, now: datetime) -> list[Gauge]:
    """Orders that do not move by reason and owner: every order's state is read, so not every few seconds."""
    found = waiting_orders(conn, now)
    labels = ("reason", "owner")
    count = Gauge("orderpool_waiting_orders", "Orders that do not move", labels)
    oldest = Gauge("orderpool_waiting_oldest_age_seconds", "How long the oldest of them has stood", labels)
    for standing in found.standings:
        key = (standing.reason.value, standing.owner.value)
        count.values[key] = count.values.get(key, 0) + standing.total
        oldest.values[key] = max(oldest.values.get(key, 0.0), _age_s(standing.since, now))
    quarantined = Gauge("orderpool_quarantined_payloads", "Payloads that could not be read")
    return [count, oldest, quarantined.filled([((), found.quarantined)])]


def hold_figures(conn: Connection, _now: datetime) -> list[Gauge]:
    """Open holds by code; a code without any counts 0."""
    rows = conn.execute("select code, count(*) from hold where released_at is null group by 1").fetchall()
    holds = Gauge("orderpool_open_holds", "Open holds by code", ("code",))
    return [holds.filled(_all_of(HoldCode, dict(rows)))]


def queue_figures(conn: Connection, now: datetime) -> list[Gauge]:
    """Depth, oldest age and drift of every queue."""
    labels = ("queue", "party", "kind")
    waiting = Gauge("orderpool_queue_waiting", "Entries that wait in a queue", labels)
    oldest = Gauge("orderpool_queue_oldest_age_seconds", "How long its oldest entry has waited", labels)
    came = Gauge("orderpool_queue_arrived_per_minute", "Entries that came, over five minutes", labels)
    left = Gauge("orderpool_queue_drained_per_minute", "Entries that left, over five minutes", labels)
    for queue in pressure(conn, now):
        key = (queue.of.value, queue.party, queue.kind)
        waiting.values[key], oldest.values[key] = queue.waiting, queue.age_s(now)
        if queue.flow is not None:
            came.values[key], left.values[key] = queue.flow.arrived_short, queue.flow.drained_short
    return [waiting, oldest, came, left]


def run_figures(conn: Connection, now: datetime) -> list[Gauge]:
    """Batches and alerts that are open, how far behind each shop's ingest is, and whether a promo is in force."""
    batches = conn.execute("select count(*), min(created_at) from batch where state = 'open'").fetchall()[0]
    alerts: dict[str, int] = dict(
        conn.execute("select rule, count(*) from alert where closed_at is null group by 1").fetchall()
    )
    shops = conn.execute(
        "select code, watermark from shop where active and channel <> 'file' and watermark is not null"
    ).fetchall()
    ingest = Gauge("orderpool_ingest_age_seconds", "How long ago the time is up to which a shop was read", ("shop",))
    promo = promo_in_force(conn, now)
    return [
        Gauge("orderpool_open_batches", "Batches under way, or of a run that failed").filled([((), batches[0])]),
        Gauge("orderpool_open_batch_oldest_age_seconds", "Age of the oldest of them").filled(
            [((), _age_s(batches[1], now))]
        ),
        Gauge("orderpool_open_alerts", "Open alerts by rule", ("rule",)).filled(_all_of(AlertRule, alerts)),
        ingest.filled(((shop,), _age_s(watermark, now)) for shop, watermark in shops),
        Gauge("orderpool_promo_in_force", "1 while a promo is in force").filled([((), float(promo is not None))]),
    ]


def _all_of(codes: Iterable[str], found: Mapping[str, int]) -> Iterable[tuple[tuple[str], float]]:
    return (((str(code),), float(found.get(str(code), 0))) for code in codes)


def _age_s(since: datetime | None, now: datetime) -> float:
    return max((now - since).total_seconds(), 0.0) if since else 0.0
