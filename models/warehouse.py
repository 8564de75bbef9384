"""Warehouses: where they are, whom they serve, how much they can do, and which carriers take their parcels."""

from datetime import date, datetime, time
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Index, Text, text
from sqlmodel import Field, SQLModel

from models.columns import AT, JSON, check, one_of


class WarehouseKind(StrEnum):
    """OWN is run by us or for us; a SUPPLIER ships what is his, and only to the areas he is named for."""

    OWN = "own"
    SUPPLIER = "supplier"


class Warehouse(SQLModel, table=True):
    """A place that ships. `sender` (name, phone, address) is our own, not a buyer's.

    `cutoff` (China time) is until when an instruction still leaves on the same day; `daily_limit` is how many outbound
    documents it takes a day; `in_progress_limit` how many may be with it at once, sent and not shipped, while releases
    are metered. None: no limit.
    """

    __tablename__: ClassVar[str] = "warehouse"
    __table_args__ = (
        one_of("kind", WarehouseKind),
        check("daily_limit is null or daily_limit >= 0", "daily_limit_known"),
        check("in_progress_limit is null or in_progress_limit >= 1", "in_progress_limit_known"),
    )

    id: int | None = Field(default=None, primary_key=True)
    code: str = Field(unique=True, sa_type=Text)
    name: str = Field(sa_type=Text)
    kind: str = Field(default="own", sa_type=Text)
    division_code: str = Field(sa_type=Text)
    address: str = Field(default="", sa_type=Text)
    sender_name: str = Field(default="", sa_type=Text)
    sender_phone: str = Field(default="", sa_type=Text)
    wms: str = Field(default="webhook", sa_type=Text)
    carrier: str = Field(default="yuantong", sa_type=Text)
    cutoff: time | None = None
    daily_limit: int | None = None
    in_progress_limit: int | None = None
    active: bool = True
    stopped_at: datetime | None = Field(default=None, sa_type=AT)
    settings: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)


class WarehouseDay(SQLModel, table=True):
    """What of a warehouse's daily limit is used: a guarded counter like stock. Made when the day is first used."""

    __tablename__: ClassVar[str] = "warehouse_day"
    __table_args__ = (check("0 <= used and used <= limit_documents", "never_overbooked"),)

    warehouse_id: int = Field(primary_key=True, foreign_key="warehouse.id")
    day: date = Field(primary_key=True)
    limit_documents: int
    used: int = 0


class ServiceArea(SQLModel, table=True):
    """A division (province, prefecture or county code) that a warehouse serves; lower priority goes first.

    A warehouse of a higher number is the backup of those before it.
    """

    __tablename__: ClassVar[str] = "service_area"

    division_code: str = Field(primary_key=True, sa_type=Text)
    warehouse_id: int = Field(primary_key=True, foreign_key="warehouse.id")
    priority: int = 1


class WarehouseCarrier(SQLModel, table=True):
    """A carrier that fetches from a warehouse; lower priority goes first. `cutoff` (China time) is his last pick-up."""

    __tablename__: ClassVar[str] = "warehouse_carrier"
    __table_args__ = (
        check("min_weight_g >= 0", "min_weight_known"),
        check("max_weight_g is null or max_weight_g > min_weight_g", "max_weight_known"),
    )

    warehouse_id: int = Field(primary_key=True, foreign_key="warehouse.id")
    carrier: str = Field(primary_key=True, sa_type=Text)
    priority: int = 1
    cutoff: time | None = None
    min_weight_g: int = 0
    max_weight_g: int | None = None
    cod: bool = True


class CarrierRate(SQLModel, table=True):
    """What a carrier charges from a warehouse to a division ("": the whole country), and how long he takes.

    `first_fen` up to `first_g`, then `step_fen` for each `step_g` begun. The row of the most local division counts.
    """

    __tablename__: ClassVar[str] = "carrier_rate"
    __table_args__ = (
        check("first_g > 0 and step_g > 0", "weights_positive"),
        check("first_fen >= 0 and step_fen >= 0", "prices_known"),
        check("transit_days >= 0", "transit_known"),
    )

    warehouse_id: int = Field(primary_key=True, foreign_key="warehouse.id")
    carrier: str = Field(primary_key=True, sa_type=Text)
    division_code: str = Field(primary_key=True, sa_type=Text)
    first_g: int
    first_fen: int
    step_g: int
    step_fen: int
    transit_days: int = 2


class CarrierEffect(StrEnum):
    """What a carrier rule asks for."""

    ONLY = "only"
    PREFER = "prefer"
    NEVER = "never"


class CarrierRule(SQLModel, table=True):
    """Which carrier orders of a kind must, should or must not go with; an empty condition means any."""

    __tablename__: ClassVar[str] = "carrier_rule"
    __table_args__ = (one_of("effect", CarrierEffect),)

    id: int | None = Field(default=None, primary_key=True)
    position: int = Field(unique=True)
    effect: str = Field(sa_type=Text)
    carrier: str = Field(sa_type=Text)
    shop_code: str = Field(default="", sa_type=Text)
    warehouse_code: str = Field(default="", sa_type=Text)
    division_code: str = Field(default="", sa_type=Text)
    min_weight_g: int = 0
    max_weight_g: int | None = None
    cod: bool | None = None


class RoutingRules(SQLModel, table=True):
    """A version of the routing rules; the highest version is in force. Version 0, which comes with us, has no row."""

    __tablename__: ClassVar[str] = "routing_rules"
    __table_args__ = (check("version > 0", "version_positive"),)

    version: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    body: dict[str, Any] = Field(sa_type=JSON)
    note: str = Field(default="", sa_type=Text)
    made_at: datetime = Field(sa_type=AT)
    made_by: str = Field(sa_type=Text)


class RoutePlan(SQLModel, table=True):
    """Why an order was not simply served by its area's warehouse: the plan and the rejected ones, as codes."""

    __tablename__: ClassVar[str] = "route_plan"

    order_id: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    rule_version: int
    plan: dict[str, Any] = Field(sa_type=JSON)
    decided_at: datetime = Field(sa_type=AT)


class OptionKind(StrEnum):
    """What can be done about an order that no warehouse can serve."""

    TRANSFER = "transfer"
    SPLIT = "split"
    WAIT = "wait"


class OptionState(StrEnum):
    """OPEN can be chosen; GONE is what the next try did away with."""

    OPEN = "open"
    CHOSEN = "chosen"
    DISMISSED = "dismissed"
    GONE = "gone"


class ShortageOption(SQLModel, table=True):
    """A way out for an order that no warehouse can serve, with its cost and time, for a person to choose.

    `detail` holds codes only: units per SKU, from where to where, the obstacle of a split.
    """

    __tablename__: ClassVar[str] = "shortage_option"
    __table_args__ = (
        one_of("kind", OptionKind),
        one_of("state", OptionState),
        Index("ix_shortage_option_order_id", "order_id", postgresql_where=text("state <> 'gone'")),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    order_id: int = Field(sa_type=BigInteger)
    kind: str = Field(sa_type=Text)
    state: str = Field(default="open", sa_type=Text)
    cost_fen: int = Field(sa_type=BigInteger)
    ready_at: datetime | None = Field(default=None, sa_type=AT)
    detail: dict[str, Any] = Field(sa_type=JSON)
    made_at: datetime = Field(sa_type=AT)
    decided_at: datetime | None = Field(default=None, sa_type=AT)
    decided_by: str = Field(default="", sa_type=Text)
