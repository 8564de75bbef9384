"""Feeds and warehouses' reports as tests tell them, and shelves as they stand after."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from models.database import Connection, transaction
from models.feeds import Counts
from tasks.confirm import apply_confirmations
from tasks.dispatch import dispatch_batch
from tasks.lock_stock import lock_batch
from tasks.route import route_batch
from tasks.stock_feed import Feed, FeedCount, Told, apply_feed
from tests.fakes import NOON, FakePool, why

LATER = NOON + timedelta(days=1)
"""When tests learn of things: after all that they tell of."""


def at(minute: float) -> datetime:
    """A moment so many minutes after noon."""
    return NOON + timedelta(minutes=minute)


def feed(
    conn: Connection,
    units: Mapping[str, int],
    minute: float,
    counts: Counts = Counts.PHYSICAL,
    name: str = "",
    known: datetime = LATER,
) -> FeedCount:
    """A report of these units per SKU (`TEA_B`: in WH-B) as of that minute; changes are known by its name."""
    reference = name or f"{counts} of {minute}"
    told = [Told(shelf(conn, sku), number, at(minute), reference) for sku, number in units.items()]
    return apply_feed(conn, Feed("test", reference, counts, at(minute)), told, why(at=known))


def shelf(conn: Connection, name: str) -> tuple[int, int]:
    """The ids of `TEA` in WH-A, of `TEA_B` in WH-B."""
    code, _, place = name.partition("_")
    row = conn.execute(
        "select w.id, k.id from warehouse w, sku k where w.code = %s and k.code = %s", (f"WH-{place or 'A'}", code)
    ).fetchone()
    assert row is not None
    return row[0], row[1]


def count(
    units: Mapping[str, int], minute: float, counts: Counts = Counts.PHYSICAL, name: str = "", known: datetime = LATER
) -> FeedCount:
    """`feed` in a transaction of its own."""
    with transaction() as conn:
        return feed(conn, units, minute, counts, name, known)


def standing(conn: Connection, name: str = "TEA") -> tuple[Any, ...]:
    """Units on hand, locked and missing of a shelf."""
    row = conn.execute(
        "select on_hand, locked, missing from stock where (warehouse_id, sku_id) = (%s, %s)", shelf(conn, name)
    ).fetchone()
    assert row is not None
    return tuple(row)


def stands(pool: FakePool, name: str = "TEA") -> tuple[Any, ...]:
    """`standing` as a transaction of its own finds it."""
    with transaction() as conn:
        return standing(conn, name)


def dispatched(pool: FakePool, *units: int) -> list[str]:
    """An order of so many TEA each, in a document of WH-A each; gives the documents' numbers."""
    batch_id = pool.batch_of([{"TEA": number} for number in units])
    for stage in (lock_batch, route_batch, dispatch_batch):
        with transaction() as conn:
            stage(conn, batch_id, why())
    return [
        row[0]
        for row in pool.rows(
            """select d.no from outbound_document d join allocation a on a.document_id = d.id
               join orders o on o.id = a.order_id where d.batch_id = %s order by o.order_no""",
            batch_id,
        )
    ]


def tell(conn: Connection, kind: str, no: str, minute: float, **data: Any) -> str:
    """A report of WH-A on a document; gives why it was ignored."""
    body = {"type": f"outbound.{kind}", "data": {"outbound_no": no, "occurred_at": at(minute).isoformat(), **data}}
    return apply_confirmations(conn, [(1, "WH-A", body)], why(at=LATER))[1].ignored


def leave(conn: Connection, no: str, minute: float, units: int | None = None, *, final: bool = True) -> str:
    """A box of the document's first line leaves, all of it or so many units."""
    lines = [] if units is None else [{"line_no": "1", "qty": units}]
    box = {"tracking_no": f"YT{no}{minute}", "lines": lines}
    return tell(conn, "shipped", no, minute, final=final, packages=[box])


def report(kind: str, no: str, minute: float, **data: Any) -> str:
    """`tell` in a transaction of its own."""
    with transaction() as conn:
        return tell(conn, kind, no, minute, **data)


def ship(no: str, minute: float, units: int | None = None, *, final: bool = True) -> str:
    """`leave` in a transaction of its own."""
    with transaction() as conn:
        return leave(conn, no, minute, units, final=final)
