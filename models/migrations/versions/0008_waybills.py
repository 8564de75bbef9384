"""E-waybills: numbers and labels of parcels that leave own warehouses."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_KINDS = "'outbound.created', 'outbound.cancel_requested', 'ship_back', 'subscribe', 'stock'"

_RULES = (
    "'token_expiring', 'ingest_missing', 'ship_back_overdue', 'stock_shortfall', 'stock_not_shown', 'feed_drifting', "
    "'run_failed', 'run_crashed', 'run_late', 'ingest_silent'"
)


def upgrade() -> None:
    op.create_table(
        "waybill",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("document_id", sa.BigInteger(), nullable=False),
        sa.Column("package_no", sa.Integer(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("carrier", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("order_key", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("service_no", sa.Text(), nullable=False),
        sa.Column("label_enc", sa.LargeBinary(), nullable=True),
        sa.Column("image_enc", sa.LargeBinary(), nullable=True),
        sa.Column("wanted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("got_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("unwanted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state in ('wanted', 'got', 'used', 'cancelled', 'refused')", name="state_known"),
        sa.CheckConstraint("package_no >= 1", name="packages_from_one"),
        sa.CheckConstraint("(state in ('got', 'used')) <= (number <> '')", name="number_known"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("document_id", "package_no"),
        sa.UniqueConstraint("order_key"),
    )
    op.create_index("ix_waybill_number", "waybill", ["number"])
    op.create_index(
        "ix_waybill_owner",
        "waybill",
        ["number", "carrier"],
        unique=True,
        postgresql_where=sa.text("number <> '' and state <> 'cancelled'"),
    )
    op.create_index(
        "ix_waybill_missing",
        "waybill",
        ["wanted_at"],
        postgresql_where=sa.text("state in ('wanted', 'refused') or state = 'got' and unwanted_at is not null"),
    )
    _kinds_known(f"{_KINDS}, 'waybill', 'waybill.cancel'")
    _rules_known(f"{_RULES}, 'waybill_missing'")
    op.create_index("ix_outbox_waybill", "outbox", ["subject_id"], postgresql_where=sa.text("kind = 'waybill'"))


def downgrade() -> None:
    op.drop_index("ix_outbox_waybill", "outbox")
    op.execute("delete from outbox where kind in ('waybill', 'waybill.cancel')")
    _kinds_known(_KINDS)
    op.execute("delete from alert where rule = 'waybill_missing'")
    _rules_known(_RULES)
    op.drop_table("waybill")


def _kinds_known(values: str) -> None:
    op.drop_constraint("kind_known", "outbox")
    op.create_check_constraint("kind_known", "outbox", f"kind in ({values})")


def _rules_known(values: str) -> None:
    op.drop_constraint("rule_known", "alert")
    op.create_check_constraint("rule_known", "alert", f"rule in ({values})")
