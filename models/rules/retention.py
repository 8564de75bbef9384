"""How long personal data is kept: until an order is at its end and its after-sales window over, never much longer.

Sources: PIPL (Personal Information Protection Law) article 19, the shortest time that the purpose needs, and 47, to be
deleted without being asked when it is over; Cybersecurity Law, network logs at least six months; what platforms ask
for in their security rules, usually 90 days after the end of an order.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final

AFTER_SALES_DAYS: Final = 30
"""So long after an order's end its receiver is kept, for returns and questions."""

MOST_DAYS: Final = 90
"""No longer than this after its goods left, whatever a shop sets: also when no carrier ever tells of the end."""

QUARANTINE_LEFT_DAYS: Final = 30
"""A payload that could be read after all is kept so long beside its order."""

QUARANTINE_DAYS: Final = 90
"""One that never could be read."""

ACCESS_LOG: Final = timedelta(days=200)
PARCEL_EVENTS: Final = timedelta(days=180)
ERASURES: Final = timedelta(days=3 * 366)
"""What is kept of accesses, of scans after a parcel's end, and of erasures."""

ANSWER_WORKING_DAYS: Final = 15
"""A person's request is answered within so many working days; the law says promptly."""


class Keeps(StrEnum):
    """What keeps a receiver although its time may be over: somebody still has to reach them, or must not forget."""

    UNDER_WAY = "under_way"  # not every line has left, and the order was not cancelled
    HOLD = "hold"
    RETURN = "return"
    REFUND = "refund"
    INTERCEPT = "intercept"
    SHORT = "short"  # units that were not there are still owed
    STOPPED = "stopped"  # its document is asked back
    LEGAL_HOLD = "legal_hold"


KEPT_BECAUSE: Final[dict[Keeps, str]] = {
    Keeps.UNDER_WAY: "the order is under way",
    Keeps.HOLD: "a hold is open",
    Keeps.RETURN: "a return is open",
    Keeps.REFUND: "a refund is not settled",
    Keeps.INTERCEPT: "a parcel is wanted back",
    Keeps.SHORT: "units that were not there are still owed",
    Keeps.STOPPED: "its warehouse is asked to stop",
    Keeps.LEGAL_HOLD: "it must be kept for a dispute",
}


@dataclass(frozen=True, slots=True)
class Ending:
    """How an order stands as far as its receiver is concerned.

    `left_at` is when the last of its goods left or it was cancelled, None while something is to leave; `ended_at` when
    the last of its parcels, returns and refunds came to an end, None while one is under way. `days` is its shop's
    after-sales window.
    """

    left_at: datetime | None
    ended_at: datetime | None
    days: float
    keeps: frozenset[Keeps]
    restricted: bool = False


def erase_at(order: Ending) -> datetime | None:
    """When the receiver's personal data goes; None while the order needs it or something keeps it.

    A person who asked for erasure waits for the end alone, not for the window. A parcel that nobody hears of ends
    MOST_DAYS after it left.
    """
    if order.left_at is None or order.keeps:
        return None
    latest = order.left_at + timedelta(days=MOST_DAYS)
    if order.ended_at is None:
        return latest
    if order.restricted:
        return min(order.ended_at, latest)
    return min(order.ended_at + timedelta(days=order.days), latest)


def answer_by(asked: date) -> date:
    """The day by which a request that came on `asked` is answered; Saturdays and Sundays do not count.

    Public holidays count as working days, so it is never later than it may be.
    """
    day, left = asked, ANSWER_WORKING_DAYS
    while left:
        day += timedelta(days=1)
        left -= day.weekday() < 5
    return day
