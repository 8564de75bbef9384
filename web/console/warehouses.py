"""The pages of warehouses: what they are, how much they do a day, and whether they work."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from connectors.carriers.codes import carrier_codes
from models.settings import SHANGHAI, clock
from tasks.access import changes_of
from tasks.catalog import import_warehouses
from tasks.warehouse_list import EDITABLE, change_warehouse, find_warehouse, list_warehouses
from web.console.frame import Person, Posted, _, allowed, cause, export, go, imported, page, posts, told
from web.requests import Code

router = APIRouter()

WAREHOUSES = "/console/warehouses"
COLUMNS = ("code", "name", "division", "address", "sender_name", "sender_phone", "wms", "carrier", "kind", "cutoff",
           "daily_limit", "in_progress_limit", "active")  # fmt: skip
Looker = Annotated[Person, allowed("look")]
Exporter = Annotated[Person, allowed("export")]
Lead = Annotated[Person, allowed("warehouse")]


def today() -> date:
    """The day in China."""
    return clock().now().astimezone(SHANGHAI).date()


@router.get(WAREHOUSES, response_class=HTMLResponse)
def show_warehouses(request: Request, person: Looker) -> Response:
    """Every warehouse."""
    return page(request, person, "warehouses.html", warehouses=list_warehouses(today()), made={})


@router.get(WAREHOUSES + "/export/{kind}")
def take_out(request: Request, person: Exporter, kind: str) -> Response:
    """The warehouses as a sheet that can be read in again; credentials stay here."""
    rows = [[getattr(row, name) for name in COLUMNS] for row in list_warehouses(today())]
    return export(request, person, kind, "warehouses", COLUMNS, rows)


@router.post(WAREHOUSES + "/import", response_class=HTMLResponse, openapi_extra=posts(upload="file"))
def bring_in(request: Request, person: Lead, fields: Posted) -> Response:
    """Add or change the warehouses of a sheet; secrets that were made up for them are shown once."""
    done = imported(fields, lambda path: import_warehouses(path, cause(person)))
    if not done.secrets:
        return go(WAREHOUSES, told(done))
    return page(request, person, "warehouses.html", warehouses=list_warehouses(today()), made=done.secrets)


@router.get(WAREHOUSES + "/{code}", response_class=HTMLResponse)
def show_warehouse(request: Request, person: Looker, code: Code) -> Response:
    """A warehouse, and what was changed of it."""
    carriers = {name: known.name for name, known in sorted(carrier_codes().items())}
    warehouse = find_warehouse(code, today())
    return page(
        request, person, "warehouse.html", warehouse=warehouse, carriers=carriers, changes=changes_of("warehouse", code)
    )


@router.post(WAREHOUSES + "/{code}", openapi_extra=posts(*EDITABLE, "active", "mended"))
def change(person: Lead, code: Code, fields: Posted) -> Response:
    """Change a warehouse; its credentials stay."""
    values = {name: fields.text(name) for name in EDITABLE}
    is_active, is_mended = fields.text("active") == "yes", fields.text("mended") == "yes"
    change_warehouse(code, values, active=is_active, mended=is_mended, why=cause(person))
    return go(f"{WAREHOUSES}/{code}", _("Saved."))
