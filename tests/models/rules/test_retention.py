"""How long receivers are kept."""

from datetime import date, timedelta

import pytest

from models.rules.retention import Ending, Keeps, answer_by, erase_at
from tests.fakes import NOON

DAY = timedelta(days=1)


def ending(**changes: object) -> Ending:
    values = {"left_at": NOON, "ended_at": NOON + 3 * DAY, "days": 30, "keeps": frozenset(), "restricted": False}
    return Ending(**{**values, **changes})  # type: ignore[arg-type]


def test_the_after_sales_window_runs_from_the_end() -> None:
    assert erase_at(ending()) == NOON + 33 * DAY


def test_a_late_end_does_not_go_beyond_the_longest_time() -> None:
    assert erase_at(ending(ended_at=NOON + 80 * DAY)) == NOON + 90 * DAY


def test_a_parcel_nobody_hears_of_ends_after_the_longest_time() -> None:
    assert erase_at(ending(ended_at=None)) == NOON + 90 * DAY


@pytest.mark.parametrize("keeps", list(Keeps))
def test_what_keeps_a_receiver_does_so_however_old_it_is(keeps: Keeps) -> None:
    assert erase_at(ending(keeps=frozenset({keeps}))) is None


def test_an_order_of_which_something_is_to_leave_has_no_time() -> None:
    assert erase_at(ending(left_at=None, ended_at=None)) is None


def test_who_asked_for_erasure_waits_for_the_end_alone() -> None:
    assert erase_at(ending(restricted=True)) == NOON + 3 * DAY


@pytest.mark.parametrize(
    ("asked", "due"),
    [
        (date(2026, 11, 20), date(2026, 12, 11)),  # a Friday: three weeks
        (date(2026, 11, 21), date(2026, 12, 11)),  # the Saturday after it
        (date(2026, 11, 23), date(2026, 12, 14)),
    ],
)
def test_fifteen_working_days_leave_out_weekends(asked: date, due: date) -> None:
    assert answer_by(asked) == due
