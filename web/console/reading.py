"""Connections for pages that only read: kept open, because opening one takes longer than most pages."""

from collections.abc import Iterator
from contextlib import contextmanager

from models.database import Connection
from web.kept_connections import KeptConnections


def _prepare(conn: Connection) -> None:
    conn.prepare_threshold = None  # the plan for one filter is a bad one for the next


_kept = KeptConnections(8, _prepare)


@contextmanager
def reading() -> Iterator[Connection]:
    """A connection in a read-only transaction that sees one moment of the pool; it is kept for the next page.

    A connection that broke meanwhile is replaced. Raises psycopg.OperationalError when the database does not answer.
    """
    conn = _kept.take()
    try:
        with conn.transaction():
            conn.execute("set transaction isolation level repeatable read, read only")
            yield conn
    except BaseException:
        conn.close()
        raise
    _kept.give_back(conn)
