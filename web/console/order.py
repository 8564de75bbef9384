"""The page of one order: its whole story, and its receiver in clear for those who may and say why."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Request, Response
from fastapi.responses import HTMLResponse

from connectors.carriers.codes import carrier_name
from models.database import transaction
from models.hold import HoldCode
from models.rules.event_words import event_words
from models.rules.hold_words import hold_words
from models.rules.purposes import Purpose
from models.settings import clock
from tasks.erasure_journal import write_journal
from tasks.erasure_requests import request_erasure
from tasks.openings import note_opening
from tasks.order_page import OrderPage, find_order
from tasks.paper.documents import NOT_BY_HAND
from tasks.progress_sessions import LINK_LASTS, make_link
from tasks.reveal import ClearReceiver, reveal_receiver
from web.console.frame import Person, Posted, _, address_of, allowed, cause, go, page, posts
from web.console.order_words import (
    ACTIONS,
    BATCHES,
    BLOCKS,
    DOCUMENTS,
    LINES,
    LOCKS,
    LOOKS,
    PARCELS,
    PAYMENTS,
    RUN_STAGES,
    STAGES,
    STATUSES,
    hold_name,
    in_language,
    names_of,
)
from web.console.orders import ORDERS
from web.console.reading import reading
from web.console.returns import return_words
from web.console.runs import prefect_ui, run_address

router = APIRouter()

OrderId = Annotated[int, Path(ge=0, lt=2**63)]


@router.get(ORDERS + "/{order_id}", response_class=HTMLResponse)
def show_order(request: Request, person: Annotated[Person, allowed("look")], order_id: OrderId) -> Response:
    """An order: lines, holds, locks, documents, parcels, merge, and every event of it."""
    return _page(request, person, order_id)


@router.post(ORDERS + "/{order_id}/reveal", response_class=HTMLResponse, openapi_extra=posts("reason"))
def reveal(
    request: Request, person: Annotated[Person, allowed("reveal")], order_id: OrderId, fields: Posted
) -> Response:
    """The same page with the receiver in clear, this once."""
    clear = reveal_receiver(order_id, fields.text("reason"), cause(person), address_of(request))
    return _page(request, person, order_id, clear)


@router.post(ORDERS + "/{order_id}/progress-link", response_class=HTMLResponse, openapi_extra=posts())
def progress_link(
    request: Request, person: Annotated[Person, allowed("decide")], order_id: OrderId, fields: Posted
) -> Response:
    """The same page with a link that shows the buyer where the order is."""
    return _page(request, person, order_id, link=make_link(order_id, cause(person), address_of(request)))


@router.post(ORDERS + "/{order_id}/erase", openapi_extra=posts("reason", "verified"))
def erase(
    request: Request, person: Annotated[Person, allowed("reveal")], order_id: OrderId, fields: Posted
) -> Response:
    """Take on a person's request to erase what is known about them in this order."""
    with transaction() as conn:
        if conn.execute("select 1 from receiver where order_id = %s", (order_id,)).fetchone() is None:
            raise HTTPException(404, _("There is no such order."))
        done = request_erasure(conn, [order_id], fields.text("reason"), fields.text("verified"), cause(person))
    write_journal()
    told = _("Erased.") if done.erased else _("It is shown to nobody from now on, and erased when the order has ended.")
    return go(f"{ORDERS}/{order_id}", told)


def _page(
    request: Request, person: Person, order_id: int, clear: ClearReceiver | None = None, link: str = ""
) -> Response:
    with reading() as conn:
        found = find_order(conn, order_id, clock().now())
    if found is None:
        raise HTTPException(404, _("There is no such order."))
    if clear is None and found.receiver and not found.receiver.erased_at:
        why = cause(person)
        with transaction() as conn:
            note_opening(conn, Purpose.DISPLAY, why.actor, why.at, [order_id], address=address_of(request))
    ui = prefect_ui()
    return page(
        request,
        person,
        "order.html",
        order=found,
        row=found.row,
        clear=clear,
        progress_link=link,
        link_days=LINK_LASTS.days,
        holds=[{**hold, "name": hold_name(hold["code"]), "words": _words_of(hold)} for hold in found.holds],
        routing=in_language("\n".join(found.routing[0]), "\n".join(found.routing[1])).splitlines(),
        story=[_told(event, ui) for event in reversed(found.events)],
        unmet=_unmet(found),
        carrier=carrier_name,
        statuses=names_of(STATUSES),
        looks=LOOKS,
        stages=names_of(STAGES),
        documents=names_of(DOCUMENTS),
        parcels=names_of(PARCELS),
        blocks=names_of(BLOCKS),
        not_by_hand=NOT_BY_HAND,
        locks=names_of(LOCKS),
        line_states=names_of(LINES),
        payments=names_of(PAYMENTS),
        batches=names_of(BATCHES),
        actions=names_of(ACTIONS),
        run_stages=names_of(RUN_STAGES),
        hold_codes={code: hold_name(code) for code in HoldCode},
        return_words=return_words(),
    )


def _words_of(hold: Mapping[str, Any]) -> str:
    return in_language(*hold_words(hold["code"], hold["evidence"], hold["sentence"]))


def _told(event: Mapping[str, Any], ui: str) -> dict[str, Any]:
    """An event as the page tells it: in words, with what it says of itself folded."""
    detail = dict(event["detail"] or {})
    code = str(detail.get("code", ""))
    about = hold_name(HoldCode(code)) if code in HoldCode.__members__ else ""
    return {
        "at": event["at"],
        "words": in_language(*event_words(event["what"])),
        "about": about,
        "reason": str(detail.get("reason", "")),
        "actor": str(event["actor"]),
        "version": event["rule_version"],
        "run": run_address(ui, event["flow_run_id"] or ""),
        "raw": json.dumps(detail, ensure_ascii=False, indent=1, default=str) if detail else "",
    }


def _unmet(found: OrderPage) -> list[str]:
    """What its batch's check found about this very order, as far as the check names orders."""
    unmet = (found.quality or {}).get("unmet") or {}
    return [name for name, told in unmet.items() if found.row.order_no in told["examples"]]
