"""Kits in numbers: how many whole ones boxes make up, and how money falls on what they are made of."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise


def whole_kits(per_unit: Mapping[int, int], units: Mapping[int, int]) -> int:
    """How many whole kits these units per SKU make up; `per_unit` is what one kit holds of each of its components."""
    return min(units.get(sku, 0) // needed for sku, needed in per_unit.items())


def kits_by_box(per_unit: Mapping[int, int], boxes: Sequence[Mapping[int, int]]) -> list[int]:
    """How many kits each box completes, given the units per SKU in each, first to leave first.

    A kit counts for the box that its last missing unit is in, so a later box never changes what an earlier one
    was said to hold; one that holds parts only completes none.
    """
    gone: Counter[int] = Counter()
    whole = [0]
    for box in boxes:
        gone.update(box)
        whole.append(whole_kits(per_unit, gone))
    return [after - before for before, after in pairwise(whole)]


def kits_touched(per_unit: Mapping[int, int], units: Mapping[int, int]) -> int:
    """How many kits lack something as long as these units per SKU have not left."""
    return max((-(-units.get(sku, 0) // needed) for sku, needed in per_unit.items()), default=0)


def shared_fen(total_fen: int, weights: Sequence[int]) -> list[int]:
    """The total shared out by weight, in fen that add up to it exactly; equal shares where nothing has a weight.

    Each share ends where the running total of the weights falls, rounded down: what rounding leaves over goes to
    later shares, and a share depends only on those before it and on the whole.
    """
    used = weights if sum(weights) else [1] * len(weights)
    ends = [total_fen * reached // sum(used) for reached in accumulate(used, initial=0)] if used else []
    return [after - before for before, after in pairwise(ends)]
