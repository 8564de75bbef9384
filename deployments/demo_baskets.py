"""Real baskets for the demo: the invoices of December 2010, dealt out to seven shops and moved to the present day."""

import csv
import gzip
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from deployments.demo_draw import draw
from deployments.demo_receivers import Receiver, receiver_for
from deployments.demo_wishes import invoice_of, note_of

RETAIL = Path(__file__).parent / "data" / "online_retail_2010-12.csv.gz"

LINES_PER_ORDER = 25
"""An invoice with more lines comes as several orders: wholesale baskets of hundreds are not what marketplaces see."""

SPAN = timedelta(hours=20)
"""How long before the present the first order was placed; within what a new shop's first window looks back."""

NEWEST_AGE = timedelta(minutes=30)

FILE_SHOP = "file-1"
SHOP_SHARES = (
    ("tmall-1", 22),
    ("taobao-1", 14),
    ("jd-1", 14),
    ("pdd-1", 14),
    ("douyin-1", 12),
    ("woo-1", 10),
    (FILE_SHOP, 14),
)
"""Percent of the buyers who buy in each shop."""

_NUMBERS = {
    "tmall-1": "3100{digits}",
    "taobao-1": "3200{digits}",
    "jd-1": "350000{digits}",
    "pdd-1": "{day}-3600000{digits}",
    "douyin-1": "69200000000{digits}",
    "woo-1": "33{digits}",
}
"""How each platform writes order numbers: `digits` are eight of ours, `day` is the day in China."""

STORE = "woo-1"
"""The web shop, whose staff type in orders by hand: what marketplaces never let pass, it has too."""

_EMPTY_CODE_OF = 150
_ZERO_PAYMENT_OF = 180
_RETURNED_OF = 40
_REFUSED_OF = 60
_NOBODY_OF = 4
"""Of so many purchases without a customer, one has no receiver either: there is nobody to ask."""


@dataclass(frozen=True, slots=True)
class Line:
    """One row of an invoice."""

    code: str
    title: str
    quantity: int
    price_fen: int


@dataclass(frozen=True, slots=True)
class Invoice:
    """An invoice, or with a number that starts with C the cancellation of earlier purchases.

    `rows` are the literal rows, `placed_at` is already moved to the present day.
    """

    no: str
    customer: str
    placed_at: datetime
    lines: tuple[Line, ...]
    rows: tuple[Mapping[str, str], ...]

    @property
    def is_cancellation(self) -> bool:
        """Whether it takes something back."""
        return self.no.startswith("C")

    @property
    def shop(self) -> str:
        """The shop it happened in: a buyer stays with one, a purchase without a buyer goes anywhere."""
        return _share_of(self.customer or self.no, SHOP_SHARES)


@dataclass(frozen=True, slots=True)
class Basket:
    """An invoice, or a part of a long one, as an order of an API shop. `zero_payment` is a voucher for all of it.

    `nobody`: no receiver is named.
    """

    no: str
    invoice_no: str
    customer: str
    placed_at: datetime
    lines: tuple[Line, ...]
    zero_payment: bool = False
    nobody: bool = False

    def as_order(self) -> dict[str, Any]:
        """The order as the simulated shops take it."""
        gross = sum(line.quantity * line.price_fen for line in self.lines)
        to = _receiver(self.invoice_no, nobody=self.nobody)
        return {
            "no": self.no,
            "created_at": self.placed_at.isoformat(),
            "paid_at": (self.placed_at + timedelta(seconds=30 + draw("paid", self.no) % 600)).isoformat(),
            "buyer": f"c{self.customer}" if self.customer else "",
            "status": "paid",
            "receiver": {
                "name": to.name,
                "phone": to.phone,
                "province": to.province,
                "city": to.city,
                "district": to.district,
                "address": to.address,
            },
            "lines": [
                {
                    "line_no": self.line_no(position),
                    "sku": line.code,
                    "title": line.title,
                    "quantity": line.quantity,
                    "price_fen": line.price_fen,
                }
                for position, line in enumerate(self.lines)
            ],
            "discount_fen": gross if self.zero_payment else 0,
            "buyer_note": note_of(self.no),
            "invoice": invoice_of(self.no),
        }

    def line_no(self, position: int) -> str:
        """The platform's number of a line, by its position from 0."""
        return f"{self.no}{position + 1:02d}"


def read_invoices(now: datetime, path: Path = RETAIL) -> list[Invoice]:
    """Every invoice, in the order of the file, its time moved so that they spread over SPAN up to now."""
    grouped: dict[str, list[dict[str, str]]] = {}
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            grouped.setdefault(row["InvoiceNo"], []).append(row)
    dates = {no: datetime.fromisoformat(rows[0]["InvoiceDate"]).replace(tzinfo=UTC) for no, rows in grouped.items()}
    first, last = min(dates.values()), max(dates.values())
    shrink = (SPAN - NEWEST_AGE) / (last - first)
    return [
        Invoice(
            no,
            rows[0]["CustomerID"],
            (now - SPAN + (dates[no] - first) * shrink).replace(microsecond=0),
            tuple(_line(row) for row in rows),
            tuple(rows),
        )
        for no, rows in grouped.items()
    ]


