"""Returned goods and the money for them: the two machines of a return, and what is decided about it.

Goods and money are two axes. No step of one asks where the other stands: goods come back that nobody pays for, and
money goes back for goods that never come.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Final, NamedTuple


class ReturnKind(StrEnum):
    """Why goods come back."""

    RETURN = "return"  # the buyer gives them back for the money
    EXCHANGE = "exchange"  # the buyer gives them back for other ones
    INTERCEPTED = "intercepted"  # the carrier brings a parcel back that never reached its buyer


class ReturnState(StrEnum):
    """Where the goods of a return are."""

    ANNOUNCED = "announced"
    ON_THE_WAY = "on_the_way"
    ARRIVED = "arrived"
    INSPECTED = "inspected"  # what came is known; something of it is neither in stock nor settled
    CLOSED = "closed"
    CALLED_OFF = "called_off"


RETURN_STEPS: Final[dict[ReturnState, frozenset[ReturnState]]] = {
    ReturnState.ANNOUNCED: frozenset({ReturnState.ON_THE_WAY, ReturnState.ARRIVED, ReturnState.CALLED_OFF}),
    ReturnState.ON_THE_WAY: frozenset({ReturnState.ARRIVED, ReturnState.CALLED_OFF}),
    ReturnState.ARRIVED: frozenset({ReturnState.INSPECTED}),
    ReturnState.INSPECTED: frozenset({ReturnState.CLOSED}),
    ReturnState.CLOSED: frozenset(),
    ReturnState.CALLED_OFF: frozenset(),
}
"""Steps of the goods. What arrived is inspected, whatever anybody wishes: it lies there."""

EXPECTED: Final = frozenset({ReturnState.ANNOUNCED, ReturnState.ON_THE_WAY})
"""States in which the goods have still to come."""

UNJUDGED: Final = EXPECTED | {ReturnState.ARRIVED}
"""States in which nobody has looked at the goods; the announced units count as returned."""

OPEN: Final = UNJUDGED | {ReturnState.INSPECTED}
"""States in which something about the goods is still to be done."""


class RefundState(StrEnum):
    """Where the money of a return is."""

    NONE = "none"
    WANTED = "wanted"
    AGREED = "agreed"
    ASKED = "asked"  # the platform, or whoever pays, was asked to pay it
    IN_DOUBT = "in_doubt"  # asked, and nobody knows whether it was paid
    DONE = "done"
    REFUSED = "refused"


REFUND_STEPS: Final[dict[RefundState, frozenset[RefundState]]] = {
    RefundState.NONE: frozenset({RefundState.WANTED, RefundState.DONE}),
    RefundState.WANTED: frozenset({RefundState.AGREED, RefundState.REFUSED, RefundState.NONE, RefundState.DONE}),
    RefundState.AGREED: frozenset({RefundState.ASKED, RefundState.REFUSED, RefundState.DONE}),
    RefundState.ASKED: frozenset({RefundState.IN_DOUBT, RefundState.REFUSED, RefundState.DONE}),
    RefundState.IN_DOUBT: frozenset({RefundState.REFUSED, RefundState.DONE}),
    RefundState.REFUSED: frozenset({RefundState.WANTED, RefundState.DONE}),
    RefundState.DONE: frozenset(),
}
"""Steps of the money. DONE is reached from everywhere, for a platform pays without asking us. Whoever is in doubt looks
before anybody asks again: out of doubt leads no way back to ASKED."""

UNDECIDED: Final = frozenset({RefundState.WANTED, RefundState.AGREED, RefundState.ASKED, RefundState.IN_DOUBT})
"""States in which somebody has to do something about the money."""


class ReplacementKind(StrEnum):
    """What an order that we made ourselves is for."""

    EXCHANGE = "exchange"  # goods of a return are replaced by these
    RESHIP = "reship"  # what left is sent once more, and nothing comes back


class ExchangeShips(StrEnum):
    """When the goods of an exchange leave by themselves; a person may let them go at any time."""

    AT_ARRIVAL = "at_arrival"
    AFTER_INSPECTION = "after_inspection"


class Verdict(NamedTuple):
    """What came of the announced units of a line: as they should be, defective, other goods, or nothing in the box."""

    good: int = 0
    defect: int = 0
    wrong: int = 0
    empty: int = 0

    @property
    def units(self) -> int:
        """All units that were judged."""
        return sum(self)

    @property
    def came_back(self) -> int:
        """Units of the very goods that are here again."""
        return self.good + self.defect


class Line(NamedTuple):
    """A line of a return: units announced, and what came of them."""

    announced: int
    verdict: Verdict = Verdict()


def counted(state: ReturnState, line: Line) -> int:
    """The units of a line that count as returned: what is announced until it was looked at, then what truly came."""
    if state is ReturnState.CALLED_OFF:
        return 0
    return line.announced if state in UNJUDGED else line.verdict.came_back


def is_settled(lines: Iterable[Line]) -> bool:
    """Whether nothing is left to do about goods that were inspected: all that came is in stock again."""
    return all(line.verdict.defect == 0 and line.verdict.wrong == 0 for line in lines)


def is_fair(lines: Iterable[Line]) -> bool:
    """Whether all announced units truly came back, so that an exchange may leave without anybody looking at it."""
    return all(line.verdict.came_back == line.announced for line in lines)


def room_fen(paid_fen: int, promised_fen: int, settled_fen: int, refunded_fen: int) -> int:
    """What may still go back of what a buyer paid; below 0 where too much is promised already.

    `settled_fen` is what we hold to be paid or owed for certain. It may be among what the platform has refunded or not
    yet: the greater of both counts.
    """
    return paid_fen - promised_fen - max(settled_fen, refunded_fen)


def worth_fen(units: int, quantity: int, paid_fen: int) -> int:
    """What a buyer paid for so many pieces of a line of `quantity` pieces, rounded down; never more than the line."""
    return paid_fen * min(units, quantity) // quantity if quantity > 0 else 0


class Claim(NamedTuple):
    """The money of one return as its order's platform may have settled it, the oldest return of the order first."""

    return_id: int
    state: RefundState
    amount_fen: int
    known_fen: int  # what the platform had refunded of the order when the return was opened
    refunding: bool  # the platform says that a refund of one of its lines is under way
    called_off: bool = False  # its goods do not come

    @property
    def is_asked_for(self) -> bool:
        """Whether somebody is to get this money."""
        return self.state in UNDECIDED and not self.called_off


def told_by_platform(refunded_fen: int, claims: Sequence[Claim], owed_fen: int = 0) -> Mapping[int, RefundState]:
    """Where an order's refunds are by what its platform says, per return that moves.

    What was refunded since the first of them was opened pays the claims that are done and the `owed_fen` of units that
    never left, as far as money that went back before does not; then the claims that somebody asks for, and the others
    by what is left: the oldest first, each whole or not at all and none by what came before it. A refund that is under
    way there is wanted here.
    """
    known = min((claim.known_fen for claim in claims), default=0)
    left = refunded_fen - max(known, owed_fen)
    left -= sum(claim.amount_fen for claim in claims if claim.state is RefundState.DONE)
    moved: dict[int, RefundState] = {}
    for claim in sorted(claims, key=lambda claim: not claim.is_asked_for):
        if claim.state is RefundState.DONE:
            continue
        if 0 < claim.amount_fen <= min(left, refunded_fen - claim.known_fen) and not claim.refunding:
            left -= claim.amount_fen
            moved[claim.return_id] = RefundState.DONE
        elif claim.refunding and claim.state in (RefundState.NONE, RefundState.REFUSED):
            moved[claim.return_id] = RefundState.WANTED
    return moved
