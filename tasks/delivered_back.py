"""Deliveries told to shops that want it: an order of which every parcel was delivered, and nothing is to follow."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from connectors.base import Channel, Delivered, DeliveredBack
from models.database import Connection
from models.errors import PutOff
from models.messages import OutboxKind
from tasks.effects import Effect, post
from tasks.intercepts import take_parcels_of
from tasks.outbox_calls import Pending
from tasks.shop_settings import capabilities_of


@dataclass(frozen=True, slots=True)
class DeliveryTelling:
    """What a message tells a shop of an order; `is_early`: a report of one of its parcels is still to get through."""

    message_id: int
    order: Delivered
    is_early: bool


def post_delivered(conn: Connection, order_ids: Collection[int], at: datetime) -> None:
    """Write, once for each, that these orders were delivered, as far as they are and their shops want it.

    The caller has locked their parcels, so that of two parcels the later one finds both delivered. Replacements are
    none that a platform knows.
    """
    if not order_ids:
        return
    rows = conn.execute(
        """select distinct s.id, s.code, s.channel, s.settings->'capabilities'
           from orders o join shop s on s.id = o.shop_id where o.id = any(%s)""",
        (list(order_ids),),
    ).fetchall()
    wanting = {row[0]: f"shop:{row[1]}" for row in rows if wants_delivery(*row[1:])}
    if not wanting:
        return
    complete = conn.execute(
        """select o.id, o.shop_id, min(d.batch_id) from orders o
           join allocation a on a.order_id = o.id join outbound_document d on d.id = a.document_id
           where o.id = any(%s) and o.shop_id = any(%s)
             and exists (select 1 from parcel_line l where l.order_id = o.id and l.parcel_id in (
               select p.id from parcel p where p.document_id = d.id))
             and not exists (
               select 1 from allocation b join parcel p on p.document_id = b.document_id
               join parcel_line l on l.parcel_id = p.id and l.order_id = o.id
               where b.order_id = o.id and p.stage <> 'delivered')
             and not exists (
               select 1 from allocation b left join outbound_document x on x.id = b.document_id
               where b.order_id = o.id and (x.id is null or x.state not in ('shipped', 'short')) and not exists (
                 select 1 from remainder r where r.document_id = x.id and r.order_id = o.id))
             and not exists (
               select 1 from remainder r where r.order_id = o.id and r.state = 'open' and r.way <> 'refund')
             and not exists (select 1 from replacement r where r.order_id = o.id)
             and not exists (select 1 from outbox x where x.key = 'delivered-back-' || o.id)
           group by 1, 2 order by 1""",
        (list(order_ids), list(wanting)),
    ).fetchall()
    kind = OutboxKind.DELIVERED_BACK
    post(conn, [Effect(kind, wanting[shop], i, f"delivered-back-{i}", batch) for i, shop, batch in complete], at)


def settle_delivered(conn: Connection, order_ids: Collection[int], at: datetime) -> None:
    """`post_delivered` for orders of which nothing more is to follow since this moment; the caller has locked them."""
    if order_ids:
        take_parcels_of(conn, order_ids)
        post_delivered(conn, order_ids, at)


def wants_delivery(shop_code: str, channel: str, own: Mapping[str, Any] | None) -> bool:
    """Whether a shop is told of deliveries."""
    can = capabilities_of(shop_code, channel, own or {})
    return can.reports_shipping and can.delivered_back is not DeliveredBack.NONE


def render_delivered(conn: Connection, pending: Sequence[Pending]) -> list[DeliveryTelling]:
    """What each message tells: which order, and when its last parcel was delivered."""
    messages = {message.subject_id: message for message in pending}
    rows = conn.execute(
        """select o.id, o.external_id, o.order_no, max(p.stage_at), bool_or(x.state is not distinct from 'pending')
           from orders o join allocation a on a.order_id = o.id join parcel p on p.document_id = a.document_id
           left join outbox x on x.key = 'ship-back-' || p.id
             || case when p.renumbered > 0 then '-' || p.renumbered + 1 else '' end
           where o.id = any(%s)
             and exists (select 1 from parcel_line l where l.parcel_id = p.id and l.order_id = o.id)
           group by 1 order by 1""",
        (list(messages),),
    ).fetchall()
    return [
        DeliveryTelling(messages[i].id, Delivered(external_id, order_no, at, messages[i].key), is_early)
        for i, external_id, order_no, at, is_early in rows
    ]


def delivery_calls(
    channel: Channel, shop_code: str, tellings: Sequence[DeliveryTelling]
) -> dict[int, Callable[[], None]]:
    """One call per message id; each raises what stood in its way."""
    return {telling.message_id: partial(_tell, channel, shop_code, telling) for telling in tellings}


def _tell(channel: Channel, shop_code: str, telling: DeliveryTelling) -> None:
    if telling.is_early:
        action = f"tell that {telling.order.order_no} was delivered"
        raise PutOff(shop_code, action, "its parcels are not all reported yet")
    channel.delivered_back(telling.order)
