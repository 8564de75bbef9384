"""The pages of shops: what they are called, whether they are read, and what is set for them."""

from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from tasks.access import changes_of
from tasks.setup import list_shops
from tasks.shop_edit import change_shop, find_shop_page
from tasks.shop_settings import set_shop
from web.console.frame import Person, Posted, _, allowed, cause, go, page, posts
from web.console.shop_words import DAILY, setting_words
from web.requests import Code

router = APIRouter()

SHOPS = "/console/shops"
Looker = Annotated[Person, allowed("look")]
SetsUp = Annotated[Person, allowed("set_up")]


@router.get(SHOPS, response_class=HTMLResponse)
def show_shops(request: Request, person: Looker) -> Response:
    """Every shop."""
    return page(request, person, "shops.html", shops=list_shops())


@router.get(SHOPS + "/{code}", response_class=HTMLResponse)
def show_shop(request: Request, person: Looker, code: Code) -> Response:
    """A shop with its settings and what was changed of it."""
    shop = find_shop_page(code)
    by_name = {row.name: row for row in shop.settings}
    daily = [by_name[name] for name in DAILY if name in by_name]
    granted = [row for row in shop.settings if row.name not in DAILY]
    return page(
        request,
        person,
        "shop.html",
        row=shop.row,
        daily=daily,
        granted=granted,
        setting_words=setting_words,
        changes=changes_of("shop", code),
    )


@router.post(SHOPS + "/{code}", openapi_extra=posts("name", "active", "lock_unpaid"))
def change(person: SetsUp, code: Code, fields: Posted) -> Response:
    """Change what a shop is called, whether it is read, and whether its unpaid orders keep stock."""
    change_shop(
        code,
        fields.text("name"),
        active=fields.text("active") == "yes",
        lock_unpaid=fields.text("lock_unpaid") == "yes",
        why=cause(person),
    )
    return go(f"{SHOPS}/{code}", _("Saved."))


@router.post(SHOPS + "/{code}/settings", openapi_extra=posts("setting", "value"))
def change_settings(person: SetsUp, code: Code, fields: Posted) -> Response:
    """Change settings of a shop: each field is one, and an empty one goes back to the usual value."""
    before = {row.name: row for row in find_shop_page(code).settings}
    wishes = {
        name: value
        for name, value in fields.items()
        if name in before and value != (before[name].value if before[name].is_own else "")
    }
    set_shop(code, wishes, cause(person))
    return go(f"{SHOPS}/{code}", _("Saved."))
