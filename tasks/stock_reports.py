"""What warehouses report of their stock: snapshots, page by page, and changes; each report counts once.

A supplier or an ERP may tell the same in the same envelope. What cannot be used of a report is named in its note.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb

from connectors.converters import BadValue, iso_time, whole
from models.database import Connection, transaction
from models.errors import SetupError
from models.feeds import Counts
from models.order import Cause
from models.rules.returns import EXPECTED
from models.rules.stock_feed import ARRIVAL
from tasks.arrivals import Key, note_received, open_references
from tasks.confirm import Outcome, happened_at
from tasks.stock_feed import Feed, FeedCount, Report, Told, apply_feed, apply_feeds, is_ahead
from tasks.stock_lines import MAX_NAME, Item, change_of, count_of, listed, read_items

SNAPSHOT = "inventory.snapshot"
CHANGED = "inventory.changed"

OWN_OUTBOUND = ("OUTBOUND", "SALE", "SHIP", "SHIPPED", "SHIPMENT", "JYCK")
"""Reasons of changes that are our own documents leaving, which their shipments book. A warehouse may have others."""

PAGES_KEPT = timedelta(hours=24)
"""How long the pages of a snapshot wait for those that are missing."""

SHOWN = 5
MAX_PAGES = 10_000


@dataclass(frozen=True, slots=True)
class StockReport:
    """A signed report on stock as it came: inbox id, warehouse code, message id, envelope."""

    id: int
    warehouse: str
    message_id: str
    envelope: Mapping[str, Any]

    @property
    def data(self) -> Mapping[str, Any]:
        """What it says."""
        data = self.envelope.get("data")
        return data if isinstance(data, Mapping) else {}

    @property
    def source(self) -> str:
        """Who says it."""
        return f"wms:{self.warehouse}"


class Unusable(Exception):
    """A report that cannot be used at all, in words for its note."""


@dataclass(frozen=True, slots=True)
class _Warehouse:
    """Who reports, and which reasons of its changes are our own documents leaving."""

    id: int
    own: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Page:
    """A page of a snapshot: the snapshot's name, the page's number, of how many, as of when, and what it counts."""

    name: str
    number: int
    of: int
    as_of: datetime
    counts: Counts


def own_reasons(warehouse: str) -> list[str]:
    """The reasons of a warehouse's changes that are our own documents leaving. Raises SetupError when it is unknown."""
    with transaction() as conn:
        row = conn.execute("select settings->'own_outbound' from warehouse where code = %s", (warehouse,)).fetchone()
    if row is None:
        raise SetupError(f"warehouse {warehouse}: there is no such warehouse")
    return sorted(OWN_OUTBOUND if row[0] is None else row[0])


def set_own_reasons(warehouse: str, reasons: Sequence[str]) -> None:
    """Say which reasons of a warehouse's changes are our own documents leaving, in capitals or not.

    Raises SetupError when the warehouse is unknown.
    """
    with transaction() as conn:
        known = conn.execute(
            "update warehouse set settings = settings || jsonb_build_object('own_outbound', %s::jsonb) where code = %s",
            (Jsonb(sorted({reason.upper() for reason in reasons})), warehouse),
        )
        if not known.rowcount:
            raise SetupError(f"warehouse {warehouse}: there is no such warehouse")


def is_stock_report(envelope: Mapping[str, Any]) -> bool:
    """Whether an envelope is about stock, not about a document."""
    return envelope.get("type") in (SNAPSHOT, CHANGED)


def apply_stock_reports(conn: Connection, reports: Sequence[StockReport], why: Cause) -> dict[int, Outcome]:
    """Apply what goes into one transaction: all changes, else pages up to one snapshot that is whole.

    Gives the outcomes of those; the others are for the next call. To be called before any order or stock is taken.
    """
    changes = [report for report in reports if report.envelope.get("type") == CHANGED]
    return _apply_changes(conn, changes, why) if changes else _apply_snapshots(conn, reports, why)


