"""Orders that change while a shop is read, calls that fail, readers that die: none is lost, none is doubled."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.registry import CHANNELS
from tests.pipeline.conftest import World
from tests.pipeline.moving_orders import SPAN, MovingShop
from tests.pipeline.orders import order

SEED = "orders that move"
SHOPS = {
    "taobao": "taobao-1",
    "tmall": "tmall-1",
    "woocommerce": "woo-1",
    "jd": "jd-1",
    "pinduoduo": "pdd-1",
    "douyin": "douyin-1",
}
"""The simulated shop of each channel that can be asked. Tmall is the same connector as Taobao."""
ASKED = [name for name, kind in CHANNELS.items() if kind.capabilities.pulls and name != "tmall"]
NUMBERS: dict[str, Callable[[int], str]] = {
    "taobao": lambda n: str(3_200_000_000_000_000_000 + n),
    "woocommerce": lambda n: str(33_000 + n),
    "jd": lambda n: str(312_000_000_000 + n),
    "pinduoduo": lambda n: f"261120-{n:015d}",
    "douyin": lambda n: str(6_920_000_000_000_000_000 + n),
}


def shop_with(world: World, channel: str, orders: int) -> MovingShop:
    """A shop whose orders were placed evenly over the last two hours."""
    shop = MovingShop(world, SHOPS[channel], SEED)
    now, step = datetime.now(UTC), SPAN / (orders + 1)
    bodies = [order_of(channel, n, now - SPAN + step * (n + 1)) for n in range(orders)]
    for first in range(0, orders, 500):
        world.load(shop.code, bodies[first : first + 500])
    return shop


def order_of(channel: str, number: int, placed_at: datetime) -> dict[str, Any]:
    at = placed_at.isoformat()
    return order(number, placed_at, no=NUMBERS[channel](number), created_at=at, paid_at=at, modified_at=at)


def is_read_completely(world: World, channel: str, orders: int) -> None:
    shop = shop_with(world, channel, orders)
    shop.settle()
    shop.move(times=orders // 5)
    shop.misbehave(share=0.03, times=24)

    shop.read_all(kills=2)

    assert shop.changes() >= orders // 5
    assert shop.kills == 2
    assert shop.in_the_pool() == shop.on_the_platform()


@pytest.mark.parametrize("channel", ASKED)
def test_no_order_is_lost_or_doubled(world: World, channel: str) -> None:
    is_read_completely(world, channel, 2_000)


@pytest.mark.long
@pytest.mark.parametrize("channel", ASKED)
def test_none_of_ten_thousand_orders_is_lost_or_doubled(world: World, channel: str) -> None:
    is_read_completely(world, channel, 10_000)


def lost(world: World, channel: str, paging: str) -> set[str]:
    """The orders that are never seen when windows do not overlap and pages are read in this order."""
    shop = shop_with(world, channel, 600)
    shop.settle(paging=paging, overlap_s=0)
    shop.move(times=120)
    shop.read_all()
    return shop.on_the_platform().keys() - shop.in_the_pool().keys()


@pytest.mark.parametrize("channel", ["taobao", "pinduoduo"])
def test_pages_read_forward_lose_orders_that_the_right_order_keeps(world: World, channel: str) -> None:
    assert lost(world, channel, "first_to_last")


@pytest.mark.parametrize("channel", ["taobao", "pinduoduo"])
def test_pages_read_from_the_last_lose_none_even_without_overlap(world: World, channel: str) -> None:
    assert lost(world, channel, "last_to_first") == set()
