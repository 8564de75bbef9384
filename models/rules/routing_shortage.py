"""What could be done for an order that no plan serves: transfer units, split it after all, or wait."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import combinations
from typing import Any, NamedTuple

from models.rules.carrier_choice import Tariff, best_offer
from models.rules.distance import metres_between
from models.rules.routing import choose, plan_of
from models.rules.routing_bounds import needs_of
from models.rules.routing_plan import NoPlan, Plan, Why
from models.rules.routing_refusal import loosened
from models.rules.routing_search import Search
from models.rules.routing_values import Site, Wish
from models.rules.routing_world import Route, World
from models.warehouse import OptionKind, WarehouseKind

_TRANSFERS = 3
"""Transfers that are proposed at most."""

_SOURCES = 8
"""Nearest warehouses that a transfer may come from; up to `_TOGETHER` of them at once."""

_TOGETHER = 3


class Arrival(NamedTuple):
    """Units that are expected at a warehouse at a time."""

    warehouse_id: int
    sku_id: int
    units: int
    at: datetime


class Move(NamedTuple):
    """Units of a SKU to bring from one warehouse (code) to another."""

    sku_id: int
    units: int
    source: str
    target: str


class Option(NamedTuple):
    """One way out, with all it costs (moving and shipping) and when the order could leave.

    `warehouses` (codes) would ship it then. `moves` only for a transfer; `obstacle` only for a split: what forbids it.
    """

    kind: OptionKind
    cost_fen: int
    ready_at: datetime
    warehouses: tuple[str, ...]
    moves: tuple[Move, ...] = ()
    obstacle: Why | None = None

    def to_json(self) -> dict[str, Any]:
        """Codes and numbers only: what a stored option keeps as its detail."""
        return {
            "warehouses": list(self.warehouses),
            "moves": [[move.sku_id, move.units, move.source, move.target] for move in self.moves],
            "obstacle": self.obstacle.value if self.obstacle else None,
        }


class _Haul(NamedTuple):
    """What a warehouse lacks, brought there: cost, days on the way, and the units per source and SKU."""

    cost_fen: int
    days: int
    units: Mapping[tuple[int, int], int]


def option_from(kind: OptionKind, cost_fen: int, ready_at: datetime, stored: Mapping[str, Any]) -> Option:
    """The option whose detail `Option.to_json` made."""
    return Option(
        kind,
        cost_fen,
        ready_at,
        tuple(stored["warehouses"]),
        tuple(Move(*move) for move in stored["moves"]),
        Why(stored["obstacle"]) if stored["obstacle"] else None,
    )


def shortage_options(wish: Wish, refusal: NoPlan, world: World, arrivals: Sequence[Arrival] = ()) -> tuple[Option, ...]:
    """What could be done for an order without a plan, best first; takes nothing from the world.

    First those that keep the promise, then by cost, then by when it could leave. Each is reckoned as if nothing else
    happened meanwhile; a wait for room reckons with the usual room of the day that it waits for.
    """
    options = [
        *_split(wish, refusal, world),
        *_transfers(wish, world),
        *(_wait_for_room(wish, refusal, world) if refusal.why is Why.NO_ROOM else _wait(wish, world, arrivals)),
    ]
    return tuple(sorted(options, key=lambda each: (_missed(wish, each.ready_at), *each[1:3], each.warehouses)))


def _missed(wish: Wish, at: datetime) -> bool:
    return wish.ship_by is not None and at > wish.ship_by


def _split(wish: Wish, refusal: NoPlan, world: World) -> Iterator[Option]:
    """The best plan with whatever forbids it lifted."""
    for why, bounds in loosened(wish, world):
        if why is refusal.why and (found := Search(wish, world, bounds).best()) is not None:
            yield _of_plan(OptionKind.SPLIT, plan_of(wish, world, found))._replace(obstacle=why)


def _of_plan(kind: OptionKind, plan: Plan) -> Option:
    ready_at = max(part.leaves_at for part in plan.parts)
    return Option(kind, plan.cost_fen, ready_at, tuple(part.warehouse for part in plan.parts))


def _wait(wish: Wish, world: World, arrivals: Sequence[Arrival]) -> Iterator[Option]:
    """The first time at which what has arrived by then lets the order be served."""
    needs = needs_of(wish.items)
    awaited = sorted((each for each in arrivals if each.sku_id in needs), key=lambda each: each.at)
    free = world.free() if awaited else {}
    there = {sku: sum(shelf.get(sku, 0) for shelf in world.shelves.values()) for sku in needs}
    for place, arrival in enumerate(awaited):
        key = (arrival.warehouse_id, arrival.sku_id)
        free[key] = free.get(key, 0) + arrival.units
        there[arrival.sku_id] += arrival.units
        more = place + 1 < len(awaited) and awaited[place + 1].at <= max(arrival.at, world.now)
        if more or any(there[sku] < units for sku, units in needs.items()):
            continue
        later = world.later(max(arrival.at, world.now))
        plan = choose(wish, world.like(later.now, later.sites, free))
        if isinstance(plan, Plan):
            yield _of_plan(OptionKind.WAIT, plan)
            return


def _wait_for_room(wish: Wish, refusal: NoPlan, world: World) -> Iterator[Option]:
    roomy = [replace(site, room=None) for site in world.sites]
    plan = choose(wish, world.like(refusal.next_try_at, roomy, world.free()))
    if isinstance(plan, Plan):
        yield _of_plan(OptionKind.WAIT, plan)


def _transfers(wish: Wish, world: World) -> Iterator[Option]:
    """The cheapest ways to bring together in one warehouse what the order wants, and to ship it from there."""
    needs = needs_of(wish.items)
    hauls = [
        (haul, route)
        for route in world.zone(wish).routes
        if route.site.kind != WarehouseKind.SUPPLIER and (haul := _haul(route.site, wish, needs, world)) is not None
    ]
    for haul, route in sorted(hauls, key=lambda each: (each[0].cost_fen, each[1].code))[:_TRANSFERS]:
        option = _transferred(haul, route, wish, world)
        if option is not None:
            yield option


def _transferred(haul: _Haul, target: Route, wish: Wish, world: World) -> Option | None:
    """The transfer with the shipping that follows it, None when the warehouse cannot ship the order then."""
    codes = {site.id: site.code for site in world.sites}
    later = world.later(world.now + timedelta(days=haul.days))
    route = next(each for each in later.zone(wish).routes if each.code == target.code)
    weight_g = sum(item.units * item.weight_g for item in wish.items)
    offer = best_offer(route.fares(weight_g, later.metres(route.site, wish.point)), route.room, wish.ship_by)
    if offer is None:
        return None
    moves = tuple(Move(sku, units, codes[source], target.code) for (source, sku), units in sorted(haul.units.items()))
    leaves_at = offer.lane.leaves[offer.day]
    return Option(OptionKind.TRANSFER, haul.cost_fen + offer.cost_fen, leaves_at, (target.code,), moves)


def _haul(target: Site, wish: Wish, needs: Mapping[int, int], world: World) -> _Haul | None:
    """The cheapest way to bring what a warehouse lacks; None when it lacks nothing or the others have not enough."""
    shelf = world.shelves[target.id]
    lacking = {sku: units - shelf.get(sku, 0) for sku, units in needs.items() if shelf.get(sku, 0) < units}
    sources = sorted(
        (
            (_metres(site, target), site)
            for site in world.sites
            if site.id != target.id
            and site.kind != WarehouseKind.SUPPLIER
            and any(world.shelves[site.id].get(sku, 0) > 0 for sku in lacking)
        ),
        key=lambda each: (each[0], each[1].code),
    )[:_SOURCES]
    grams = {item.sku_id: item.weight_g for item in wish.items}
    hauls = (
        haul
        for size in range(1, _TOGETHER + 1)
        for together in combinations(sources, size)
        if (haul := _brought(together, lacking, grams, world)) is not None
    )
    return min(hauls, key=lambda haul: (haul.cost_fen, haul.days), default=None) if lacking else None


def _brought(
    sources: Sequence[tuple[int, Site]], lacking: Mapping[int, int], grams: Mapping[int, int], world: World
) -> _Haul | None:
    """What is lacking, from these sources, nearest first; None when they have not all of it or one gives nothing."""
    left = dict(lacking)
    rules = world.rules
    tariff = Tariff(rules.fen_per_km, rules.fen_per_kg, rules.km_per_day)
    units: dict[tuple[int, int], int] = {}
    cost_fen = days = 0
    for metres, site in sources:
        given = {sku: min(wanted, world.shelves[site.id].get(sku, 0)) for sku, wanted in left.items()}
        given = {sku: count for sku, count in given.items() if count}
        if not given:
            return None
        weight_g = sum(count * grams[sku] for sku, count in given.items())
        cost_fen += rules.transfer_fen + tariff.cost_fen(metres, weight_g)
        days = max(days, tariff.days(metres))
        for sku, count in given.items():
            units[site.id, sku] = count
            left[sku] -= count
    return None if any(left.values()) else _Haul(cost_fen, days, units)


def _metres(a: Site, b: Site) -> int:
    return 0 if a.point is None or b.point is None else metres_between(a.point, b.point)
