"""Orders come first: while they wait, what warehouses reported and what shops are told takes less of the machine."""

from datetime import timedelta

from models.database import Connection
from models.settings import clock

PRESSING = timedelta(seconds=10)
"""A batch under way for so long says that the machine has all it can do."""

STUCK = timedelta(minutes=10)
"""One that is open for longer waits for something else than its turn."""


def orders_press(conn: Connection) -> bool:
    """Whether batches of orders are under way for longer than they need on a machine that has time."""
    now = clock().now()
    row = conn.execute(
        "select 1 from batch where state = 'open' and created_at < %s and created_at > %s limit 1",
        (now - PRESSING, now - STUCK),
    ).fetchone()
    return row is not None
