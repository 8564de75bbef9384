"""Connections to the order pool: psycopg for the order path, SQLAlchemy for set-up and screens."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache, partial
from typing import Any, LiteralString, TypeVar

import psycopg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from psycopg import sql
from psycopg.rows import TupleRow
from sqlalchemy import Engine, create_engine

from models.flat_lists import use_flat_lists
from models.kept_connections import KeptConnections
from models.settings import settings

use_flat_lists()

Connection = psycopg.Connection[TupleRow]

# A machine that is gone says no goodbye: its locks would be held, and an answer waited for, until the system gives up
# after two hours. Asked by both sides, a connection without its other end is closed within a minute.
_SILENT_S, _AGAIN_S, _TIMES = 30, 10, 3

_TRIES = 3
_MOST_IDLE = 16
_Result = TypeVar("_Result")


def connect(url: str | None = None, *, autocommit: bool = False, patience_s: int | None = None) -> Connection:
    """A new connection in UTC with the statement timeout of the settings.

    With `patience_s` neither connecting nor a statement takes longer: for who asks how things are.
    """
    timeout_ms = (patience_s or settings().statement_timeout_s) * 1000
    return psycopg.connect(
        url or settings().pool_url(),
        autocommit=autocommit,
        connect_timeout=patience_s,
        application_name="orderpool",
        keepalives_idle=_SILENT_S,
        keepalives_interval=_AGAIN_S,
        keepalives_count=_TIMES,
        tcp_user_timeout=(_SILENT_S + _TIMES * _AGAIN_S) * 1000,
        # queries here are short: compiling one would take longer than running it
        options=f"-c statement_timeout={timeout_ms} -c timezone=UTC -c jit=off -c tcp_keepalives_idle={_SILENT_S}"
        f" -c tcp_keepalives_interval={_AGAIN_S} -c tcp_keepalives_count={_TIMES}",
    )


def _unprepared(*, autocommit: bool) -> Connection:
    conn = connect(autocommit=autocommit)
    conn.prepare_threshold = None  # the plan for one batch, or one filter, is a bad one for the next
    return conn


_kept = KeptConnections(partial(_unprepared, autocommit=False), _MOST_IDLE)
_kept_for_locks = KeptConnections(partial(_unprepared, autocommit=True), _MOST_IDLE)


def _place() -> str:
    return f"{settings().pool_url()} {settings().statement_timeout_s}"


@contextmanager
def transaction() -> Iterator[Connection]:
    """One transaction: committed at the end, rolled back on any error. Its connection is kept for the next one."""
    with _kept.lent(_place()) as conn:
        try:
            yield conn
            conn.commit()
        except BaseException:
            # a connection that broke has nothing left to roll back, and why it broke is what counts
            with suppress(psycopg.Error):
                conn.rollback()
            raise


@contextmanager
def session_lock(key: LiteralString, values: Sequence[object], wait_s: float) -> Iterator[Connection | None]:
    """Hold an advisory lock through the block; gives its connection, None when another held it for `wait_s` seconds.

    `key` is the lock's key as SQL, such as `%s, hashtext(%s)`. The death of the process gives the lock back at once.
    """
    with _kept_for_locks.lent(_place()) as conn:
        try:
            yield conn if _is_ours(conn, key, values, wait_s) else None
        finally:
            try:
                conn.execute("select pg_advisory_unlock_all()")
            except psycopg.Error:
                conn.close()


def _is_ours(conn: Connection, key: LiteralString, values: Sequence[object], wait_s: float) -> bool:
    conn.execute("select set_config('statement_timeout', %s, false)", (str(int(wait_s * 1000)),))
    try:
        conn.execute(sql.SQL("select pg_advisory_lock({})").format(sql.SQL(key)), values)
    except psycopg.errors.QueryCanceled:
        return False
    finally:
        conn.execute("reset statement_timeout")
    return True


def in_transaction(work: Callable[[Connection], _Result]) -> _Result:
    """Do the work in one transaction; when the database ends it in favour of another, do it again from the start.

    Rows are locked in one order, so that hardly happens; after three times the error is the caller's.
    """
    for _ in range(_TRIES - 1):
        with suppress(psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure), transaction() as conn:
            return work(conn)
    with transaction() as conn:
        return work(conn)


@lru_cache(maxsize=4)
def engine_for(url: str) -> Engine:
    """The SQLAlchemy engine of a libpq URL."""
    return create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1), pool_pre_ping=True)


def engine() -> Engine:
    """The SQLAlchemy engine of the order pool, for set-up and screens; not for the order path."""
    return engine_for(settings().pool_url())


def copy_rows(conn: Connection, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    """Write rows with COPY; returns how many."""
    statement = sql.SQL("copy {} ({}) from stdin").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    count = 0
    with conn.cursor() as cur, cur.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)
            count += 1
    return count


def take_ids(conn: Connection, sequence: LiteralString, count: int) -> list[int]:
    """Hand out `count` ids of a sequence in one round trip, ascending."""
    rows = conn.execute("select nextval(%s::regclass) from generate_series(1, %s)", (sequence, count)).fetchall()
    return [row[0] for row in rows]


def one(row: TupleRow | None) -> Any:
    """The first column of a row that must be there."""
    if row is None:
        raise LookupError("the statement returned no row")
    return row[0]


def version_of_pool(conn: Connection) -> str:
    """The version of the pool's tables; "" when it has none yet."""
    found = one(conn.execute("select to_regclass('public.alembic_version') is not null").fetchone())
    return str(one(conn.execute("select version_num from alembic_version").fetchone())) if found else ""


@lru_cache(maxsize=1)
def version_of_code() -> str:
    """The version of the pool's tables that this code works with."""
    return str(ScriptDirectory.from_config(_migrations()).get_current_head())


def knows_version(revision: str) -> bool:
    """Whether these are tables of this code's version or of an earlier one."""
    return any(known.revision == revision for known in ScriptDirectory.from_config(_migrations()).walk_revisions())


def _migrations() -> Config:
    config = Config()
    config.set_main_option("script_location", "models:migrations")
    return config


def upgrade(url: str | None = None) -> None:
    """Bring the pool's tables to this version; does nothing when they are there already."""
    config = _migrations()
    with engine_for(url or settings().pool_url()).begin() as connection:
        # two commands may start at the same moment; the second waits and finds nothing to do
        connection.exec_driver_sql("select pg_advisory_xact_lock(hashtext('orderpool migrations'))")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
