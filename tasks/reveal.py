"""Showing a receiver in clear to a person: with a reason, a line in two logs, and so many a day."""

import json
from datetime import datetime, timedelta
from typing import NamedTuple

from models.database import Connection, transaction
from models.errors import SetupError
from models.masking import brief
from models.order import Cause, write_events
from models.rules.purposes import Purpose
from models.sealing import unseal
from tasks.access import count_access, log_access
from tasks.openings import note_opening

A_DAY = 100
"""So many receivers one person may see within 24 hours."""

WHAT = "receiver_revealed"


class ClearReceiver(NamedTuple):
    """A receiver in clear: never to be kept, logged or sent on."""

    name: str
    phone: str
    region: str
    address: str
    buyer_note: str
    seller_note: str


def reveal_receiver(order_id: int, reason: str, why: Cause, address: str = "") -> ClearReceiver:
    """The receiver of an order in clear, noted in the log of access and in the order's story.

    Raises SetupError without a reason, when the person has seen A_DAY of them within 24 hours, and when there is
    nothing to show: no such order, or its receiver was erased, or the person asked for that.
    """
    kept = brief(reason)
    if not kept:
        raise SetupError(f"order id {order_id}: its receiver cannot be shown without a reason; say why")
    with transaction() as conn:
        # one after the other for one person, so that the count holds
        conn.execute("select pg_advisory_xact_lock(hashtext('reveal ' || %s))", (why.actor,))
        _require_room(conn, order_id, why.actor, why.at)
        found = _read(conn, order_id)
        log_access(conn, why.actor, WHAT, why.at, address=address, order_id=order_id, detail={"reason": kept})
        note_opening(conn, Purpose.REVEAL, why.actor, why.at, [order_id], address=address)
        write_events(conn, [order_id], WHAT, why, {"reason": kept})
    return found


def _require_room(conn: Connection, order_id: int, actor: str, now: datetime) -> None:
    seen = count_access(conn, WHAT, now - timedelta(days=1), actor=actor)
    if seen >= A_DAY:
        raise SetupError(
            f"order id {order_id}: its receiver cannot be shown; {actor.removeprefix('person:')} saw {seen} receivers "
            f"within 24 hours, and {A_DAY} is the limit"
        )


def _read(conn: Connection, order_id: int) -> ClearReceiver:
    row = conn.execute(
        """select name_enc, phone_enc, province || city || district || town, address_enc, notes_enc,
                  restricted_at is not null
           from receiver where order_id = %s and erased_at is null""",
        (order_id,),
    ).fetchone()
    if row is None:
        raise SetupError(f"order id {order_id}: its receiver cannot be shown; there is none, or it was erased")
    if row[5]:
        raise SetupError(f"order id {order_id}: its receiver is not shown any more; the person asked for its erasure")
    name, phone, address, notes = (unseal(value) if value else "" for value in (row[0], row[1], row[3], row[4]))
    noted = json.loads(notes) if notes else {}
    return ClearReceiver(name, phone, row[2], address, str(noted.get("buyer", "")), str(noted.get("seller", "")))
