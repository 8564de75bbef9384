"""How stock levels are dealt out to calls of a platform, and what its refusals mean for each of them."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from hashlib import sha256
from itertools import islice
from typing import Final

from connectors.base import StockLevel, StockOutcome, StockVerdict
from models.errors import ChannelError, ChannelRejected, ChannelUnavailable, OutcomeUnknown

PATIENCE: Final = 5
"""After so many calls in a row that were put off it is not the listings: the rest is kept for later."""

Send = Callable[[Sequence[StockLevel]], list[StockOutcome]]
"""One call with these levels; an outcome for each. Raises ChannelError types when it took none."""


class Blame(Enum):
    """What a call failed for."""

    CALL = auto()  # how it is made, or what the shop is allowed: nothing to do with these levels
    EACH = auto()  # something that is true of every level in it, as the product they all belong to
    SOME = auto()  # one level or more of it; which is not known
    NOT_NOW = auto()  # nothing is wrong with them: the platform is busy with just these


@dataclass(frozen=True, slots=True)
class StockCalls:
    """How a platform is told of a shop's stock."""

    shop: str
    size: int  # levels per call
    together: Callable[[StockLevel], Hashable]  # levels with the same may share a call
    target: Callable[[StockLevel], Hashable]  # what of the platform a level sets
    send: Send
    judge: Callable[[ChannelError], Blame]  # of ChannelRejected, ChannelUnavailable, OutcomeUnknown
    fault_in: Callable[[StockLevel], str]  # why the platform cannot be told of a level, "" when it can
    at_once: int = 1  # calls under way at the same time


def push_levels(levels: Sequence[StockLevel], calls: StockCalls) -> Iterator[list[StockOutcome]]:
    """The outcomes of all levels, call by call; first those of levels that cannot be sent, if any.

    A call that is refused because of some of its levels is made again in halves, so that only those stay out.
    Raises what `send` does where the call itself is to blame, and ChannelUnavailable when everything is put off.
    """
    sendable, unsendable = _sorted_out(levels, calls)
    if unsendable:
        yield unsendable
    put_off = 0
    for steps, error in _several_at_once(batches(sendable, calls.size, calls.together), calls):
        yield from steps
        if error is not None:
            raise error
        for outcomes in steps:
            put_off = put_off + 1 if all(outcome.verdict is StockVerdict.AGAIN for outcome in outcomes) else 0
        if put_off >= PATIENCE:
            obstacle = f"{put_off} calls in a row were put off: {steps[-1][-1].reason}"
            raise ChannelUnavailable(calls.shop, "set stock", obstacle)


def batches(
    levels: Sequence[StockLevel], size: int, together: Callable[[StockLevel], Hashable]
) -> Iterator[Sequence[StockLevel]]:
    """The levels by what they may share a call with, in the order of each one's first, cut to `size`."""
    groups: dict[Hashable, list[StockLevel]] = {}
    for level in levels:
        groups.setdefault(together(level), []).append(level)
    for group in groups.values():
        yield from (group[first : first + size] for first in range(0, len(group), size))


def key_of(levels: Sequence[StockLevel]) -> str:
    """One idempotency key (32 hex digits) for a call with exactly these levels."""
    return sha256("\n".join(f"{level.key} {level.units}" for level in levels).encode()).hexdigest()[:32]


def is_answer(error: ChannelError) -> bool:
    """Whether the platform itself said this, with a code of its own, rather than something on the way to it."""
    return error.obstacle.startswith("code ")


def accepted(level: StockLevel) -> StockOutcome:
    """The platform took it."""
    return StockOutcome(level, StockVerdict.ACCEPTED)


def refused(level: StockLevel, reason: str) -> StockOutcome:
    """The platform will not take it before somebody mends what the reason says."""
    return StockOutcome(level, StockVerdict.REFUSED, reason)


def not_now(level: StockLevel, reason: str) -> StockOutcome:
    """The platform did not take it, and may later."""
    return StockOutcome(level, StockVerdict.AGAIN, reason)


def _several_at_once(
    rest: Iterator[Sequence[StockLevel]], calls: StockCalls
) -> Iterator[tuple[list[list[StockOutcome]], ChannelError | None]]:
    """The outcomes of every `at_once` calls, and the first error among them; no call is begun after that."""
    with ThreadPoolExecutor(calls.at_once) as threads:
        while some := list(islice(rest, calls.at_once)):
            done = list(threads.map(partial(_tried, calls=calls), some))
            errors = [error for _, error in done if error is not None]
            yield [outcomes for steps, _ in done for outcomes in steps], next(iter(errors), None)


def _tried(batch: Sequence[StockLevel], calls: StockCalls) -> tuple[list[list[StockOutcome]], ChannelError | None]:
    steps: list[list[StockOutcome]] = []
    try:
        steps.extend(_sent(batch, calls))
    except ChannelError as error:
        return steps, error
    return steps, None


def _sent(batch: Sequence[StockLevel], calls: StockCalls) -> Iterator[list[StockOutcome]]:
    try:
        outcomes = calls.send(batch)
    except (ChannelRejected, ChannelUnavailable, OutcomeUnknown) as error:
        blame = calls.judge(error)
        if blame is Blame.CALL:
            raise
        if blame is Blame.SOME and len(batch) > 1:
            half = len(batch) // 2
            yield from _sent(batch[:half], calls)
            yield from _sent(batch[half:], calls)
            return
        verdict = not_now if blame is Blame.NOT_NOW else refused
        outcomes = [verdict(level, error.obstacle) for level in batch]
    yield outcomes


def _sorted_out(levels: Sequence[StockLevel], calls: StockCalls) -> tuple[list[StockLevel], list[StockOutcome]]:
    wanted: dict[Hashable, set[int]] = {}
    for level in levels:
        wanted.setdefault(calls.target(level), set()).add(level.units)
    sendable: list[StockLevel] = []
    unsendable: list[StockOutcome] = []
    for level in levels:
        if fault := _usual_fault(level, wanted[calls.target(level)]) or calls.fault_in(level):
            unsendable.append(refused(level, fault))
        else:
            sendable.append(level)
    return sendable, unsendable


def _usual_fault(level: StockLevel, wanted: set[int]) -> str:
    if level.units < 0:
        return f"{level.units} units cannot be shown"
    if len(wanted) > 1:
        return f"the listing is to show {' and '.join(map(str, sorted(wanted)))} at once"
    return ""
