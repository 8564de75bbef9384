"""What the demo's warehouses hold: plenty of most things, too little of some, and codes that nobody knows."""

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from deployments.demo_baskets import Invoice

WITHOUT_ENTRY = 4
"""So many codes that are sold now and then are missing from the SKU list."""

SCARCE = 12
"""So many SKUs have a fifth of what is wanted of them, dealt out over the warehouses."""

ONCE_IN_A_WHILE = range(4, 9)
NOW_AND_THEN = range(8, 30)

_GOODS = re.compile(r"\d{5}.*|DCGS\d+|gift_.*")  # not postage, bank charges, discounts, manual corrections
_MARGIN = 100


@dataclass(frozen=True, slots=True)
class Assortment:
    """The SKU list (code to name) and units per warehouse and SKU."""

    skus: dict[str, str]
    units: dict[tuple[str, str], int]
    scarce: frozenset[str]
    unknown: frozenset[str]


def stock_up(invoices: Sequence[Invoice], warehouses: Sequence[str]) -> Assortment:
    """Choose SKUs and quantities from what the invoices ask for; the same invoices give the same stock.

    One warehouse serves an order as a whole, so each has enough of every plentiful SKU for all orders.
    """
    names: dict[str, str] = {}
    wanted: Counter[str] = Counter()
    orders: Counter[str] = Counter()
    for invoice in invoices:
        for line in invoice.lines:
            names.setdefault(line.code, line.title)
            wanted[line.code] += max(line.quantity, 0)
        orders.update({line.code for line in invoice.lines if line.quantity > 0})
    goods = sorted((code for code in names if _GOODS.fullmatch(code)), key=_shuffled)
    unknown = frozenset([code for code in goods if orders[code] in ONCE_IN_A_WHILE][:WITHOUT_ENTRY])
    scarce = frozenset([code for code in goods if orders[code] in NOW_AND_THEN and wanted[code] > 30][:SCARCE])
    skus = {code: names[code] for code in sorted(goods) if code not in unknown}
    units = {
        (place, code): max(1, wanted[code] // 15) if code in scarce else wanted[code] + _MARGIN
        for place in warehouses
        for code in skus
    }
    return Assortment(skus, units, scarce, unknown)


def _shuffled(code: str) -> str:
    return hashlib.sha256(f"stock {code}".encode()).hexdigest()
