"""Faults strike a running day; afterwards nothing is lost, doubled or in limbo, and all accounts tie."""

import random
import time
from collections.abc import Sequence

import pytest

from tests.chaos.accounts import problems
from tests.chaos.draining import Drain
from tests.chaos.load import Load
from tests.chaos.report import SURVIVED, Report
from tests.chaos.site import Site
from tests.chaos.strikes import ASKING, KINDS

SHORT = (
    ("kill -9 of a flow process", "webhooks doubled", "connections to a platform dropped", "kill -9 of the sandbox"),
    ("two workers on one window", "kill -9 of the worker with its runs", "kill -9 of a PostgreSQL backend"),
)
"""The most telling ones."""

IN_A_ROUND = 4
EACH = 2
PATIENCE_S = 300


def survive(kinds: Sequence[str], number: int, site: Site, load: Load, report: Report, draw: random.Random) -> None:
    """Cause these faults while the load runs, let everything come to rest, and look at every account."""
    load.start()
    time.sleep(draw.uniform(2, 4))
    caused = []
    for kind in kinds:
        if KINDS[kind] in ASKING:
            site.await_parts()
        caused.append(report.add(kind, "", number))
        caused[-1].what = KINDS[kind](site, draw)
        time.sleep(draw.uniform(0.5, 3))
    load.pause()
    Drain(site, PATIENCE_S).run()
    found = problems(site)
    for fault in caused:
        fault.verdict = SURVIVED if not found else "FAILED"
    assert found == []


@pytest.mark.parametrize("number", range(len(SHORT)))
def test_the_most_telling_faults_lose_and_double_nothing(
    number: int, site: Site, load: Load, report: Report, seed: int
) -> None:
    survive(SHORT[number], number + 1, site, load, report, random.Random(f"{seed} short {number}"))


def deck(seed: int) -> list[list[str]]:
    """Every kind EACH times, in a random order, in rounds."""
    cards = [kind for kind in KINDS for _ in range(EACH)]
    random.Random(seed).shuffle(cards)
    return [cards[start : start + IN_A_ROUND] for start in range(0, len(cards), IN_A_ROUND)]


@pytest.mark.long
@pytest.mark.parametrize("number", range(len(deck(0))))
def test_every_fault_loses_and_doubles_nothing(number: int, site: Site, load: Load, report: Report, seed: int) -> None:
    survive(deck(seed)[number], number + len(SHORT) + 1, site, load, report, random.Random(f"{seed} {number}"))
