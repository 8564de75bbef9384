"""Who is told of alerts and what each was told; alerts are acknowledged by people."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_KINDS = (
    "'outbound.created', 'outbound.cancel_requested', 'ship_back', 'subscribe', 'stock', 'waybill', 'waybill.cancel', "
    "'intercept', 'delivered_back'"
)
_AT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("alert", sa.Column("acknowledged_at", _AT, nullable=True))
    op.add_column("alert", sa.Column("acknowledged_by", sa.Text(), nullable=True))
    op.create_index("ix_alert_closed_at", "alert", ["closed_at"], postgresql_where=sa.text("closed_at is not null"))
    _make_recipients()
    _make_messages()
    op.create_index("ix_outbox_alert", "outbox", ["subject_id"], postgresql_where=sa.text("kind = 'alert'"))
    _kinds_known(f"{_KINDS}, 'alert'")


def downgrade() -> None:
    op.execute("delete from outbox where kind = 'alert'")
    op.execute("delete from credential where owner_kind = 'recipient'")
    _kinds_known(_KINDS)
    op.drop_index("ix_outbox_alert", table_name="outbox")
    for table in ("alert_news", "alert_message", "alert_recipient"):
        op.drop_table(table)
    op.drop_index("ix_alert_closed_at", table_name="alert")
    for column in ("acknowledged_by", "acknowledged_at"):
        op.drop_column("alert", column)


def _make_recipients() -> None:
    op.create_table(
        "alert_recipient",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("severities", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("quiet_from", sa.Time(), nullable=True),
        sa.Column("quiet_until", sa.Time(), nullable=True),
        sa.Column("escalate_after_min", sa.Integer(), nullable=True),
        sa.Column("escalate_to", sa.Text(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("added_at", _AT, nullable=False),
        sa.CheckConstraint("kind in ('wecom', 'dingtalk', 'email')", name="kind_known"),
        sa.CheckConstraint("language in ('zh-CN', 'en')", name="language_known"),
        sa.CheckConstraint("(quiet_from is null) = (quiet_until is null)", name="quiet_whole"),
        sa.CheckConstraint("(escalate_after_min is null) = (escalate_to is null)", name="escalation_whole"),
        sa.CheckConstraint("escalate_after_min >= 1", name="escalation_waits"),
        sa.CheckConstraint("cardinality(severities) >= 1", name="severities_named"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )


def _make_messages() -> None:
    op.create_table(
        "alert_message",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("recipient_id", sa.BigInteger(), nullable=False),
        sa.Column("occasion", sa.Text(), nullable=False),
        sa.Column("chain_id", sa.BigInteger(), nullable=False),
        sa.Column("stuck_at", _AT, nullable=True),
        sa.Column("written_at", _AT, nullable=False),
        sa.CheckConstraint("occasion in ('at_once', 'digest', 'daily')", name="occasion_known"),
        sa.ForeignKeyConstraint(["recipient_id"], ["alert_recipient.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_alert_message_chain", "alert_message", ["chain_id"])
    op.create_table(
        "alert_news",
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        sa.Column("alert_id", sa.BigInteger(), nullable=False),
        sa.Column("news", sa.Text(), nullable=False),
        sa.Column("recipient_id", sa.BigInteger(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.CheckConstraint("news in ('opened', 'repeated', 'counted', 'escalated', 'closed')", name="news_known"),
        sa.CheckConstraint("times >= 1", name="times_counted"),
        sa.ForeignKeyConstraint(["message_id"], ["alert_message.id"]),
        sa.PrimaryKeyConstraint("message_id", "alert_id", "news"),
        sa.UniqueConstraint("recipient_id", "alert_id", "news"),
    )
    op.create_index("ix_alert_news_alert", "alert_news", ["alert_id"])


def _kinds_known(values: str) -> None:
    op.drop_constraint("kind_known", "outbox")
    op.create_check_constraint("kind_known", "outbox", f"kind in ({values})")
