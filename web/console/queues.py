"""Every queue: what waits, since when, and whether it is worked off faster than it grows."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from models.messages import OutboxKind
from models.order import Stage
from models.settings import clock
from tasks.pressure import Queue, QueueOf, pressure
from web.console.frame import N_, Person, _, allowed, page
from web.console.order_words import STAGES
from web.console.reading import reading

router = APIRouter()

Looker = Annotated[Person, allowed("look")]

KINDS: Mapping[QueueOf, str] = {
    QueueOf.INBOX: N_("Came in, not yet worked on"),
    QueueOf.ORDERS: N_("Orders under way"),
    QueueOf.RELEASE: N_("Wait for room in their warehouse"),
    QueueOf.OUTBOX: N_("To be sent"),
    QueueOf.RESUME: N_("May go on again"),
}

MESSAGES: Mapping[OutboxKind, str] = {
    OutboxKind.OUTBOUND_CREATED: N_("instructions to ship"),
    OutboxKind.OUTBOUND_CANCEL: N_("instructions asked back"),
    OutboxKind.SHIP_BACK: N_("parcels told to the shop"),
    OutboxKind.DELIVERED_BACK: N_("deliveries told to the shop"),
    OutboxKind.SUBSCRIBE: N_("parcels to follow"),
    OutboxKind.INTERCEPT: N_("parcels wanted back"),
    OutboxKind.STOCK: N_("stock shown"),
    OutboxKind.WAYBILL: N_("e-waybills"),
    OutboxKind.WAYBILL_CANCEL: N_("e-waybills given back"),
    OutboxKind.ALERT: N_("alerts"),
}


@router.get("/console/queues", response_class=HTMLResponse)
def show_queues(request: Request, person: Looker) -> Response:
    """The page, which renews its table by itself."""
    return page(request, person, "queues.html", rows=_rows(clock().now()))


@router.get("/console/queues/table", response_class=HTMLResponse)
def show_table(request: Request, person: Looker) -> Response:
    """The table alone, for the page that is open."""
    return page(request, person, "queues_table.html", rows=_rows(clock().now()))


def _rows(now: datetime) -> list[tuple[Queue, str, str, str, str]]:
    """Per queue what it holds, who sends or gets it, the age of its oldest entry, and what becomes of it."""
    with reading() as conn:
        queues = pressure(conn, now)
    return [(queue, _holds(queue), queue.party, age(queue.age_s(now)), _outlook(queue)) for queue in queues]


def _holds(queue: Queue) -> str:
    name = _(KINDS[queue.of])
    if queue.of is QueueOf.OUTBOX:
        return f"{name}: {_(MESSAGES[OutboxKind(queue.kind)])}"
    return f"{name}: {_(STAGES[Stage(queue.kind)])}" if queue.kind else name


def age(seconds: float) -> str:
    """How long ago, in the largest unit that gives two figures or more; "" for nothing."""
    if seconds < 1:
        return ""
    if seconds < 120:
        return _("%(count)s s", count=f"{seconds:.0f}")
    return (
        _("%(count)s min", count=f"{seconds / 60:.0f}")
        if seconds < 7200
        else _("%(count)s h", count=f"{seconds / 3600:,.0f}")
    )


def _outlook(queue: Queue) -> str:
    if not queue.waiting:
        return _("empty")
    if queue.flow is None:
        return ""
    if queue.grows:
        return _("grows")
    left = queue.drains_in_min
    return _("stands still") if left is None else _("empty in %(count)s min", count=f"{max(left, 1):,.0f}")
