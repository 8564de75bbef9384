"""How windows and pages are read: the same for every platform, steered by its capabilities."""

from collections.abc import Callable, Iterator
from datetime import datetime
from time import sleep
from typing import Any, Final, TypeVar

from connectors.base import Capabilities, Paging
from models.errors import ChannelRejected, ChannelUnavailable, RateLimited, SetupError

Rows = list[dict[str, Any]]
Found = TypeVar("Found")

TRIES: Final = 4
PATIENCE_S: Final = 10.0
"""A limit of the platform up to this long is waited out in the middle of a window."""


def spans(
    name: str, capabilities: Capabilities, since: datetime, until: datetime, now: datetime
) -> Iterator[tuple[datetime, datetime]]:
    """[since, until) cut into spans that one list call may ask for, oldest first.

    Raises SetupError when the platform no longer lists orders that far back.
    """
    if capabilities.history is not None and since < now - capabilities.history:
        reach = f"{capabilities.history.days} days"
        raise SetupError(f"{name}: want orders since {since:%Y-%m-%d %H:%M} UTC; the platform lists {reach} back")
    start = since
    while start < until:
        end = until if capabilities.window is None else min(start + capabilities.window, until)
        yield start, end
        start = end


def pages(name: str, capabilities: Capabilities, total: int, read: Callable[[int], Rows]) -> Iterator[Rows]:
    """The pages of a counted list, in the order in which none of its rows is lost.

    `read` gives a page by its number from 1. Raises ChannelRejected when the list is deeper than the platform
    shows: then a shorter window helps.
    """
    if capabilities.deepest_row is not None and total > capabilities.deepest_row:
        obstacle = f"lists {total} orders in one window, of which it shows {capabilities.deepest_row}"
        raise ChannelRejected(name, "list orders", obstacle)
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
