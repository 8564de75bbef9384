"""The one page of a handheld, whole in itself: what it shows is made in the browser, so that it works on offline."""

import hashlib
import json
from functools import cache
from pathlib import Path

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

from web.console.words import LANGUAGES, environment, language
from web.handheld.texts import texts

HERE = Path(__file__).resolve().parent
STATIC = HERE / "static"
ROOT = "/handheld"

router = APIRouter()


@router.get(ROOT, response_class=HTMLResponse)
def show() -> Response:
    """The page, the same for everybody: who is signed in, it asks."""
    return _page("handheld.html", 200, words=json.dumps(texts(), ensure_ascii=False))


def error_page(status: int, text: str) -> Response:
    """The page that tells an error."""
    return _page("handheld_error.html", status, text=text)


def is_page(path: str) -> bool:
    """Whether a path is a person's, and neither a request of the page nor a file."""
    return path == ROOT or (path.startswith(f"{ROOT}/") and not path.startswith((f"{ROOT}/api/", f"{ROOT}/static/")))


def _page(template: str, status: int, **context: str) -> HTMLResponse:
    frame = {"language": language(), "languages": LANGUAGES, "static": static_root(), "root": ROOT}
    return HTMLResponse(environment(language()).get_template(template).render(frame | context), status)


@cache
def static_root() -> str:
    """The folder of the static files in addresses; it changes with any of them, so that browsers may keep them.

    All at once, because the modules name each other by relative addresses.
    """
    digest = hashlib.sha256()
    for path in sorted(STATIC.rglob("*")):
        if path.is_file():
            digest.update(f"{path.relative_to(STATIC)}\n".encode() + path.read_bytes())
    return f"{ROOT}/static/{digest.hexdigest()[:12]}"


def static_files() -> StaticFiles:
    """The static files, to be mounted at `static_root()`."""
    return StaticFiles(directory=STATIC)
