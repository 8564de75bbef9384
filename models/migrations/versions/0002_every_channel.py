"""Marketplaces: their ciphertexts and holds, call budgets, carrier lists, audits, blocks, alerts."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_HOLDS = (
    "'UNPAID', 'BLOCKED', 'REFUNDING', 'DUPLICATE', 'BAD_AMOUNT', 'BAD_QUANTITY', 'UNKNOWN_SKU', 'BAD_ADDRESS', "
    "'BAD_FIELD', 'SHORT_STOCK', 'SHORT_ROUTE', 'SHIPPED_ELSEWHERE', 'CHANGED_LATE', 'WMS_REFUSED', 'SHIPPED_SHORT'"
)
_PAY_STATES = "'unpaid', 'ready', 'blocked'"
_PAID_ON = "'shipped', 'finished', 'cancelled'"


def upgrade() -> None:
    op.add_column("orders", sa.Column("not_ready", sa.Text(), nullable=False, server_default=""))
    op.add_column("orders", sa.Column("split_from", sa.Text(), nullable=False, server_default=""))
    op.add_column("orders", sa.Column("cod_fen", sa.BigInteger(), nullable=False, server_default="0"))
    op.create_index(
        "ix_orders_split_from",
        "orders",
        ["shop_id", "split_from"],
        postgresql_where=sa.text("split_from <> ''"),
    )
    op.add_column("receiver", sa.Column("cipher_enc", sa.LargeBinary(), nullable=True))
    op.add_column("receiver", sa.Column("merge_key", sa.Text(), nullable=False, server_default=""))
    op.add_column("parcel", sa.Column("former_waybills", sa.ARRAY(sa.Text()), nullable=False, server_default="{}"))
    op.add_column("parcel", sa.Column("told_waybill", sa.Text(), nullable=False, server_default=""))
    op.add_column("parcel", sa.Column("renumbered", sa.Integer(), nullable=False, server_default="0"))
    op.create_index(
        "ix_parcel_former_waybills",
        "parcel",
        ["former_waybills"],
        postgresql_using="gin",
        postgresql_where=sa.text("renumbered > 0"),
    )
    _known("orders", "pay_state", f"{_PAY_STATES}, 'platform_ships', {_PAID_ON}")
    _known("hold", "code", f"{_HOLDS}, 'REPLAYED', 'SKIPPED'")
    _known("batch", "origin", "'window', 'resume', 'file', 'replay', 'audit'")
    op.create_table(
        "shop_carrier",
        sa.Column("shop_id", sa.Integer(), sa.ForeignKey("shop.id"), nullable=False),
        sa.Column("carrier", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("pattern", sa.Text(), nullable=False),
        sa.Column("loaded_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("shop_id", "carrier"),
    )
    op.create_table(
        "call_budget",
        sa.Column("shop_code", sa.Text(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("shop_code"),
    )
    op.create_table(
        "ingest_audit",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("shop_id", sa.Integer(), sa.ForeignKey("shop.id"), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("listed", sa.Integer(), nullable=False),
        sa.Column("missing", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("found", sa.Integer(), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("flow_run_id", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("listed >= 0 and found >= 0", name="counts"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_ingest_audit_shop_day", "ingest_audit", ["shop_id", "day"])
    op.create_index(
        "ix_outbox_document", "outbox", ["subject_id"], postgresql_where=sa.text("kind = 'outbound.created'")
    )
    op.create_table(
        "amended_line",
        sa.Column("order_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("line_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("platform_line", sa.Text(), nullable=False),
        sa.Column("sku_code", sa.Text(), nullable=False),
        sa.Column("sku_id", sa.Integer(), nullable=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("unit_price_fen", sa.BigInteger(), nullable=False),
        sa.Column("paid_fen", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.CheckConstraint("state in ('open', 'refunding', 'closed')", name="state_known"),
        sa.CheckConstraint("quantity between -1000000 and 1000000", name="quantity_bounded"),
        sa.PrimaryKeyConstraint("order_id", "line_no"),
    )
    op.create_table(
        "document_block",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("document_id", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "reason in ('address_changed', 'goods_changed', 'refund', 'cancelled', 'not_ready')", name="reason_known"
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_document_block_open",
        "document_block",
        ["document_id", "reason"],
        unique=True,
        postgresql_where=sa.text("lifted_at is null"),
    )
    op.create_table(
        "alert",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("flow_run_id", sa.Text(), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("rule in ('token_expiring', 'ingest_missing', 'ship_back_overdue')", name="rule_known"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_alert_open", "alert", ["rule", "subject"], unique=True, postgresql_where=sa.text("closed_at is null")
    )
    op.create_index(
        "ix_outbox_refused", "outbox", ["kind", "created_at"], postgresql_where=sa.text("state = 'refused'")
    )


def downgrade() -> None:
    op.drop_index("ix_outbox_document", table_name="outbox")
    op.drop_index("ix_outbox_refused", table_name="outbox")
    for table in ("alert", "document_block", "amended_line", "ingest_audit", "call_budget", "shop_carrier"):
        op.drop_table(table)
    _known("batch", "origin", "'window', 'resume', 'file'")
    _known("hold", "code", f"{_HOLDS}, 'SKIPPED'")
    _known("orders", "pay_state", f"{_PAY_STATES}, {_PAID_ON}")
    op.drop_index("ix_parcel_former_waybills", table_name="parcel")
    op.drop_column("parcel", "renumbered")
    op.drop_column("parcel", "told_waybill")
    op.drop_column("parcel", "former_waybills")
    op.drop_column("receiver", "merge_key")
    op.drop_column("receiver", "cipher_enc")
    op.drop_index("ix_orders_split_from", table_name="orders")
    op.drop_column("orders", "cod_fen")
    op.drop_column("orders", "split_from")
    op.drop_column("orders", "not_ready")


def _known(table: str, column: str, values: str) -> None:
    op.drop_constraint(f"{column}_known", table, type_="check")
    op.create_check_constraint(f"{column}_known", table, f"{column} in ({values})")
