"""Orders, their lines, their narrow state row, and the log of what happened."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from psycopg.types.json import Jsonb
from sqlalchemy import BigInteger, Identity, Index, Text, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from models.columns import AT, JSON, SEALED, check, one_of
from models.database import Connection, copy_rows
from models.errors import IllegalStep
from models.incoming import LineState, OrderKind, PayState


class Stage(StrEnum):
    """Where an order stands. Shipped and delivered are derived from documents and parcels."""

    INGESTED = "ingested"
    VALIDATED = "validated"
    LOCKED = "locked"
    ROUTED = "routed"
    DISPATCHED = "dispatched"
    CANCELLED = "cancelled"


STEPS: dict[Stage, frozenset[Stage]] = {
    Stage.INGESTED: frozenset({Stage.VALIDATED, Stage.CANCELLED}),
    Stage.VALIDATED: frozenset({Stage.LOCKED, Stage.CANCELLED}),
    Stage.LOCKED: frozenset({Stage.ROUTED, Stage.VALIDATED, Stage.CANCELLED}),  # back when its lock expired
    Stage.ROUTED: frozenset({Stage.DISPATCHED, Stage.VALIDATED, Stage.CANCELLED}),  # back when it leaves a merge
    Stage.DISPATCHED: frozenset({Stage.VALIDATED, Stage.CANCELLED}),  # only while no warehouse is to ship it
    Stage.CANCELLED: frozenset(),
}
"""Steps forward, and back to VALIDATED when a lock expires or an order is to leave by itself after all.

Back to INGESTED leads only `tasks.amend.step_back`, which gives up an order's route and lets it keep the stock that it
still wants."""


class Order(SQLModel, table=True):
    """What a buyer paid for, as the platform reports it. Written once; amended only by a newer platform version.

    `not_ready` says why the platform does not let it leave, `split_from` is the external_id of the order that the
    platform split it from.
    """

    __tablename__: ClassVar[str] = "orders"
    __table_args__ = (
        UniqueConstraint("shop_id", "external_id"),
        Index("ix_orders_order_no", "order_no", postgresql_ops={"order_no": "text_pattern_ops"}),
        Index("ix_orders_shop_created", "shop_id", "created_at", "id"),
        Index(
            "ix_orders_buyer",
            "shop_id",
            "buyer_key",
            text("coalesce(paid_at, created_at)"),
            postgresql_where=text("buyer_key <> ''"),
        ),
        Index("ix_orders_split_from", "shop_id", "split_from", postgresql_where=text("split_from <> ''")),
        Index("ix_orders_created_at", "created_at", postgresql_using="brin"),
        one_of("kind", OrderKind),
        one_of("pay_state", PayState),
    )

    id: int = Field(primary_key=True, sa_type=BigInteger)
    shop_id: int = Field(foreign_key="shop.id")
    external_id: str = Field(sa_type=Text)
    order_no: str = Field(sa_type=Text)
    kind: str = Field(sa_type=Text)
    pay_state: str = Field(sa_type=Text)
    platform_status: str = Field(sa_type=Text)
    buyer_key: str = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=AT)
    paid_at: datetime | None = Field(default=None, sa_type=AT)
    modified_at: datetime = Field(sa_type=AT)
    ship_by: datetime | None = Field(default=None, sa_type=AT)
    not_ready: str = Field(default="", sa_type=Text)
    split_from: str = Field(default="", sa_type=Text)
    goods_fen: int = Field(sa_type=BigInteger)
    discount_fen: int = Field(sa_type=BigInteger)
    freight_fen: int = Field(sa_type=BigInteger)
    total_fen: int = Field(sa_type=BigInteger)
    paid_fen: int = Field(sa_type=BigInteger)
    refunded_fen: int = Field(sa_type=BigInteger)
    cod_fen: int = Field(default=0, sa_type=BigInteger)
    stored_at: datetime = Field(sa_type=AT)


LINE_COLUMNS = "order_id line_no platform_line sku_code sku_id title quantity unit_price_fen paid_fen state".split()
"""The columns of `order_line`, in the order in which rows are written."""


class OrderLine(SQLModel, table=True):
    """One SKU and quantity of an order. `sku_id` is empty while the code is unknown to us.

    A quantity is kept as the shop sent it, so that a wrong one can be seen and held.
    """

    __tablename__: ClassVar[str] = "order_line"
    __table_args__ = (
        Index("ix_order_line_sku", "sku_id", "order_id"),
        one_of("state", LineState),
        check("quantity between -1000000 and 1000000", "quantity_bounded"),
    )

    order_id: int = Field(primary_key=True, sa_type=BigInteger)
    line_no: int = Field(primary_key=True)
    platform_line: str = Field(sa_type=Text)
    sku_code: str = Field(sa_type=Text)
    sku_id: int | None = None
    title: str = Field(sa_type=Text)
    quantity: int
    unit_price_fen: int = Field(sa_type=BigInteger)
    paid_fen: int = Field(sa_type=BigInteger)
    state: str = Field(sa_type=Text)


class AmendedLine(SQLModel, table=True):
    """A dispatched order's line as the shop has it now, while its warehouse works from `order_line`.

    All lines of an order or none. They become its lines when its instruction is withdrawn.
    """

    __tablename__: ClassVar[str] = "amended_line"
    __table_args__ = (
        one_of("state", LineState),
        check("quantity between -1000000 and 1000000", "quantity_bounded"),
    )

    order_id: int = Field(primary_key=True, sa_type=BigInteger)
    line_no: int = Field(primary_key=True)
    platform_line: str = Field(sa_type=Text)
    sku_code: str = Field(sa_type=Text)
    sku_id: int | None = None
    title: str = Field(sa_type=Text)
    quantity: int
    unit_price_fen: int = Field(sa_type=BigInteger)
    paid_fen: int = Field(sa_type=BigInteger)
    state: str = Field(sa_type=Text)


class RawOrder(SQLModel, table=True):
    """Each platform version of an order's payload, with the receiver paths cut out."""

    __tablename__: ClassVar[str] = "raw_order"

    order_id: int = Field(primary_key=True, sa_type=BigInteger)
    revision: int = Field(primary_key=True)
    mapping_version_id: int = Field(foreign_key="mapping_version.id")
    modified_at: datetime = Field(sa_type=AT)
    body: str = Field(sa_type=Text)


