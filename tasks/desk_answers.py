"""What a person wanted of orders that a warehouse had, once it gave them back."""

from collections.abc import Collection
from dataclasses import replace

from models.database import Connection
from models.order import Cause, write_own_events
from tasks.desk_stops import CALLS_OFF
from tasks.lock_stock import unlock_stock
from tasks.split_orders import free_children
from tasks.withdraw import cancel_orders


def settle_stopped(conn: Connection, order_ids: Collection[int], why: Cause) -> None:
    """Free the stock of those of these orders that a person rejected, and cancel those that a person cancelled.

    They began again already, and are locked.
    """
    rows = conn.execute(
        """select order_id, evidence ? %s, evidence->>'by', evidence->>'reason' from hold
           where order_id = any(%s) and code = 'REJECTED' and released_at is null order by 1""",
        (CALLS_OFF, list(order_ids)),
    ).fetchall()
    if not rows:
        return
    unlock_stock(conn, [row[0] for row in rows], why)
    called_off: dict[str, list[tuple[int, str, dict[str, str]]]] = {}
    for order_id, ends, person, reason in rows:
        if ends:
            called_off.setdefault(person, []).append((order_id, "called_off", {"reason": reason}))
    for person, events in called_off.items():
        write_own_events(conn, events, replace(why, actor=f"person:{person}"))
    ids = [order_id for order_id, ends, _, _ in rows if ends]
    cancel_orders(conn, ids, why)
    free_children(conn, ids, why)
