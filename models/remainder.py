"""Remainders: units that an outbound document was to ship and will not, and what becomes of them."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from sqlalchemy import BigInteger, Index, Text, text
from sqlmodel import Field, SQLModel

from models.columns import AT, check, one_of


class ShortWay(StrEnum):
    """What becomes of units that a document lacked: the rule's word, or a person's."""

    HOLD = "hold"  # a person decides
    REROUTE = "reroute"  # sent from what there is now
    REFUND = "refund"  # closed for the buyer, who gets the money back
    BACK_ORDER = "back_order"  # waits until stock comes, and is sent then


PLACING = frozenset({ShortWay.REROUTE, ShortWay.BACK_ORDER})
"""Ways by which the units are still to leave."""


class RemainderState(StrEnum):
    """OPEN ends exactly once.

    PLACED: another document of the order ships the units. REFUNDED: the buyer is to have the money for them back.
    DROPPED: they are not wanted any more, or were settled elsewhere.
    """

    OPEN = "open"
    PLACED = "placed"
    REFUNDED = "refunded"
    DROPPED = "dropped"


REMAINDER_STEPS: dict[RemainderState, frozenset[RemainderState]] = {
    RemainderState.OPEN: frozenset(RemainderState) - {RemainderState.OPEN},
    RemainderState.PLACED: frozenset(),
    RemainderState.REFUNDED: frozenset(),
    RemainderState.DROPPED: frozenset(),
}


class Remainder(SQLModel, table=True):
    """Units of an order line's SKU that an ended document did not ship; their lock there has ended.

    A document has one for each of its lines that lacks something; together with what its lines shipped they make up
    what was ordered of it. Those REFUNDED are what the buyer is owed for.
    """

    __tablename__: ClassVar[str] = "remainder"
    __table_args__ = (
        check("units > 0", "units_positive"),
        check("(state = 'open') = (ended_at is null)", "ends_once"),
        one_of("way", ShortWay),
        one_of("state", RemainderState),
        Index("ix_remainder_order_id", "order_id"),
        Index("ix_remainder_open", "order_id", postgresql_where=text("state = 'open'")),
    )

    document_id: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    order_id: int = Field(primary_key=True, sa_type=BigInteger)
    line_no: int = Field(primary_key=True)
    sku_id: int = Field(primary_key=True)
    warehouse_id: int
    units: int
    way: str = Field(sa_type=Text)
    state: str = Field(default="open", sa_type=Text)
    made_at: datetime = Field(sa_type=AT)
    ended_at: datetime | None = Field(default=None, sa_type=AT)
