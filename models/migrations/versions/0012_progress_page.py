"""The buyers' progress page: codes sent to phones, sessions, the tries that limits count, and look-ups."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_AT = sa.DateTime(timezone=True)
_ENTRANCES = "entrance in ('phone', 'number', 'link')"


def upgrade() -> None:
    op.create_table(
        "progress_code",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("browser_hash", sa.LargeBinary(), nullable=False),
        sa.Column("phone_hash", sa.LargeBinary(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=True),
        sa.Column("sealed_enc", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("made_at", _AT, nullable=False),
        sa.Column("ends_at", _AT, nullable=False),
        sa.Column("next_at", _AT, nullable=False),
        sa.Column("sent_at", _AT, nullable=True),
        sa.Column("used_at", _AT, nullable=True),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "state in ('waiting', 'sending', 'sent', 'no_orders', 'late', 'in_doubt', 'refused')", name="state_known"
        ),
        sa.CheckConstraint("tries >= 0", name="tries_counted"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_progress_code_browser", "progress_code", ["browser_hash", "id"])
    op.create_index(
        "ix_progress_code_open",
        "progress_code",
        ["next_at"],
        postgresql_where=sa.text("state in ('waiting', 'sending')"),
    )
    op.create_index(
        "ix_progress_code_kept", "progress_code", ["made_at"], postgresql_where=sa.text("code_hash is not null")
    )
    op.create_index("ix_progress_code_made_at", "progress_code", ["made_at"])
    op.create_table(
        "progress_session",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("entrance", sa.Text(), nullable=False),
        sa.Column("phone_hash", sa.LargeBinary(), nullable=True),
        sa.Column("order_ids", sa.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("ends_at", _AT, nullable=False),
        sa.CheckConstraint(_ENTRANCES, name="entrance_known"),
        sa.CheckConstraint("(entrance = 'phone') = (phone_hash is not null)", name="phone_of_entrance"),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_index("ix_progress_session_ends_at", "progress_session", ["ends_at"])
    op.create_table(
        "progress_attempt",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        sa.Column("at", _AT, nullable=False),
        sa.CheckConstraint("what in ('code_wanted', 'code_wrong', 'number_wrong', 'link_wrong')", name="what_known"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_progress_attempt_key", "progress_attempt", ["what", "key_hash", "at"])
    op.create_index("ix_progress_attempt_at", "progress_attempt", ["at"])
    op.create_table(
        "progress_lookup",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", _AT, nullable=False),
        sa.Column("entrance", sa.Text(), nullable=False),
        sa.Column("found", sa.Boolean(), nullable=False),
        sa.CheckConstraint(_ENTRANCES, name="entrance_known"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_progress_lookup_at", "progress_lookup", ["at"])


def downgrade() -> None:
    for table in ("progress_lookup", "progress_attempt", "progress_session", "progress_code"):
        op.drop_table(table)
