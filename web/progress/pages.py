"""The buyers' pages: three ways in, the list of orders, and one order. They read our pool and ask nobody else."""

import hmac
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from math import ceil
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from connectors.carriers.codes import carrier_name
from connectors.carriers.hotlines import HOTLINES
from models.database import transaction
from models.errors import SetupError
from models.masking import mask_phone
from models.progress import Entrance
from models.rules.progress import BESIDE, step_of
from models.rules.purposes import Purpose
from models.sealing import keyed_digest, seal, unseal
from models.settings import clock, settings
from tasks.openings import note_opening
from tasks.progress_codes import AGAIN_AFTER, DIGITS, Verdict, ask_code, mobile, try_code
from tasks.progress_limits import TooOften
from tasks.progress_orders import BuyersOrder, latest, list_orders, load_order
from tasks.progress_sessions import end_session, find_session, open_by_link, open_by_number
from tasks.progress_sms import can_send
from web.console.forms import posts
from web.console.reading import reading
from web.console.words import _
from web.progress.frame import (
    ROOT,
    SESSION,
    TICKET,
    TICKET_KEPT_S,
    Posted,
    caller_of,
    error_page,
    keep_cookie,
    keep_session,
    page,
    with_headers,
)
from web.progress.words import KINDS, LOOKS, RETURNS, STEPS, step_names

router = APIRouter()

CODE, NUMBER, ORDERS = f"{ROOT}/code", f"{ROOT}/number", f"{ROOT}/orders"
_MOST_NUMBER = 64

BUYER = "buyer"
"""Who the log of access names for what is shown here."""


@router.get(ROOT, response_class=HTMLResponse)
def show_phone(request: Request) -> Response:
    """The first page: a phone, to which a code is sent. Where none can be sent, the order's number."""
    with reading() as conn:
        sends = can_send(conn)
    return page(request, "progress_phone.html") if sends else _go(NUMBER)


@router.post(CODE, response_class=HTMLResponse, openapi_extra=posts("phone", "agreed"))
def do_ask(request: Request, fields: Posted) -> Response:
    """Have a code sent, and lead on to where it is typed in: the same for every phone."""
    ticket = _ticket(request) if "again" in fields else None
    phone = ticket[0] if ticket else mobile(fields.text("phone"))
    if not ticket and not fields.get("agreed"):
        return _phone_again(request, 400, _("Please read and tick the notice first."), "agreed")
    if not phone:
        return _phone_again(request, 400, _("This is no mobile number of the mainland: it has 11 digits."), "phone")
    now = clock().now()
    try:
        with transaction() as conn:
            ask_code(conn, phone, caller_of(request), now)
    except TooOften as error:
        return _phone_again(request, 429, _too_often(error), "phone", error)
    response = _go(CODE)
    keep_cookie(request, response, TICKET, seal(json.dumps([phone, now.isoformat()])).hex(), TICKET_KEPT_S)
    return response


@router.get(CODE, response_class=HTMLResponse)
def show_code(request: Request) -> Response:
    """The form for the code."""
    return _code_page(request)


@router.post(f"{ROOT}/verify", response_class=HTMLResponse, openapi_extra=posts("code"))
def do_verify(request: Request, fields: Posted) -> Response:
    """Open the orders of the phone with the code that was sent to it."""
    typed = "".join(fields.text("code").split())
    if not (len(typed) == DIGITS and typed.isascii() and typed.isdigit()):
        return _code_page(request, 400, _("The code has %(digits)s digits.", digits=str(DIGITS)))
    try:
        with transaction() as conn:
            verdict, token = try_code(conn, typed, caller_of(request), clock().now())
    except TooOften as error:
        return _code_page(request, 429, _too_often(error), error)
    if verdict is not Verdict.RIGHT:
        return _code_page(request, 400, _words_of(verdict))
    response = _go(ORDERS)
    keep_session(request, response, token)
    return response


@router.get(NUMBER, response_class=HTMLResponse)
def show_number(request: Request) -> Response:
    """The form for an order's number and the end of the phone."""
    return _number_page(request)


@router.post(NUMBER, response_class=HTMLResponse, openapi_extra=posts("order_no", "last4", "agreed"))
def do_number(request: Request, fields: Posted) -> Response:
    """Open the order of a number, if its receiver's phone ends so."""
    order_no, last4 = fields.text("order_no", 200), fields.text("last4")
    if not fields.get("agreed"):
        return _number_page(request, 400, _("Please read and tick the notice first."), "agreed", order_no)
    if not 0 < len(order_no) <= _MOST_NUMBER:
        return _number_page(request, 400, _("Type the order number as your shop shows it."), "order_no", order_no)
    if not (len(last4) == 4 and last4.isascii() and last4.isdigit()):
        return _number_page(request, 400, _("Type the last four digits of the phone."), "last4", order_no)
    try:
        with transaction() as conn:
            token = open_by_number(conn, order_no, last4, caller_of(request), clock().now())
    except TooOften as error:
        return _number_page(request, 429, _too_often(error), "order_no", order_no, error)
    if not token:
        problem = _("No order has this number together with these four digits.")
        return _number_page(request, 404, problem, "order_no", order_no)
    response = _go(ORDERS)
    keep_session(request, response, token)
    return response


