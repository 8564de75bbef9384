"""Why an order cannot be served: the obstacle of the order, that of each warehouse, and when to try again."""

from collections.abc import Sequence
from datetime import datetime, time, timedelta

from models.rules.carrier_choice import best_offer
from models.rules.routing_bounds import Bounds, bounds_of, needs_of
from models.rules.routing_plan import NoPlan, Why
from models.rules.routing_search import Search
from models.rules.routing_values import Wish
from models.rules.routing_world import Route, World, Zone
from models.settings import SHANGHAI

CANNOT = (Why.LACKS_STOCK, Why.NO_CARRIER, Why.NO_ROOM)
"""Why a warehouse cannot ship all of an order at all, be it late."""


def refuse(wish: Wish, world: World) -> NoPlan:
    """Say why there is no plan within the rules and what the channel can be told."""
    zone, needs = world.zone(wish), needs_of(wish.items)
    why = _obstacle(wish, world, zone, needs)
    alones = {route.code: alone(route, wish, world) for route in zone.routes}
    serving = {code: obstacle if obstacle in CANNOT else why for code, obstacle in alones.items()}
    fullest, missing = _fullest(zone, needs)
    return NoPlan(
        wish.order_id,
        world.rules.version,
        why,
        {site.code: serving.get(site.code, Why.OUT_OF_AREA) for site in world.sites},
        fullest,
        missing,
        _next_try(why, zone, world),
    )


def loosened(wish: Wish, world: World) -> tuple[tuple[Why, Bounds], ...]:
    """What forbids more plans, each with the bounds when it and those before it are lifted."""
    bounds = bounds_of(wish, world.rules)
    worthless = bounds._replace(least_fen=0)
    limit = wish.limits.parcels_per_order
    any_count = worthless._replace(most=len(world.sites) if limit is None else min(limit, len(world.sites)))
    anything = Bounds(len(world.sites), 0, "none")
    count = Why.TOO_MANY_PARCELS if world.rules.split else Why.SPLIT_FORBIDDEN
    return ((Why.PART_TOO_SMALL, worthless), (count, any_count), (Why.UNTELLABLE, anything))


def _obstacle(wish: Wish, world: World, zone: Zone, needs: dict[int, int]) -> Why:
    if not zone.routes:
        return Why.OUT_OF_AREA
    if not _enough(zone.routes, needs):
        return Why.LACKS_STOCK
    reached = [route for route in zone.routes if route.lanes]
    if not _enough(reached, needs):
        return Why.NO_CARRIER
    if not _enough([route for route in reached if route.has_room()], needs):
        return Why.NO_ROOM
    for why, bounds in loosened(wish, world):
        if Search(wish, world, bounds).best() is not None:
            return why
    return Why.NO_CARRIER


def _enough(routes: Sequence[Route], needs: dict[int, int]) -> bool:
    return all(sum(route.shelf.get(sku, 0) for route in routes) >= units for sku, units in needs.items())


def alone(route: Route, wish: Wish, world: World) -> Why | None:
    """Why a warehouse cannot serve an order alone and within its promise, None when it can."""
    if not _enough((route,), needs_of(wish.items)):
        return Why.LACKS_STOCK
    choice = route.fares(sum(item.units * item.weight_g for item in wish.items), world.metres(route.site, wish.point))
    if not choice:
        return Why.NO_CARRIER
    offer = best_offer(choice, route.room, wish.ship_by)
    if offer is None:
        return Why.NO_ROOM
    if offer.late:
        return Why.LATER
    return Why.WAITS if offer.waits else None


def _fullest(zone: Zone, needs: dict[int, int]) -> tuple[str, dict[int, tuple[int, int]]]:
    """The warehouse that lacks the fewest units, and what it lacks; all of it where none may serve."""
    lacking = [
        (
            route.code,
            {
                sku: (wanted, route.shelf.get(sku, 0))
                for sku, wanted in needs.items()
                if route.shelf.get(sku, 0) < wanted
            },
        )
        for route in zone.routes
    ]
    if not lacking:
        return "", {sku: (wanted, 0) for sku, wanted in needs.items()}
    return min(lacking, key=lambda each: (sum(wanted - there for wanted, there in each[1].values()), each[0]))


def _next_try(why: Why, zone: Zone, world: World) -> datetime:
    """For want of room the start of the day on which a day with room comes into the horizon."""
    if why is not Why.NO_ROOM:
        return world.now + timedelta(minutes=world.rules.retry_minutes)
    beyond = world.rules.horizon_days + 1
    days = [
        day
        for route in zone.routes
        if route.room is not None
        for day in range(beyond, len(route.room))
        if route.room[day] > 0
    ]
    ahead = min(days, default=beyond) - world.rules.horizon_days
    return datetime.combine(world.today + timedelta(days=ahead), time(), SHANGHAI).astimezone(world.now.tzinfo)
