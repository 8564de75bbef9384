"""Copies of the pool: each tells of itself in the copy, so that a pool that was restored from it knows it."""

from datetime import datetime
from typing import ClassVar

from sqlalchemy import BigInteger, LargeBinary, Text
from sqlmodel import Field, SQLModel

from models.columns import AT, check


class Backup(SQLModel, table=True):
    """A copy taken at `taken_at`; the newest row of a restored pool is the copy that it was restored from.

    `key_check` tells whether a key is the one under which the copy's personal data are sealed. `finished_at` and
    `size_bytes` are unknown to the copy itself. Until a restore is confirmed, orders that a warehouse may know already
    are held back.
    """

    __tablename__: ClassVar[str] = "backup"
    __table_args__ = (
        check("(restored_at is null) = (restored_by is null)", "restored_by_somebody"),
        check("(confirmed_at is null) = (confirmed_by is null)", "confirmed_by_somebody"),
        check("confirmed_at is null or restored_at is not null", "confirmed_after_restore"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    taken_at: datetime = Field(sa_type=AT)
    taken_by: str = Field(sa_type=Text)
    key_check: bytes = Field(sa_type=LargeBinary)
    finished_at: datetime | None = Field(default=None, sa_type=AT)
    size_bytes: int | None = Field(default=None, sa_type=BigInteger)
    restored_at: datetime | None = Field(default=None, sa_type=AT)
    restored_by: str | None = Field(default=None, sa_type=Text)
    confirmed_at: datetime | None = Field(default=None, sa_type=AT)
    confirmed_by: str | None = Field(default=None, sa_type=Text)
