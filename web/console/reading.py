"""Transactions for pages that only read."""

from collections.abc import Iterator
from contextlib import contextmanager

from models.database import Connection, transaction


@contextmanager
def reading() -> Iterator[Connection]:
    """A read-only transaction that sees one moment of the pool.

    Raises psycopg.OperationalError when the database does not answer.
    """
    with transaction() as conn:
        conn.execute("set transaction isolation level repeatable read, read only")
        yield conn
