"""A pool that many tests use one after the other, emptied in between: making one takes longer than a short test."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import sql

from models.database import engine_for
from models.settings import settings
from tests.pool_names import TEMPLATE

_EMPTY = """
  create function pg_temp.empty() returns text[] language plpgsql as $$
  declare
    found text[];
  begin
    {tables}
    perform setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)
      from pg_sequences where schemaname = 'public' and last_value is not null;
    return found;
  end $$
"""
_EMPTY_ONE = "if exists (select from {table}) then delete from {table}; found := array_append(found, {name}); end if;"

_cleaners: dict[str, psycopg.Connection] = {}
"""A connection to each shared pool, which has read the catalog already."""


@contextmanager
def shared_pool(postgres: str, name: str) -> Iterator[str]:
    """Make a pool from the migrated template, drop it at the end; gives its libpq URL."""
    url = postgres.replace("/postgres?", f"/{name}?").removesuffix("/postgres")
    url = url if f"/{name}?" in url else f"{url}/{name}"
    with psycopg.connect(postgres, autocommit=True) as conn:
        conn.execute(f"create database {name} template {TEMPLATE} strategy file_copy".encode())
    yield url
    engine_for(url).dispose()
    if url in _cleaners:
        _cleaners.pop(url).close()
    with psycopg.connect(postgres, autocommit=True) as conn:
        conn.execute(f"drop database {name} with (force)".encode())


@contextmanager
def leading_to(url: str) -> Iterator[str]:
    """Have the settings lead to a pool."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ORDERPOOL_DATABASE_URL", url)
        settings.cache_clear()
        yield url
    settings.cache_clear()


@contextmanager
def emptied(url: str) -> Iterator[str]:
    """Empty a shared pool for one test, and have the settings lead to it meanwhile."""
    _empty(_cleaner(url))
    with leading_to(url):
        yield url


def _cleaner(url: str) -> psycopg.Connection:
    """The connection that empties a pool, made when first asked for."""
    if url not in _cleaners:
        # neither keys nor triggers matter when all rows go
        role = "-c session_replication_role=replica"
        _cleaners[url] = conn = psycopg.connect(url, autocommit=True, options=role)
        tables = conn.execute(
            "select tablename from pg_tables where schemaname = 'public' and tablename <> all(%s)",
            (["alembic_version", "data_key"],),
        ).fetchall()
        each = [sql.SQL(_EMPTY_ONE).format(table=sql.Identifier(table), name=sql.Literal(table)) for (table,) in tables]
        conn.execute(sql.SQL(_EMPTY).format(tables=sql.SQL(" ").join(each)))
    return _cleaners[url]


def _empty(conn: psycopg.Connection) -> None:
    """Take every row out and let all numbers begin anew.

    Rows are deleted and their room given back, so that the next ones lie in the order in which they come. To truncate
    would make new files for every table that a key leads to, which takes many times as long.
    """
    (names,) = conn.execute("select pg_temp.empty()").fetchone() or (None,)
    if names:
        tables = sql.SQL(", ").join(map(sql.Identifier, names))
        conn.execute(sql.SQL("vacuum (parallel 0, process_toast false) {}").format(tables))
