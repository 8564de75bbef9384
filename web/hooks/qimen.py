"""What Qimen warehouses tell and ask us: verified, stored, answered in XML; `track_parcels` judges it later."""

import logging

import orjson
from fastapi import APIRouter, HTTPException, Request, Response

from connectors.wms.qimen import RECEIVER, QimenWms
from connectors.wms.qimen_incoming import order_code
from connectors.wms.qimen_protocol import SIGN_CHECK, failure, success
from connectors.wms.qimen_xml import Content, write_xml
from models.database import Connection, transaction
from models.errors import ChannelDenied
from models.shipment import GIVEN_BACK
from tasks.counterparts import open_wms
from tasks.inbox import keep_all
from web.hooks.documents import require_reveal, revealed
from web.requests import Body, Code

_log = logging.getLogger("orderpool.web")

router = APIRouter()

REFUSED = failure(SIGN_CHECK, "Illegal request")
"""All that a caller learns whose call is not signed, not of these minutes, or for another customer."""


@router.post("/hooks/qimen/{warehouse_code}")
def receive(warehouse_code: Code, request: Request, body: Body) -> Response:
    """Store what a signed call of a warehouse reports, or answer its question; a repeated one gets the same answer."""
    query = dict(request.query_params)
    with transaction() as conn:
        wms = _wms(conn, warehouse_code)
        try:
            call = wms.verified(query, body)
        except ChannelDenied as error:
            # the status of the answer does not show it, and its sender is not told what is wrong
            _log.warning("%s", error)
            return _xml(REFUSED)
        if call.method == RECEIVER:
            return _xml(_receiver(conn, warehouse_code, order_code(body)))
        reports = wms.reports(call)
        keep_all(conn, f"wms:{warehouse_code}", {name: orjson.dumps(said).decode() for name, said in reports.items()})
    return _xml(success())


def _wms(conn: Connection, code: str) -> QimenWms:
    # late confirmations of a warehouse that was switched off still count
    if conn.execute("select 1 from warehouse where code = %s and wms = 'qimen'", (code,)).fetchone() is None:
        raise HTTPException(404, "not found")
    wms = open_wms(conn, code)
    assert isinstance(wms, QimenWms)
    return wms


def _receiver(conn: Connection, warehouse_code: str, document_no: str) -> bytes:
    """The receiver of one of the warehouse's documents in clear; every look is written into the orders' story."""
    found = conn.execute(
        """select d.id, d.state from outbound_document d join warehouse w on w.id = d.warehouse_id
           where d.no = %s and w.code = %s""",
        (document_no, warehouse_code),
    ).fetchone()
    if found is None:
        return failure("not-found", "no such document")
    if found[1] in GIVEN_BACK:
        return failure("cancelled", "the document was cancelled")
    try:
        require_reveal(warehouse_code)
        receiver = revealed(conn, found[0], document_no, f"wms:{warehouse_code}")
    except HTTPException as error:
        return failure("not-now" if error.status_code == 429 else "erased", str(error.detail))
    info: list[tuple[str, Content]] = [
        ("oaid", receiver["oaid"]),
        ("name", receiver["name"]),
        ("mobile", receiver["phone"]),
        ("province", receiver["province"]),
        ("city", receiver["city"]),
        ("area", receiver["district"]),
        ("town", receiver["town"]),
        ("detailAddress", receiver["address"]),
    ]
    return write_xml("response", [("flag", "success"), ("code", "0"), ("message", "ok"), ("receiverInfo", info)])


def _xml(answer: bytes) -> Response:
    return Response(answer, media_type="text/xml;charset=UTF-8")
