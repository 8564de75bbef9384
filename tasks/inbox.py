"""Notices of shops: they only say that something changed; what changed is read from the shop."""

from collections.abc import Sequence
from datetime import datetime

from models.database import Connection


def take_notices(conn: Connection, shop_code: str) -> list[int]:
    """The waiting notices of a shop; whatever they speak of, a read that starts now will see."""
    rows = conn.execute(
        "select id from inbox where state = 'new' and source = %s order by id", (f"shop:{shop_code}",)
    ).fetchall()
    return [row[0] for row in rows]


def finish_notices(conn: Connection, notice_ids: Sequence[int], at: datetime) -> None:
    """Mark notices as answered by a read that is stored."""
    conn.execute(
        "update inbox set state = 'done', done_at = %s where id = any(%s) and state = 'new'", (at, list(notice_ids))
    )
