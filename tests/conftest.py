"""A test session has an installation of its own in a temporary folder: nothing else is touched or left behind."""

import contextlib
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import psycopg
import pytest

from tests.pool_names import NUMBERS, TEMPLATE

if TYPE_CHECKING:
    from sandbox.server import Sandbox


# One commit always draws the same cases: what fails on one machine fails on all. `--hypothesis-profile=default` draws
# others each time.
hypothesis.settings.register_profile("same", derandomize=True, database=None)
hypothesis.settings.load_profile("same")


def pytest_configure(config: pytest.Config) -> None:
    """Have an interrupted session still take its servers down: told to end, pytest would leave them."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def _begin_session() -> None:
    """Point every setting at a fresh folder."""
    for name in list(os.environ):
        if name.startswith(("ORDERPOOL_", "PREFECT_")):
            del os.environ[name]
    os.environ["ORDERPOOL_VAR"] = tempfile.mkdtemp(prefix="orderpool-")

    from deployments.parts import PREFECT
    from deployments.prefect_settings import environment

    PREFECT.publish()
    os.environ.update(environment())


# now, and not when the session is configured: what is imported by then brings Prefect along, which reads its settings
_begin_session()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop what the session started, also after a failure or Ctrl-C."""
    from deployments.installation import take_down
    from models.settings import settings

    if "prefect.logging.handlers" in sys.modules:
        # What is left of the logs goes out while there is still a server.
        sys.modules["prefect.logging.handlers"].APILogWorker.drain_all(timeout=5)
    settings.cache_clear()
    take_down(tell=lambda _: None)
    shutil.rmtree(settings().var, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres() -> str:
    """The libpq URL of the session's PostgreSQL, with a migrated template of the order pool in it."""
    from deployments import embedded_postgres
    from models.database import upgrade

    server = embedded_postgres.start([TEMPLATE], embedded_postgres.FAST_AND_FORGETFUL)
    upgrade(server.url(TEMPLATE))
    _disconnect(server.url(TEMPLATE))
    return server.url("postgres")


@pytest.fixture
def database(postgres: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An empty, migrated order pool for one test; `settings().pool_url()` leads to it. Yields its libpq URL."""
    from models.settings import settings

    name = f"pool_{next(NUMBERS)}"
    with psycopg.connect(postgres, autocommit=True) as conn:
        conn.execute(f"create database {name} template {TEMPLATE} strategy file_copy")
    url = postgres.replace("/postgres?", f"/{name}?").removesuffix("/postgres")
    url = url if name in url else f"{url}/{name}"
    monkeypatch.setenv("ORDERPOOL_DATABASE_URL", url)
    settings.cache_clear()
    yield url
    monkeypatch.undo()
    settings.cache_clear()
    _disconnect(url)
    with psycopg.connect(postgres, autocommit=True) as conn:
        conn.execute(f"drop database {name} with (force)")


@pytest.fixture(scope="session")
def running_sandbox() -> Iterator["Sandbox"]:
    """One sandbox for all tests that put it into its first state themselves."""
    from sandbox.server import running

    with running() as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def prefect_server(postgres: str) -> str:
    """The address of the API of a real Prefect server, set up as `orderpool up` does it, schedules paused.

    Started once per session. Flows called in the test's process talk to it and use the order pool of `database`.
    """
    return _bring_up("prefect")


@pytest.fixture(scope="session")
def prefect_worker(prefect_server: str) -> str:
    """`prefect_server` with a worker. Its flow runs use the session's own order pool, not that of `database`."""
    return _bring_up("worker")


def _bring_up(part: str) -> str:
    from deployments.installation import bring_up
    from deployments.parts import PREFECT
    from models.errors import SetupError
    from models.settings import settings

    settings.cache_clear()
    # A flow that cannot be loaded fails the tests of that flow alone.
    with contextlib.suppress(SetupError):
        bring_up([part], schedules=False, tell=lambda _: None)
    assert PREFECT.is_healthy()
    return settings().address("prefect_api_url")


def _disconnect(url: str) -> None:
    from models.database import engine_for

    engine_for(url).dispose()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A fresh folder with a short path: a unix socket fits below it."""
    place = Path(tempfile.mkdtemp(prefix="op-"))
    yield place
    shutil.rmtree(place, ignore_errors=True)
