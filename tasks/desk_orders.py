"""Orders that a person decides about: taken together, with what of them may still be taken back."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from models.database import Connection
from models.errors import SetupError
from models.incoming import OrderKind, PayState
from models.masking import brief
from models.order import Cause, Stage
from models.rules.amendment import Handover, Standing, standing
from models.shipment import BlockReason
from tasks.again import begin_again
from tasks.asked_back import ask_back, askable, block
from tasks.kept_stock import take_stock_of
from tasks.known_orders import KnownDocument, documents_of, still_lacking
from tasks.shop_settings import handling_of
from tasks.split_orders import relatives_of
from tasks.unmerge import send_on, undisturbed
from tasks.withdraw import end_documents, takeable

# the orders that share documents with these, and theirs in turn; `union` ends a circle
_COMPANIONS = """
  with recursive together as (
    select o as order_id from unnest(%s::bigint[]) o
    union
    select b.order_id from together t
    join allocation a on a.order_id = t.order_id join allocation b on b.document_id = a.document_id)
  select order_id from together"""


OUT = frozenset({Standing.AT_WAREHOUSE, Standing.PART_SHIPPED})
"""Standings in which warehouses are asked for what has not left."""


@dataclass(frozen=True, slots=True)
class DeskOrder:
    """An order that a person decides about; `documents` only of a dispatched one."""

    id: int
    no: str
    stage: Stage
    standing: Standing
    ship_by: datetime | None
    handling: timedelta
    documents: tuple[KnownDocument, ...] = ()

    @property
    def nos(self) -> list[str]:
        """What its documents are called."""
        return [document.no for document in self.documents]


@dataclass(frozen=True, slots=True)
class Taken:
    """Orders locked for a decision, by id, and the unsent documents that can be taken back, each with its orders.

    `askable` are the documents that their warehouses can be asked to give back.
    """

    orders: dict[int, DeskOrder]
    unsent: dict[int, list[int]] = field(default_factory=dict)
    askable: frozenset[int] = frozenset()

    def obstacle(self, order: DeskOrder) -> str:
        """Why an order cannot be stopped any more; "" when it can."""
        nos = ", ".join(order.nos)
        if order.standing is Standing.UNSENT:
            back = {document.id for document in order.documents} <= self.unsent.keys()
            return "" if back else f"{nos} also carries an order that has a part at a warehouse"
        if self.going(order):
            return ""
        if order.standing is Standing.AT_WAREHOUSE:
            return _at_warehouse(order.documents)
        return {
            Standing.HEADER: "it carries no goods",
            Standing.EMPTY: "it is cancelled",
            Standing.CLOSED: "it is cancelled",
            Standing.PART_SHIPPED: f"part of it left as {nos}",
            Standing.SHIPPED: f"it left as {nos}",
        }.get(order.standing, "")

    def going(self, order: DeskOrder) -> list[KnownDocument]:
        """The documents of an order in a warehouse's hands that can still be kept from leaving."""
        if order.standing not in OUT:
            return []
        return [
            document
            for document in order.documents
            if not document.ended and (document.handover is Handover.UNSENT or document.id in self.askable)
        ]

    def going_back(self, orders: Sequence[DeskOrder]) -> dict[int, list[int]]:
        """The unsent documents of these orders, and those of the orders that share one with them, with all of these."""
        found = {document.id for order in orders for document in order.documents}
        while more := {
            document
            for document, order_ids in self.unsent.items()
            if document not in found and any(set(order_ids) & set(self.unsent[known]) for known in found)
        }:
            found |= more
        return {document: self.unsent[document] for document in sorted(found)}


def _at_warehouse(documents: Sequence[KnownDocument]) -> str:
    given_back = [document.no for document in documents if document.ended]
    there = [document.no for document in documents if not document.ended and document.handover is Handover.SENT]
    if there:
        return f"its warehouse has {', '.join(there)}, or may have it: only there can it be stopped"
    return f"its warehouse gave {', '.join(given_back)} back" if given_back else "it is at its warehouse"


