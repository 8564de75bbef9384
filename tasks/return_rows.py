"""Returns as rows: found by number or waybill, taken for a change, and written when they are opened."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from models.database import Connection, copy_rows, one
from models.errors import SetupError
from models.order import Cause, write_own_events
from models.returns import move_returns
from models.rules.returns import OPEN, RETURN_STEPS, RefundState, ReturnKind, ReturnState
from models.settings import SHANGHAI
from tasks.return_money import room_of
from tasks.returned_units import Unit, kits_of, paid_for, pieces_in


@dataclass(frozen=True, slots=True)
class ReturnRow:
    """A return that was taken for a change; `warehouse` is the code of where it is expected or arrived, or ""."""

    id: int
    no: str
    order_id: int
    kind: ReturnKind
    state: ReturnState
    carrier: str
    waybill: str
    warehouse_id: int | None
    warehouse: str


@dataclass(frozen=True, slots=True)
class NewReturn:
    """A return to be written: units of an order that come back, where they are expected, and what they are worth."""

    order_id: int
    kind: ReturnKind
    units: Mapping[Unit, int]
    reason: str
    warehouse_id: int | None
    amount_fen: int | None = None  # None: what the buyer paid for these units, as far as it has not gone back
    parcel_id: int | None = None
    carrier: str = ""
    waybill: str = ""


def return_no(return_id: int, at: datetime) -> str:
    """What people call a return: `RT20261122000001`, the day in China and the id."""
    return f"RT{at.astimezone(SHANGHAI):%Y%m%d}{return_id:06d}"


def return_id_of(conn: Connection, code: str) -> int:
    """The id of the return with this number, or the one that is open under this waybill.

    Raises SetupError when there is none, or more than one.
    """
    wanted = code.strip()
    rows = conn.execute(
        """select id, no from return_order where no = %(code)s
           union select id, no from return_order where waybill = %(code)s and waybill <> ''
             and state = any(%(open)s) order by 1""",
        {"code": wanted, "open": [state.value for state in OPEN]},
    ).fetchall()
    if not rows:
        raise SetupError(f"return {wanted}: is not in the pool, neither as a number nor as a waybill of an open return")
    if len(rows) > 1:
        raise SetupError(f"waybill {wanted}: several open returns have it: {', '.join(row[1] for row in rows)}")
    return int(rows[0][0])


def take_return(conn: Connection, return_id: int) -> ReturnRow:
    """Lock a return and read it; raises SetupError when there is none of this id."""
    row = conn.execute(
        """select r.id, r.no, r.order_id, r.kind, r.state, r.carrier, r.waybill, r.warehouse_id, coalesce(w.code, '')
           from return_order r left join warehouse w on w.id = r.warehouse_id where r.id = %s for update of r""",
        (return_id,),
    ).fetchone()
    if row is None:
        raise SetupError(f"return id {return_id}: is not in the pool")
    i, no, order_id, kind, state, *rest = row
    return ReturnRow(i, no, order_id, ReturnKind(kind), ReturnState(state), *rest)


def require_step(found: ReturnRow, to: ReturnState, wish: str) -> None:
    """Raise SetupError, naming the return, the wish and where its goods are, when they cannot become `to`."""
    if to not in RETURN_STEPS[found.state]:
        raise SetupError(f"return {found.no}: cannot be {wish}; it is {found.state}")


def warehouse_id_of(conn: Connection, code: str) -> int:
    """The id of the warehouse of this code; raises SetupError when there is none."""
    row = conn.execute("select id from warehouse where code = %s", (code,)).fetchone()
    if row is None:
        raise SetupError(f"warehouse {code}: there is no such warehouse")
    return int(row[0])


def open_return(conn: Connection, new: NewReturn, why: Cause) -> ReturnRow:
    """Write an announced return with its lines and its refund, and tell its order's story.

    The caller has taken what was shipped of the order, and checked that so many units may come back. The refund of a
    plain return is wanted from the beginning; of the others nobody has asked yet.
    """
    return_id = int(one(conn.execute("select nextval('return_order_id_seq')").fetchone()))
    no = return_no(return_id, why.at)
    wanted = RefundState.WANTED if new.kind is ReturnKind.RETURN else RefundState.NONE
    amount_fen = new.amount_fen
    if amount_fen is None:
        worth = paid_for(conn, new.order_id, pieces_in(new.units, kits_of(conn, new.order_id)))
        amount_fen = max(0, min(worth, room_of(conn, new.order_id).left_fen))
    conn.execute(
        """insert into return_order (id, no, order_id, kind, state, reason, carrier, waybill, parcel_id, warehouse_id,
             opened_at, opened_by) values (%s, %s, %s, %s, 'announced', %s, %s, %s, %s, %s, %s, %s)""",
        (return_id, no, new.order_id, new.kind.value, new.reason, new.carrier, new.waybill, new.parcel_id,
         new.warehouse_id, why.at, why.actor),
    )  # fmt: skip
    copy_rows(
        conn,
        "return_line",
        ("return_id", "line_no", "sku_id", "quantity"),
        ((return_id, line_no, sku_id, units) for (line_no, sku_id), units in sorted(new.units.items()) if units),
    )
    conn.execute(
        """insert into refund (return_id, state, amount_fen, known_fen, decided_by, changed_at)
           select %s, %s, %s, refunded_fen, %s, %s from orders where id = %s""",
        (return_id, wanted.value, amount_fen, why.actor, why.at, new.order_id),
    )
    _tell_opened(conn, new, no, wanted, amount_fen, why)
    return take_return(conn, return_id)


def _tell_opened(conn: Connection, new: NewReturn, no: str, wanted: RefundState, amount_fen: int, why: Cause) -> None:
    codes: dict[int, str] = dict(
        conn.execute("select id, code from sku where id = any(%s)", ([sku for _, sku in new.units],)).fetchall()
    )
    units: dict[str, int] = {}
    for (_, sku_id), number in sorted(new.units.items()):
        units[codes[sku_id]] = units.get(codes[sku_id], 0) + number
    said: dict[str, Any] = {"return": no, "kind": new.kind.value, "units": units}
    events = [(new.order_id, "return_announced", said | ({"reason": new.reason} if new.reason else {}))]
    if wanted is RefundState.WANTED:
        events.append((new.order_id, "refund_wanted", {"return": no, "amount_fen": amount_fen}))
    write_own_events(conn, events, why)


def move(conn: Connection, found: ReturnRow, to: ReturnState, why: Cause, **detail: Any) -> None:
    """Move the goods of one taken return."""
    move_returns(conn, [found.id], to, why, detail)
