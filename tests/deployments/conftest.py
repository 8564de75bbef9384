"""One pool for the tests of commands, emptied before each, and a clock that stands an hour after its orders came."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.clocks import StoppedClock, in_force
from tests.fakes import NOON, FakePool
from tests.shared_pool import emptied, shared_pool


@pytest.fixture(scope="session")
def command_database(postgres: str) -> Iterator[str]:
    with shared_pool(postgres, "commands") as url:
        yield url


@pytest.fixture
def pool(command_database: str) -> Iterator[FakePool]:
    """A pool with a web shop and two warehouses, and nothing else."""
    with in_force(StoppedClock(NOON + timedelta(hours=1))), emptied(command_database):
        yield FakePool()
