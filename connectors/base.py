"""What the pipeline asks of an outside party; every connector satisfies one of these Protocols.

A connector takes a ready `httpx.Client` and its credentials, talks, and sorts every failure into
the types of `models.errors`. It knows no database and no clock but the one it is given.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol

import httpx

from models.incoming import PayState

if TYPE_CHECKING:
    from connectors.mapping import Mapping as OrderMapping

Now = Callable[[], datetime]
"""The present as an aware UTC time."""


class RepeatClass(StrEnum):
    """What to do with a command whose outcome is unknown."""

    DEDUPLICATED = "deduplicated"  # send again with the same key
    QUERYABLE = "queryable"  # read first, then decide
    MANUAL = "manual"  # alert; a person decides


class Paging(StrEnum):
    """In which order the pages of a window are read so that rows that move meanwhile are not lost."""

    LAST_TO_FIRST = "last_to_first"  # count first; a row that leaves moves those behind it up: some are seen twice
    FIRST_TO_LAST = "first_to_last"  # only where no row leaves: each that does hides the one behind it


class TrackingUnit(StrEnum):
    """The smallest thing a tracking number can be given to."""

    ORDER = "order"
    LINE = "line"  # whole lines: a line of several pieces carries one number
    UNITS = "units"  # pieces of a line


class MergeToken(StrEnum):
    """How a channel tells that two orders go to the same receiver."""

    NONE = "none"
    ADDRESS = "address"  # the address is plain: compare it
    FIELD = "field"  # each order carries a token; equal tokens, same receiver
    CALL = "call"  # the platform is asked


class StockMode(StrEnum):
    """What a stock number that is pushed may mean."""

    ABSOLUTE = "absolute"
    DELTA = "delta"


class DeliveredBack(StrEnum):
    """What a channel does with the news that all of an order was delivered."""

    NONE = "none"  # it follows parcels by itself: it is not told
    NOTED = "noted"  # it notes when; the order was completed as it left
    COMPLETES = "completes"  # the order is completed by it, and not as it leaves


class Push(StrEnum):
    """How a channel tells of changes by itself. Its notices may be lost or repeated: reading stays the truth."""

    NONE = "none"
    HTTP = "http"  # to our webhook
    SOCKET = "socket"  # through a connection of the vendor's client


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a channel can do, as data: ingest, merge, split, ship-back and stock push consult nothing else.

    A shop's settings may replace single values, for what its platform grants it or does not confirm.
    """

    # reading
    window: timedelta | None  # the longest span one list call may ask for; None: no limit
    lag: timedelta  # how far behind the present a window must end
    overlap: timedelta  # how much of the former window is read again
    history: timedelta | None  # how far back orders can be listed; None: no limit
    paging: Paging
    page_size: int
    deepest_row: int | None  # rows beyond it cannot be listed; None: no limit
    calls_per_s: float  # what a shop's calls keep to, all workers together
    masked_fields: frozenset[str]  # of name, phone and address, what comes as a mask or ciphertext
    merge_token: MergeToken
    push: Push
    # reporting parcels
    tracking_unit: TrackingUnit
    parcels_per_order: int | None  # None: no limit
    numbers_at_once: bool  # one call with all numbers of the order, so only when the last parcel left
    reships: int  # how often the number of a reported parcel may be corrected
    # stock
    stock_batch: int  # SKUs per call
    stock_modes: frozenset[StockMode]
    # each of several orders in one parcel may be reported with its number; platforms usually take that
    merged_parcels: bool = True
    # the two ways in which a file is no platform
    pulls: bool = True  # False: orders come by import, there is nothing to ask
    reports_shipping: bool = True  # False: there is nobody to tell; write no ship-back
    delivered_back: DeliveredBack = DeliveredBack.NONE
    lists_products: bool = False  # its `listings` can be read; False: they come by import, or from orders


@dataclass(frozen=True, slots=True)
class NotReady:
    """Why a paid order must not be shipped: the state it counts as, and a sentence."""

    state: PayState
    reason: str


