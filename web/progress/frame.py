"""What every page for buyers is made of: its template, its headers, its cookies, and the check of what it posts.

Nothing is loaded from elsewhere, nothing may be kept or indexed, and no address holds a phone or an order's number.
"""

import hashlib
import hmac
import secrets
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, HTTPException, Request, Response
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException as StarletteHTTPException

from models.sealing import keyed_digest
from models.settings import settings
from tasks.progress_limits import Caller
from tasks.progress_sessions import LASTS, digest_of
from web.console.answers import plain_words
from web.console.forms import CSRF_FIELD, Fields, read_form
from web.console.session import address_of
from web.console.words import LANGUAGES, _, environment, language

STATIC = Path(__file__).resolve().parent / "static"
ROOT = "/progress"

BROWSER = "orderpool_buyer"
SESSION = "orderpool_progress"
TICKET = "orderpool_ticket"
"""Cookies: which browser, what it may see, and for which phone it waits for a code."""

_BROWSER_KEPT_S = 24 * 3600
TICKET_KEPT_S = 600


def is_page(path: str) -> bool:
    """Whether a path belongs to the buyers' page."""
    return path == ROOT or path.startswith(f"{ROOT}/")


def page(request: Request, template: str, /, status: int = 200, **context: Any) -> HTMLResponse:
    """A template of web/progress/templates with the context; its forms are good in this browser alone."""
    browser = request.cookies.get(BROWSER) or secrets.token_urlsafe(24)
    frame = {
        "language": language(),
        "languages": LANGUAGES,
        "root": ROOT,
        "path": request.url.path if request.method == "GET" else str(context.get("back", ROOT)),
        "static": static,
        "csrf": _form_token(browser),
    }
    response = HTMLResponse(environment(language()).get_template(template).render(frame | context), status)
    if browser != request.cookies.get(BROWSER):
        keep_cookie(request, response, BROWSER, browser, _BROWSER_KEPT_S)
    with_headers(response)
    return response


def with_headers(response: Response) -> Response:
    """The response with the headers of every answer to buyers."""
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; "
        f"base-uri 'none'; frame-ancestors {_ancestors()}"
    )
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    return response


def _ancestors() -> str:
    sites = settings().progress_frames.split()
    return " ".join(["'self'", *sites]) if sites else "'none'"


def keep_cookie(request: Request, response: Response, name: str, value: str, seconds: int) -> None:
    """Give the browser a cookie for our pages alone; in a frame of another site only where there is HTTPS."""
    framed = bool(settings().progress_frames) and request.url.scheme == "https"
    response.set_cookie(
        name,
        value,
        max_age=seconds,
        path=ROOT,
        httponly=True,
        samesite="none" if framed else "lax",
        secure=request.url.scheme == "https",
    )
    if framed:  # a browser keeps it apart for each site that shows the frame
        key, written = response.raw_headers[-1]
        response.raw_headers[-1] = (key, written + b"; Partitioned")


def keep_session(request: Request, response: Response, token: str) -> None:
    """Give the browser the token of its session, and take what led to it."""
    keep_cookie(request, response, SESSION, token, int(LASTS.total_seconds()))
    response.delete_cookie(TICKET, path=ROOT, httponly=True, samesite="lax")


def caller_of(request: Request) -> Caller:
    """Who asks, as limits count it."""
    return Caller(address_of(request), digest_of(request.cookies.get(BROWSER, "")))


async def _posted(request: Request) -> Fields:
    """The posted form; 403 unless a page of ours in this browser sent it.

    With `no-referrer` a browser names no origin, so Fetch Metadata and the token of the form decide.
    """
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise HTTPException(403, _("Another site sent this form. It was refused."))
    fields = await read_form(request, with_files=False)
    browser = request.cookies.get(BROWSER, "")
    if not browser or not hmac.compare_digest(fields.get(CSRF_FIELD, "").encode(), _form_token(browser).encode()):
        raise HTTPException(403, _("The form is not from this browser. Open the page again and repeat."))
    return fields


Posted = Annotated[Fields, Depends(_posted)]
"""The checked form of a POST."""


def _form_token(browser: str) -> str:
    return keyed_digest("progress form", browser).hex()


def error_page(request: Request, status: int, text: str) -> Response:
    """The page that tells an error."""
    return page(request, "progress_error.html", status, text=text)


def on_http_error(request: Request, error: StarletteHTTPException) -> Response:
    """An error as a page, in its own words where it has some."""
    own = error.status_code in (400, 403, 413, 429) and isinstance(error, HTTPException)
    return error_page(request, error.status_code, str(error.detail) if own else plain_words(error.status_code))


@cache
def static(name: str) -> str:
    """The address of a static file; it changes with its content, so that browsers may keep it."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"{ROOT}/static/{name}?v={digest}"
