"""Orders whose trouble is what was bought: codes, quantities, goods of a later day."""

from collections.abc import Iterator
from dataclasses import replace

from tests.review_sets.making import Case, Maker, held, near
from tests.review_sets.payloads import Draft

UNKNOWN_SKU, BAD_QUANTITY, PRESALE = "UNKNOWN_SKU", "BAD_QUANTITY", "PRESALE"


def unknown(m: Maker) -> Iterator[Case]:
    """Codes that are not ours, and lines without one."""
    for shop, code in (
        ("TEAHOUSE", "OLD-77"),
        ("WEB-EN", "tea250"),
        ("TM-FLAGSHIP", "QT-0001"),
        ("JD-POP", "100123"),
        ("TB-OUTLET", ""),
        ("TEAHOUSE", ""),
        ("JD-POP", ""),
    ):
        yield [held(m.order(shop, lines=(m.line(code, 1, 9900),)), UNKNOWN_SKU, "a code that nobody knows, or none")]
    for shop in ("WEB-EN", "TM-FLAGSHIP"):
        lines = (m.line("CUP-500", 1), m.line("PROMO-X", 1, 100))
        yield [held(m.order(shop, lines=lines), UNKNOWN_SKU, "a strange line beside a known one")]


def known(m: Maker) -> Iterator[Case]:
    """Codes written oddly, at another place, or of lines that count no more."""
    for code in (" CUP-500", "CUP-500 "):
        line = replace(m.line("CUP-500", 1), sku=code)
        yield [near(m.order(m.a_store(), lines=(line,)), UNKNOWN_SKU, "a code with a space round it")]
    for shop in ("TM-FLAGSHIP", "TB-OUTLET"):
        line = m.line("POT-ZS", 1, only_item_code=True)
        yield [near(m.order(shop, lines=(line,)), UNKNOWN_SKU, "the code of the article alone")]
        lines = (m.line("GONE-1", 1, 5000, refund="SUCCESS"), m.line("CUP-500", 1))
        yield [near(m.order(shop, lines=lines), UNKNOWN_SKU, "the strange line was refunded")]


def quantities(m: Maker) -> Iterator[Case]:
    """Less than nothing of something, and orders without a line."""
    for shop, pieces in (("TEAHOUSE", -1), ("WEB-EN", -2)):
        lines = (m.line("TEA-LJ-250", 3, 12800), m.line("CUP-500", pieces, 5900))
        yield [held(m.order(shop, lines=lines), BAD_QUANTITY, f"{pieces} cups beside three of tea")]
    for shop in ("TEAHOUSE", "WEB-EN", "TEAHOUSE"):
        both = "BAD_AMOUNT BAD_QUANTITY"
        yield [held(m.order(shop, lines=(m.line("CUP-500", -1, 5900),), freight_fen=0), both, "a return as an order")]
    for fen in (100, 5000, 19900):
        order = m.order(m.a_store(), lines=(), fees_fen=fen, freight_fen=0)
        yield [held(order, BAD_QUANTITY, "a payment of a difference, without goods")]


def believable_quantities(m: Maker) -> Iterator[Case]:
    """One, many, and a fee beside goods."""
    for pieces, sku in ((1, "POT-ZS"), (400, "SOCK-W"), (99, "CUP-500")):
        yield [near(m.order(lines=(m.line(sku, pieces),)), BAD_QUANTITY, f"{pieces} pieces")]
    order = m.order(m.a_store(), lines=(m.line("SOCK-W", 1, 2000),), fees_fen=100)
    yield [near(order, BAD_QUANTITY, "goods and a payment of a difference")]


def presales(m: Maker) -> Iterator[Case]:
    """Goods that are not to leave before a day to come."""
    for shop, sku in (
        ("TEAHOUSE", "NEWYEAR-27"),
        ("TM-FLAGSHIP", "NEWYEAR-27"),
        ("WEB-EN", "XMAS-26-A"),
        ("TB-OUTLET", "XMAS-26-B"),
        ("TEAHOUSE", "MOONCAKE-26"),
        ("WEB-EN", "MOONCAKE-26"),
    ):
        yield [held(_one(m, shop, sku), PRESALE, f"{sku} before its day")]
    lines = (m.line("CUP-500", 1), m.line("XMAS-26-A", 1, 19900))
    yield [held(m.order("TM-FLAGSHIP", lines=lines), PRESALE, "one line of a later day")]
    yield [
        held(replace(_one(m, "JD-POP", "NEWYEAR-27"), handle_by="2026-12-25"), PRESALE, "promised for after the day")
    ]


def on_sale(m: Maker) -> Iterator[Case]:
    """On the very day, after it, names that only begin alike, and promises that cannot wait."""
    for shop, sku, what in (
        ("TEAHOUSE", "TODAY-01", "on its very day"),
        ("TM-FLAGSHIP", "TODAY-01", "on its very day"),
        ("WEB-EN", "YESTERDAY-01", "a day after"),
        ("TEAHOUSE", "XMASTREE", "a name that begins like the prefix but for its dash"),
        ("TB-OUTLET", "NEWYEAR-27-CARD", "a longer name than the one of a later day"),
    ):
        yield [near(_one(m, shop, sku), PRESALE, what)]
    lines = (m.line("NEWYEAR-27", 1, 19900, refund="SUCCESS"), m.line("CUP-500", 1))
    yield [near(m.order("TM-FLAGSHIP", lines=lines), PRESALE, "the line of a later day was refunded")]
    today = replace(_one(m, "JD-POP", "NEWYEAR-27"), handle_by="2026-11-20")
    yield [near(today, PRESALE, "promised for today, so it cannot wait")]


def _one(m: Maker, shop: str, sku: str) -> Draft:
    return m.order(shop, lines=(m.line(sku, 1, 19900),))
