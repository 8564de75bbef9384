"""Ingest windows and batches: the units that bind a run to the pool."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Index, Text, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from models.columns import AT, JSON, check, one_of


class WindowState(StrEnum):
    """OPEN until every order of the window is stored."""

    OPEN = "open"
    STORED = "stored"


class WindowOrigin(StrEnum):
    """WATERMARK windows follow each other; REQUESTED ones were asked for by since and until."""

    WATERMARK = "watermark"
    REQUESTED = "requested"


class IngestWindow(SQLModel, table=True):
    """A span of platform time read for one shop by one run; Retry finds it again by its flow run."""

    __tablename__: ClassVar[str] = "ingest_window"
    __table_args__ = (
        UniqueConstraint("shop_id", "since", "flow_run_id"),
        Index("ix_ingest_window_claim", "shop_id", "since", unique=True, postgresql_where=text("origin = 'watermark'")),
        check("since < until", "forward"),
        one_of("state", WindowState),
        one_of("origin", WindowOrigin),
    )

    id: int | None = Field(default=None, primary_key=True)
    shop_id: int = Field(foreign_key="shop.id")
    since: datetime = Field(sa_type=AT)
    until: datetime = Field(sa_type=AT)
    origin: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    flow_run_id: str = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=AT)


class BatchState(StrEnum):
    """OPEN belongs to its run; CLOSED went through all stages; ABANDONED was given up by a person or by age."""

    OPEN = "open"
    CLOSED = "closed"
    ABANDONED = "abandoned"


class BatchOrigin(StrEnum):
    """What made the batch: a window, the end of waits, a file, a replay of stored payloads, or an audit's finds."""

    WINDOW = "window"
    RESUME = "resume"
    FILE = "file"
    REPLAY = "replay"
    AUDIT = "audit"


class Batch(SQLModel, table=True):
    """Up to a few thousand orders of one shop that go through the stages together.

    `stored` counts orders new to the pool, `joined` those already there that changed or came back.
    """

    __tablename__: ClassVar[str] = "batch"
    __table_args__ = (
        Index("ix_batch_open", "id", postgresql_where=text("state = 'open'")),
        Index("ix_batch_closed_at", "closed_at", postgresql_where=text("closed_at is not null")),
        Index("ix_batch_window_id", "window_id"),
        Index("ix_batch_flow_run_id", "flow_run_id"),
        one_of("state", BatchState),
        one_of("origin", BatchOrigin),
        check("stored >= 0 and joined >= 0 and rejected >= 0", "counts"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    shop_id: int = Field(foreign_key="shop.id")
    window_id: int | None = Field(default=None, foreign_key="ingest_window.id")
    origin: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    stored: int = 0
    joined: int = 0
    rejected: int = 0
    flow_run_id: str = Field(sa_type=Text)
    feed_findings: list[Any] | None = Field(default=None, sa_type=JSON)
    accepted_by: str | None = Field(default=None, sa_type=Text)
    accepted_reason: str | None = Field(default=None, sa_type=Text)
    accepted_at: datetime | None = Field(default=None, sa_type=AT)
    created_at: datetime = Field(sa_type=AT)
    closed_at: datetime | None = Field(default=None, sa_type=AT)


class IngestAudit(SQLModel, table=True):
    """One comparison of what a platform lists for a day in China with the pool and the quarantine.

    `missing` are ids that were in neither; they are read at once, and `found` of them were still there to read. An
    audit that was cut off before that is not `complete`.
    """

    __tablename__: ClassVar[str] = "ingest_audit"
    __table_args__ = (
        Index("ix_ingest_audit_shop_day", "shop_id", "day"),
        check("listed >= 0 and found >= 0", "counts"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    shop_id: int = Field(foreign_key="shop.id")
    day: date
    listed: int
    missing: list[Any] = Field(sa_type=JSON)
    found: int = 0
    complete: bool = False
    flow_run_id: str | None = Field(default=None, sa_type=Text)
    at: datetime = Field(sa_type=AT)
