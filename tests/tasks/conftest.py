"""One pool for the tests of stages, emptied before each."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from sandbox.server import Sandbox
from tests.clocks import StoppedClock, TickingClock, in_force
from tests.fakes import FakePool
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
    with in_force(StoppedClock()) as clock:
        yield clock


@pytest.fixture
def ticking() -> Iterator[TickingClock]:
    """A clock that goes on by a second with each look."""
    with in_force(TickingClock(timedelta(seconds=1))) as clock:
        yield clock
