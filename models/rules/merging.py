"""Which orders may leave in one parcel, and how several that do are routed as one."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from models.rules.kits import shared_fen
from models.rules.routing import choose, decide, in_queue
from models.rules.routing_plan import Decision, Plan
from models.rules.routing_values import Wish
from models.rules.routing_world import World


class Candidate(NamedTuple):
    """An order of a shop as far as merging goes by it.

    `buyer` is the platform's key of the buyer, "" where it gives none; `token` the platform's merge token, `receiver`
    the keyed hash of a plain receiver. `cod`: paid at the door. `apart`: a person wants it to leave by itself. `group`
    is the merge that a person put it in, None for no such one. `replaces`: an exchange or what is sent once more, whose
    document is of another type.
    """

    order_id: int
    buyer: str
    cod: bool
    token: str
    receiver: bytes | None
    masked: bool = False
    apart: bool = False
    group: int | None = None
    replaces: bool = False


class Key(NamedTuple):
    """What orders that may leave together have in common."""

    buyer: str
    cod: bool
    receiver: str | bytes


def key_of(order: Candidate, *, tokens: bool) -> Key | None:
    """What another order must have in common with this one, None when nothing says who receives it.

    `tokens`: the platform says by a token who receives an order, and then nothing else does. Masks say nothing.
    """
    if order.replaces:
        return None
    if tokens and order.token:
        return Key(order.buyer, order.cod, order.token)
    if order.masked or order.receiver is None:
        return None
    return Key(order.buyer, order.cod, order.receiver)


def siblings(orders: Iterable[Candidate], *, tokens: bool, most: int) -> list[tuple[int, ...]]:
    """The orders (ids, ascending) that may leave together, in groups of two or more; every order is in one at most.

    Orders that a person merged stay what they are: no other joins them. Of more than `most` orders of one receiver
    the first `most` are together, then the next ones.
    """
    by_hand: dict[int, list[int]] = {}
    alike: dict[Key, list[int]] = {}
    for order in sorted(orders):
        if order.group is not None:
            by_hand.setdefault(order.group, []).append(order.order_id)
        elif not order.apart and (key := key_of(order, tokens=tokens)) is not None:
            alike.setdefault(key, []).append(order.order_id)
    chunks = (ids[start : start + most] for ids in alike.values() for start in range(0, len(ids), most))
    return sorted(tuple(ids) for ids in (*by_hand.values(), *chunks) if len(ids) > 1)


def obstacle(order: Candidate, first: Candidate, *, tokens: bool) -> str:
    """Why an order cannot leave together with the first one of a wish, "" when it can."""
    if order.replaces or first.replaces:
        return "an exchange, or what is sent once more, leaves alone"
    mine, other = key_of(order, tokens=tokens), key_of(first, tokens=tokens)
    if mine is None or other is None:
        return "nothing tells who receives it: the receiver is masked, or not known well enough"
    if order.cod != first.cod:
        return "one is paid at the door, the other is not"
    if mine.buyer != other.buyer:
        return "it is of another buyer"
    return "" if mine == other else "it goes to another receiver"


@dataclass(frozen=True, slots=True)
class _OneParcel:
    """The limits of orders that are to leave in one parcel."""

    tracking_unit: str = "units"
    parcels_per_order: int | None = 1
    numbers_at_once: bool = False


class Routed(NamedTuple):
    """What became of a batch: a decision per order, and which of the groups leave in one parcel."""

    decisions: dict[int, Decision]
    together: tuple[tuple[int, ...], ...]


def route_together(wishes: Sequence[Wish], groups: Sequence[Sequence[int]], world: World) -> Routed:
    """Decide orders as `route_orders` does, with those of a group as one order where one parcel can serve them all.

    A group has the place in the queue of its first order. Where no warehouse has all that it wants, or the parcel
    would miss a promise that some of its orders keep by themselves, each is routed by itself. Takes units and room
    from the world; a parcel takes room once.
    """
    by_id = {wish.order_id: wish for wish in wishes}
    members = {ids[0]: [by_id[order_id] for order_id in ids] for ids in map(tuple, groups)}
    merged = {wish.order_id for of in members.values() for wish in of}
    queue = [combined(of) for of in members.values()] + [wish for wish in wishes if wish.order_id not in merged]
    decisions: dict[int, Decision] = {}
    together = []
    for wish in in_queue(queue):
        of = members.get(wish.order_id)
        plan = None if of is None else _in_one(wish, of, world)
        if of is not None and plan is not None:
            decisions |= shared_out(plan, of)
            together.append(tuple(member.order_id for member in of))
        else:
            decisions |= {each.order_id: decide(each, world) for each in in_queue(of or [wish])}
    return Routed(decisions, tuple(sorted(together)))


def combined(wishes: Sequence[Wish]) -> Wish:
    """Orders as one wish, named by the first: all their items, the earliest of their times.

    Its lines are numbered anew, those of the first order first, each order's as they are; `shared_out` knows them.
    """
    first = wishes[0]
    numbers = _numbers(wishes)
    items = tuple(item._replace(line_no=numbers[wish.order_id, item.line_no]) for wish in wishes for item in wish.items)
    return first._replace(
        items=items,
        ship_by=_earliest(wish.ship_by for wish in wishes),
        paid_at=_earliest(wish.paid_at for wish in wishes),
        limits=_OneParcel(),
    )


def shared_out(plan: Plan, wishes: Sequence[Wish]) -> dict[int, Decision]:
    """The plan of one parcel as a plan for each of the orders in it; what it costs is shared out by weight."""
    (part,) = plan.parts
    costs = shared_fen(part.cost_fen, [max(1, sum(item.units * item.weight_g for item in w.items)) for w in wishes])
    numbers = _numbers(wishes)
    own: dict[int, dict[tuple[int, int], int]] = {wish.order_id: {} for wish in wishes}
    lines = {number: place for place, number in numbers.items()}
    for (number, sku_id), units in part.units.items():
        order_id, line_no = lines[number]
        own[order_id][line_no, sku_id] = units
    return {
        wish.order_id: plan._replace(
            order_id=wish.order_id, parts=(part._replace(cost_fen=cost_fen, units=own[wish.order_id]),)
        )
        for wish, cost_fen in zip(wishes, costs, strict=True)
    }


def _in_one(wish: Wish, members: Sequence[Wish], world: World) -> Plan | None:
    """Take the plan of one parcel for all of them from the world; None when there is none, or each is better alone."""
    plan = decide(wish, world)
    if not isinstance(plan, Plan):
        return None
    if plan.kept:
        return plan
    world.give_back(plan)
    alone = (choose(member, world) for member in members)
    if any(isinstance(each, Plan) and each.kept for each in alone):
        return None
    world.take(plan)
    return plan


def _numbers(wishes: Sequence[Wish]) -> Mapping[tuple[int, int], int]:
    """A number of its own for each line of each order."""
    lines = dict.fromkeys((wish.order_id, item.line_no) for wish in wishes for item in wish.items)
    return {line: number for number, line in enumerate(lines, 1)}


def _earliest(times: Iterable[datetime | None]) -> datetime | None:
    return min((at for at in times if at is not None), default=None)
