"""What came in: kept sealed, once per sender and message id, until it is worked on; and notices that are answered."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from models.database import Connection
from models.messages import InboxState
from models.sealing import seal
from models.settings import clock

KEPT = timedelta(days=30)


def keep(conn: Connection, source: str, message_id: str, body: str) -> None:
    """Store the message as new work; one that is there already stays as it is."""
    keep_all(conn, source, {message_id: body})


def keep_all(conn: Connection, source: str, bodies: Mapping[str, str]) -> int:
    """Store several messages of one sender, by message id, as `keep` does; how many of them are new."""
    now = clock().now()
    return conn.execute(
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
    ).rowcount


def finish_notices(conn: Connection, shop_code: str, read_until: datetime, at: datetime) -> None:
    """Mark a shop's notices as answered that a stored read covers: those that came before the end of its window.

    They only say that something changed; what changed is read from the shop.
    """
    conn.execute(
        "update inbox set state = 'done', done_at = %s where state = 'new' and source = %s and received_at < %s",
        (at, f"shop:{shop_code}", read_until),
    )
