"""The best plan of an order found by trying everything: shares nothing with the code it judges but the values."""

import itertools
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from models.rules.divisions import lineage
from models.rules.routing_plan import Plan
from models.rules.routing_rules import RoutingRules
from models.rules.routing_values import Area, Carrier, CarrierRule, Item, Price, Site, Wish
from models.rules.routing_world import World
from models.rules.shipping_report import reportable

CHINA = timedelta(hours=8)
Split = Mapping[int, Mapping[Item, int]]
"""Per warehouse id the units of each item."""


@dataclass(frozen=True)
class Case:
    """All that a world is made of, kept to judge by."""

    now: datetime
    rules: RoutingRules
    sites: Sequence[Site]
    areas: Sequence[Area]
    free: Mapping[tuple[int, int], int]
    prices: Sequence[Price] = ()
    carrier_rules: Sequence[CarrierRule] = ()

    def world(self) -> World:
        return World(self.now, self.rules, self.sites, self.areas, self.free, self.prices, self.carrier_rules)

    @property
    def today(self) -> date:
        return (self.now + CHINA).date()


class Oracle:
    """Judges plans for one order of a case."""

    def __init__(self, case: Case, wish: Wish) -> None:
        self.case, self.wish, self.rules = case, wish, case.rules
        self.levels = [*lineage(wish.division), ""]
        self.sites = {site.id: site for site in case.sites if self._may_serve(site)}
        self.tiers = self._tiers()
        self._vectors: dict[tuple[int, int], list[tuple[int, ...]]] = {}
        self._sums: dict[tuple[tuple[int, int], ...], tuple[int, ...] | None] = {}

    def best(self) -> tuple[Any, ...] | None:
        """The least key of any plan that is allowed, None when none is."""
        keys = (self.key(split) for split in self.splits())
        return min((key for key in keys if key is not None), default=None)

    def splits(self) -> Iterator[Split]:
        """Every way to take the units from warehouses that have them."""

        def deal(items: Sequence[Item], free: dict[tuple[int, int], int], parts: Split) -> Iterator[Split]:
            if not items:
                yield parts
                return
            item, *rest = items
            for way in self._ways(item.units, [min(item.units, free.get((s, item.sku_id), 0)) for s in self.sites]):
                left = dict(free)
                dealt = {site: dict(share) for site, share in parts.items()}
                for site, units in zip(self.sites, way, strict=True):
                    if units:
                        left[site, item.sku_id] -= units
                        dealt.setdefault(site, {})[item] = units
                if len(dealt) <= self.rules.max_parcels:
                    yield from deal(rest, left, dealt)

        yield from deal(self.wish.items, dict(self.case.free), {})

    def _ways(self, units: int, most: Sequence[int]) -> Iterator[tuple[int, ...]]:
        if not most:
            if units == 0:
                yield ()
            return
        if sum(most) < units:
            return
        for here in range(min(units, most[0]) + 1):
            for rest in self._ways(units - here, most[1:]):
                yield (here, *rest)

    def key(self, split: Split) -> tuple[Any, ...] | None:
        """What the plan is judged by with its best carriers and days, None when it is not allowed."""
        if not self.allowed(split):
            return None
        weights = tuple(sorted((site, self.weight_g(share)) for site, share in split.items()))
        if weights not in self._sums:
            choices = itertools.product(*(self.vectors(site, weight) for site, weight in weights))
            sums = (tuple(map(sum, zip(*choice, strict=True))) for choice in choices)
            self._sums[weights] = min(sums, default=None)
        totals = self._sums[weights]
        return None if totals is None else self.full_key(list(split), totals)

    def key_of_plan(self, plan: Plan) -> tuple[Any, ...] | None:
        """The same of a plan as decided, with its own carriers and days; None when it is not allowed."""
        by_line = {(item.line_no, item.sku_id): item for item in self.wish.items}
        split = {part.warehouse_id: {by_line[key]: units for key, units in part.units.items()} for part in plan.parts}
        if not self.allowed(split):
            return None
        vectors = []
        for part in plan.parts:
            site = self.sites[part.warehouse_id]
            carrier = next(each for each in site.carriers if each.code == part.carrier)
            day = (part.ship_day - self.case.today).days
            vector = self.vector(site, carrier, day, self.weight_g(split[site.id]))
            if vector is None:
                return None
            assert (part.kept, part.cost_fen) == (vector[0] == 0, vector[4])
            assert (part.arrives_on - self.case.today).days == vector[5]
            vectors.append(vector)
        return self.full_key(list(split), tuple(map(sum, zip(*vectors, strict=True))))

    def full_key(self, sites: Sequence[int], totals: tuple[int, ...]) -> tuple[Any, ...]:
        tiers = tuple(sorted((self.tiers[site] for site in sites), reverse=True))
        order = sorted(sites, key=lambda site: (self.tiers[site], self.metres(site), self.sites[site].code))
        ties = (sum(map(self.metres, sites)), tuple(self.sites[site].code for site in order))
        if self.rules.areas_first:
            return (len(sites), *totals[:3], tiers, *totals[3:], *ties)
        return (len(sites), *totals, tiers, *ties)

    def allowed(self, split: Split) -> bool:
        """Whether all units leave, none twice, and rules and channel permit such parts."""
        wanted = {item: item.units for item in self.wish.items}
        dealt: dict[Item, int] = defaultdict(int)
        taken: dict[tuple[int, int], int] = defaultdict(int)
        for site, share in split.items():
            for item, units in share.items():
                dealt[item] += units
                taken[site, item.sku_id] += units
        if dealt != wanted or any(units > self.case.free.get(key, 0) for key, units in taken.items()):
            return False
        if len(split) > 1 and not self._may_split(split):
            return False
        lines = [self._per_line(share) for share in split.values()]
        return reportable(self.wish.limits, lines) == ""

    def _may_split(self, split: Split) -> bool:
        values = [sum(item.value_fen * units for item, units in share.items()) for share in split.values()]
        if not self.rules.split or len(split) > self.rules.max_parcels or min(values) < self.rules.least_part_fen:
            return False
        if self.wish.limits.tracking_unit == "order":
            return True
        return all(self._in_kits(share) for share in split.values())

    def _in_kits(self, share: Mapping[Item, int]) -> bool:
        """Whether every line that is a kit is there in whole kits, all of it where its kits are not known."""
        for line_no in {item.line_no for item in share}:
            line = [item for item in self.wish.items if item.line_no == line_no]
            if len(line) == 1 and not line[0].per_kit:
                continue
            known = all(item.per_kit for item in line)
            kits = {item.units / item.per_kit for item in line} if known else set()
            if len(kits) != 1 or min(kits) % 1:
                if any(share.get(item) != item.units for item in line):
                    return False
                continue
            here = {share.get(item, 0) / item.per_kit for item in line}
            if len(here) > 1 or here.pop() % 1:
                return False
        return True

    def _per_line(self, share: Mapping[Item, int]) -> dict[int, int]:
        lines: dict[int, int] = defaultdict(int)
        for item, units in share.items():
            lines[item.line_no] += units
        return lines

    def weight_g(self, share: Mapping[Item, int]) -> int:
        return sum(item.weight_g * units for item, units in share.items())

    def metres(self, site: int) -> int:
        a, b = self.sites[site].point, self.wish.point
        if a is None or b is None:
            return 0
        x = math.sin(math.radians(b[0] - a[0]) / 2) ** 2
        y = math.sin(math.radians(b[1] - a[1]) / 2) ** 2
        h = x + math.cos(math.radians(a[0])) * math.cos(math.radians(b[0])) * y
        return round(1000 * 2 * 6371.0 * math.asin(math.sqrt(h)))

    def vectors(self, site_id: int, weight_g: int) -> list[tuple[int, ...]]:
        """What a part could take, for every carrier and every day."""
        key = (site_id, weight_g)
        if key not in self._vectors:
            site, days = self.sites[site_id], range(self.rules.horizon_days + 1)
            found = (self.vector(site, carrier, day, weight_g) for carrier in site.carriers for day in days)
            self._vectors[key] = [vector for vector in found if vector is not None]
        return self._vectors[key]

    def vector(self, site: Site, carrier: Carrier, day: int, weight_g: int) -> tuple[int, ...] | None:
        """Late, late days, waits, unpreferred, fen, arrival; None when it cannot be."""
        most = math.inf if carrier.max_weight_g is None else carrier.max_weight_g
        if not carrier.min_weight_g <= weight_g <= most or (self.wish.cod and not carrier.cod):
            return None
        effects = self._effects(site, weight_g)
        if carrier.code in effects["never"] or (effects["only"] and carrier.code not in effects["only"]):
            return None
        room = site.room
        if room is not None and (day >= len(room) or room[day] <= 0):
            return None
        cutoffs = [at for at in (site.cutoff, carrier.cutoff) if at is not None]
        local = self.case.now + CHINA
        soonest = 1 if cutoffs and local.time() > min(cutoffs) else 0
        if not soonest <= day <= self.rules.horizon_days:
            return None
        pick_up = datetime.combine(self.case.today + timedelta(days=day), min(cutoffs, default=time()), UTC) - CHINA
        late = self.wish.ship_by is not None and max(pick_up, self.case.now) > self.wish.ship_by
        fen, transit = self._fare(site, carrier, weight_g)
        unpreferred = bool(effects["prefer"]) and carrier.code not in effects["prefer"]
        arrives = day + transit
        return (int(late), arrives if late else 0, day - soonest, int(unpreferred), fen, arrives)

    def _effects(self, site: Site, weight_g: int) -> dict[str, set[str]]:
        effects: dict[str, set[str]] = defaultdict(set)
        for rule in self.case.carrier_rules:
            if rule.division not in self.levels or rule.cod not in (None, self.wish.cod):
                continue
            if rule.shop_code not in ("", self.wish.shop_code) or rule.warehouse_code not in ("", site.code):
                continue
            if rule.min_weight_g <= weight_g <= (math.inf if rule.max_weight_g is None else rule.max_weight_g):
                effects[rule.effect].add(rule.carrier)
        return effects

    def _fare(self, site: Site, carrier: Carrier, weight_g: int) -> tuple[int, int]:
        km = self.metres(site.id) / 1000
        transit = max(1, math.ceil(km / self.rules.km_per_day))
        for level in self.levels:
            for price in self.case.prices:
                if (price.warehouse_id, price.carrier, price.division) == (site.id, carrier.code, level):
                    steps = math.ceil(max(0, weight_g - price.first_g) / price.step_g)
                    known = transit if price.transit_days is None else price.transit_days
                    return price.first_fen + steps * price.step_fen, known
        return math.ceil(km * self.rules.fen_per_km) + math.ceil(weight_g / 1000) * self.rules.fen_per_kg, transit

    def _may_serve(self, site: Site) -> bool:
        covered = any(area.warehouse_id == site.id and area.division in self.levels for area in self.case.areas)
        return covered or (self.rules.anywhere and site.kind == "own")

    def _tiers(self) -> dict[int, int]:
        ranks = {}
        for site in self.sites:
            own = [
                (self.levels.index(area.division), area.priority)
                for area in self.case.areas
                if area.warehouse_id == site and area.division in self.levels
            ]
            if own:
                ranks[site] = min(own)
        ladder = sorted(set(ranks.values()))
        return {site: ladder.index(ranks[site]) if site in ranks else len(ladder) for site in self.sites}
