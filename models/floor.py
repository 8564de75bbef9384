"""An own warehouse that has no system of its own: its people, waves, pick lists, and every scan they make."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, Index, Text, Uuid, text
from sqlmodel import Field, SQLModel

from models.columns import AT, SEALED, check, one_of

HANDHELD = "handheld"
"""What `warehouse.wms` says of such a warehouse."""


class Picker(SQLModel, table=True):
    """Somebody who works in a warehouse and signs in there by badge. Of the badge only the digest is kept."""

    __tablename__: ClassVar[str] = "picker"
    __table_args__ = (Index("ix_picker_name", "warehouse_id", "name", unique=True),)

    id: int | None = Field(default=None, primary_key=True)
    warehouse_id: int = Field(foreign_key="warehouse.id")
    name: str = Field(sa_type=Text)
    badge_digest: bytes = Field(unique=True, sa_type=SEALED)
    active: bool = True
    made_at: datetime = Field(sa_type=AT)
    seen_at: datetime | None = Field(default=None, sa_type=AT)


class HandheldSession(SQLModel, table=True):
    """A signed-in handheld; only the digest of its cookie is kept."""

    __tablename__: ClassVar[str] = "handheld_session"
    __table_args__ = (Index("ix_handheld_session_picker_id", "picker_id"),)

    digest: bytes = Field(primary_key=True, sa_type=SEALED)
    picker_id: int = Field(foreign_key="picker.id")
    started_at: datetime = Field(sa_type=AT)
    seen_at: datetime = Field(sa_type=AT)
    ends_at: datetime = Field(sa_type=AT)


class SkuPlace(SQLModel, table=True):
    """Where in a warehouse a SKU lies, such as `A-03-2`; what stands before the first dash is its zone."""

    __tablename__: ClassVar[str] = "sku_place"

    warehouse_id: int = Field(primary_key=True, foreign_key="warehouse.id")
    sku_id: int = Field(primary_key=True, foreign_key="sku.id")
    place: str = Field(sa_type=Text)


class WaveKind(StrEnum):
    """Which documents go together: of one SKU and unit each, of one unit each, or any."""

    SINGLE_SKU = "single_sku"
    SINGLE_ITEM = "single_item"
    MIXED = "mixed"


class WaveState(StrEnum):
    """OPEN waits for a picker, who is PICKING it; PICKED says that its goods are at the bench."""

    OPEN = "open"
    PICKING = "picking"
    PICKED = "picked"


WAVE_STEPS: dict[WaveState, frozenset[WaveState]] = {
    WaveState.OPEN: frozenset({WaveState.PICKING}),
    WaveState.PICKING: frozenset({WaveState.PICKING, WaveState.PICKED}),  # another picker may go on with it
    WaveState.PICKED: frozenset(),
}


class Wave(SQLModel, table=True):
    """Documents that are picked in one walk. `zone` and `carrier` are "" where it has several."""

    __tablename__: ClassVar[str] = "wave"
    __table_args__ = (
        one_of("kind", WaveKind),
        one_of("state", WaveState),
        Index("ix_wave_warehouse_id", "warehouse_id", "made_at"),
    )

    id: int = Field(primary_key=True, sa_type=BigInteger)
    no: str = Field(unique=True, sa_type=Text)
    warehouse_id: int = Field(foreign_key="warehouse.id")
    kind: str = Field(sa_type=Text)
    zone: str = Field(default="", sa_type=Text)
    carrier: str = Field(default="", sa_type=Text)
    leaves_at: datetime | None = Field(default=None, sa_type=AT)
    state: str = Field(sa_type=Text)
    picker_id: int | None = None
    made_at: datetime = Field(sa_type=AT)
    made_by: str = Field(sa_type=Text)


class TaskState(StrEnum):
    """Where a document stands in the house. DONE: it left, or nothing of it is out of its place any more.

    PUT_BACK: it was asked back when goods of it were off their shelves; it is given back when they are there again.
    """

    WAITING = "waiting"
    PICKED = "picked"
    PACKED = "packed"
    PUT_BACK = "put_back"
    DONE = "done"


TASK_STEPS: dict[TaskState, frozenset[TaskState]] = {
    TaskState.WAITING: frozenset({TaskState.PICKED, TaskState.PACKED, TaskState.PUT_BACK, TaskState.DONE}),
    TaskState.PICKED: frozenset({TaskState.PACKED, TaskState.PUT_BACK, TaskState.DONE}),
    TaskState.PACKED: frozenset({TaskState.PUT_BACK, TaskState.DONE}),
    TaskState.PUT_BACK: frozenset({TaskState.DONE}),
    TaskState.DONE: frozenset(),
}


class FloorTask(SQLModel, table=True):
    """A document in a wave, and the slot of the cart or shelf in which its goods are gathered."""

    __tablename__: ClassVar[str] = "floor_task"
    __table_args__ = (
        one_of("state", TaskState),
        Index("ix_floor_task_wave_id", "wave_id"),
        Index("ix_floor_task_open", "warehouse_id", "state", "wave_id", postgresql_where=text("state <> 'done'")),
    )

    document_id: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    warehouse_id: int = Field(foreign_key="warehouse.id")
    wave_id: int = Field(sa_type=BigInteger)
    slot: int
    state: str = Field(sa_type=Text)


class FloorUnit(SQLModel, table=True):
    """Units of a SKU that a document wants from the house; `checked` were scanned at the bench, `boxed` left.

    `wanted` falls when the shelf lacks units, and grows no more. `astray` units are off their shelf and must go back
    there, `returned` of them did.
    """

    __tablename__: ClassVar[str] = "floor_unit"
    __table_args__ = (
        check("0 <= boxed and boxed <= checked and checked <= wanted", "counted_in_order"),
        check("0 <= returned and returned <= astray", "returned_bounded"),
    )

    document_id: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    sku_id: int = Field(primary_key=True)
    wanted: int
    checked: int = 0
    boxed: int = 0
    astray: int = 0
    returned: int = 0


class WavePick(SQLModel, table=True):
    """A line of a pick list: units of a SKU to fetch from its place; of those `missing` were not there."""

    __tablename__: ClassVar[str] = "wave_pick"
    __table_args__ = (check("picked >= 0 and missing >= 0 and picked + missing <= wanted", "never_too_many"),)

    wave_id: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    sku_id: int = Field(primary_key=True)
    place: str = Field(default="", sa_type=Text)
    wanted: int
    picked: int = 0
    missing: int = 0


class FloorScan(SQLModel, table=True):
    """What somebody scanned, once however often it was sent, with the answer. Append-only.

    `scanned_at` is the handheld's time, `applied_at` ours. `answer` is what the handheld shows.
    """

    __tablename__: ClassVar[str] = "floor_scan"
    __table_args__ = (
        Index("ix_floor_scan_document_id", "document_id", postgresql_where=text("document_id is not null")),
        Index("ix_floor_scan_applied_at", "warehouse_id", "applied_at"),
    )

    id: UUID = Field(primary_key=True, sa_type=Uuid)
    picker_id: int = Field(foreign_key="picker.id")
    warehouse_id: int = Field(foreign_key="warehouse.id")
    kind: str = Field(sa_type=Text)
    code: str = Field(sa_type=Text)
    wave_id: int | None = Field(default=None, sa_type=BigInteger)
    document_id: int | None = Field(default=None, sa_type=BigInteger)
    sku_id: int | None = None
    quantity: int = 1
    ok: bool
    said: str = Field(sa_type=Text)
    about: str = Field(default="", sa_type=Text)
    scanned_at: datetime = Field(sa_type=AT)
    applied_at: datetime = Field(sa_type=AT)
