"""Stock that is never sold twice, and routing: kits, promises, counts, capacity, prices, plans, listings."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from models.columns import OneByte

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_HOLDS = (
    "'UNPAID', 'BLOCKED', 'REFUNDING', 'DUPLICATE', 'BAD_AMOUNT', 'BAD_QUANTITY', 'UNKNOWN_SKU', 'BAD_ADDRESS', "
    "'BAD_FIELD', 'SHORT_STOCK', 'SHORT_ROUTE', 'SHIPPED_ELSEWHERE', 'CHANGED_LATE', 'WMS_REFUSED', 'SHIPPED_SHORT', "
    "'REPLAYED', 'SKIPPED'"
)
_ALERTS = "'token_expiring', 'ingest_missing', 'ship_back_overdue'"
_MESSAGES = "'outbound.created', 'ship_back', 'subscribe'"
_TABLES = (
    "stock_push",
    "warehouse_day",
    "warehouse_carrier",
    "shortfall",
    "promise_pool",
    "listing",
    "kit_component",
    "carrier_rate",
    "arrival",
    "stock_formula",
    "stock_feed",
    "stock_feed_page",
    "shortfall_order",
    "shortage_option",
    "routing_rules",
    "route_plan",
    "promise",
    "line_component",
    "carrier_rule",
)

# the physical units of every line that is not closed: of its kit's components, else of its own SKU
_LINE_UNIT = """
  create view line_unit as
    select l.order_id, l.line_no, coalesce(c.sku_id, l.sku_id) as sku_id,
           l.quantity * coalesce(c.per_unit, 1) as quantity, coalesce(c.per_unit, 1) as per_unit
    from order_line l left join line_component c on c.order_id = l.order_id and c.line_no = l.line_no
    where l.state <> 'closed'
