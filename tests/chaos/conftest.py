"""One site for the whole session, its load, and the table that is printed at the end."""

import os
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.load import Load
from tests.chaos.report import Report
from tests.chaos.site import Site, running_site

USUAL_SEED = 1111


@pytest.fixture(scope="session")
def seed() -> int:
    """What the moments and targets are drawn from; CHAOS_SEED chooses another."""
    return int(os.environ.get("CHAOS_SEED") or USUAL_SEED)


@pytest.fixture(scope="session")
def report(seed: int, request: pytest.FixtureRequest) -> Iterator[Report]:
    """The table of this session's faults."""
    made = Report(seed)
    yield made
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print(f"\n\n{made.table()}\n")


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    """The installation that is struck."""
    # a short path: a unix socket fits below it
    with (
        tempfile.TemporaryDirectory(prefix="op-chaos-", ignore_cleanup_errors=True) as folder,
        running_site(Path(folder)) as site,
    ):
        yield site


@pytest.fixture(scope="session")
def load(site: Site, report: Report, seed: int) -> Iterator[Load]:
    """What happens there all the time."""
    load = Load(site, random.Random(seed))
    yield load
    load.end()
    report.orders += load.made
