"""Kinds of faults by what a person does about them; the runbook has a section for each, found by its name."""

from enum import StrEnum
from typing import Final


class Fault(StrEnum):
    """Why a step did not finish, or left orders behind. The value is the anchor of its section in the runbook."""

    PLATFORM_DOWN = "platform-down"
    WMS_DOWN = "wms-down"
    CARRIER_DOWN = "carrier-down"
    RATE_LIMITED = "rate-limited"
    ACCESS_DENIED = "access-denied"
    PLATFORM_REFUSES = "platform-refuses"
    WMS_REFUSES = "wms-refuses"
    NO_ANSWER = "no-answer"
    BLOCKED = "blocked"
    UNREADABLE = "unreadable-orders"
    FEED_WRONG = "feed-wrong"
    STOCK_SHORT = "stock-short"
    ORDERS_MISSING = "orders-missing"
    NEW_ALERTS = "new-alerts"
    WINDOWS_OPEN = "windows-open"
    ANOTHER_RUN = "another-run"
    SET_UP = "set-up"
    DATABASE_GONE = "database-gone"
    DATABASE_BUSY = "database-busy"
    DISK_FULL = "disk-full"
    BUG = "bug"


WISHES: Final[dict[Fault, str]] = {
    Fault.PLATFORM_DOWN: "wait until the platform answers again, then press Retry",
    Fault.WMS_DOWN: "wait until the warehouse's system answers again, then press Retry",
    Fault.CARRIER_DOWN: "wait until the carrier's service answers again, then press Retry",
    Fault.RATE_LIMITED: "wait a few minutes, then press Retry; do not press it again and again",
    Fault.ACCESS_DENIED: "renew the token or the permission, then press Retry",
    Fault.PLATFORM_REFUSES: "mend what the other side names, then press Retry",
    Fault.WMS_REFUSES: "settle with the warehouse what it names, then press Retry",
    Fault.NO_ANSWER: "press Retry; what may have arrived is not done twice",
    Fault.BLOCKED: "decide on the blocked documents in the console, then press Retry",
    Fault.UNREADABLE: "mend the mapping, then replay the quarantine",
    Fault.FEED_WRONG: "mend the feed and press Retry, or let it through: orderpool accept-batch",
    Fault.STOCK_SHORT: "bring stock; the orders go on by themselves",
    Fault.ORDERS_MISSING: "find out why they were not read; those that could be read are here now",
    Fault.NEW_ALERTS: "settle each alert; it closes by itself when its cause is gone",
    Fault.WINDOWS_OPEN: "mend what the windows' own runs name, then press Retry; only those are read again",
    Fault.ANOTHER_RUN: "press Retry when the other run is done",
    Fault.SET_UP: "set up what the sentence names, then press Retry",
    Fault.DATABASE_GONE: "bring the database back, then press Retry",
    Fault.DATABASE_BUSY: "let the load on the database pass, then press Retry",
    Fault.DISK_FULL: "make room on the database's disk, then press Retry",
    Fault.BUG: "press Retry once; if it fails again, tell the developers",
}
"""One short wish per fault, as the state of a failed run ends with it."""
