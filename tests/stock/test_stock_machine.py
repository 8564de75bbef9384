"""Whatever happens to stock, in whatever order: what must be true of it is true after every step."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.stock.machine import StockMachine

STEPS_A_RUN = 50


def run(database: str, runs: int) -> int:
    """So many runs of the machine; gives how many steps they took."""
    StockMachine.database = database
    StockMachine.steps = 0
    run_state_machine_as_test(
        StockMachine,
        settings=settings(
            max_examples=runs,
            stateful_step_count=STEPS_A_RUN,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    return StockMachine.steps


def test_stock_stays_true_over_two_thousand_steps(stock_database: str) -> None:
    assert run(stock_database, 75) >= 2_000


@pytest.mark.long
def test_stock_stays_true_over_a_hundred_thousand_steps(stock_database: str) -> None:
    assert run(stock_database, 3_300) >= 100_000
