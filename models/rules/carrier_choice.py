"""Which carrier takes a parcel: what each would charge, when it would leave and arrive, and the best of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from models.rules.routing_values import Carrier, CarrierRule, Price
from models.warehouse import CarrierEffect


class Tariff(NamedTuple):
    """What a lane without a price row costs and takes, by distance and weight."""

    fen_per_km: float
    fen_per_kg: int
    km_per_day: int

    def cost_fen(self, metres: int, weight_g: int) -> int:
        """Of a parcel; every fen and every kilogram begun counts whole."""
        return -int(-metres * self.fen_per_km // 1000) + -(-weight_g // 1000) * self.fen_per_kg

    def days(self, metres: int) -> int:
        """On the way: one for every `km_per_day` begun, at least one."""
        return max(1, -(-metres // (1000 * self.km_per_day)))


@dataclass(frozen=True, slots=True)
class Lane:
    """A carrier from one warehouse into one zone.

    `order` is its place in the warehouse's preference, `first_day` the first day (0 is today) it can still call on,
    `leaves` the moment it does, by day up to the horizon. `price` is None where the tariff counts.
    """

    carrier: Carrier
    order: int
    first_day: int
    leaves: tuple[datetime, ...]
    price: Price | None
    tariff: Tariff

    @property
    def by_distance(self) -> bool:
        """Whether cost or time depend on how far it is."""
        return self.price is None or self.price.transit_days is None

    def takes(self, weight_g: int) -> bool:
        """Whether the carrier takes a parcel of this weight."""
        most = self.carrier.max_weight_g
        return self.carrier.min_weight_g <= weight_g and (most is None or weight_g <= most)

    def cost_fen(self, weight_g: int, metres: int) -> int:
        """Of a parcel; never less for a heavier one."""
        price = self.price
        if price is None:
            return self.tariff.cost_fen(metres, weight_g)
        over_g = weight_g - price.first_g
        return price.first_fen + (-(-over_g // price.step_g) * price.step_fen if over_g > 0 else 0)

    @property
    def first_g(self) -> int:
        """The weight up to which a parcel costs no more than the lightest."""
        return 0 if self.price is None else self.price.first_g

    @property
    def fen_per_g(self) -> float:
        """What every gram above `first_g` adds at least."""
        return self.tariff.fen_per_kg / 1000 if self.price is None else self.price.step_fen / self.price.step_g

    def days(self, metres: int) -> int:
        """From leaving to arrival."""
        price = self.price
        return self.tariff.days(metres) if price is None or price.transit_days is None else price.transit_days


class Fare(NamedTuple):
    """A carrier that takes a parcel, before its day is known; `unpreferred` is 1 where a rule prefers others."""

    unpreferred: int
    cost_fen: int
    days: int
    lane: Lane


class Offer(NamedTuple):
    """How a parcel can leave; of two, the lesser (as a tuple) is the better, and `order` leaves no ties.

    `late` is 1 when it leaves after the promise, and `late_days` then the days from today to its arrival, else 0.
    `waits` counts days lost for want of room, `arrives` the days from today to arrival, `day` those to leaving.
    """

    late: int
    late_days: int
    waits: int
    unpreferred: int
    cost_fen: int
    arrives: int
    order: int
    day: int
    lane: Lane


def fares(lanes: Sequence[Lane], rules: Sequence[CarrierRule], weight_g: int, metres: int) -> tuple[Fare, ...]:
    """What the carriers would charge for a parcel, of those that take it and that the rules leave.

    `rules` are those that match all but the weight.
    """
    lanes = [lane for lane in lanes if lane.takes(weight_g)]
    if not rules:
        return tuple(Fare(0, lane.cost_fen(weight_g, metres), lane.days(metres), lane) for lane in lanes)
    named: dict[str, set[str]] = {effect: set() for effect in CarrierEffect}
    for rule in rules:
        if rule.min_weight_g <= weight_g and (rule.max_weight_g is None or weight_g <= rule.max_weight_g):
            named[rule.effect].add(rule.carrier)
    only, prefer, never = (named[effect] for effect in (CarrierEffect.ONLY, CarrierEffect.PREFER, CarrierEffect.NEVER))
    return tuple(
        Fare(
            int(bool(prefer) and lane.carrier.code not in prefer),
            lane.cost_fen(weight_g, metres),
            lane.days(metres),
            lane,
        )
        for lane in lanes
        if lane.carrier.code not in never and (not only or lane.carrier.code in only)
    )


def best_offer(choice: Sequence[Fare], room: Sequence[int] | None, ship_by: datetime | None) -> Offer | None:
    """The best way for a parcel to leave, None when no carrier takes it or no day has room.

    A parcel that misses its promise is to arrive as soon as it can; otherwise it is to leave without waiting for
    room, with a preferred carrier, at the least cost, then the sooner, then in the warehouse's order of carriers.
    """
    best: tuple[int, int, int, int, int, int, int, int, Lane] | None = None
    for unpreferred, cost_fen, days, lane in choice:
        first_day = lane.first_day
        day = first_day if room is None or (first_day < len(room) and room[first_day] > 0) else _later(room, lane)
        if day >= len(lane.leaves):
            continue
        late = int(ship_by is not None and lane.leaves[day] > ship_by)
        arrives = day + days
        offer = (late, arrives * late, day - first_day, unpreferred, cost_fen, arrives, lane.order, day, lane)
        if best is None or offer < best:
            best = offer
    return None if best is None else Offer._make(best)


def _later(room: Sequence[int], lane: Lane) -> int:
    """The first day after the lane's first one that has room; one beyond the horizon when none has."""
    for day in range(lane.first_day + 1, min(len(room), len(lane.leaves))):
        if room[day] > 0:
            return day
    return len(lane.leaves)


def lightest_fares(lanes: Sequence[Lane], rules: Sequence[CarrierRule], metres: int) -> tuple[Fare, ...]:
    """What no parcel of whatever weight can go below, for every carrier that the rules leave at some weight."""
    named: dict[str, set[str]] = {
        effect: {rule.carrier for rule in rules if rule.effect == effect} for effect in CarrierEffect
    }
    always = [rule for rule in rules if rule.min_weight_g == 0 and rule.max_weight_g is None]
    never = {rule.carrier for rule in always if rule.effect == CarrierEffect.NEVER}
    only = any(rule.effect == CarrierEffect.ONLY for rule in always)
    prefer = any(rule.effect == CarrierEffect.PREFER for rule in always)
    return tuple(
        Fare(
            int(prefer and lane.carrier.code not in named[CarrierEffect.PREFER]),
            lane.cost_fen(0, metres),
            lane.days(metres),
            lane,
        )
        for lane in lanes
        if lane.carrier.code not in never and (not only or lane.carrier.code in named[CarrierEffect.ONLY])
    )
