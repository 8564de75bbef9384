"""Stock of Pinduoduo listings: one SKU per call.

Source: the API page of pdd.goods.quantity.update.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Final

from connectors.base import StockLevel, StockOutcome
from connectors.channels.stock_calls import Blame, StockCalls, accepted, is_answer, not_now, push_levels
from models.errors import ChannelError, OutcomeUnknown

Change = Callable[[str, dict[str, Any]], dict[str, Any]]
"""Makes one call that changes something: the type and what it is told."""

SET: Final = "pdd.goods.quantity.update"
AT_ONCE: Final = 4
ABSOLUTE: Final = 1
ABOUT_THE_SKU: Final = ("code 50001 ", "code 10000 ", "code 21001 ", "code 21002 ", "code 30000 ")
"""How refusals begin that name the product, the SKU or the number (50001: a sentence says what is in the way)."""


def push(shop: str, levels: Sequence[StockLevel], change: Change) -> Iterator[list[StockOutcome]]:
    """Set the units of each listing.

    A product in a promotion refuses fewer units than it shows: REFUSED, with the platform's sentence.
    """
    calls = StockCalls(
        shop=shop,
        size=1,
        together=lambda level: None,
        target=lambda level: (level.item_id, level.sku_ref or level.sku_code),
        send=partial(_send, change),
        judge=_blame,
        fault_in=_fault_in,
        at_once=AT_ONCE,
    )
    return push_levels(levels, calls)


def _send(change: Change, levels: Sequence[StockLevel]) -> list[StockOutcome]:
    (level,) = levels
    sku = {"sku_id": level.sku_ref} if level.sku_ref else {"outer_id": level.sku_code}
    answer = change(SET, {"goods_id": level.item_id, **sku, "quantity": level.units, "update_type": ABSOLUTE})
    if answer.get("is_success") in (True, "true"):
        return [accepted(level)]
    return [not_now(level, "the answer does not say is_success")]


def _blame(error: ChannelError) -> Blame:
    if isinstance(error, OutcomeUnknown) and is_answer(error):
        return Blame.NOT_NOW
    return Blame.EACH if f"{error.obstacle} ".startswith(ABOUT_THE_SKU) else Blame.CALL


def _fault_in(level: StockLevel) -> str:
    if not level.item_id:
        return "the goods_id of its product is not known"
    return "" if level.sku_ref or level.sku_code else "neither its sku_id nor its outer_id is known"