@dataclass(frozen=True, slots=True)
class PieceCount:
    """So many pieces of a platform line in a parcel; `whole` when that is all of the line."""

    line_no: str
    sku_code: str
    quantity: int
    whole: bool


@dataclass(frozen=True, slots=True)
class Box:
    """A carrier (our code) and its number."""

    carrier: str
    waybill: str


@dataclass(frozen=True, slots=True)
class ShipBack:
    """One parcel to report to a shop, with what it holds of the order. `line_nos` empty: the whole order.

    `earlier` are the order's boxes that left before this one, oldest first. `replaces` is the number that was
    reported before and was wrong, "" at the first report.
    """

    external_id: str
    order_no: str
    carrier: str  # our carrier code (Kuaidi100's, e.g. `yuantong`)
    waybill: str
    line_nos: tuple[str, ...]
    last_parcel: bool
    key: str  # the outbox row's idempotency key
    pieces: tuple[PieceCount, ...] = ()
    earlier: tuple[Box, ...] = ()
    replaces: str = ""


@dataclass(frozen=True, slots=True)
class Delivered:
    """An order of which every parcel was delivered, the last one at `delivered_at`. `key` is the outbox row's."""

    external_id: str
    order_no: str
    delivered_at: datetime
    key: str


@dataclass(frozen=True, slots=True)
class Listing:
    """What a shop offers under one stock number: a product, or one SKU (a variation) of it.

    `item_id` and `sku_ref` are the platform's ids of the product and of the SKU in it, `sku_ref` "" where the product
    has no SKUs; `sku_code` is the merchant's code. `units` are those shown now, None when the shop counts none.
    """

    item_id: str
    sku_ref: str
    sku_code: str
    title: str
    units: int | None


@dataclass(frozen=True, slots=True)
class StockLevel:
    """So many units that a listing is to show: an absolute number, never a difference.

    `item_id` and `sku_ref` are those of the `Listing`; where `sku_ref` is "" though the product has SKUs, a platform
    that knows SKUs by `sku_code` as well is told that. `key` names shop, listing and stock version. It stays the same
    for a repeat after an unknown outcome. After AGAIN or REFUSED a repeat needs another one (say, with the number of
    such answers behind it): a platform may take a key once, whatever came of it.
    """

    item_id: str
    sku_ref: str
    sku_code: str
    units: int
    key: str


class StockVerdict(StrEnum):
    """What became of one stock level."""

    ACCEPTED = "accepted"  # the listing shows it
    REFUSED = "refused"  # for good: a person has to mend what the reason says
    AGAIN = "again"  # not known to be shown: the listing's present units may be sent later


@dataclass(frozen=True, slots=True)
class StockOutcome:
    """What the platform said to one level. `reason` is its sentence, "" when it took the level."""

    level: StockLevel
    verdict: StockVerdict
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Health:
    """The answer of one signed read: `ok`, and in `missing` what a person has to mend."""

    ok: bool
    missing: tuple[str, ...] = ()
    detail: str = ""


@dataclass(frozen=True, slots=True)
class PlatformCarrier:
    """A carrier as a channel lists it. `pattern` is a regular expression of its numbers, "" when none is given."""

    code: str
    name: str
    pattern: str = ""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a seller's consent, or a refresh, gives. `owner` is the platform's id of the shop, "" if it does not say."""

    access_token: str
    expires_at: datetime | None
    refresh_token: str = ""
    refresh_expires_at: datetime | None = None
    owner: str = ""


class Authoriser(Protocol):
    """How a seller lets us act for a shop. Made from a client, the shop's code, its credentials and a clock."""

    def __init__(self, client: httpx.Client, name: str, credentials: "Credentials", now: Now) -> None: ...

    def consent_url(self, redirect_uri: str, state: str) -> str:
        """The page on which the seller agrees; it leads to `redirect_uri` with `code` and `state`."""

    def exchange(self, code: str, redirect_uri: str) -> Tokens:
        """The tokens for a code; raises ChannelDenied when the code is over or not ours."""

    def refresh(self, refresh_token: str) -> Tokens:
        """New tokens; raises ChannelDenied when only a new consent helps."""


