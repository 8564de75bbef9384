"""Stock of Douyin listings: the SKUs of one product per call, all or none.

Sources: the API pages of sku.syncStock and sku.syncStockBatch and their lists of codes.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Final

from connectors.base import StockLevel, StockOutcome
from connectors.channels.douyin_protocol import Refused
from connectors.channels.stock_calls import Blame, StockCalls, accepted, is_answer, key_of, push_levels
from models.errors import ChannelError

Change = Callable[[str, dict[str, Any]], Any]
"""Makes one call that changes something: the method and what it is told."""

ONE: Final = "sku.syncStock"
SOME: Final = "sku.syncStockBatch"
AT_ONCE: Final = 4
ORDINARY: Final = 0  # (unconfirmed) the stock of a SKU as a whole, neither by region nor in steps

TAKEN_ALREADY: Final = 2010021  # the same key was taken before
BUSY: Final = frozenset((2010401, 2010001, 2010002))
OF_THE_PRODUCT: Final = frozenset((2010041, 2010043))  # under audit, banned
_ABOUT_LEVELS: Final = ("isv.business-failed", "isv.parameter-invalid")


def push(shop: str, levels: Sequence[StockLevel], size: int, change: Change) -> Iterator[list[StockOutcome]]:
    """Set the units of each listing, up to `size` SKUs of one product in a call."""
    calls = StockCalls(
        shop=shop,
        size=size,
        together=lambda level: level.item_id,
        target=lambda level: (level.item_id, level.sku_ref or level.sku_code),
        send=partial(_send, change),
        judge=_blame,
        fault_in=_fault_in,
        at_once=AT_ONCE,
    )
    return push_levels(levels, calls)


def _send(change: Change, levels: Sequence[StockLevel]) -> list[StockOutcome]:
    wish = {"product_id": int(levels[0].item_id), "incremental": False, "idempotent_id": key_of(levels)}
    try:
        if len(levels) == 1:
            change(ONE, {**wish, **_sku(levels[0], "code"), "stock_num": levels[0].units})
        else:
            change(SOME, {**wish, "sku_sync_list": [_row(level) for level in levels]})
    except Refused as error:
        if error.number != TAKEN_ALREADY:
            raise
    return [accepted(level) for level in levels]


def _row(level: StockLevel) -> dict[str, Any]:
    return {**_sku(level, "outer_sku_id"), "sku_type": ORDINARY, "stock_num": level.units}


def _sku(level: StockLevel, code_name: str) -> dict[str, Any]:
    return {"sku_id": int(level.sku_ref)} if level.sku_ref else {code_name: level.sku_code}


def _blame(error: ChannelError) -> Blame:
    if not isinstance(error, Refused):
        return Blame.NOT_NOW if is_answer(error) else Blame.CALL
    number = error.number
    if number in BUSY:
        return Blame.NOT_NOW
    if number in OF_THE_PRODUCT:
        return Blame.EACH
    return Blame.SOME if any(word in error.obstacle for word in _ABOUT_LEVELS) else Blame.CALL


def _fault_in(level: StockLevel) -> str:
    if not all(part.isascii() and part.isdigit() for part in (level.item_id, level.sku_ref or "0")):
        return "product_id and sku_id are numbers, and the product_id must be known"
    return "" if level.sku_ref or level.sku_code else "neither its sku_id nor its code is known"
