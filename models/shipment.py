"""Outbound documents (the warehouse's side) and parcels (the carrier's side), with their state machines."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from sqlalchemy import ARRAY, BigInteger, Index, Text, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from models.columns import AT, SEALED, check, one_of


class DocumentState(StrEnum):
    """What the warehouse last said of an instruction to ship."""

    CREATED = "created"
    ACCEPTED = "accepted"
    QUEUED = "queued"  # in a wave that nobody has begun
    PICKING = "picking"
    PICKED = "picked"
    PACKED = "packed"
    PUT_BACK = "put_back"  # asked back: its goods are on their way to their shelves
    PART_SHIPPED = "part_shipped"
    SHIPPED = "shipped"
    SHORT = "short"  # closed with fewer units than ordered
    REJECTED = "rejected"
    CANCELLED = "cancelled"


CLOSED = frozenset({DocumentState.SHIPPED, DocumentState.SHORT})
"""States in which nothing more of a document leaves."""

LEFT = CLOSED | {DocumentState.PART_SHIPPED}
"""States in which something of a document has left."""

GIVEN_BACK = frozenset({DocumentState.REJECTED, DocumentState.CANCELLED})
"""States in which its warehouse will not ship a document."""

ENDED = CLOSED | GIVEN_BACK
"""States in which its warehouse does nothing more about a document."""

_FORWARD = (
    DocumentState.CREATED,
    DocumentState.ACCEPTED,
    DocumentState.QUEUED,
    DocumentState.PICKING,
    DocumentState.PICKED,
    DocumentState.PACKED,
    DocumentState.PART_SHIPPED,
)

DOCUMENT_STEPS: dict[DocumentState, frozenset[DocumentState]] = {
    state: frozenset(_FORWARD[i + 1 :]) | CLOSED | {DocumentState.PUT_BACK, DocumentState.CANCELLED}
    for i, state in enumerate(_FORWARD)
    if state is not DocumentState.PART_SHIPPED
} | {
    DocumentState.CREATED: frozenset(_FORWARD[1:])
    | CLOSED
    | {DocumentState.PUT_BACK, DocumentState.REJECTED, DocumentState.CANCELLED},
    DocumentState.PUT_BACK: LEFT | {DocumentState.CANCELLED},
    DocumentState.PART_SHIPPED: frozenset({DocumentState.PART_SHIPPED}) | CLOSED,
    DocumentState.SHIPPED: frozenset(),
    DocumentState.SHORT: frozenset(),
    DocumentState.REJECTED: LEFT,
    DocumentState.CANCELLED: LEFT,
}
"""States only move forward; a late lower one is history, not a step back. What left the house left: shipped wins."""


class OutboundDocument(SQLModel, table=True):
    """A warehouse's instruction to ship what its allocations say. `no` is what people and the WMS call it.

    `accepted_at`, `packed_at` and `ended_at` are the warehouse's times: from when and until when its own figures lack
    the units that have not left. `state_at` is when we learnt of its state, None while it is as it was created.
    """

    __tablename__: ClassVar[str] = "outbound_document"
    __table_args__ = (
        one_of("state", DocumentState),
        check("revision >= 1", "revision_positive"),
        Index("ix_outbound_document_batch_id", "batch_id"),
        Index(
            "ix_outbound_document_deadline",
            "deadline_at",
            postgresql_where=text("state not in ('shipped', 'short', 'rejected', 'cancelled')"),
        ),
        Index("ix_outbound_document_gone", "id", postgresql_where=text("state in ('rejected', 'cancelled')")),
        Index("ix_outbound_document_kept", "warehouse_id", "ended_at"),
        Index("ix_outbound_document_accepted", "warehouse_id", postgresql_where=text("state = 'accepted'")),
        Index("ix_outbound_document_receiver_token", "receiver_token", unique=True),
    )

    id: int = Field(primary_key=True, sa_type=BigInteger)
    no: str = Field(unique=True, sa_type=Text)
    warehouse_id: int = Field(foreign_key="warehouse.id")
    shop_id: int = Field(foreign_key="shop.id")
    batch_id: int = Field(sa_type=BigInteger)
    revision: int = 1
    state: str = Field(sa_type=Text)
    carrier: str = Field(sa_type=Text)
    receiver_token: str = Field(sa_type=Text)
    ship_by: datetime | None = Field(default=None, sa_type=AT)
    deadline_at: datetime | None = Field(default=None, sa_type=AT)
    created_at: datetime = Field(sa_type=AT)
    accepted_at: datetime | None = Field(default=None, sa_type=AT)
    packed_at: datetime | None = Field(default=None, sa_type=AT)
    shipped_at: datetime | None = Field(default=None, sa_type=AT)
    ended_at: datetime | None = Field(default=None, sa_type=AT)
    state_at: datetime | None = Field(default=None, sa_type=AT)


class BlockReason(StrEnum):
    """Why a document must not go on as its warehouse knows it."""

    ADDRESS_CHANGED = "address_changed"
    GOODS_CHANGED = "goods_changed"
    REFUND = "refund"
    CANCELLED = "cancelled"
    NOT_READY = "not_ready"  # the platform no longer lets the order leave
    UNMERGE = "unmerge"  # an order of it is to leave by itself
    REMARK = "remark"  # a note asks for what stops a parcel
    DESK = "desk"  # a person stops an order of it


class DocumentBlock(SQLModel, table=True):
    """One reason why a document is blocked; blocks of a document are a set, and each is lifted by itself."""

    __tablename__: ClassVar[str] = "document_block"
    __table_args__ = (
        one_of("reason", BlockReason),
        Index(
            "ix_document_block_open", "document_id", "reason", unique=True, postgresql_where=text("lifted_at is null")
        ),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    document_id: int = Field(sa_type=BigInteger)
    order_id: int = Field(sa_type=BigInteger)
    reason: str = Field(sa_type=Text)
    placed_at: datetime = Field(sa_type=AT)
    lifted_at: datetime | None = Field(default=None, sa_type=AT)


class ParcelStage(StrEnum):
    """Where a parcel is, in words that belong to no carrier."""

    LABEL_CREATED = "label_created"
    COLLECTED = "collected"
    IN_TRANSIT = "in_transit"
    OUT_FOR_DELIVERY = "out_for_delivery"
    AT_PICKUP_POINT = "at_pickup_point"
    PROBLEM = "problem"
    RETURNING = "returning"
    DELIVERED = "delivered"
    RETURNED = "returned"
    CANCELLED = "cancelled"


PARCEL_ENDS = frozenset({ParcelStage.DELIVERED, ParcelStage.RETURNED, ParcelStage.CANCELLED})
"""Stages that nothing reopens; the others follow the vendor's latest scan."""

