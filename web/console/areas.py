"""The pages of areas: which divisions each warehouse serves, and which nobody does."""

from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from tasks.access import changes_of
from tasks.areas import change_areas, coverage, import_areas, uncovered
from tasks.cells import COUNTRY
from tasks.warehouse_list import division_name, find_warehouse, list_areas, list_warehouses
from web.console.frame import Person, Posted, allowed, cause, export, go, imported, page, posts, told
from web.console.warehouses import today
from web.requests import Code

router = APIRouter()

AREAS = "/console/areas"
COLUMNS = ("warehouse", "division", "priority", "name")
MOST_GAPS_SHOWN = 200
Looker = Annotated[Person, allowed("look")]
Exporter = Annotated[Person, allowed("export")]
Lead = Annotated[Person, allowed("warehouse")]


@router.get(AREAS, response_class=HTMLResponse)
def show_areas(request: Request, person: Looker) -> Response:
    """How many divisions each warehouse serves, and those that nobody serves."""
    open_divisions = uncovered(coverage())
    return page(
        request,
        person,
        "areas.html",
        warehouses=list_warehouses(today()),
        uncovered=[(code, division_name(code), level) for code, _name, level, _at in open_divisions[:MOST_GAPS_SHOWN]],
        uncovered_count=len(open_divisions),
    )


@router.get(AREAS + "/export/{kind}")
def take_out(request: Request, person: Exporter, kind: str) -> Response:
    """Every area as a sheet that can be read in again."""
    rows = [(row.warehouse, row.division or row.name, row.priority, row.name) for row in list_areas()]
    return export(request, person, kind, "areas", COLUMNS, rows)


@router.post(AREAS + "/import", openapi_extra=posts(upload="file"))
def bring_in(person: Lead, fields: Posted) -> Response:
    """Make a sheet's areas the whole areas of the warehouses it names."""
    return go(AREAS, told(imported(fields, lambda path: import_areas(path, cause(person)))))


@router.get(AREAS + "/{code}", response_class=HTMLResponse)
def show_areas_of(request: Request, person: Looker, code: Code) -> Response:
    """The divisions that a warehouse serves."""
    warehouse = find_warehouse(code, today())
    changes = changes_of("area", code)
    return page(request, person, "areas_of.html", warehouse=warehouse, areas=list_areas(code), changes=changes)


@router.post(AREAS + "/{code}", openapi_extra=posts("division", "priority"))
def add(person: Lead, code: Code, fields: Posted) -> Response:
    """Let a warehouse serve divisions, several with commas between, or change their priority."""
    names = [name.strip() for name in fields.text("division", 2000).replace("，", ",").replace("、", ",").split(",")]
    priority = fields.text("priority") or "1"
    done = change_areas(code, {name: priority for name in names if name}, (), cause(person))
    return go(f"{AREAS}/{code}", told(done))


@router.post(AREAS + "/{code}/remove", openapi_extra=posts(many=["division"]))
def remove(person: Lead, code: Code, fields: Posted) -> Response:
    """Let a warehouse no longer serve the chosen divisions."""
    chosen = [COUNTRY if value == "country" else value for value in fields.all("division")]
    return go(f"{AREAS}/{code}", told(change_areas(code, {}, chosen, cause(person))))
