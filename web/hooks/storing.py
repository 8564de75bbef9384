"""Connections for what comes in: kept open, so that a flood of messages opens no flood of connections."""

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg.pq import TransactionStatus

from models.database import Connection
from web.kept_connections import KeptConnections

_kept = KeptConnections(16)


@contextmanager
def storing() -> Iterator[Connection]:
    """One transaction: committed at the end, rolled back on any error; its connection is kept for the next message."""
    conn = _kept.take()
    try:
        with conn.transaction():
            yield conn
    finally:
        # also after a message that was turned away, for a flood of those must not open connections either
        if conn.info.transaction_status is TransactionStatus.IDLE:
            _kept.give_back(conn)
        else:
            conn.close()
