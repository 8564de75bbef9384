"""What a page of the console is built from.

A page is a function with a right, in a module whose `router` stands in ROUTERS of web/console/__init__.py:

    @router.get("/console/things", response_class=HTMLResponse)
    def things(request: Request, person: Annotated[Person, allowed("look")]) -> Response:
        return page(request, person, "things.html", rows=rows)

    @router.post("/console/things", openapi_extra=posts("name", "reason"))
    def change(person: Annotated[Person, allowed("set_up")], fields: Posted) -> Response:
        change_thing(fields.text("name"), cause(person))
        return go("/console/things", _("Saved."))

A SetupError that leaves a page's function becomes a page with its sentence (409).
"""

from web.console.forms import CSRF_FIELD, Fields, Posted, form, posts
from web.console.pages import flash, go, page
from web.console.session import RIGHTS, Person, SignedIn, address_of, allowed, cause
from web.console.sheets import download, export, imported, told
from web.console.words import N_, _, language

__all__ = [
    "CSRF_FIELD",
    "N_",
    "RIGHTS",
    "Fields",
    "Person",
    "Posted",
    "SignedIn",
    "_",
    "address_of",
    "allowed",
    "cause",
    "download",
    "export",
    "flash",
    "form",
    "go",
    "imported",
    "language",
    "page",
    "posts",
    "told",
]
