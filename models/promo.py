"""Promo mode: a named set of changes for the days when everything comes at once, and orders that wait for room."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Index, Text, text
from sqlmodel import Field, SQLModel

from models.columns import AT, JSON, check


class Promo(SQLModel, table=True):
    """One promo: in force from `began_at` until `until`, or until a person ended it; one at a time.

    `settings` are those of its profile as they were when it began.
    """

    __tablename__: ClassVar[str] = "promo"
    __table_args__ = (
        check("began_at < until", "forward"),
        check("(ended_at is null) = (ended_by is null)", "ended_by_somebody"),
        Index("ix_promo_open", text("(true)"), unique=True, postgresql_where=text("ended_at is null")),
    )

    id: int | None = Field(default=None, primary_key=True)
    profile: str = Field(sa_type=Text)
    settings: dict[str, Any] = Field(sa_type=JSON)
    reason: str = Field(default="", sa_type=Text)
    began_at: datetime = Field(sa_type=AT)
    began_by: str = Field(sa_type=Text)
    until: datetime = Field(sa_type=AT)
    ended_at: datetime | None = Field(default=None, sa_type=AT)
    ended_by: str | None = Field(default=None, sa_type=Text)


class ReleaseWait(SQLModel, table=True):
    """A routed order that waits until its warehouse has room for another instruction; the earliest `due_at` goes first.

    Of equals the one that was paid first. `warehouse_id` is the one that lacks room. The order stays routed, with its
    stock, in a closed batch; `resume_orders` takes it up. The row ends when it is dispatched or leaves its route.
    """

    __tablename__: ClassVar[str] = "release_wait"
    __table_args__ = (Index("ix_release_wait_due", "warehouse_id", "due_at", "paid_at", "order_id"),)

    order_id: int = Field(primary_key=True, sa_type=BigInteger)
    warehouse_id: int = Field(foreign_key="warehouse.id")
    due_at: datetime = Field(sa_type=AT)
    paid_at: datetime = Field(sa_type=AT)
    since: datetime = Field(sa_type=AT)
