"""Orders that do not move, and what people can do about those that no warehouse can serve."""

from collections.abc import Mapping
from itertools import groupby
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import HTMLResponse

from models.database import in_transaction
from models.hold import HoldCode
from models.rules.order_status import Status
from models.rules.owners import Owner, Standstill, owner_words
from models.rules.routing_words import option_words
from models.settings import clock
from models.shipment import DocumentState
from tasks.shortage_choices import TRANSFER_COLUMNS, OpenOption, choose, dismiss, open_options
from tasks.waiting import Standing, waiting_orders
from web.console.frame import Person, Posted, _, allowed, cause, go, page, posts
from web.console.order_words import STAGES, in_language, names_of, reason_name
from web.console.orders import ORDERS
from web.console.reading import reading

router = APIRouter()

SHORTAGES = "/console/shortages"
Looker = Annotated[Person, allowed("look")]
Lead = Annotated[Person, allowed("warehouse")]
OptionId = Annotated[int, Path(ge=0, lt=2**63)]

_IN_LIST: Mapping[Standstill, Mapping[str, str]] = {
    Standstill.UNDELIVERED: {"document": DocumentState.CREATED.value},
    Standstill.NOT_ACCEPTED: {"document": DocumentState.CREATED.value},
    Standstill.LATE_AT_WAREHOUSE: {"status": Status.AT_WAREHOUSE.value, "overdue": "1"},
    Standstill.REST_LATE: {"status": Status.PARTLY_SHIPPED.value, "overdue": "1"},
    Standstill.REFUSED: {"status": Status.PROBLEM.value},
}
"""The filter that lists the orders of a standstill; those before their warehouse are listed as in process."""


@router.get("/console/waiting", response_class=HTMLResponse)
def show_waiting(request: Request, person: Looker) -> Response:
    """Every reason why orders stand, with their ages, whose turn it is, and the oldest."""
    with reading() as conn:
        found = waiting_orders(conn, clock().now())
    rows = [(standing, reason_name(standing.reason), _in_list(standing)) for standing in found.standings]
    owners = {owner: in_language(*owner_words(owner)) for owner in Owner}
    return page(
        request,
        person,
        "waiting.html",
        waiting=found,
        rows=rows,
        owners=owners,
        stages=names_of(STAGES),
        nobody=Owner.NOBODY,
    )


def _in_list(standing: Standing) -> str:
    """The list of these orders: the address with a filter."""
    if isinstance(standing.reason, HoldCode):
        wish: Mapping[str, str] = {"hold": standing.reason.value, "stage": standing.stage.value}
    else:
        wish = _IN_LIST.get(standing.reason, {"status": Status.IN_PROCESS.value, "stage": standing.stage.value})
    return f"{ORDERS}?{urlencode(wish)}"


@router.get(SHORTAGES, response_class=HTMLResponse)
def show_shortages(request: Request, person: Looker) -> Response:
    """What can be done for orders that no warehouse can serve, order by order, the nearest promise first."""
    with reading() as conn:
        found = open_options(conn)
    orders = [list(options) for _no, options in groupby(found, key=lambda one: (one.shop, one.order_no))]
    return page(request, person, "shortages.html", orders=[[_option(one) for one in each] for each in orders])


def _option(one: OpenOption) -> dict[str, Any]:
    words = option_words(one.option, one.sku_codes)
    late = one.ship_by is not None and one.option.ready_at > one.ship_by
    return {"option": one, "words": in_language("; ".join(words.en), "；".join(words.zh)), "late": late}


@router.post(SHORTAGES + "/{option_id}/choose", response_class=HTMLResponse, openapi_extra=posts())
def take(request: Request, person: Lead, option_id: OptionId, fields: Posted) -> Response:
    """Decide for a way out; what has to be moved for it is listed for whoever moves it."""
    done = in_transaction(lambda conn: choose(conn, option_id, cause(person)))
    if done.transfers:
        return page(
            request, person, "transfers.html", chosen=done.chosen, columns=TRANSFER_COLUMNS, rows=done.transfers
        )
    return go(SHORTAGES, _("Order %(no)s: chosen.", no=done.chosen.order_no))


@router.post(SHORTAGES + "/{option_id}/dismiss", openapi_extra=posts())
def leave(person: Lead, option_id: OptionId, fields: Posted) -> Response:
    """Decide against a way out; it is not offered again."""
    done = in_transaction(lambda conn: dismiss(conn, option_id, cause(person)))
    return go(SHORTAGES, _("Order %(no)s: dismissed.", no=done.chosen.order_no))