PARCEL_STEPS: dict[ParcelStage, frozenset[ParcelStage]] = {
    stage: frozenset() if stage in PARCEL_ENDS else frozenset(ParcelStage) - {stage} for stage in ParcelStage
}


class Parcel(SQLModel, table=True):
    """A box on its way, known by carrier and waybill. `stage_at` is the vendor's time at which its stage began.

    `heard_at` is when a source last told scans of it, in our time, `scanned_at` the vendor's time of its newest scan.
    `dropped_at`: the service that pushes gave it up, and has told no new scan since. `unasked_at`: the audit stopped
    asking about it without an end of its way; a new scan has it asked again. `note` says of these what a person should
    know, until a new scan comes.

    `renumbered` counts corrections of its waybill; `former_waybills` are the wrong ones, oldest first, and
    `told_waybill` is the one of them that its shop knows it by, "" when it knows none of them.
    """

    __tablename__: ClassVar[str] = "parcel"
    __table_args__ = (
        UniqueConstraint("waybill", "carrier"),
        UniqueConstraint("document_id", "package_no"),
        one_of("stage", ParcelStage),
        Index(
            "ix_parcel_silent",
            "heard_at",
            postgresql_where=text("stage not in ('delivered', 'returned', 'cancelled')"),
        ),
        Index(
            "ix_parcel_dropped",
            "id",
            postgresql_where=text("dropped_at is not null and stage not in ('delivered', 'returned', 'cancelled')"),
        ),
        Index(
            "ix_parcel_stage",
            "stage",
            "shipped_at",
            postgresql_where=text("stage in ('problem', 'returning', 'delivered', 'returned')"),
        ),
        Index("ix_parcel_uncollected", "shipped_at", postgresql_where=text("stage = 'label_created'")),
        Index(
            "ix_parcel_moving",
            "stage_at",
            postgresql_where=text("stage in ('collected', 'in_transit', 'out_for_delivery', 'at_pickup_point')"),
        ),
        Index("ix_parcel_given_up", "shipped_at", postgresql_where=text("note like 'given up by carrier:%'")),
        Index(
            "ix_parcel_former_waybills",
            "former_waybills",
            postgresql_using="gin",
            postgresql_where=text("renumbered > 0"),
        ),
    )

    id: int = Field(primary_key=True, sa_type=BigInteger)
    document_id: int = Field(sa_type=BigInteger)
    package_no: str = Field(sa_type=Text)
    carrier: str = Field(sa_type=Text)
    waybill: str = Field(sa_type=Text)
    stage: str = Field(sa_type=Text)
    stage_at: datetime = Field(sa_type=AT)
    shipped_at: datetime = Field(sa_type=AT)
    heard_at: datetime = Field(sa_type=AT)
    scanned_at: datetime | None = Field(default=None, sa_type=AT)
    dropped_at: datetime | None = Field(default=None, sa_type=AT)
    unasked_at: datetime | None = Field(default=None, sa_type=AT)
    former_waybills: list[str] = Field(default_factory=list, sa_type=ARRAY(Text))
    told_waybill: str = Field(default="", sa_type=Text)
    renumbered: int = 0
    salt_enc: bytes = Field(sa_type=SEALED)
    callback_token: str = Field(unique=True, sa_type=Text)
    note: str = Field(default="", sa_type=Text)


class ParcelLine(SQLModel, table=True):
    """What lies in a box: units of a SKU; of an order line's kit one row per component."""

    __tablename__: ClassVar[str] = "parcel_line"
    __table_args__ = (check("quantity > 0", "quantity_positive"),)

    parcel_id: int = Field(primary_key=True, sa_type=BigInteger)
    order_id: int = Field(primary_key=True, sa_type=BigInteger)
    line_no: int = Field(primary_key=True)
    sku_id: int = Field(primary_key=True)
    quantity: int


class ParcelEvent(SQLModel, table=True):
    """A scan of a parcel, kept once however often it is told. Its text is masked; "" is a stage that nobody said.

    `source` told it first; `twin` is the digest under which another source told the same scan, "" when none did.
    """

    __tablename__: ClassVar[str] = "parcel_event"
    __table_args__ = (one_of("stage", ParcelStage, or_empty=True),)

    parcel_id: int = Field(primary_key=True, sa_type=BigInteger)
    digest: str = Field(primary_key=True, sa_type=Text)
    at: datetime = Field(sa_type=AT)
    stage: str = Field(sa_type=Text)
    text: str = Field(sa_type=Text)
    place: str = Field(default="", sa_type=Text)
    source: str = Field(default="", sa_type=Text, sa_column_kwargs={"server_default": ""})
    twin: str = Field(default="", sa_type=Text, sa_column_kwargs={"server_default": ""})
