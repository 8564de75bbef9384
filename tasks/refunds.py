"""The money of returns: decided by people, moved by what platforms say; where the goods are is no concern of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from models.database import Connection
from models.errors import SetupError
from models.masking import brief
from models.order import Cause
from models.returns import move_refunds
from models.rules.returns import REFUND_STEPS, Claim, RefundState, told_by_platform
from tasks.return_money import owed_for_lacking, room_of

SAID: Final = {
    RefundState.NONE: "withdrawn",
    RefundState.WANTED: "applied for",
    RefundState.AGREED: "agreed to",
    RefundState.ASKED: "asked for",
    RefundState.IN_DOUBT: "put in doubt",
    RefundState.DONE: "noted as paid",
    RefundState.REFUSED: "turned down",
}
"""What a decision does to a refund, in a word."""

NEEDS_REASON: Final = frozenset({RefundState.NONE, RefundState.REFUSED, RefundState.IN_DOUBT})
"""Decisions that nobody takes without saying why."""

SETS_AMOUNT: Final = frozenset({RefundState.WANTED, RefundState.AGREED})
"""Decisions that may name another amount; after that it stands."""


@dataclass(frozen=True, slots=True)
class _Refund:
    return_id: int
    order_id: int
    no: str
    state: RefundState
    amount_fen: int


def decide_refund(
    conn: Connection,
    return_id: int,
    to: RefundState,
    why: Cause,
    *,
    reason: str = "",
    amount_fen: int | None = None,
) -> None:
    """Move the money of a return; decided twice it changes nothing.

    Raises SetupError naming the return, the wish and where its money is, when it cannot, when a reason is missing, and
    when more would go back than the buyer paid for the order, with all that went back of it or is promised.
    """
    found = _take(conn, return_id)
    said = brief(reason)
    if found.state is to and amount_fen in (None, found.amount_fen):
        return
    if to not in REFUND_STEPS[found.state]:
        raise SetupError(f"return {found.no}: its refund cannot be {SAID[to]}; it is {found.state}")
    if to in NEEDS_REASON and not said:
        raise SetupError(f"return {found.no}: its refund cannot be {SAID[to]} without a reason; say why")
    if amount_fen is not None:
        _set_amount(conn, found, to, amount_fen)
    elif to is RefundState.AGREED:
        if not found.amount_fen:
            raise SetupError(f"return {found.no}: its refund cannot be agreed to; name the amount")
        _refuse_more_than_paid(conn, found, to, found.amount_fen)
    move_refunds(conn, [return_id], to, why, {"reason": said} if said else {})


def _take(conn: Connection, return_id: int) -> _Refund:
    """Lock the refunds of a return's order, which share what was paid for it, and read the return's."""
    rows = conn.execute(
        """select f.return_id, r.order_id, r.no, f.state, f.amount_fen
           from refund f join return_order r on r.id = f.return_id
           where r.order_id = (select order_id from return_order where id = %s) order by 1 for update of f""",
        (return_id,),
    ).fetchall()
    for i, order_id, no, state, amount_fen in rows:
        if i == return_id:
            return _Refund(i, order_id, no, RefundState(state), amount_fen)
    raise SetupError(f"return id {return_id}: is not in the pool")


def _set_amount(conn: Connection, found: _Refund, to: RefundState, amount_fen: int) -> None:
    if to not in SETS_AMOUNT:
        raise SetupError(f"return {found.no}: its refund cannot be {SAID[to]} with another amount")
    if amount_fen <= 0:
        raise SetupError(f"return {found.no}: its refund cannot be {SAID[to]}; the amount must be above 0")
    _refuse_more_than_paid(conn, found, to, amount_fen)
    conn.execute("update refund set amount_fen = %s where return_id = %s", (amount_fen, found.return_id))


def _refuse_more_than_paid(conn: Connection, found: _Refund, to: RefundState, amount_fen: int) -> None:
    room = room_of(conn, found.order_id, but=found.return_id)
    if amount_fen > room.left_fen:
        paid, gone = f"{room.paid_fen / 100:.2f}", f"{room.gone_fen / 100:.2f}"
        raise SetupError(
            f"return {found.no}: its refund cannot be {SAID[to]}; the buyer paid {paid} yuan for the order in all, and "
            f"{gone} of them went back or are promised already"
        )


def note_platform_refunds(conn: Connection, order_ids: Sequence[int], why: Cause) -> None:
    """Move the refunds of these orders' returns to where their platform says that they are.

    `told_by_platform` says how. Called when a newer version of the orders was stored; the caller has locked them.
    """
    claims: dict[int, list[Claim]] = {}
    refunded: dict[int, int] = {}
    for row in _claims(conn, order_ids):
        refunded[row[0]] = row[1]
        claims.setdefault(row[0], []).append(Claim(row[2], RefundState(row[3]), *row[4:]))
    moves: dict[RefundState, list[int]] = {}
    owed = owed_for_lacking(conn, list(claims)) if claims else {}
    for order_id, of in claims.items():
        for return_id, to in told_by_platform(refunded[order_id], of, owed.get(order_id, 0)).items():
            moves.setdefault(to, []).append(return_id)
    for to, ids in sorted(moves.items()):
        move_refunds(conn, ids, to, why, {"by": "platform"})


def _claims(conn: Connection, order_ids: Sequence[int]) -> list[tuple[Any, ...]]:
    taken = conn.execute(
        """select f.return_id from refund f join return_order r on r.id = f.return_id
           where r.order_id = any(%s) order by 1 for update of f""",
        (list(order_ids),),
    ).fetchall()
    if not taken:
        return []
    return conn.execute(
        """select r.order_id, o.refunded_fen, r.id, f.state, f.amount_fen, f.known_fen, exists (
             select 1 from return_line l join order_line n on n.order_id = r.order_id and n.line_no = l.line_no
             where l.return_id = r.id and n.state = 'refunding'), r.state = 'called_off'
           from return_order r join refund f on f.return_id = r.id join orders o on o.id = r.order_id
           where r.id = any(%s) order by r.id""",
        ([row[0] for row in taken],),
    ).fetchall()