def _apply_changes(conn: Connection, reports: Sequence[StockReport], why: Cause) -> dict[int, Outcome]:
    warehouses = _warehouses(conn, reports)
    expected = open_references(conn, [warehouse.id for warehouse in warehouses.values()])
    skus = _skus(conn, reports)
    returns = _returns(conn, reports, [warehouse.id for warehouse in warehouses.values()])
    feeds: list[Report] = []
    outcomes: dict[int, Outcome] = {}
    for report in reports:
        warehouse, at = warehouses[report.warehouse], happened_at(report.envelope, why.at)
        if is_ahead(at, why.at):
            outcomes[report.id] = Outcome(f"it speaks of {at.isoformat()}, which has not come")
            continue
        items, unused, _ = read_items(report.data, change_of, skus)
        name = str(report.data.get("event_id") or report.message_id)[:MAX_NAME]
        # what came back is booked by its inspection, and what left by its shipment
        news = [i for i in items if i.reason not in warehouse.own and (warehouse.id, i.ref_no) not in returns]
        told = _changes(warehouse, name, news, skus, at)
        told = [_as_arrival(one, expected) for one in told]
        feeds.append((Feed(report.source, f"change {name}", Counts.CHANGE, at), told))
        outcomes[report.id] = _outcome(bool(told), unused, "nothing in it is news of stock")
    done = apply_feeds(conn, feeds, why)
    note_received(conn, done.taken, why.at)
    return outcomes


def _changes(
    warehouse: _Warehouse, name: str, items: Sequence[Item], skus: Mapping[str, int], at: datetime
) -> list[Told]:
    """What changes of each SKU by each paper, in all its batches together."""
    units: Counter[tuple[int, str]] = Counter()
    for item in items:
        units[skus[item.sku], item.ref_no] += item.units
    return [
        Told((warehouse.id, sku_id), change, at, f"{ref_no}/{name}")
        for (sku_id, ref_no), change in units.items()
        if change
    ]


def _as_arrival(one: Told, expected: Collection[Key]) -> Told:
    """Units that come under the reference of an expected arrival are part of it."""
    ref_no = one.reference.rpartition("/")[0]
    if one.units > 0 and (*one.shelf, ref_no) in expected:
        return replace(one, reason=ARRIVAL, arrival=ref_no)
    return one


def _apply_snapshots(conn: Connection, reports: Sequence[StockReport], why: Cause) -> dict[int, Outcome]:
    """Keep pages until a snapshot is whole, and apply the first that is."""
    outcomes: dict[int, Outcome] = {}
    conn.execute("delete from stock_feed_page where received_at < %s", (why.at - PAGES_KEPT,))
    for report in reports:
        try:
            page = _page(report, why.at)
            items = _all_pages(conn, report, page, why.at)
        except Unusable as error:
            outcomes[report.id] = Outcome(str(error))
            continue
        if items is None:
            outcomes[report.id] = Outcome(note=f"page {page.number} of {page.of}; it counts when all have come")
            continue
        return outcomes | {report.id: _apply_snapshot(conn, report, page, items, why)}
    return outcomes


def _page(report: StockReport, now: datetime) -> _Page:
    data = report.data
    try:
        number, of = whole(data.get("page", 1)), whole(data.get("pages", 1))
        counts = Counts(data.get("counts", Counts.PHYSICAL))
    except (BadValue, ValueError):
        raise Unusable("its page, pages or counts cannot be read") from None
    try:
        as_of = iso_time(data.get("as_of"))
    except BadValue:
        raise Unusable("it does not say as of when it counts, with a time zone") from None
    if is_ahead(as_of, now):
        raise Unusable(f"it counts as of {as_of.isoformat()}, which has not come")
    if not 1 <= number <= of <= MAX_PAGES or counts is Counts.CHANGE:
        raise Unusable(f"page {number} of {of}, counting {counts}, is no page of a snapshot")
    if not isinstance(data.get("items"), list):
        raise Unusable("it has no items")
    name = str(data.get("snapshot_id") or as_of.isoformat())[:MAX_NAME]
    return _Page(name, number, of, as_of, counts)


