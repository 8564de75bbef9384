"""The page of one batch: where runs in Prefect lead to, and what a person does when its run does not get on."""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Request, Response
from fastapi.responses import HTMLResponse

from models.settings import clock
from tasks.batch_page import find_batch
from tasks.decided import Decided
from tasks.order_list import list_orders
from tasks.order_wish import Wish
from tasks.redo import redo_batch
from tasks.skip import skip_batch
from web.console.frame import Person, Posted, _, allowed, cause, go, page, posts
from web.console.order_words import ACTIONS, BATCHES, LOOKS, RUN_STAGES, STAGES, STATUSES, hold_name, names_of
from web.console.reading import reading
from web.console.runs import prefect_ui, run_address
from web.console.sentences import in_words

router = APIRouter()

BATCH = "/console/batches/{batch_id}"
MOST_REFUSED = 200
"""Orders of a batch whose refusal is told on the page; a batch has thousands."""

BatchId = Annotated[int, Path(ge=0, lt=2**63)]


@router.get(BATCH, response_class=HTMLResponse)
def show_batch(request: Request, person: Annotated[Person, allowed("look")], batch_id: BatchId) -> Response:
    """A batch: its orders by stage and hold, its check, its newest orders, and its run."""
    with reading() as conn:
        batch = find_batch(conn, batch_id)
        if batch is None:
            raise HTTPException(404, _("There is no such batch."))
        shown = list_orders(conn, Wish(batch_id=batch_id), clock().now())
    return page(
        request,
        person,
        "batch.html",
        batch=batch,
        shown=shown,
        run=run_address(prefect_ui(), batch.flow_run_id),
        statuses=names_of(STATUSES),
        looks=LOOKS,
        stages=names_of(STAGES),
        run_stages=names_of(RUN_STAGES),
        states=names_of(BATCHES),
        hold_names={code: hold_name(code) for code in batch.holds}
        | {code: hold_name(code) for row in shown.rows for code in row.holds},
    )


@router.post(BATCH + "/redo", response_class=HTMLResponse, openapi_extra=posts("stage", "reason"))
def redo(request: Request, person: Annotated[Person, allowed("decide")], batch_id: BatchId, fields: Posted) -> Response:
    """Have the batch's orders do a stage again."""
    redone = redo_batch(fields.text("stage"), batch_id, fields.text("reason", 500), cause(person))
    return _answer(request, person, batch_id, "redo", redone)


@router.post(BATCH + "/skip", response_class=HTMLResponse, openapi_extra=posts("stage", "reason"))
def skip(request: Request, person: Annotated[Person, allowed("decide")], batch_id: BatchId, fields: Posted) -> Response:
    """Park the batch's orders, or those that wait for one stage, so that its run can finish."""
    skipped = skip_batch(batch_id, fields.text("reason", 500), cause(person), fields.text("stage"))
    return _answer(request, person, batch_id, "skip", skipped)


def _answer(request: Request, person: Person, batch_id: int, action: str, decided: Decided) -> Response:
    back, name = f"/console/batches/{batch_id}", names_of(ACTIONS)[action]
    if not decided.refused:
        return go(back, _("%(action)s: done for %(count)s.", action=name, count=str(len(decided.done))))
    told = dict(list(decided.refused.items())[:MOST_REFUSED])
    with reading() as conn:
        rows = conn.execute("select id, order_no from orders where id = any(%s)", (list(told),)).fetchall()
    return page(
        request,
        person,
        "decided.html",
        action=name,
        done=decided.done,
        asked=decided.asked,
        refused={order_id: in_words(sentence) for order_id, sentence in told.items()},
        left_out=len(decided.refused) - len(told),
        numbers=dict(rows),
        back=back,
    )
