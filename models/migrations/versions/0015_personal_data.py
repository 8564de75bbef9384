"""Personal data: data keys, purposes in the log of access, erasures, requests for them, and legal holds."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_LOGS = ("access_log", "erasure")
_AT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "data_key",
        sa.Column("id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("key_enc", sa.LargeBinary(), nullable=True),
        sa.Column("made_at", _AT, nullable=False),
        sa.Column("retired_at", _AT, nullable=True),
        sa.Column("destroyed_at", _AT, nullable=True),
        sa.CheckConstraint("id between 0 and 65535", name="two_bytes"),
        sa.CheckConstraint("(key_enc is null) = (destroyed_at is not null)", name="destroyed_whole"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "erasure",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("at", _AT, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("fields", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("flow_run_id", sa.Text(), nullable=True),
        sa.Column("request_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("reason in ('over', 'request', 'restored')", name="reason_known"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_erasure_order_id", "erasure", ["order_id"])
    op.create_index("ix_erasure_at", "erasure", ["at"])
    op.create_index("ix_erasure_asked", "erasure", ["id"], postgresql_where=sa.text("reason = 'request'"))
    op.create_table(
        "erasure_request",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("made_at", _AT, nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("verified", sa.Text(), nullable=False),
        sa.Column("due_at", _AT, nullable=False),
        sa.Column("done_at", _AT, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_erasure_request_open", "erasure_request", ["due_at"], postgresql_where=sa.text("done_at is null")
    )
    op.create_table(
        "erasure_request_order",
        sa.Column("request_id", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("kept", sa.Text(), nullable=False),
        sa.Column("erased_at", _AT, nullable=True),
        sa.PrimaryKeyConstraint("request_id", "order_id"),
    )
    op.create_index(
        "ix_erasure_request_order_open",
        "erasure_request_order",
        ["order_id"],
        postgresql_where=sa.text("erased_at is null"),
    )
    op.create_table(
        "legal_hold",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("placed_at", _AT, nullable=False),
        sa.Column("placed_by", sa.Text(), nullable=False),
        sa.Column("ended_at", _AT, nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_legal_hold_open", "legal_hold", ["order_id"], unique=True, postgresql_where=sa.text("ended_at is null")
    )
    op.add_column("receiver", sa.Column("restricted_at", _AT, nullable=True))
    op.add_column("access_log", sa.Column("order_ids", sa.ARRAY(sa.BigInteger()), nullable=True))
    op.add_column("access_log", sa.Column("purpose", sa.Text(), server_default="", nullable=False))
    op.execute("drop trigger append_only on access_log")
    for table in _LOGS:
        op.execute(f"create trigger append_only before update on {table} for each row execute function refuse_change()")
        # lines whose time is over may go, and no others: whoever deletes says in the transaction what is over
        op.execute(
            f"""create trigger kept_in_time before delete on {table} for each row
                when (old.at > coalesce(nullif(current_setting('orderpool.forget_before', true), ''),
                                        '-infinity')::timestamptz)
                execute function refuse_change()"""
        )


def downgrade() -> None:
    for name in ("kept_in_time", "append_only"):
        op.execute(f"drop trigger {name} on access_log")
    op.execute(
        """create trigger append_only before update or delete on access_log for each row
           execute function refuse_change()"""
    )
    op.drop_column("access_log", "purpose")
    op.drop_column("access_log", "order_ids")
    op.drop_column("receiver", "restricted_at")
    for table in ("legal_hold", "erasure_request_order", "erasure_request", "erasure", "data_key"):
        op.drop_table(table)
