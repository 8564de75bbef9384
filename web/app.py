"""The web application: the console, the handhelds' page, the buyers' page, incoming webhooks and what warehouses read.

Errors tell no internals: pages show them as pages, everything else answers plain JSON.
"""

import logging
import time
import traceback
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import psycopg
from fastapi import APIRouter, FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from models.errors import SetupError
from web import health, metrics
from web.console import ROUTERS as CONSOLE
from web.console import answers
from web.console.pages import STATIC
from web.console.session import NotSignedIn
from web.console.words import _
from web.handheld import ROUTERS as HANDHELD
from web.handheld import page as handheld
from web.hooks import carriers, documents, instructions, prefect, qimen, shops, wms
from web.progress import frame as progress
from web.progress import pages as progress_pages

_log = logging.getLogger("orderpool.web")

_entrance = APIRouter()

ROUTERS: Sequence[APIRouter] = (
    _entrance,
    health.router,
    metrics.router,
    wms.router,
    qimen.router,
    documents.router,
    instructions.router,
    carriers.router,
    shops.router,
    prefect.router,
    progress_pages.router,
    *CONSOLE,
    *HANDHELD,
)


def create_app() -> FastAPI:
    """The application with every router; it opens nothing until a request comes."""
    app = FastAPI(title="OrderPool", openapi_url=None)
    for router in ROUTERS:
        app.include_router(router)
    app.mount("/console/static", StaticFiles(directory=STATIC))
    app.mount(handheld.static_root(), handheld.static_files())
    app.mount("/progress/static", StaticFiles(directory=progress.STATIC))
    app.add_exception_handler(StarletteHTTPException, _on_http_error)
    app.add_exception_handler(RequestValidationError, _on_bad_request)
    app.add_exception_handler(SetupError, _on_setup_error)
    app.add_exception_handler(psycopg.OperationalError, _on_lost_database)
    app.add_exception_handler(NotSignedIn, answers.on_not_signed_in)
    app.add_middleware(_PathOnlyLog)
    app.add_middleware(answers.ConsoleAnswers)
    return app


@_entrance.get("/", include_in_schema=False)
@_entrance.get("/console", include_in_schema=False)
def first_page() -> RedirectResponse:
    """Who opens the bare address means the console."""
    return RedirectResponse(answers.HOME, 303)


class _PathOnlyLog:
    """One line per request with the route's template, because a real path holds tokens; answers unforeseen errors."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.monotonic()
        status = 500

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception as error:  # noqa: BLE001  the text of an unforeseen error may quote what was sent
            place = traceback.extract_tb(error.__traceback__)[-1]
            _log.error("%s: %s at %s:%s", _template(scope), type(error).__name__, place.filename, place.lineno)
            await _failed(Request(scope))(scope, receive, noting)
        spent_ms = (time.monotonic() - started) * 1000
        told = {"method": scope["method"], "path": _template(scope), "status": status, "ms": round(spent_ms)}
        _log.info("%(method)s %(path)s %(status)d %(ms)d ms", told, extra={"event": "request", **told})


def _template(scope: Scope) -> str:
    route: Any = scope.get("route")
    return str(getattr(route, "path", "(no such path)"))


def _failed(request: Request) -> Response:
    if handheld.is_page(request.url.path):
        return handheld.error_page(500, answers.plain_words(500))
    if progress.is_page(request.url.path):
        return progress.error_page(request, 500, answers.plain_words(500))
    if answers.is_console(request.url.path):
        return answers.error_page(request, 500, answers.plain_words(500))
    return JSONResponse({"error": "internal error"}, 500)


def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, StarletteHTTPException)
    if answers.is_console(request.url.path):
        if error.status_code == 405 and request.method == "GET":
            return answers.page_of_form(request)
        own_words = isinstance(error, HTTPException) and error.detail != HTTPStatus(error.status_code).phrase
        text = str(error.detail) if own_words else answers.plain_words(error.status_code)
        return answers.error_page(request, error.status_code, text)
    if handheld.is_page(request.url.path):
        return handheld.error_page(error.status_code, answers.plain_words(error.status_code))
    if progress.is_page(request.url.path):
        return progress.on_http_error(request, error)
    text = str(error.detail) if isinstance(error, HTTPException) else "not found"
    if error.status_code == 405:
        text = "method not allowed"
    return JSONResponse({"error": text}, error.status_code, error.headers)


def _on_bad_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    places = [str(found["loc"][-1]) for found in error.errors()]
    status = 404 if any(found["loc"][0] == "path" for found in error.errors()) else 422
    if answers.is_console(request.url.path):
        return answers.error_page(request, status, answers.plain_words(status))
    if progress.is_page(request.url.path):
        return progress.error_page(request, status, answers.plain_words(status))
    if status == 404:
        return JSONResponse({"error": "not found"}, 404)
    return JSONResponse({"error": f"not usable: {', '.join(places)}"}, 422)


def _on_setup_error(request: Request, error: Exception) -> Response:
    if answers.is_console(request.url.path):
        return answers.on_setup_error(request, error)
    _log.error("%s: %s", _template(request.scope), error)
    if progress.is_page(request.url.path):
        return progress.error_page(request, 503, _("This page is not set up yet."))
    return JSONResponse({"error": "not set up"}, 503)


def _on_lost_database(request: Request, error: Exception) -> Response:
    _log.error("%s: the database does not answer", _template(request.scope))
    if answers.is_console(request.url.path):
        return answers.error_page(request, 503, answers.plain_words(503))
    if progress.is_page(request.url.path):
        return progress.error_page(request, 503, _("Try again in a moment."))
    return JSONResponse({"error": "try again later"}, 503, {"Retry-After": "5"})
