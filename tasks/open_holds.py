"""What holds orders at this moment, by code."""

from dataclasses import dataclass
from datetime import datetime

from models.database import Connection
from models.hold import HoldCode


@dataclass(frozen=True, slots=True)
class OpenHolds:
    """How many orders wait under a code, since when the oldest does, and how many of these waits end by themselves."""

    code: HoldCode
    orders: int
    oldest: datetime
    timed: int


def open_holds(conn: Connection) -> list[OpenHolds]:
    """Every code that holds an order, the most frequent first."""
    rows = conn.execute(
        """select code, count(*), min(placed_at), count(release_at) from hold
           where released_at is null group by code order by 2 desc, 1"""
    ).fetchall()
    return [OpenHolds(HoldCode(row[0]), *row[1:]) for row in rows]
