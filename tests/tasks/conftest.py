"""One pool for the tests of stages, emptied before each."""

from collections.abc import Iterator

import pytest

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
