"""One pool for the proofs about stock, emptied before each."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from models.database import connect
from tests.fakes import FakePool
from tests.shared_pool import emptied, shared_pool
from tests.stock.crowd import THREADS, Crowd


@pytest.fixture(scope="session")
def stock_database(postgres: str) -> Iterator[str]:
    with shared_pool(postgres, "stock_proofs") as url:
        yield url


@pytest.fixture
def pool(stock_database: str) -> Iterator[FakePool]:
    """A pool with a web shop and two warehouses, and nothing else."""
    with emptied(stock_database):
        yield FakePool()


@pytest.fixture(scope="session")
def crowd(stock_database: str) -> Iterator[Crowd]:
    """A hundred threads with a connection each."""
    with ExitStack() as stack:
        yield Crowd([stack.enter_context(connect(stock_database)) for _ in range(THREADS)])
