"""The databases of an installation: the embedded server, or whatever the environment points to."""

import os
import subprocess
import sys

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from deployments import addresses, embedded_postgres
from models.errors import SetupError
from models.settings import settings

POOL = "orderpool"
PREFECT = "prefect"
PREFECT_URL_VARIABLE = "PREFECT_SERVER_DATABASE_CONNECTION_URL"


def ensure_database() -> None:
    """Make the order pool usable: start the embedded PostgreSQL unless it runs, record its addresses, migrate.

    Starts nothing when ORDERPOOL_DATABASE_URL points elsewhere.
    """
    start_databases([] if settings().database_url else [POOL])
    _migrate()


def ensure_databases() -> None:
    """Like `ensure_database`, for the order pool and Prefect's own database, and record those that are elsewhere too.

    Only what sets an installation up does so: a command that is pointed at another pool leaves ours where it is.
    """
    start_databases(embedded_names())
    if settings().database_url:
        addresses.record(database_url=settings().database_url)
    if os.environ.get(PREFECT_URL_VARIABLE):
        addresses.record(prefect_database_url=os.environ[PREFECT_URL_VARIABLE])
    _migrate()


def embedded_names() -> list[str]:
    """The databases that the embedded server has to hold; none when the environment names both elsewhere."""
    elsewhere = {POOL: settings().database_url, PREFECT: os.environ.get(PREFECT_URL_VARIABLE, "")}
    return [name for name, url in elsewhere.items() if not url]


def start_databases(names: list[str]) -> None:
    """Start the embedded server with these databases and record where they answer."""
    if names:
        server = embedded_postgres.start(names)
        if POOL in names:
            addresses.record(database_url=server.url(POOL))
        if PREFECT in names:
            # Prefect's migrations use trigram indexes but do not always make the extension themselves.
            with psycopg.connect(server.url(PREFECT), autocommit=True) as conn:
                conn.execute("create extension if not exists pg_trgm")
            addresses.record(prefect_database_url=server.asyncpg_url(PREFECT))


def _migrate() -> None:
    # `orderpool status` and the supervisor have no need of SQLAlchemy, which takes a second to import.
    from models.database import upgrade

    upgrade()


def migrate_databases() -> list[str]:
    """Make the databases that the environment names where they are missing, and bring their tables to this version.

    Prefect's is left out where the environment does not name it. Returns one sentence for each. Raises SetupError
    when the pool is not named, or Prefect's migrations fail.
    """
    pool = settings().database_url
    if not pool:
        raise SetupError("ORDERPOOL_DATABASE_URL names no database; with the embedded PostgreSQL use `orderpool up`")
    _make_missing(pool)
    _migrate()
    said = [f"{POOL}: its tables are those of this version"]
    prefect = os.environ.get(PREFECT_URL_VARIABLE)
    if prefect:
        plain = prefect.replace("postgresql+asyncpg://", "postgresql://", 1)
        _make_missing(plain)
        with psycopg.connect(plain, autocommit=True) as conn:
            conn.execute("create extension if not exists pg_trgm")
        _migrate_prefect()
        said.append(f"{PREFECT}: its tables are those of this version")
    return said


def _make_missing(url: str) -> None:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError as error:
        wanted = conninfo_to_dict(url)
        name = str(wanted.get("dbname", ""))
        if f'database "{name}" does not exist' not in str(error):
            raise SetupError(f"{name}: the database server does not let us in: {error}") from error
        with psycopg.connect(make_conninfo(url, dbname="postgres"), autocommit=True) as conn:
            conn.execute(sql.SQL("create database {}").format(sql.Identifier(name)))


def _migrate_prefect() -> None:
    from deployments.prefect_settings import environment

    command = [sys.executable, "-m", "prefect", "server", "database", "upgrade", "-y"]
    done = subprocess.run(command, env={**os.environ, **environment()}, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no output"]
        raise SetupError(f"{PREFECT}: its tables were not brought to this version: {last[0]}")
