"""Orders and worlds for tests of routing: named ones to write by hand, and random ones."""

import random
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta

from models.rules.routing_rules import RoutingRules
from models.rules.routing_values import Area, Carrier, CarrierRule, Item, Price, Site, Wish
from tests.models.rules.routing_oracle import Case

NOON = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
"""Noon in China."""

XIHU, HANGZHOU, ZHEJIANG = "330106", "330100", "330000"


@dataclass(frozen=True)
class Told:
    """What a channel can be told of parcels."""

    tracking_unit: str = "units"
    parcels_per_order: int | None = None
    numbers_at_once: bool = False


def wish(*items: Item, order_id: int = 1, limits: Told | None = None, ship_by: datetime | None = None) -> Wish:
    """An order of a receiver in Hangzhou."""
    return Wish(order_id, "S1", items, XIHU, (30.3, 120.1), ship_by, None, False, limits or Told())


def site(number: int, *, km: int = 0, room: tuple[int, ...] | None = None, cutoff: time | None = None) -> Site:
    """Warehouse W1, W2 and so on, so many kilometres to the south of the receiver, with one carrier."""
    return Site(number, f"W{number}", (30.3 - km / 111.195, 120.1), (Carrier("yto"),), cutoff=cutoff, room=room)


def random_case(seed: int) -> tuple[Case, Wish]:
    """A small world and an order in it; the same for the same seed.

    Half of them are full of obstacles; in the others stock is scarce and little else stands in the way of a split.
    """
    rng = random.Random(seed)
    free_hand = rng.random() < 0.5
    count = rng.choice((1, 2, 2, 3, 3, 3, 4, 4, 5, 6, 8))
    sites = [_site(rng, number) for number in range(1, count + 1)]
    if free_hand:
        sites = [replace(s, room=None, carriers=(*s.carriers, Carrier("ems"))) for s in sites]
    items = _items(rng, most=3 if count > 5 else 4)
    skus = {item.sku_id for item in items}
    stocked, most = (0.7, 1) if free_hand else (rng.choice((0.4, 0.6, 0.9)), 3)
    free = {(s.id, sku): rng.randint(1, most) for s in sites for sku in skus if rng.random() < stocked}
    rules = replace(_rules(rng), split=True, max_parcels=4, anywhere=True) if free_hand else _rules(rng)
    case = Case(NOON, rules, sites, _areas(rng, sites), free, _prices(rng, sites), _carrier_rules(rng))
    ship_by = rng.choice((None, None, NOON + timedelta(hours=rng.choice((-1, 2, 8, 30, 60)))))
    limits = Told(rng.choice(("order", "line", "units")), rng.choice((None, None, 1, 2, 3)))
    order = Wish(seed, rng.choice(("S1", "S2")), items, XIHU, (30.3, 120.1), ship_by, None, rng.random() < 0.2, limits)
    return case, order


def _site(rng: random.Random, number: int) -> Site:
    carriers = tuple(
        Carrier(
            code,
            rng.choice((None, time(11), time(18))),
            rng.choice((0, 0, 0, 500)),
            rng.choice((None, None, 1500, 5000)),
            rng.random() < 0.7,
        )
        for code in rng.sample(("sf", "yto", "jd"), rng.choice((1, 2, 2)))
    )
    room = rng.choice((None, None, tuple(rng.choice((0, 1, 5)) for _ in range(rng.choice((1, 2, 3))))))
    place = (rng.choice((30.0, 31.5, 39.9)), rng.choice((113.0, 120.0)))
    kind = "supplier" if rng.random() < 0.1 else "own"
    return Site(number, f"W{number}", place, carriers, kind, rng.choice((None, None, time(16), time(9))), room)


def _items(rng: random.Random, most: int) -> tuple[Item, ...]:
    """Plain lines and kits; a kit of two components, of two units of one, or of a number that is not told."""
    wanted = rng.randint(1, most)
    items: list[Item] = []
    line_no = 0
    while wanted > 0:
        line_no += 1
        count = rng.randint(1, min(3, wanted))
        kind = rng.random()
        per_kit = {sku: rng.choice((1, 1, 2)) for sku in rng.sample((1, 2, 3), 2 if kind < 0.15 else 1)}
        known = kind < 0.1 or 0.15 <= kind < 0.25
        for sku, units in per_kit.items():
            grams, fen = ((300, 500), (700, 2000), (1000, 5000))[sku - 1]
            a_kit = known or len(per_kit) > 1
            items.append(Item(line_no, sku, count * (units if a_kit else 1), grams, fen, units * known))
            wanted -= items[-1].units
    return tuple(items)


def _rules(rng: random.Random) -> RoutingRules:
    return RoutingRules(
        version=3,
        split=rng.random() < 0.9,
        least_part_fen=rng.choice((0, 0, 1500, 4000)),
        max_parcels=rng.choice((2, 3, 3, 4)),
        anywhere=rng.random() < 0.8,
        areas_first=rng.random() < 0.6,
        horizon_days=rng.choice((0, 1, 2)),
        fen_per_km=rng.choice((0.0, 0.5, 2)),
        fen_per_kg=rng.choice((0, 200)),
    )


def _areas(rng: random.Random, sites: list[Site]) -> list[Area]:
    pairs = {(rng.choice(sites).id, rng.choice((XIHU, HANGZHOU, ZHEJIANG, "", "110000"))) for _ in range(len(sites))}
    return [Area(warehouse_id, code, rng.choice((1, 2))) for warehouse_id, code in sorted(pairs)]


def _prices(rng: random.Random, sites: list[Site]) -> list[Price]:
    return [
        Price(
            s.id,
            carrier.code,
            code,
            rng.choice((500, 1000)),
            rng.choice((300, 500, 800)),
            500,
            rng.choice((0, 100, 150)),
            rng.choice((None, 1, 2, 3)),
        )
        for s in sites
        for carrier in s.carriers
        for code in (XIHU, ZHEJIANG, "")
        if rng.random() < 0.4
    ]


def _carrier_rules(rng: random.Random) -> list[CarrierRule]:
    return [
        CarrierRule(
            rng.choice(("only", "prefer", "prefer", "never")),
            rng.choice(("sf", "yto", "jd")),
            rng.choice(("", "S1")),
            rng.choice(("", "", "W2")),
            rng.choice(("", HANGZHOU, "110000")),
            rng.choice((0, 0, 900)),
            rng.choice((None, None, 1400)),
            rng.choice((None, None, True)),
        )
        for _ in range(rng.choice((0, 0, 0, 1, 2)))
    ]
