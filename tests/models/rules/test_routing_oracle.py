"""Routing against an oracle that tries everything."""

import pytest

from models.rules.routing import choose
from models.rules.routing_plan import Plan
from tests.models.rules.routing_cases import random_case
from tests.models.rules.routing_oracle import Oracle


def agree(seed: int) -> bool:
    """Whether there is a plan; it has to be the oracle's best, or there must be none."""
    case, wish = random_case(seed)
    oracle = Oracle(case, wish)
    decision = choose(wish, case.world())
    found = oracle.key_of_plan(decision) if isinstance(decision, Plan) else None
    assert found == oracle.best(), f"seed {seed}: {decision}"
    assert not isinstance(decision, Plan) or (found is not None and decision.gap is None), f"seed {seed}: {decision}"
    return isinstance(decision, Plan)


def test_every_decision_is_the_best_of_all_that_are_possible() -> None:
    planned = sum(agree(seed) for seed in range(20_000))

    assert 6_000 < planned < 18_000


@pytest.mark.long
def test_so_it_is_in_many_more_cases() -> None:
    assert any(agree(seed) for seed in range(20_000, 300_000))