class Budget(Protocol):
    """The calls that may be made in a shop's name, shared by all workers."""

    def take(self) -> None:
        """Wait for the turn of one call; raises RateLimited when that is too long to wait for."""

    def pause(self, seconds: float) -> None:
        """Let nobody call for so long: the platform asks for it."""


class Unlimited:
    """A budget without an end, for shops whose host sets no limit, and for tests."""

    def take(self) -> None:
        """Never wait."""

    def pause(self, seconds: float) -> None:
        """Remember nothing."""


Renew = Callable[[str], "Credentials"]
"""Given the access token that was refused: the shop's credentials with another one. Raises ChannelDenied."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What is particular to one shop: its capabilities where they differ, call budget, token renewal, carrier codes.

    `carriers` are codes that the platform listed for this shop (our code -> theirs); they go before the mapping's.
    """

    capabilities: Capabilities | None = None
    budget: Budget = field(default_factory=Unlimited)
    renew: Renew | None = None
    carriers: Mapping[str, str] = field(default_factory=dict)


AS_USUAL: Final = Terms()
"""The terms of a shop about which nothing is particular."""


class Channel(Protocol):
    """A shop on a marketplace or an own web shop."""

    # of the class
    needs: ClassVar[tuple[str, ...]]  # the credentials it cannot do without
    usual_endpoint: ClassVar[str]  # "": every shop has its own
    token: ClassVar[str]  # the credential that is the access token; "": none that ends
    authoriser: ClassVar[type[Authoriser] | None]
    shared_numbers: ClassVar[str]  # channels of one name never give an order number twice; "": each shop for itself

    capabilities: Capabilities
    ship_back_class: RepeatClass

    def __init__(
        self,
        client: httpx.Client,
        name: str,
        credentials: "Credentials",
        mapping: "OrderMapping",
        now: Now,
        terms: Terms = ...,
    ) -> None: ...

    @property
    def hides_changes(self) -> bool:
        """Whether its list leaves out orders of some states: then known open ones are asked for one by one.

        False on nearly every platform. It may become true while orders are listed.
        """

    @staticmethod
    def ready_to_ship(payload: dict[str, Any]) -> NotReady | None:
        """Why an order whose mapped status is `ready` or `blocked` must not be shipped; None: nothing more is known.

        The one place that knows which further fields of the platform count. Never raises, whatever the payload.
        """

    def changed_orders(self, since: datetime, until: datetime) -> Iterator[list[dict[str, Any]]]:
        """Raw payloads, page by page, of every order changed in [since, until), complete as mapping needs them.

        The caller may read a window again; pages may hold an order twice (the newest `modified` wins).
        Raises ChannelError types.
        """

    def created_ids(self, since: datetime, until: datetime) -> Iterator[list[str]]:
        """The ids, page by page, of every order the platform lists as new in [since, until), as `order` takes them."""

    def order(self, external_id: str) -> dict[str, Any] | None:
        """The present raw payload of one order, None when the platform no longer has it."""

    def ship_back(self, parcel: ShipBack) -> None:
        """Tell the shop that a parcel left; returns when the shop has it, also when it already had it."""

    def delivered_back(self, order: Delivered) -> None:
        """Tell the shop that all of an order was delivered; returns when the shop has it, also when it already had it.

        Repeated as `ship_back` is. Only for channels whose capabilities say what they do with it.
        """

    def push_stock(self, levels: Sequence[StockLevel]) -> Iterator[list[StockOutcome]]:
        """Let listings show these units: a call of the platform per step, at most `stock_batch` levels in each.

        Every level comes in exactly one outcome, not in the order given, unless an error ends the iteration: then what
        has no outcome is not known to be shown, and may be sent again, for all values are absolute. A level that
        cannot be sent (below 0, no id, two for one listing) is REFUSED and hurts no other, like one that the platform
        does not take. Raises ChannelError types for what concerns the call as a whole: ChannelUnavailable (also when
        the platform puts off one call after the other), RateLimited, OutcomeUnknown, ChannelDenied, ChannelRejected.
        Only for channels that have `stock_modes`.
        """

    def listings(self) -> Iterator[list[Listing]]:
        """What the shop offers, page by page; empty where the platform has no call for it (`lists_products`)."""

    def list_carriers(self) -> list[PlatformCarrier]:
        """The carriers the platform takes from this shop; empty where it takes any."""

    def check(self) -> Health:
        """One signed read that says whether keys, token and permissions work."""


