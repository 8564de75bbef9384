"""Orders in several documents that are asked back: each answer counts, and the last one settles the order."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from models.database import Connection
from models.hold import Finding, HoldCode, place_holds
from models.order import Cause, write_own_events
from models.rules.parts_back import PartAnswer, PartsOutcome, parts_outcome
from models.stock import LockState
from tasks.asked_back import ASKABLE_ALONE
from tasks.desk_answers import settle_stopped
from tasks.desk_stops import CALLS_OFF
from tasks.ledger import end_locks
from tasks.short_ships import note_given_back
from tasks.unmerge import give_back_answered
from tasks.withdraw import end_documents, stale_documents


@dataclass(slots=True)
class _Parts:
    """An order's documents, by id, as they were answered, with their numbers; those that gave it back, and others."""

    answers: dict[int, PartAnswer] = field(default_factory=dict)
    nos: dict[int, str] = field(default_factory=dict)

    def of(self, answer: PartAnswer) -> list[int]:
        return sorted(document for document, its in self.answers.items() if its is answer)

    def named(self, answer: PartAnswer) -> list[str]:
        return [self.nos[document] for document in self.of(answer)]


def in_parts(conn: Connection, order_ids: Collection[int]) -> list[int]:
    """Those of these orders that are in several documents."""
    rows = conn.execute(
        """select order_id from allocation where order_id = any(%s)
           group by 1 having count(distinct document_id) > 1 order by 1""",
        (list(order_ids),),
    ).fetchall()
    return [row[0] for row in rows]


def settle_parts(conn: Connection, order_ids: Collection[int], why: Cause) -> None:
    """Settle what came back of these orders, once nobody is to answer any more; the caller has locked them.

    When all documents came back, an order begins again, or ends as it was wanted to. When some stay, it stays
    dispatched: the stock of the others is free, what is still wanted of them waits for a person under SHIPPED_SHORT,
    and the holds that it was asked back for say what came back. Safe to repeat.
    """
    parts = _load(conn, in_parts(conn, order_ids))
    outcomes = {order_id: parts_outcome(of.answers.values()) for order_id, of in parts.items()}
    whole = [order_id for order_id, found in outcomes.items() if found is PartsOutcome.WHOLE]
    if whole:
        documents = sorted({document for order_id in whole for document in parts[order_id].answers})
        give_back_answered(conn, documents, why)
        settle_stopped(conn, whole, why)
    some = {order_id: parts[order_id] for order_id, found in outcomes.items() if found is PartsOutcome.PART}
    if some:
        _settle_some(conn, some, why)


def withdraw_parts(conn: Connection, counterpart: str, why: Cause) -> int:
    """Take back what never reached a warehouse of orders that have other documents, and must not go out as it is.

    That is an answer like a warehouse's yes. The caller is the only sender. Returns how many documents.
    """
    stale = stale_documents(conn, counterpart)
    if not stale:
        return 0
    orders = conn.execute(
        """select order_id from order_state where order_id in (
             select order_id from allocation where document_id = any(%s)) order by 1 for update""",
        (stale,),
    ).fetchall()
    parted = in_parts(conn, [row[0] for row in orders])
    rows = conn.execute(
        """select d.id from outbound_document d where d.id = any(%s) and d.state = 'created'
             and (select array_agg(distinct a.order_id) from allocation a where a.document_id = d.id) <@ %s::bigint[]
           order by 1 for update""",
        (stale, parted),
    ).fetchall()
    documents = [row[0] for row in rows]
    if documents:
        end_documents(conn, documents, why)
        settle_parts(conn, parted, why)
    return len(documents)


