"""Keeps an incoming message, sealed, once per sender and message id; the work on it comes later."""

from datetime import timedelta

from models.database import Connection
from models.messages import InboxState
from models.sealing import seal
from models.settings import clock

KEPT = timedelta(days=30)


def keep(conn: Connection, source: str, message_id: str, body: str) -> None:
    """Store the message as new work; one that is there already stays as it is."""
    now = clock().now()
    conn.execute(
        """insert into inbox (source, message_id, body_enc, state, note, received_at, erase_after)
           values (%s, %s, %s, %s, '', %s, %s)
           on conflict (source, message_id) do nothing""",
        (source, message_id, seal(body), InboxState.NEW.value, now, now + KEPT),
    )
