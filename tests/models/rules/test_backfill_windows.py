"""Wishes for backfills: what is the same wish, how it is cut, and which are refused."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import SetupError
from models.rules.backfill_windows import MOST_WINDOWS, Wish, window_minutes
from models.settings import SHANGHAI

MIDNIGHT = datetime(2026, 11, 11, tzinfo=SHANGHAI)
WISH = Wish(("a", "b"), MIDNIGHT, MIDNIGHT + timedelta(days=1), 15, 2)
NOW = MIDNIGHT + timedelta(days=3)


@given(minutes=st.integers(1, 200), span=st.integers(1, 3000))
def test_the_windows_of_a_shop_cover_the_span_without_gap_or_overlap(minutes: int, span: int) -> None:
    wish = Wish(("a",), MIDNIGHT, MIDNIGHT + timedelta(minutes=span), minutes, 1)

    spans = list(wish.spans())

    assert (spans[0][0], spans[-1][1], len(spans)) == (wish.since, wish.until, wish.windows)
    assert all(before[1] == after[0] for before, after in pairwise(spans))
    assert all(timedelta() < until - since <= timedelta(minutes=minutes) for since, until in spans)


def test_the_same_wish_has_the_same_key_whatever_zone_or_number_at_once() -> None:
    same = replace(WISH, shops=("b", "a"), since=WISH.since.astimezone(UTC), at_once=4)

    assert same.key == WISH.key


@pytest.mark.parametrize(
    "other",
    [
        {"shops": ("a",)},
        {"since": MIDNIGHT - timedelta(minutes=1)},
        {"until": MIDNIGHT + timedelta(days=2)},
        {"window_minutes": 60},
        {"again": "the mapping was wrong"},
    ],
)
def test_another_wish_has_another_key(other: dict[str, Any]) -> None:
    assert replace(WISH, **other).key != WISH.key


@pytest.mark.parametrize(
    ("other", "obstacle"),
    [
        ({"until": MIDNIGHT}, "it ends before it begins"),
        ({"until": NOW + timedelta(minutes=1)}, "that is in the future"),
        ({"window_minutes": 0}, "want 1 minute to 7 days"),
        ({"window_minutes": 7 * 24 * 60 + 1}, "want 1 minute to 7 days"),
        ({"window_minutes": 10**15}, "want 1 minute to 7 days"),
        ({"at_once": 0}, "want 1 to 4"),
        ({"at_once": 5}, "live runs need the rest"),
        ({"window_minutes": 1}, "2,880 windows of 1 minutes are more than 2,000; windows of 5 minutes are few enough"),
        ({"since": MIDNIGHT - timedelta(days=9999), "window_minutes": 60}, "ask for a shorter span"),
    ],
)
def test_what_cannot_be_fulfilled_is_refused_with_the_obstacle(other: dict[str, Any], obstacle: str) -> None:
    with pytest.raises(SetupError, match=obstacle):
        replace(WISH, **other).check(NOW)


def test_a_wish_of_as_many_windows_as_there_may_be_is_taken() -> None:
    replace(WISH, shops=("a",), since=WISH.until - timedelta(minutes=MOST_WINDOWS), window_minutes=1).check(NOW)


@pytest.mark.parametrize(("text", "minutes"), [("15m", 15), ("15", 15), ("90 min", 90), ("2h", 120), ("1D", 1440)])
def test_a_window_is_read_with_its_unit(text: str, minutes: int) -> None:
    assert window_minutes(text) == minutes


@pytest.mark.parametrize("text", ["", "h", "1w", "-5m", "1.5h"])
def test_a_window_in_no_known_unit_is_refused(text: str) -> None:
    with pytest.raises(SetupError, match="want a length such as 15m"):
        window_minutes(text)
