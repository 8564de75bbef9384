"""Connections that outlive their transaction: opening one takes longer than most transactions do."""

import os
import select
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from queue import Empty, Full, LifoQueue

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow

LIFETIME_S = 600


@dataclass(frozen=True, slots=True)
class _Kept:
    """A connection, and for whom it is good: the process that made it, the place that it leads to, until when."""

    conn: psycopg.Connection[TupleRow]
    pid: int
    place: str
    until: float

    def is_alive(self) -> bool:
        """Whether nothing came on it since it is idle: a server that ends a connection says so, or closes it."""
        if self.conn.closed or time.monotonic() > self.until:
            return False
        poll = select.poll()
        poll.register(self.conn.fileno(), select.POLLIN)
        return not poll.poll(0)


class KeptConnections:
    """Connections that `make` opens, at most `most` of them idle; several threads may borrow at once.

    After `lifetime_s` one is made anew, for its server process grows with all that it was ever asked.
    """

    def __init__(
        self, make: Callable[[], psycopg.Connection[TupleRow]], most: int, lifetime_s: float = LIFETIME_S
    ) -> None:
        self._make = make
        self._lifetime_s = lifetime_s
        self._idle: LifoQueue[_Kept] = LifoQueue(most)

    @contextmanager
    def lent(self, place: str) -> Iterator[psycopg.Connection[TupleRow]]:
        """A connection to `place`, kept afterwards unless its transaction is not over.

        Raises psycopg.OperationalError when none can be opened.
        """
        kept = self._take(place)
        try:
            yield kept.conn
        finally:
            self._keep(kept)

    def _take(self, place: str) -> _Kept:
        with suppress(Empty):
            while True:
                kept = self._idle.get_nowait()
                if kept.pid != os.getpid():
                    continue  # the process that we were forked from is using it
                if kept.place == place and kept.is_alive():
                    return kept
                kept.conn.close()
        return _Kept(self._make(), os.getpid(), place, time.monotonic() + self._lifetime_s)

    def _keep(self, kept: _Kept) -> None:
        if kept.conn.info.transaction_status is TransactionStatus.IDLE:
            with suppress(Full):
                self._idle.put_nowait(kept)
                return
        kept.conn.close()
