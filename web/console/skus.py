"""The pages of SKUs: a list to search, one to change, sheets in and out."""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse

from tasks.access import changes_of
from tasks.catalog import import_skus
from tasks.sku_list import PAGE, all_skus, change_sku, find_sku, list_skus
from web.console.frame import Person, Posted, _, allowed, cause, export, go, imported, page, posts, told
from web.console.words import yuan

router = APIRouter()

SKUS = "/console/skus"
COLUMNS = ("code", "name", "barcode", "weight_g", "usual_yuan")
Looker = Annotated[Person, allowed("look")]
Exporter = Annotated[Person, allowed("export")]
SetsUp = Annotated[Person, allowed("set_up")]
SkuCode = Annotated[str, Query(max_length=64)]


@router.get(SKUS, response_class=HTMLResponse)
def show_skus(
    request: Request, person: Looker, q: Annotated[str, Query(max_length=100)] = "", after: SkuCode = ""
) -> Response:
    """SKUs by code, a page of them."""
    rows = list_skus(q.strip(), after, PAGE + 1)
    more = rows[PAGE - 1].code if len(rows) > PAGE else None
    return page(request, person, "skus.html", skus=rows[:PAGE], more=more, q=q, after=after)


@router.get(SKUS + "/export/{kind}")
def take_out(request: Request, person: Exporter, kind: str) -> Response:
    """Every SKU as a sheet that can be read in again, with the usual prices that a person gave."""
    rows = (
        (row.code, row.name, row.barcode, row.weight_g, yuan(row.usual_fen).replace(",", "") if row.given else "")
        for row in all_skus()
    )
    return export(request, person, kind, "skus", COLUMNS, rows)


@router.post(SKUS + "/import", openapi_extra=posts(upload="file"))
def bring_in(person: SetsUp, fields: Posted) -> Response:
    """Add or change the SKUs of a sheet."""
    return go(SKUS, told(imported(fields, lambda path: import_skus(path, cause(person)))))


@router.get(SKUS + "/one", response_class=HTMLResponse)
def show_sku(request: Request, person: Looker, code: SkuCode = "") -> Response:
    """A SKU, and what was changed of it; without a code the form of a new one."""
    sku = find_sku(code) if code else None
    return page(request, person, "sku.html", sku=sku, changes=changes_of("sku", code) if code else [])


@router.post(SKUS + "/one", openapi_extra=posts("code", "name", "barcode", "weight_g", "usual_yuan", "new"))
def change(person: SetsUp, fields: Posted) -> Response:
    """Add or change one SKU and what it usually costs."""
    values = {name: fields.text(name) for name in ("code", "name", "barcode", "weight_g")}
    change_sku(values, fields.text("usual_yuan"), cause(person), is_new=fields.text("new") == "yes")
    return go(f"{SKUS}?q={quote(values['code'])}", _("Saved."))