def _all_pages(conn: Connection, report: StockReport, page: _Page, now: datetime) -> list[Any] | None:
    """The items of all pages of a snapshot, None while some are missing."""
    if page.of == 1:
        return list(report.data["items"])
    conn.execute(
        """insert into stock_feed_page (source, reference, page, pages, items, received_at)
           values (%s, %s, %s, %s, %s, %s) on conflict do nothing""",
        (report.source, page.name, page.number, page.of, Jsonb(report.data["items"]), now),
    )
    rows = conn.execute(
        "select page, items from stock_feed_page where source = %s and reference = %s and pages = %s order by page",
        (report.source, page.name, page.of),
    ).fetchall()
    if len(rows) < page.of:
        return None
    conn.execute("delete from stock_feed_page where source = %s and reference = %s", (report.source, page.name))
    return [item for _, items in rows for item in items]


def _apply_snapshot(conn: Connection, report: StockReport, page: _Page, said: Sequence[Any], why: Cause) -> Outcome:
    warehouse = _warehouses(conn, [report])[report.warehouse]
    skus = _skus(conn, [replace(report, envelope={"data": {"items": said}})])
    items, unused, unread = read_items({"items": said}, count_of(page.counts), skus)
    units: Counter[int] = Counter()
    if items and report.data.get("complete") is True:
        # a warehouse that lists only what it has: the rest of what we know there is gone; one that lists nothing errs
        known = conn.execute("select sku_id from stock where warehouse_id = %s", (warehouse.id,))
        units.update(dict.fromkeys((row[0] for row in known), 0))
    for item in items:
        units[skus[item.sku]] += item.units
    for sku in unread:
        units.pop(skus[sku], None)
    told = [Told((warehouse.id, sku_id), max(number, 0), page.as_of) for sku_id, number in units.items()]
    feed = Feed(report.source, f"snapshot {page.name}", page.counts, page.as_of)
    done = apply_feed(conn, feed, told, why) if told else FeedCount()
    return (
        Outcome("the snapshot was applied before") if done.again else _outcome(bool(told), unused, "it counts nothing")
    )


def _outcome(used: bool, unused: Sequence[str], nothing: str) -> Outcome:
    more = f" and {len(unused) - SHOWN} more" if len(unused) > SHOWN else ""
    rest = f"not used: {'; '.join(unused[:SHOWN])}{more}" if unused else ""
    return Outcome(note=rest) if used else Outcome("; ".join(part for part in (nothing, rest) if part))


def _warehouses(conn: Connection, reports: Sequence[StockReport]) -> dict[str, _Warehouse]:
    rows = conn.execute(
        "select code, id, settings->'own_outbound' from warehouse where code = any(%s)",
        ([report.warehouse for report in reports],),
    )
    return {code: _Warehouse(i, frozenset(OWN_OUTBOUND if own is None else own)) for code, i, own in rows}


def _returns(conn: Connection, reports: Iterable[StockReport], warehouse_ids: Sequence[int]) -> set[tuple[int, str]]:
    """The papers of our returns among those that reports name, per warehouse.

    A number is one everywhere; a waybill where its goods arrived, and as long as they may still arrive anywhere.
    """
    named = {
        str(line.get("ref_no") or "")[:MAX_NAME]
        for report in reports
        for line in listed(report.data)
        if isinstance(line, Mapping)
    }
    named.discard("")
    rows = conn.execute(
        """select w.id, r.no from return_order r cross join unnest(%(places)s::int[]) w(id) where r.no = any(%(named)s)
           union
           select w.id, r.waybill from return_order r cross join unnest(%(places)s::int[]) w(id)
           where r.waybill = any(%(named)s) and r.state <> 'called_off'
             and (r.warehouse_id is not distinct from w.id or r.state = any(%(expected)s))""",
        {"places": list(warehouse_ids), "named": list(named), "expected": [state.value for state in EXPECTED]},
    )
    return {(row[0], row[1]) for row in rows}


def _skus(conn: Connection, reports: Iterable[StockReport]) -> dict[str, int]:
    """The ids of the SKUs that reports name, without kits, which lie nowhere."""
    named = {
        str(line.get("sku") or "")[:MAX_NAME]
        for report in reports
        for line in listed(report.data)
        if isinstance(line, Mapping)
    }
    rows = conn.execute(
        """select code, id from sku s where code = any(%s)
           and not exists (select 1 from kit_component c where c.kit_id = s.id)""",
        (list(named),),
    )
    return dict(rows.fetchall())
