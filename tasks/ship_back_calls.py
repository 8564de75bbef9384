"""The calls that report boxes to a shop: those of one order one after the other, in the order in which they left."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from threading import Event
from typing import Protocol

from connectors.base import ShipBack
from models.errors import ChannelRejected, ChannelUnavailable
from tasks.ship_backs import Telling


class Reporter(Protocol):
    """The part of a channel that is told of parcels."""

    def ship_back(self, parcel: ShipBack) -> None:
        """Tell the shop that a parcel left; raises ChannelError types."""


@dataclass(slots=True)
class _Turn:
    """The report of a box, which boxes of the same orders that left later wait for.

    `stuck`: it did not get through, and may do so later.
    """

    over: Event = field(default_factory=Event)
    stuck: bool = True


def report_calls(channel: Reporter, shop_code: str, tellings: Sequence[Telling]) -> dict[int, Callable[[], None]]:
    """One call per message id, to be started in this order; each raises what stood in its way.

    A box whose earlier ones did not get through raises ChannelUnavailable: platforms tell the first box of an order
    from further ones. One that was refused for good holds up nobody.
    """
    turns = {telling.parcel_id: _Turn() for telling in tellings}
    return {telling.message_id: partial(_in_turn, channel, shop_code, telling, turns) for telling in tellings}


def _in_turn(channel: Reporter, shop_code: str, telling: Telling, turns: Mapping[int, _Turn]) -> None:
    mine = turns[telling.parcel_id]
    try:
        _wait_for_earlier(shop_code, telling, turns)
        _report(channel, shop_code, telling)
        mine.stuck = False
    except ChannelRejected:
        mine.stuck = False
        raise
    finally:
        mine.over.set()


def _wait_for_earlier(shop_code: str, telling: Telling, turns: Mapping[int, _Turn]) -> None:
    for parcel_id, waybill in telling.after.items():
        turn = turns.get(parcel_id)
        if turn is not None:
            # calls start in the order of their boxes: it is under way or over
            turn.over.wait()
        if turn is None or turn.stuck:
            obstacle = f"{waybill}, which left before it, is not reported yet"
            raise ChannelUnavailable(shop_code, f"report {telling.waybill}", obstacle)


def _report(channel: Reporter, shop_code: str, telling: Telling) -> None:
    """Report a box for each of its orders; what is refused for one is raised when the others are told."""
    action = f"report {telling.waybill}"
    refused = [ChannelRejected(shop_code, action, refusal.sentence) for refusal in telling.refusals]
    for parcel in telling.reports:
        try:
            _tell(channel, parcel, doubtful=telling.doubtful)
        except ChannelRejected as error:
            refused.append(error)
    if telling.delays:
        raise ChannelUnavailable(shop_code, action, telling.delays[0].sentence)
    if refused:
        raise refused[0]


def _tell(channel: Reporter, parcel: ShipBack, *, doubtful: bool) -> None:
    try:
        channel.ship_back(parcel)
    except ChannelRejected:
        if not doubtful:
            raise
        # the number that it corrects may never have arrived: then this is the first
        channel.ship_back(replace(parcel, replaces=""))
