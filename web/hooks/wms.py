"""What warehouses tell us: verified, stored, answered; `track_parcels` judges it later."""

from fastapi import APIRouter, HTTPException, Request

from connectors.wms.webhook import unpacked
from models.database import Connection, transaction
from models.errors import ChannelDenied, ChannelRejected
from tasks.counterparts import open_wms
from tasks.inbox import keep_all
from web.requests import MAX_ID_CHARS, Body, Code

router = APIRouter()


@router.post("/hooks/wms/{warehouse_code}")
def receive(warehouse_code: Code, request: Request, body: Body) -> dict[str, str]:
    """Store one signed message of a warehouse, or each that a batch carries; a repeated one gets the same answer."""
    with transaction() as conn:
        _require_warehouse(conn, warehouse_code)
        messages = None
        try:
            messages = unpacked(open_wms(conn, warehouse_code).verify(request.headers, body), MAX_ID_CHARS)
        except ChannelDenied as error:
            raise HTTPException(401, "the signature is wrong") from error
        except ChannelRejected:
            # signed but no envelope: kept, so that whoever works on it says why
            pass
        message_id = request.headers["webhook-id"]
        if len(message_id) > MAX_ID_CHARS:
            raise HTTPException(400, "the webhook-id is too long")
        keep_all(conn, f"wms:{warehouse_code}", messages or {message_id: body.decode()})
    return {"result": "stored"}


def _require_warehouse(conn: Connection, code: str) -> None:
    # late confirmations of a warehouse that was switched off still count
    if conn.execute("select 1 from warehouse where code = %s", (code,)).fetchone() is None:
        raise HTTPException(404, "not found")
