"""Returns: goods that come back, the money for them, exchanges, and orders sent in place of others."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_AT = sa.DateTime(timezone=True)
_OPEN = "state in ('announced', 'on_the_way', 'arrived', 'inspected')"
_STATES = "'announced', 'on_the_way', 'arrived', 'inspected', 'closed', 'called_off'"
_REFUNDS = "'none', 'wanted', 'agreed', 'asked', 'in_doubt', 'done', 'refused'"


def upgrade() -> None:
    op.create_table(
        "return_order",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("no", sa.Text(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("carrier", sa.Text(), nullable=False),
        sa.Column("waybill", sa.Text(), nullable=False),
        sa.Column("parcel_id", sa.BigInteger(), nullable=True),
        sa.Column("warehouse_id", sa.Integer(), nullable=True),
        sa.Column("opened_at", _AT, nullable=False),
        sa.Column("opened_by", sa.Text(), nullable=False),
        sa.Column("arrived_at", _AT, nullable=True),
        sa.Column("inspected_at", _AT, nullable=True),
        sa.Column("inspected_by", sa.Text(), nullable=False, server_default=""),
        sa.Column("note", sa.Text(), nullable=False, server_default=""),
        sa.CheckConstraint("kind in ('return', 'exchange', 'intercepted')", name="kind_known"),
        sa.CheckConstraint(f"state in ({_STATES})", name="state_known"),
        sa.CheckConstraint("(kind = 'intercepted') = (parcel_id is not null)", name="parcel_of_intercepted"),
        sa.ForeignKeyConstraint(["warehouse_id"], ["warehouse.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("no"),
    )
    op.create_index("ix_return_order_order_id", "return_order", ["order_id"])
    op.create_index(
        "ix_return_order_waybill",
        "return_order",
        ["waybill"],
        unique=True,
        postgresql_where=sa.text(f"waybill <> '' and parcel_id is null and {_OPEN}"),
    )
    op.create_index("ix_return_order_any_waybill", "return_order", ["waybill"])
    op.create_index(
        "ix_return_order_parcel",
        "return_order",
        ["parcel_id", "order_id"],
        unique=True,
        postgresql_where=sa.text("parcel_id is not null"),
    )
    op.create_index("ix_return_order_open", "return_order", ["state", "id"], postgresql_where=sa.text(_OPEN))
    op.create_table(
        "return_line",
        sa.Column("return_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("line_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sku_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        *(
            sa.Column(verdict, sa.Integer(), nullable=False, server_default="0")
            for verdict in ("good", "defect", "wrong", "empty")
        ),
        sa.CheckConstraint("quantity > 0", name="quantity_positive"),
        sa.CheckConstraint("least(good, defect, wrong, empty) >= 0", name="verdict_known"),
        sa.CheckConstraint("good + defect + wrong + empty <= quantity", name="verdict_bounded"),
        sa.PrimaryKeyConstraint("return_id", "line_no", "sku_id"),
    )
    op.create_table(
        "refund",
        sa.Column("return_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("known_fen", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("decided_by", sa.Text(), nullable=False, server_default=""),
        sa.Column("changed_at", _AT, nullable=False),
        sa.CheckConstraint(f"state in ({_REFUNDS})", name="state_known"),
        sa.CheckConstraint("amount_fen >= 0", name="amount_known"),
        sa.PrimaryKeyConstraint("return_id"),
    )
    op.create_index(
        "ix_refund_undecided",
        "refund",
        ["state", "return_id"],
        postgresql_where=sa.text("state in ('wanted', 'agreed', 'asked', 'in_doubt')"),
    )
    op.create_table(
        "exchange_line",
        sa.Column("return_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sku_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.CheckConstraint("quantity > 0", name="quantity_positive"),
        sa.PrimaryKeyConstraint("return_id", "sku_id"),
    )
    op.create_table(
        "replacement",
        sa.Column("order_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("replaces", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("return_id", sa.BigInteger(), nullable=True),
        sa.Column("made_at", _AT, nullable=False),
        sa.Column("waits", sa.Boolean(), nullable=False, server_default=sa.true()),
        sa.CheckConstraint("kind in ('exchange', 'reship')", name="kind_known"),
        sa.CheckConstraint("(kind = 'exchange') = (return_id is not null)", name="exchange_of_return"),
        sa.PrimaryKeyConstraint("order_id"),
        sa.UniqueConstraint("replaces", "kind", "number"),
    )
    op.create_index(
        "ix_replacement_return",
        "replacement",
        ["return_id"],
        unique=True,
        postgresql_where=sa.text("return_id is not null"),
    )
    op.create_index("ix_replacement_waits", "replacement", ["order_id"], postgresql_where=sa.text("waits"))


def downgrade() -> None:
    for table in ("replacement", "exchange_line", "refund", "return_line", "return_order"):
        op.drop_table(table)
