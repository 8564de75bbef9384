"""Tracking: questions per source, scans that two sources tell, times of lanes, deliveries told to shops."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_AT = sa.DateTime(timezone=True)
_KINDS = (
    "'outbound.created', 'outbound.cancel_requested', 'ship_back', 'subscribe', 'stock', 'waybill', 'waybill.cancel', "
    "'intercept'"
)
_STAGES = (
    "'label_created', 'collected', 'in_transit', 'out_for_delivery', 'at_pickup_point', 'problem', 'returning', "
    "'delivered', 'returned', 'cancelled'"
)


def upgrade() -> None:
    op.create_table(
        "tracking_question",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("waybill", sa.Text(), nullable=False),
        sa.Column("asked_at", _AT, nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("empty_since", _AT, nullable=True),
        sa.Column("digest", sa.Text(), nullable=False, server_default=""),
        sa.CheckConstraint("answer in ('asked', 'told', 'empty', 'refused', 'away')", name="answer_known"),
        sa.PrimaryKeyConstraint("source", "waybill"),
    )
    # what was asked before counts: its number must not be asked about again too soon
    op.execute(
        """insert into tracking_question (source, waybill, asked_at, answer)
           select 'kuaidi100', waybill, max(asked_at), 'asked' from parcel where asked_at is not null group by 2"""
    )
    op.create_table(
        "lane_time",
        sa.Column("warehouse_id", sa.Integer(), nullable=False),
        sa.Column("carrier", sa.Text(), nullable=False),
        sa.Column("area", sa.Text(), nullable=False),
        sa.Column("parcels", sa.Integer(), nullable=False),
        sa.Column("p50_s", sa.Integer(), nullable=False),
        sa.Column("p90_s", sa.Integer(), nullable=False),
        sa.Column("learnt_at", _AT, nullable=False),
        sa.CheckConstraint("0 < p50_s and p50_s <= p90_s", name="times_in_order"),
        sa.CheckConstraint("parcels > 0", name="parcels_counted"),
        sa.ForeignKeyConstraint(["warehouse_id"], ["warehouse.id"]),
        sa.PrimaryKeyConstraint("warehouse_id", "carrier", "area"),
    )
    op.drop_column("parcel", "asked_at")
    for name in ("scanned_at", "dropped_at", "unasked_at"):
        op.add_column("parcel", sa.Column(name, _AT, nullable=True))
    op.create_index(
        "ix_parcel_dropped",
        "parcel",
        ["id"],
        postgresql_where=sa.text("dropped_at is not null and stage not in ('delivered', 'returned', 'cancelled')"),
    )
    for name in ("source", "twin"):
        op.add_column("parcel_event", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    op.execute("update parcel_event set source = 'kuaidi100'")
    op.execute(
        """update parcel p set scanned_at = e.at
           from (select parcel_id, max(at) as at from parcel_event group by 1) e where e.parcel_id = p.id"""
    )
    _stages_known(f"'', {_STAGES}")
    _kinds_known(f"{_KINDS}, 'delivered_back'")


def downgrade() -> None:
    op.execute("delete from outbox where kind = 'delivered_back'")
    _kinds_known(_KINDS)
    op.execute("delete from parcel_event where stage = ''")
    _stages_known(_STAGES)
    for name in ("twin", "source"):
        op.drop_column("parcel_event", name)
    op.drop_index("ix_parcel_dropped", table_name="parcel")
    for name in ("unasked_at", "dropped_at", "scanned_at"):
        op.drop_column("parcel", name)
    op.add_column("parcel", sa.Column("asked_at", _AT, nullable=True))
    op.execute(
        """update parcel p set asked_at = q.asked_at from tracking_question q
           where q.source = 'kuaidi100' and q.waybill = p.waybill"""
    )
    op.drop_table("lane_time")
    op.drop_table("tracking_question")


def _stages_known(values: str) -> None:
    op.drop_constraint("stage_known", "parcel_event")
    op.create_check_constraint("stage_known", "parcel_event", f"stage in ({values})")


def _kinds_known(values: str) -> None:
    op.drop_constraint("kind_known", "outbox")
    op.create_check_constraint("kind_known", "outbox", f"kind in ({values})")
