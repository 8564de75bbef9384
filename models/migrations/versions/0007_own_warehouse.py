"""The own warehouse: people with badges, waves, pick lists, and their scans; documents that wait or are put back."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_AT = sa.DateTime(timezone=True)
_STATES = (
    "'created', 'accepted', 'picking', 'picked', 'packed', 'part_shipped', 'shipped', 'short', 'rejected', 'cancelled'"
)


def upgrade() -> None:
    _states_known(f"{_STATES}, 'queued', 'put_back'")
    op.create_table(
        "floor_unit",
        sa.Column("document_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sku_id", sa.Integer(), nullable=False),
        sa.Column("wanted", sa.Integer(), nullable=False),
        sa.Column("checked", sa.Integer(), nullable=False),
        sa.Column("boxed", sa.Integer(), nullable=False),
        sa.Column("astray", sa.Integer(), nullable=False),
        sa.Column("returned", sa.Integer(), nullable=False),
        sa.CheckConstraint("0 <= boxed and boxed <= checked and checked <= wanted", name="counted_in_order"),
        sa.CheckConstraint("0 <= returned and returned <= astray", name="returned_bounded"),
        sa.PrimaryKeyConstraint("document_id", "sku_id"),
    )
    op.create_table(
        "wave_pick",
        sa.Column("wave_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sku_id", sa.Integer(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("wanted", sa.Integer(), nullable=False),
        sa.Column("picked", sa.Integer(), nullable=False),
        sa.Column("missing", sa.Integer(), nullable=False),
        sa.CheckConstraint("picked >= 0 and missing >= 0 and picked + missing <= wanted", name="never_too_many"),
        sa.PrimaryKeyConstraint("wave_id", "sku_id"),
    )
    op.create_table(
        "floor_task",
        sa.Column("document_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("warehouse_id", sa.Integer(), nullable=False),
        sa.Column("wave_id", sa.BigInteger(), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.CheckConstraint("state in ('waiting', 'picked', 'packed', 'put_back', 'done')", name="state_known"),
        sa.ForeignKeyConstraint(["warehouse_id"], ["warehouse.id"]),
        sa.PrimaryKeyConstraint("document_id"),
    )
    op.create_index(
        "ix_floor_task_open",
        "floor_task",
        ["warehouse_id", "state", "wave_id"],
        postgresql_where=sa.text("state <> 'done'"),
    )
    op.create_index("ix_sku_barcode", "sku", ["barcode"], postgresql_where=sa.text("barcode <> ''"))
    op.create_index(
        "ix_outbound_document_accepted",
        "outbound_document",
        ["warehouse_id"],
        postgresql_where=sa.text("state = 'accepted'"),
    )
    op.create_index("ix_floor_task_wave_id", "floor_task", ["wave_id"])
    op.create_table(
        "picker",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("warehouse_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("badge_digest", sa.LargeBinary(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("made_at", _AT, nullable=False),
        sa.Column("seen_at", _AT, nullable=True),
        sa.ForeignKeyConstraint(["warehouse_id"], ["warehouse.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("badge_digest"),
    )
    op.create_index("ix_picker_name", "picker", ["warehouse_id", "name"], unique=True)
    op.create_table(
        "sku_place",
        sa.Column("warehouse_id", sa.Integer(), nullable=False),
        sa.Column("sku_id", sa.Integer(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["sku_id"], ["sku.id"]),
        sa.ForeignKeyConstraint(["warehouse_id"], ["warehouse.id"]),
        sa.PrimaryKeyConstraint("warehouse_id", "sku_id"),
    )
    op.create_table(
        "wave",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("no", sa.Text(), nullable=False),
        sa.Column("warehouse_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("carrier", sa.Text(), nullable=False),
        sa.Column("leaves_at", _AT, nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("picker_id", sa.Integer(), nullable=True),
        sa.Column("made_at", _AT, nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.CheckConstraint("kind in ('single_sku', 'single_item', 'mixed')", name="kind_known"),
        sa.CheckConstraint("state in ('open', 'picking', 'picked')", name="state_known"),
        sa.ForeignKeyConstraint(["warehouse_id"], ["warehouse.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("no"),
    )
    op.create_index("ix_wave_warehouse_id", "wave", ["warehouse_id", "made_at"])
    op.create_table(
        "handheld_session",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("picker_id", sa.Integer(), nullable=False),
        sa.Column("started_at", _AT, nullable=False),
        sa.Column("seen_at", _AT, nullable=False),
        sa.Column("ends_at", _AT, nullable=False),
        sa.ForeignKeyConstraint(["picker_id"], ["picker.id"]),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_index("ix_handheld_session_picker_id", "handheld_session", ["picker_id"])
    op.create_table(
        "floor_scan",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("picker_id", sa.Integer(), nullable=False),
        sa.Column("warehouse_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("wave_id", sa.BigInteger(), nullable=True),
        sa.Column("document_id", sa.BigInteger(), nullable=True),
        sa.Column("sku_id", sa.Integer(), nullable=True),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("ok", sa.Boolean(), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("scanned_at", _AT, nullable=False),
        sa.Column("applied_at", _AT, nullable=False),
        sa.ForeignKeyConstraint(["picker_id"], ["picker.id"]),
        sa.ForeignKeyConstraint(["warehouse_id"], ["warehouse.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_floor_scan_applied_at", "floor_scan", ["warehouse_id", "applied_at"])
    op.create_index(
        "ix_floor_scan_document_id", "floor_scan", ["document_id"], postgresql_where=sa.text("document_id is not null")
    )
    op.execute(
        """create trigger append_only before update or delete on floor_scan for each row
           execute function refuse_change()"""
    )


def downgrade() -> None:
    op.drop_index("ix_outbound_document_accepted")
    op.drop_index("ix_sku_barcode")
    op.execute("update outbound_document set state = 'accepted' where state = 'queued'")
    op.execute("update outbound_document set state = 'picked' where state = 'put_back'")
    _states_known(_STATES)
    for table in (
        "floor_scan",
        "handheld_session",
        "wave",
        "sku_place",
        "picker",
        "floor_task",
        "wave_pick",
        "floor_unit",
    ):
        op.drop_table(table)


def _states_known(values: str) -> None:
    op.drop_constraint("state_known", "outbound_document")
    op.create_check_constraint("state_known", "outbound_document", f"state in ({values})")
