"""Alerts about parcels, promises, what is stuck and stock: what each is about, and the indexes that find it."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_RULES = (
    "'token_expiring', 'ingest_missing', 'ship_back_overdue', 'stock_shortfall', 'stock_not_shown', 'feed_drifting', "
    "'run_failed', 'run_crashed', 'run_late', 'ingest_silent', 'waybill_missing'"
)
_NEW_RULES = (
    "'not_collected', 'no_movement', 'delivery_problem', 'ship_back_failed', 'not_dispatched', 'dispatch_due', "
    "'held_due', 'document_stuck', 'order_stuck', 'message_stuck', 'instruction_undelivered', 'after_sales_stuck', "
    "'stock_feed_silent', 'below_safety'"
)
_INDEXES = (
    ("ix_parcel_uncollected", "parcel", ["shipped_at"], "stage = 'label_created'"),
    (
        "ix_parcel_moving",
        "parcel",
        ["stage_at"],
        "stage in ('collected', 'in_transit', 'out_for_delivery', 'at_pickup_point')",
    ),
    ("ix_parcel_given_up", "parcel", ["shipped_at"], "note like 'given up by carrier:%'"),
    ("ix_outbox_ship_back", "outbox", ["subject_id"], "kind = 'ship_back'"),
    ("ix_stock_feed_counted", "stock_feed", ["source", "applied_at"], "counts <> 'change'"),
)


def upgrade() -> None:
    op.add_column("alert", sa.Column("order_id", sa.BigInteger(), nullable=True))
    op.add_column("alert", sa.Column("run_id", sa.Text(), nullable=True))
    op.add_column("alert", sa.Column("things", sa.Integer(), server_default="1", nullable=False))
    op.add_column("alert", sa.Column("told", sa.Integer(), server_default="1", nullable=False))
    op.create_check_constraint("things_counted", "alert", "things >= 1 and told >= 1")
    _rules_known(f"{_RULES}, {_NEW_RULES}")
    op.add_column("outbound_document", sa.Column("state_at", sa.DateTime(timezone=True), nullable=True))
    # of documents that are with their warehouses; when the others ended is no question any more
    op.execute(
        """update outbound_document set state_at = coalesce(packed_at, accepted_at)
           where state not in ('created', 'shipped', 'short', 'rejected', 'cancelled')"""
    )
    for name, table, columns, where in _INDEXES:
        op.create_index(name, table, columns, postgresql_where=sa.text(where))


def downgrade() -> None:
    for name, table, _, _ in _INDEXES:
        op.drop_index(name, table_name=table)
    op.drop_column("outbound_document", "state_at")
    op.execute(f"delete from alert where rule in ({_NEW_RULES})")
    _rules_known(_RULES)
    op.drop_constraint("things_counted", "alert")
    for column in ("told", "things", "run_id", "order_id"):
        op.drop_column("alert", column)


def _rules_known(values: str) -> None:
    op.drop_constraint("rule_known", "alert")
    op.create_check_constraint("rule_known", "alert", f"rule in ({values})")
