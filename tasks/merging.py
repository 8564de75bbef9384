"""What a person decides about merges: orders that are to leave in one parcel, and orders that are to leave alone."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from models.database import Connection, in_transaction
from models.errors import SetupError
from models.hold import HoldCode, release_holds
from models.masking import brief
from models.order import Cause, Stage, write_events
from models.rules.amendment import Handover
from models.rules.merging import Candidate, obstacle
from models.shipment import BlockReason
from tasks.again import route_again
from tasks.asked_back import ask_back, block
from tasks.decided import Decided
from tasks.kept_stock import take_stock_of
from tasks.known_orders import KnownDocument, documents_of
from tasks.merges import join, leave, mates
from tasks.siblings import MergeTerms, candidates, terms_of
from tasks.unmerge import go, ways_of
from tasks.withdraw import end_documents, takeable

_MERGEABLE = frozenset({Stage.VALIDATED, Stage.LOCKED, Stage.ROUTED})


@dataclass(frozen=True, slots=True)
class _Known:
    """An order that a person decides about."""

    id: int
    no: str
    stage: Stage
    shop_id: int


def merge_by_hand(order_ids: Sequence[int], reason: str, why: Cause) -> Decided:
    """Have orders leave in one parcel, whatever their shop's settings and their wishes of before say.

    They wait for each other up to a day, then go as they are; where no warehouse ships all of them in one parcel, each
    goes by itself. Orders that are merged with one of them already come along. Refused are orders that are not on
    their way to a route, and those whose receiver is not known to be the same: masks tell nothing. Raises SetupError
    without a reason, for fewer than two orders, and where their shop cannot be told of a shared parcel.
    """
    said = _said(reason, "merged")
    return in_transaction(lambda conn: _merge(conn, order_ids, said, why))


def unmerge_by_hand(order_ids: Sequence[int], reason: str, why: Cause) -> Decided:
    """Have each of these orders leave by itself; they are not merged again by themselves.

    An order that is not dispatched is routed anew, the others stay merged. Of a document that was not sent yet the
    others go on by a new one; a warehouse that has it is asked to give it back, and what it answers is told by an
    event. Refused are orders whose document was picked, or left. Raises SetupError without a reason.
    """
    said = _said(reason, "un-merged")
    return in_transaction(lambda conn: _unmerge(conn, order_ids, said, why))


def _said(reason: str, wish: str) -> str:
    kept = brief(reason)
    if not kept:
        raise SetupError(f"orders cannot be {wish} without a reason; say why")
    return kept


def _take(conn: Connection, order_ids: Collection[int]) -> tuple[dict[int, _Known], dict[int, int]]:
    """Lock these orders and all they are merged with, by id; gives them, and the merge of each that is in one."""
    ids = sorted({*order_ids, *mates(conn, order_ids)})
    rows = conn.execute(
        """select s.order_id, o.order_no, s.stage, o.shop_id from order_state s join orders o on o.id = s.order_id
           where s.order_id = any(%s) order by s.order_id for update of s""",
        (ids,),
    ).fetchall()
    known = {row[0]: _Known(row[0], row[1], Stage(row[2]), row[3]) for row in rows}
    return known, {order_id: group for order_id, group in mates(conn, order_ids).items() if order_id in known}


def _merge(conn: Connection, order_ids: Sequence[int], reason: str, why: Cause) -> Decided:
    known, merged = _take(conn, order_ids)
    decided = Decided(refused={i: f"order id {i}: is not in the pool" for i in order_ids if i not in known})
    wanted = sorted(known)
    terms = _terms(conn, known, order_ids)
    first: Candidate | None = None
    able: list[int] = []
    for candidate in candidates(conn, wanted):
        order = known[candidate.order_id]
        no = _why_not(order, candidate, first, known, terms)
        if not no and len(able) == terms.most:
            no = f"no more than {terms.most} orders leave in one parcel of this shop"
        if no:
            decided.refused[order.id] = f"order {order.no}: cannot merge; {no}"
            continue
        first = first or candidate
        able.append(order.id)
    if len(able) == 1:
        order = known[able.pop()]
        decided.refused[order.id] = f"order {order.no}: cannot merge; there is no other order to merge it with"
    _put_together(conn, [known[order_id] for order_id in able], merged, reason, why)
    asked = set(order_ids)
    decided.done = [order_id for order_id in able if order_id in asked]
    decided.refused = {order_id: said for order_id, said in decided.refused.items() if order_id in asked}
    return decided


def _terms(conn: Connection, known: Mapping[int, _Known], order_ids: Sequence[int]) -> MergeTerms:
    """How the shop of the first order merges; raises SetupError where there is nothing to merge."""
    if len(set(order_ids)) < 2:
        raise SetupError("orders cannot be merged: name two or more")
    shop_id = min(known.values(), key=lambda order: order.id).shop_id if known else 0
    row = conn.execute("select code, channel, settings from shop where id = %s", (shop_id,)).fetchone()
    if row is None:
        raise SetupError("orders cannot be merged: none of them is in the pool")
    terms = terms_of(*row)
    if not terms.tellable:
        raise SetupError(f"orders of shop {row[0]} cannot be merged: it cannot be told of a parcel of several orders")
    return terms


def _why_not(
    order: _Known, candidate: Candidate, first: Candidate | None, known: Mapping[int, _Known], terms: MergeTerms
) -> str:
    if order.stage not in _MERGEABLE:
        return f"it is {order.stage}, and only orders that are validated, locked or routed are merged"
    if first is not None and known[first.order_id].shop_id != order.shop_id:
        return "it is of another shop"
    return obstacle(candidate, first or candidate, tokens=terms.tokens)


def _put_together(
    conn: Connection, orders: Sequence[_Known], merged: Mapping[int, int], reason: str, why: Cause
) -> None:
    """Make one merge of these orders; those that are in it already, all alike, stay as they are."""
    ids = [order.id for order in orders]
    groups = {merged.get(order_id) for order_id in ids}
    conn.execute("delete from kept_apart where order_id = any(%s)", (ids,))
    if not ids or (len(groups) == 1 and None not in groups):
        return
    routed = [order.id for order in orders if order.stage is Stage.ROUTED]
    take_stock_of(conn, routed)
    route_again(conn, routed, why, "a person merges it anew")
    leave(conn, ids, why, "a person merges it anew")
    write_events(conn, ids, "merge_wanted", why, {"reason": reason})
    join(conn, orders[0].shop_id, [ids], why)


def _unmerge(conn: Connection, order_ids: Sequence[int], reason: str, why: Cause) -> Decided:
    known, merged = _take(conn, order_ids)
    decided = Decided(refused={i: f"order id {i}: is not in the pool" for i in order_ids if i not in known})
    asked = [known[order_id] for order_id in sorted(set(order_ids)) if order_id in known]
    documents = documents_of(conn, [order.id for order in known.values() if order.stage is Stage.DISPATCHED])
    sent = {d.id for order in asked for d in documents.get(order.id, ()) if d.handover is Handover.SENT}
    askable = ask_back(conn, [d for d in sent if _shared(documents, d)], why)
    going = []
    for order in asked:
        no = _stuck(order, merged, documents.get(order.id, []), askable)
        if no:
            decided.refused[order.id] = f"order {order.no}: cannot un-merge; {no}"
        else:
            going.append(order)
    decided.done = [order.id for order in going]
    _keep_apart(conn, decided.done, reason, why)
    _let_go(conn, going, documents, why)
    return decided


def _shared(documents: Mapping[int, Sequence[KnownDocument]], document_id: int) -> bool:
    return sum(any(document.id == document_id for document in of) for of in documents.values()) > 1


def _stuck(
    order: _Known, merged: Mapping[int, int], documents: Sequence[KnownDocument], askable: Collection[int]
) -> str:
    """Why an order cannot leave its merge, or be kept from one; "" when it can."""
    if order.stage is Stage.CANCELLED:
        return "it is cancelled"
    if order.stage is not Stage.DISPATCHED:
        return ""
    nos = ", ".join(document.no for document in documents)
    if order.id not in merged:
        return f"it leaves by itself, as {nos}"
    stuck = [d.no for d in documents if d.handover is not Handover.UNSENT and d.id not in askable]
    return f"{', '.join(stuck)} was picked, left or ended, or its warehouse does not give it back" if stuck else ""


def _keep_apart(conn: Connection, order_ids: Sequence[int], reason: str, why: Cause) -> None:
    """Note whom a person wants to leave alone, with an event for each of whom that was not known."""
    rows = conn.execute(
        """insert into kept_apart (order_id, since, by) select o, %s, %s from unnest(%s::bigint[]) o
           on conflict do nothing returning order_id""",
        (why.at, why.actor, list(order_ids)),
    ).fetchall()
    write_events(conn, sorted(row[0] for row in rows), "kept_apart", why, {"reason": reason})


def _let_go(
    conn: Connection, orders: Sequence[_Known], documents: Mapping[int, Sequence[KnownDocument]], why: Cause
) -> None:
    because = "a person wants it to leave by itself"
    mine = [(document, order.id) for order in orders for document in documents.get(order.id, ())]
    block(conn, [(d.id, order_id) for d, order_id in mine if d.handover is Handover.SENT], BlockReason.UNMERGE, why)
    unsent = takeable(conn, sorted({d.id for d, _ in mine if d.handover is Handover.UNSENT}))
    ways = ways_of(conn, unsent)
    routed = [order.id for order in orders if order.stage is Stage.ROUTED]
    take_stock_of(conn, sorted({*routed, *ways.again, *ways.alone, *ways.on}))
    end_documents(conn, list(unsent), why)
    go(conn, ways, why)
    route_again(conn, routed, why, because)
    waiting = [order.id for order in orders if order.stage in (Stage.VALIDATED, Stage.LOCKED)]
    with_them = mates(conn, waiting)
    leave(conn, waiting, why, because)
    release_holds(
        conn, sorted({*waiting, *with_them} - {*mates(conn, with_them)}), [HoldCode.SIBLING], why, resume=True
    )
