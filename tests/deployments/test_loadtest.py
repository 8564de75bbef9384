"""A small load test, whole: its own installation, every shop, and the verdict."""

from pathlib import Path

import pytest

from deployments.loadtest import SHARES, Load, run_load
from deployments.loadtest_shape import USUAL, read_shape
from deployments.loadtest_verdict import verdict

GENEROUS_S = 600.0
"""Tests share their machine: how fast it goes is not what is asked here."""


@pytest.mark.long
def test_a_small_load_comes_through_whole(folder: Path) -> None:
    outcome = run_load(folder / "load", Load(300, 15, read_shape(USUAL)), "big", lambda _: None)
    reached = len(outcome.waits_s) + sum(held.orders for held in outcome.held)

    assert outcome.obstacles(GENEROUS_S) == [], verdict(outcome, GENEROUS_S)
    assert (outcome.orders, reached, outcome.shipped_back > 0) == (300, 300, True)
    assert {"postgres", "live", "web", "sandbox"} <= outcome.cpu_s.keys()
    assert len(SHARES) == 6
