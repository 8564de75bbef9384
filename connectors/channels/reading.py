"""How windows and pages are read: the same for every platform, steered by its capabilities."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from time import sleep
from typing import Any, Final, TypeVar

from connectors.base import Capabilities, Paging
from models.errors import ChannelRejected, ChannelUnavailable, RateLimited, SetupError

Rows = list[dict[str, Any]]
Found = TypeVar("Found")

TRIES: Final = 4
PATIENCE_S: Final = 10.0
"""A limit of the platform up to this long is waited out in the middle of a window."""


class TooDeep(ChannelRejected):
    """More orders are listed than the platform shows of one list; a shorter span helps."""


ReadSpan = Callable[[datetime, datetime, int], Iterator[Found]]
"""Reads [start, end); the number says how often its first call may be tried. Raises TooDeep."""


def read_spans(
    name: str,
    capabilities: Capabilities,
    since: datetime,
    until: datetime,
    now: datetime,
    read: ReadSpan[Found],
    *,
    first_tries: int = 1,
) -> Iterator[Found]:
    """What `read` gives of [since, until), in spans that one list may ask for, oldest first.

    A span that is too deep is read in halves, the seconds at their seam perhaps twice. The first span is tried once
    unless said otherwise: nothing is lost by failing there at once. Raises SetupError when the platform no longer
    lists orders that far back, TooDeep when a single second is too deep.
    """
    if capabilities.history is not None and since < now - capabilities.history:
        reach = f"{capabilities.history.days} days"
        raise SetupError(f"{name}: want orders since {since:%Y-%m-%d %H:%M} UTC; the platform lists {reach} back")
    start, tries = since, first_tries
    while start < until:
        end = until if capabilities.window is None else min(start + capabilities.window, until)
        yield from _or_its_halves(start, end, tries, read)
        start, tries = end, TRIES


def _or_its_halves(start: datetime, end: datetime, tries: int, read: ReadSpan[Found]) -> Iterator[Found]:
    try:
        yield from read(start, end, tries)
    except TooDeep:
        half = timedelta(seconds=int((end - start).total_seconds()) // 2)
        if not half:
            raise
        yield from _or_its_halves(start, start + half, TRIES, read)
        yield from _or_its_halves(start + half, end, TRIES, read)


def check_depth(name: str, capabilities: Capabilities, total: int, where: str = "one window") -> None:
    """Raise TooDeep when the platform shows less than so many orders; `where` names what was listed."""
    if capabilities.deepest_row is not None and total > capabilities.deepest_row:
        obstacle = f"lists {total} orders in {where}, of which it shows {capabilities.deepest_row}"
        raise TooDeep(name, "list orders", obstacle)


def pages(name: str, capabilities: Capabilities, total: int, read: Callable[[int], Rows]) -> Iterator[Rows]:
    """The pages of a counted list, in the order in which none of its rows is lost.

    `read` gives a page by its number from 1. Raises TooDeep before the first when the platform does not show them all.
    """
    check_depth(name, capabilities, total)
    numbers = range(1, -(-total // capabilities.page_size) + 1)
    for number in reversed(numbers) if capabilities.paging is Paging.LAST_TO_FIRST else numbers:
        yield read(number)


def patiently(read: Callable[[], Found], tries: int = TRIES) -> Found:
    """One of the many reads of a window: a short limit or a hiccup must not cost what was read before it.

    With one try it fails at once, as the first read of a window may: nothing is lost by it.
    """
    for attempt in range(1, tries):
        try:
            return read()
        except RateLimited as error:
            if error.retry_after_s > PATIENCE_S:
                raise
            sleep(error.retry_after_s)
        except ChannelUnavailable:
            sleep(0.25 * 2**attempt)
    return read()
