"""Run by people: promo mode, orders that wait for room in their warehouse, backfills, alerts about runs, faults."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_ALERTS = (
    "'token_expiring', 'ingest_missing', 'ship_back_overdue', 'stock_shortfall', 'stock_not_shown', 'feed_drifting'"
)
_NEW_ALERTS = "'run_failed', 'run_crashed', 'run_late', 'ingest_silent'"
_HOLDS = (
    "'UNPAID', 'BLOCKED', 'REFUNDING', 'DUPLICATE', 'BAD_AMOUNT', 'BAD_QUANTITY', 'UNKNOWN_SKU', 'BAD_ADDRESS', "
    "'BAD_FIELD', 'SHORT_STOCK', 'SHORT_ROUTE', 'SHIPPED_ELSEWHERE', 'CHANGED_LATE', 'WMS_REFUSED', 'SHIPPED_SHORT', "
    "'REPLAYED', 'SKIPPED', 'AWAITING_STOCK', 'LOCK_EXPIRED', 'REPEATED', 'ODD_PRICE', 'BLACKLISTED', 'BAD_INVOICE', "
    "'UNDELIVERABLE', 'REMARK', 'PAYMENT_FAILED', 'PRESALE', 'HIGH_VALUE', 'SIBLING', 'MANUAL', 'REJECTED'"
)
_LEFT_AT = (("inbox", "done_at"), ("outbox", "delivered_at"), ("batch", "closed_at"))
_AT = sa.DateTime(timezone=True)
_JSON = postgresql.JSONB()


def upgrade() -> None:
    _alerts_known(f"{_ALERTS}, {_NEW_ALERTS}")
    _holds_known(f"{_HOLDS}, 'RESTORED'")
    op.add_column("warehouse", sa.Column("in_progress_limit", sa.Integer(), nullable=True))
    op.create_check_constraint(
        "in_progress_limit_known", "warehouse", "in_progress_limit is null or in_progress_limit >= 1"
    )
    op.add_column("outbox", sa.Column("fault", sa.Text(), nullable=False, server_default=""))
    op.create_table(
        "promo",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("settings", _JSON, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("began_at", _AT, nullable=False),
        sa.Column("began_by", sa.Text(), nullable=False),
        sa.Column("until", _AT, nullable=False),
        sa.Column("ended_at", _AT, nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.CheckConstraint("began_at < until", name="forward"),
        sa.CheckConstraint("(ended_at is null) = (ended_by is null)", name="ended_by_somebody"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_promo_open", "promo", [sa.text("(true)")], unique=True, postgresql_where=sa.text("ended_at is null")
    )
    op.create_table(
        "release_wait",
        sa.Column("order_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("warehouse_id", sa.Integer(), nullable=False),
        sa.Column("due_at", _AT, nullable=False),
        sa.Column("paid_at", _AT, nullable=False),
        sa.Column("since", _AT, nullable=False),
        sa.ForeignKeyConstraint(["warehouse_id"], ["warehouse.id"]),
        sa.PrimaryKeyConstraint("order_id"),
    )
    op.create_index("ix_release_wait_due", "release_wait", ["warehouse_id", "due_at", "paid_at", "order_id"])
    op.create_table(
        "backfill",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("shops", _JSON, nullable=False),
        sa.Column("since", _AT, nullable=False),
        sa.Column("until", _AT, nullable=False),
        sa.Column("window_minutes", sa.Integer(), nullable=False),
        sa.Column("at_once", sa.Integer(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("asked_at", _AT, nullable=False),
        sa.Column("flow_run_id", sa.Text(), nullable=True),
        sa.Column("ended_at", _AT, nullable=True),
        sa.CheckConstraint("since < until", name="forward"),
        sa.CheckConstraint("window_minutes >= 1", name="window_positive"),
        sa.CheckConstraint("at_once >= 1", name="at_once_positive"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
    )
    op.create_table(
        "backfill_window",
        sa.Column("backfill_id", sa.Integer(), nullable=False),
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("since", _AT, nullable=False),
        sa.Column("until", _AT, nullable=False),
        sa.Column("flow_run_id", sa.Text(), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("done_at", _AT, nullable=True),
        sa.CheckConstraint("since < until", name="forward"),
        sa.ForeignKeyConstraint(["backfill_id"], ["backfill.id"]),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"]),
        sa.PrimaryKeyConstraint("backfill_id", "shop_id", "since"),
    )
    op.create_table(
        "backup",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("taken_at", _AT, nullable=False),
        sa.Column("taken_by", sa.Text(), nullable=False),
        sa.Column("key_check", sa.LargeBinary(), nullable=False),
        sa.Column("finished_at", _AT, nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("restored_at", _AT, nullable=True),
        sa.Column("restored_by", sa.Text(), nullable=True),
        sa.Column("confirmed_at", _AT, nullable=True),
        sa.Column("confirmed_by", sa.Text(), nullable=True),
        sa.CheckConstraint("(restored_at is null) = (restored_by is null)", name="restored_by_somebody"),
        sa.CheckConstraint("(confirmed_at is null) = (confirmed_by is null)", name="confirmed_by_somebody"),
        sa.CheckConstraint("confirmed_at is null or restored_at is not null", name="confirmed_after_restore"),
        sa.PrimaryKeyConstraint("id"),
    )
    for table, column in _LEFT_AT:
        op.create_index(f"ix_{table}_{column}", table, [column], postgresql_where=sa.text(f"{column} is not null"))


def downgrade() -> None:
    for table, column in _LEFT_AT:
        op.drop_index(f"ix_{table}_{column}", table)
    for table in ("backup", "backfill_window", "backfill", "release_wait", "promo"):
        op.drop_table(table)
    op.drop_column("outbox", "fault")
    op.drop_constraint("in_progress_limit_known", "warehouse")
    op.drop_column("warehouse", "in_progress_limit")
    _holds_known(_HOLDS)
    _alerts_known(_ALERTS)


def _holds_known(values: str) -> None:
    op.drop_constraint("code_known", "hold")
    op.create_check_constraint("code_known", "hold", f"code in ({values})")


def _alerts_known(values: str) -> None:
    op.drop_constraint("rule_known", "alert")
    op.create_check_constraint("rule_known", "alert", f"rule in ({values})")
