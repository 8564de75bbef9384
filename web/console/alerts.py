"""Alerts: what is open and was lately, who was told of each and when, and who sees to it."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import HTMLResponse

from models.database import in_transaction
from models.messages import OutboxState
from models.rules.alert_handling import NAMES
from models.settings import clock
from models.telling import Language, News
from tasks.alert_list import list_alerts
from tasks.alerts import acknowledge
from tasks.recipients import recipients
from web.console.frame import N_, Person, Posted, _, allowed, cause, go, language, page, posts
from web.console.order_words import in_language
from web.console.reading import reading
from web.console.sentences import in_words

router = APIRouter()

ALERTS = "/console/alerts"
Looker = Annotated[Person, allowed("look")]
Seer = Annotated[Person, allowed("acknowledge")]
AlertId = Annotated[int, Path(ge=0, lt=2**63)]

NEWS: Mapping[News, str] = {
    News.OPENED: N_("that it is there"),
    News.REPEATED: N_("that it came again"),
    News.COUNTED: N_("as one of several"),
    News.ESCALATED: N_("that nobody sees to it"),
    News.CLOSED: N_("that it is over"),
}
STATES: Mapping[OutboxState, str] = {
    OutboxState.PENDING: N_("under way"),
    OutboxState.DELIVERED: N_("told"),
    OutboxState.REFUSED: N_("not told"),
    OutboxState.WITHDRAWN: N_("somebody else was told"),
}


@router.get(ALERTS, response_class=HTMLResponse)
def show_alerts(request: Request, person: Looker) -> Response:
    """What is open, what was over in the last days, and who is told."""
    with reading() as conn:
        still, over = list_alerts(conn, clock().now(), Language(language()))
        people = recipients(conn)
    return page(
        request,
        person,
        "alerts.html",
        still=still,
        over=over,
        people=people,
        names={rule: in_language(*said) for rule, said in NAMES.items()},
        news={news: _(said) for news, said in NEWS.items()},
        states={state: _(said) for state, said in STATES.items()},
        in_words=in_words,
    )


@router.post(ALERTS + "/{alert_id}/acknowledge", openapi_extra=posts())
def see_to(person: Seer, alert_id: AlertId, fields: Posted) -> Response:
    """Say that one sees to an alert; nobody else is called for it."""
    is_first = in_transaction(lambda conn: acknowledge(conn, alert_id, cause(person)))
    return go(ALERTS, _("You see to it.") if is_first else _("Somebody sees to it already."))