"""

_GUARDS = (
    """create function refuse_change() returns trigger language plpgsql as $$
         begin raise exception '%: a row that ended, or was written for good, never changes', tg_table_name
           using errcode = 'integrity_constraint_violation'; end $$""",
    """create trigger ended_for_good before update on lock for each row when (old.state <> 'open')
         execute function refuse_change()""",
    """create trigger ended_for_good before update on promise for each row when (old.state <> 'open')
         execute function refuse_change()""",
    """create trigger append_only before update or delete on stock_movement for each row
         execute function refuse_change()""",
    """create function count_version() returns trigger language plpgsql as $$
         begin new.version := old.version + 1; return new; end $$""",
    """create trigger version_counted before update on sku_pool for each row
         when ((old.on_hand, old.locked, old.safety) is distinct from (new.on_hand, new.locked, new.safety))
         execute function count_version()""",
    """create trigger version_counted before update on stock for each row
         when ((old.on_hand, old.locked, old.safety) is distinct from (new.on_hand, new.locked, new.safety))
         execute function count_version()""",
)


def upgrade() -> None:
    _create_tables()
    _widen_stock()
    _widen_shipping()
    _known("hold", "code", f"{_HOLDS}, 'AWAITING_STOCK', 'LOCK_EXPIRED'")
    _known("alert", "rule", f"{_ALERTS}, 'stock_shortfall', 'stock_not_shown'")
    _known("outbox", "kind", f"{_MESSAGES}, 'stock'")
    op.create_index("ix_outbox_stock", "outbox", ["subject_id"], postgresql_where=sa.text("kind = 'stock'"))
    for statement in (_LINE_UNIT, *_GUARDS):
        op.execute(statement)


def _widen_stock() -> None:
    for column in ("safety", "version"):
        kind = sa.BigInteger() if column == "version" else sa.Integer()
        op.add_column("sku_pool", sa.Column(column, kind, nullable=False, server_default="0"))
        op.add_column("stock", sa.Column(column, kind, nullable=False, server_default="0"))
    op.add_column("stock", sa.Column("missing", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("stock", sa.Column("counted_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("stock", sa.Column("counted_as", sa.Text(), nullable=True))
    op.create_check_constraint(
        "counted_as_known", "stock", "counted_as in ('physical', 'net_of_shipped', 'available', 'change')"
    )
    op.create_check_constraint("safety_known", "sku_pool", "safety >= 0")
    op.create_check_constraint("safety_known", "stock", "safety >= 0")
    op.create_check_constraint("missing_bounded", "stock", "missing between 0 and locked")
    op.create_index("ix_stock_missing", "stock", ["warehouse_id", "sku_id"], postgresql_where=sa.text("missing > 0"))
    op.create_index("ix_stock_sku_id", "stock", ["sku_id"])
    op.add_column("stock_movement", sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("update stock_movement set occurred_at = at")
    op.alter_column("stock_movement", "occurred_at", nullable=False)
    op.drop_index("ix_stock_movement_stock", table_name="stock_movement")
    op.create_index("ix_stock_movement_stock", "stock_movement", ["warehouse_id", "sku_id", "occurred_at"])
    op.add_column("lock", sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True))
    op.drop_index("ix_lock_open", table_name="lock")
    op.create_index(
        "ix_lock_open",
        "lock",
        ["order_id", "line_no", "sku_id", "warehouse_id"],
        unique=True,
        postgresql_where=sa.text("state = 'open'"),
        postgresql_nulls_not_distinct=True,
    )
    op.create_index(
        "ix_lock_expires_at",
        "lock",
        ["expires_at"],
        postgresql_where=sa.text("state = 'open' and expires_at is not null"),
    )
    op.create_index("ix_lock_locked_at", "lock", ["locked_at"], postgresql_using="brin")


def _widen_shipping() -> None:
    op.add_column("warehouse", sa.Column("kind", sa.Text(), nullable=False, server_default="own"))
    op.add_column("warehouse", sa.Column("cutoff", sa.Time(), nullable=True))
    op.add_column("warehouse", sa.Column("daily_limit", sa.Integer(), nullable=True))
    op.create_check_constraint("kind_known", "warehouse", "kind in ('own', 'supplier')")
    op.create_check_constraint("daily_limit_known", "warehouse", "daily_limit is null or daily_limit >= 0")
    op.add_column("outbound_document", sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("outbound_document", sa.Column("packed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("outbound_document", sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_outbound_document_kept", "outbound_document", ["warehouse_id", "ended_at"])
    # nothing of a document that has ended is kept for it any more; when it ended is only known of those that left
    op.execute(
        """update outbound_document set ended_at = coalesce(shipped_at, created_at)
           where state in ('shipped', 'short', 'rejected', 'cancelled')"""
    )
    # of a document under way it is not known when its warehouse began; that it did is what a count has to know
    op.execute(
        """update outbound_document set accepted_at = created_at,
             packed_at = case when state in ('packed', 'part_shipped') then created_at end
           where state in ('accepted', 'picking', 'picked', 'packed', 'part_shipped')"""
    )
    for table in ("allocation", "parcel_line"):
        op.add_column(table, sa.Column("sku_id", sa.Integer(), nullable=True))
        op.execute(
            f"""update {table} t set sku_id = l.sku_id from order_line l
                where l.order_id = t.order_id and l.line_no = t.line_no"""
        )
        op.alter_column(table, "sku_id", nullable=False)
        op.drop_constraint(f"{table}_pkey", table, type_="primary")
    op.create_primary_key("allocation_pkey", "allocation", ["order_id", "line_no", "sku_id", "warehouse_id"])
    op.create_primary_key("parcel_line_pkey", "parcel_line", ["parcel_id", "order_id", "line_no", "sku_id"])
    op.add_column("allocation", sa.Column("carrier", sa.Text(), nullable=True))
    op.add_column("allocation", sa.Column("ship_day", sa.Date(), nullable=True))
    op.add_column("allocation", sa.Column("basis", OneByte(), nullable=True))
    # a sentence is all that was kept of earlier decisions
    op.execute(
        """insert into route_plan (order_id, rule_version, plan, decided_at)
           select a.order_id, 0, jsonb_build_object('sentence', min(a.reason)), max(e.at)
           from allocation a join event e on e.order_id = a.order_id and e.what = 'routed'
           where a.reason not like '% serves % with priority %' group by 1"""
    )
    op.execute(
        """update allocation a set basis = case when exists (
             select 1 from route_plan p where p.order_id = a.order_id) then 'p' else 'a' end"""
    )
    op.alter_column("allocation", "basis", nullable=False)
    op.drop_column("allocation", "reason")


def downgrade() -> None:
    op.execute("drop view line_unit")
    for table, trigger in (
        ("lock", "ended_for_good"),
        ("promise", "ended_for_good"),
        ("stock_movement", "append_only"),
        ("sku_pool", "version_counted"),
        ("stock", "version_counted"),
    ):
        op.execute(f"drop trigger {trigger} on {table}")
    op.execute("drop function refuse_change()")
    op.execute("drop function count_version()")
    op.drop_index("ix_outbox_stock", table_name="outbox")
    _known("outbox", "kind", _MESSAGES)
    _known("alert", "rule", _ALERTS)
    _known("hold", "code", _HOLDS)
    op.drop_index("ix_outbound_document_kept", table_name="outbound_document")
    op.drop_index("ix_lock_open", table_name="lock")
    op.drop_index("ix_lock_locked_at", table_name="lock")
    op.add_column("allocation", sa.Column("reason", sa.Text(), nullable=False, server_default=""))
    for table, columns in _GONE:
        for column in columns:
            op.drop_column(table, column)
    op.create_primary_key("allocation_pkey", "allocation", ["order_id", "line_no", "warehouse_id"])
    op.create_primary_key("parcel_line_pkey", "parcel_line", ["parcel_id", "order_id", "line_no"])
    op.create_index(
        "ix_lock_open",
        "lock",
        ["order_id", "line_no", "warehouse_id"],
        unique=True,
        postgresql_where=sa.text("state = 'open'"),
        postgresql_nulls_not_distinct=True,
    )
    op.drop_index("ix_stock_sku_id", table_name="stock")
    op.create_index("ix_stock_movement_stock", "stock_movement", ["warehouse_id", "sku_id"])
    for table in _TABLES:
        op.drop_table(table)


_GONE = (
    ("allocation", ("sku_id", "basis", "carrier", "ship_day")),
    ("parcel_line", ("sku_id",)),
    ("lock", ("expires_at",)),
    ("outbound_document", ("accepted_at", "packed_at", "ended_at")),
    ("sku_pool", ("safety", "version")),
    ("stock", ("safety", "missing", "counted_at", "counted_as", "version")),
    ("stock_movement", ("occurred_at",)),
    ("warehouse", ("kind", "cutoff", "daily_limit")),
)


def _known(table: str, column: str, values: str) -> None:
    op.drop_constraint(f"{column}_known", table, type_="check")
    op.create_check_constraint(f"{column}_known", table, f"{column} in ({values})")


def _create_tables() -> None:
    op.create_table(
        "carrier_rule",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("effect", sa.Text(), nullable=False),
        sa.Column("carrier", sa.Text(), nullable=False),
        sa.Column("shop_code", sa.Text(), nullable=False),
        sa.Column("warehouse_code", sa.Text(), nullable=False),
        sa.Column("division_code", sa.Text(), nullable=False),
        sa.Column("min_weight_g", sa.Integer(), nullable=False),
        sa.Column("max_weight_g", sa.Integer(), nullable=True),
        sa.Column("cod", sa.Boolean(), nullable=True),
        sa.CheckConstraint("effect in ('only', 'prefer', 'never')", name="effect_known"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("position"),
    )
    op.create_table(
        "line_component",
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("line_no", sa.Integer(), nullable=False),
        sa.Column("sku_id", sa.Integer(), nullable=False),
        sa.Column("per_unit", sa.Integer(), nullable=False),
        sa.CheckConstraint("per_unit > 0", name="per_unit_positive"),
        sa.PrimaryKeyConstraint("order_id", "line_no", "sku_id"),
    )
    op.create_table(
        "promise",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("line_no", sa.Integer(), nullable=False),
        sa.Column("sku_id", sa.Integer(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(state = 'open') = (ended_at is null)", name="ends_once"),
        sa.CheckConstraint("state in ('open', 'kept', 'released')", name="state_known"),
        sa.CheckConstraint("quantity > 0", name="quantity_positive"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_promise_open",
        "promise",
        ["order_id", "line_no", "sku_id"],
        unique=True,
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index(
        "ix_promise_queue",
        "promise",
        ["sku_id", "priority", "paid_at", "order_id"],
        unique=False,
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_table(
        "route_plan",
        sa.Column("order_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("rule_version", sa.Integer(), nullable=False),
        sa.Column("plan", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("order_id"),
    )
    op.create_table(
        "routing_rules",
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("body", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.CheckConstraint("version > 0", name="version_positive"),
        sa.PrimaryKeyConstraint("version"),
    )
    op.create_table(
        "shortage_option",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("cost_fen", sa.BigInteger(), nullable=False),
        sa.Column("ready_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.CheckConstraint("kind in ('transfer', 'split', 'wait')", name="kind_known"),
        sa.CheckConstraint("state in ('open', 'chosen', 'dismissed', 'gone')", name="state_known"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_shortage_option_order_id",
        "shortage_option",
        ["order_id"],
        unique=False,
        postgresql_where=sa.text("state <> 'gone'"),
    )
    op.create_table(
        "shortfall_order",
        sa.Column("shortfall_id", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("units", sa.Integer(), nullable=False),
        sa.CheckConstraint("units > 0", name="units_positive"),
        sa.PrimaryKeyConstraint("shortfall_id", "order_id"),
    )
    op.create_table(
        "stock_feed",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("shelves", sa.Integer(), nullable=False),
        sa.Column("changed", sa.Integer(), nullable=False),
        sa.Column("late", sa.Integer(), nullable=False),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("counts in ('physical', 'net_of_shipped', 'available', 'change')", name="counts_known"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_stock_feed_reference", "stock_feed", ["source", "reference"], unique=True)
    op.create_table(
        "stock_feed_page",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("page", sa.Integer(), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.Column("items", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("page between 1 and pages", name="page_known"),
        sa.PrimaryKeyConstraint("source", "reference", "page"),
    )
    op.create_table(
        "stock_formula",
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("body", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.CheckConstraint("version > 0", name="version_positive"),
        sa.PrimaryKeyConstraint("version"),
    )
    op.create_table(
        "arrival",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("warehouse_id", sa.Integer(), nullable=False),
        sa.Column("sku_id", sa.Integer(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("expected", sa.Integer(), nullable=False),
        sa.Column("received", sa.Integer(), nullable=False),
        sa.Column("expected_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("expected > 0", name="expected_positive"),
        sa.CheckConstraint("received >= 0", name="received_known"),
        sa.ForeignKeyConstraint(
            ["sku_id"],
            ["sku.id"],
        ),
        sa.ForeignKeyConstraint(
            ["warehouse_id"],
            ["warehouse.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_arrival_key", "arrival", ["warehouse_id", "sku_id", "reference"], unique=True)
    op.create_index(
        "ix_arrival_open",
        "arrival",
        ["sku_id", "expected_at"],
        unique=False,
        postgresql_where=sa.text("closed_at is null"),
    )
    op.create_table(
        "carrier_rate",
        sa.Column("warehouse_id", sa.Integer(), nullable=False),
        sa.Column("carrier", sa.Text(), nullable=False),
        sa.Column("division_code", sa.Text(), nullable=False),
        sa.Column("first_g", sa.Integer(), nullable=False),
        sa.Column("first_fen", sa.Integer(), nullable=False),
        sa.Column("step_g", sa.Integer(), nullable=False),
        sa.Column("step_fen", sa.Integer(), nullable=False),
        sa.Column("transit_days", sa.Integer(), nullable=False),
        sa.CheckConstraint("first_fen >= 0 and step_fen >= 0", name="prices_known"),
        sa.CheckConstraint("first_g > 0 and step_g > 0", name="weights_positive"),
        sa.CheckConstraint("transit_days >= 0", name="transit_known"),
        sa.ForeignKeyConstraint(
            ["warehouse_id"],
            ["warehouse.id"],
        ),
        sa.PrimaryKeyConstraint("warehouse_id", "carrier", "division_code"),
    )
    op.create_table(
        "kit_component",
        sa.Column("kit_id", sa.Integer(), nullable=False),
        sa.Column("component_id", sa.Integer(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.CheckConstraint("kit_id <> component_id", name="not_in_itself"),
        sa.CheckConstraint("quantity > 0", name="quantity_positive"),
        sa.ForeignKeyConstraint(
            ["component_id"],
            ["sku.id"],
        ),
        sa.ForeignKeyConstraint(
            ["kit_id"],
            ["sku.id"],
        ),
        sa.PrimaryKeyConstraint("kit_id", "component_id"),
    )
    op.create_index("ix_kit_component_component_id", "kit_component", ["component_id"], unique=False)
    op.create_table(
        "listing",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("sku_id", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.Text(), nullable=False),
        sa.Column("sku_ref", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("shown", sa.Integer(), nullable=True),
        sa.Column("shown_version", sa.BigInteger(), nullable=False),
        sa.Column("shown_formula", sa.Integer(), nullable=False),
        sa.Column("shown_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("obstacle", sa.Text(), nullable=False),
        sa.CheckConstraint("shown is null or shown >= 0", name="shown_known"),
        sa.ForeignKeyConstraint(
            ["shop_id"],
            ["shop.id"],
        ),
        sa.ForeignKeyConstraint(
            ["sku_id"],
            ["sku.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_listing_item", "listing", ["shop_id", "item_id", "sku_ref"], unique=True)
    op.create_index("ix_listing_sku_id", "listing", ["sku_id"], unique=False)
    op.create_table(
        "promise_pool",
        sa.Column("sku_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("limit_units", sa.Integer(), nullable=False),
        sa.Column("promised", sa.Integer(), nullable=False),
        sa.Column("available_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closes_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind in ('backorder', 'presale')", name="kind_known"),
        sa.CheckConstraint("0 <= promised and promised <= limit_units", name="never_promised_twice"),
        sa.ForeignKeyConstraint(
            ["sku_id"],
            ["sku.id"],
        ),
        sa.PrimaryKeyConstraint("sku_id"),
    )
    op.create_table(
        "shortfall",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("warehouse_id", sa.Integer(), nullable=False),
        sa.Column("sku_id", sa.Integer(), nullable=False),
        sa.Column("feed_id", sa.BigInteger(), nullable=True),
        sa.Column("counted", sa.Integer(), nullable=False),
        sa.Column("locked", sa.Integer(), nullable=False),
        sa.Column("missing", sa.Integer(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("missing > 0", name="missing_positive"),
        sa.ForeignKeyConstraint(
            ["sku_id"],
            ["sku.id"],
        ),
        sa.ForeignKeyConstraint(
            ["warehouse_id"],
            ["warehouse.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_shortfall_open",
        "shortfall",
        ["warehouse_id", "sku_id"],
        unique=True,
        postgresql_where=sa.text("closed_at is null"),
    )
    op.create_table(
        "warehouse_carrier",
        sa.Column("warehouse_id", sa.Integer(), nullable=False),
        sa.Column("carrier", sa.Text(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("cutoff", sa.Time(), nullable=True),
        sa.Column("min_weight_g", sa.Integer(), nullable=False),
        sa.Column("max_weight_g", sa.Integer(), nullable=True),
        sa.Column("cod", sa.Boolean(), nullable=False),
        sa.CheckConstraint("max_weight_g is null or max_weight_g > min_weight_g", name="max_weight_known"),
        sa.CheckConstraint("min_weight_g >= 0", name="min_weight_known"),
        sa.ForeignKeyConstraint(
            ["warehouse_id"],
            ["warehouse.id"],
        ),
        sa.PrimaryKeyConstraint("warehouse_id", "carrier"),
    )
    op.create_table(
        "warehouse_day",
        sa.Column("warehouse_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("limit_documents", sa.Integer(), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.CheckConstraint("0 <= used and used <= limit_documents", name="never_overbooked"),
        sa.ForeignKeyConstraint(
            ["warehouse_id"],
            ["warehouse.id"],
        ),
        sa.PrimaryKeyConstraint("warehouse_id", "day"),
    )
    op.create_table(
        "stock_push",
        sa.Column("listing_id", sa.Integer(), nullable=False),
        sa.Column("units", sa.Integer(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("formula", sa.Integer(), nullable=False),
        sa.Column("sent", sa.Boolean(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("units >= 0", name="units_known"),
        sa.ForeignKeyConstraint(
            ["listing_id"],
            ["listing.id"],
        ),
        sa.PrimaryKeyConstraint("listing_id"),
    )
    op.create_index(
        "ix_stock_push_unsent", "stock_push", ["listing_id"], unique=False, postgresql_where=sa.text("not sent")
    )
