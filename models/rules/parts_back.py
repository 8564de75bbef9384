"""Orders in several documents that are asked back: what their answers so far come to. A total decision."""

from collections.abc import Collection
from enum import StrEnum


class PartAnswer(StrEnum):
    """What became of one document of an order that is asked back."""

    BACK = "back"  # its warehouse gave it back, or it was never sent
    PENDING = "pending"  # it is asked for, and its warehouse has not answered
    STAYS = "stays"  # it left, or leaves: not asked for, or not given back
    SETTLED = "settled"  # it was given back, and its units were settled


class PartsOutcome(StrEnum):
    """What the answers come to."""

    NOTHING = "nothing"  # no unit is free to be settled
    WAIT = "wait"  # for the answers that are out
    WHOLE = "whole"  # all came back: the order goes its way as one that was asked back whole
    PART = "part"  # some came back and some stay: the order stays dispatched, its free units are settled


def parts_outcome(answers: Collection[PartAnswer]) -> PartsOutcome:
    """What to do about an order whose documents were answered so."""
    if PartAnswer.BACK not in answers:
        return PartsOutcome.NOTHING
    if PartAnswer.PENDING in answers:
        return PartsOutcome.WAIT
    alone = set(answers) == {PartAnswer.BACK}
    return PartsOutcome.WHOLE if alone else PartsOutcome.PART
