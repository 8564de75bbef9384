"""The order desk: what a person decides about orders, each decision in a transaction of its own.

Every decision is about several orders and never fails as a whole because of one of them: what cannot be is refused
with a sentence for that order. All are safe to repeat. Orders that go on are taken up by the next resume run.
"""

from collections.abc import Sequence
from datetime import datetime

from models.database import in_transaction
from models.order import Cause
from models.remainder import ShortWay
from tasks.decided import Decided
from tasks.desk_intercepts import intercept_orders
from tasks.desk_shorts import settle_short_orders
from tasks.desk_stops import cancel_desk_orders, hold_orders, reject_orders
from tasks.release import approve_orders, release_orders


def hold(order_ids: Sequence[int], reason: str, why: Cause, until: datetime | None = None) -> Decided:
    """Stop orders until they are released, or until a time: `hold_orders` says how."""
    return in_transaction(lambda conn: hold_orders(conn, order_ids, reason, why, until))


def release(order_ids: Sequence[int], code: str, reason: str, why: Cause) -> Decided:
    """End one hold of each order: `release_orders` says how."""
    return in_transaction(lambda conn: release_orders(conn, order_ids, code, reason, why))


def approve(order_ids: Sequence[int], reason: str, why: Cause) -> Decided:
    """End the holds that orders were reviewed for: `approve_orders` says how."""
    return in_transaction(lambda conn: approve_orders(conn, order_ids, reason, why))


def reject(order_ids: Sequence[int], reason: str, why: Cause) -> Decided:
    """Keep orders from leaving and free their stock: `reject_orders` says how."""
    return in_transaction(lambda conn: reject_orders(conn, order_ids, reason, why))


def cancel(order_ids: Sequence[int], reason: str, why: Cause) -> Decided:
    """Cancel orders that no warehouse has yet: `cancel_desk_orders` says how."""
    return in_transaction(lambda conn: cancel_desk_orders(conn, order_ids, reason, why))


def settle_short(order_ids: Sequence[int], way: ShortWay, reason: str, why: Cause) -> Decided:
    """Decide what becomes of units that documents lacked: `settle_short_orders` says how."""
    return in_transaction(lambda conn: settle_short_orders(conn, order_ids, way, reason, why))


def intercept(order_ids: Sequence[int], reason: str, why: Cause) -> Decided:
    """Ask carriers for parcels back that left: `intercept_orders` says how."""
    return in_transaction(lambda conn: intercept_orders(conn, order_ids, reason, why))
