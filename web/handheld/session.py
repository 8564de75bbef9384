"""Who asks: the picker behind a handheld's cookie, and that its own page asks."""

from typing import Annotated

from fastapi import Depends, HTTPException, Request, Response

from models.settings import clock
from tasks.floor_people import LONGEST, Signed, find_session
from web.console.forms import require_own_page
from web.console.words import _

COOKIE = "handheld"
PATH = "/handheld"


def _signed(request: Request) -> Signed:
    found = find_session(request.cookies.get(COOKIE, ""), clock().now())
    if found is None:
        raise HTTPException(401, _("Scan your badge."))
    return found


SignedIn = Annotated[Signed, Depends(_signed)]
"""The picker of the session; 401 without one, which leads the page to its sign-in."""


def from_own_page(request: Request) -> None:
    """403 unless our own page sent this, 415 unless it is JSON, which no form of another site can send.

    The cookie is SameSite=Strict: a browser that is led here by another site does not bring it.
    """
    require_own_page(request)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(415, "send application/json")


def keep_session(request: Request, response: Response, token: str) -> None:
    """Give the handheld the token of its session."""
    response.set_cookie(
        COOKIE,
        token,
        max_age=int(LONGEST.total_seconds()),
        path=PATH,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )


def forget_session(response: Response) -> None:
    """Take the token from the handheld."""
    response.delete_cookie(COOKIE, path=PATH, httponly=True, samesite="strict")
