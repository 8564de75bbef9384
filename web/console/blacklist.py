"""The page of the blacklist: who is on it, masked; added, looked up and taken off."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse

from models.errors import SetupError
from models.review import BlacklistKind
from tasks.blacklist import (
    PAGE,
    Entry,
    add_buyer_of,
    add_entry,
    end_entry,
    find_entries,
    import_entries,
    list_entries,
    person_of,
)
from tasks.blacklist import (
    Person as Named,
)
from tasks.setup import list_shops
from web.console.frame import Fields, Person, Posted, _, allowed, cause, go, imported, page, posts, told

router = APIRouter()

BLACKLIST = "/console/blacklist"
MOST_ID = 2**63 - 1
Keeper = Annotated[Person, allowed("blacklist")]


def kind_name(kind: BlacklistKind) -> str:
    """What an entry names, in words."""
    names = {
        BlacklistKind.PHONE: _("phone"),
        BlacklistKind.ADDRESS: _("address"),
        BlacklistKind.BUYER: _("buyer of a shop"),
    }
    return names[kind]


@router.get(BLACKLIST, response_class=HTMLResponse)
def show_blacklist(
    request: Request,
    person: Keeper,
    q: Annotated[str, Query(max_length=100)] = "",
    ended: bool = False,
    before: Annotated[int | None, Query(ge=1, le=MOST_ID)] = None,
) -> Response:
    """The newest entries, masked."""
    entries = list_entries(ended=ended, before=before, contains=q)
    more = entries[-1].id if len(entries) == PAGE else None
    return _page(request, person, entries, q=q, ended=ended, more=more, before=before)


def _page(request: Request, person: Person, entries: list[Entry], **context: Any) -> Response:
    usual: dict[str, Any] = {"q": "", "ended": False, "more": None, "before": None, "found": False}
    return page(
        request,
        person,
        "blacklist.html",
        entries=entries,
        kinds=[(kind.value, kind_name(kind)) for kind in BlacklistKind],
        kind_name=kind_name,
        shops=[shop.code for shop in list_shops()],
        **{**usual, **context},
    )


@router.post(BLACKLIST, openapi_extra=posts("kind", "value", "shop", "reason"))
def add(person: Keeper, fields: Posted) -> Response:
    """Put somebody on the blacklist."""
    kind, reason = _kind(fields), fields.text("reason", 500)
    if kind is BlacklistKind.BUYER:
        entry_id, is_new = add_buyer_of(fields.text("shop"), fields.text("value", 500), reason, cause(person))
    else:
        entry_id, is_new = add_entry(_named(fields, kind), reason, cause(person))
    text = _("Entry %(id)s counts from now on.") if is_new else _("Entry %(id)s says so already; it stays as it is.")
    return go(BLACKLIST, text % {"id": entry_id})


@router.post(BLACKLIST + "/find", response_class=HTMLResponse, openapi_extra=posts("kind", "value", "shop"))
def find(request: Request, person: Keeper, fields: Posted) -> Response:
    """Every entry made for a phone, an address or a buyer; what is looked for stands in no address."""
    return _page(request, person, find_entries(_named(fields, _kind(fields))), found=True, ended=True)


@router.post(BLACKLIST + "/end", openapi_extra=posts("id"))
def end(person: Keeper, fields: Posted) -> Response:
    """Take an entry off the blacklist."""
    end_entry(fields.number("id"), cause(person))
    return go(BLACKLIST, _("The entry has ended. Orders that it holds wait for a person still."))


@router.post(BLACKLIST + "/import", openapi_extra=posts(upload="file"))
def bring_in(person: Keeper, fields: Posted) -> Response:
    """Put everybody on the blacklist whom a sheet names."""
    return go(BLACKLIST, told(imported(fields, lambda path: import_entries(path, cause(person)))))


def _kind(fields: Fields) -> BlacklistKind:
    try:
        return BlacklistKind(fields.text("kind"))
    except ValueError as error:
        raise SetupError(f"blacklist: want a kind of {', '.join(BlacklistKind)}") from error


def _named(fields: Fields, kind: BlacklistKind) -> Named:
    return person_of(kind, fields.text("value", 500), fields.text("shop"))
