"""When a load test's orders come: the hours of a day, compressed into minutes, second by second."""

import csv
from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from pathlib import Path

from models.errors import SetupError

USUAL = Path(__file__).parent / "data" / "order_hours.csv"
HOURS = 24


def read_shape(path: Path) -> list[int]:
    """Orders for each hour of a day, from a CSV with the columns hour and orders; lines with # are remarks.

    Raises SetupError naming the file and what is wrong with it.
    """
    try:
        lines = [line for line in path.read_text("utf-8-sig").splitlines() if line.strip() and line[0] != "#"]
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(f"shape {path}: cannot be read: {error}") from error
    counts = [0] * HOURS
    for number, row in enumerate(csv.DictReader(lines), start=1):
        try:
            hour, orders = int(row["hour"]), int(row["orders"])
        except (KeyError, TypeError, ValueError):
            raise SetupError(f"shape {path}: row {number} has no whole hour and orders") from None
        if not 0 <= hour < HOURS or orders < 0:
            raise SetupError(f"shape {path}: row {number}: the hour is from 0 to 23, the orders are not negative")
        counts[hour] += orders
    if not any(counts):
        raise SetupError(f"shape {path}: no hour has an order")
    return counts


def per_second(shape: Sequence[int], orders: int, seconds: int) -> list[int]:
    """How many orders come in each second: every hour of the shape takes an equal part of the seconds.

    Hours without orders before the first and after the last are left out, so that no time is spent on them. The sum
    is exactly `orders`; the same wish gives the same seconds.
    """
    filled = [hour for hour, count in enumerate(shape) if count]
    hours = shape[filled[0] : filled[-1] + 1]
    reached = [0, *accumulate(hours)]

    def until(second: int) -> int:
        hour, part = divmod(second * len(hours), seconds)
        share = reached[hour] + (hours[hour] * part / seconds if part else 0)
        return round(orders * share / reached[-1])

    marks = [until(second) for second in range(seconds + 1)]
    return [later - earlier for earlier, later in pairwise(marks)]


def turns(shares: Mapping[str, int]) -> list[str]:
    """Whose turn the next order is, for a round of as many orders as the shares add up to, evenly mixed.

    Ties go to the one that is named first.
    """
    given = dict.fromkeys(shares, 0)
    whole = sum(shares.values())
    order = []
    for place in range(1, whole + 1):
        name = max(shares, key=lambda one: shares[one] * place / whole - given[one])
        given[name] += 1
        order.append(name)
    return order
