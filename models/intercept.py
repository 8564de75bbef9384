"""Intercepts: parcels that left and are wanted back, and how far their carriers went along."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from sqlalchemy import BigInteger, Index, Text, text
from sqlmodel import Field, SQLModel

from models.columns import AT, one_of


class InterceptState(StrEnum):
    """Where the wish for one parcel stands."""

    WANTED = "wanted"  # a person is to decide whether the carrier is asked
    ASKED = "asked"  # the wish is on its way to the carrier
    AGREED = "agreed"  # the carrier took it on; the parcel is still out
    REFUSED = "refused"  # the carrier will not, or could not be told
    IN_DOUBT = "in_doubt"  # it was sent, and nobody knows whether it arrived: a person asks
    BY_PHONE = "by_phone"  # it cannot be asked through the service: a person phones
    DONE = "done"  # the parcel came back, or its carrier called it off
    MISSED = "missed"  # it was delivered all the same


_ENDS = frozenset({InterceptState.DONE, InterceptState.MISSED})
_ANSWERS = frozenset({InterceptState.AGREED, InterceptState.REFUSED})

INTERCEPT_STEPS: dict[InterceptState, frozenset[InterceptState]] = {
    InterceptState.WANTED: frozenset({InterceptState.ASKED, InterceptState.BY_PHONE}) | _ANSWERS | _ENDS,
    InterceptState.ASKED: _ANSWERS | {InterceptState.IN_DOUBT} | _ENDS,
    InterceptState.AGREED: _ENDS,
    InterceptState.REFUSED: frozenset({InterceptState.AGREED}) | _ENDS,  # a person may still talk them into it
    InterceptState.IN_DOUBT: _ANSWERS | _ENDS,
    InterceptState.BY_PHONE: _ANSWERS | _ENDS,
    InterceptState.DONE: frozenset(),
    InterceptState.MISSED: frozenset(),
}
"""What the parcel does ends it; nothing reopens it."""

FOR_PEOPLE = frozenset(
    {InterceptState.WANTED, InterceptState.REFUSED, InterceptState.IN_DOUBT, InterceptState.BY_PHONE}
)
"""States in which a person has to do something."""


class InterceptWay(StrEnum):
    """Whether a shop's parcels are intercepted by themselves when their order is called off."""

    PERSON = "person"
    AUTO = "auto"


class ReturnTo(StrEnum):
    """Where a carrier is to bring a parcel back to, in the words of the service."""

    ADDRESS = "RETURN_SEND_ADDR"


class ParcelIntercept(SQLModel, table=True):
    """The wish to have a parcel back, once for each parcel; `answer` is what was said to it last."""

    __tablename__: ClassVar[str] = "parcel_intercept"
    __table_args__ = (
        one_of("state", InterceptState),
        one_of("wish", ReturnTo),
        Index("ix_parcel_intercept_open", "parcel_id", postgresql_where=text("state not in ('done', 'missed')")),
    )

    parcel_id: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    state: str = Field(sa_type=Text)
    wish: str = Field(sa_type=Text)
    reason: str = Field(sa_type=Text)
    asked_by: str = Field(sa_type=Text)
    answer: str = Field(default="", sa_type=Text, sa_column_kwargs={"server_default": ""})
    wanted_at: datetime = Field(sa_type=AT)
    changed_at: datetime = Field(sa_type=AT)
