"""What the data-quality checks found in each batch."""

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Index, Text
from sqlmodel import Field, SQLModel

from models.columns import AT, JSON, check, one_of


class Verdict(StrEnum):
    """What followed: the batch went on, stays put, or went on because a person accepted it."""

    PASSED = "passed"
    FAILED = "failed"
    ACCEPTED = "accepted"


class QualityCheck(SQLModel, table=True):
    """The last run of the expectations over one batch.

    `unmet` holds only expectations that orders failed, by name: how many did, and some of their order numbers;
    `failing` are those of them that passed their limit. `suite` is the digest of the definitions that were run.
    """

    __tablename__: ClassVar[str] = "quality_check"
    __table_args__ = (
        one_of("verdict", Verdict),
        check("rows >= 0", "counts"),
        Index("ix_quality_check_shop", "shop_id", "checked_at"),
    )

    batch_id: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    shop_id: int = Field(foreign_key="shop.id")
    rows: int
    unmet: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    failing: list[Any] = Field(default_factory=list, sa_type=JSON)
    verdict: str = Field(sa_type=Text)
    suite: str = Field(sa_type=Text)
    flow_run_id: str | None = Field(default=None, sa_type=Text)
    checked_at: datetime = Field(sa_type=AT)
