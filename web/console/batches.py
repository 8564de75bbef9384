"""The page of one batch: where runs in Prefect lead to, and from where they are found again."""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Request, Response
from fastapi.responses import HTMLResponse

from models.settings import clock
from tasks.batch_page import find_batch
from tasks.order_list import list_orders
from tasks.order_wish import Wish
from web.console.frame import Person, _, allowed, page
from web.console.order_words import BATCHES, LOOKS, STAGES, STATUSES, hold_name, names_of
from web.console.reading import reading
from web.console.runs import prefect_ui, run_address

router = APIRouter()


@router.get("/console/batches/{batch_id}", response_class=HTMLResponse)
def show_batch(
    request: Request,
    person: Annotated[Person, allowed("look")],
    batch_id: Annotated[int, Path(ge=0, lt=2**63)],
) -> Response:
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
        states=names_of(BATCHES),
        hold_names={code: hold_name(code) for code in batch.holds}
        | {code: hold_name(code) for row in shown.rows for code in row.holds},
    )
