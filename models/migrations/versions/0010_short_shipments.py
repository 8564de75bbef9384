"""Short shipments: what documents lacked and what becomes of it, units of a line placed again, and parcels wanted back."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_KINDS = (
    "'outbound.created', 'outbound.cancel_requested', 'ship_back', 'subscribe', 'stock', 'waybill', 'waybill.cancel'"
)
_KEY = ("order_id", "line_no", "sku_id", "warehouse_id")


def upgrade() -> None:
    for table in ("lock", "allocation"):
        op.add_column(table, sa.Column("turn", sa.SmallInteger(), server_default="1", nullable=False))
    op.drop_constraint("allocation_pkey", "allocation")
    op.create_primary_key("allocation_pkey", "allocation", [*_KEY, "turn"])
    _one_open_lock_per([*_KEY, "turn"])
    _make_remainders()
    _make_intercepts()
    _kinds_known(f"{_KINDS}, 'intercept'")


def downgrade() -> None:
    op.execute("delete from outbox where kind = 'intercept'")
    _kinds_known(_KINDS)
    op.drop_table("parcel_intercept")
    op.drop_table("remainder")
    _release_later_turns()
    op.execute("delete from allocation where turn > 1")
    _one_open_lock_per(list(_KEY))
    op.drop_constraint("allocation_pkey", "allocation")
    op.create_primary_key("allocation_pkey", "allocation", list(_KEY))
    for table in ("allocation", "lock"):
        op.drop_column(table, "turn")


def _one_open_lock_per(columns: list[str]) -> None:
    op.drop_index("ix_lock_open", table_name="lock")
    op.create_index(
        "ix_lock_open",
        "lock",
        columns,
        unique=True,
        postgresql_where=sa.text("state = 'open'"),
        postgresql_nulls_not_distinct=True,
    )


def _release_later_turns() -> None:
    # a pool of the former version knows one lock of a line in a warehouse
    op.execute(
        """with gone as (
             update lock k set state = 'released', ended_at = now()
             from allocation a
             where k.state = 'open' and k.turn > 1 and (a.order_id, a.line_no, a.sku_id, a.warehouse_id, a.turn)
               = (k.order_id, k.line_no, k.sku_id, k.warehouse_id, k.turn)
             returning k.warehouse_id, k.sku_id, k.quantity - a.shipped as units),
           shelf as (
             update stock s set locked = s.locked - g.units
             from (select warehouse_id, sku_id, sum(units) as units from gone group by 1, 2) g
             where (s.warehouse_id, s.sku_id) = (g.warehouse_id, g.sku_id))
           update sku_pool p set locked = p.locked - g.units
           from (select sku_id, sum(units) as units from gone group by 1) g where p.sku_id = g.sku_id"""
    )


def _make_remainders() -> None:
    op.create_table(
        "remainder",
        sa.Column("document_id", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("line_no", sa.Integer(), nullable=False),
        sa.Column("sku_id", sa.Integer(), nullable=False),
        sa.Column("warehouse_id", sa.Integer(), nullable=False),
        sa.Column("units", sa.Integer(), nullable=False),
        sa.Column("way", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("units > 0", name="units_positive"),
        sa.CheckConstraint("(state = 'open') = (ended_at is null)", name="ends_once"),
        sa.CheckConstraint("way in ('hold', 'reroute', 'refund', 'back_order')", name="way_known"),
        sa.CheckConstraint("state in ('open', 'placed', 'refunded', 'dropped')", name="state_known"),
        sa.PrimaryKeyConstraint("document_id", "order_id", "line_no", "sku_id"),
    )
    op.create_index("ix_remainder_order_id", "remainder", ["order_id"])
    op.create_index("ix_remainder_open", "remainder", ["order_id"], postgresql_where=sa.text("state = 'open'"))
    # documents that were closed short before: people are deciding about them, or have
    op.execute(
        """insert into remainder (document_id, order_id, line_no, sku_id, warehouse_id, units, way, state, made_at,
             ended_at)
           select d.id, a.order_id, a.line_no, a.sku_id, a.warehouse_id, a.quantity - a.shipped, 'hold',
                  case when h.id is null then 'dropped' else 'open' end, coalesce(d.ended_at, d.created_at),
                  case when h.id is null then coalesce(d.ended_at, d.created_at) end
           from outbound_document d join allocation a on a.document_id = d.id
           left join hold h on h.order_id = a.order_id and h.code = 'SHIPPED_SHORT' and h.released_at is null
           where d.state = 'short' and a.shipped < a.quantity"""
    )


def _make_intercepts() -> None:
    op.create_table(
        "parcel_intercept",
        sa.Column("parcel_id", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("wish", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False, server_default=""),
        sa.Column("wanted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state in ('wanted', 'asked', 'agreed', 'refused', 'in_doubt', 'by_phone', 'done', 'missed')",
            name="state_known",
        ),
        sa.CheckConstraint("wish in ('RETURN_SEND_ADDR')", name="wish_known"),
        sa.PrimaryKeyConstraint("parcel_id"),
    )
    op.create_index(
        "ix_parcel_intercept_open",
        "parcel_intercept",
        ["parcel_id"],
        postgresql_where=sa.text("state not in ('done', 'missed')"),
    )


def _kinds_known(values: str) -> None:
    op.drop_constraint("kind_known", "outbox")
    op.create_check_constraint("kind_known", "outbox", f"kind in ({values})")
