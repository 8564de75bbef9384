"""The runbook as pages of the console: what failed runs mean and what to do, in the reader's language."""

from functools import cache
from pathlib import Path as File
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, HTTPException, Path, Request, Response
from fastapi.responses import FileResponse, HTMLResponse
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from models.settings import CHECKOUT
from web.console.frame import Person, _, allowed, language, page
from web.console.words import CHINESE

router = APIRouter()

HERE = "/console/runbook"
DOCS = CHECKOUT / "docs"

Looker = Annotated[Person, allowed("look")]


@router.get(HERE, response_class=HTMLResponse)
def show(request: Request, person: Looker) -> Response:
    """What every kind of fault means and what to do; its sections are named like the faults."""
    return page(request, person, "runbook.html", title=_("Runbook"), text=_told("runbook", language()))


@router.get(HERE + "/on-call", response_class=HTMLResponse)
def show_on_call(request: Request, person: Looker) -> Response:
    """What Retry, redo, skip, abandon, accept-batch and release do."""
    return page(request, person, "runbook.html", title=_("On call"), text=_told("on-call", language()))


@router.get(HERE + "/images/{name}")
def picture(person: Looker, name: Annotated[str, Path(pattern=r"^failure-[a-z-]+\.png$")]) -> Response:
    """A picture of the runbook."""
    found = DOCS / "images" / name
    if not found.is_file():
        raise HTTPException(404, _("There is no such picture."))
    return FileResponse(found, media_type="image/png", headers={"Cache-Control": "private, max-age=3600"})


@cache
def _told(name: str, wish: str) -> Markup:
    """A page of docs/ as HTML, in Chinese where it is written in it."""
    chinese = DOCS / f"{name}.zh.md"
    return as_html(chinese if wish == CHINESE and chinese.is_file() else DOCS / f"{name}.md")


def as_html(file: File) -> Markup:
    """A Markdown file as HTML without its title: raw HTML is shown as text, headings are anchors, links stay here."""
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(file.read_text())
    if tokens and tokens[0].type == "heading_open" and tokens[0].tag == "h1":
        tokens = tokens[3:]
    for before, token in zip([None, *tokens], tokens, strict=False):
        if before is not None and before.type == "heading_open":
            before.attrSet("id", _anchor(token.content))
        if token.children:
            token.children = _led_here(token.children)
    # what the parser gives is escaped by it
    return Markup(parser.renderer.render(tokens, parser.options, {}))


def _anchor(heading: str) -> str:
    return heading.strip().lower().replace(" ", "-")


def _led_here(tokens: list[Token]) -> list[Token]:
    """Inline tokens whose links and pictures lead to pages of the console; other files are named, not linked."""
    kept: list[Token] = []
    is_open = False
    for token in tokens:
        if token.type == "image":
            token.attrSet("src", f"{HERE}/{token.attrGet('src')}")
        if token.type == "link_open":
            address = _address(str(token.attrGet("href")))
            token.attrSet("href", address)
            is_open = bool(address)
        if is_open or token.type not in {"link_open", "link_close"}:
            kept.append(token)
    return kept


def _address(wish: str) -> str:
    parts = urlsplit(wish)
    if parts.scheme in {"http", "https"} or not parts.path:
        return wish
    pages = {"runbook.md": HERE, "runbook.zh.md": HERE, "on-call.md": f"{HERE}/on-call"}
    there = pages.get(parts.path, "")
    return f"{there}#{parts.fragment}" if there and parts.fragment else there
