"""The one list of all orders of all shops: the newest first, by any filters at once, page by page.

Pages follow each other by key, never by number, so nothing is skipped or shown twice while orders come. A filter that
leaves few orders (`tasks.order_sources`) is followed by sorting those; else the list is walked from its newest order,
shop by shop along one index. A walk that finds little stops in time, and the page says where to go on.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from models.database import Connection
from models.rules.order_status import NOT_SHIPPED, Status
from tasks.order_keys import newest_keys, sort_few, stretches
from tasks.order_rows import OrderRow, load_rows, statuses
from tasks.order_sources import LIMITS, Limits, few_orders
from tasks.order_wish import Key, Wish, conditions

PAGE = 50

MOST_COUNTED = 10_000

PATIENT = Limits(patience_s=60)
"""For exports, whose pages are to be full."""


@dataclass(frozen=True, slots=True)
class Page:
    """Orders of one page. `next` is the key after which the next page begins, None at the end.

    `cut_short`: the page is not full because there was much to look through; older ones may follow. `count` is how
    many there are in all, MOST_COUNTED + 1 meaning more than that, None where counting would take long.
    """

    rows: list[OrderRow]
    next: Key | None
    cut_short: bool = False
    count: int | None = None


def list_orders(conn: Connection, wish: Wish, now: datetime, size: int = PAGE, limits: Limits = LIMITS) -> Page:
    """One page of the list. `now` decides what is overdue."""
    few = few_orders(conn, wish, now, limits)
    if few is not None and wish.before is None and not _needs_status(wish):
        keys, _ = sort_few(conn, wish, few, now, MOST_COUNTED + 1)
        return _page(conn, keys, now, size, len(keys))
    count = _count(conn, wish, now) if few is None and wish.before is None else None
    found: list[Key] = []
    started = time.monotonic()
    for keys, end in stretches(conn, wish, few, now, size, limits):
        found += _exact(conn, wish, keys)
        if len(found) > size or end is None:
            break
        if time.monotonic() - started > limits.patience_s:
            return Page(load_rows(conn, [key[1] for key in found], now), end, cut_short=True, count=count)
    return _page(conn, found, now, size, count)


def _page(conn: Connection, found: Sequence[Key], now: datetime, size: int, count: int | None) -> Page:
    rows = load_rows(conn, [key[1] for key in found[:size]], now)
    return Page(rows, found[size - 1] if len(found) > size else None, count=count)


def all_orders(conn: Connection, wish: Wish, now: datetime, most: int) -> Iterator[list[OrderRow]]:
    """Every order that the filters leave, page after page, `most` at most: for exports."""
    left = most
    here: Wish | None = wish
    while here is not None and left > 0:
        page = list_orders(conn, here, now, min(1000, left), PATIENT)
        yield page.rows
        left -= len(page.rows)
        here = replace(here, before=page.next) if page.next else None


def _needs_status(wish: Wish) -> bool:
    return wish.status is not None or wish.overdue


def _exact(conn: Connection, wish: Wish, keys: Sequence[Key]) -> list[Key]:
    """Those of the keys whose orders have the wanted status; what is late has something that has not left yet."""
    if not _needs_status(wish) or not keys:
        return list(keys)
    known = statuses(conn, [key[1] for key in keys])
    return [key for key in keys if _fits(wish, known[key[1]])]


def _fits(wish: Wish, status: Status) -> bool:
    return wish.status in (None, status) and (not wish.overdue or status in NOT_SHIPPED)


def _count(conn: Connection, wish: Wish, now: datetime) -> int | None:
    """How many orders there are in all, where one index knows it."""
    if conditions(wish, now)[0]:
        return None
    query, values = newest_keys(conn, wish)
    row = conn.execute(
        f"select count(*) from (select 1 from ({query}) q limit %(most)s) c".encode(),
        {**values, "most": MOST_COUNTED + 1},
    ).fetchone()
    return int(row[0]) if row else 0