def _line(row: Mapping[str, str]) -> Line:
    price_fen = int(Decimal(row["UnitPrice"]) * 100)
    return Line(row["StockCode"], row["Description"] or row["StockCode"], int(row["Quantity"]), price_fen)


def baskets_of(invoices: Sequence[Invoice], shop: str) -> list[Basket]:
    """The orders of an API shop: long invoices in parts, and a little of the dirt that its platform lets pass.

    The data's own negative lines are in the export alone: as marketplaces have it, a return is no order.
    """
    return [
        basket
        for invoice in invoices
        if invoice.shop == shop and not invoice.is_cancellation
        for basket in _parts(invoice, shop)
    ]


def _parts(invoice: Invoice, shop: str) -> Iterator[Basket]:
    day = f"{invoice.placed_at + timedelta(hours=8):%y%m%d}"
    lines = [line for line in invoice.lines if line.quantity > 0]
    for part, start in enumerate(range(0, len(lines), LINES_PER_ORDER)):
        no = _NUMBERS[shop].format(day=day, digits=f"{invoice.no}{part + 1:02d}")
        basket = Basket(no, invoice.no, invoice.customer, invoice.placed_at, tuple(lines[start:][:LINES_PER_ORDER]))
        yield _typed_by_hand(_dirtied(basket)) if shop == STORE else _dirtied(basket)


def _dirtied(basket: Basket) -> Basket:
    if draw("empty code", basket.no) % _EMPTY_CODE_OF == 0:
        first, *others = basket.lines
        return replace(basket, lines=(replace(first, code=""), *others))
    return replace(basket, zero_payment=draw("zero payment", basket.no) % _ZERO_PAYMENT_OF == 0)


def _typed_by_hand(basket: Basket) -> Basket:
    if draw("returned", basket.no) % _RETURNED_OF == 0:
        first, *others = basket.lines
        return replace(basket, lines=(replace(first, quantity=-first.quantity), *others))
    return replace(basket, nobody=_is_nobodys(basket.customer, basket.no))


def file_rows(invoices: Sequence[Invoice]) -> list[dict[str, str]]:
    """The file shop's export: every row of its invoices as it is, with receiver, times of today, line and order sums.

    Cancellations, negative quantities and zero prices are in it as they are in the data, and so are missing customers.
    """
    return [row for invoice in invoices if invoice.shop == FILE_SHOP for row in _export(invoice)]


def _export(invoice: Invoice) -> Iterator[dict[str, str]]:
    to = _receiver(invoice.no, nobody=_is_nobodys(invoice.customer, invoice.no))
    asked = invoice_of(invoice.no) or {}
    sums = [Decimal(row["UnitPrice"]) * int(row["Quantity"]) for row in invoice.rows]
    china = invoice.placed_at + timedelta(hours=8)
    for row, amount in zip(invoice.rows, sums, strict=True):
        yield {
            **row,
            "小计": str(amount),
            "订单总额": str(sum(sums)),
            "下单时间": f"{china:%Y-%m-%d %H:%M:%S}",
            "付款时间": f"{china + timedelta(minutes=1):%Y-%m-%d %H:%M:%S}",
            "收货人": to.name,
            "手机": to.phone,
            "省": to.province,
            "市": to.city,
            "区": to.district,
            "详细地址": to.address,
            "买家留言": note_of(invoice.no),
            "发票抬头": asked.get("title", ""),
            "纳税人识别号": asked.get("tax_no", ""),
        }


def refused_phones(invoices: Sequence[Invoice]) -> list[str]:
    """Phones of some who buy in the web shop or by file, where phones are plain: they are on the demo's blacklist."""
    return [
        receiver_for(invoice.no).phone
        for invoice in invoices
        if invoice.shop in (STORE, FILE_SHOP) and not invoice.is_cancellation
        if draw("refused", invoice.no) % _REFUSED_OF == 0
    ]


def _share_of(key: str, shares: Sequence[tuple[str, int]]) -> str:
    drawn = draw("share", key) % sum(share for _, share in shares)
    for name, share in shares:
        drawn -= share
        if drawn < 0:
            return name
    raise AssertionError("the shares cover every draw")


def _is_nobodys(customer: str, no: str) -> bool:
    return not customer and draw("nobody", no) % _NOBODY_OF == 0


def _receiver(key: str, *, nobody: bool) -> Receiver:
    to = receiver_for(key)
    return replace(to, name="", phone="") if nobody else to
