"""What the pool knows of orders that newer versions of have come: facts, standing, documents - locked to be judged."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from models.database import Connection
from models.incoming import IncomingOrder, LineState, OrderKind, PayState
from models.order import Stage
from models.rules.amendment import Facts, Handover, LineFacts, Standing, handover, standing
from models.shipment import ENDED, DocumentState
from tasks.receivers import Personal, load_personal


@dataclass(frozen=True, slots=True)
class KnownDocument:
    """An outbound document of an order; `ended`: nothing more will leave by it, so there is nothing to block."""

    id: int
    no: str
    handover: Handover
    ended: bool


@dataclass(slots=True)
class Known:
    """An order as the pool has it."""

    standing: Standing
    facts: Facts
    personal: Personal
    not_ready: str
    documents: list[KnownDocument] = field(default_factory=list)


def load_known(conn: Connection, order_ids: Sequence[int]) -> dict[int, Known]:
    """These orders by id. Their state rows are locked first, then the messages that hand their documents over.

    So nobody moves the orders, or begins to send their instructions, before the caller's transaction ends.
    """
    ids = list(order_ids)
    rows = conn.execute(
        """select s.order_id, s.stage, o.kind, o.pay_state, o.ship_by, o.refunded_fen,
                  o.goods_fen, o.discount_fen, o.freight_fen, o.total_fen, o.paid_fen, o.not_ready
           from order_state s join orders o on o.id = s.order_id
           where s.order_id = any(%s) order by s.order_id for update of s""",
        (ids,),
    ).fetchall()
    personal = load_personal(conn, ids)
    dispatched = [row[0] for row in rows if row[1] == Stage.DISPATCHED]
    documents = documents_of(conn, dispatched)
    lines, lacking = _lines(conn, ids), still_lacking(conn, dispatched)
    return {
        row[0]: _known(row, personal[row[0]], documents.get(row[0], []), lines[row[0]], lacks=row[0] in lacking)
        for row in rows
    }


def facts_of(order: IncomingOrder, personal: Personal) -> Facts:
    """What a version says, in the form in which it is compared."""
    return Facts(
        order.pay_state,
        order.ship_by,
        (order.goods_fen, order.discount_fen, order.freight_fen, order.total_fen, order.paid_fen),
        order.refunded_fen,
        personal.notes,
        order.receiver,
        {
            line.line_no: LineFacts(line.sku_code, line.quantity, line.state, (line.unit_price_fen, line.paid_fen))
            for line in order.lines
        },
        order.invoice,
    )


def _known(
    row: Sequence[Any],
    personal: Personal,
    documents: list[KnownDocument],
    lines: dict[str, LineFacts],
    *,
    lacks: bool,
) -> Known:
    pay_state = PayState(row[3])
    ways = [document.handover for document in documents]
    at = standing(OrderKind(row[2]), Stage(row[1]), pay_state, ways, lacks=lacks)
    facts = Facts(
        pay_state, row[4], tuple(row[6:11]), row[5], personal.notes, personal.receiver, lines, personal.invoice
    )
    return Known(at, facts, personal, row[11], documents)


def _lines(conn: Connection, order_ids: list[int]) -> dict[int, dict[str, LineFacts]]:
    """The lines by the platform's number, as the shop had them last; those that left in parcels are told apart."""
    lines: dict[int, dict[str, LineFacts]] = {order_id: {} for order_id in order_ids}
    for order_id, number, sku_code, quantity, state, price, paid, gone in conn.execute(
        """with told as (
             select order_id, platform_line, line_no, sku_code, quantity, state, unit_price_fen, paid_fen
             from amended_line where order_id = any(%(ids)s)
             union all
             select order_id, platform_line, line_no, sku_code, quantity, state, unit_price_fen, paid_fen
             from order_line l where order_id = any(%(ids)s)
               and not exists (select 1 from amended_line a where a.order_id = l.order_id)),
           gone as (
             select a.order_id, l.platform_line from allocation a
             join order_line l on l.order_id = a.order_id and l.line_no = a.line_no
             left join remainder r on r.document_id = a.document_id and r.order_id = a.order_id
               and r.line_no = a.line_no and r.sku_id = a.sku_id and r.state = 'placed'
             where a.order_id = any(%(ids)s) group by 1, 2
             having sum(a.shipped) >= sum(a.quantity - coalesce(r.units, 0)))
           select t.order_id, t.platform_line, t.sku_code, t.quantity, t.state, t.unit_price_fen, t.paid_fen,
                  g.order_id is not null
           from told t left join gone g on g.order_id = t.order_id and g.platform_line = t.platform_line
           order by t.order_id, t.line_no""",
        {"ids": order_ids},
    ):
        lines[order_id][number] = LineFacts(sku_code, quantity, LineState(state), (price, paid), gone)
    return lines


def still_lacking(conn: Connection, order_ids: list[int]) -> set[int]:
    """Those of these orders of which documents lacked units that another document is to ship."""
    rows = conn.execute(
        """select distinct order_id from remainder
           where order_id = any(%s) and state = 'open' and way in ('reroute', 'back_order')""",
        (order_ids,),
    ).fetchall()
    return {row[0] for row in rows}


def documents_of(conn: Connection, order_ids: list[int]) -> dict[int, list[KnownDocument]]:
    """The documents of these orders, which the caller has locked; the messages that hand them over are locked here."""
    owners = conn.execute(
        """select distinct a.order_id, d.id, d.no, d.state from allocation a
           join outbound_document d on d.id = a.document_id where a.order_id = any(%s) order by 1, 2""",
        (order_ids,),
    ).fetchall()
    # whoever sends marks these rows first: it waits for us, or we see what it marked
    messages = conn.execute(
        """select subject_id, state, in_doubt from outbox
           where kind = 'outbound.created' and subject_id = any(%s) order by id for update""",
        ([row[1] for row in owners],),
    ).fetchall()
    told = {subject for subject, state, in_doubt in messages if in_doubt or state not in ("pending", "refused")}
    sent = {subject for subject, _, _ in messages}
    found: dict[int, list[KnownDocument]] = {}
    for order_id, document_id, no, state in owners:
        way = handover(DocumentState(state), may_be_known=document_id in told or document_id not in sent)
        found.setdefault(order_id, []).append(KnownDocument(document_id, no, way, DocumentState(state) in ENDED))
    return found
