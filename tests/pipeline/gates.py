"""Stopping a run at a known point inside a stage: the pool itself makes it wait, and says when it does."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

CLASS = 9_001

POINTS = ("ingested", "validated", "locked", "routed", "dispatched", "shipped")
"""Where a run can be stopped: as it writes the first order's new stage, or the first parcel that left."""

_FUNCTIONS = f"""
create or replace function wait_at_gate() returns trigger language plpgsql as $$
begin
  perform pg_advisory_xact_lock_shared({CLASS}, array_position(array{list(POINTS)}, new.stage));
  return new;
end $$;
create or replace function wait_at_parcel_gate() returns trigger language plpgsql as $$
begin
  perform pg_advisory_xact_lock_shared({CLASS}, {POINTS.index("shipped") + 1});
  return new;
end $$;
create or replace trigger gate after insert or update on order_state
  for each row execute function wait_at_gate();
create or replace trigger gate after insert on parcel
  for each row execute function wait_at_parcel_gate();
"""


class Gate:
    """A closed gate; runs that come to it wait inside their transaction."""

    def __init__(self, conn: psycopg.Connection, classid: int, objid: int) -> None:
        self._conn = conn
        self._key = (classid, objid)

    def wait_for_somebody(self, patience_s: float = 60) -> None:
        """Return once a run stands before the gate."""
        until = time.monotonic() + patience_s
        while not self._waiting():
            assert time.monotonic() < until, "nobody came to the gate"
            time.sleep(0.05)

    def _waiting(self) -> bool:
        row = self._conn.execute(
            """select count(*) from pg_locks where locktype = 'advisory' and not granted
               and classid::bigint = %s and objid::bigint = %s & 4294967295""",
            self._key,
        ).fetchone()
        return bool(row and row[0])


@contextmanager
def closed_at(url: str, point: str) -> Iterator[Gate]:
    """Stop every run at one of POINTS for as long as the block lasts."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(_FUNCTIONS.encode())
    with _held(url, CLASS, POINTS.index(point) + 1) as gate:
        yield gate


@contextmanager
def sender_taken(url: str, counterpart: str) -> Iterator[Gate]:
    """Stop every run that is about to send to a counterpart, as another sender would."""
    from tasks.outbox import COUNTERPART_LOCKS

    with psycopg.connect(url) as conn:
        row = conn.execute("select hashtext(%s)", (counterpart,)).fetchone()
    with _held(url, COUNTERPART_LOCKS, row[0] if row else 0) as gate:
        yield gate


@contextmanager
def _held(url: str, classid: int, objid: int) -> Iterator[Gate]:
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("select pg_advisory_lock(%s, %s)", (classid, objid))
        yield Gate(conn, classid, objid)


@contextmanager
def broken_at(url: str, point: str) -> Iterator[None]:
    """Make the pool refuse what a stage writes at one of POINTS, for as long as the block lasts."""
    statement = f"""
        create or replace function refuse() returns trigger language plpgsql as $$
        begin raise exception 'the pool refuses %', new.stage; end $$;
        create trigger refusal before insert or update on order_state for each row
          when (new.stage = '{point}') execute function refuse();"""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(statement.encode())
        yield
        conn.execute("drop trigger refusal on order_state")