@router.get(f"{ROOT}/t/{{token}}", response_class=HTMLResponse)
def follow_link(request: Request, token: Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{20,128}$")]) -> Response:
    """Open the order of a link, and lead on to an address without it."""
    try:
        with transaction() as conn:
            opened = open_by_link(conn, token, caller_of(request), clock().now())
    except TooOften as error:
        raise HTTPException(429, _too_often(error)) from error
    if not opened:
        return page(
            request, "progress_error.html", 404, text=_("This link is over, or its order is not shown any more.")
        )
    response = _go(ORDERS)
    keep_session(request, response, opened)
    return response


@router.get(ORDERS, response_class=HTMLResponse)
def show_orders(request: Request) -> Response:
    """The orders that this browser may see; a single one at once."""
    with reading() as conn:
        session = find_session(conn, request.cookies.get(SESSION, ""), clock().now())
        if session is None:
            return _over(request)
        only = load_order(conn, session.order_ids[0]) if len(session.order_ids) == 1 else None
        orders = [only] if only else list_orders(conn, session.order_ids)
    _note(orders)
    if only:
        return _order_page(request, only, alone=True)
    return page(
        request,
        "progress_orders.html",
        orders=[(order, _code_of(request, order.id)) for order in orders],
        updated_at=latest(orders),
        steps=_steps(),
        looks=LOOKS,
        by_phone=session.entrance is Entrance.PHONE,
    )


@router.get(f"{ORDERS}/{{code}}", response_class=HTMLResponse)
def show_order(request: Request, code: Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]) -> Response:
    """One of them; its address means something in this session alone."""
    with reading() as conn:
        session = find_session(conn, request.cookies.get(SESSION, ""), clock().now())
        if session is None:
            return _over(request)
        chosen = [i for i in session.order_ids if hmac.compare_digest(_code_of(request, i), code)]
        orders = [load_order(conn, order_id) for order_id in chosen]
    if not orders:
        raise HTTPException(404)
    _note(orders)
    return _order_page(request, orders[0], alone=len(session.order_ids) == 1)


@router.post(f"{ROOT}/leave", openapi_extra=posts())
def leave(request: Request, fields: Posted) -> Response:
    """End the session, as on a phone that is not one's own."""
    with transaction() as conn:
        end_session(conn, request.cookies.get(SESSION, ""))
    response = _go(ROOT)
    response.delete_cookie(SESSION, path=ROOT, httponly=True, samesite="lax")
    return response


@router.get(f"{ROOT}/notice", response_class=HTMLResponse)
def show_notice(request: Request) -> Response:
    """What becomes of what a buyer types here."""
    return page(request, "progress_notice.html", seller=settings().progress_seller)


def _note(orders: Sequence[BuyersOrder]) -> None:
    """Note whose orders were shown; nothing says where their buyer is."""
    with transaction() as conn:
        note_opening(conn, Purpose.PROGRESS, BUYER, clock().now(), [order.id for order in orders])


def _order_page(request: Request, order: BuyersOrder, *, alone: bool) -> Response:
    return page(
        request,
        "progress_order.html",
        order=order,
        alone=alone,
        steps=_steps(),
        looks=LOOKS,
        bar=step_names,
        beside=BESIDE,
        step_of=step_of,
        carrier=carrier_name,
        hotlines=HOTLINES,
        kinds={kind: _(name) for kind, name in KINDS.items()},
        returns={state: _(name) for state, name in RETURNS.items()},
    )


def _steps() -> dict[Any, str]:
    return {step: _(name) for step, name in STEPS.items()}


def _code_of(request: Request, order_id: int) -> str:
    return keyed_digest("progress order", f"{request.cookies.get(SESSION, '')}:{order_id}").hex()


def _phone_again(request: Request, status: int, problem: str, at: str, error: TooOften | None = None) -> Response:
    return _waiting(page(request, "progress_phone.html", status, problem=problem, at=at, back=ROOT), error)


def _number_page(
    request: Request, status: int = 200, problem: str = "", at: str = "", typed: str = "", error: TooOften | None = None
) -> Response:
    with reading() as conn:
        sends = can_send(conn)
    context = {"problem": problem, "at": at, "typed": typed[:_MOST_NUMBER], "sends": sends, "back": NUMBER}
    return _waiting(page(request, "progress_number.html", status, **context), error)


def _code_page(request: Request, status: int = 200, problem: str = "", error: TooOften | None = None) -> Response:
    ticket = _ticket(request)
    if ticket is None:
        return _go(ROOT)
    phone, asked_at = ticket
    left = max(timedelta(), asked_at + AGAIN_AFTER - clock().now())
    context = {"phone": mask_phone(phone), "wait_s": int(left.total_seconds()), "problem": problem, "back": CODE}
    return _waiting(page(request, "progress_code.html", status, **context, digits=DIGITS), error)


def _waiting(response: Response, error: TooOften | None) -> Response:
    if error is not None:
        response.headers["Retry-After"] = str(_seconds(error))
    return response


def _ticket(request: Request) -> tuple[str, datetime] | None:
    """The phone for which this browser waits for a code, and since when."""
    try:
        phone, asked_at = json.loads(unseal(bytes.fromhex(request.cookies.get(TICKET, ""))))
    except (ValueError, SetupError):
        return None
    return phone, datetime.fromisoformat(asked_at)


def _words_of(verdict: Verdict) -> str:
    words = {
        Verdict.WRONG: _("This code is wrong. Look at the newest message."),
        Verdict.OVER: _("This code is over. Have a new one sent."),
        Verdict.SPENT: _("This code was tried too often. Have a new one sent."),
    }
    return words[verdict]


def _too_often(error: TooOften) -> str:
    seconds = _seconds(error)
    if seconds <= 90:
        return _("Too many tries. Try again in %(seconds)s seconds.", seconds=str(seconds))
    return _("Too many tries. Try again in %(minutes)s minutes.", minutes=str(-(-seconds // 60)))


def _seconds(error: TooOften) -> int:
    return max(1, ceil(error.wait.total_seconds()))


def _over(request: Request) -> Response:
    return error_page(request, 401, _("Your look-up has ended. Begin again."))


def _go(path: str) -> Response:
    return with_headers(RedirectResponse(path, 303))
