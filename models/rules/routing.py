"""Which warehouse serves an order."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

EARTH_RADIUS_KM = 6371.0


@dataclass(frozen=True, slots=True)
class Site:
    """A warehouse as routing sees it; `lat` and `lng` in degrees."""

    id: int
    code: str
    lat: float
    lng: float


@dataclass(frozen=True, slots=True)
class Choice:
    """The warehouse chosen, and the sentence that says why."""

    warehouse_id: int
    reason: str


@dataclass(frozen=True, slots=True)
class NoChoice:
    """No warehouse has all of it: the fullest one, and per SKU id (wanted, there)."""

    warehouse_code: str
    missing: Mapping[int, tuple[int, int]]


def choose_warehouse(
    units: Mapping[int, int],
    areas: Sequence[tuple[int, str, int]],
    place: tuple[float, float],
    sites: Sequence[Site],
    free: Mapping[tuple[int, int], int],
) -> Choice | NoChoice:
    """The warehouse that ships the whole order.

    `areas` are the service areas that cover the receiver, most local division first, as (warehouse id,
    division code, priority): the first that has everything serves. Without one, the nearest warehouse to
    `place` (degrees) that has everything does. `free` is units per (warehouse id, SKU id). Ties go by code.
    """
    by_id = {site.id: site for site in sites}
    for warehouse_id, division, priority in areas:
        if warehouse_id in by_id and has_all(units, warehouse_id, free):
            return Choice(warehouse_id, f"{by_id[warehouse_id].code} serves {division} with priority {priority}")
    nearest = sorted(sites, key=lambda site: (distance_km(place, (site.lat, site.lng)), site.code))
    for site in nearest:
        if has_all(units, site.id, free):
            km = distance_km(place, (site.lat, site.lng))
            why = "the area's warehouses lack stock" if areas else "no service area covers the receiver"
            return Choice(site.id, f"{site.code} is the nearest with stock, {km:.0f} km; {why}")
    return _fullest(units, nearest, free)


def has_all(units: Mapping[int, int], warehouse_id: int, free: Mapping[tuple[int, int], int]) -> bool:
    """Whether the warehouse has every unit of the order."""
    return all(free.get((warehouse_id, sku), 0) >= wanted for sku, wanted in units.items())


def distance_km(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Great-circle distance of two points in degrees (haversine)."""
    lat_a, lng_a, lat_b, lng_b = map(math.radians, (*a, *b))
    h = math.sin((lat_b - lat_a) / 2) ** 2 + math.cos(lat_a) * math.cos(lat_b) * math.sin((lng_b - lng_a) / 2) ** 2
    return 2 * EARTH_RADIUS_KM * math.asin(math.sqrt(h))


def _fullest(units: Mapping[int, int], sites: Sequence[Site], free: Mapping[tuple[int, int], int]) -> NoChoice:
    def lacking(site: Site) -> dict[int, tuple[int, int]]:
        return {
            sku: (wanted, free.get((site.id, sku), 0))
            for sku, wanted in units.items()
            if free.get((site.id, sku), 0) < wanted
        }

    if not sites:
        return NoChoice("none", {sku: (wanted, 0) for sku, wanted in units.items()})
    best = min(sites, key=lambda site: (sum(w - there for w, there in lacking(site).values()), site.code))
    return NoChoice(best.code, lacking(best))