class QuarantinedOrder(SQLModel, table=True):
    """A payload that could not be mapped, whole and sealed, with what stood in the way."""

    __tablename__: ClassVar[str] = "quarantined_order"
    __table_args__ = (UniqueConstraint("shop_id", "external_id"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    shop_id: int = Field(foreign_key="shop.id")
    external_id: str = Field(sa_type=Text)
    batch_id: int = Field(sa_type=BigInteger, index=True)
    problem: str = Field(sa_type=Text)
    body_enc: bytes = Field(sa_type=SEALED)
    stored_at: datetime = Field(sa_type=AT)
    released_at: datetime | None = Field(default=None, sa_type=AT)


class OrderState(SQLModel, table=True):
    """The narrow row that changes: where an order stands and which batch carries it."""

    __tablename__: ClassVar[str] = "order_state"
    __table_args__ = (Index("ix_order_state_batch_id", "batch_id"), one_of("stage", Stage))

    order_id: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    batch_id: int = Field(sa_type=BigInteger)
    stage: str = Field(sa_type=Text)
    rule_version: int = 0


class Event(SQLModel, table=True):
    """What happened to an order, by whom, in which run, under which rule. Append-only."""

    __tablename__: ClassVar[str] = "event"
    __table_args__ = (Index("ix_event_order_id", "order_id"),)

    id: int | None = Field(default=None, sa_type=BigInteger, primary_key=True, sa_column_args=[Identity(always=True)])
    order_id: int = Field(sa_type=BigInteger)
    at: datetime = Field(sa_type=AT)
    what: str = Field(sa_type=Text)
    actor: str = Field(sa_type=Text)
    flow_run_id: str | None = Field(default=None, sa_type=Text)
    rule_version: int | None = None
    detail: dict[str, Any] | None = Field(default=None, sa_type=JSON)


@dataclass(frozen=True, slots=True)
class Cause:
    """Who or what makes a move: an actor (`stage:route`, `person:li`), the time, the run and the rules in force."""

    actor: str
    at: datetime
    flow_run_id: str | None = None
    rule_version: int = 0


def advance(conn: Connection, order_ids: Sequence[int], to: Stage, why: Cause) -> None:
    """Move every order of the set to `to` and write one event each.

    Raises IllegalStep, naming the first order and its stage, and moves none when
    STEPS does not lead from any of them to `to`.
    """
    if not order_ids:
        return
    entry = [stage.value for stage, nexts in STEPS.items() if to in nexts]
    wrong = conn.execute(
        """with wrong as materialized (
             select order_id, stage from order_state
             where order_id = any(%(ids)s) and stage <> all(%(entry)s) order by order_id limit 1),
           moved as (
             update order_state set stage = %(to)s, rule_version = %(rule)s
             where order_id = any(%(ids)s) and not exists (select from wrong) returning order_id),
           told as (
             insert into event (order_id, at, what, actor, flow_run_id, rule_version)
             select order_id, %(at)s, %(to)s, %(actor)s, %(run)s, %(rule)s from moved)
           select order_id, stage from wrong""",
        {
            "ids": list(order_ids),
            "entry": entry,
            "to": to.value,
            "rule": why.rule_version,
            "at": why.at,
            "actor": why.actor,
            "run": why.flow_run_id,
        },
    ).fetchone()
    if wrong:
        raise IllegalStep(f"order {wrong[0]}: cannot become {to}; it is {wrong[1]}")


def write_events(
    conn: Connection, order_ids: Sequence[int], what: str, why: Cause, detail: dict[str, Any] | None = None
) -> None:
    """Append the same event to every order of the set."""
    conn.execute(
        """insert into event (order_id, at, what, actor, flow_run_id, rule_version, detail)
           select o, %s, %s, %s, %s, %s, %s from unnest(%s::bigint[]) o""",
        (
            why.at,
            what,
            why.actor,
            why.flow_run_id,
            why.rule_version,
            Jsonb(detail) if detail is not None else None,
            list(order_ids),
        ),
    )


def write_own_events(conn: Connection, events: Iterable[tuple[int, str, dict[str, Any]]], why: Cause) -> None:
    """Append an event of its own, with its own detail, for each (order id, what, detail)."""
    copy_rows(
        conn,
        "event",
        ("order_id", "at", "what", "actor", "flow_run_id", "rule_version", "detail"),
        (
            (order_id, why.at, what, why.actor, why.flow_run_id, why.rule_version, Jsonb(detail))
            for order_id, what, detail in events
        ),
    )
