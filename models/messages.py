"""Messages in and out: bodies that came in, and effects that must leave exactly once."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from sqlalchemy import BigInteger, Index, Text, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from models.columns import AT, SEALED, check, one_of


class InboxState(StrEnum):
    """NEW waits to be worked on; DONE changed something; IGNORED changed nothing, for the reason noted."""

    NEW = "new"
    DONE = "done"
    IGNORED = "ignored"


class Inbox(SQLModel, table=True):
    """A verified incoming body, sealed, kept once per sender and message id; erased after 30 days."""

    __tablename__: ClassVar[str] = "inbox"
    __table_args__ = (
        UniqueConstraint("source", "message_id"),
        one_of("state", InboxState),
        Index("ix_inbox_new", "source", "id", postgresql_where=text("state = 'new'")),
        Index("ix_inbox_erase_after", "erase_after", postgresql_where=text("body_enc is not null")),
        Index("ix_inbox_done_at", "done_at", postgresql_where=text("done_at is not null")),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    source: str = Field(sa_type=Text)
    message_id: str = Field(sa_type=Text)
    body_enc: bytes | None = Field(default=None, sa_type=SEALED)
    state: str = Field(sa_type=Text)
    note: str = Field(default="", sa_type=Text)
    received_at: datetime = Field(sa_type=AT)
    done_at: datetime | None = Field(default=None, sa_type=AT)
    erase_after: datetime = Field(sa_type=AT)


class OutboxState(StrEnum):
    """PENDING is due at `next_at`; DELIVERED reached the other side; REFUSED needs a person.

    WITHDRAWN was taken back before it could reach the other side.
    """

    PENDING = "pending"
    DELIVERED = "delivered"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class OutboxKind(StrEnum):
    """What a message asks for."""

    OUTBOUND_CREATED = "outbound.created"
    OUTBOUND_CANCEL = "outbound.cancel_requested"
    SHIP_BACK = "ship_back"
    DELIVERED_BACK = "delivered_back"
    SUBSCRIBE = "subscribe"
    STOCK = "stock"
    WAYBILL = "waybill"
    WAYBILL_CANCEL = "waybill.cancel"
    INTERCEPT = "intercept"
    ALERT = "alert"


class Outbox(SQLModel, table=True):
    """An effect on the outside, written in the transaction that causes it; its body is rendered when sent.

    `counterpart` is who gets it (`warehouse:WH-S`, `shop:tmall-1`, `carrier:kuaidi100`, and for e-waybills, which each
    warehouse has accounts of its own for, `carrier:kuaidi100/WH-S`; of alerts `recipient:on-call`), `subject_id` the
    document, parcel, listing, e-waybill, message of alerts, or order that was delivered, `key` the idempotency key.
    `in_doubt`: an attempt left without an answer, so it may have arrived. `fault` is the kind of fault of the last
    attempt (a Fault), "" when none failed.
    """

    __tablename__: ClassVar[str] = "outbox"
    __table_args__ = (
        one_of("state", OutboxState),
        one_of("kind", OutboxKind),
        check("attempts >= 0", "attempts_counted"),
        check("revision >= 1", "revision_positive"),
        Index("ix_outbox_due", "counterpart", "next_at", postgresql_where=text("state = 'pending'")),
        Index("ix_outbox_refused", "kind", "created_at", postgresql_where=text("state = 'refused'")),
        Index("ix_outbox_batch", "batch_id"),
        Index("ix_outbox_delivered_at", "delivered_at", postgresql_where=text("delivered_at is not null")),
        Index("ix_outbox_document", "subject_id", postgresql_where=text("kind = 'outbound.created'")),
        Index("ix_outbox_waybill", "subject_id", postgresql_where=text("kind = 'waybill'")),
        Index("ix_outbox_stock", "subject_id", postgresql_where=text("kind = 'stock'")),
        Index("ix_outbox_alert", "subject_id", postgresql_where=text("kind = 'alert'")),
        Index("ix_outbox_ship_back", "subject_id", postgresql_where=text("kind = 'ship_back'")),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    kind: str = Field(sa_type=Text)
    counterpart: str = Field(sa_type=Text)
    subject_id: int = Field(sa_type=BigInteger)
    revision: int = 1
    key: str = Field(unique=True, sa_type=Text)
    batch_id: int | None = Field(default=None, sa_type=BigInteger)
    state: str = Field(sa_type=Text)
    attempts: int = 0
    in_doubt: bool = False
    next_at: datetime = Field(sa_type=AT)
    last_error: str = Field(default="", sa_type=Text)
    fault: str = Field(default="", sa_type=Text, sa_column_kwargs={"server_default": ""})
    created_at: datetime = Field(sa_type=AT)
    delivered_at: datetime | None = Field(default=None, sa_type=AT)
