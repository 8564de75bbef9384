"""What the tests of stock numbers share: shops of the sandbox with products, and what they were told."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import httpx
import pytest

from connectors.base import Channel, StockLevel, StockOutcome, StockVerdict
from connectors.registry import CHANNELS, own_mapping
from sandbox.server import Sandbox
from tests.connectors.conftest import NOON

SHOPS: Final = {
    "tmall-1": "tmall",
    "jd-1": "jd",
    "pdd-1": "pinduoduo",
    "douyin-1": "douyin",
    "woo-1": "woocommerce",
}
EVERY = pytest.mark.parametrize("shop", SHOPS)
ACCEPTED, REFUSED, AGAIN = StockVerdict.ACCEPTED, StockVerdict.REFUSED, StockVerdict.AGAIN


def connector(sandbox: Sandbox, client: httpx.Client, shop: str, **credentials: str) -> Channel:
    channel = SHOPS[shop]
    known = {**sandbox.shop(shop), **credentials}
    return CHANNELS[channel](client, shop, known, own_mapping(channel), lambda: NOON)


def offer(sandbox: Sandbox, shop: str, *skus: str, article: str = "MUG", **more: Any) -> None:
    """Put SKUs of one article into a shop, ten of each."""
    rows = [{"sku": sku, "article": article, "stock": 10, "price_fen": 900, **more} for sku in skus]
    sandbox.do("POST", f"/shops/{shop}/products", {"products": rows})


def listed(sandbox: Sandbox, shop: str) -> dict[str, dict[str, Any]]:
    rows = sandbox.do("GET", f"/shops/{shop}/stock")["listings"]
    return {row["sku_code"]: row for row in rows}


def shown(sandbox: Sandbox, shop: str) -> dict[str, int]:
    return {sku: row["units"] for sku, row in listed(sandbox, shop).items()}


def level(sandbox: Sandbox, shop: str, sku: str, units: int, version: int = 1) -> StockLevel:
    row = listed(sandbox, shop)[sku]
    return StockLevel(row["item_id"], row["sku_ref"], sku, units, f"{shop}:{sku}:{version}")


def stop(sandbox: Sandbox, shop: str, sku: str, kind: str, times: int | None = None, article: str = "MUG") -> None:
    row = {"sku": sku, "article": article, "stop": kind, "times": times}
    sandbox.do("POST", f"/shops/{shop}/products", {"products": [row]})


def push(channel: Channel, levels: Sequence[StockLevel]) -> dict[str, StockOutcome]:
    found = [outcome for call in channel.push_stock(levels) for outcome in call]
    assert sorted(outcome.level.key for outcome in found) == sorted(level.key for level in levels)
    return {outcome.level.sku_code: outcome for outcome in found}


def verdicts(outcomes: dict[str, StockOutcome]) -> dict[str, StockVerdict]:
    return {sku: outcome.verdict for sku, outcome in outcomes.items()}


def stock_writes(sandbox: Sandbox, shop: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = sandbox.do("GET", "/books")["shops"][shop]["stock_writes"]
    return found


def calls(sandbox: Sandbox, shop: str) -> int:
    """How many calls about stock the shop got."""
    made: dict[str, int] = sandbox.do("GET", "/books")["shops"][shop]["calls"]
    words = ("quantity.update", "stock", "Stock", "/batch")
    return sum(count for name, count in made.items() if any(word in name for word in words))


def answering(channel: str, body: Any, headers: Iterable[tuple[str, str]] | dict[str, str] = ()) -> Channel:
    """A shop whose platform gives one and the same answer to all, or what a function says of the request."""
    transport = httpx.MockTransport(
        body if callable(body) else lambda request: httpx.Response(200, json=body, headers=dict(headers))
    )
    kind = CHANNELS[channel]
    known = {"endpoint": "http://shop.example.com", **dict.fromkeys(kind.needs, "x")}
    known["endpoint"] = "http://shop.example.com"
    return kind(httpx.Client(transport=transport), "shop-1", known, own_mapping(channel), lambda: NOON)
