"""When receivers may be erased: how their orders ended, and what keeps them, read for a set of orders at once."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, LiteralString

from models.database import Connection
from models.incoming import OrderKind, PayState
from models.intercept import INTERCEPT_STEPS
from models.order import Stage
from models.remainder import RemainderState
from models.rules.retention import Ending, Keeps, erase_at
from models.rules.returns import OPEN, UNDECIDED
from models.shipment import CLOSED, PARCEL_ENDS
from tasks.shop_settings import number_of

_NOT_OURS: Final = frozenset(set(PayState) - {PayState.READY, PayState.BLOCKED})
"""What the platform says of orders of which nothing is to leave from us, though they may stand under a hold."""

_FACTS: LiteralString = """
  select r.order_id, t.stage, o.kind, o.pay_state, o.modified_at, s.settings, r.restricted_at is not null,
         d.goods, d.waits, d.left_at, p.under_way, p.ended_at, c.at, b.is_open, b.is_unpaid, b.ended_at,
         array_remove(array[
           case when exists (select from hold where order_id = r.order_id and released_at is null) then 'hold' end,
           case when exists (
             select from parcel_intercept i join parcel x on x.id = i.parcel_id
             join allocation a on a.document_id = x.document_id
             where a.order_id = r.order_id and not i.state = any(%(intercept_ends)s)) then 'intercept' end,
           case when exists (select from remainder where order_id = r.order_id and state = %(owed)s) then 'short' end,
           case when exists (
             select from allocation a join document_block k on k.document_id = a.document_id and k.lifted_at is null
             where a.order_id = r.order_id) then 'stopped' end,
           case when exists (select from legal_hold where order_id = r.order_id and ended_at is null)
             then 'legal_hold' end], null)
  from receiver r join orders o on o.id = r.order_id join order_state t on t.order_id = r.order_id
  join shop s on s.id = o.shop_id
  cross join lateral (
    select count(*) as goods, coalesce(bool_or(d.state is null or d.state <> all(%(closed)s)), false) as waits,
           max(coalesce(d.shipped_at, d.ended_at, d.created_at)) as left_at
    from allocation a left join outbound_document d on d.id = a.document_id where a.order_id = r.order_id) d
  cross join lateral (
    select coalesce(bool_or(p.stage <> all(%(parcel_ends)s)), false) as under_way, max(p.stage_at) as ended_at
    from parcel p where p.document_id in (select document_id from allocation where order_id = r.order_id)
      and exists (select from parcel_line l where l.parcel_id = p.id and l.order_id = r.order_id)) p
  cross join lateral (
    select max(at) as at from event where order_id = r.order_id and what = 'cancelled' and t.stage = 'cancelled') c
  cross join lateral (
    select coalesce(bool_or(b.state = any(%(return_open)s)), false) as is_open,
           coalesce(bool_or(f.state = any(%(undecided)s)), false) as is_unpaid,
           max(greatest(f.changed_at, b.inspected_at)) as ended_at
    from return_order b left join refund f on f.return_id = b.id where b.order_id = r.order_id) b
  where r.order_id = any(%(ids)s) order by r.order_id"""

_STATES: Final = {
    "intercept_ends": [state.value for state, steps in INTERCEPT_STEPS.items() if not steps],
    "owed": RemainderState.OPEN.value,
    "closed": [state.value for state in CLOSED],
    "parcel_ends": [stage.value for stage in PARCEL_ENDS],
    "return_open": [state.value for state in OPEN],
    "undecided": [state.value for state in UNDECIDED],
}


def endings_of(conn: Connection, order_ids: Sequence[int]) -> dict[int, Ending]:
    """How these orders stand as far as their receivers are concerned, by id; one query."""
    return {row[0]: _ending(*row[1:]) for row in conn.execute(_FACTS, {**_STATES, "ids": list(order_ids)})}


def _ending(
    stage: str,
    kind: str,
    pay_state: str,
    modified_at: datetime,
    settings: dict[str, Any],
    restricted: bool,
    goods: int,
    waits: bool,
    left_at: datetime | None,
    parcels_under_way: bool,
    parcels_ended_at: datetime | None,
    cancelled_at: datetime | None,
    return_open: bool,
    refund_open: bool,
    returns_ended_at: datetime | None,
    kept: list[str],
) -> Ending:
    keeps = {Keeps(word) for word in kept}
    keeps |= {Keeps.RETURN} if return_open else set()
    keeps |= {Keeps.REFUND} if refund_open else set()
    left: datetime | None = None
    ended: datetime | None = None
    if stage == Stage.CANCELLED:
        left = max(filter(None, (cancelled_at, left_at)), default=modified_at)
        ended = None if parcels_under_way else max(filter(None, (left, parcels_ended_at, returns_ended_at)))
    elif goods:
        left = None if waits or stage != Stage.DISPATCHED else left_at
        is_ended = left is not None and not parcels_under_way
        ended = max(filter(None, (left, parcels_ended_at, returns_ended_at)), default=None) if is_ended else None
    elif kind == OrderKind.HEADER or pay_state in _NOT_OURS:
        # nothing of it is to leave from us, and nobody tells of its end; what it waits under says only that
        left = modified_at
        keeps -= {Keeps.HOLD}
    if left is None:
        keeps |= {Keeps.UNDER_WAY}
    return Ending(left, ended, number_of(settings, "erase_after_days"), frozenset(keeps), restricted)


def settle_times(conn: Connection, order_ids: Sequence[int]) -> dict[int, Ending]:
    """Write down from when on these receivers may be erased; gives how their orders stand.

    One whose order was opened again, or that something keeps, has no such time any more; nor has one whose end nobody
    told yet, for the end may come long before the latest time that it may be kept.
    """
    endings = endings_of(conn, order_ids)
    times = {order_id: erase_at(ending) if ending.ended_at else None for order_id, ending in endings.items()}
    conn.execute(
        """update receiver r set erase_after = n.at from unnest(%s::bigint[], %s::timestamptz[]) n(id, at)
           where r.order_id = n.id and r.erased_at is null and r.erase_after is distinct from n.at""",
        (list(times), list(times.values())),
    )
    return endings
