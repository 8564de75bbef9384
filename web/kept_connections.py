"""Connections that outlive a request: opening one takes longer than most requests do."""

from collections.abc import Callable
from queue import Empty, Full, LifoQueue

import psycopg

from models.database import Connection, connect
from models.settings import settings


class KeptConnections:
    """Connections to the database of the settings, at most `most` of them idle; `prepare` sets a new one up."""

    def __init__(self, most: int, prepare: Callable[[Connection], None] = lambda conn: None) -> None:
        self._idle: LifoQueue[tuple[str, Connection]] = LifoQueue(most)
        self._prepare = prepare

    def take(self) -> Connection:
        """A connection that answers now; raises psycopg.OperationalError when the database does not."""
        while True:
            try:
                url, conn = self._idle.get_nowait()
            except Empty:
                conn = connect()
                self._prepare(conn)
                return conn
            if url == settings().pool_url() and _answers(conn):
                return conn
            conn.close()

    def give_back(self, conn: Connection) -> None:
        """Keep a connection whose transaction ended, or close it when enough are idle."""
        try:
            self._idle.put_nowait((settings().pool_url(), conn))
        except Full:
            conn.close()


def _answers(conn: Connection) -> bool:
    try:
        conn.execute("select 1")
        conn.rollback()
    except psycopg.Error:
        return False
    return True
