"""Returns: the list, one return, and what people do about its goods and its money."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Query, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BeforeValidator

from connectors.carriers.codes import carrier_codes, carrier_name
from connectors.converters import BadValue, yuan_to_fen
from models.database import Connection, in_transaction
from models.errors import SetupError
from models.order import Cause
from models.rules.event_words import event_words
from models.rules.returns import EXPECTED, REFUND_STEPS, RefundState, ReturnKind, ReturnState, Verdict
from tasks import returns
from tasks.refunds import decide_refund
from tasks.replacements import make_exchange, reship
from tasks.return_list import PAGE, ReturnWish, find_return, list_returns
from tasks.returned_units import Unit
from web.console.frame import N_, Fields, Person, Posted, _, allowed, cause, go, page, posts
from web.console.order_words import in_language, names_of
from web.console.orders import ORDERS
from web.console.reading import reading

router = APIRouter()

RETURNS = "/console/returns"
MOST_PIECES = 1_000_000
Looker = Annotated[Person, allowed("look")]
Desk = Annotated[Person, allowed("returns")]
Dock = Annotated[Person, allowed("inspect")]
ReturnId = Annotated[int, Path(ge=0, lt=2**63)]
OrderId = Annotated[int, Path(ge=0, lt=2**63)]
_OrEmpty = BeforeValidator(lambda value: value or None)
"""A form sends the fields that nobody chose in, too."""

KINDS: Mapping[ReturnKind, str] = {
    ReturnKind.RETURN: N_("money back"),
    ReturnKind.EXCHANGE: N_("exchange"),
    ReturnKind.INTERCEPTED: N_("brought back by the carrier"),
}
STATES: Mapping[ReturnState, str] = {
    ReturnState.ANNOUNCED: N_("announced"),
    ReturnState.ON_THE_WAY: N_("on the way"),
    ReturnState.ARRIVED: N_("arrived, to be inspected"),
    ReturnState.INSPECTED: N_("inspected, to be settled"),
    ReturnState.CLOSED: N_("settled"),
    ReturnState.CALLED_OFF: N_("called off"),
}
REFUNDS: Mapping[RefundState, str] = {
    RefundState.NONE: N_("no refund"),
    RefundState.WANTED: N_("refund wanted"),
    RefundState.AGREED: N_("refund agreed"),
    RefundState.ASKED: N_("payment asked for"),
    RefundState.IN_DOUBT: N_("paid or not? look first"),
    RefundState.DONE: N_("refunded"),
    RefundState.REFUSED: N_("refund refused"),
}
DECISIONS: Mapping[RefundState, str] = {
    RefundState.WANTED: N_("The buyer wants it"),
    RefundState.AGREED: N_("Agree"),
    RefundState.ASKED: N_("Payment was asked for"),
    RefundState.IN_DOUBT: N_("Nobody knows whether it was paid"),
    RefundState.DONE: N_("It was paid"),
    RefundState.REFUSED: N_("Refuse"),
    RefundState.NONE: N_("Withdraw"),
}
"""What a person decides about money, by the state that it leads to."""

LOOKS: Mapping[str, str] = {
    ReturnState.ARRIVED: "warn",
    ReturnState.INSPECTED: "warn",
    ReturnState.CLOSED: "good",
    RefundState.WANTED: "warn",
    RefundState.IN_DOUBT: "bad",
    RefundState.DONE: "good",
}
"""How a state looks where it is more than plain."""

VERDICTS: Mapping[str, str] = {
    "good": N_("good"),
    "defect": N_("defective"),
    "wrong": N_("other goods"),
    "empty": N_("empty box"),
}


@router.get(RETURNS, response_class=HTMLResponse)
def show_returns(
    request: Request,
    person: Looker,
    q: Annotated[str, Query(max_length=100)] = "",
    state: Annotated[ReturnState | None, _OrEmpty] = None,
    refund: Annotated[RefundState | None, _OrEmpty] = None,
    kind: Annotated[ReturnKind | None, _OrEmpty] = None,
    todo: bool = False,
    before: Annotated[int | None, Query(ge=1, lt=2**63)] = None,
) -> Response:
    """All returns, the newest first, with filters that go together."""
    wish = ReturnWish(q.strip(), state or "", refund or "", kind or "", todo, before)
    with reading() as conn:
        found = list_returns(conn, wish)
    if wish.text and len(found) == 1:
        # what a scanner reads leads straight to the return
        return go(f"{RETURNS}/{found[0].id}")
    return page(
        request,
        person,
        "returns.html",
        returns=found,
        wish=wish,
        more=found[-1].id if len(found) == PAGE else None,
        **return_words(),
    )


@router.get(RETURNS + "/{return_id}", response_class=HTMLResponse)
def show_return(request: Request, person: Looker, return_id: ReturnId) -> Response:
    """A return: what comes back and what came, its money, its exchange, and every step of it."""
    with reading() as conn:
        found = find_return(conn, return_id)
        warehouses = [row[0] for row in conn.execute("select code from warehouse where active order by code")]
    if found is None:
        raise HTTPException(404, _("There is no such return."))
    row = found.row
    return page(
        request,
        person,
        "return.html",
        found=found,
        row=row,
        expected=row.state in EXPECTED,
        inspectable=row.state in EXPECTED or row.state is ReturnState.ARRIVED,
        decisions={to: _(DECISIONS[to]) for to in DECISIONS if to in REFUND_STEPS[row.refund]},
        verdicts=names_of(VERDICTS),
        warehouses=warehouses,
        story=[_event(event) for event in reversed(found.events)],
        **return_words(),
    )


def return_words() -> dict[str, Any]:
    """What templates say of returns: kinds, states, refunds and their looks, and the carriers by code."""
    return {
        "kinds": names_of(KINDS),
        "states": names_of(STATES),
        "refunds": names_of(REFUNDS),
        "looks": LOOKS,
        "carrier": carrier_name,
        "carriers": {code: known.name for code, known in carrier_codes().items()},
    }


def _event(event: Mapping[str, Any]) -> dict[str, Any]:
    """An event as the page tells it: in words, with the units, the amount and the paper that it names."""
    detail = dict(event["detail"] or {})
    counts = [f"{_(VERDICTS[name])} {detail[name]}" for name in VERDICTS if detail.get(name)]
    if detail.get("missing"):
        counts.append(_("not in the box: %(count)s", count=str(detail["missing"])))
    papers = [str(detail[name]) for name in ("order", "waybill", "warehouse") if detail.get(name)]
    return {
        "at": event["at"],
        "words": in_language(*event_words(event["what"])),
        "about": " · ".join([*counts, *papers]),
        "amount_fen": detail.get("amount_fen"),
        "reason": str(detail.get("reason", "")),
        "actor": str(event["actor"]),
    }


@router.post(
    ORDERS + "/{order_id}/return",
    openapi_extra=posts("kind", "reason", "carrier", "waybill", "refund", "instead", "pieces-1"),
)
def announce(person: Desk, order_id: OrderId, fields: Posted) -> Response:
    """Open a return of an order, or send goods of it once more."""
    pieces = _pieces(fields)
    why = cause(person)
    if fields.text("kind") == "reship":
        made = in_transaction(lambda conn: reship(conn, order_id, pieces, fields.text("reason"), why))
        return go(f"{ORDERS}/{order_id}", _("Order %(no)s was made and goes on within a minute.", no=made))
    wish = returns.Wish(
        order_id,
        pieces,
        fields.text("reason"),
        _kind(fields),
        fields.text("carrier"),
        fields.text("waybill"),
        refund_fen=_fen(fields, "refund"),
        instead=_instead(fields.text("instead", 500)),
    )
    found = in_transaction(lambda conn: returns.announce(conn, wish, why))
    return go(f"{RETURNS}/{found.id}", _("Return %(no)s is announced.", no=found.no))


def _kind(fields: Fields) -> ReturnKind:
    try:
        return ReturnKind(fields.text("kind") or ReturnKind.RETURN)
    except ValueError as error:
        raise HTTPException(400, _("The request cannot be understood.")) from error


def _pieces(fields: Fields) -> dict[int, int]:
    """Pieces per order line of the fields `pieces-1`, `pieces-2`, ...; empty ones are none."""
    return {
        _small(name.removeprefix("pieces-")): _count(fields, name)
        for name, value in fields.items()
        if name.startswith("pieces-") and value
    }


def _small(written: str) -> int:
    if not (written.isascii() and written.isdigit() and len(written) <= 9):
        raise HTTPException(400, _("The request cannot be understood."))
    return int(written)


def _count(fields: Fields, name: str) -> int:
    number = fields.number(name)
    if number > MOST_PIECES:
        raise HTTPException(400, _("%(field)s is no whole number.", field=name[:50]))
    return number


def _instead(written: str) -> dict[str, int]:
    """SKU codes with pieces, as `TEA=2, CUP=1`; a code alone is one piece."""
    wanted: dict[str, int] = {}
    for entry in written.replace("，", ",").split(","):
        code, equals, number = entry.strip().rpartition("=")
        sku, pieces = (code.strip(), number.strip()) if equals else (number.strip(), "1")
        if not entry.strip():
            continue
        if not (sku and pieces.isascii() and pieces.isdigit() and len(pieces) <= 6):
            raise SetupError(f"what is sent instead: {entry.strip()[:64]!r} is not SKU=QTY, such as TEA=2")
        wanted[sku] = wanted.get(sku, 0) + int(pieces)
    return wanted


def _fen(fields: Fields, name: str) -> int | None:
    written = fields.text(name)
    if not written:
        return None
    try:
        return yuan_to_fen(written)
    except BadValue as error:
        raise SetupError(f"amount {written!r}: is none in yuan") from error


@router.post(RETURNS + "/{return_id}/waybill", openapi_extra=posts("carrier", "waybill"))
def waybill(person: Annotated[Person, allowed("follow")], return_id: ReturnId, fields: Posted) -> Response:
    """Note under which waybill the goods come."""
    return _done(
        person,
        return_id,
        lambda conn, why: returns.record_waybill(conn, return_id, fields.text("carrier"), fields.text("waybill"), why),
    )


@router.post(RETURNS + "/{return_id}/arrive", openapi_extra=posts("warehouse"))
def arrive(person: Dock, return_id: ReturnId, fields: Posted) -> Response:
    """Note that the goods are there."""
    return _done(person, return_id, lambda conn, why: returns.arrive(conn, return_id, fields.text("warehouse"), why))


@router.post(RETURNS + "/{return_id}/inspect", openapi_extra=posts("warehouse", "note", "good-1-1", "defect-1-1"))
def inspect(person: Dock, return_id: ReturnId, fields: Posted) -> Response:
    """Say what came of each line."""
    verdicts = _verdicts(fields)
    place, note = fields.text("warehouse"), fields.text("note")
    return _done(
        person,
        return_id,
        lambda conn, why: returns.inspect(conn, return_id, verdicts, why, warehouse=place, note=note),
    )


def _verdicts(fields: Fields) -> dict[Unit, Verdict]:
    """Verdicts of the fields `good-LINE-SKU` and their like, by line number and SKU id."""
    found: dict[Unit, Verdict] = {}
    for name, value in fields.items():
        kind, dash, rest = name.partition("-")
        if kind not in VERDICTS or not dash or not value:
            continue
        line, _dash, sku = rest.partition("-")
        unit = (_small(line), _small(sku))
        found[unit] = found.get(unit, Verdict())._replace(**{kind: _count(fields, name)})
    return found


@router.post(RETURNS + "/{return_id}/close", openapi_extra=posts("note"))
def close(person: Dock, return_id: ReturnId, fields: Posted) -> Response:
    """Say what became of the goods that are not good."""
    return _done(person, return_id, lambda conn, why: returns.close(conn, return_id, fields.text("note"), why))


@router.post(RETURNS + "/{return_id}/call-off", openapi_extra=posts("reason"))
def call_off(person: Desk, return_id: ReturnId, fields: Posted) -> Response:
    """End a return whose goods do not come."""
    return _done(person, return_id, lambda conn, why: returns.call_off(conn, return_id, fields.text("reason"), why))


@router.post(RETURNS + "/{return_id}/refund", openapi_extra=posts("decision", "amount", "reason"))
def refund(person: Desk, return_id: ReturnId, fields: Posted) -> Response:
    """Decide about the money."""
    try:
        to = RefundState(fields.text("decision"))
    except ValueError as error:
        raise HTTPException(400, _("The request cannot be understood.")) from error
    fen, reason = _fen(fields, "amount"), fields.text("reason")
    return _done(
        person,
        return_id,
        lambda conn, why: decide_refund(conn, return_id, to, why, reason=reason, amount_fen=fen),
    )


@router.post(RETURNS + "/{return_id}/exchange", openapi_extra=posts())
def exchange(person: Desk, return_id: ReturnId, fields: Posted) -> Response:
    """Let the goods of an exchange leave now."""
    why = cause(person)
    made = in_transaction(lambda conn: make_exchange(conn, return_id, why))
    return go(f"{RETURNS}/{return_id}", _("Order %(no)s was made and goes on within a minute.", no=made))


def _done(person: Person, return_id: int, change: Callable[[Connection, Cause], object]) -> Response:
    why = cause(person)
    in_transaction(lambda conn: change(conn, why))
    return go(f"{RETURNS}/{return_id}", _("Done."))
