"""Stock of JD listings: SKUs of any products in one call, each with a verdict of its own.

Sources: the API page of jingdong.ware.stock.sku.set; how an absolute number is asked for is unconfirmed, so a shop's
credentials may say it otherwise.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from connectors.base import StockLevel, StockOutcome
from connectors.channels.jd_gateway import JosGateway
from connectors.channels.jd_protocol import TRANSIENT, number_or_text, rows_with
from connectors.channels.stock_calls import (
    Blame,
    StockCalls,
    accepted,
    is_answer,
    key_of,
    not_now,
    push_levels,
    refused,
)
from models.errors import ChannelError, ChannelRejected, SetupError
from models.masking import brief

SET: Final = "jingdong.ware.stock.sku.set"
FULL: Final = "fullStockIn"  # (unconfirmed)
ROW: Final = ("data", "success")
OUR_SPELLING: Final = ("code 15 ", "updateModel", "stockRfId", "skuStocks", "storeId")
"""What a refusal names when not a SKU is wrong but the way in which all are set."""


@dataclass(frozen=True, slots=True)
class StockSpelling:
    """How a shop's platform wants absolute stock written. Optional credentials `stock_model` and `stock_store`."""

    model: str = FULL
    store: int = 0

    @classmethod
    def of(cls, shop: str, credentials: Mapping[str, str]) -> "StockSpelling":
        """The spelling of a shop; raises SetupError when stock_store is no number."""
        store = credentials.get("stock_store") or "0"
        if not (store.isascii() and store.isdigit()):
            raise SetupError(f"{shop}: credential stock_store: want the number of a JD store, not {store!r}")
        return cls(credentials.get("stock_model") or FULL, int(store))


def push(
    shop: str, levels: Sequence[StockLevel], size: int, spelling: StockSpelling, gateway: JosGateway
) -> Iterator[list[StockOutcome]]:
    """Set the units of each listing, up to `size` in a call."""
    calls = StockCalls(
        shop=shop,
        size=size,
        together=lambda level: None,
        target=lambda level: level.sku_ref,
        send=partial(_send, spelling, gateway),
        judge=_blame,
        fault_in=_fault_in,
    )
    return push_levels(levels, calls)


def _send(spelling: StockSpelling, gateway: JosGateway, levels: Sequence[StockLevel]) -> list[StockOutcome]:
    stocks = [
        {"skuId": number_or_text(level.sku_ref), "stockNum": level.units, "storeId": spelling.store} for level in levels
    ]
    request = {"updateModel": spelling.model, "stockRfId": key_of(levels), "skuStocks": stocks}
    rows = rows_with(gateway.call(SET, {"req": request}, changes=True, by_row=ROW), *ROW)
    said = {str(row["data"]): row for row in rows or ()}
    return [_outcome(level, said.get(level.sku_ref)) for level in levels]


def _outcome(level: StockLevel, row: Mapping[str, Any] | None) -> StockOutcome:
    if row is None:
        return not_now(level, "the answer does not name this SKU")
    if str(row["success"]).strip().lower() in ("true", "1"):
        return accepted(level)
    said = brief(str(row.get("message") or "no reason given"))
    return (not_now if TRANSIENT.search(said) else refused)(level, said)


def _blame(error: ChannelError) -> Blame:
    named = f"{error.obstacle} "
    if not is_answer(error) or any(word in named for word in OUR_SPELLING):
        return Blame.CALL
    return Blame.SOME if isinstance(error, ChannelRejected) else Blame.NOT_NOW


def _fault_in(level: StockLevel) -> str:
    return "" if level.sku_ref else "its skuId is not known"
