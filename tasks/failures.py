"""Which kind of fault an error is, and what a failed run says to do about it, with the way to the runbook."""

from collections.abc import Mapping
from typing import Final

import psycopg
from psycopg import errors as pg

from models.errors import (
    ChannelDenied,
    ChannelError,
    ChannelUnavailable,
    CounterpartBusy,
    FeedError,
    OutcomeUnknown,
    PutOff,
    RateLimited,
    SetupError,
    StepFailed,
)
from models.rules.faults import WISHES, Fault
from models.settings import settings

SHOP, WAREHOUSE, CARRIER, RECIPIENT = "shop", "warehouse", "carrier", "recipient"

_DOWN: Final[Mapping[str, Fault]] = {
    SHOP: Fault.PLATFORM_DOWN,
    WAREHOUSE: Fault.WMS_DOWN,
    CARRIER: Fault.CARRIER_DOWN,
    RECIPIENT: Fault.PLATFORM_DOWN,
}
_REFUSES: Final[Mapping[str, Fault]] = {
    SHOP: Fault.PLATFORM_REFUSES,
    WAREHOUSE: Fault.WMS_REFUSES,
    CARRIER: Fault.PLATFORM_REFUSES,
    RECIPIENT: Fault.PLATFORM_REFUSES,
}
_PARTIES: Final[Mapping[str, str]] = {"dispatch": WAREHOUSE, "audit_tracking": CARRIER}
_KINDS: Final[tuple[tuple[type[Exception], Fault], ...]] = (
    (CounterpartBusy, Fault.ANOTHER_RUN),
    (RateLimited, Fault.RATE_LIMITED),
    (OutcomeUnknown, Fault.NO_ANSWER),
    (FeedError, Fault.FEED_WRONG),
    (SetupError, Fault.SET_UP),
    (pg.UndefinedTable, Fault.SET_UP),
    (pg.UndefinedColumn, Fault.SET_UP),
    (pg.DiskFull, Fault.DISK_FULL),
    (pg.TooManyConnections, Fault.DATABASE_BUSY),
    (pg.OutOfMemory, Fault.DATABASE_BUSY),
    (pg.QueryCanceled, Fault.DATABASE_BUSY),
    (pg.DeadlockDetected, Fault.DATABASE_BUSY),
    (pg.SerializationFailure, Fault.DATABASE_BUSY),
    (psycopg.OperationalError, Fault.DATABASE_GONE),
)
"""The first that fits counts: some kinds of errors are kinds of others."""


def party_of(step: str) -> str:
    """Whom a step talks to: a shop, unless it is one that has to do with warehouses or carriers."""
    return _PARTIES.get(step, SHOP)


def fault_of(error: Exception, party: str) -> Fault:
    """The kind of fault an error is, when `party` (shop, warehouse, carrier or recipient) is whom the step talks to."""
    if isinstance(error, StepFailed):
        return error.fault
    # a connection that is refused has no code, only its sentence
    if isinstance(error, psycopg.OperationalError) and "too many clients" in str(error):
        return Fault.DATABASE_BUSY
    for kind, fault in _KINDS:
        if isinstance(error, kind):
            return fault
    if isinstance(error, ChannelUnavailable) and not isinstance(error, PutOff):
        return _DOWN[party]
    if isinstance(error, ChannelDenied) and party != WAREHOUSE:
        return Fault.ACCESS_DENIED
    return _REFUSES[party] if isinstance(error, ChannelError) else Fault.BUG


def advice(fault: Fault) -> str:
    """What a person is to do, and the address of the runbook's section where the console's is known."""
    address = runbook_address(fault)
    return f"What to do: {WISHES[fault]}." + (f" {address}" if address else "")


def runbook_address(fault: Fault) -> str:
    """The runbook's section about a fault; "" where the console is not known."""
    return runbook_section(fault.value)


def runbook_section(anchor: str) -> str:
    """The section of the runbook that the console shows; "" where the console is not known."""
    try:
        return f"{settings().callback_base()}/console/runbook#{anchor}"
    except SetupError:
        return ""
