"""Keeps an incoming message, sealed, once per sender and message id; the work on it comes later."""

from collections.abc import Mapping
from datetime import timedelta

from models.database import Connection
from models.messages import InboxState
from models.sealing import seal
from models.settings import clock

KEPT = timedelta(days=30)


def keep(conn: Connection, source: str, message_id: str, body: str) -> None:
    """Store the message as new work; one that is there already stays as it is."""
    keep_all(conn, source, {message_id: body})


def keep_all(conn: Connection, source: str, bodies: Mapping[str, str]) -> None:
    """Store several messages of one sender, by message id, as `keep` does."""
    now = clock().now()
    conn.execute(
        """insert into inbox (source, message_id, body_enc, state, note, received_at, erase_after)
           select %(source)s, m.id, m.body, %(new)s, '', %(now)s, %(erase)s
           from unnest(%(ids)s::text[], %(bodies)s::bytea[]) as m(id, body)
           on conflict (source, message_id) do nothing""",
        {
            "source": source,
            "ids": list(bodies),
            "bodies": [seal(body) for body in bodies.values()],
            "new": InboxState.NEW.value,
            "now": now,
            "erase": now + KEPT,
        },
    )
