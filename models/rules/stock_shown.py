"""What each listing shows: the stock formula applied to one snapshot of the stock."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction

from models.rules.poisson import compound_quantile
from models.rules.stock_formula import Bucket, Buffer, Rule


@dataclass(frozen=True, slots=True)
class Incoming:
    """Units that are expected in a warehouse."""

    warehouse: str
    at: datetime
    units: int


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a SKU is sold: units per second, and the sum of the squared quantities of its orders per second."""

    units: float = 0.0
    squares: float = 0.0


@dataclass(frozen=True, slots=True)
class Figures:
    """A SKU at one moment.

    `free` is on hand less locked less safety per warehouse code, below 0 at times; `active` are the codes that count
    when a rule names none. `pool_free` is the same over all warehouses. `unrouted` units are locked in no warehouse
    yet, `kept` ones (part of them) for orders that are not paid. Open promises wait for `owed` units; `room` more may
    be promised.
    """

    version: int = 0
    free: Mapping[str, int] = field(default_factory=dict)
    active: frozenset[str] = frozenset()
    pool_free: int = 0
    unrouted: int = 0
    kept: int = 0
    owed: int = 0
    room: int = 0
    incoming: Sequence[Incoming] = ()
    pace: Pace = Pace()


NOTHING = Figures()
"""The figures of a SKU that no warehouse ever had."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A listing with its rule: one unit of it takes so many units of each SKU in `parts` (a kit has several)."""

    listing_id: int
    shop: str
    rule: Rule
    parts: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Showing:
    """What a listing shows, of how many units that are its own to sell; `unstepped` is what its steps were given."""

    units: int
    allotted: int
    unstepped: int


def sellable(figures: Figures, warehouses: Iterable[str] = ()) -> int:
    """Units that can be sold from these warehouses (none named: all active ones) and would be there.

    What is locked in the pool may yet be routed to any of them, so all of it counts against them; so do units that open
    promises wait for. Never more than the whole pool has.
    """
    return max(0, _physical(figures, warehouses) - figures.owed)


def counted(figures: Figures, rule: Rule, at: datetime) -> int:
    """What a rule counts: the sellable units of its warehouses and of its further buckets."""
    units = _physical(figures, rule.warehouses)
    if Bucket.KEPT in rule.count:
        units += figures.kept
    if Bucket.ON_THE_WAY in rule.count and rule.horizon_days is not None:
        places, until = _places(figures, rule.warehouses), at + timedelta(days=rule.horizon_days)
        units += sum(come.units for come in figures.incoming if come.warehouse in places and come.at <= until)
    units = max(0, units - figures.owed)
    return units + figures.room if Bucket.PROMISES in rule.count else units


def buffer_units(buffer: Buffer | None, pace: Pace) -> int:
    """The units a buffer hides from every listing of a SKU that is sold at this pace."""
    if buffer is None:
        return 0
    if buffer.quantile is None or buffer.interval_s is None:
        return buffer.fixed or 0
    return compound_quantile(pace.units * buffer.interval_s, pace.squares * buffer.interval_s, buffer.quantile)


def show(offers: Sequence[Offer], figures: Mapping[int, Figures], at: datetime) -> dict[int, Showing]:
    """What each listing shows, by listing id.

    `offers` must hold every listing of the SKUs it speaks of, for shops share: one with `percent` has that share, in
    equal parts where several of its listings take the same SKU, and the others show what the shares leave. Shares of
    more than 100 % together are cut in proportion. So the units of all shares together, and with what any one of the
    other listings shows, are never more than is counted.
    """
    shares = _shares(offers)
    counts = {
        offer.listing_id: {sku: counted(figures.get(sku, NOTHING), offer.rule, at) for sku in offer.parts}
        for offer in offers
    }
    taken: Counter[int] = Counter()
    for offer in offers:
        for sku, share in shares.get(offer.listing_id, {}).items():
            taken[sku] += int(counts[offer.listing_id][sku] * share)
    return {
        offer.listing_id: _showing(offer, counts[offer.listing_id], shares.get(offer.listing_id), taken, figures)
        for offer in offers
    }


def cannot_wait(rule: Rule, told: int, now: Showing) -> bool:
    """Whether a listing that was told to show `told` units must be told otherwise before the next sweep.

    It shows more than it may and little is left, is on the other side of a step, or is sold out or no longer.
    """
    if told == now.units:
        return False
    too_much = told > now.allotted and now.allotted < rule.at_once_below
    stepped = any((told < step.below) != (now.unstepped < step.below) for step in rule.steps)
    return too_much or stepped or (told == 0) != (now.units == 0)


def _physical(figures: Figures, warehouses: Iterable[str]) -> int:
    places = _places(figures, warehouses)
    here = sum(units for place, units in figures.free.items() if place in places)
    return min(here - figures.unrouted, figures.pool_free)


def _places(figures: Figures, warehouses: Iterable[str]) -> frozenset[str]:
    return frozenset(warehouses) or figures.active


def _shares(offers: Sequence[Offer]) -> dict[int, dict[int, Fraction]]:
    """The part of each of its SKUs that a listing with a share has."""
    sharing = [offer for offer in offers if offer.rule.percent is not None]
    users = Counter((offer.shop, sku) for offer in sharing for sku in offer.parts)
    wanted = {
        offer.listing_id: {sku: Fraction(offer.rule.percent or 0, 100 * users[offer.shop, sku]) for sku in offer.parts}
        for offer in sharing
    }
    total: dict[int, Fraction] = {}
    for parts in wanted.values():
        for sku, share in parts.items():
            total[sku] = total.get(sku, Fraction()) + share
    return {
        listing_id: {sku: share / max(total[sku], Fraction(1)) for sku, share in parts.items()}
        for listing_id, parts in wanted.items()
    }


def _showing(
    offer: Offer,
    counts: Mapping[int, int],
    shares: Mapping[int, Fraction] | None,
    taken: Mapping[int, int],
    figures: Mapping[int, Figures],
) -> Showing:
    def of_listing(hidden: Mapping[int, int]) -> int:
        own = []
        for sku, per_unit in offer.parts.items():
            units = max(0, counts[sku] - hidden.get(sku, 0))
            units = int(units * shares[sku]) if shares is not None else max(0, units - taken[sku])
            own.append(units // per_unit)
        return min(own, default=0)

    rule = offer.rule
    allotted = of_listing({})
    unstepped = of_listing(
        {sku: buffer_units(rule.buffer, figures.get(sku, NOTHING).pace) for sku in offer.parts} if rule.buffer else {}
    )
    step = rule.step_at(unstepped)
    units = (min(unstepped, step.show) if step else unstepped) + rule.plus
    units = max(units, rule.min)
    if rule.max is not None:
        units = min(units, rule.max)
    return Showing(max(0, min(units, allotted)), allotted, unstepped)
