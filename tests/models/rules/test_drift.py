"""A feed drifts when it nears a limit or is far above what is usual, and not by a few accidents."""

import pytest

from models.rules.drift import Tally, drifts, usual_at_most

CLEAN = Tally(0, 5000)
USUAL = Tally(25, 5000)


@pytest.mark.parametrize(
    ("recent", "before", "word"),
    [
        (Tally(25, 1000), CLEAN, "near its limit"),  # 2.5 % of 5 %
        (Tally(50, 1000), CLEAN, "over its limit"),
        (Tally(24, 1000), Tally(24, 999), ""),  # nothing is known of what is usual
        (Tally(25, 1000), Tally(0, 0), "near its limit"),
        (Tally(10, 1000), CLEAN, "far above what is usual"),  # 1 % is a fifth of the limit
        (Tally(10, 1001), CLEAN, ""),
        (Tally(9, 200), CLEAN, ""),  # too few to mean anything
        (Tally(50, 99), CLEAN, ""),
        (Tally(11, 1000), USUAL, ""),  # up to 1.169 % is chance when 0.5 % is usual
        (Tally(12, 1000), USUAL, "far above what is usual"),
    ],
)
def test_a_share_drifts_or_not(recent: Tally, before: Tally, word: str) -> None:
    assert drifts(recent, before, 0.05) == word


def test_what_was_told_stays_told_until_it_is_clearly_over() -> None:
    assert drifts(Tally(20, 1000), Tally(0, 0), 0.05) == ""
    assert drifts(Tally(20, 1000), Tally(0, 0), 0.05, alerted=True) == "near its limit"
    assert drifts(Tally(19, 1000), Tally(0, 0), 0.05, alerted=True) == ""


def test_the_bound_of_chance_is_three_deviations_above_the_usual_share() -> None:
    # worked by hand: p = 0.04, n = 400: 0.04 + 3 * sqrt(0.04 * 0.96 / 400)
    assert usual_at_most(Tally(40, 1000), 400) == pytest.approx(0.0693939, abs=1e-6)
