"""What waits and why, which queues grow and what is alerted, in one look at the pool; no other part has to run."""

from dataclasses import dataclass
from datetime import datetime

from models.database import Connection
from tasks.alert_messages import stuck_since
from tasks.alerts import OpenAlert, open_alerts
from tasks.pressure import Queue, pressure
from tasks.promo import PromoInForce, promo_in_force
from tasks.waiting import Waiting, waiting_orders


@dataclass(frozen=True, slots=True)
class Overview:
    """The pool at one moment; `batches_open` are under way or belong to a run that failed."""

    at: datetime
    waiting: Waiting
    queues: list[Queue]
    alerts: list[OpenAlert]
    batches_open: int
    promo: PromoInForce | None
    nobody_told_since: datetime | None
    """Since when news of alerts wait that nobody could be told."""


def overview(conn: Connection, now: datetime) -> Overview:
    """How everything stands at this moment."""
    open_batches = conn.execute("select count(*) from batch where state = 'open'").fetchall()[0][0]
    return Overview(
        at=now,
        waiting=waiting_orders(conn, now),
        queues=[queue for queue in pressure(conn, now) if queue.waiting],
        alerts=open_alerts(conn),
        batches_open=open_batches,
        promo=promo_in_force(conn, now),
        nobody_told_since=stuck_since(conn),
    )
