"""How fast everything goes while no promo is in force."""

from typing import Any

RUNS_AT_ONCE = 10
"""Runs of the work pool; a process per flow run takes about 250 MB: this many fit a small machine."""

SHOPS_AT_ONCE = 2
"""Shops that the live process works on at a time."""


def usual_settings() -> dict[str, Any]:
    """What counts instead of a promo's settings; how often a shop is read is a setting of the shop."""
    from models.settings import settings
    from tasks.outbox_calls import SENDERS

    return {
        "batch_size": settings().batch_size,
        "shops_at_once": SHOPS_AT_ONCE,
        "runs_at_once": RUNS_AT_ONCE,
        "senders": SENDERS,
        "pause": [],
        "meter_release": False,
    }
