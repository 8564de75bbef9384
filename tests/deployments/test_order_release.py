"""`orderpool order release` as a person gives it."""

import os
import subprocess
import sys

import pytest

from models.database import transaction
from models.hold import Finding, HoldCode, place_holds
from tests.fakes import FakePool, payload, why

COMMAND = [sys.executable, "-m", "deployments.cli", "order", "release"]


@pytest.fixture
def held(database: str) -> FakePool:
    """An order that was dispatched and that the shop changed since."""
    pool = FakePool()
    pool.stock(TEA=10)
    pool.take([payload(1)])
    pool.through_the_stages()
    with transaction() as conn:
        place_holds(conn, [(1, Finding(HoldCode.CHANGED_LATE, "for a test", {}))], why())
    return pool


def release(*arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [*COMMAND, *arguments], env=os.environ, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_a_person_releases_a_changed_order_by_its_number(held: FakePool) -> None:
    assert release("1", "--code", "changed_late", "--reason", "the warehouse knows") == (
        0,
        "order 1 of WOO: CHANGED_LATE released; it goes on with the next resume_orders run\n",
    )
    assert held.holds() == {}
    assert held.rows("select actor like 'person:%', detail->>'reason' from event where what = 'released'") == [
        (True, "the warehouse knows")
    ]


def test_a_hold_that_is_not_a_persons_to_end_is_one_sentence(held: FakePool) -> None:
    assert release("1", "--code", "UNPAID", "--reason", "so") == (
        1,
        "orderpool: order 1: cannot release UNPAID by hand; it ends when the shop says that the order is paid\n",
    )
