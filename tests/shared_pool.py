"""A pool that many tests use one after the other, emptied in between: making one takes longer than a short test."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from models.database import engine_for, one
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
    tables = "select string_agg(tablename, ',') from pg_tables where schemaname = 'public' and tablename !~ 'alembic'"
    with psycopg.connect(url) as conn:
        conn.execute(f"truncate {one(conn.execute(tables.encode()).fetchone())} restart identity cascade".encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ORDERPOOL_DATABASE_URL", url)
        settings.cache_clear()
        yield url
    settings.cache_clear()