class PushChannel(Channel, Protocol):
    """A channel that sends notices to our webhook."""

    def read_notices(self, headers: Mapping[str, str], body: bytes) -> list[tuple[str, str]]:
        """The (message id, order id) pairs of a signed notice about orders; empty when it is about something else.

        Raises ChannelDenied when the signature is wrong, ChannelRejected when the body is none of theirs.
        """


@dataclass(frozen=True, slots=True)
class Message:
    """One message to a WMS: envelope type, key (same across retries), and data."""

    type: str
    key: str
    occurred_at: datetime
    data: Mapping[str, Any]


Envelope = Mapping[str, Any]
"""A warehouse's report: `type`, `timestamp` (ISO 8601, when it happened) and `data`."""


class Wms(Protocol):
    """How a warehouse is told what to ship. Made from a client, its code, its credentials and a clock."""

    repeat_class: RepeatClass
    needs: ClassVar[tuple[str, ...]]  # the credentials that a person has to give
    for_people: ClassVar[bool]  # people read its messages: `data` has the address of a page, and until when it is there
    reads_long: ClassVar[bool]  # it reads from us what is too long for a message
    in_house: ClassVar[bool]  # its people work with OrderPool itself: what it is told is in the pool

    def __init__(self, client: httpx.Client, name: str, credentials: "Credentials", now: Now) -> None: ...

    def groups(self, messages: Sequence[Message]) -> list[Sequence[Message]]:
        """Which of these messages go together in one call, in their order."""

    def send(self, *messages: Message) -> Mapping[str, Envelope]:
        """Deliver one message, or a group in one call, all of it or nothing.

        Returns what the answer reports already, by the message's key. Raises ChannelError types (RateLimited carries
        Retry-After).
        """

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
    stage: str  # models.shipment.ParcelStage value, "" when the vendor says none
    code: str  # the vendor's code
    text: str
    place: str


@dataclass(frozen=True, slots=True)
class Trace:
    """All a source knows of one parcel. `carrier` differs from the asked one after a correction.

    `stage` is where the parcel is by the newest scan; None makes no statement (no result yet).
    """

    carrier: str
    waybill: str
    stage: str | None
    scans: tuple[Scan, ...]
    closed: bool = False  # the vendor stopped following
    aborted: str = ""  # why it gave up, "" when it did not
    corrected_carrier: str = ""
    raw: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""  # who tells it: the name of a connector


class TrackingSource(Protocol):
    """Who can be asked where a parcel is."""

    name: str

    def query(self, carrier: str, waybill: str, phone_last4: str) -> Trace:
        """The present trace; the caller keeps the vendor's minimum interval per number."""


class Carrier(TrackingSource, Protocol):
    """A source of parcel tracking that tells of news by itself."""

    repeat_class: RepeatClass

    def subscribe(self, parcel: Subscription) -> None:
        """Ask for pushes; an already followed parcel is success."""

    def read_push(self, form: Mapping[str, str], salt: str) -> Trace:
        """The trace in a push body; raises ChannelDenied when its signature is wrong."""


Credentials = Mapping[str, str]
Payloads = Sequence[dict[str, Any]]
