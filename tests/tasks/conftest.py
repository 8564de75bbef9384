"""One pool for the tests of stages, emptied before each."""

from collections.abc import Iterator

import pytest

from sandbox.server import Sandbox
from tests.clocks import StoppedClock, stopped_at
from tests.fakes import NOON, FakePool
from tests.shared_pool import emptied, shared_pool


@pytest.fixture(scope="session")
def stage_database(postgres: str) -> Iterator[str]:
    with shared_pool(postgres, "stages") as url:
        yield url


@pytest.fixture
def pool(stage_database: str) -> Iterator[FakePool]:
    """A pool with a web shop and two warehouses, and nothing else."""
    with emptied(stage_database):
        yield FakePool()


@pytest.fixture
def sandbox(running_sandbox: Sandbox) -> Sandbox:
    """The sandbox in its first state, on the machine's clock."""
    running_sandbox.do("POST", "/reset")
    return running_sandbox


@pytest.fixture
def stopped() -> Iterator[StoppedClock]:
    """A clock that stands at noon until the test moves it."""
    with stopped_at(NOON) as clock:
        yield clock
