"""Sign-in, sign-out and one's own password."""

import hmac
import secrets
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from models.errors import SetupError
from tasks.people import change_own_password, is_anybody_there
from tasks.sessions import ADDRESS_WINDOW, TooManyTries, sign_in, sign_out
from web.console.answers import HOME, SIGN_IN, own_path
from web.console.forms import CSRF_FIELD, Fields, Posted, posts, read_form, require_own_page
from web.console.pages import go, page
from web.console.sentences import in_words
from web.console.session import COOKIE, SignedIn, address_of, allowed, cause, forget_session, keep_session
from web.console.words import _

router = APIRouter()

FORM_COOKIE = "orderpool_sign_in"
"""What the sign-in form must bring again: nobody has a session yet that could know its own forms."""


@router.get(SIGN_IN, response_class=HTMLResponse)
def show_sign_in(request: Request, next: str = "") -> Response:  # noqa: A002  the parameter's name in the address
    """The form for name and password."""
    return _sign_in_page(request, own_path(next))


def _sign_in_page(request: Request, wanted: str, status: int = 200, name: str = "", problem: str = "") -> Response:
    context = {"next": wanted, "name": name, "problem": problem, "nobody": not is_anybody_there()}
    token = request.cookies.get(FORM_COOKIE) or secrets.token_urlsafe(24)
    response = page(request, None, "sign_in.html", status, **context, csrf=token)
    secure = request.url.scheme == "https"
    response.set_cookie(FORM_COOKIE, token, path=SIGN_IN, httponly=True, samesite="strict", secure=secure)
    return response


async def _sign_in_form(request: Request) -> Fields:
    require_own_page(request)
    fields = await read_form(request, with_files=False)
    kept = request.cookies.get(FORM_COOKIE, "")
    if not kept or not hmac.compare_digest(kept.encode(), fields.get(CSRF_FIELD, "").encode()):
        raise HTTPException(403, _("The form is not from this browser. Open the page again and repeat."))
    return fields


@router.post(SIGN_IN, response_class=HTMLResponse, openapi_extra=posts("name", "password", "next"))
def do_sign_in(request: Request, fields: Annotated[Fields, Depends(_sign_in_form)]) -> Response:
    """Begin a session."""
    name, wanted = fields.text("name"), own_path(fields.text("next", 2000))
    old = request.cookies.get(COOKIE, "")
    try:
        token = sign_in(name, fields.password("password"), address_of(request), old)
    except TooManyTries:
        wait_s = int(ADDRESS_WINDOW.total_seconds())
        problem = _("Too many failed sign-ins from your address. Wait %(minutes)s minutes.", minutes=str(wait_s // 60))
        response = _sign_in_page(request, wanted, 429, name, problem)
        response.headers["Retry-After"] = str(wait_s)
        return response
    if token is None:
        problem = _("Name or password is wrong, or the name waits after too many wrong passwords.")
        return _sign_in_page(request, wanted, 401, name, problem)
    response = RedirectResponse(wanted, 303)
    keep_session(request, response, token)
    response.delete_cookie(FORM_COOKIE, path=SIGN_IN, httponly=True, samesite="strict")
    return response


@router.post("/console/sign-out", openapi_extra=posts(), dependencies=[allowed("look")])
def do_sign_out(request: Request, fields: Posted) -> Response:
    """End the session."""
    sign_out(request.cookies.get(COOKIE, ""), address_of(request))
    response = RedirectResponse(SIGN_IN, 303)
    forget_session(response)
    return response


@router.get("/console/password", response_class=HTMLResponse, dependencies=[allowed("look")])
def show_password(request: Request, person: SignedIn) -> Response:
    """The form for another password of one's own."""
    return page(request, person, "password.html", problem="")


@router.post(
    "/console/password",
    response_class=HTMLResponse,
    openapi_extra=posts("old", "new", "again"),
    dependencies=[allowed("look")],
)
def do_password(request: Request, person: SignedIn, fields: Posted) -> Response:
    """Change one's own password; other sessions of the person end."""
    new = fields.password("new")
    if new != fields.password("again"):
        return page(request, person, "password.html", 409, problem=_("The new password was not repeated as it is."))
    try:
        token = change_own_password(person.name, fields.password("old"), new, cause(person), address_of(request))
    except SetupError as error:
        return page(request, person, "password.html", 409, problem=in_words(str(error)))
    response = go(HOME, _("The password is changed. Your other sessions ended."))
    keep_session(request, response, token)
    return response
