"""Stock of Taobao and Tmall listings: the SKUs of one product per call, or a product that has none.

Sources: the API pages of taobao.skus.quantity.update and taobao.item.quantity.update.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Final

from connectors.base import StockLevel, StockOutcome
from connectors.channels.stock_calls import Blame, StockCalls, accepted, push_levels
from models.errors import ChannelError, ChannelRejected, OutcomeUnknown

Change = Callable[[str, dict[str, Any]], dict[str, Any]]
"""Makes one call that changes something: the method and what it is told."""

OF_SKUS: Final = "taobao.skus.quantity.update"
OF_ITEM: Final = "taobao.item.quantity.update"
AT_ONCE: Final = 4
ABSOLUTE: Final = "1"
NO_SUCH_ITEM: Final = "isv.item-not-exist"


def push(shop: str, levels: Sequence[StockLevel], size: int, change: Change) -> Iterator[list[StockOutcome]]:
    """Set the units of each listing, up to `size` SKUs of one product in a call."""
    calls = StockCalls(
        shop=shop,
        size=size,
        together=lambda level: (level.item_id, level.sku_ref == ""),
        target=lambda level: (level.item_id, level.sku_ref),
        send=partial(_send, shop, change),
        judge=_blame,
        fault_in=_fault_in,
        at_once=AT_ONCE,
    )
    return push_levels(levels, calls)


def _send(shop: str, change: Change, levels: Sequence[StockLevel]) -> list[StockOutcome]:
    item_id = levels[0].item_id
    wish = {"num_iid": item_id, "type": ABSOLUTE}
    if levels[0].sku_ref:
        quantities = ";".join(f"{level.sku_ref}:{level.units}" for level in levels)
        answer = change(OF_SKUS, {**wish, "skuid_quantities": quantities})
    else:
        answer = change(OF_ITEM, {**wish, "quantity": str(levels[0].units)})
    if type(answer.get("item")) is not dict:
        raise OutcomeUnknown(shop, f"set the stock of item {item_id}", "the answer has no item")
    return [accepted(level) for level in levels]


def _blame(error: ChannelError) -> Blame:
    if isinstance(error, OutcomeUnknown) and "isp." in error.obstacle:
        return Blame.NOT_NOW
    if not isinstance(error, ChannelRejected) or "isv." not in error.obstacle:
        return Blame.CALL
    return Blame.EACH if NO_SUCH_ITEM in error.obstacle else Blame.SOME


def _fault_in(level: StockLevel) -> str:
    if not level.item_id:
        return "the num_iid of its product is not known"
    # the platform takes SKUs as one text of pairs: what has its separators would set another listing
    if not all(part.isascii() and part.isdigit() for part in (level.item_id, level.sku_ref or "0")):
        return "num_iid and sku_id are numbers"
    return ""
