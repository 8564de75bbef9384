"""Who is told of alerts, and what each was told: messages with the alerts that they speak of."""

from datetime import datetime, time
from typing import ClassVar

from sqlalchemy import ARRAY, BigInteger, Index, Text, Time, UniqueConstraint
from sqlmodel import Field, SQLModel

from models.columns import AT, check, one_of
from models.telling import Language, News, Occasion, RecipientKind


class AlertRecipient(SQLModel, table=True):
    """A robot of a group, or a mailbox. Its address and secrets are sealed credentials of the owner kind `recipient`.

    Of those that take a severity the ones with the lowest `rank` are told; who cannot be told is stood in for by the
    next. `quiet_from` and `quiet_until` are times of the day in China. A P1 that nobody acknowledged
    `escalate_after_min` after it was told is told to `escalate_to`. One that was removed keeps its story, inactive.
    """

    __tablename__: ClassVar[str] = "alert_recipient"
    __table_args__ = (
        one_of("kind", RecipientKind),
        one_of("language", Language),
        check("(quiet_from is null) = (quiet_until is null)", "quiet_whole"),
        check("(escalate_after_min is null) = (escalate_to is null)", "escalation_whole"),
        check("escalate_after_min >= 1", "escalation_waits"),
        check("cardinality(severities) >= 1", "severities_named"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    name: str = Field(unique=True, sa_type=Text)
    kind: str = Field(sa_type=Text)
    language: str = Field(sa_type=Text)
    severities: list[str] = Field(sa_type=ARRAY(Text))
    rank: int
    quiet_from: time | None = Field(default=None, sa_type=Time)
    quiet_until: time | None = Field(default=None, sa_type=Time)
    escalate_after_min: int | None = None
    escalate_to: str | None = Field(default=None, sa_type=Text)
    active: bool
    added_at: datetime = Field(sa_type=AT)


class AlertMessage(SQLModel, table=True):
    """One message to one recipient; it leaves by the outbox, which tells what became of it.

    `chain_id` is the first message with its news, itself or the one whose recipient could not be told, so that this
    recipient stands in for that one. `stuck_at` (of the first): since when nobody at all could be told.
    """

    __tablename__: ClassVar[str] = "alert_message"
    __table_args__ = (
        one_of("occasion", Occasion),
        Index("ix_alert_message_chain", "chain_id"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    recipient_id: int = Field(sa_type=BigInteger, foreign_key="alert_recipient.id")
    occasion: str = Field(sa_type=Text)
    chain_id: int = Field(sa_type=BigInteger)
    stuck_at: datetime | None = Field(default=None, sa_type=AT)
    written_at: datetime = Field(sa_type=AT)


class AlertNews(SQLModel, table=True):
    """What a message says of an alert, once per recipient; `times` is how often it opened since it was last told."""

    __tablename__: ClassVar[str] = "alert_news"
    __table_args__ = (
        one_of("news", News),
        check("times >= 1", "times_counted"),
        UniqueConstraint("recipient_id", "alert_id", "news"),
        Index("ix_alert_news_alert", "alert_id"),
    )

    message_id: int = Field(primary_key=True, sa_type=BigInteger, foreign_key="alert_message.id")
    alert_id: int = Field(primary_key=True, sa_type=BigInteger)
    news: str = Field(primary_key=True, sa_type=Text)
    recipient_id: int = Field(sa_type=BigInteger)
    times: int = 1
