"""Review and the console: rules, blacklist, usual prices, quality checks, merges, people and their sessions."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_HOLDS = (
    "'UNPAID', 'BLOCKED', 'REFUNDING', 'DUPLICATE', 'BAD_AMOUNT', 'BAD_QUANTITY', 'UNKNOWN_SKU', 'BAD_ADDRESS', "
    "'BAD_FIELD', 'SHORT_STOCK', 'SHORT_ROUTE', 'SHIPPED_ELSEWHERE', 'CHANGED_LATE', 'WMS_REFUSED', 'SHIPPED_SHORT', "
    "'REPLAYED', 'SKIPPED', 'AWAITING_STOCK', 'LOCK_EXPIRED'"
)
_NEW_HOLDS = (
    "'REPEATED', 'ODD_PRICE', 'BLACKLISTED', 'BAD_INVOICE', 'UNDELIVERABLE', 'REMARK', 'PAYMENT_FAILED', 'PRESALE', "
    "'HIGH_VALUE', 'SIBLING', 'MANUAL', 'REJECTED'"
)
_ALERTS = "'token_expiring', 'ingest_missing', 'ship_back_overdue', 'stock_shortfall', 'stock_not_shown'"
_BLOCKS = "'address_changed', 'goods_changed', 'refund', 'cancelled', 'not_ready'"
_MESSAGES = "'outbound.created', 'ship_back', 'subscribe', 'stock'"
_AT = sa.DateTime(timezone=True)
_JSON = postgresql.JSONB()
_TABLES = (
    "quality_check",
    "review_rules",
    "blacklist",
    "sku_price",
    "merge_member",
    "merge_group",
    "kept_apart",
    "console_session",
    "console_user",
    "access_log",
    "setup_change",
)
_LOGS = ("access_log", "setup_change")


def upgrade() -> None:
    _known("hold", "code", f"{_HOLDS}, {_NEW_HOLDS}")
    _known("alert", "rule", f"{_ALERTS}, 'feed_drifting'")
    _known("document_block", "reason", f"{_BLOCKS}, 'unmerge', 'remark'")
    _known("outbox", "kind", f"{_MESSAGES}, 'outbound.cancel_requested'")
    open_hold = sa.text("released_at is null")
    op.create_index("ix_hold_open_code", "hold", ["code", "order_id"], postgresql_where=open_hold)
    op.create_index("ix_hold_release_at", "hold", ["release_at"], postgresql_where=open_hold)
    op.create_index(
        "ix_orders_buyer",
        "orders",
        ["shop_id", "buyer_key", sa.text("coalesce(paid_at, created_at)")],
        postgresql_where=sa.text("buyer_key <> ''"),
    )
    for column in ("address_hash", "receiver_hash", "invoice_enc"):
        op.add_column("receiver", sa.Column(column, sa.LargeBinary(), nullable=True))
    _create_list_indexes()
    _create_review()
    _create_merges()
    _create_console()
    for table in _LOGS:
        op.execute(
            f"""create trigger append_only before update or delete on {table} for each row
                execute function refuse_change()"""
        )


def _create_list_indexes() -> None:
    """What the console's list of orders walks along: the newest first, of a shop, a SKU, a region, a number's start."""
    op.create_index("ix_orders_shop_created", "orders", ["shop_id", "created_at", "id"])
    op.drop_index("ix_orders_order_no", table_name="orders")
    op.create_index("ix_orders_order_no", "orders", ["order_no"], postgresql_ops={"order_no": "text_pattern_ops"})
    op.create_index("ix_order_line_sku", "order_line", ["sku_id", "order_id"])
    given = sa.text("division_code <> ''")
    op.create_index("ix_receiver_division", "receiver", ["division_code", "order_id"], postgresql_where=given)
    gone = sa.text("state in ('rejected', 'cancelled')")
    op.create_index("ix_outbound_document_gone", "outbound_document", ["id"], postgresql_where=gone)
    ended = sa.text("stage in ('problem', 'returning', 'delivered', 'returned')")
    op.create_index("ix_parcel_stage", "parcel", ["stage", "shipped_at"], postgresql_where=ended)


def _drop_list_indexes() -> None:
    op.drop_index("ix_parcel_stage", table_name="parcel")
    op.drop_index("ix_outbound_document_gone", table_name="outbound_document")
    op.drop_index("ix_receiver_division", table_name="receiver")
    op.drop_index("ix_order_line_sku", table_name="order_line")
    op.drop_index("ix_orders_order_no", table_name="orders")
    op.create_index("ix_orders_order_no", "orders", ["order_no"])
    op.drop_index("ix_orders_shop_created", table_name="orders")


def _create_review() -> None:
    op.create_table(
        "quality_check",
        sa.Column("batch_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("unmet", _JSON, nullable=False),
        sa.Column("failing", _JSON, nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("suite", sa.Text(), nullable=False),
        sa.Column("flow_run_id", sa.Text(), nullable=True),
        sa.Column("checked_at", _AT, nullable=False),
        sa.CheckConstraint("verdict in ('passed', 'failed', 'accepted')", name="verdict_known"),
        sa.CheckConstraint("rows >= 0", name="counts"),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"]),
        sa.PrimaryKeyConstraint("batch_id"),
    )
    op.create_index("ix_quality_check_shop", "quality_check", ["shop_id", "checked_at"])
    op.create_table(
        "review_rules",
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("body", _JSON, nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("made_at", _AT, nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("reviewed_to", sa.BigInteger(), nullable=False),
        sa.Column("reviewed_at", _AT, nullable=True),
        sa.CheckConstraint("version > 0", name="version_positive"),
        sa.PrimaryKeyConstraint("version"),
    )
    op.create_table(
        "blacklist",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("shown", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("made_at", _AT, nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("ended_at", _AT, nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.CheckConstraint("kind in ('phone', 'address', 'buyer')", name="kind_known"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_blacklist_open", "blacklist", ["kind", "digest"], unique=True, postgresql_where=sa.text("ended_at is null")
    )
    op.create_table(
        "sku_price",
        sa.Column("sku_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("usual_fen", sa.BigInteger(), nullable=False),
        sa.Column("line_count", sa.Integer(), nullable=False),
        sa.Column("given", sa.Boolean(), nullable=False),
        sa.Column("known_at", _AT, nullable=False),
        sa.CheckConstraint("usual_fen > 0", name="price_positive"),
        sa.CheckConstraint("line_count >= 0", name="counts"),
        sa.ForeignKeyConstraint(["sku_id"], ["sku.id"]),
        sa.PrimaryKeyConstraint("sku_id"),
    )


def _create_merges() -> None:
    op.create_table(
        "merge_group",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("made_at", _AT, nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("ended_at", _AT, nullable=True),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "merge_member",
        sa.Column("group_id", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("joined_at", _AT, nullable=False),
        sa.Column("left_at", _AT, nullable=True),
        sa.Column("left_why", sa.Text(), nullable=False),
        sa.CheckConstraint("(left_at is null) = (left_why = '')", name="left_with_a_reason"),
        sa.ForeignKeyConstraint(["group_id"], ["merge_group.id"]),
        sa.PrimaryKeyConstraint("group_id", "order_id"),
    )
    op.create_index(
        "ix_merge_member_open", "merge_member", ["order_id"], unique=True, postgresql_where=sa.text("left_at is null")
    )
    op.create_table(
        "kept_apart",
        sa.Column("order_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("since", _AT, nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("order_id"),
    )


def _create_console() -> None:
    op.create_table(
        "console_user",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("locked_until", _AT, nullable=True),
        sa.Column("made_at", _AT, nullable=False),
        sa.Column("password_at", _AT, nullable=False),
        sa.CheckConstraint("role in ('viewer', 'desk', 'warehouse', 'admin')", name="role_known"),
        sa.CheckConstraint("failures >= 0", name="counts"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "console_session",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("csrf", sa.Text(), nullable=False),
        sa.Column("started_at", _AT, nullable=False),
        sa.Column("seen_at", _AT, nullable=False),
        sa.Column("ends_at", _AT, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["console_user.id"]),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_index("ix_console_session_user_id", "console_session", ["user_id"])
    op.create_table(
        "access_log",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", _AT, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=True),
        sa.Column("detail", _JSON, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_access_log_at", "access_log", ["at"])
    op.create_index("ix_access_log_actor", "access_log", ["actor", "at"])
    op.create_table(
        "setup_change",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", _AT, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("before", _JSON, nullable=True),
        sa.Column("after", _JSON, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_setup_change_subject", "setup_change", ["kind", "code"])


def downgrade() -> None:
    for table in _TABLES:
        op.drop_table(table)
    for column in ("address_hash", "receiver_hash", "invoice_enc"):
        op.drop_column("receiver", column)
    _drop_list_indexes()
    op.drop_index("ix_orders_buyer", table_name="orders")
    op.drop_index("ix_hold_release_at", table_name="hold")
    op.drop_index("ix_hold_open_code", table_name="hold")
    _known("outbox", "kind", _MESSAGES)
    _known("document_block", "reason", _BLOCKS)
    _known("alert", "rule", _ALERTS)
    _known("hold", "code", _HOLDS)


def _known(table: str, column: str, values: str) -> None:
    op.drop_constraint(f"{column}_known", table)
    op.create_check_constraint(f"{column}_known", table, f"{column} in ({values})")