def _load(conn: Connection, order_ids: Sequence[int]) -> dict[int, _Parts]:
    """The documents of those of these orders of which at least one was asked back or taken back."""
    rows = conn.execute(
        """select a.order_id, d.id, d.no,
                  case when exists (select 1 from remainder r where r.document_id = d.id and r.order_id = a.order_id
                                    and d.state in ('rejected', 'cancelled')) then 'settled'
                       when d.state in ('rejected', 'cancelled') then 'back'
                       when d.state = any(%s) and (
                         x.id is not null and not exists (
                           select 1 from event e where e.order_id = a.order_id and e.detail->>'document' = d.no
                             and e.what in ('unmerge_refused', 'not_given_back'))
                         or u.state in ('pending', 'refused') and not u.in_doubt and exists (
                           select 1 from document_block b where b.document_id = d.id and b.lifted_at is null))
                         then 'pending'
                       else 'stays' end,
                  x.id is not null or exists (
                    select 1 from event e where e.order_id = a.order_id and e.detail->>'document' = d.no
                      and e.what = 'withdrawn')
           from (select distinct order_id, document_id from allocation where order_id = any(%s)) a
           join outbound_document d on d.id = a.document_id
           left join outbox x on x.key = d.no || '-r' || d.revision || '-cancel'
           left join outbox u on u.kind = 'outbound.created' and u.subject_id = d.id
           order by 1, 2""",
        ([state.value for state in ASKABLE_ALONE], list(order_ids)),
    ).fetchall()
    found: dict[int, _Parts] = {}
    asked: set[int] = set()
    for order_id, document_id, no, answer, wanted_back in rows:
        parts = found.setdefault(order_id, _Parts())
        parts.answers[document_id], parts.nos[document_id] = PartAnswer(answer), no
        asked |= {order_id} if wanted_back else set()
    return {order_id: parts for order_id, parts in found.items() if order_id in asked}


def _settle_some(conn: Connection, some: dict[int, _Parts], why: Cause) -> None:
    documents = sorted({document for parts in some.values() for document in parts.of(PartAnswer.BACK)})
    locks = conn.execute(
        """select k.id from allocation a join lock k on k.order_id = a.order_id and k.line_no = a.line_no
             and k.sku_id = a.sku_id and k.warehouse_id = a.warehouse_id and k.turn = a.turn and k.state = 'open'
           where a.document_id = any(%s) order by 1""",
        (documents,),
    ).fetchall()
    end_locks(conn, [row[0] for row in locks], LockState.RELEASED, why)
    conn.execute(
        "update document_block set lifted_at = %s where document_id = any(%s) and lifted_at is null",
        (why.at, documents),
    )
    write_own_events(
        conn,
        (
            (order_id, "part_back", {"back": of.named(PartAnswer.BACK), "stays": of.named(PartAnswer.STAYS)})
            for order_id, of in some.items()
        ),
        why,
    )
    note_given_back(conn, documents, _called_off(conn, list(some)), why)
    _tell_holds(conn, some, why)


def _called_off(conn: Connection, order_ids: list[int]) -> list[int]:
    rows = conn.execute(
        """select order_id from hold where order_id = any(%s) and code = 'REJECTED' and evidence ? %s
             and released_at is null order by 1""",
        (order_ids, CALLS_OFF),
    ).fetchall()
    return [row[0] for row in rows]


def _tell_holds(conn: Connection, some: dict[int, _Parts], why: Cause) -> None:
    """Let the holds that orders were asked back for say what came back and what stays."""
    rows = conn.execute(
        """select order_id, code, sentence, evidence, release_at from hold
           where order_id = any(%s) and evidence ? 'asked_back' and released_at is null order by 1, 2""",
        (list(some),),
    ).fetchall()
    findings = []
    for order_id, code, sentence, evidence, until in rows:
        back, stays = some[order_id].named(PartAnswer.BACK), some[order_id].named(PartAnswer.STAYS)
        said = f"{sentence}; {', '.join(back)} came back, and {', '.join(stays)} stays"
        told = {**evidence, "came_back": back, "stays": stays}
        findings.append((order_id, Finding(HoldCode(code), said, told, until)))
    place_holds(conn, findings, why, renew=True)
