"""Who asks: the session behind a request, and what each role may do."""

from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Annotated, Any

from fastapi import Depends, HTTPException, Request, Response

from models.console import Role
from models.order import Cause
from models.settings import clock
from tasks.batches import RULE_VERSION
from tasks.sessions import LONGEST, find_session
from web.console.words import _, language

COOKIE = "orderpool"

_ADMIN = frozenset({Role.ADMIN})
_DESK = frozenset({Role.DESK, Role.ADMIN})
_WAREHOUSE = frozenset({Role.WAREHOUSE, Role.ADMIN})
_EVERYBODY = frozenset(Role)

RIGHTS: dict[str, frozenset[Role]] = {
    "look": _EVERYBODY,
    "decide": _DESK,  # holds, approve, reject, cancel, merge
    "reveal": _DESK,
    "export": _DESK | _WAREHOUSE,
    "blacklist": _DESK,
    "returns": _DESK,  # announce and call off returns, decide about their money, exchanges
    "inspect": _WAREHOUSE,  # what came back, in which condition
    "follow": _DESK | _WAREHOUSE,  # under which waybill it comes
    "warehouse": _WAREHOUSE,  # warehouses, areas, options of orders that are short
    "set_up": _ADMIN,  # shops, SKUs
    "rules": _ADMIN,
    "promo": _ADMIN,
    "acknowledge": _DESK | _WAREHOUSE,  # alerts
    "people": _ADMIN,
}
"""Which roles have a right."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who is signed in; `csrf` is what the forms of this session must bring."""

    id: int
    name: str
    role: Role
    csrf: str
    language: str

    def may(self, right: str) -> bool:
        """Whether the person's role has the right."""
        return self.role in RIGHTS[right]


class NotSignedIn(Exception):
    """The request needs a session and has none that holds."""


def signed_in(request: Request) -> Person:
    """The person of the request's session; raises NotSignedIn, which leads to the sign-in page."""
    if "\x00" in request.url.path or "%00" in request.url.query:
        raise HTTPException(404)
    found = find_session(request.cookies.get(COOKIE, ""), clock().now())
    if found is None:
        raise NotSignedIn
    person = Person(found.user_id, found.name, Role(found.role), found.csrf, language())
    request.state.person = person
    return person


SignedIn = Annotated[Person, Depends(signed_in)]
"""The person of the session, whatever the role."""


def allowed(*rights: str) -> Any:
    """A dependency that gives the person when the role has all these rights, and answers 403 otherwise.

    Use: `person: Annotated[Person, allowed("decide")]`.
    """

    def check(person: SignedIn) -> Person:
        if not all(person.may(right) for right in rights):
            raise HTTPException(403, _("Your role does not allow this."))
        return person

    unknown = set(rights) - RIGHTS.keys()
    if unknown or not rights:
        raise LookupError(f"no such right: {', '.join(sorted(unknown)) or '(none named)'}")
    check.rights = rights  # type: ignore[attr-defined]  # for the table of routes and roles
    return Depends(check)


def cause(person: Person) -> Cause:
    """The cause of what the person does now."""
    return Cause(f"person:{person.name}", clock().now(), None, RULE_VERSION)


def address_of(request: Request) -> str:
    """Where the request comes from: an IPv4 address, or the /64 network of an IPv6 one, which one customer has."""
    try:
        found = ip_address(request.client.host if request.client else "")
    except ValueError:
        return ""
    if isinstance(found, IPv6Address) and found.ipv4_mapped is None:
        return str(ip_network((found, 64), strict=False))
    return str(getattr(found, "ipv4_mapped", None) or found)


def keep_session(request: Request, response: Response, token: str) -> None:
    """Give the browser the token of its session."""
    response.set_cookie(
        COOKIE,
        token,
        max_age=int(LONGEST.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )


def forget_session(response: Response) -> None:
    """Take the token from the browser."""
    response.delete_cookie(COOKIE, httponly=True, samesite="lax")
