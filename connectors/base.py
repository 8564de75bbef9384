"""What the pipeline asks of an outside party; every connector satisfies one of these Protocols.

A connector takes a ready `httpx.Client` and its credentials, talks, and sorts every failure into
the types of `models.errors`. It knows no database and no clock but the one it is given.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

Now = Callable[[], datetime]
"""The present as an aware UTC time."""


class RepeatClass(StrEnum):
    """What to do with a command whose outcome is unknown."""

    DEDUPLICATED = "deduplicated"  # send again with the same key
    QUERYABLE = "queryable"  # read first, then decide
    MANUAL = "manual"  # alert; a person decides


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a channel can do, as data; ingest and ship-back consult nothing else."""

    window: timedelta | None  # the longest span one list call may ask for; None: no limit
    lag: timedelta  # how far behind the present a window must end
    overlap: timedelta  # how much of the former window is read again
    history: timedelta | None  # how far back orders can be listed
    page_size: int
    reverse_paging: bool  # read the last page first, or rows are lost
    masked_receiver: bool
    lines_per_parcel: bool  # a tracking number can be given per line
    reports_shipping: bool = True  # False: there is nobody to tell; write no ship-back


@dataclass(frozen=True, slots=True)
class ShipBack:
    """One parcel to report to a shop. `line_nos` empty: the whole order."""

    external_id: str
    order_no: str
    carrier: str  # our carrier code (Kuaidi100's, e.g. `yuantong`)
    waybill: str
    line_nos: tuple[str, ...]
    last_parcel: bool
    key: str  # the outbox row's idempotency key


@dataclass(frozen=True, slots=True)
class Health:
    """The answer of one signed read: `ok`, and in `missing` what a person has to mend."""

    ok: bool
    missing: tuple[str, ...] = ()
    detail: str = ""


class Channel(Protocol):
    """A shop on a marketplace or an own web shop."""

    capabilities: Capabilities
    ship_back_class: RepeatClass

    def changed_orders(self, since: datetime, until: datetime) -> Iterator[list[dict[str, Any]]]:
        """Raw payloads, page by page, of every order changed in [since, until), complete as mapping needs them.

        The caller may read a window again; pages may hold an order twice (the newest `modified` wins).
        Raises ChannelError types.
        """

    def order(self, external_id: str) -> dict[str, Any] | None:
        """The present raw payload of one order, None when the platform no longer has it."""

    def ship_back(self, parcel: ShipBack) -> None:
        """Tell the shop that a parcel left; returns when the shop has it, also when it already had it."""

    def check(self) -> Health:
        """One signed read that says whether keys, token and permissions work."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message to a WMS: envelope type, key (same across retries), and data."""

    type: str
    key: str
    occurred_at: datetime
    data: Mapping[str, Any]


class Wms(Protocol):
    """A warehouse's system."""

    repeat_class: RepeatClass

    def send(self, message: Message) -> None:
        """Deliver one message; raises ChannelError types (RateLimited carries Retry-After)."""

    def verify(self, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        """The parsed envelope of a signed incoming body; raises ChannelDenied when the signature is wrong."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """A parcel to follow."""

    carrier: str
    waybill: str
    phone_last4: str
    from_place: str
    to_place: str
    callback_url: str
    salt: str


@dataclass(frozen=True, slots=True)
class Scan:
    """One event of a parcel's way, in the carrier's time."""

    at: datetime
    stage: str  # models.shipment.ParcelStage value
    code: str  # the vendor's code
    text: str
    place: str


@dataclass(frozen=True, slots=True)
class Trace:
    """All a carrier knows of one parcel. `carrier` differs from the asked one after a correction."""

    carrier: str
    waybill: str
    stage: str | None  # None: no statement (no result yet)
    scans: tuple[Scan, ...]
    closed: bool = False  # the vendor stopped following
    aborted: str = ""  # why it gave up, "" when it did not
    corrected_carrier: str = ""
    raw: Mapping[str, Any] = field(default_factory=dict)


class Carrier(Protocol):
    """A source of parcel tracking."""

    repeat_class: RepeatClass

    def subscribe(self, parcel: Subscription) -> None:
        """Ask for pushes; an already followed parcel is success."""

    def query(self, carrier: str, waybill: str, phone_last4: str) -> Trace:
        """The present trace; the caller keeps the vendor's minimum interval per number."""

    def read_push(self, form: Mapping[str, str], salt: str) -> Trace:
        """The trace in a push body; raises ChannelDenied when its signature is wrong."""


Credentials = Mapping[str, str]
Payloads = Sequence[dict[str, Any]]
