"""Orders that a platform split: of a family, each piece of goods leaves once."""

from collections.abc import Mapping
from dataclasses import dataclass

from models.order import Stage


@dataclass(frozen=True, slots=True)
class Member:
    """An order of a family: its platform id, that of the order it was split from ("" for none), and its stage."""

    external_id: str
    split_from: str
    stage: Stage


@dataclass(frozen=True, slots=True)
class Settlement:
    """What is to happen in a family: `closed` orders give way to their children (ids); `held` ones must not go.

    Each held one names the order it was split from that is on its way already.
    """

    closed: Mapping[int, tuple[int, ...]]
    held: Mapping[int, int]


_OVER = frozenset({Stage.DISPATCHED, Stage.CANCELLED})


def settle(family: Mapping[int, Member]) -> Settlement:
    """Close what was split and is not on its way; hold what was split from something that is.

    Depends only on the orders, not on which of them came first. `family` holds orders of one shop by id.
    """
    ids = {member.external_id: order_id for order_id, member in family.items()}
    children: dict[int, list[int]] = {}
    for order_id, member in sorted(family.items()):
        if (parent := ids.get(member.split_from)) is not None and parent != order_id:
            children.setdefault(parent, []).append(order_id)
    free = {order_id for order_id, member in family.items() if member.stage not in _OVER}
    held = {
        order_id: sent
        for order_id in free - children.keys()
        if (sent := _dispatched_above(order_id, family, ids)) is not None
    }
    return Settlement({parent: tuple(into) for parent, into in children.items() if parent in free}, held)


def _dispatched_above(order_id: int, family: Mapping[int, Member], ids: Mapping[str, int]) -> int | None:
    seen = {order_id}
    above = ids.get(family[order_id].split_from)
    while above is not None and above not in seen:
        if family[above].stage is Stage.DISPATCHED:
            return above
        seen.add(above)
        above = ids.get(family[above].split_from)
    return None
