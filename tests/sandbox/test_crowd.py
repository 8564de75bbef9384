"""Invented orders: as many as wished, the same again for the same wish, and taken by every connector."""

from datetime import UTC, datetime, timedelta

import pytest

from sandbox.crowd import MOST, crowd
from sandbox.errors import ControlError
from sandbox.world import PLATFORMS

NOON = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize("platform", sorted(PLATFORMS))
def test_numbers_have_the_form_of_the_platform(platform: str) -> None:
    numbers = [order.no for order in crowd(platform, 20, NOON, NOON + HOUR, ["TEA"], 7, first=99_990)]

    assert all(PLATFORMS[platform].number.fullmatch(number) for number in numbers), numbers
    assert len(set(numbers)) == 20


def test_the_same_wish_gives_the_same_orders() -> None:
    first, again = (list(crowd("tmall", 5, NOON, NOON + HOUR, ["TEA", "CUP"], 7)) for _ in range(2))

    assert first == again


def test_a_crowd_in_parts_is_the_crowd_as_a_whole() -> None:
    whole = [order.no for order in crowd("jd", 10, NOON, NOON, ["TEA"], 7)]
    parts = [order.no for first in (0, 5) for order in crowd("jd", 5, NOON, NOON, ["TEA"], 7, first)]

    assert whole == parts


def test_orders_are_paid_evenly_over_the_span() -> None:
    paid = [order.paid_at for order in crowd("tmall", 3, NOON, NOON + HOUR, ["TEA"], 7)]

    assert paid == [NOON, NOON + HOUR / 3, NOON + 2 * HOUR / 3]


@pytest.mark.parametrize(
    ("count", "since", "skus", "run"),
    [
        (MOST + 1, NOON, ["TEA"], 1),
        (-1, NOON, ["TEA"], 1),
        (1, NOON + 2 * HOUR, ["TEA"], 1),
        (1, NOON, [], 1),
        (1, NOON, ["TEA"], 1000),
    ],
)
def test_a_wish_that_cannot_be_met_is_refused(count: int, since: datetime, skus: list[str], run: int) -> None:
    with pytest.raises(ControlError):
        list(crowd("tmall", count, since, NOON + HOUR, skus, run))
