"""The page of promo mode: what is in force, switching it on and off, and what waits for room in the warehouses."""

from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from models.errors import SetupError
from models.settings import clock
from tasks.access import changes_of
from tasks.promo import promo_off, promo_on, shipped_profiles
from tasks.release_room import room_waits, rooms_of
from web.console.frame import Person, Posted, _, allowed, cause, go, page, posts
from web.console.reading import reading

router = APIRouter()

PROMO = "/console/promo"
Looker = Annotated[Person, allowed("look")]
Switcher = Annotated[Person, allowed("promo")]


@router.get(PROMO, response_class=HTMLResponse)
def show_promo(request: Request, person: Looker) -> Response:
    """What is in force, the room of every metered warehouse, the profiles, and what was changed."""
    now = clock().now()
    with reading() as conn:
        rooms, waits = rooms_of(conn, now), {wait.warehouse: wait for wait in room_waits(conn)}
    return page(
        request,
        person,
        "promo.html",
        rooms=rooms,
        waits=waits,
        profiles={name: settings.to_json() for name, settings in shipped_profiles().items()},
        changes=changes_of("promo"),
    )


@router.post(PROMO + "/on", openapi_extra=posts("profile", "until", "reason"))
def switch_on(person: Switcher, fields: Posted) -> Response:
    """Put a profile in force until a time."""
    until = fields.time("until")
    if until is None:
        raise SetupError(_("Say until when the promo lasts."))
    began = promo_on(fields.text("profile"), until, fields.text("reason"), cause(person))
    return go(PROMO, _("Promo %(profile)s is in force.", profile=began.profile))


@router.post(PROMO + "/off", openapi_extra=posts())
def switch_off(person: Switcher, fields: Posted) -> Response:
    """End the promo that is in force."""
    ended = promo_off(cause(person))
    return go(PROMO, _("The promo has ended.") if ended else _("No promo is in force."))
