"""The demo's cancellations: which order of the same shop each takes back, and what the shop is told."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from deployments.demo_baskets import Basket, Invoice


@dataclass(frozen=True, slots=True)
class Refund:
    """A cancellation of an order, as events of the simulated shop, one after the other."""

    order_no: str
    events: tuple[dict[str, Any], ...]


def refunds_of(cancellations: Sequence[Invoice], baskets: Sequence[Basket]) -> list[Refund]:
    """A refund or close for each cancellation of a shop, each of another order.

    The data does not say which purchase a cancellation takes back. It is the buyer's last one with an article of it;
    failing that (the purchase was before December, or the row is a correction) the last one of the shop with such an
    article, then the buyer's last one, then any. Cancellations beyond the shop's orders are left out. An order with a
    negative line is a return already.
    """
    refunds = []
    bought = [basket for basket in baskets if all(line.quantity > 0 for line in basket.lines)]
    free = sorted(bought, key=lambda basket: (basket.placed_at, basket.no), reverse=True)
    for invoice in cancellations:
        codes = {line.code for line in invoice.lines}
        chosen = next(_candidates(invoice, codes, free), None)
        if chosen is None:
            break
        free.remove(chosen)
        refunds.append(Refund(chosen.no, _events(chosen, codes)))
    return refunds


def _candidates(invoice: Invoice, codes: set[str], free: Sequence[Basket]) -> Iterator[Basket]:
    earlier = [basket for basket in free if basket.placed_at <= invoice.placed_at]
    of_buyer = [basket for basket in earlier if invoice.customer and basket.customer == invoice.customer]
    for pool in (of_buyer, earlier):
        yield from (basket for basket in pool if not codes.isdisjoint(line.code for line in basket.lines))
    yield from of_buyer
    yield from earlier
    yield from free


def _events(basket: Basket, codes: set[str]) -> tuple[dict[str, Any], ...]:
    positions = [position for position, line in enumerate(basket.lines) if line.code in codes] or [0]
    if len(positions) == len(basket.lines):
        return ({"event": "close"},)
    return tuple({"event": "refund", "line_no": basket.line_no(position)} for position in positions)
