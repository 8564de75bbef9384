"""What a browser may see on the buyers' page, once a code, an order number or a link has shown that it may."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from models.database import Connection, transaction
from models.errors import SetupError
from models.order import Cause
from models.progress import Attempt, Entrance
from models.sealing import order_link, read_order_link
from models.settings import settings
from tasks.access import log_access
from tasks.order_numbers import by_numbers
from tasks.progress_limits import LINK_LIMITS, NUMBER_LIMITS, Caller, count_attempt, require_room
from tasks.progress_orders import SHOWN_FOR, orders_of_number, orders_of_phone, still_shown

LASTS = timedelta(minutes=30)
"""Source: docs/progress-page.md."""

LINK_LASTS = timedelta(days=30)
"""How long a link that is given to a buyer leads to the order: a parcel and its return take less."""


@dataclass(frozen=True, slots=True)
class Found:
    """A session that holds, and the orders it may see now, the newest first."""

    entrance: Entrance
    order_ids: list[int]


def digest_of(token: str) -> bytes:
    """What the pool keeps of a cookie."""
    return hashlib.sha256(token.encode()).digest()


def open_by_number(conn: Connection, order_no: str, last4: str, caller: Caller, at: datetime) -> str:
    """The token of a session for the orders of a number whose receiver's phone ends so; "" where there is none.

    Which of the two was wrong shows neither in the answer nor in what is asked of the pool. Raises TooOften.
    """
    keys = require_room(conn, NUMBER_LIMITS, caller, at, order_no=order_no)
    found = orders_of_number(conn, order_no, last4, at)
    note_lookup(conn, Entrance.NUMBER, bool(found), at)
    if not found:
        count_attempt(conn, Attempt.NUMBER_WRONG, keys, at)
        return ""
    return open_session(conn, Entrance.NUMBER, at, order_ids=found)


def open_by_link(conn: Connection, token: str, caller: Caller, at: datetime) -> str:
    """The token of a session for the order of a link; "" when the link is none, is over, or its order is gone.

    Raises TooOften.
    """
    read = read_order_link(token)
    if read is None:
        # only what we did not make is a guess: many buyers share an address
        count_attempt(conn, Attempt.LINK_WRONG, require_room(conn, LINK_LIMITS, caller, at), at)
    found = still_shown(conn, [read[0]], at) if read and read[1] > at else []
    note_lookup(conn, Entrance.LINK, bool(found), at)
    if not found:
        return ""
    return open_session(conn, Entrance.LINK, at, order_ids=found)


def link_to(order_id: int, at: datetime) -> str:
    """The token of a link to an order, which whoever has it may follow until it ends."""
    return order_link(order_id, at + LINK_LASTS)


def make_link(order_id: int, why: Cause, address: str = "") -> str:
    """The address of a link to an order, to be given to its buyer; noted in the log of access.

    Raises SetupError when the order cannot be shown: there is none, it is too old, or its receiver was erased.
    """
    with transaction() as conn:
        if not still_shown(conn, [order_id], why.at):
            days = SHOWN_FOR.days
            raise SetupError(
                f"order id {order_id}: has no link; there is none, it is older than {days} days, or its receiver was "
                "erased"
            )
        log_access(conn, why.actor, "progress_link_made", why.at, address=address, order_id=order_id)
    return f"{settings().callback_base()}/progress/t/{link_to(order_id, why.at)}"


def link_of_number(order_no: str, shop: str, why: Cause) -> str:
    """The link to the order of this number, of that shop where one is named.

    Raises SetupError when there is none to link to, or several shops have the number.
    """
    with transaction() as conn:
        numbered = by_numbers(conn, [order_no], shop)
        if numbered.refused:
            raise SetupError(f"{numbered.refused[0]}; so it has no link")
        shown = still_shown(conn, list(numbered.orders), why.at)
    if not shown:
        raise SetupError(f"order {order_no}: has no link; it is too old, or its receiver was erased")
    return make_link(shown[0], why)


def open_session(
    conn: Connection,
    entrance: Entrance,
    at: datetime,
    *,
    phone: bytes | None = None,
    order_ids: list[int] | None = None,
) -> str:
    """A new session; returns its token, of which the pool keeps only the digest."""
    token = secrets.token_urlsafe(32)
    conn.execute(
        "insert into progress_session (digest, entrance, phone_hash, order_ids, ends_at) values (%s, %s, %s, %s, %s)",
        (digest_of(token), entrance.value, phone, order_ids or [], at + LASTS),
    )
    return token


def find_session(conn: Connection, token: str, at: datetime) -> Found | None:
    """The session of a token with what it may see now; None when it is over or never was."""
    if not token:
        return None
    row = conn.execute(
        "select entrance, phone_hash, order_ids from progress_session where digest = %s and ends_at > %s",
        (digest_of(token), at),
    ).fetchone()
    if row is None:
        return None
    entrance, phone, order_ids = row
    return Found(
        Entrance(entrance), orders_of_phone(conn, phone, at) if phone is not None else still_shown(conn, order_ids, at)
    )


def end_session(conn: Connection, token: str) -> None:
    """End the session of a token, if there is one."""
    conn.execute("delete from progress_session where digest = %s", (digest_of(token),))


def note_lookup(conn: Connection, entrance: Entrance, found: bool, at: datetime) -> None:
    """Count that a buyer looked something up."""
    conn.execute("insert into progress_lookup (at, entrance, found) values (%s, %s, %s)", (at, entrance.value, found))
