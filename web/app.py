"""The web application: incoming webhooks and what warehouses read; errors are plain JSON without internals."""

import logging
import time
import traceback
from collections.abc import Sequence
from typing import Any

import psycopg
from fastapi import APIRouter, FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from models.database import connect
from models.errors import SetupError
from web.hooks import carriers, documents, instructions, shops, wms

_log = logging.getLogger("orderpool.web")

_health = APIRouter()

ROUTERS: Sequence[APIRouter] = (
    _health,
    wms.router,
    documents.router,
    instructions.router,
    carriers.router,
    shops.router,
)


def create_app() -> FastAPI:
    """The application with every router; it opens nothing until a request comes."""
    app = FastAPI(title="OrderPool", openapi_url=None)
    for router in ROUTERS:
        app.include_router(router)
    app.add_exception_handler(StarletteHTTPException, _on_http_error)
    app.add_exception_handler(RequestValidationError, _on_bad_request)
    app.add_exception_handler(SetupError, _on_setup_error)
    app.add_exception_handler(psycopg.OperationalError, _on_lost_database)
    app.add_middleware(_PathOnlyLog)
    return app


@_health.get("/health")
def health() -> JSONResponse:
    """Whether the process answers and reaches the pool."""
    try:
        with connect(autocommit=True) as conn:
            conn.execute("select 1")
    except (psycopg.Error, SetupError):
        return JSONResponse({"status": "failing", "database": False}, 503)
    return JSONResponse({"status": "ok", "database": True})


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
            await JSONResponse({"error": "internal error"}, 500)(scope, receive, noting)
        spent_ms = (time.monotonic() - started) * 1000
        _log.info("%s %s %d %.0f ms", scope["method"], _template(scope), status, spent_ms)


def _template(scope: Scope) -> str:
    route: Any = scope.get("route")
    return str(getattr(route, "path", "(no such path)"))


def _on_http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, StarletteHTTPException)
    text = str(error.detail) if isinstance(error, HTTPException) else "not found"
    if error.status_code == 405:
        text = "method not allowed"
    return JSONResponse({"error": text}, error.status_code, error.headers)


def _on_bad_request(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    places = [str(found["loc"][-1]) for found in error.errors()]
    if any(found["loc"][0] == "path" for found in error.errors()):
        return JSONResponse({"error": "not found"}, 404)
    return JSONResponse({"error": f"not usable: {', '.join(places)}"}, 422)


def _on_setup_error(request: Request, error: Exception) -> JSONResponse:
    _log.error("%s: %s", _template(request.scope), error)
    return JSONResponse({"error": "not set up"}, 503)


def _on_lost_database(request: Request, error: Exception) -> JSONResponse:
    _log.error("%s: the database does not answer", _template(request.scope))
    return JSONResponse({"error": "try again later"}, 503, {"Retry-After": "5"})