def take_orders(conn: Connection, order_ids: Collection[int]) -> Taken:
    """Lock these orders, those that share documents with them and their families; ids that are not known are left out.

    In order of their ids, then the messages of their documents, then the documents that nobody has got yet.
    """
    companions = [row[0] for row in conn.execute(_COMPANIONS, (sorted(order_ids),))]
    conn.execute(
        "select 1 from order_state where order_id = any(%s) order by order_id for update",
        (sorted({*companions, *relatives_of(conn, companions)}),),
    )
    rows = conn.execute(
        """select s.order_id, o.order_no, s.stage, o.kind, o.pay_state, o.ship_by, p.settings
           from order_state s join orders o on o.id = s.order_id join shop p on p.id = o.shop_id
           where s.order_id = any(%s) order by 1""",
        (companions,),
    ).fetchall()
    dispatched = [row[0] for row in rows if row[2] == Stage.DISPATCHED]
    documents, lacking = documents_of(conn, dispatched), still_lacking(conn, dispatched)
    orders: dict[int, DeskOrder] = {}
    for order_id, no, stage, kind, pay_state, ship_by, settings in rows:
        mine = tuple(documents.get(order_id, ()))
        ways = [document.handover for document in mine]
        at = standing(OrderKind(kind), Stage(stage), PayState(pay_state), ways, lacks=order_id in lacking)
        orders[order_id] = DeskOrder(order_id, no, Stage(stage), at, ship_by, handling_of(settings), mine)
    unsent = {d.id for of in documents.values() for d in of if d.handover is Handover.UNSENT}
    asked = set(order_ids)
    back = takeable(conn, sorted(unsent)) if unsent else {}
    there = {d.id for i in asked & documents.keys() for d in documents[i] if d.handover is Handover.SENT}
    return Taken(
        {order_id: order for order_id, order in orders.items() if order_id in asked},
        back,
        frozenset(askable(conn, there)),
    )


def take_back(conn: Connection, taken: Taken, orders: Sequence[DeskOrder], why: Cause) -> list[int]:
    """Cancel the unsent documents of these orders, which must not go out; returns all orders that were in them.

    All their stock is taken. The caller lets those that go on begin again.
    """
    documents = taken.going_back([order for order in orders if order.standing is Standing.UNSENT])
    with_them = sorted({order_id for order_ids in documents.values() for order_id in order_ids})
    take_stock_of(conn, sorted({*with_them, *(order.id for order in orders)}))
    if documents:
        end_documents(conn, list(documents), why)
    return with_them


def ask_warehouses(conn: Connection, taken: Taken, orders: Sequence[DeskOrder], why: Cause) -> None:
    """Ask for the documents of those of these orders that are at a warehouse; they are blocked until it answers."""
    there = [(document.id, order.id) for order in orders for document in taken.going(order)]
    block(conn, there, BlockReason.DESK, why)
    ask_back(conn, {document_id for document_id, _ in there}, why)


def restart(conn: Connection, order_ids: Collection[int], why: Cause) -> None:
    """Let orders begin again, with the stock that they still want; `resume_orders` takes them up.

    Those that nothing happened to, and that only shared a document with one that was stopped, go on by a new one.
    """
    if order_ids:
        on = undisturbed(conn, order_ids)
        begin_again(conn, sorted(set(order_ids) - set(on)), why)
        send_on(conn, on, why)


def said(reason: str, wish: str) -> str:
    """A person's reason as it is kept: one line of at most 200 characters, numbers of phones hidden.

    Raises SetupError when there is none.
    """
    kept = brief(reason)
    if not kept:
        raise SetupError(f"orders cannot be {wish} without a reason; say why")
    return kept


def missing(order_ids: Collection[int], known: Mapping[int, object]) -> dict[int, str]:
    """What is said of ids that no order has."""
    return {order_id: f"order id {order_id}: is not in the pool" for order_id in order_ids if order_id not in known}
