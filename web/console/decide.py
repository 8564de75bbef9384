"""What the order desk decides about orders it has chosen: one reason, many orders, each done or refused in words."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import HTMLResponse

from models.order import Cause
from models.remainder import ShortWay
from tasks import desk, merging
from tasks.decided import Decided
from tasks.redo import redo
from tasks.skip import skip
from web.console.frame import Fields, Person, Posted, _, allowed, cause, go, page, posts
from web.console.order_words import ACTIONS, names_of
from web.console.orders import ORDERS
from web.console.reading import reading
from web.console.sentences import in_words

router = APIRouter()

MOST_AT_ONCE = 500


@router.post(
    ORDERS + "/decide",
    response_class=HTMLResponse,
    openapi_extra=posts("action", "reason", "until", "code", "stage", "back", many=("id",)),
)
def decide(request: Request, person: Annotated[Person, allowed("decide")], fields: Posted) -> Response:
    """Do what was chosen for the orders that were chosen; each is done or refused by itself."""
    action, order_ids = fields.text("action"), _chosen(fields)
    if action not in _DECISIONS:
        raise HTTPException(400, _("Choose what to do."))
    decided = _DECISIONS[action](order_ids, fields.text("reason", 500), cause(person), fields)
    back, name = _back(fields), names_of(ACTIONS)[action]
    if not decided.refused:
        said = _("%(action)s: done for %(count)s.", action=name, count=str(len(decided.done)))
        if decided.asked:
            said += " " + _("The warehouses of %(count)s are asked first.", count=str(len(decided.asked)))
        return go(back, said)
    with reading() as conn:
        rows = conn.execute("select id, order_no from orders where id = any(%s)", (order_ids,)).fetchall()
    refused = {order_id: in_words(sentence) for order_id, sentence in decided.refused.items()}
    return page(
        request,
        person,
        "decided.html",
        action=name,
        done=decided.done,
        asked=decided.asked,
        refused=refused,
        left_out=0,
        numbers=dict(rows),
        back=back,
    )


def _chosen(fields: Fields) -> list[int]:
    """The ids of the form, each once. 400 when there is none, too many, or one is no id."""
    chosen = list(dict.fromkeys(fields.all("id")))
    if not chosen:
        raise HTTPException(400, _("Choose at least one order."))
    if len(chosen) > MOST_AT_ONCE:
        raise HTTPException(400, _("Choose at most %(most)s orders.", most=str(MOST_AT_ONCE)))
    if not all(one.isascii() and one.isdigit() and len(one) < 19 for one in chosen):
        raise HTTPException(400, _("The request cannot be understood."))
    return [int(one) for one in chosen]


_DECISIONS: Mapping[str, Callable[[Sequence[int], str, Cause, Fields], Decided]] = {
    "approve": lambda order_ids, reason, why, _fields: desk.approve(order_ids, reason, why),
    "reject": lambda order_ids, reason, why, _fields: desk.reject(order_ids, reason, why),
    "hold": lambda order_ids, reason, why, fields: desk.hold(order_ids, reason, why, fields.time("until")),
    "release": lambda order_ids, reason, why, fields: desk.release(order_ids, fields.text("code"), reason, why),
    "merge": lambda order_ids, reason, why, _fields: merging.merge_by_hand(order_ids, reason, why),
    "unmerge": lambda order_ids, reason, why, _fields: merging.unmerge_by_hand(order_ids, reason, why),
    "cancel": lambda order_ids, reason, why, _fields: desk.cancel(order_ids, reason, why),
    "reroute_short": lambda order_ids, reason, why, _fields: desk.settle_short(
        order_ids, ShortWay.REROUTE, reason, why
    ),
    "back_order_short": lambda order_ids, reason, why, _fields: desk.settle_short(
        order_ids, ShortWay.BACK_ORDER, reason, why
    ),
    "refund_short": lambda order_ids, reason, why, _fields: desk.settle_short(order_ids, ShortWay.REFUND, reason, why),
    "intercept": lambda order_ids, reason, why, _fields: desk.intercept(order_ids, reason, why),
    "redo": lambda order_ids, reason, why, fields: redo(fields.text("stage"), order_ids, reason, why),
    "skip": lambda order_ids, reason, why, _fields: skip(order_ids, reason, why),
}
"""What each action does."""


def _back(fields: Fields) -> str:
    """The page that the form came from, where it is one of orders."""
    back = fields.get("back", "")
    fine = back.partition("?")[0] in (ORDERS, "/console/") or back.removeprefix(ORDERS + "/").isdigit()
    return back if fine and back.isprintable() and "\\" not in back else ORDERS
