"""`orderpool parcel renumber` as a person gives it."""

import os
import subprocess
import sys

import pytest

from tests.fakes import FakePool
from tests.tasks.shipping import dispatched, messages, report

COMMAND = [sys.executable, "-m", "deployments.cli", "parcel", "renumber"]


@pytest.fixture
def left(database: str) -> FakePool:
    """One order that left as YT000001."""
    pool = dispatched(FakePool())
    report(pool, {"YT000001": {1: 3, 2: 1}})
    return pool


def renumber(*arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [*COMMAND, *arguments], env=os.environ, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_a_person_corrects_a_number_and_hears_what_the_shop_hears(left: FakePool) -> None:
    ((no,),) = left.rows("select no from outbound_document")

    assert renumber("YT000001", "YT000009", "--reason", "misread") == (
        0,
        f"parcel YT000001 of {no}: is yuantong YT000009 now and followed as such; "
        "shop WOO is told of this number only\n",
    )
    assert messages(left) == [("ship-back-1", "withdrawn"), ("ship-back-1-2", "pending")]
    assert left.rows("select actor like 'person:%' from event where what = 'parcel_renumbered'") == [(True,)]


def test_a_correction_that_was_made_already_changes_nothing(left: FakePool) -> None:
    renumber("YT000001", "YT000009")

    code, said = renumber("YT000001", "YT000009")

    assert (code, "is yuantong YT000009 already; shop WOO hears nothing new" in said) == (0, True)


def test_a_correction_that_cannot_be_made_is_one_sentence(left: FakePool) -> None:
    assert renumber("YT000077", "YT000009") == (1, "orderpool: parcel YT000077: is not in the pool\n")
