"""Backfills: spans of platform time that somebody asked to be read again, window by window."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import Text
from sqlmodel import Field, SQLModel

from models.columns import AT, JSON, check


class Backfill(SQLModel, table=True):
    """One wish: these shops (codes) from `since` to `until` in windows of so many minutes, so many at once.

    `key` follows from the wish, so that asking for the same again finds it. `flow_run_id` is its parent run.
    """

    __tablename__: ClassVar[str] = "backfill"
    __table_args__ = (
        check("since < until", "forward"),
        check("window_minutes >= 1", "window_positive"),
        check("at_once >= 1", "at_once_positive"),
    )

    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(unique=True, sa_type=Text)
    shops: list[Any] = Field(sa_type=JSON)
    since: datetime = Field(sa_type=AT)
    until: datetime = Field(sa_type=AT)
    window_minutes: int
    at_once: int
    asked_by: str = Field(sa_type=Text)
    asked_at: datetime = Field(sa_type=AT)
    flow_run_id: str | None = Field(default=None, sa_type=Text)
    ended_at: datetime | None = Field(default=None, sa_type=AT)


class BackfillWindow(SQLModel, table=True):
    """A shop's span of a backfill, and the run that reads it.

    `problem` is how its last run ended that did not finish; `done_at` is set once a run took all its orders through.
    """

    __tablename__: ClassVar[str] = "backfill_window"
    __table_args__ = (check("since < until", "forward"),)

    backfill_id: int = Field(primary_key=True, foreign_key="backfill.id")
    shop_id: int = Field(primary_key=True, foreign_key="shop.id")
    since: datetime = Field(primary_key=True, sa_type=AT)
    until: datetime = Field(sa_type=AT)
    flow_run_id: str | None = Field(default=None, sa_type=Text)
    problem: str | None = Field(default=None, sa_type=Text)
    done_at: datetime | None = Field(default=None, sa_type=AT)
