"""The one shape every channel's order is mapped to before it enters the pool.

A connector's own words stop here: what follows knows only these fields.
Money is an int of fen, times are UTC-aware, ids of platforms are text.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class OrderKind(StrEnum):
    """GOODS has lines to ship; HEADER is an order without lines: stored and reportable, never locked or dispatched."""

    GOODS = "goods"
    HEADER = "header"


class PayState(StrEnum):
    """What the platform says of an order's money and of its being allowed to leave, in our words."""

    UNPAID = "unpaid"
    READY = "ready"  # paid (or cash on delivery) and free to ship
    BLOCKED = "blocked"  # paid, but the platform forbids shipping for now
    PLATFORM_SHIPS = "platform_ships"  # paid, but it leaves from the platform's own warehouse: not ours to ship
    SHIPPED = "shipped"  # shipped according to the platform
    FINISHED = "finished"
    CANCELLED = "cancelled"  # closed before payment, or closed and refunded: never ship


class InvoiceKind(StrEnum):
    """Who an invoice is made out to; UNSAID: neither the shop said it nor does anything tell it."""

    UNSAID = ""
    PERSONAL = "personal"
    COMPANY = "company"


class LineState(StrEnum):
    """OPEN is to be shipped; REFUNDING has a refund under way; CLOSED is refunded, cancelled or shipped already."""

    OPEN = "open"
    REFUNDING = "refunding"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class IncomingLine:
    """One SKU and quantity of an order. `sku_code` is the merchant's code, "" when the platform sent none."""

    line_no: str  # the platform's line id, unique in the order
    sku_code: str
    title: str
    quantity: int
    unit_price_fen: int
    paid_fen: int  # the line's share of what the buyer pays, discounts taken off
    state: LineState


@dataclass(frozen=True, slots=True)
class IncomingReceiver:
    """Who gets the parcel, as sent: plain, or masked with the platform's handle (`oaid`) or its ciphertexts.

    The ciphertexts are what the platform's waybill and decryption calls take. `merge_key`: equal keys of one shop,
    same receiver.
    """

    name: str
    phone: str
    province: str
    city: str
    district: str
    town: str
    address: str
    oaid: str
    masked: bool  # name, phone or address hold platform masks
    name_cipher: str = ""
    phone_cipher: str = ""
    address_cipher: str = ""
    merge_key: str = ""


@dataclass(frozen=True, slots=True)
class IncomingInvoice:
    """The invoice a buyer asks for: who it is made out to, its title, and that company's tax number; "" is not said."""

    kind: InvoiceKind
    title: str
    tax_no: str


@dataclass(frozen=True, slots=True)
class IncomingOrder:
    """An order as a channel reports it now."""

    external_id: str  # the platform's id for calls, unique in the shop
    order_no: str  # what the buyer sees
    kind: OrderKind
    pay_state: PayState
    platform_status: str
    buyer_key: str  # the platform's stable buyer id, "" when it has none
    created_at: datetime
    paid_at: datetime | None
    modified_at: datetime
    ship_by: datetime | None
    goods_fen: int  # goods before order-level discounts
    discount_fen: int
    freight_fen: int
    total_fen: int  # what the buyer is to pay in all
    paid_fen: int  # what has been paid, as the platform counts it
    refunded_fen: int
    buyer_note: str
    seller_note: str
    receiver: IncomingReceiver
    lines: tuple[IncomingLine, ...]
    not_ready: str = ""  # why it must not leave though its status says it may, "" when nothing is in the way
    split_from: str = ""  # the external_id of the order that the platform split this one from
    cod_fen: int = 0  # what the carrier is to collect from the buyer at the door
    invoice: IncomingInvoice | None = None  # None when the buyer asks for none
