"""Stock of a WooCommerce store: what it offers, and many absolute numbers in one call with a verdict for each.

Sources: the WooCommerce REST API v3 documentation, "Products" and "Product variations".
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final, Protocol

import httpx

from connectors.base import Listing, StockLevel, StockOutcome
from connectors.channels.reading import patiently
from connectors.channels.stock_calls import Blame, StockCalls, accepted, not_now, push_levels, refused
from connectors.transport import json_of
from models.errors import ChannelError, ChannelRejected, ChannelUnavailable, OutcomeUnknown
from models.masking import brief

BATCH_TIMEOUT_S: Final = 60.0  # a small store saves its products one after the other
OFFERED: Final = frozenset(("simple", "variable", "subscription", "variable-subscription"))
"""Kinds of products with a stock of their own, or of their variations; a group or an outside link has none."""

Rows = list[dict[str, Any]]


class Talk(Protocol):
    """What makes a call."""

    def __call__(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: dict[str, Any] | None = None,
        *,
        timeout_s: float = ...,
    ) -> httpx.Response:
        """The answer to a method on a path under the API; raises ChannelError types."""


def push(shop: str, levels: Sequence[StockLevel], size: int, talk: Talk) -> Iterator[list[StockOutcome]]:
    """Set the units of each listing: products together, and the variations of each product."""
    calls = StockCalls(
        shop=shop,
        size=size,
        together=lambda level: level.item_id if level.sku_ref else "",
        target=lambda level: (level.item_id, level.sku_ref),
        send=partial(_send, shop, talk),
        judge=_blame,
        fault_in=_fault_in,
    )
    return push_levels(levels, calls)


def _send(shop: str, talk: Talk, levels: Sequence[StockLevel]) -> list[StockOutcome]:
    of = f"/products/{levels[0].item_id}/variations" if levels[0].sku_ref else "/products"
    updates = [
        {"id": int(level.sku_ref or level.item_id), "manage_stock": True, "stock_quantity": level.units}
        for level in levels
    ]
    answer = json_of(talk("POST", f"{of}/batch", {}, {"update": updates}, timeout_s=BATCH_TIMEOUT_S))
    rows = answer.get("update") if type(answer) is dict else None
    if type(rows) is not list:
        raise OutcomeUnknown(shop, f"POST {of[1:]}/batch", "the answer has no list of what was updated")
    said = {str(row.get("id")): row for row in rows if type(row) is dict}
    return [_outcome(level, said.get(level.sku_ref or level.item_id)) for level in levels]


def _outcome(level: StockLevel, row: Mapping[str, Any] | None) -> StockOutcome:
    if row is None:
        return not_now(level, "the answer does not name this product")
    error = row.get("error")
    if type(error) is dict:
        said = f"{error.get('code') or ''} {brief(str(error.get('message') or ''))}".strip()
        data = error.get("data")
        status = data.get("status") if type(data) is dict else None
        return (not_now if type(status) is int and status >= 500 else refused)(level, said)
    if row.get("stock_quantity") != level.units:
        return not_now(level, f"the store shows {row.get('stock_quantity')} after it was told {level.units}")
    return accepted(level)


def _blame(error: ChannelError) -> Blame:
    if isinstance(error, OutcomeUnknown) and error.obstacle.startswith("HTTP 500"):
        return Blame.NOT_NOW  # an extension of the store that breaks on one product stops the whole request
    if not isinstance(error, ChannelRejected):
        return Blame.CALL
    if "_invalid_id" in error.obstacle:
        return Blame.EACH
    return Blame.SOME if "rest_invalid_param" in error.obstacle else Blame.CALL


def _fault_in(level: StockLevel) -> str:
    if not all(part.isascii() and part.isdigit() for part in (level.item_id, level.sku_ref or "0")):
        return "ids of products and variations are numbers, and the product's must be known"
    return ""


def listings(shop: str, size: int, talk: Talk) -> Iterator[list[Listing]]:
    """Every product of the store that is sold as itself, and every variation, page by page of the products.

    Raises ChannelError types.
    """
    for rows in _pages(shop, size, talk, "/products"):
        found: list[Listing] = []
        for row in rows:
            if row.get("variations"):
                found.extend(_variations(shop, size, talk, row))
            elif row.get("type", "simple") in OFFERED:
                found.append(_listing(row, str(row["id"]), "", str(row.get("name") or "")))
        if found:
            yield found


def _variations(shop: str, size: int, talk: Talk, product: Mapping[str, Any]) -> Iterator[Listing]:
    item_id, name = str(product["id"]), str(product.get("name") or "")
    for rows in _pages(shop, size, talk, f"/products/{item_id}/variations"):
        for row in rows:
            yield _listing(row, item_id, str(row["id"]), f"{name} {_options(row)}".strip())


def _listing(row: Mapping[str, Any], item_id: str, sku_ref: str, title: str) -> Listing:
    units = row.get("stock_quantity") if row.get("manage_stock") is True else None
    return Listing(item_id, sku_ref, str(row.get("sku") or ""), title, units if type(units) is int else None)


def _options(row: Mapping[str, Any]) -> str:
    chosen = row.get("attributes")
    options = [one.get("option") for one in chosen if type(one) is dict] if type(chosen) is list else []
    return "/".join(str(option) for option in options if option)


def _pages(shop: str, size: int, talk: Talk, path: str) -> Iterator[Rows]:
    """The pages of a list by id, from the last to the first: what is deleted meanwhile hides none of the others."""
    first, count = patiently(partial(_page, shop, size, talk, path, 1))
    for number in range(count, 1, -1):
        yield patiently(partial(_page, shop, size, talk, path, number))[0]
    if count > 1:
        first = patiently(partial(_page, shop, size, talk, path, 1))[0]
    yield first


def _page(shop: str, size: int, talk: Talk, path: str, number: int) -> tuple[Rows, int]:
    """A page from 1, and how many there are."""
    query = {"orderby": "id", "order": "asc", "per_page": str(size), "page": str(number)}
    response = talk("GET", path, query)
    rows, pages = json_of(response), response.headers.get("x-wp-totalpages", "")
    if type(rows) is not list or any(type(row) is not dict or "id" not in row for row in rows):
        raise ChannelUnavailable(shop, f"GET {path[1:]}", "the answer is no list of products")
    if not (pages.isascii() and pages.isdigit()):
        raise ChannelRejected(shop, f"GET {path[1:]}", "no X-WP-TotalPages header; a proxy may strip it")
    return rows, int(pages)
