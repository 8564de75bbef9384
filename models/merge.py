"""Orders of one receiver that leave in one outbound document, each keeping its lines, locks and money."""

from datetime import datetime
from typing import ClassVar

from sqlalchemy import BigInteger, Index, Text, text
from sqlmodel import Field, SQLModel

from models.columns import AT, check


class MergeGroup(SQLModel, table=True):
    """A merge of orders; it ends when fewer than two are left in it, or a person ends it."""

    __tablename__: ClassVar[str] = "merge_group"

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    shop_id: int = Field(foreign_key="shop.id")
    made_at: datetime = Field(sa_type=AT)
    made_by: str = Field(sa_type=Text)
    ended_at: datetime | None = Field(default=None, sa_type=AT)


class MergeMember(SQLModel, table=True):
    """An order in a merge; an order is in one open merge at most. `left_why` tells what un-merged it."""

    __tablename__: ClassVar[str] = "merge_member"
    __table_args__ = (
        Index("ix_merge_member_open", "order_id", unique=True, postgresql_where=text("left_at is null")),
        check("(left_at is null) = (left_why = '')", "left_with_a_reason"),
    )

    group_id: int = Field(primary_key=True, foreign_key="merge_group.id", sa_type=BigInteger)
    order_id: int = Field(primary_key=True, sa_type=BigInteger)
    joined_at: datetime = Field(sa_type=AT)
    left_at: datetime | None = Field(default=None, sa_type=AT)
    left_why: str = Field(default="", sa_type=Text)


class KeptApart(SQLModel, table=True):
    """An order that a person took out of a merge, or wants to leave by itself: it is not merged again."""

    __tablename__: ClassVar[str] = "kept_apart"

    order_id: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    since: datetime = Field(sa_type=AT)
    by: str = Field(sa_type=Text)
