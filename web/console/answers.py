"""What the console answers beside its pages: errors as pages, headers on everything, the language of each request.

Headers and language are those of the handheld page as well, and of the buyers' page where it has none of its own.
"""

from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, quote

from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from models.errors import SetupError
from web.console.pages import page
from web.console.sentences import in_words
from web.console.session import NotSignedIn
from web.console.words import CHINESE, LANGUAGES, _, speak

HOME = "/console/"
SIGN_IN = "/console/sign-in"
LANGUAGE_COOKIE = "orderpool_lang"
_LASTING = "public, max-age=31536000, immutable"
_LANGUAGE_KEPT_S = 365 * 24 * 3600

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; frame-ancestors 'none'; form-action 'self'; base-uri 'none'; object-src 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    # no address leaves the console; with `no-referrer` browsers would hide from us that a form is our own
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex, nofollow",
}
"""Headers of every answer to people that has none of its own of that name."""


def is_console(path: str) -> bool:
    """Whether a path belongs to the console."""
    return path == "/console" or path.startswith("/console/")


def _is_for_people(path: str) -> bool:
    return is_console(path) or path.startswith(("/handheld/", "/progress/")) or path in ("/handheld", "/progress")


def _is_lasting(scope: Scope) -> bool:
    # the address of a static file changes with its content
    path: str = scope["path"]
    if path.startswith("/handheld/static/"):
        return True
    return path.startswith(("/console/static/", "/progress/static/")) and bool(scope["query_string"].startswith(b"v="))


class ConsoleAnswers:
    """Middleware: the language of the request, chosen with ?lang= and kept in a cookie, and the headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or not _is_for_people(scope["path"]):
            await self._app(scope, receive, send)
            return
        chosen = _chosen(scope)
        is_lasting = _is_lasting(scope)
        speak(chosen or _kept(scope))

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if is_lasting and message["status"] == 200:
                    headers["Cache-Control"] = _LASTING
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if chosen:
                    headers.append(
                        "set-cookie", f"{LANGUAGE_COOKIE}={chosen}; Path=/; Max-Age={_LANGUAGE_KEPT_S}; SameSite=Lax"
                    )
            await send(message)

        await self._app(scope, receive, with_headers)


def _chosen(scope: Scope) -> str:
    wish = parse_qs(scope["query_string"].decode("latin-1")).get("lang", [""])[-1]
    return wish if wish in LANGUAGES else ""


def _kept(scope: Scope) -> str:
    try:
        kept = SimpleCookie(Headers(scope=scope).get("cookie", "")).get(LANGUAGE_COOKIE)
    except CookieError:
        return CHINESE
    return kept.value if kept else CHINESE


def error_page(request: Request, status: int, text: str) -> Response:
    """The page that tells an error; where the browser asked for a part of a page, only its message."""
    person = getattr(request.state, "person", None)
    in_part = "hx-request" in request.headers
    response = page(request, person, "error_part.html" if in_part else "error.html", status, text=text)
    if in_part:
        response.headers["HX-Retarget"] = "#message"
        response.headers["HX-Reswap"] = "innerHTML"
    return response


def on_not_signed_in(request: Request, error: Exception) -> Response:
    """Lead to the sign-in page, and from there back to the page that was asked for."""
    assert isinstance(error, NotSignedIn)
    if "hx-request" in request.headers:
        return Response(status_code=401, headers={"HX-Redirect": SIGN_IN})
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    asked = f"?next={quote(wanted, safe='')}" if request.method == "GET" else ""
    return RedirectResponse(SIGN_IN + asked, 303)


def page_of_form(request: Request) -> Response:
    """Who opens the address of a form, as by the language switch of an answer to it, means the page that has it."""
    parent = request.url.path.rstrip("/").rpartition("/")[0]
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse((parent if parent != "/console" else HOME) + query, 303)


def own_path(wish: str) -> str:
    """The path to go to after the sign-in: the wish when it is a page of the console, else the first page."""
    is_ours = is_console(wish) and wish.isprintable() and "\\" not in wish and "//" not in wish.partition("?")[0]
    return wish if is_ours and not wish.startswith(SIGN_IN) else HOME


def on_setup_error(request: Request, error: Exception) -> Response:
    """A wish that cannot be done, as a page with the sentence that says why."""
    assert isinstance(error, SetupError)
    return error_page(request, 409, in_words(str(error)))


def plain_words(status: int) -> str:
    """What an error without words of its own means."""
    words = {
        400: _("The request cannot be understood."),
        403: _("Your role does not allow this."),
        404: _("There is no such page."),
        405: _("This page takes no such request."),
        422: _("The request cannot be understood."),
        500: _("Something went wrong here. The log of the web application says what."),
        503: _("The database does not answer. Try again in a moment."),
    }
    return words.get(status, str(status))
