"""The databases of an installation: the embedded server, or whatever the environment points to."""

import os

import psycopg

from deployments import addresses, embedded_postgres
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
    """Like `ensure_database`, for the order pool and Prefect's own database."""
    start_databases(embedded_names())
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
    if settings().database_url:
        addresses.record(database_url=settings().database_url)
    if os.environ.get(PREFECT_URL_VARIABLE):
        addresses.record(prefect_database_url=os.environ[PREFECT_URL_VARIABLE])


def _migrate() -> None:
    # `orderpool status` and the supervisor have no need of SQLAlchemy, which takes a second to import.
    from models.database import upgrade

    upgrade()
