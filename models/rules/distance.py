"""How far two places are from each other."""

import math

EARTH_RADIUS_KM = 6371.0


def distance_km(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Great-circle distance of two points in degrees (haversine)."""
    lat_a, lng_a, lat_b, lng_b = map(math.radians, (*a, *b))
    h = math.sin((lat_b - lat_a) / 2) ** 2 + math.cos(lat_a) * math.cos(lat_b) * math.sin((lng_b - lng_a) / 2) ** 2
    return 2 * EARTH_RADIUS_KM * math.asin(min(1.0, math.sqrt(h)))


def metres_between(a: tuple[float, float], b: tuple[float, float]) -> int:
    """The same in whole metres, so that equal distances are equal."""
    return round(1000 * distance_km(a, b))
