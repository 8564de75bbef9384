"""The demo's dirty orders: which there are, of what kind, and whether each ended where a person sees why."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from deployments.demo_baskets import FILE_SHOP, Basket, Invoice, file_rows
from deployments.demo_summary import OrderFact


@dataclass(frozen=True, slots=True)
class Dirt:
    """Orders (shop, number) of one kind of dirt, and the code that they have to be held under."""

    kind: str
    code: str
    orders: frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class DirtTally:
    """How many orders of a kind there were, how many are held under its code or in quarantine, and one of them."""

    kind: str
    code: str
    orders: int
    held: int
    quarantined: int
    example: str


@dataclass(frozen=True, slots=True)
class _Facts:
    """An order as it was put before the system."""

    key: tuple[str, str]
    codes: frozenset[str]
    least_quantity: int
    total_fen: int
    is_named: bool


def dirt_of(
    baskets: Mapping[str, Sequence[Basket]], invoices: Sequence[Invoice], goods: Collection[str]
) -> tuple[Dirt, ...]:
    """Every dirty order of the API shops (baskets by shop) and of the file shop's export; `goods`: the known codes."""
    facts = [*_of_baskets(baskets), *_of_export(invoices)]
    return (
        Dirt("a negative quantity", "BAD_QUANTITY", _those(facts, [fact.least_quantity < 1 for fact in facts])),
        Dirt("nothing to be paid", "BAD_AMOUNT", _those(facts, [fact.total_fen < 1 for fact in facts])),
        Dirt("nobody to send it to", "BAD_FIELD", _those(facts, [not fact.is_named for fact in facts])),
        Dirt(
            "what is no goods of ours", "UNKNOWN_SKU", _those(facts, [not fact.codes <= set(goods) for fact in facts])
        ),
    )


def tally_dirt(
    dirt: Sequence[Dirt], orders: Sequence[OrderFact], quarantine: Mapping[str, set[str]]
) -> list[DirtTally]:
    """What became of each kind."""
    found = {(order.shop, order.order_no): order for order in orders}
    aside = {(shop, number) for shop, numbers in quarantine.items() for number in numbers}
    return [_tally(one, found, len(one.orders & aside)) for one in dirt]


def what_is_dirty(dirt: Sequence[Dirt], tallies: Sequence[DirtTally]) -> Iterator[str]:
    """One sentence for each kind that is not there, or not held as it should be."""
    for one, tally in zip(dirt, tallies, strict=True):
        shops = {shop for shop, _ in one.orders}
        if FILE_SHOP not in shops or len(shops) < 2:
            yield f"no file and API shop together have orders with {one.kind}"
        if tally.held + tally.quarantined != tally.orders:
            left = tally.orders - tally.held - tally.quarantined
            yield f"{left} of {tally.orders} orders with {one.kind} are not held as {one.code}"


def _tally(one: Dirt, found: Mapping[tuple[str, str], OrderFact], quarantined: int) -> DirtTally:
    held = [found[key] for key in sorted(one.orders) if key in found and one.code in found[key].holds]
    example = f"{held[0].order_no}: {held[0].holds[one.code]}" if held else ""
    return DirtTally(one.kind, one.code, len(one.orders), len(held), quarantined, example)


def _those(facts: Sequence[_Facts], dirty: Sequence[bool]) -> frozenset[tuple[str, str]]:
    return frozenset(fact.key for fact, is_dirty in zip(facts, dirty, strict=True) if is_dirty)


def _of_baskets(baskets: Mapping[str, Sequence[Basket]]) -> Iterator[_Facts]:
    for shop, mine in baskets.items():
        for basket in mine:
            yield _Facts(
                (shop, basket.no),
                frozenset(line.code for line in basket.lines),
                min(line.quantity for line in basket.lines),
                0 if basket.zero_payment else sum(line.quantity * line.price_fen for line in basket.lines),
                not basket.nobody,
            )


def _of_export(invoices: Sequence[Invoice]) -> Iterator[_Facts]:
    named = {row["InvoiceNo"]: bool(row["收货人"]) for row in file_rows(invoices)}
    for invoice in invoices:
        if invoice.no in named:
            yield _Facts(
                (FILE_SHOP, invoice.no),
                frozenset(line.code for line in invoice.lines),
                min(line.quantity for line in invoice.lines),
                sum(line.quantity * line.price_fen for line in invoice.lines),
                named[invoice.no],
            )
