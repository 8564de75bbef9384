"""What sources of tracking were asked about numbers, and how long parcels take on each lane."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from sqlalchemy import Text
from sqlmodel import Field, SQLModel

from models.columns import AT, check, one_of


class Answer(StrEnum):
    """What came of a question about a number."""

    ASKED = "asked"  # under way, or the process was killed meanwhile
    TOLD = "told"  # scans
    EMPTY = "empty"  # no information (yet)
    REFUSED = "refused"  # this number cannot be asked about there
    AWAY = "away"  # the source was down or refused the account


class TrackingQuestion(SQLModel, table=True):
    """When a source was last asked about a number, for all workers: asked more often, it locks the number.

    `empty_since` is since when it has had nothing but "no information" to say, `digest` that of its last scans.
    """

    __tablename__: ClassVar[str] = "tracking_question"
    __table_args__ = (one_of("answer", Answer),)

    source: str = Field(primary_key=True, sa_type=Text)
    waybill: str = Field(primary_key=True, sa_type=Text)
    asked_at: datetime = Field(sa_type=AT)
    answer: str = Field(sa_type=Text)
    empty_since: datetime | None = Field(default=None, sa_type=AT)
    digest: str = Field(default="", sa_type=Text, sa_column_kwargs={"server_default": ""})


class LaneTime(SQLModel, table=True):
    """How long parcels of a carrier took from leaving a warehouse to being delivered, learnt from history.

    `area` is where they went: the first four digits of a division code (a city), two (a province), or "" (anywhere).
    Half of `parcels` took at most `p50_s` seconds, nine of ten at most `p90_s`.
    """

    __tablename__: ClassVar[str] = "lane_time"
    __table_args__ = (
        check("0 < p50_s and p50_s <= p90_s", "times_in_order"),
        check("parcels > 0", "parcels_counted"),
    )

    warehouse_id: int = Field(primary_key=True, foreign_key="warehouse.id")
    carrier: str = Field(primary_key=True, sa_type=Text)
    area: str = Field(primary_key=True, sa_type=Text)
    parcels: int
    p50_s: int
    p90_s: int
    learnt_at: datetime = Field(sa_type=AT)
