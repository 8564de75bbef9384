"""One pool for the tests of stages, emptied before each."""

from collections.abc import Iterator

import pytest

from sandbox.server import Sandbox, running
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


@pytest.fixture(scope="session")
def running_sandbox() -> Iterator[Sandbox]:
    """One sandbox for all tests of stages that talk to the outside."""
    with running() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running_sandbox: Sandbox) -> Sandbox:
    """The sandbox in its first state, on the machine's clock."""
    running_sandbox.do("POST", "/reset")
    return running_sandbox
