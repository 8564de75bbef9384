"""Notices of shops: they only say that something changed; what changed is read from the shop."""

from datetime import datetime

from models.database import Connection


def finish_notices(conn: Connection, shop_code: str, read_until: datetime, at: datetime) -> None:
    """Mark the notices as answered that a stored read covers: those that came before the end of its window."""
    conn.execute(
        "update inbox set state = 'done', done_at = %s where state = 'new' and source = %s and received_at < %s",
        (at, f"shop:{shop_code}", read_until),
    )
