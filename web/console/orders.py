"""The pages of orders: the first page, the list with its filter, the way straight to an order, the list as a sheet."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from models.database import Connection
from models.hold import HoldCode
from models.rules.divisions import divisions
from models.rules.owners import owner_words
from models.settings import clock
from tasks.open_holds import open_holds
from tasks.order_list import MOST_COUNTED, Page, all_orders, list_orders
from tasks.order_rows import OrderRow
from tasks.order_search import IN_QUARANTINE, TOO_SHORT, WHOLE_PHONE, find_orders
from tasks.waiting import waiting_orders
from web.console.frame import Person, _, allowed, export, page
from web.console.order_filter import Filter, read_filter, write_key
from web.console.order_words import (
    ACTIONS,
    DOCUMENTS,
    LOOKS,
    RUN_STAGES,
    STAGES,
    STATUSES,
    hold_name,
    in_language,
    names_of,
)
from web.console.reading import reading

router = APIRouter()

HOME = "/console/"
ORDERS = "/console/orders"
MOST_EXPORTED = 100_000
COLUMNS = (
    "order_no", "shop", "status", "holds", "created_at", "paid_at", "ship_by", "overdue", "total_yuan", "region",
    "first_sku", "first_quantity", "lines", "batch", "stage",
)  # fmt: skip

Looker = Annotated[Person, allowed("look")]
Exporter = Annotated[Person, allowed("export")]


@router.get(HOME, response_class=HTMLResponse)
def home(request: Request, person: Looker) -> Response:
    """How many orders each hold stops, and the newest orders."""
    with reading() as conn:
        return page(request, person, "home.html", holds=open_holds(conn), **_list(conn, Filter({})))


@router.get("/console/standing", response_class=HTMLResponse)
def standing(request: Request, person: Looker) -> Response:
    """The part of the first page that says what does not move, by owner; it reads every order's state."""
    with reading() as conn:
        found = waiting_orders(conn, clock().now())
    owners: dict[str, int] = {}
    for each in found.standings:
        name = in_language(*owner_words(each.owner))
        owners[name] = owners.get(name, 0) + each.total
    return page(request, person, "standing.html", owners=owners, total=found.total, quarantined=found.quarantined)


@router.get(ORDERS, response_class=HTMLResponse)
def show_orders(request: Request, person: Looker) -> Response:
    """A page of the list; where the browser asks for a part of the page, only the table."""
    template = "orders_table.html" if "hx-request" in request.headers else "orders.html"
    with reading() as conn:
        found = read_filter(conn, request.query_params)
        shown = _list(conn, found) | {"regions": _regions(), "shops": _shops(conn)}
    return page(request, person, template, **shown)


def _list(conn: Connection, found: Filter) -> dict[str, Any]:
    """What the table of orders is made from. A filter that means nothing in part shows nothing."""
    now = clock().now()
    shown = Page([], None) if found.problems else list_orders(conn, found.wish, now)
    hint = find_orders(conn, found.wish.search).hint if found.wish.search and not shown.rows else ""
    return {
        "filter": found,
        "shown": shown,
        "next_page": write_key(shown.next),
        "most_counted": MOST_COUNTED,
        "most_exported": MOST_EXPORTED,
        "hint": _hints().get(hint, ""),
        "statuses": names_of(STATUSES),
        "looks": LOOKS,
        "stages": names_of(STAGES),
        "documents": names_of(DOCUMENTS),
        "hold_names": {code: hold_name(code) for code in HoldCode},
        "actions": names_of(ACTIONS),
        "run_stages": names_of(RUN_STAGES),
        "now": now,
    }


def _hints() -> dict[str, str]:
    return {
        TOO_SHORT: _("Type at least four characters of an order number."),
        WHOLE_PHONE: _(
            "Four digits of a phone name nobody for sure. Type all eleven digits, or an order number, a space and the "
            "last four digits."
        ),
        IN_QUARANTINE: _("The shop's data of this order could not be read; it is in quarantine."),
    }


def _regions() -> list[str]:
    return [each.name for each in divisions().values() if each.level in ("province", "prefecture")]


def _shops(conn: Connection) -> list[str]:
    return [row[0] for row in conn.execute("select code from shop order by code")]


@router.get(ORDERS + "/find")
def find(person: Looker, q: Annotated[str, Query(max_length=100)] = "") -> Response:
    """Straight to the order that a search means, else to the list of what it may mean."""
    wish = q.strip().replace("\x00", "")
    with reading() as conn:
        found = find_orders(conn, wish) if wish else None
    if found and len(found.order_ids) == 1:
        return RedirectResponse(f"{ORDERS}/{found.order_ids[0]}", 303)
    return RedirectResponse(f"{ORDERS}?{Filter({'q': wish}).query}", 303)


@router.get(ORDERS + "/export/{kind}")
def take_out(request: Request, person: Exporter, kind: str) -> Response:
    """The orders of the filter as a sheet, MOST_EXPORTED at most; of receivers only the region is in it."""
    with reading() as conn:
        found = read_filter(conn, request.query_params)
        wish = replace(found.wish, before=None)
        rows = () if found.problems else _cells(all_orders(conn, wish, clock().now(), MOST_EXPORTED))
        return export(request, person, kind, "orders", COLUMNS, rows)


def _cells(pages: Iterator[list[OrderRow]]) -> Iterator[tuple[Any, ...]]:
    for rows in pages:
        for row in rows:
            yield (
                row.order_no, row.shop, row.status.value, " ".join(row.holds), row.created_at, row.paid_at, row.ship_by,
                row.overdue, row.total_fen / 100, row.region, row.first_sku, row.first_quantity, row.lines,
                row.batch_id, row.stage.value,
            )  # fmt: skip
