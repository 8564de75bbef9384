"""A house for each test."""

import pytest

from tests.clocks import TickingClock
from tests.fakes import FakePool
from tests.tasks.floor.house import House


@pytest.fixture
def house(pool: FakePool, ticking: TickingClock) -> House:
    """An own warehouse with 50 TEA, 50 CUP and 50 POT."""
    pool.stock(TEA=50, CUP=50, POT=50)
    pool.execute("update sku set barcode = '690' || id")
    return House(pool)
