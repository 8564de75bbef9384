"""Connections for pages that only read: kept open, because opening one takes longer than most pages."""

from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, Full, LifoQueue

import psycopg

from models.database import Connection, connect
from models.settings import settings

_KEPT = 8
_kept: LifoQueue[tuple[str, Connection]] = LifoQueue(_KEPT)


@contextmanager
def reading() -> Iterator[Connection]:
    """A connection in a read-only transaction that sees one moment of the pool; it is kept for the next page.

    A connection that broke meanwhile is replaced. Raises psycopg.OperationalError when the database does not answer.
    """
    conn = _taken() or _opened()
    try:
        with conn.transaction():
            conn.execute("set transaction isolation level repeatable read, read only")
            yield conn
    except BaseException:
        conn.close()
        raise
    _keep(conn)


def _taken() -> Connection | None:
    """A kept connection to the database of the settings that still answers."""
    while True:
        try:
            url, conn = _kept.get_nowait()
        except Empty:
            return None
        if url == settings().pool_url() and _answers(conn):
            return conn
        conn.close()


def _opened() -> Connection:
    conn = connect()
    conn.prepare_threshold = None  # the plan for one filter is a bad one for the next
    return conn


def _answers(conn: Connection) -> bool:
    try:
        conn.execute("select 1")
        conn.rollback()
    except psycopg.Error:
        return False
    return True


def _keep(conn: Connection) -> None:
    try:
        _kept.put_nowait((settings().pool_url(), conn))
    except Full:
        conn.close()
