"""A sandbox on loopback and connectors that talk HTTP to it."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from connectors.channels.taobao import TaobaoChannel
from connectors.channels.woocommerce import WooCommerceChannel
from connectors.registry import own_mapping
from sandbox.server import Sandbox

DATA = Path(__file__).parents[1] / "data"
NOON = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)


def recorded(name: str) -> list[dict[str, Any]]:
    """The payloads of tests/data/orders/<name>.json."""
    found: list[dict[str, Any]] = json.loads((DATA / "orders" / f"{name}.json").read_text("utf-8"))
    return found


def ready_cases(channel: str) -> list[dict[str, Any]]:
    """The table of a channel's predicate: changes to its first recorded order, and what that counts as then."""
    text = (DATA / "ready_to_ship" / f"{channel}.yaml").read_text("utf-8")
    found: list[dict[str, Any]] = yaml.safe_load(text)["cases"]
    return found


def orders(count: int, *, first: int = 2912345678900000001, minutes: int = 20, **more: Any) -> list[dict[str, Any]]:
    """Neutral paid orders for the sandbox, changed one after the other in the minutes before noon."""
    start = NOON - timedelta(minutes=minutes)
    step = timedelta(minutes=minutes) / count
    return [
        {
            "no": str(first + position),
            "created_at": (start + step * position).isoformat(),
            "paid_at": (start + step * position).isoformat(),
            "modified_at": (start + step * position).isoformat(),
            "buyer": f"b{position}",
            "status": "paid",
            "receiver": {
                "name": "张伟",
                "phone": "13800005678",
                "province": "浙江省",
                "city": "杭州市",
                "address": "某路1号",
            },
            "lines": [
                {"line_no": f"{first + position}1", "sku": "TEA", "title": "茶", "quantity": 1, "price_fen": 2000},
                {"line_no": f"{first + position}2", "sku": "CUP", "title": "杯", "quantity": 2, "price_fen": 1500},
            ],
            **more,
        }
        for position in range(count)
    ]


@pytest.fixture
def sandbox(running_sandbox: Sandbox) -> Sandbox:
    """The sandbox in its first state, its clock at noon of 2026-11-20 in UTC+8."""
    running_sandbox.do("POST", "/reset")
    running_sandbox.do("POST", "/clock", {"now": NOON.isoformat()})
    return running_sandbox


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    """A client as production uses it."""
    with httpx.Client(trust_env=False) as client:
        yield client


@pytest.fixture
def tmall(sandbox: Sandbox, client: httpx.Client) -> TaobaoChannel:
    """The sandbox's Tmall shop."""
    mapping = own_mapping("tmall")
    return TaobaoChannel(client, "tmall-1", sandbox.shop("tmall-1"), mapping, lambda: NOON)


@pytest.fixture
def woo(sandbox: Sandbox, client: httpx.Client) -> WooCommerceChannel:
    """The sandbox's web shop."""
    mapping = own_mapping("woocommerce")
    return WooCommerceChannel(client, "woo-1", sandbox.shop("woo-1"), mapping, lambda: NOON)
