"""How pages are made: templates with what every page shows, and messages that outlive a redirect."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import psycopg
from fastapi import Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from models.sealing import keyed_digest
from models.settings import clock
from tasks.alert_messages import stuck_since
from tasks.promo import promo_in_force
from web.console.reading import reading
from web.console.session import Person
from web.console.words import HERE, LANGUAGES, N_, environment, language

STATIC = HERE / "static"
FLASH_COOKIE = "orderpool_flash"
_MAX_FLASH_CHARS = 900  # a cookie holds 4,096 bytes; a Chinese character takes four of them here


@dataclass(frozen=True, slots=True)
class Link:
    """An entry of the navigation, for those who have the right."""

    path: str
    label: str
    right: str


NAVIGATION: tuple[tuple[Link, ...], ...] = (
    (
        Link("/console/orders", N_("Orders"), "look"),
        Link("/console/waiting", N_("Not moving"), "look"),
        Link("/console/shortages", N_("Shortages"), "look"),
        Link("/console/waves", N_("Waves"), "look"),
        Link("/console/returns", N_("Returns"), "look"),
        Link("/console/quality", N_("Data quality"), "look"),
        Link("/console/queues", N_("Queues"), "look"),
        Link("/console/alerts", N_("Alerts"), "look"),
        Link("/console/runbook", N_("Runbook"), "look"),
    ),
    (
        Link("/console/shops", N_("Shops"), "look"),
        Link("/console/warehouses", N_("Warehouses"), "look"),
        Link("/console/areas", N_("Areas"), "look"),
        Link("/console/skus", N_("SKUs"), "look"),
        Link("/console/rules", N_("Review rules"), "look"),
        Link("/console/promo", N_("Promo mode"), "look"),
        Link("/console/blacklist", N_("Blacklist"), "blacklist"),
        Link("/console/people", N_("People"), "people"),
    ),
)
"""What the navigation offers: the daily work, then what is set up."""


@dataclass(frozen=True, slots=True)
class Flash:
    """A message to show once, on the next page."""

    text: str
    problem: bool


def page(request: Request, person: Person | None, template: str, /, status: int = 200, **context: Any) -> HTMLResponse:
    """A template of web/console/templates with the context; `person`, `csrf` and the frame are there by themselves.

    Shows the message that an earlier answer left, and takes it from the browser. A part of a page that the browser
    asks for leaves it where it is.
    """
    whole = "hx-request" not in request.headers
    message = _read_flash(request) if whole else None
    text = environment(language()).get_template(template).render(frame(request, person) | {"flash": message} | context)
    response = HTMLResponse(text, status)
    if message is not None:
        response.delete_cookie(FLASH_COOKIE, path="/console", httponly=True, samesite="lax")
    return response


def frame(request: Request, person: Person | None) -> dict[str, Any]:
    """What every template may use."""
    return {
        "person": person,
        "csrf": person.csrf if person else "",
        "may": person.may if person else _nothing,
        "navigation": NAVIGATION,
        "language": language(),
        "languages": LANGUAGES,
        "path": request.url.path,
        "with_query": lambda **changes: with_query(request, changes),
        "static": static,
    } | (_in_force() if person else {"promo": None, "untold_since": None})


def _in_force() -> dict[str, Any]:
    """The promo in force, and since when alerts reach nobody; None also where the pool does not answer, which the page
    itself says.
    """
    try:
        with reading() as conn:
            return {"promo": promo_in_force(conn, clock().now()), "untold_since": stuck_since(conn)}
    except psycopg.Error:
        return {"promo": None, "untold_since": None}


def _nothing(right: str) -> bool:
    return False


def with_query(request: Request, changes: Mapping[str, Any]) -> str:
    """The page's own address with other query parameters; None takes one away."""
    changed = request.url.remove_query_params([name for name, value in changes.items() if value is None])
    kept = changed.include_query_params(**{name: value for name, value in changes.items() if value is not None})
    return kept.path + (f"?{kept.query}" if kept.query else "")


@cache
def static(name: str) -> str:
    """The address of a static file; it changes with its content, so that browsers may keep it."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/console/static/{name}?v={digest}"


def flash(response: Response, text: str, *, problem: bool = False) -> Response:
    """Have the next page show a message; returns the response."""
    shown = text if len(text) <= _MAX_FLASH_CHARS else f"{text[: _MAX_FLASH_CHARS - 1]}…"
    body = base64.urlsafe_b64encode(json.dumps([shown, problem], ensure_ascii=False).encode()).decode()
    response.set_cookie(
        FLASH_COOKIE, f"{body}.{_sign(body)}", max_age=300, path="/console", httponly=True, samesite="lax"
    )
    return response


def go(path: str, text: str = "", *, problem: bool = False) -> Response:
    """Lead the browser to another page after a form, with a message to show there."""
    response = RedirectResponse(path, 303)
    return flash(response, text, problem=problem) if text else response


def _sign(body: str) -> str:
    return keyed_digest("console message", body).hex()


def _read_flash(request: Request) -> Flash | None:
    body, _dot, sign = request.cookies.get(FLASH_COOKIE, "").partition(".")
    if not body or not hmac.compare_digest(sign.encode(), _sign(body).encode()):
        return None
    text, problem = json.loads(base64.urlsafe_b64decode(body))
    return Flash(text, problem)
