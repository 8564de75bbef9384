"""The page of waves of own warehouses, and what is printed: pick lists, packing slips, lists for picking by hand."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import HTMLResponse

from connectors.carriers.codes import carrier_name
from models.database import transaction
from models.floor import WaveKind, WaveState
from models.settings import SHANGHAI, clock
from tasks.access import log_access
from tasks.floor_houses import list_houses
from tasks.floor_waves import make_waves
from tasks.paper.badges import draw_badges
from tasks.paper.documents import print_documents
from tasks.paper.new_badges import new_badges
from tasks.paper.pick_list import draw_pick_list
from tasks.paper.slips import SlipSize, draw_slips
from tasks.paper.undelivered import list_undelivered
from tasks.paper.waves import wave_pick_list, wave_slips
from web.console.frame import N_, Person, Posted, _, address_of, allowed, cause, go, page, posts
from web.console.order_words import names_of
from web.console.reading import reading
from web.requests import Code

router = APIRouter()

WAVES = "/console/waves"
Lead = Annotated[Person, allowed("warehouse")]

KINDS: Mapping[WaveKind, str] = {
    WaveKind.SINGLE_SKU: N_("one unit of one SKU"),
    WaveKind.SINGLE_ITEM: N_("one unit each"),
    WaveKind.MIXED: N_("several units"),
}
STATES: Mapping[WaveState, str] = {
    WaveState.OPEN: N_("waits for a picker"),
    WaveState.PICKING: N_("being picked"),
    WaveState.PICKED: N_("at the bench"),
}

PDF: dict[int | str, dict[str, Any]] = {200: {"content": {"application/pdf": {}}}}
"""What a route's description says of a file to print, for `responses`."""


@router.get(WAVES, response_class=HTMLResponse)
def show_waves(request: Request, person: Annotated[Person, allowed("look")]) -> Response:
    """The waves of every own warehouse that are not all shipped, and what other warehouses have not got."""
    with reading() as conn:
        undelivered = list_undelivered(conn, clock().now())
    return page(
        request,
        person,
        "waves.html",
        houses=list_houses(),
        undelivered=undelivered,
        kinds=names_of(KINDS),
        states=names_of(STATES),
        carrier=carrier_name,
        sizes=[size.value for size in SlipSize],
    )


@router.post(WAVES, openapi_extra=posts("warehouse"))
def make(person: Lead, fields: Posted) -> Response:
    """Put every document that waits in a warehouse into a wave."""
    made = make_waves(fields.text("warehouse"), cause(person))
    return go(WAVES, _("%(count)s waves made.", count=str(len(made))) if made else _("Nothing waits for a wave."))


@router.post(WAVES + "/{no}/pick-list", response_class=Response, responses=PDF)
def print_pick_list(request: Request, person: Lead, no: Code, _fields: Posted) -> Response:
    """The pick list of a wave."""
    with transaction() as conn:
        listed = wave_pick_list(conn, no, clock().now())
    return _printed(request, person, draw_pick_list(listed), "pick-list", listed.no, len(listed.documents))


@router.post(WAVES + "/{no}/slips", response_class=Response, responses=PDF, openapi_extra=posts("size"))
def print_slips(request: Request, person: Lead, no: Code, fields: Posted) -> Response:
    """The packing slips of a wave's documents."""
    size = fields.text("size") or SlipSize.LABEL
    if size not in list(SlipSize):
        raise HTTPException(400, _("Slips of this size are not printed: %(size)s", size=size))
    with transaction() as conn:
        slips = wave_slips(conn, no, cause(person))
    return _printed(request, person, draw_slips(slips, SlipSize(size), no), "slips", no, len(slips))


@router.post(WAVES + "/badge", response_class=Response, responses=PDF, openapi_extra=posts("warehouse", "name"))
def print_badge(request: Request, person: Lead, fields: Posted) -> Response:
    """A new badge for somebody who works in a warehouse; the former one ends."""
    warehouse = fields.text("warehouse")
    badges = new_badges(warehouse, [fields.text("name")], cause(person))
    return _printed(request, person, draw_badges(badges), "badge", warehouse, len(badges))


@router.post("/console/documents/pick-list", response_class=Response, responses=PDF, openapi_extra=posts(many=["no"]))
def print_by_hand(request: Request, person: Annotated[Person, allowed("export")], fields: Posted) -> Response:
    """A pick list of outbound documents of any warehouse, for when its own system has not got them."""
    with transaction() as conn:
        listed = print_documents(conn, fields.all("no"), cause(person))
    name = listed.documents[0].no
    return _printed(request, person, draw_pick_list(listed), "manual-pick-list", name, len(listed.documents))


def _printed(request: Request, person: Person, pdf: bytes, what: str, no: str, rows: int) -> Response:
    """A file to print, noted like an export: with who took it, what it was and of how many documents or badges."""
    now = clock().now()
    with transaction() as conn:
        detail = {"what": what, "no": no, "kind": "pdf", "rows": rows}
        log_access(conn, f"person:{person.name}", "exported", now, address=address_of(request), detail=detail)
    name = f"{what}-{no}-{now.astimezone(SHANGHAI):%H%M}.pdf"
    return Response(
        pdf, media_type="application/pdf", headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )
