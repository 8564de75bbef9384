"""Orders whose trouble is money: amounts, prices, sums that do not tie, and very dear ones."""

from collections.abc import Iterator
from dataclasses import replace

from tests.review_sets.making import Case, Maker, held, near
from tests.review_sets.payloads import Draft, yuan

BAD_AMOUNT, ODD_PRICE, HIGH_VALUE = "BAD_AMOUNT", "ODD_PRICE", "HIGH_VALUE"
RARE = "RARE-1988"
DEAR_FEN, ABSURD_FEN = 1_000_000, 10_000_000


def amounts(m: Maker) -> Iterator[Case]:
    """Nothing, less than nothing, and more than anybody pays."""
    for shop in ("TEAHOUSE", "TM-FLAGSHIP", "WEB-EN"):
        yield [held(_for_nothing(m, shop), BAD_AMOUNT, "nothing is to be paid")]
    for owed in (1, 500, 12800):
        order = m.order(m.a_store(), lines=(m.line("TEA-LJ-250", 1, 12800),), freight_fen=0, fees_fen=-12800 - owed)
        yield [held(order, BAD_AMOUNT, "a voucher of more than the order is worth")]
    for over in (1, 100, 5_000_000):
        yield [held(_of(m, ABSURD_FEN + over), BAD_AMOUNT, "more than 100,000 yuan")]
    order = m.order("TB-OUTLET", lines=(m.line("PART-01", 1000, 12000),), freight_fen=0)
    yield [held(order, BAD_AMOUNT, "1,000 pieces for 120,000 yuan")]


def believable_amounts(m: Maker) -> Iterator[Case]:
    """The least and the most that are believed."""
    for fen in (1, 2, 99):
        yield [near(_of(m, fen), BAD_AMOUNT, f"{fen} fen")]
    order = m.order("TEAHOUSE", lines=(m.line("PART-01", 1, 0),), freight_fen=1200)
    yield [near(order, BAD_AMOUNT, "freight alone is paid")]
    for fen in (ABSURD_FEN, ABSURD_FEN - 1):
        yield [held(_of(m, fen), HIGH_VALUE, "dear, yet no slip of the decimal point")]


def sums(m: Maker) -> Iterator[Case]:
    """Sums that do not tie."""
    for gap in (6, -6, 1000, -3000):
        order = m.order(m.a_store(), lines=(m.line("TEA-LJ-250", 1, 12800),), freight_fen=800)
        off = replace(order, raw={"total": yuan(order.total_fen + gap)})
        yield [held(off, BAD_AMOUNT, f"a total that is {gap} fen off")]
    for gap in (6, -2000):
        order = m.order(m.a_trade_shop(), lines=(m.line("CUP-500", 1, 5900),), freight_fen=0)
        yield [
            held(replace(order, raw={"total_fee": yuan(5900 + gap)}), BAD_AMOUNT, "goods that are not price by number")
        ]
    for gap in (6, 1500):
        order = m.order("TM-FLAGSHIP", lines=(m.line("CUP-500", 1, 5900),), freight_fen=0)
        short = replace(order, raw={"payment": yuan(5900 + gap)})
        yield [held(short, BAD_AMOUNT, "shares that are not the payment")]
    order = m.order("JD-POP", lines=(m.line("CUP-500", 2, 5900),), freight_fen=0)
    yield [held(replace(order, raw={"orderTotalPrice": "59.00"}), BAD_AMOUNT, "goods of one cup, and two ordered")]
    order = m.order("WEB-EN", lines=(m.line("PART-01", 1, 9900, paid_fen=-500), m.line("CUP-500", 1, 5900)))
    yield [held(order, BAD_AMOUNT, "a line with a price below nothing")]


def sums_that_tie(m: Maker) -> Iterator[Case]:
    """Rounding, discounts, fees and vouchers."""
    for gap in (5, -5, 1):
        order = m.order(m.a_store(), lines=(m.line("TEA-LJ-250", 1, 12800),), freight_fen=800)
        yield [near(replace(order, raw={"total": yuan(order.total_fen + gap)}), BAD_AMOUNT, "rounded")]
    for gap in (5, -5):
        order = m.order(m.a_trade_shop(), lines=(m.line("CUP-500", 1, 5900),), freight_fen=0)
        yield [near(replace(order, raw={"total_fee": yuan(5900 + gap)}), BAD_AMOUNT, "goods rounded")]
    order = m.order("TM-FLAGSHIP", lines=(m.line("CUP-500", 1, 5900),), freight_fen=0)
    yield [near(replace(order, raw={"payment": "59.05"}), BAD_AMOUNT, "shares rounded")]
    for fee in (150, -2000):
        order = m.order(m.a_store(), lines=(m.line("TEA-LJ-250", 1, 12800),), fees_fen=fee)
        yield [near(order, BAD_AMOUNT, "a fee or a voucher of no line")]
    for shop in ("TEAHOUSE", "TB-OUTLET"):
        lines = (m.line("DOWN-BLK-L", 1, 29800, paid_fen=21743), m.line("SOCK-W", 3, 2000, paid_fen=5057))
        yield [near(m.order(shop, lines=lines, freight_fen=1000), BAD_AMOUNT, "a discount shared out")]


