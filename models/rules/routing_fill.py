"""How the units of an order are best divided among warehouses that serve it together, each with a part of it."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice, permutations
from typing import NamedTuple

from models.rules.carrier_choice import Offer
from models.rules.routing_values import Item

_BEAM = 24
"""States kept, and ways to divide a block tried, once there is no more effort for all of them."""


class Block(NamedTuple):
    """What has to stay together: `pieces` of one SKU that may leave from anywhere, or one piece of a whole line.

    `needs` is per SKU id the units in one piece; weight and value are those of one piece; `items` are what it is of.
    """

    items: tuple[Item, ...]
    pieces: int
    needs: tuple[tuple[int, int], ...]
    weight_g: int
    value_fen: int


class Totals(NamedTuple):
    """What the offers of all parts add up to; the lesser (as a tuple) is the better."""

    late: int
    late_days: int
    waits: int
    unpreferred: int
    cost_fen: int
    arrives: int


class Filling(NamedTuple):
    """A way to divide an order: per block the pieces of each warehouse, and the offer for each warehouse's part."""

    totals: Totals
    shares: tuple[tuple[int, ...], ...]
    offers: tuple[Offer, ...]


class Effort:
    """How many more steps may be spent on an order before only the likeliest ways are looked at."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def afford(self, steps: int) -> bool:
        """Whether so many steps are left; then they are spent."""
        if steps > self.steps:
            return False
        self.steps -= steps
        return True


class _State(NamedTuple):
    """All that matters of what is dealt out so far: two ways to the same state have the same future.

    Per warehouse: pieces or not, weight, value up to the least one; and units of the SKUs that several blocks share.
    """

    used: tuple[bool, ...]
    weights: tuple[int, ...]
    values: tuple[int, ...]
    shared: tuple[tuple[int, ...], ...]


_States = dict[_State, tuple[tuple[int, ...], ...]]
Quote = Callable[[int, int], Offer | None]
"""The best offer for a part of the n-th warehouse that weighs so many grams, None when there is none."""


class Task(NamedTuple):
    """An order to divide among the warehouses whose units per SKU are `shelves`; each has to get a part.

    A part has to be worth `least_fen`. Of ways that cost the same, the one with more pieces of earlier blocks in
    earlier warehouses is taken.
    """

    blocks: Sequence[Block]
    shelves: Sequence[dict[int, int]]
    quote: Quote
    least_fen: int


def fill(task: Task, effort: Effort) -> tuple[Filling | None, bool]:
    """The best way to divide the order, None when none was found, and whether that is proven.

    Deals out block after block and keeps one way to each state, so nothing is overlooked. Proven unless the effort
    did not allow that; then only the likeliest states and ways are followed.
    """
    count = len(task.shelves)
    shared = _shared(task.blocks)
    nothing = (0,) * count
    states: _States = {_State((False,) * count, nothing, nothing, (nothing,) * len(shared)): ()}
    proven = True
    for block in task.blocks:
        caps = _caps(block, task.shelves)
        ways = list(islice(_ways(block.pieces, caps), max(1, effort.steps // len(states)) + 1))
        if not effort.afford(len(states) * len(ways)):
            proven = False
            ways, states = _corners(block.pieces, caps), _likeliest(task, states)
        states = _deal(task, block, ways, states, shared)
        if not states:
            return None, proven
    return _best(task, states), proven


def _shared(blocks: Sequence[Block]) -> dict[int, int]:
    """A place for every SKU that more than one block wants."""
    wanted = [sku for block in blocks for sku, _ in block.needs]
    return {sku: place for place, sku in enumerate(sorted({sku for sku in wanted if wanted.count(sku) > 1}))}


def _caps(block: Block, shelves: Sequence[dict[int, int]]) -> list[int]:
    """How many pieces of a block each warehouse could ship."""
    return [min(block.pieces, *(shelf.get(sku, 0) // units for sku, units in block.needs)) for shelf in shelves]


def _ways(pieces: int, caps: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Every way to divide pieces among warehouses, the most for the first ones first."""
    if len(caps) == 1:
        if pieces <= caps[0]:
            yield (pieces,)
        return
    rest = sum(caps[1:])
    for here in range(min(pieces, caps[0]), max(-1, pieces - rest - 1), -1):
        for others in _ways(pieces - here, caps[1:]):
            yield (here, *others)


def _corners(pieces: int, caps: Sequence[int]) -> list[tuple[int, ...]]:
    """The ways to divide pieces that empty one warehouse after the other, in different orders."""
    ways: dict[tuple[int, ...], None] = {}
    for turn in islice(permutations(range(len(caps))), _BEAM):
        left, way = pieces, [0] * len(caps)
        for place in turn:
            way[place] = min(left, caps[place])
            left -= way[place]
        if not left:
            ways[tuple(way)] = None
    return list(ways)


def _deal(
    task: Task, block: Block, ways: Sequence[tuple[int, ...]], states: _States, shared: dict[int, int]
) -> _States:
    following: _States = {}
    for state, shares in states.items():
        for way in ways:
            taken = _taken(task, block, way, state, shared)
            if taken is None:
                continue
            after = _State(
                tuple(used or pieces > 0 for used, pieces in zip(state.used, way, strict=True)),
                tuple(grams + pieces * block.weight_g for grams, pieces in zip(state.weights, way, strict=True)),
                tuple(
                    min(task.least_fen, fen + pieces * block.value_fen)
                    for fen, pieces in zip(state.values, way, strict=True)
                ),
                taken,
            )
            dealt = (*shares, way)
            if after not in following or dealt > following[after]:
                following[after] = dealt
    return following


def _taken(
    task: Task, block: Block, way: tuple[int, ...], state: _State, shared: dict[int, int]
) -> tuple[tuple[int, ...], ...] | None:
    """Units of shared SKUs used with this way, None when a warehouse has not so many."""
    if not shared:
        return state.shared
    taken = list(state.shared)
    for sku, units in block.needs:
        if sku in shared:
            now = tuple(used + pieces * units for used, pieces in zip(taken[shared[sku]], way, strict=True))
            if any(used > shelf.get(sku, 0) for used, shelf in zip(now, task.shelves, strict=True)):
                return None
            taken[shared[sku]] = now
    return tuple(taken)


def _likeliest(task: Task, states: _States) -> _States:
    """The states nearest to a filling: all warehouses used, worth enough, cheap so far."""

    def distance(state: _State) -> tuple[int, int, tuple[int, ...]]:
        short = sum(task.least_fen - fen for fen in state.values)
        totals = totals_of([task.quote(place, grams) for place, grams in enumerate(state.weights)])
        return state.used.count(False), short, totals or (len(state.used) + 1,)

    return {state: states[state] for state in sorted(states, key=distance)[:_BEAM]}


def _best(task: Task, states: _States) -> Filling | None:
    best: Filling | None = None
    for state, shares in states.items():
        if not all(state.used) or min(state.values) < task.least_fen:
            continue
        offers = [task.quote(place, grams) for place, grams in enumerate(state.weights)]
        totals = totals_of(offers)
        if totals is None:
            continue
        if best is None or totals < best.totals or (totals == best.totals and shares > best.shares):
            best = Filling(totals, shares, tuple(offer for offer in offers if offer))
    return best


def totals_of(offers: Sequence[Offer | None]) -> Totals | None:
    """What offers add up to, None when one is missing."""
    found = [offer for offer in offers if offer is not None]
    if len(found) < len(offers):
        return None
    return Totals(*(sum(column) for column in zip(*(offer[:6] for offer in found), strict=True)))
