"""How many parcels exact routing saves over a greedy walk, and what both cost and take.

20,000 orders per row, every line a SKU of its own, one or two units; each warehouse has a SKU with probability p, one
to four units of it, anew for every order. *Greedy* walks the warehouses by priority and takes min(available, needed)
of each SKU; *exact* is what `models.rules.routing` decides, under rules that allow as many parcels as there are
warehouses. Both are paid by the same price table. Only orders that all warehouses together can serve are compared.
Run as `python -m benchmarks.routing [orders]`.
"""

import random
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from models.rules.routing import choose, route_orders
from models.rules.routing_plan import Plan
from models.rules.routing_rules import RoutingRules
from models.rules.routing_values import Area, Carrier, Item, Price, Site, Wish
from models.rules.routing_world import World

_ORDERS = 20_000
_SEED = 11
_ROWS = ((3, 2, 0.70), (3, 3, 0.70), (3, 3, 0.85), (5, 5, 0.70), (8, 5, 0.60))
_NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
_FIRST_G, _STEP_G = 1000, 1000
_BATCH = 2_000


@dataclass(frozen=True, slots=True)
class _Any:
    tracking_unit: str = "units"
    parcels_per_order: int | None = None
    numbers_at_once: bool = False


class Row(NamedTuple):
    """What one set-up gave: orders that can be served, parcels and fen of both ways, and what greedy lost."""

    feasible: int
    greedy_parcels: int
    exact_parcels: int
    greedy_fen: int
    exact_fen: int
    worse: int
    wholes: int
    wholes_split: int
    exact_s: float


def main(orders: int = _ORDERS) -> None:
    """Print one line per set-up, then what an order costs that its area's warehouse serves whole."""
    print(f"{orders:,} orders per row; parcels and yuan per order that can be served")
    print(
        "warehouses lines    p | parcels greedy exact | yuan greedy  exact | greedy ships more | splits needlessly | us"
    )
    for warehouses, lines, p in _ROWS:
        row = measure(warehouses, lines, p, orders)
        n = row.feasible
        print(
            f"{warehouses:10} {lines:5} {p:.2f} | {row.greedy_parcels / n:14.2f} {row.exact_parcels / n:5.2f} "
            f"| {row.greedy_fen / n / 100:11.2f} {row.exact_fen / n / 100:6.2f} | {row.worse / n:17.1%} "
            f"| {row.wholes_split / row.wholes:17.1%} | {row.exact_s / n * 1e6:.0f}"
        )
    print(f"served whole by the area's warehouse: {whole_us():.1f} us per order, batches of {_BATCH:,}")


def measure(warehouses: int, lines: int, p: float, orders: int) -> Row:
    """Serve random orders both ways; each finds warehouses of its own stock."""
    rng = random.Random(_SEED)
    sites, areas, prices = _set_up(rng, warehouses)
    rates = {price.warehouse_id: price for price in prices}
    world = World(_NOW, RoutingRules(max_parcels=warehouses), sites, areas, {}, prices)
    total = Row(0, 0, 0, 0, 0, 0, 0, 0, 0.0)
    for number in range(orders):
        items = tuple(Item(line, line, rng.randint(1, 2), rng.randint(200, 1500)) for line in range(1, lines + 1))
        for site in sites:
            world.shelves[site.id].clear()
            world.shelves[site.id].update({i.sku_id: rng.randint(1, 4) for i in items if rng.random() < p})
        wish = Wish(number, "S1", items, "", (30.3, 120.1), None, None, False, _Any())
        total = _served(wish, world, rates, total)
    return total


def _set_up(rng: random.Random, warehouses: int) -> tuple[list[Site], list[Area], list[Price]]:
    sites = [
        Site(number, f"W{number}", (30.3 - number, 120.1), (Carrier("yto"),)) for number in range(1, warehouses + 1)
    ]
    areas = [Area(site.id, "", site.id) for site in sites]
    prices = [
        Price(site.id, "yto", "", _FIRST_G, 400 + 50 * rng.randint(0, 6), _STEP_G, 100 + 20 * rng.randint(0, 5), 2)
        for site in sites
    ]
    return sites, areas, prices


def _served(wish: Wish, world: World, rates: dict[int, Price], total: Row) -> Row:
    started = time.perf_counter()
    plan = choose(wish, world)
    took_s = time.perf_counter() - started
    greedy = _greedy(wish.items, world)
    if not isinstance(plan, Plan) or greedy is None:
        if isinstance(plan, Plan) is (greedy is None):
            raise AssertionError(f"order {wish.order_id}: one way serves it, the other does not")
        return total
    greedy_fen = sum(_fen(rates[site], weight_g) for site, weight_g in greedy.items())
    whole = len(plan.parts) == 1
    return Row(
        total.feasible + 1,
        total.greedy_parcels + len(greedy),
        total.exact_parcels + len(plan.parts),
        total.greedy_fen + greedy_fen,
        total.exact_fen + plan.cost_fen,
        total.worse + (len(greedy) > len(plan.parts)),
        total.wholes + whole,
        total.wholes_split + (whole and len(greedy) > 1),
        total.exact_s + took_s,
    )


def _greedy(items: Sequence[Item], world: World) -> dict[int, int] | None:
    """The weight that each warehouse ships, None when units are left over."""
    weights: dict[int, int] = {}
    for item in items:
        left = item.units
        for site in world.sites:
            taken = min(left, world.shelves[site.id].get(item.sku_id, 0))
            if taken:
                weights[site.id] = weights.get(site.id, 0) + taken * item.weight_g
                left -= taken
        if left:
            return None
    return weights


def _fen(price: Price, weight_g: int) -> int:
    return price.first_fen + max(0, -(-(weight_g - price.first_g) // price.step_g)) * price.step_fen


def whole_us(batches: int = 10) -> float:
    """Microseconds per order of one to three lines, of which the area's warehouse has everything."""
    rng = random.Random(_SEED)
    sites, areas, prices = _set_up(rng, 3)
    free = {(site.id, sku): 10**6 for site in sites for sku in range(300)}
    best_s = min(_timed(World(_NOW, RoutingRules(), sites, areas, free, prices), _wishes(rng)) for _ in range(batches))
    return best_s / _BATCH * 1e6


def _timed(world: World, wishes: Iterator[Wish]) -> float:
    batch = list(wishes)
    started = time.perf_counter()
    route_orders(batch, world)
    return time.perf_counter() - started


def _wishes(rng: random.Random) -> Iterator[Wish]:
    for number in range(_BATCH):
        items = tuple(
            Item(line, rng.randrange(300), rng.randint(1, 2), rng.randint(200, 900))
            for line in range(1, rng.randint(1, 3) + 1)
        )
        yield Wish(number, "S1", items, "330106", (30.3, 120.1), _NOW.replace(day=24), _NOW, False, _Any())


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:2]))
