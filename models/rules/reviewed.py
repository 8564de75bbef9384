"""What is known of an order when it is reviewed. Notes and invoice are personal: no finding may repeat them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from models.incoming import IncomingInvoice, LineState, PayState


@dataclass(frozen=True, slots=True)
class ReviewedLine:
    """A line; `counts`: it is to be shipped, or was, and was neither refunded nor called off."""

    number: int
    sku_code: str
    sku_id: int | None
    quantity: int
    paid_fen: int
    state: LineState
    counts: bool


@dataclass(frozen=True, slots=True)
class Earlier:
    """The nearest order before this one in which the same buyer paid for the same goods."""

    order_no: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Listed:
    """An entry of the blacklist that an order meets; `reason` is why a person made it."""

    id: int
    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class UsualPrice:
    """What a unit of a SKU usually costs: said by a person, or the median of so many lines."""

    fen: int
    line_count: int
    given: bool


@dataclass(frozen=True, slots=True)
class Reviewed:
    """An order with all that the rules ask. `at` is the moment of the review, `handling` its shop's time to ship.

    `note_marks` are digests of the notes by who wrote them. `same_no` are the orders that brought its number before, as
    shop and id. `replaces`: we made it ourselves in place of another, for nothing.
    """

    id: int
    order_no: str
    shop: str
    channel: str
    pay_state: PayState
    platform_status: str
    not_ready: str
    total_fen: int
    refunded_fen: int
    ship_by: datetime | None
    at: datetime
    handling: timedelta
    region: tuple[str, str, str]
    division_code: str
    lines: tuple[ReviewedLine, ...]
    same_no: tuple[str, ...] = ()
    repeats: Earlier | None = None
    listed: tuple[Listed, ...] = ()
    notes: Mapping[str, str] = field(default_factory=dict)
    note_marks: Mapping[str, str] = field(default_factory=dict)
    invoice: IncomingInvoice | None = None
    usual_prices: Mapping[str, UsualPrice] = field(default_factory=dict)
    replaces: bool = False