def prices(m: Maker) -> Iterator[Case]:
    """Units far from their usual price: 128.00 for tea, 59.00 for a cup."""
    for shop, fen in ((m.a_store(), 2559), (m.a_store(), 1280), ("TM-FLAGSHIP", 128), ("JD-POP", 1280)):
        yield [held(_tea(m, shop, fen), ODD_PRICE, f"tea for {yuan(fen)}")]
    for shop, fen in ((m.a_store(), 64001), ("TB-OUTLET", 128000), ("JD-POP", 99900)):
        yield [held(_tea(m, shop, fen), ODD_PRICE, f"tea for {yuan(fen)}")]
    three = m.line("TEA-LJ-250", 3, 12800, paid_fen=7679)
    yield [held(m.order(m.a_store(), lines=(three,)), ODD_PRICE, "three for less than a fifth")]
    beside = (m.line("CUP-500", 1, 5900), m.line("SOCK-W", 1, 20000))
    yield [held(m.order(m.a_trade_shop(), lines=beside), ODD_PRICE, "one odd line beside a usual one")]
    yield [
        held(m.order(m.a_store(), lines=(m.line("CAN-150", 1, 400),)), ODD_PRICE, "against a price learnt well enough")
    ]
    cut = m.line("DOWN-BLK-L", 1, 29800, paid_fen=980)
    yield [held(m.order("TM-FLAGSHIP", lines=(cut,)), ODD_PRICE, "nearly all of it taken off as a discount")]


def usual_prices(m: Maker) -> Iterator[Case]:
    """Sales, the very limits, gifts, and what nobody knows a price of."""
    for shop, fen in ((m.a_store(), 2560), (m.a_trade_shop(), 2560), (m.a_store(), 64000), ("JD-POP", 64000)):
        yield [near(_tea(m, shop, fen), ODD_PRICE, f"tea for {yuan(fen)}, the limit")]
    three = m.line("TEA-LJ-250", 3, 12800, paid_fen=7680)
    yield [near(m.order(m.a_store(), lines=(three,)), ODD_PRICE, "three for a fifth exactly")]
    for shop in ("TEAHOUSE", "TM-FLAGSHIP"):
        gift = (m.line("TEA-LJ-250", 1, 12800), m.line("GIFT-BAG", 1, 300, paid_fen=0))
        yield [near(m.order(shop, lines=gift), ODD_PRICE, "a gift beside what is paid")]
    yield [near(m.order(m.a_store(), lines=(m.line("TRAY-S", 1, 400),)), ODD_PRICE, "against one line too few")]
    yield [near(m.order(m.a_store(), lines=(m.line("PART-01", 1, 50),)), ODD_PRICE, "without a usual price")]
    returned = (m.line("TEA-LJ-250", 1, 128, refund="SUCCESS"), m.line("CUP-500", 1, 5900))
    yield [near(m.order("TM-FLAGSHIP", lines=returned), ODD_PRICE, "the odd line was refunded")]


def dear(m: Maker) -> Iterator[Case]:
    """10,000 yuan and more."""
    for fen in (DEAR_FEN, DEAR_FEN + 1, 2_880_000):
        yield [held(_of(m, fen), HIGH_VALUE, f"{yuan(fen)} yuan")]
    order = m.order(m.a_store(), lines=(m.line(RARE, 1, DEAR_FEN - 800),), freight_fen=800)
    yield [held(order, HIGH_VALUE, "10,000 yuan with freight")]
    order = m.order(m.a_trade_shop(), lines=(m.line("POT-ZS", 15, 68000),), freight_fen=0)
    yield [held(order, HIGH_VALUE, "fifteen pots")]


def not_so_dear(m: Maker) -> Iterator[Case]:
    """A fen below, or dear before a discount."""
    for _ in range(2):
        yield [near(_of(m, DEAR_FEN - 1), HIGH_VALUE, "a fen below")]
    off = m.line(RARE, 1, DEAR_FEN + 50_000, paid_fen=DEAR_FEN - 1)
    yield [near(m.order(m.a_store(), lines=(off,), freight_fen=0), HIGH_VALUE, "dear before the discount")]
    yield [near(_of(m, 888_888), HIGH_VALUE, "nearly")]


def _of(m: Maker, fen: int) -> Draft:
    shop = m.draw.choice(("TEAHOUSE", "TM-FLAGSHIP", "WEB-EN", "JD-POP"))
    return m.order(shop, lines=(m.line(RARE, 1, fen),), freight_fen=0)


def _tea(m: Maker, shop: str, fen: int) -> Draft:
    return m.order(shop, lines=(m.line("TEA-LJ-250", 1, fen),))


def _for_nothing(m: Maker, shop: str) -> Draft:
    return m.order(shop, lines=(m.line("CUP-500", 1, 5900, paid_fen=0),), freight_fen=0)
