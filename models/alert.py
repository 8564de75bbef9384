"""Alerts: something that a person should look at, open until its condition is over."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from sqlalchemy import BigInteger, Index, Text, text
from sqlmodel import Field, SQLModel

from models.columns import AT, check, one_of


class AlertRule(StrEnum):
    """What is watched."""

    TOKEN_EXPIRING = "token_expiring"
    INGEST_MISSING = "ingest_missing"
    SHIP_BACK_OVERDUE = "ship_back_overdue"
    STOCK_SHORTFALL = "stock_shortfall"
    STOCK_NOT_SHOWN = "stock_not_shown"
    FEED_DRIFTING = "feed_drifting"
    RUN_FAILED = "run_failed"
    RUN_CRASHED = "run_crashed"
    RUN_LATE = "run_late"
    INGEST_SILENT = "ingest_silent"
    WAYBILL_MISSING = "waybill_missing"
    NOT_COLLECTED = "not_collected"
    NO_MOVEMENT = "no_movement"
    DELIVERY_PROBLEM = "delivery_problem"
    SHIP_BACK_FAILED = "ship_back_failed"
    NOT_DISPATCHED = "not_dispatched"
    DISPATCH_DUE = "dispatch_due"
    HELD_DUE = "held_due"
    DOCUMENT_STUCK = "document_stuck"
    ORDER_STUCK = "order_stuck"
    MESSAGE_STUCK = "message_stuck"
    INSTRUCTION_UNDELIVERED = "instruction_undelivered"
    AFTER_SALES_STUCK = "after_sales_stuck"
    STOCK_FEED_SILENT = "stock_feed_silent"
    BELOW_SAFETY = "below_safety"


class Alert(SQLModel, table=True):
    """One open alert per rule and subject (`shop:jd-1`, `parcel:17`); it closes when its condition is over.

    `flow_run_id` is the run that opened it, which still counts it as new when it is retried. `order_id` is the order it
    is about, the oldest where it is about `things` of them; `run_id` the run that has to do with its cause. `told` is
    how many things there were when it was last told. `acknowledged_by` is who said that he sees to it.
    """

    __tablename__: ClassVar[str] = "alert"
    __table_args__ = (
        one_of("rule", AlertRule),
        check("things >= 1 and told >= 1", "things_counted"),
        Index("ix_alert_open", "rule", "subject", unique=True, postgresql_where=text("closed_at is null")),
        Index("ix_alert_closed_at", "closed_at", postgresql_where=text("closed_at is not null")),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    rule: str = Field(sa_type=Text)
    subject: str = Field(sa_type=Text)
    sentence: str = Field(sa_type=Text)
    flow_run_id: str | None = Field(default=None, sa_type=Text)
    order_id: int | None = Field(default=None, sa_type=BigInteger)
    run_id: str | None = Field(default=None, sa_type=Text)
    things: int = Field(default=1, sa_column_kwargs={"server_default": "1"})
    told: int = Field(default=1, sa_column_kwargs={"server_default": "1"})
    opened_at: datetime = Field(sa_type=AT)
    closed_at: datetime | None = Field(default=None, sa_type=AT)
    acknowledged_at: datetime | None = Field(default=None, sa_type=AT)
    acknowledged_by: str | None = Field(default=None, sa_type=Text)
