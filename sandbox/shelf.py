"""The orders of one shop, findable by number and by time of change or creation."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable
from datetime import UTC, datetime

from sandbox.orders import Order

FIRST = datetime(1, 1, 2, tzinfo=UTC)
LAST = datetime(9999, 12, 30, tzinfo=UTC)
FEW = 500
"""So many entries are put where they belong one by one; to sort a long index anew would take longer."""

_AFTER_ALL = "\U0010ffff"


def _put_in(index: list[tuple[datetime, str]], entries: list[tuple[datetime, str]]) -> None:
    if len(entries) > FEW:
        index += entries
        index.sort()
        return
    for entry in entries:
        insort(index, entry)


class Shelf:
    """Orders with two sorted indexes, so that a window of a day among many is cheap to read."""

    def __init__(self) -> None:
        self._orders: dict[str, Order] = {}
        self._by_modified: list[tuple[datetime, str]] = []
        self._by_created: list[tuple[datetime, str]] = []

    def __len__(self) -> int:
        return len(self._orders)

    def numbers(self) -> list[str]:
        """Return all order numbers in the order they were stored."""
        return list(self._orders)

    def get(self, no: str) -> Order | None:
        """Return the order, or None."""
        return self._orders.get(no)

    def store(self, orders: Iterable[Order]) -> int:
        """Add orders, replacing those with the same number."""
        added = {order.no: order for order in orders}
        replaced = added.keys() & self._orders.keys()
        if replaced:
            self._by_modified = [entry for entry in self._by_modified if entry[1] not in replaced]
            self._by_created = [entry for entry in self._by_created if entry[1] not in replaced]
        self._orders.update(added)
        _put_in(self._by_modified, [(order.modified_at, no) for no, order in added.items()])
        _put_in(self._by_created, [(order.created_at, no) for no, order in added.items()])
        return len(added)

    def touch(self, order: Order, moment: datetime) -> None:
        """Move the order to a new time of change."""
        entry = (order.modified_at, order.no)
        place = bisect_left(self._by_modified, entry)
        if place < len(self._by_modified) and self._by_modified[place] == entry:
            del self._by_modified[place]
        order.modified_at = moment
        insort(self._by_modified, (moment, order.no))

    def modified(self, start: datetime, end: datetime) -> list[Order]:
        """Return the orders changed from start to end, both included, oldest change first."""
        return self._window(self._by_modified, start, end)

    def created(self, start: datetime, end: datetime) -> list[Order]:
        """Return the orders created from start to end, both included, oldest first."""
        return self._window(self._by_created, start, end)

    def _window(self, index: list[tuple[datetime, str]], start: datetime, end: datetime) -> list[Order]:
        low, high = bisect_left(index, (start, "")), bisect_right(index, (end, _AFTER_ALL))
        return [self._orders[no] for _, no in index[low:high]]
