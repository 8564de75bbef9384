"""What a warehouse reads with its pull token: a whole outbound document, and the receiver when it prints the label."""

import time
from collections import defaultdict, deque
from threading import Lock
from typing import Any

from fastapi import APIRouter, HTTPException

from models.database import Connection, transaction
from models.order import Cause, write_events
from models.rules.purposes import Purpose
from models.sealing import unseal
from models.settings import clock
from models.shipment import GIVEN_BACK
from tasks.credentials import warehouse_of
from tasks.openings import note_opening
from tasks.render import joined_notes, render_outbound
from web.requests import Bearer, Code

router = APIRouter()

REVEALS_PER_MINUTE = 600
_MINUTE_S = 60.0


class RevealLimit:
    """Counts what each warehouse revealed in the last minute; a stolen token cannot empty the pool unseen."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._seen: dict[str, deque[float]] = defaultdict(deque)
        self._lock = Lock()

    def allows(self, warehouse_code: str) -> bool:
        """Whether one more may be revealed now; counts it if so."""
        now = time.monotonic()
        with self._lock:
            seen = self._seen[warehouse_code]
            while seen and seen[0] <= now - _MINUTE_S:
                seen.popleft()
            if len(seen) >= self._per_minute:
                return False
            seen.append(now)
            return True


_limit = RevealLimit(REVEALS_PER_MINUTE)


def require_reveal(warehouse_code: str) -> None:
    """Count one more receiver that a warehouse sees; raises 429 when it sees too many in a minute."""
    if not _limit.allows(warehouse_code):
        raise HTTPException(429, "too many receivers in a minute", {"Retry-After": "60"})


@router.get("/pull/outbound/{document_no}")
def pull(document_no: Code, token: Bearer, revision: int | None = None) -> dict[str, Any]:
    """The data of one of the warehouse's documents, as its message would carry it in full."""
    with transaction() as conn:
        warehouse_id, warehouse_code = _reader(conn, token)
        found = conn.execute(
            "select id, revision from outbound_document where no = %s and warehouse_id = %s",
            (document_no, warehouse_id),
        ).fetchone()
        if found is None:
            raise HTTPException(404, "not found")
        document_id, current = found
        if revision not in (None, current):
            raise HTTPException(409, f"revision {revision} is not the current one, which is {current}")
        why = Cause(f"wms:{warehouse_code}", clock().now())
        return dict(render_outbound(conn, [document_id], Purpose.INSTRUCTION, why)[document_id])


@router.post("/receiver/{receiver_token}")
def reveal(receiver_token: Code, token: Bearer) -> dict[str, str]:
    """The receiver in clear, for printing the label; every look is written into the orders' story."""
    with transaction() as conn:
        warehouse_id, warehouse_code = _reader(conn, token)
        document_id, no, state = _document(conn, receiver_token, warehouse_id)
        if state in GIVEN_BACK:
            raise HTTPException(409, "the document was cancelled")
        require_reveal(warehouse_code)
        return revealed(conn, document_id, no, f"wms:{warehouse_code}")


def _reader(conn: Connection, token: str) -> tuple[int, str]:
    found = warehouse_of(conn, token)
    if found is None:
        raise HTTPException(401, "the token is nobody's", {"WWW-Authenticate": "Bearer"})
    return found


def _document(conn: Connection, receiver_token: str, warehouse_id: int) -> tuple[int, str, str]:
    found = conn.execute(
        "select id, no, state from outbound_document where receiver_token = %s and warehouse_id = %s",
        (receiver_token, warehouse_id),
    ).fetchone()
    if found is None:
        raise HTTPException(404, "not found")
    return found[0], found[1], found[2]


def revealed(conn: Connection, document_id: int, document_no: str, actor: str) -> dict[str, str]:
    """The receiver of a document in clear, for printing its label, with a line in the story of each of its orders.

    Raises 410 when nothing of it is kept any more.
    """
    order_ids = _orders(conn, document_id)
    receiver = _receiver(conn, order_ids)
    why = Cause(actor, clock().now())
    note_opening(conn, Purpose.PRINTING, actor, why.at, order_ids, detail={"document": document_no})
    write_events(conn, order_ids, "receiver_revealed", why, {"purpose": "printing", "document": document_no})
    return receiver


def _orders(conn: Connection, document_id: int) -> list[int]:
    rows = conn.execute(
        "select distinct order_id from allocation where document_id = %s order by order_id", (document_id,)
    ).fetchall()
    return [row[0] for row in rows]


def _receiver(conn: Connection, order_ids: list[int]) -> dict[str, str]:
    # orders of one document go to the same door; the one that the platform sent in clear says most
    row = conn.execute(
        """select name_enc, phone_enc, address_enc, province, city, district, town, oaid, (
             select array_agg(n.notes_enc order by n.order_id) from receiver n
             where n.order_id = any(%(orders)s) and n.erased_at is null and n.notes_enc is not null)
           from receiver
           where order_id = any(%(orders)s) and erased_at is null order by masked, order_id limit 1""",
        {"orders": order_ids},
    ).fetchone()
    if row is None:
        raise HTTPException(410, "the receiver was erased")
    name, phone, address = (unseal(value) if value is not None else "" for value in row[:3])
    noted = joined_notes(row[8] or ())
    return {
        "name": name,
        "phone": phone,
        **dict(zip(("province", "city", "district", "town"), row[3:7], strict=True)),
        "address": address,
        "oaid": row[7],
        "buyer_note": noted.get("buyer", ""),
        "seller_note": noted.get("seller", ""),
    }
