"""`orderpool quality` as a person gives it."""

from datetime import timedelta

import pytest
from typer.testing import CliRunner

from deployments.commands import app, load
from models.errors import SetupError
from models.settings import clock
from tests.fakes import FakePool
from tests.tasks.test_quality_history import checked


def quality(*arguments: str) -> str:
    load()
    done = CliRunner().invoke(app, ["quality", *arguments])
    if done.exception:
        raise done.exception
    return done.output


def test_shares_drift_and_batches_over_a_limit_are_shown(database: str) -> None:
    pool, now = FakePool(), clock().now()
    assert quality() == "no batch was checked in the last 7 days\n"
    checked(pool, now - timedelta(days=2), 1000, failed=4)
    batch = checked(pool, now - timedelta(hours=1), 500, failed=50, verdict="failed")

    lines = quality("--shop", "WOO").splitlines()

    assert lines[0] == "WOO: 2 batches, 1,500 orders in 7 days"
    assert lines[1] == ("  receiver can be called: 50 of 500 orders (10 %, 0.4 % before, limit 5 %), over its limit")
    assert lines[3].endswith("expectations met by every order")
    assert lines[4].startswith(f"  batch {batch}: failed ")
    assert lines[5] == "    50 of 500 orders: the receiver has no phone (receiver can be called); e.g. A1"
    with pytest.raises(SetupError, match="shop NONE: there is no such shop"):
        quality("--shop", "NONE")
