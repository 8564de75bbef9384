"""The world that routing decides in, at one moment: what is free, what has room, and who serves where."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

from models.rules.carrier_choice import Fare, Lane, Tariff, fares
from models.rules.distance import metres_between
from models.rules.divisions import lineage
from models.rules.routing_checks import check_world
from models.rules.routing_plan import Plan
from models.rules.routing_rules import RoutingRules
from models.rules.routing_values import COUNTRY, Area, Carrier, CarrierRule, Price, Site, Wish
from models.settings import SHANGHAI
from models.warehouse import WarehouseKind


class Route:
    """A warehouse as it serves one zone.

    `tier` is 0 for the warehouses of the most local area and lowest priority, then counts up; those whose areas do
    not cover the zone come last, with `covered` false. `shelf` (units per SKU id) and `room` (per day) are the
    world's own, so they change as plans are made.
    """

    __slots__ = ("_known", "by_distance", "code", "covered", "lanes", "room", "rules", "shelf", "site", "tier")

    def __init__(
        self,
        site: Site,
        tier: int,
        covered: bool,
        lanes: tuple[Lane, ...],
        rules: tuple[CarrierRule, ...],
        shelf: dict[int, int],
        room: list[int] | None,
    ) -> None:
        self.site = site
        self.code = site.code
        self.tier = tier
        self.covered = covered
        self.lanes = lanes
        self.rules = rules
        self.shelf = shelf
        self.room = room
        self.by_distance = any(lane.by_distance for lane in lanes)
        self._known: dict[int, tuple[Fare, ...]] = {}

    def fares(self, weight_g: int, metres: int) -> tuple[Fare, ...]:
        """What its carriers charge for a parcel into the zone; `metres` counts only where there is no price row."""
        if self.by_distance:
            return fares(self.lanes, self.rules, weight_g, metres)
        known = self._known.get(weight_g)
        if known is None:
            known = self._known[weight_g] = fares(self.lanes, self.rules, weight_g, metres)
        return known

    def has_room(self) -> bool:
        """Whether some carrier can still fetch a parcel up to the horizon."""
        room = self.room
        return room is None or any(
            room[day] > 0 for lane in self.lanes for day in range(lane.first_day, min(len(room), len(lane.leaves)))
        )


class Zone:
    """Where the same areas, prices and carrier rules count: the warehouses that may serve it, by tier and code.

    `first` is the one warehouse of its areas that goes before all others, None when there is no such one.
    """

    __slots__ = ("first", "routes")

    def __init__(self, routes: tuple[Route, ...], areas_first: bool) -> None:
        self.routes = routes
        alone = len(routes) == 1 or (len(routes) > 1 and routes[1].tier > 0)
        self.first = routes[0] if alone and routes[0].covered and areas_first else None


class World:
    """Everything but the orders, at the business time `now`; deciding takes from its stock and room.

    `free` is units per (warehouse id, SKU id), net of locks and safety stock; it is copied, and counts as 0
    where it is below. Areas and prices of
    warehouses that are not among `sites` count for nothing. Raises SetupError for values that contradict
    themselves, naming all of them.
    """

    def __init__(
        self,
        now: datetime,
        rules: RoutingRules,
        sites: Sequence[Site],
        areas: Sequence[Area],
        free: Mapping[tuple[int, int], int],
        prices: Sequence[Price] = (),
        carrier_rules: Sequence[CarrierRule] = (),
    ) -> None:
        check_world(now, sites, prices, carrier_rules)
        self.now = now.astimezone(UTC)
        self.today: date = now.astimezone(SHANGHAI).date()
        self.rules = rules
        self.sites = tuple(sorted(sites, key=lambda site: site.code))
        self.areas = tuple(areas)
        self.prices = tuple(prices)
        self.carrier_rules = tuple(carrier_rules)
        self.shelves: dict[int, dict[int, int]] = {site.id: {} for site in self.sites}
        for (warehouse_id, sku_id), units in free.items():
            if warehouse_id in self.shelves:
                self.shelves[warehouse_id][sku_id] = max(0, units)
        self._room = {site.id: None if site.room is None else list(site.room) for site in self.sites}
        self._area_of: dict[str, list[Area]] = {}
        for area in self.areas:
            self._area_of.setdefault(area.division, []).append(area)
        self._price_of = {(price.warehouse_id, price.carrier, price.division): price for price in self.prices}
        self._tariff = Tariff(rules.fen_per_km, rules.fen_per_kg, rules.km_per_day)
        self._named = {
            *(area.division for area in self.areas),
            *(price.division for price in self.prices),
            *(rule.division for rule in self.carrier_rules),
        }
        self._zone_codes: dict[str, str] = {}
        self._zones: dict[tuple[str, str, bool], Zone] = {}
        self._metres: dict[tuple[int, tuple[float, float]], int] = {}
        self._leaves: dict[time | None, tuple[datetime, ...]] = {}
        self._days = [self.today]
        self._later: dict[tuple[datetime, tuple[tuple[int, ...] | None, ...]], World] = {}

    def zone(self, wish: Wish) -> Zone:
        """The zone of an order's receiver, shop and payment."""
        code = self._zone_codes.get(wish.division)
        if code is None:
            code = self._zone_codes[wish.division] = self._zone_code(wish.division)
        key = (code, wish.shop_code, wish.cod)
        zone = self._zones.get(key)
        if zone is None:
            zone = self._zones[key] = self._zone(*key)
        return zone

    def metres(self, site: Site, point: tuple[float, float] | None) -> int:
        """How far it is from a warehouse, 0 where either place is not known."""
        if point is None or site.point is None:
            return 0
        key = (site.id, point)
        known = self._metres.get(key)
        if known is None:
            known = self._metres[key] = metres_between(site.point, point)
        return known

    def day(self, number: int) -> date:
        """The date so many days from today, in China."""
        while number >= len(self._days):
            self._days.append(self._days[-1] + timedelta(days=1))
        return self._days[number]

    def room(self, warehouse_id: int) -> list[int] | None:
        """How many more parcels a warehouse takes on, by day from today, None for any number."""
        return self._room[warehouse_id]

    def free(self) -> dict[tuple[int, int], int]:
        """Units per (warehouse id, SKU id) that no plan has taken."""
        return {(site, sku): units for site, shelf in self.shelves.items() for sku, units in shelf.items()}

    def later(self, at: datetime) -> "World":
        """The same warehouses at a later time, with nothing on their shelves.

        The days that their room is known for have what they have now; when none is, they have room enough.
        """
        days = (at.astimezone(SHANGHAI).date() - self.today).days
        rooms = tuple(tuple(room[days:]) or None if room else None for room in self._room.values())
        known = self._later.get((at, rooms))
        if known is None:
            sites = [replace(site, room=room) for site, room in zip(self.sites, rooms, strict=True)]
            known = self._later[at, rooms] = self.like(at, sites, {})
        return known

    def like(self, at: datetime, sites: Sequence[Site], free: Mapping[tuple[int, int], int]) -> "World":
        """A world with the same rules, areas, prices and carrier rules."""
        return World(at, self.rules, sites, self.areas, free, self.prices, self.carrier_rules)

    def take(self, plan: Plan) -> None:
        """Take the units and the room of a plan."""
        self._change(plan, 1)

    def give_back(self, plan: Plan) -> None:
        """Undo `take`."""
        self._change(plan, -1)

    def _change(self, plan: Plan, sign: int) -> None:
        for part in plan.parts:
            shelf, room = self.shelves[part.warehouse_id], self._room[part.warehouse_id]
            for (_, sku_id), units in part.units.items():
                shelf[sku_id] -= sign * units
            if room is not None:
                room[(part.ship_day - self.today).days] -= sign

    def _zone_code(self, division: str) -> str:
        return next((code for code in lineage(division) if code in self._named), COUNTRY)

    def _zone(self, code: str, shop_code: str, cod: bool) -> Zone:
        levels = (*lineage(code), COUNTRY)
        ranks = self._ranks(levels)
        tiers = {rank: tier for tier, rank in enumerate(sorted(set(ranks.values())))}
        routes = [
            Route(
                site,
                tiers[ranks[site.id]] if site.id in ranks else len(tiers),
                site.id in ranks,
                self._lanes(site, levels, cod),
                tuple(rule for rule in self.carrier_rules if _matches(rule, site, levels, shop_code, cod)),
                self.shelves[site.id],
                self._room[site.id],
            )
            for site in self.sites
            if site.id in ranks or (self.rules.anywhere and site.kind != WarehouseKind.SUPPLIER)
        ]
        return Zone(tuple(sorted(routes, key=lambda route: (route.tier, route.code))), self.rules.areas_first)

    def _ranks(self, levels: Sequence[str]) -> dict[int, tuple[int, int]]:
        """Per warehouse the level and the priority of its most local area."""
        ranks: dict[int, tuple[int, int]] = {}
        for level, code in enumerate(levels):
            for area in self._area_of.get(code, ()):
                rank = (level, area.priority)
                if area.warehouse_id in self.shelves and rank < ranks.get(area.warehouse_id, (len(levels), 0)):
                    ranks[area.warehouse_id] = rank
        return ranks

    def _lanes(self, site: Site, levels: Sequence[str], cod: bool) -> tuple[Lane, ...]:
        return tuple(
            Lane(carrier, order, first_day, leaves, self._price(site, carrier, levels), self._tariff)
            for order, carrier in enumerate(site.carriers)
            if carrier.cod or not cod
            for first_day, leaves in (self._departures(site, carrier),)
        )

    def _price(self, site: Site, carrier: Carrier, levels: Sequence[str]) -> Price | None:
        rows = (self._price_of.get((site.id, carrier.code, level)) for level in levels)
        return next((price for price in rows if price is not None), None)

    def _departures(self, site: Site, carrier: Carrier) -> tuple[int, tuple[datetime, ...]]:
        """The first day that a carrier can still call on, and when it leaves, by day up to the horizon."""
        cutoff = min((at for at in (site.cutoff, carrier.cutoff) if at is not None), default=None)
        leaves = self._leaves.get(cutoff)
        if leaves is None:
            days = (self.today + timedelta(days) for days in range(self.rules.horizon_days + 1))
            picked_up = (datetime.combine(day, cutoff or time(), SHANGHAI).astimezone(UTC) for day in days)
            leaves = self._leaves[cutoff] = tuple(max(self.now, at) for at in picked_up)
        missed = cutoff is not None and self.now.astimezone(SHANGHAI).time() > cutoff
        return int(missed), leaves


def _matches(rule: CarrierRule, site: Site, levels: Sequence[str], shop_code: str, cod: bool) -> bool:
    return (
        rule.shop_code in ("", shop_code)
        and rule.warehouse_code in ("", site.code)
        and rule.division in levels
        and rule.cod in (None, cod)
    )
