"""The best set of warehouses for an order, and the best way to divide it among them.

Every set of warehouses is looked at, the smallest first. Of the sets of one size that can serve the order, the best
is the one with the least key (see `Found`); within a set the order is divided so that the same key is least.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations
from math import comb
from typing import Any, NamedTuple

from models.rules.carrier_choice import Offer, best_offer, lightest_fares
from models.rules.routing_bounds import Bounds, blocks_of, needs_of
from models.rules.routing_fill import Block, Effort, Filling, Task, Totals, fill, totals_of
from models.rules.routing_plan import Gap, Rejected, Why
from models.rules.routing_values import Wish
from models.rules.routing_world import Route, World

_STEPS = 20_000
"""Steps of dividing that one order may take before only the likeliest ways are followed; some 0.1 s."""

_SETS = 5_000
"""Sets of one size that are looked at where there are more warehouses than the rules want searched exactly."""

_GUESSES = 4
"""Sets of one size that are divided without proof, once the steps are spent; more only until there is a plan."""

_MOST_GUESSES = 20

_NEAR = 2
"""Sets of the chosen size that are remembered beside the best."""


class Entrant(NamedTuple):
    """A warehouse that could ship some of an order, how far it is, and the least its part could take in any way."""

    route: Route
    metres: int
    least: Totals


Key = tuple[Any, ...]
"""What a plan is judged by, among plans of as many parcels: numbers, then the codes; see `Found`."""


class _Try(NamedTuple):
    key: Key
    entrants: tuple[Entrant, ...]
    filling: Filling


class Found(NamedTuple):
    """The best plan of the fewest parcels; `near` are the next best sets of as many, with what they are worse in.

    Its key: parts that leave after the promise; days until those arrive, summed; days parts wait for room, summed;
    the tiers of the warehouses, the last first (after the arrival where the rules let the cost decide first); parts
    without a preferred carrier; cost in fen; days until the parts arrive, summed; metres, summed; the codes.
    """

    entrants: tuple[Entrant, ...]
    filling: Filling
    blocks: tuple[Block, ...]
    near: tuple[Rejected, ...]
    gap: Gap | None


class Search:
    """One order among the warehouses that may serve it."""

    def __init__(self, wish: Wish, world: World, bounds: Bounds) -> None:
        self._wish = wish
        self._rules = world.rules
        self._bounds = bounds
        self._needs = needs_of(wish.items)
        self._blocks = blocks_of(wish.items, bounds.together)
        self._effort = Effort(_STEPS)
        self._offers: dict[tuple[str, int], Offer | None] = {}
        entrants = (self._entrant(route, world.metres(route.site, wish.point)) for route in world.zone(wish).routes)
        self._entrants = sorted(
            (entrant for entrant in entrants if entrant is not None),
            key=lambda each: (each.route.tier, each.metres, each.route.code),
        )
        self._least_size = self._fewest()  # proven: no plan has fewer parcels
        self._complete = True  # of the size looked at, nothing was left out

    def best(self) -> Found | None:
        """The best plan within the bounds, None when there is none, or none was found where not all could be tried."""
        pieces = sum(block.pieces for block in self._blocks)
        value_fen = sum(block.pieces * block.value_fen for block in self._blocks)
        for size in range(self._least_size, min(self._bounds.most, len(self._entrants), max(1, pieces)) + 1):
            if size > 1 and size * self._bounds.least_fen > value_fen:
                return None
            found = self._best_of(size)
            if found is not None:
                return found
            if self._complete:
                self._least_size = size + 1
        return None

    def _entrant(self, route: Route, metres: int) -> Entrant | None:
        """The warehouse with the least its part could take, None when it can ship nothing of the order."""
        if self._needs and not any(route.shelf.get(sku, 0) > 0 for sku in self._needs):
            return None
        offer = best_offer(lightest_fares(route.lanes, route.rules, metres), route.room, self._wish.ship_by)
        return None if offer is None else Entrant(route, metres, Totals(*offer[:6]))

    def _fewest(self) -> int:
        """A number of parcels that no plan can go below: what the fullest warehouses have, of each SKU and of all."""
        having = [
            [min(units, entrant.route.shelf.get(sku, 0)) for entrant in self._entrants]
            for sku, units in self._needs.items()
        ]
        together = [sum(column) for column in zip(*having, strict=True)]
        wanted = [*self._needs.values(), sum(self._needs.values())]
        return max(_fullest(units, column) for units, column in zip(wanted, [*having, together], strict=True))

    def _best_of(self, size: int) -> Found | None:
        field = self._entrants
        if len(field) > self._rules.exact_up_to and comb(len(field), size) > _SETS:
            self._complete, field = False, self._likeliest()
        ranked = sorted((self._key(entrants, _least(entrants)), entrants) for entrants in self._able(field, size))
        tried: list[_Try] = []
        looked_at = guesses = 0
        for least, entrants in ranked:
            if tried and least > min(tried).key:
                break
            if guesses >= (_GUESSES if tried else _MOST_GUESSES):
                break
            looked_at += 1
            filling, proven = self._divide(entrants)
            guesses += not proven
            if filling is not None:
                tried.append(_Try(self._key(entrants, filling.totals), entrants, filling))
        self._complete = self._complete and not guesses
        if not tried:
            return None
        best, *others = sorted(tried)
        near = sorted([*((each.key, each.entrants) for each in others), *ranked[looked_at:]])[:_NEAR]
        return Found(
            best.entrants,
            best.filling,
            self._blocks,
            tuple(Rejected(_codes(entrants), self._worse(key, best.key)) for key, entrants in near),
            self._gap(best),
        )

    def _able(self, field: Sequence[Entrant], size: int) -> Iterator[tuple[Entrant, ...]]:
        """The sets of a size that have all units together."""
        columns = [
            (wanted, [min(wanted, entrant.route.shelf.get(sku, 0)) for entrant in field])
            for sku, wanted in self._needs.items()
        ]
        scarce = [(wanted, column) for wanted, column in columns if min(column) < wanted]
        for places in combinations(range(len(field)), size):
            if all(sum([column[place] for place in places]) >= wanted for wanted, column in scarce):
                yield tuple([field[place] for place in places])

    def _likeliest(self) -> list[Entrant]:
        """As many warehouses as the rules want searched exactly: again and again those that fill what is missing most.

        So they are enough to serve the order, when a greedy choice of so many is, and leave others to choose from.
        """
        chosen: list[Entrant] = []
        rest = list(self._entrants)
        missing = dict(self._needs)
        while rest and len(chosen) < self._rules.exact_up_to:
            if not any(missing.values()):
                missing = dict(self._needs)
            gains = [sum(min(each.route.shelf.get(sku, 0), units) for sku, units in missing.items()) for each in rest]
            if max(gains) == 0 and missing != self._needs:
                missing = dict(self._needs)
                continue
            entrant = rest.pop(gains.index(max(gains)))
            chosen.append(entrant)
            for sku in missing:
                missing[sku] = max(0, missing[sku] - entrant.route.shelf.get(sku, 0))
        return [entrant for entrant in self._entrants if entrant in chosen]

    def _divide(self, entrants: tuple[Entrant, ...]) -> tuple[Filling | None, bool]:
        """The order divided among these warehouses, and whether no better way can be."""
        if len(entrants) == 1:
            return self._undivided(entrants[0]), True
        task = Task(
            self._blocks,
            [entrant.route.shelf for entrant in entrants],
            lambda place, weight_g: self._quote(entrants[place], weight_g),
            self._bounds.least_fen,
        )
        return fill(task, self._effort)

    def _undivided(self, entrant: Entrant) -> Filling | None:
        offer = self._quote(entrant, sum(block.pieces * block.weight_g for block in self._blocks))
        totals = totals_of([offer])
        if offer is None or totals is None:
            return None
        return Filling(totals, tuple((block.pieces,) for block in self._blocks), (offer,))

    def _quote(self, entrant: Entrant, weight_g: int) -> Offer | None:
        key = (entrant.route.code, weight_g)
        if key not in self._offers:
            choice = entrant.route.fares(weight_g, entrant.metres)
            self._offers[key] = best_offer(choice, entrant.route.room, self._wish.ship_by)
        return self._offers[key]

    def _key(self, entrants: tuple[Entrant, ...], totals: Totals) -> Key:
        tiers = tuple(sorted((entrant.route.tier for entrant in entrants), reverse=True))
        ties = (sum(entrant.metres for entrant in entrants), _codes(entrants))
        if self._rules.areas_first:
            return (*totals[:3], tiers, *totals[3:], *ties)
        return (*totals, tiers, *ties)

    def _worse(self, key: Key, best: Key) -> Why:
        """The first thing in which a key is worse than the best one."""
        words = _AREAS_FIRST if self._rules.areas_first else _COST_FIRST
        return next((why for why, one, other in zip(words, key, best, strict=False) if one != other), Why.EQUAL)

    def _gap(self, best: _Try) -> Gap | None:
        """How far the plan may be from the best, None when it is proven to be that."""
        size = len(best.entrants)
        if self._complete and self._least_size == size:
            return None
        sizes = range(self._least_size, min(self._bounds.most, len(self._entrants)) + 1)
        cheapest = min(self._cheapest(each) for each in sizes)
        return Gap(size - self._least_size, max(0, best.filling.totals.cost_fen - cheapest))

    def _cheapest(self, size: int) -> int:
        """What no plan of so many parcels can cost less than, in fen.

        The lightest parcels of the cheapest warehouses, and for the weight above as many times the most generous
        first weight what the cheapest lane asks per gram.
        """
        lanes = [lane for entrant in self._entrants for lane in entrant.route.lanes]
        weight_g = sum(block.pieces * block.weight_g for block in self._blocks)
        over_g = max(0, weight_g - size * max(lane.first_g for lane in lanes))
        lightest = sorted(entrant.least.cost_fen for entrant in self._entrants)[:size]
        return sum(lightest) + int(over_g * min(lane.fen_per_g for lane in lanes))


_AREAS_FIRST = (Why.LATER, Why.LATER, Why.WAITS, Why.FARTHER_AREA, Why.UNPREFERRED, Why.DEARER, Why.SLOWER)
_COST_FIRST = (Why.LATER, Why.LATER, Why.WAITS, Why.UNPREFERRED, Why.DEARER, Why.SLOWER, Why.FARTHER_AREA)


def _least(entrants: tuple[Entrant, ...]) -> Totals:
    return Totals(*map(sum, zip(*(entrant.least for entrant in entrants), strict=True)))


def _fullest(wanted: int, having: list[int]) -> int:
    """How many of the fullest have so many units together, at least 1; one more than there are when all have not."""
    left = wanted
    for count, units in enumerate(sorted(having, reverse=True), 1):
        left -= units
        if left <= 0:
            return count
    return len(having) + 1


def _codes(entrants: tuple[Entrant, ...]) -> tuple[str, ...]:
    return tuple(entrant.route.code for entrant in entrants)
