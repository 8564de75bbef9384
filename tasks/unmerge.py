"""Documents that are given up after they were dispatched: each of their orders goes its way.

An unsent document is withdrawn. A warehouse that has it is asked to give it back: on its yes the orders go on, on its
no all stays as it is.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from models.database import Connection
from models.hold import Finding, HoldCode, place_holds
from models.order import Cause
from models.shipment import BlockReason
from tasks.again import begin_again, route_again
from tasks.asked_back import tell_of
from tasks.documents import write_documents
from tasks.restored import perhaps_known


@dataclass(frozen=True, slots=True)
class Refusal:
    """A warehouse's no to giving a document back, with its reason."""

    warehouse_code: str
    document: str
    reason: str

    def added_to(self, finding: Finding) -> Finding:
        """What the hold of an order says that was asked back, with this no."""
        said = f"{finding.sentence}; {self.warehouse_code} does not give {self.document} back: {self.reason}"
        return replace(finding, sentence=said, evidence={**finding.evidence, "kept": [self.document, self.reason]})


@dataclass(frozen=True, slots=True)
class Ways:
    """How the orders of documents that are given up go on: from the beginning, by a route of their own, or as before.

    Those that go on as before keep their stock and their warehouse; they get a new document, together where they are
    merged.
    """

    again: tuple[int, ...]
    alone: tuple[int, ...]
    on: tuple[int, ...]


def ways_of(conn: Connection, document_ids: Collection[int]) -> Ways:
    """How the orders of these documents would go on; to be called before the documents' blocks are lifted.

    From the beginning go those that the shop changed, and any that was alone in its document. By themselves go those
    that a person wants apart. Nothing happened to the others.
    """
    rows = conn.execute(
        """select a.order_id,
                  bool_or(a.orders = 1 or o.pay_state = 'cancelled'
                    or exists (select 1 from hold h where h.order_id = a.order_id and h.released_at is null
                               and h.code in ('CHANGED_LATE', 'MANUAL', 'REJECTED'))
                    or exists (select 1 from document_block b where b.document_id = a.document_id
                               and b.order_id = a.order_id and b.lifted_at is null and b.reason <> 'unmerge')),
                  bool_or(exists (select 1 from kept_apart k where k.order_id = a.order_id))
           from (select distinct x.order_id, x.document_id, (
                   select count(distinct y.order_id) from allocation y where y.document_id = x.document_id) as orders
                 from allocation x where x.document_id = any(%s)) a
           join orders o on o.id = a.order_id group by 1 order by 1""",
        (list(document_ids),),
    ).fetchall()
    return Ways(
        tuple(row[0] for row in rows if row[1]),
        tuple(row[0] for row in rows if row[2] and not row[1]),
        tuple(row[0] for row in rows if not row[1] and not row[2]),
    )


def go(conn: Connection, ways: Ways, why: Cause) -> None:
    """Let orders go their ways; they are locked with their stock, and their documents ended."""
    begin_again(conn, ways.again, why, "the shop changed it")
    route_again(conn, ways.alone, why, "a person wants it to leave by itself")
    send_on(conn, ways.on, why)


def send_on(conn: Connection, order_ids: Collection[int], why: Cause) -> None:
    """Give dispatched orders whose document ended a new one for the same warehouse, in the same batch.

    After a restore their warehouse may have that one already: they wait at dispatch for the confirmation.
    """
    known = perhaps_known(conn, order_ids)
    route_again(conn, known, why, "the pool was restored, and its warehouse may have its next document already")
    order_ids = sorted({*order_ids} - {*known})
    rows = conn.execute(
        """select distinct d.batch_id, d.shop_id, a.order_id from allocation a
           join outbound_document d on d.id = a.document_id where a.order_id = any(%s) order by 1, 2, 3""",
        (list(order_ids),),
    ).fetchall()
    batches: dict[tuple[int, int], list[int]] = {}
    for batch_id, shop_id, order_id in rows:
        batches.setdefault((batch_id, shop_id), []).append(order_id)
    for (batch_id, shop_id), ids in batches.items():
        write_documents(conn, batch_id, shop_id, ids, why)
    tell_of(conn, "instructed_again", "a.order_id", order_ids, why)


def undisturbed(conn: Connection, order_ids: Collection[int]) -> list[int]:
    """Those of these dispatched orders that nothing happened to: not held, not cancelled."""
    rows = conn.execute(
        """select s.order_id from order_state s join orders o on o.id = s.order_id
           where s.order_id = any(%s) and s.stage = 'dispatched' and o.pay_state <> 'cancelled'
             and not exists (select 1 from hold h where h.order_id = s.order_id and h.released_at is null)
           order by 1""",
        (list(order_ids),),
    ).fetchall()
    return [row[0] for row in rows]


def give_back_answered(conn: Connection, document_ids: Collection[int], why: Cause) -> None:
    """Let the orders of documents go on that their warehouses gave back as they were asked to."""
    ways = ways_of(conn, document_ids)
    _lift(conn, document_ids, tuple(reason.value for reason in BlockReason), why)
    go(conn, ways, why)


def refusal_answered(conn: Connection, refusals: Mapping[int, Refusal], why: Cause) -> None:
    """Warehouses do not give documents back: what a person wanted apart stays together.

    Holds on what the shop changed, or of people, stay, and say so.
    """
    _lift(conn, refusals, (BlockReason.UNMERGE.value,), why)
    rows = conn.execute(
        """select distinct h.order_id, a.document_id, h.code, h.sentence, h.evidence, h.release_at from allocation a
           join hold h on h.order_id = a.order_id and h.released_at is null and h.evidence ? 'asked_back'
           where a.document_id = any(%s) order by 1, 2, 3""",
        (list(refusals),),
    ).fetchall()
    findings = [
        (order_id, refusals[document_id].added_to(Finding(HoldCode(code), sentence, evidence, until)))
        for order_id, document_id, code, sentence, evidence, until in rows
    ]
    place_holds(conn, findings, why, renew=True)


def _lift(conn: Connection, document_ids: Collection[int], reasons: Sequence[str], why: Cause) -> None:
    conn.execute(
        """update document_block set lifted_at = %s
           where document_id = any(%s) and reason = any(%s) and lifted_at is null""",
        (why.at, list(document_ids), list(reasons)),
    )
