"""E-waybills: numbers and labels that a carrier gives before a parcel leaves an own warehouse."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from sqlalchemy import BigInteger, Index, Text, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from models.columns import AT, SEALED, check, one_of


class WaybillState(StrEnum):
    """How far an e-waybill is."""

    WANTED = "wanted"
    GOT = "got"
    USED = "used"
    CANCELLED = "cancelled"
    REFUSED = "refused"


WAYBILL_STEPS: dict[WaybillState, frozenset[WaybillState]] = {
    WaybillState.WANTED: frozenset({WaybillState.GOT, WaybillState.REFUSED, WaybillState.CANCELLED}),
    WaybillState.REFUSED: frozenset({WaybillState.WANTED, WaybillState.GOT, WaybillState.CANCELLED}),
    WaybillState.GOT: frozenset({WaybillState.USED, WaybillState.CANCELLED}),
    WaybillState.USED: frozenset(),
    WaybillState.CANCELLED: frozenset({WaybillState.USED}),
}
"""What left under a number left under it, also after we cancelled that. A refused one is wanted again by a person."""


class Waybill(SQLModel, table=True):
    """One e-waybill of a document's package, the first of which is 1.

    `service` gives it. `order_key` is the number under which it is asked for: asked again under it, the service gives
    the same waybill for a time. `number` is "" until the service gave one; `task_id` and `service_no` are the service's
    and the carrier's own numbers of it. `label_enc` is the address of its label, `image_enc` the label itself (base64).
    `asked_at` is when the first call left of which it is not known whether it arrived; `unwanted_at` when its document
    ended without it.
    """

    __tablename__: ClassVar[str] = "waybill"
    __table_args__ = (
        UniqueConstraint("document_id", "package_no"),
        one_of("state", WaybillState),
        check("package_no >= 1", "packages_from_one"),
        check("(state in ('got', 'used')) <= (number <> '')", "number_known"),
        Index("ix_waybill_number", "number"),
        # what was given back may be given to somebody else
        Index(
            "ix_waybill_owner",
            "number",
            "carrier",
            unique=True,
            postgresql_where=text("number <> '' and state <> 'cancelled'"),
        ),
        Index(
            "ix_waybill_missing",
            "wanted_at",
            postgresql_where=text("state in ('wanted', 'refused') or state = 'got' and unwanted_at is not null"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    document_id: int = Field(sa_type=BigInteger)
    package_no: int = 1
    service: str = Field(sa_type=Text)
    carrier: str = Field(sa_type=Text)
    number: str = Field(default="", sa_type=Text)
    order_key: str = Field(unique=True, sa_type=Text)
    state: str = Field(sa_type=Text)
    task_id: str = Field(default="", sa_type=Text)
    service_no: str = Field(default="", sa_type=Text)
    label_enc: bytes | None = Field(default=None, sa_type=SEALED)
    image_enc: bytes | None = Field(default=None, sa_type=SEALED)
    wanted_at: datetime = Field(sa_type=AT)
    asked_at: datetime | None = Field(default=None, sa_type=AT)
    got_at: datetime | None = Field(default=None, sa_type=AT)
    used_at: datetime | None = Field(default=None, sa_type=AT)
    unwanted_at: datetime | None = Field(default=None, sa_type=AT)
    cancelled_at: datetime | None = Field(default=None, sa_type=AT)
