"""A pool that many tests use one after the other, emptied in between: making one takes longer than a short test."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import sql

from models.database import engine_for
from models.settings import settings
from tests.conftest import TEMPLATE


@contextmanager
def shared_pool(postgres: str, name: str) -> Iterator[str]:
    """Make a pool from the migrated template, drop it at the end; gives its libpq URL."""
    url = postgres.replace("/postgres?", f"/{name}?").removesuffix("/postgres")
    url = url if f"/{name}?" in url else f"{url}/{name}"
    with psycopg.connect(postgres, autocommit=True) as conn:
        conn.execute(f"create database {name} template {TEMPLATE}".encode())
    yield url
    engine_for(url).dispose()
    with psycopg.connect(postgres, autocommit=True) as conn:
        conn.execute(f"drop database {name} with (force)".encode())


@contextmanager
def emptied(url: str) -> Iterator[str]:
    """Empty a shared pool for one test, and have the settings lead to it meanwhile."""
    with psycopg.connect(url) as conn:
        _empty(conn)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ORDERPOOL_DATABASE_URL", url)
        settings.cache_clear()
        yield url
    settings.cache_clear()


def _empty(conn: psycopg.Connection) -> None:
    """Empty the tables that hold something, and let all numbers begin anew; most tables of most tests are empty."""
    tables = conn.execute(
        "select tablename from pg_tables where schemaname = 'public' and tablename <> 'alembic_version'"
    ).fetchall()
    filled = sql.SQL(" union all ").join(
        sql.SQL("select {} where exists (select from {})").format(sql.Literal(name), sql.Identifier(name))
        for (name,) in tables
    )
    names = [row[0] for row in conn.execute(filled).fetchall()]
    if names:
        conn.execute(sql.SQL("truncate {} cascade").format(sql.SQL(", ").join(map(sql.Identifier, names))))
    conn.execute(
        """select setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)
           from pg_sequences where schemaname = 'public' and last_value is not null"""
    )
