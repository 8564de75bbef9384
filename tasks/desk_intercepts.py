"""Parcels that a person wants back, and what carriers tell people on the phone."""

from collections.abc import Sequence

from models.database import Connection
from models.errors import SetupError
from models.intercept import InterceptState
from models.order import Cause
from tasks.decided import Decided
from tasks.desk_orders import missing, said
from tasks.intercepts import ask, move, on_the_road, take_parcels_of, want


def intercept_orders(conn: Connection, order_ids: Sequence[int], reason: str, why: Cause) -> Decided:
    """Ask the carriers for every parcel of these orders that is on the road; the orders stay as they are.

    Where a carrier cannot be asked, people are to phone. Asked twice, nothing more happens. Refused are orders of which
    nothing is on the road, and those in a box with another order that is not among them.
    """
    reason = said(reason, "intercepted")
    rows = conn.execute(
        """select s.order_id, o.order_no from order_state s join orders o on o.id = s.order_id
           where s.order_id = any(%s) order by s.order_id for update of s""",
        (sorted(order_ids),),
    ).fetchall()
    nos: dict[int, str] = dict(rows)
    decided = Decided(refused=missing(order_ids, nos))
    take_parcels_of(conn, nos)
    for order_id, no in nos.items():
        parcels = on_the_road(conn, [order_id], among=nos)
        shared = sorted({other for others in parcels.values() for other in others})
        if not parcels:
            decided.refused[order_id] = f"order {no}: cannot intercept; nothing of it is on the road"
        elif shared:
            decided.refused[order_id] = f"order {no}: cannot intercept; its box also holds order {', '.join(shared)}"
        else:
            want(conn, list(parcels), reason, why)
            ask(conn, list(parcels), why)
            decided.done.append(order_id)
    return decided


def note_by_hand(conn: Connection, waybill: str, *, agreed: bool, answer: str, why: Cause) -> None:
    """Note what a carrier told a person on the phone. Raises SetupError where nobody waits for that."""
    rows = conn.execute("select id from parcel where waybill = %s order by id for update", (waybill,)).fetchall()
    to = InterceptState.AGREED if agreed else InterceptState.REFUSED
    if not move(conn, [row[0] for row in rows], to, why, said(answer, "answered for")):
        raise SetupError(f"parcel {waybill}: cannot be noted as {to}; it is not wanted back, or its wish is over")
