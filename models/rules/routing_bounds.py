"""What a plan must keep to, and what of an order has to stay together."""

from collections.abc import Iterable
from typing import NamedTuple

from models.rules.routing_fill import Block
from models.rules.routing_rules import RoutingRules
from models.rules.routing_values import Item, Wish


class Bounds(NamedTuple):
    """What a plan must keep to: parcels at most, the least value of each of several parts, and what stays together.

    `together`: `line`: all of a line; `kit`: what is in one kit; `none`.
    """

    most: int
    least_fen: int
    together: str


def bounds_of(wish: Wish, rules: RoutingRules) -> Bounds:
    """What the rules and the order's channel ask of a plan."""
    most = rules.max_parcels if rules.split else 1
    if wish.limits.parcels_per_order is not None:
        most = min(most, wish.limits.parcels_per_order)
    return Bounds(most, rules.least_part_fen, {"line": "line", "units": "kit"}.get(wish.limits.tracking_unit, "none"))


def blocks_of(items: Iterable[Item], together: str) -> tuple[Block, ...]:
    """An order's items as blocks, by line and SKU; items of the same line and SKU count as one."""
    lines: dict[int, dict[int, Item]] = {}
    for item in items:
        line = lines.setdefault(item.line_no, {})
        known = line.get(item.sku_id)
        line[item.sku_id] = item if known is None else item._replace(units=known.units + item.units)
    blocks: list[Block] = []
    for _, line in sorted(lines.items()):
        parts = tuple(item for _, item in sorted(line.items()))
        if together == "line":
            blocks.append(_pieces(parts, 1))
        elif together == "kit" and (len(parts) > 1 or parts[0].per_kit):
            blocks.append(_pieces(parts, _kits(parts)))
        else:
            blocks += (_pieces((item,), item.units) for item in parts)
    return tuple(blocks)


def _kits(items: tuple[Item, ...]) -> int:
    """How many kits a line is made of, 1 where that is not known."""
    counts = {divmod(item.units, item.per_kit) if item.per_kit else (1, 1) for item in items}
    count, over = counts.pop()
    return 1 if counts or over else count


def _pieces(items: tuple[Item, ...], pieces: int) -> Block:
    return Block(
        items,
        pieces,
        tuple((item.sku_id, item.units // pieces) for item in items),
        sum(item.units // pieces * item.weight_g for item in items),
        sum(item.units // pieces * item.value_fen for item in items),
    )


def needs_of(items: Iterable[Item]) -> dict[int, int]:
    """Units per SKU id that an order wants."""
    needs: dict[int, int] = {}
    for item in items:
        needs[item.sku_id] = needs.get(item.sku_id, 0) + item.units
    return needs
