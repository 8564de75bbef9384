"""What is kept about keeping personal data: data keys, what was erased, who asked for it, what must not be erased."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from sqlalchemy import ARRAY, BigInteger, Identity, Index, Text, text
from sqlmodel import Field, SQLModel

from models.columns import AT, SEALED, check, one_of


class DataKey(SQLModel, table=True):
    """A key that values are sealed under, itself sealed under the master key; sealed values begin with its `id`.

    Id 0 is the secret of all keyed hashes and links, and never changes: a hash cannot be turned back to be made anew.
    Id 1 is the key of the installation before it had data keys. New values are sealed under the newest that is not
    retired. Of a destroyed one nothing is left but its dates.
    """

    __tablename__: ClassVar[str] = "data_key"
    __table_args__ = (
        check("id between 0 and 65535", "two_bytes"),
        check("(key_enc is null) = (destroyed_at is not null)", "destroyed_whole"),
    )

    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    key_enc: bytes | None = Field(default=None, sa_type=SEALED)
    made_at: datetime = Field(sa_type=AT)
    retired_at: datetime | None = Field(default=None, sa_type=AT)
    destroyed_at: datetime | None = Field(default=None, sa_type=AT)


class ErasureReason(StrEnum):
    """Why personal data went."""

    OVER = "over"  # its time was over
    REQUEST = "request"  # the person asked
    RESTORED = "restored"  # it had been erased on request before the pool was restored from a copy


class Erasure(SQLModel, table=True):
    """That an order's personal data was erased: which fields, why and by whom; never what they held. Append-only."""

    __tablename__: ClassVar[str] = "erasure"
    __table_args__ = (
        one_of("reason", ErasureReason),
        Index("ix_erasure_order_id", "order_id"),
        Index("ix_erasure_at", "at"),
        Index("ix_erasure_asked", "id", postgresql_where=text("reason = 'request'")),
    )

    id: int | None = Field(default=None, sa_type=BigInteger, primary_key=True, sa_column_args=[Identity(always=True)])
    order_id: int = Field(sa_type=BigInteger)
    at: datetime = Field(sa_type=AT)
    reason: str = Field(sa_type=Text)
    fields: list[str] = Field(sa_type=ARRAY(Text))
    actor: str = Field(sa_type=Text)
    flow_run_id: str | None = Field(default=None, sa_type=Text)
    request_id: int | None = Field(default=None, sa_type=BigInteger)


class ErasureRequest(SQLModel, table=True):
    """That a person asked for the erasure of what is known about them, and how it was made sure who asks."""

    __tablename__: ClassVar[str] = "erasure_request"
    __table_args__ = (Index("ix_erasure_request_open", "due_at", postgresql_where=text("done_at is null")),)

    id: int | None = Field(default=None, sa_type=BigInteger, primary_key=True, sa_column_args=[Identity(always=True)])
    made_at: datetime = Field(sa_type=AT)
    made_by: str = Field(sa_type=Text)
    reason: str = Field(sa_type=Text)
    verified: str = Field(sa_type=Text)
    due_at: datetime = Field(sa_type=AT)
    done_at: datetime | None = Field(default=None, sa_type=AT)


class ErasureRequestOrder(SQLModel, table=True):
    """An order that a request is about. `kept` says why its data could not go at once, "" when it could."""

    __tablename__: ClassVar[str] = "erasure_request_order"
    __table_args__ = (Index("ix_erasure_request_order_open", "order_id", postgresql_where=text("erased_at is null")),)

    request_id: int = Field(primary_key=True, sa_type=BigInteger)
    order_id: int = Field(primary_key=True, sa_type=BigInteger)
    kept: str = Field(default="", sa_type=Text)
    erased_at: datetime | None = Field(default=None, sa_type=AT)


class LegalHold(SQLModel, table=True):
    """That an order's personal data must be kept for the time being: a dispute, a court, an authority."""

    __tablename__: ClassVar[str] = "legal_hold"
    __table_args__ = (Index("ix_legal_hold_open", "order_id", unique=True, postgresql_where=text("ended_at is null")),)

    id: int | None = Field(default=None, sa_type=BigInteger, primary_key=True, sa_column_args=[Identity(always=True)])
    order_id: int = Field(sa_type=BigInteger)
    reason: str = Field(sa_type=Text)
    placed_at: datetime = Field(sa_type=AT)
    placed_by: str = Field(sa_type=Text)
    ended_at: datetime | None = Field(default=None, sa_type=AT)
    ended_by: str | None = Field(default=None, sa_type=Text)
