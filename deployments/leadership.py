"""Which of several live processes works: the one that holds a lock of the pool, for as long as it is connected."""

from contextlib import suppress

import psycopg

from models.database import Connection, connect

LIVE_LOCK = 7_005


class Leadership:
    """A claim to be the one live process at work; it passes on when the holder, or its connection, ends.

    For a moment after a broken connection two may think they lead. That is harmless: what they run takes locks of its
    own on shops, batches and counterparts.
    """

    def __init__(self) -> None:
        self._conn: Connection | None = None

    def held(self) -> bool:
        """Whether this process leads now; takes the lead when nobody has it. Raises psycopg.Error without the pool."""
        if self._conn is not None:
            try:
                self._conn.execute("select 1")
                return True
            except psycopg.Error:
                self.give_up()
        conn = connect(autocommit=True)
        try:
            row = conn.execute("select pg_try_advisory_lock(%s)", (LIVE_LOCK,)).fetchone()
        except psycopg.Error:
            conn.close()
            raise
        if row is None or not row[0]:
            conn.close()
            return False
        self._conn = conn
        return True

    def give_up(self) -> None:
        """Let another process lead."""
        if self._conn is not None:
            with suppress(psycopg.Error):
                # its server process may take a moment to notice that the connection ended
                self._conn.execute("select pg_advisory_unlock_all()")
            self._conn.close()
            self._conn = None
