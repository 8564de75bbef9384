"""How long an order may wait: a timed release leaves its warehouse the time it needs."""

from datetime import datetime, timedelta


def latest_end(until: datetime | None, ship_by: datetime | None, handling: timedelta) -> datetime | None:
    """When a timed wait ends: at `until`, yet never later than the promise to ship less the handling time.

    `handling` is what a warehouse needs from its instruction to the carrier. None means that the wait has no end of
    its own (no `until`), whatever was promised; without a promise `until` holds. The answer may lie in the past: then
    the wait is over.
    """
    if until is None or ship_by is None:
        return until
    return min(until, ship_by - handling)
