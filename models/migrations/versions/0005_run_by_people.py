"""Run by people: promo mode, orders that wait for room in their warehouse, backfills, alerts about runs."""

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
_AT = sa.DateTime(timezone=True)
_JSON = postgresql.JSONB()


def upgrade() -> None:
    _alerts_known(f"{_ALERTS}, {_NEW_ALERTS}")
    op.add_column("warehouse", sa.Column("in_progress_limit", sa.Integer(), nullable=True))
    op.create_check_constraint(
        "in_progress_limit_known", "warehouse", "in_progress_limit is null or in_progress_limit >= 1"
    )
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
        sa.Column("since", _AT, nullable=False),
        sa.ForeignKeyConstraint(["warehouse_id"], ["warehouse.id"]),
        sa.PrimaryKeyConstraint("order_id"),
    )
    op.create_index("ix_release_wait_due", "release_wait", ["warehouse_id", "due_at", "order_id"])
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


def downgrade() -> None:
    for table in ("backfill", "release_wait", "promo"):
        op.drop_table(table)
    op.drop_constraint("in_progress_limit_known", "warehouse")
    op.drop_column("warehouse", "in_progress_limit")
    _alerts_known(_ALERTS)


def _alerts_known(values: str) -> None:
    op.drop_constraint("rule_known", "alert")
    op.create_check_constraint("rule_known", "alert", f"rule in ({values})")
