"""The page of those who may sign in: added, given a role, a new password, switched off and let in again."""

from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from models.console import Role
from models.settings import clock
from tasks.access import changes_of
from tasks.passwords import made_up_password
from tasks.people import add_person, as_role, list_people, set_active, set_password, set_role, unlock
from web.console.frame import Person, Posted, _, allowed, cause, go, page, posts
from web.console.words import role_name

router = APIRouter()

PEOPLE = "/console/people"
Admin = Annotated[Person, allowed("people")]


@router.get(PEOPLE, response_class=HTMLResponse)
def show_people(request: Request, person: Admin) -> Response:
    """Everybody who was ever added."""
    return _people(request, person)


def _people(request: Request, person: Person, name: str = "", password: str = "") -> Response:
    return page(
        request,
        person,
        "people.html",
        people=list_people(clock().now()),
        roles=[(role.value, role_name(role)) for role in Role],
        role_name=role_name,
        changes=changes_of("person"),
        made_for=name,
        made=password,
    )


@router.post(PEOPLE, response_class=HTMLResponse, openapi_extra=posts("name", "role"))
def add(request: Request, person: Admin, fields: Posted) -> Response:
    """Add somebody, with a password that is shown once."""
    password = made_up_password()
    name = add_person(fields.text("name"), as_role(fields.text("role")), password, cause(person))
    return _people(request, person, name, password)


@router.post(PEOPLE + "/password", response_class=HTMLResponse, openapi_extra=posts("name"))
def renew_password(request: Request, person: Admin, fields: Posted) -> Response:
    """Give somebody another password, which is shown once."""
    name, password = fields.text("name"), made_up_password()
    set_password(name, password, cause(person))
    return _people(request, person, name, password)


@router.post(PEOPLE + "/role", openapi_extra=posts("name", "role"))
def change_role(person: Admin, fields: Posted) -> Response:
    """Give somebody another role."""
    set_role(fields.text("name"), as_role(fields.text("role")), cause(person))
    return go(PEOPLE, _("%(name)s has the new role and signs in again.", name=fields.text("name")))


@router.post(PEOPLE + "/active", openapi_extra=posts("name", "active"))
def change_active(person: Admin, fields: Posted) -> Response:
    """Let somebody sign in, or no more."""
    active = fields.text("active") == "yes"
    set_active(fields.text("name"), active, cause(person))
    said = _("%(name)s may sign in.") if active else _("%(name)s may not sign in any more.")
    return go(PEOPLE, said % {"name": fields.text("name")})


@router.post(PEOPLE + "/unlock", openapi_extra=posts("name"))
def let_in_again(person: Admin, fields: Posted) -> Response:
    """Let somebody who waits after wrong passwords try again at once."""
    unlock(fields.text("name"), cause(person))
    return go(PEOPLE, _("%(name)s may try again now.", name=fields.text("name")))
