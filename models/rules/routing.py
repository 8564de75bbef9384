"""Which warehouses serve an order.

An order whose area's first warehouse has all of it, has room and keeps the promise is served by it. For any other,
every set of warehouses is looked at (`routing_search`), and the plan or the refusal says why.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice

from models.rules.carrier_choice import Offer, best_offer
from models.rules.routing_bounds import bounds_of
from models.rules.routing_plan import Decision, Part, Plan, Rejected, Why
from models.rules.routing_refusal import CANNOT, alone, refuse
from models.rules.routing_search import Found, Search
from models.rules.routing_values import Item, Wish
from models.rules.routing_world import Route, World
from models.stock import Basis

_NEVER = datetime.max.replace(tzinfo=UTC)
_ALONE = 3
"""Warehouses that cannot serve an order alone which its plan names."""


def route_orders(wishes: Iterable[Wish], world: World) -> dict[int, Decision]:
    """Decide a batch, in the order of promise, payment and id, those without a time last; by order id.

    Deterministic: the same wishes and world give the same decisions, in whatever order the wishes come. Takes units
    and room of every plan from the world, so no two plans use the same.
    """
    return {wish.order_id: decide(wish, world) for wish in in_queue(wishes)}


def in_queue(wishes: Iterable[Wish]) -> list[Wish]:
    """Orders in the order in which they are decided: by promise, payment and id, those without a time last."""
    return sorted(wishes, key=_queue)


def decide(wish: Wish, world: World) -> Decision:
    """Decide one order and take the units and the room of its plan from the world."""
    plan = _whole_at_first(wish, world)
    if plan is not None:
        return plan
    decision = _searched(wish, world)
    if isinstance(decision, Plan):
        world.take(decision)
    return decision


def choose(wish: Wish, world: World) -> Decision:
    """Decide one order and take nothing from the world."""
    plan = _whole_at_first(wish, world)
    if plan is None:
        return _searched(wish, world)
    world.give_back(plan)
    return plan


def plan_of(wish: Wish, world: World, found: Found) -> Plan:
    """A found set of warehouses as a plan."""
    units: list[dict[tuple[int, int], int]] = [{} for _ in found.entrants]
    for block, shares in zip(found.blocks, found.filling.shares, strict=True):
        per_piece = dict(block.needs)
        for part, pieces in zip(units, shares, strict=True):
            if pieces:
                part.update({(item.line_no, item.sku_id): pieces * per_piece[item.sku_id] for item in block.items})
    parts = tuple(
        _part(entrant.route, offer, wish, world, share)
        for entrant, offer, share in zip(found.entrants, found.filling.offers, units, strict=True)
    )
    rejected = (*_cannot_alone(wish, world), *found.near)
    why = _why_not_first(wish, world)
    return Plan(wish.order_id, world.rules.version, Basis.PLAN, parts, why, rejected, found.gap)


def _why_not_first(wish: Wish, world: World) -> Why:
    """What kept the area's first warehouse from serving the order."""
    zone = world.zone(wish)
    if zone.first is not None:
        return alone(zone.first, wish, world) or Why.SEVERAL
    return Why.SEVERAL if zone.routes and zone.routes[0].covered else Why.NO_AREA


def _cannot_alone(wish: Wish, world: World) -> Iterator[Rejected]:
    """The first warehouses, by area and distance, that cannot serve the order alone at all."""
    routes = world.zone(wish).routes
    ranked = sorted(routes, key=lambda route: (route.tier, world.metres(route.site, wish.point), route.code))
    failing = (Rejected((route.code,), why) for route in ranked if (why := alone(route, wish, world)) in CANNOT)
    return islice(failing, _ALONE)


def _queue(wish: Wish) -> tuple[datetime, datetime, int]:
    return wish.ship_by or _NEVER, wish.paid_at or _NEVER, wish.order_id


def _whole_at_first(wish: Wish, world: World) -> Plan | None:
    """Take the order from its area's first warehouse, if that is the best there can be: nothing can go before it."""
    route = world.zone(wish).first
    if route is None:
        return None
    most = wish.limits.parcels_per_order
    weight_g = _take(wish.items, route.shelf) if most is None or most > 0 else None
    if weight_g is None:
        return None
    room = route.room
    metres = world.metres(route.site, wish.point) if route.by_distance else 0
    offer = best_offer(route.fares(weight_g, metres), room, wish.ship_by)
    if offer is None or offer.late or offer.waits:
        _put_back(wish.items, route.shelf)
        return None
    if room is not None:
        room[offer.day] -= 1
    part = _part(route, offer, wish, world, _units(wish.items))
    return Plan(wish.order_id, world.rules.version, Basis.AREA, (part,))


def _take(items: tuple[Item, ...], shelf: dict[int, int]) -> int | None:
    """Take all items from a shelf and return their weight in grams, or take nothing and return None."""
    weight_g = 0
    for place, (_, sku_id, units, unit_g, *_) in enumerate(items):
        left = shelf.get(sku_id, 0) - units
        if left < 0:
            _put_back(items[:place], shelf)
            return None
        shelf[sku_id] = left
        weight_g += units * unit_g
    return weight_g


def _put_back(items: tuple[Item, ...], shelf: dict[int, int]) -> None:
    for item in items:
        shelf[item.sku_id] += item.units


def _units(items: tuple[Item, ...]) -> dict[tuple[int, int], int]:
    units = {(item.line_no, item.sku_id): item.units for item in items}
    if len(units) < len(items):
        units = dict.fromkeys(units, 0)
        for item in items:
            units[item.line_no, item.sku_id] += item.units
    return units


def _part(route: Route, offer: Offer, wish: Wish, world: World, units: dict[tuple[int, int], int]) -> Part:
    return Part(
        route.site.id,
        route.code,
        offer.lane.carrier.code,
        world.day(offer.day),
        offer.lane.leaves[offer.day],
        world.day(offer.arrives),
        not offer.late,
        offer.cost_fen,
        units,
    )


def _searched(wish: Wish, world: World) -> Decision:
    found = Search(wish, world, bounds_of(wish, world.rules)).best()
    return refuse(wish, world) if found is None else plan_of(wish, world, found)
