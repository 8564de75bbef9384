"""Returns: goods that come back, the money for them, and the orders that replace what was shipped.

A return's `state` is changed by `move_returns` alone, its refund's by `move_refunds`: each checks the table of steps of
its own axis, and writes an event.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Index, Text, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from models.columns import AT, check, one_of
from models.database import Connection
from models.errors import IllegalStep
from models.order import Cause, write_own_events
from models.rules.returns import (
    OPEN,
    REFUND_STEPS,
    RETURN_STEPS,
    RefundState,
    ReplacementKind,
    ReturnKind,
    ReturnState,
)

_OPEN = f"state in ({', '.join(repr(state.value) for state in ReturnState if state in OPEN)})"


class ReturnOrder(SQLModel, table=True):
    """Goods of an order that come back. `no` is what people call it.

    `waybill` is the number under which they travel back, "" while nobody knows it; `parcel_id` is the parcel of ours
    that the carrier brings back. `warehouse_id` is where they are expected, then where they arrived.
    """

    __tablename__: ClassVar[str] = "return_order"
    __table_args__ = (
        one_of("kind", ReturnKind),
        one_of("state", ReturnState),
        check("(kind = 'intercepted') = (parcel_id is not null)", "parcel_of_intercepted"),
        Index("ix_return_order_order_id", "order_id"),
        Index(
            "ix_return_order_waybill",
            "waybill",
            unique=True,
            postgresql_where=text(f"waybill <> '' and parcel_id is null and {_OPEN}"),
        ),
        Index("ix_return_order_any_waybill", "waybill"),
        Index(
            "ix_return_order_parcel",
            "parcel_id",
            "order_id",
            unique=True,
            postgresql_where=text("parcel_id is not null"),
        ),
        Index("ix_return_order_open", "state", "id", postgresql_where=text(_OPEN)),
    )

    id: int = Field(primary_key=True, sa_type=BigInteger)
    no: str = Field(unique=True, sa_type=Text)
    order_id: int = Field(sa_type=BigInteger)
    kind: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    reason: str = Field(default="", sa_type=Text)
    carrier: str = Field(default="", sa_type=Text)
    waybill: str = Field(default="", sa_type=Text)
    parcel_id: int | None = Field(default=None, sa_type=BigInteger)
    warehouse_id: int | None = Field(default=None, foreign_key="warehouse.id")
    opened_at: datetime = Field(sa_type=AT)
    opened_by: str = Field(sa_type=Text)
    arrived_at: datetime | None = Field(default=None, sa_type=AT)
    inspected_at: datetime | None = Field(default=None, sa_type=AT)
    inspected_by: str = Field(default="", sa_type=Text)
    note: str = Field(default="", sa_type=Text)


class ReturnLine(SQLModel, table=True):
    """Units of a SKU of an order line that come back; of a kit one row per component, as they were shipped.

    `quantity` is what was announced; the others are what came of it, all 0 until somebody looked.
    """

    __tablename__: ClassVar[str] = "return_line"
    __table_args__ = (
        check("quantity > 0", "quantity_positive"),
        check("least(good, defect, wrong, empty) >= 0", "verdict_known"),
        check("good + defect + wrong + empty <= quantity", "verdict_bounded"),
    )

    return_id: int = Field(primary_key=True, sa_type=BigInteger)
    line_no: int = Field(primary_key=True)
    sku_id: int = Field(primary_key=True)
    quantity: int
    good: int = 0
    defect: int = 0
    wrong: int = 0
    empty: int = 0


class Refund(SQLModel, table=True):
    """The money of a return: how much, where it is, and who decided about it, in integer fen.

    `known_fen` is what the platform had refunded of the order when the return was opened.
    """

    __tablename__: ClassVar[str] = "refund"
    __table_args__ = (
        one_of("state", RefundState),
        check("amount_fen >= 0", "amount_known"),
        Index(
            "ix_refund_undecided",
            "state",
            "return_id",
            postgresql_where=text("state in ('wanted', 'agreed', 'asked', 'in_doubt')"),
        ),
    )

    return_id: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    state: str = Field(sa_type=Text)
    amount_fen: int = Field(sa_type=BigInteger)
    known_fen: int = Field(default=0, sa_type=BigInteger)
    decided_by: str = Field(default="", sa_type=Text)
    changed_at: datetime = Field(sa_type=AT)


class ExchangeLine(SQLModel, table=True):
    """Pieces of a SKU, or of a kit, that an exchange sends out."""

    __tablename__: ClassVar[str] = "exchange_line"
    __table_args__ = (check("quantity > 0", "quantity_positive"),)

    return_id: int = Field(primary_key=True, sa_type=BigInteger)
    sku_id: int = Field(primary_key=True)
    quantity: int


class Replacement(SQLModel, table=True):
    """An order that we made ourselves, for free, in place of what another order shipped.

    It is the shop's `number`th of its kind for that order; its platform knows nothing of it. `waits`: no run has taken
    it up yet.
    """

    __tablename__: ClassVar[str] = "replacement"
    __table_args__ = (
        one_of("kind", ReplacementKind),
        UniqueConstraint("replaces", "kind", "number"),
        Index("ix_replacement_return", "return_id", unique=True, postgresql_where=text("return_id is not null")),
        Index("ix_replacement_waits", "order_id", postgresql_where=text("waits")),
        check("(kind = 'exchange') = (return_id is not null)", "exchange_of_return"),
    )

    order_id: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    replaces: int = Field(sa_type=BigInteger)
    kind: str = Field(sa_type=Text)
    number: int
    return_id: int | None = Field(default=None, sa_type=BigInteger)
    made_at: datetime = Field(sa_type=AT)
    waits: bool = True


def move_returns(
    conn: Connection,
    return_ids: Sequence[int],
    to: ReturnState,
    why: Cause,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Move the goods of every return of the set to `to` and write one event each, on its order.

    Raises IllegalStep, naming the first return and its state, and moves none when RETURN_STEPS does not lead from any
    of them to `to`.
    """
    rows = conn.execute(
        "select id, no, order_id, state from return_order where id = any(%s) order by id for update",
        (list(return_ids),),
    ).fetchall()
    for _, no, _, state in rows:
        if to not in RETURN_STEPS[ReturnState(state)]:
            raise IllegalStep(f"return {no}: cannot become {to}; it is {state}")
    conn.execute("update return_order set state = %s where id = any(%s)", (to.value, [row[0] for row in rows]))
    told = dict(detail or {})
    write_own_events(conn, ((row[2], f"return_{to.value}", {"return": row[1], **told}) for row in rows), why)


def move_refunds(
    conn: Connection,
    return_ids: Sequence[int],
    to: RefundState,
    why: Cause,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Move the money of every return of the set to `to` and write one event each, on its order.

    Raises IllegalStep, naming the first return and its refund's state, and moves none when REFUND_STEPS does not lead
    from any of them to `to`. The rows of the goods are not touched, and not locked.
    """
    rows = conn.execute(
        """select f.return_id, r.no, r.order_id, f.state, f.amount_fen from refund f
           join return_order r on r.id = f.return_id
           where f.return_id = any(%s) order by f.return_id for update of f""",
        (list(return_ids),),
    ).fetchall()
    for _, no, _, state, _ in rows:
        if to not in REFUND_STEPS[RefundState(state)]:
            raise IllegalStep(f"return {no}: its refund cannot become {to}; it is {state}")
    conn.execute(
        "update refund set state = %s, decided_by = %s, changed_at = %s where return_id = any(%s)",
        (to.value, why.actor, why.at, [row[0] for row in rows]),
    )
    told = dict(detail or {})
    write_own_events(
        conn,
        ((row[2], f"refund_{to.value}", {"return": row[1], "amount_fen": row[4], **told}) for row in rows),
        why,
    )
