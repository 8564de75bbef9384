"""When a feed gets worse before it breaks: what share of its orders fails an expectation, now and before."""

from dataclasses import dataclass
from math import sqrt
from typing import Final

ENOUGH: Final = 100
"""From so many recent orders on their share says something."""

ENOUGH_BEFORE: Final = 1000
"""From so many earlier orders on they are what is usual."""

FEWEST: Final = 10
"""Fewer orders than these are single accidents, whatever their share."""

NEAR: Final = 0.5
"""At this part of the limit it is near."""

WORTH_TELLING: Final = 0.2
"""Below this part of the limit a rise is none that anybody needs to look at."""

SIGMAS: Final = 3
_ROUNDING: Final = 1e-9
ALERTED: Final = 0.8
"""What has been told stays told until it is below this part of the bounds: else it came and went at the edge."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How many of how many orders failed an expectation."""

    failed: int
    rows: int

    @property
    def share(self) -> float:
        """The part of them, 0 when there were none."""
        return self.failed / self.rows if self.rows else 0.0


def usual_at_most(before: Tally, rows: int) -> float:
    """The largest share among `rows` orders that is chance, when failures come as often as before.

    The upper control limit of a p chart, p + 3 sqrt(p (1 - p) / n). Source: NIST/SEMATECH e-Handbook of Statistical
    Methods, 6.3.3.2 "Proportions Control Charts".
    """
    p = before.share
    return p + SIGMAS * sqrt(p * (1 - p) / rows)


def drifts(recent: Tally, before: Tally, limit: float, *, alerted: bool = False) -> str:
    """Why a feed drifts in an expectation whose limit is this share, "" when it does not.

    It does when the recent share is half of the limit or more (over it, where single batches are too small for the
    limit), or is above what the earlier orders make usual and still a fifth of the limit. `alerted`: it was found to
    drift before, and the bounds to be over it are lower.
    """
    if recent.rows < ENOUGH or recent.failed < FEWEST:
        return ""
    ease = ALERTED if alerted else 1.0
    if _reaches(recent, limit):
        return "over its limit"
    if _reaches(recent, ease * NEAR * limit):
        return "near its limit"
    rises = before.rows >= ENOUGH_BEFORE and recent.share > ease * usual_at_most(before, recent.rows)
    return "far above what is usual" if rises and _reaches(recent, ease * WORTH_TELLING * limit) else ""


def _reaches(tally: Tally, share: float) -> bool:
    return tally.failed >= share * tally.rows - _ROUNDING
