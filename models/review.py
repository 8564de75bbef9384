"""Review rules by version, who is not to be served, and what SKUs usually cost."""

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Index, Text, text
from sqlmodel import Field, SQLModel

from models.columns import AT, JSON, SEALED, check, one_of


class ReviewRules(SQLModel, table=True):
    """A version of the review rules; the highest version is in force. Version 0, which comes with us, has no row.

    Orders that were reviewed before it and are still open are reviewed again: those up to id `reviewed_to` already
    were, and at `reviewed_at` all.
    """

    __tablename__: ClassVar[str] = "review_rules"
    __table_args__ = (check("version > 0", "version_positive"),)

    version: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    body: dict[str, Any] = Field(sa_type=JSON)
    note: str = Field(default="", sa_type=Text)
    made_at: datetime = Field(sa_type=AT)
    made_by: str = Field(sa_type=Text)
    reviewed_to: int = Field(default=0, sa_type=BigInteger)
    reviewed_at: datetime | None = Field(default=None, sa_type=AT)


class BlacklistKind(StrEnum):
    """What an entry of the blacklist names."""

    PHONE = "phone"
    ADDRESS = "address"
    BUYER = "buyer"


class BlacklistEntry(SQLModel, table=True):
    """Somebody whose orders a person looks at first. `digest` is keyed, `shown` a mask that people recognise.

    A buyer's digest is of shop and buyer key together, since platforms number buyers each for themselves.
    """

    __tablename__: ClassVar[str] = "blacklist"
    __table_args__ = (
        one_of("kind", BlacklistKind),
        Index("ix_blacklist_open", "kind", "digest", unique=True, postgresql_where=text("ended_at is null")),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    kind: str = Field(sa_type=Text)
    digest: bytes = Field(sa_type=SEALED)
    shown: str = Field(sa_type=Text)
    reason: str = Field(sa_type=Text)
    made_at: datetime = Field(sa_type=AT)
    made_by: str = Field(sa_type=Text)
    ended_at: datetime | None = Field(default=None, sa_type=AT)
    ended_by: str | None = Field(default=None, sa_type=Text)


class SkuPrice(SQLModel, table=True):
    """What a unit of a SKU usually costs a buyer: said by a person (`given`), or the median of `line_count` lines."""

    __tablename__: ClassVar[str] = "sku_price"
    __table_args__ = (check("usual_fen > 0", "price_positive"), check("line_count >= 0", "counts"))

    sku_id: int = Field(primary_key=True, foreign_key="sku.id", sa_column_kwargs={"autoincrement": False})
    usual_fen: int = Field(sa_type=BigInteger)
    line_count: int = 0
    given: bool = False
    known_at: datetime = Field(sa_type=AT)
