"""The first tables: shops, orders, stock, shipments, messages."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "allocation",
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("line_no", sa.Integer(), nullable=False),
        sa.Column("warehouse_id", sa.Integer(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("shipped", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("document_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("quantity > 0", name="quantity_positive"),
        sa.CheckConstraint("shipped between 0 and quantity", name="shipped_bounded"),
        sa.PrimaryKeyConstraint("order_id", "line_no", "warehouse_id"),
    )
    op.create_index(
        "ix_allocation_document_id",
        "allocation",
        ["document_id"],
        unique=False,
        postgresql_where=sa.text("document_id is not null"),
    )
    op.create_table(
        "credential",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("owner_kind", sa.Text(), nullable=False),
        sa.Column("owner_code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value_enc", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("owner_kind", "owner_code", "name"),
    )
    op.create_table(
        "event",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("flow_run_id", sa.Text(), nullable=True),
        sa.Column("rule_version", sa.Integer(), nullable=True),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_event_order_id", "event", ["order_id"], unique=False)
    op.create_table(
        "hold",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("rule_version", sa.Integer(), nullable=False),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("release_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("released_by", sa.Text(), nullable=True),
        sa.Column("resume_due", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "code in ('UNPAID', 'BLOCKED', 'REFUNDING', 'DUPLICATE', 'BAD_AMOUNT', 'BAD_QUANTITY', 'UNKNOWN_SKU', 'BAD_ADDRESS', 'BAD_FIELD', 'SHORT_STOCK', 'SHORT_ROUTE', 'SHIPPED_ELSEWHERE', 'CHANGED_LATE', 'WMS_REFUSED', 'SHIPPED_SHORT', 'SKIPPED')",
            name="code_known",
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_hold_open", "hold", ["order_id", "code"], unique=True, postgresql_where=sa.text("released_at is null")
    )
    op.create_index("ix_hold_order_id", "hold", ["order_id"], unique=False)
    op.create_index("ix_hold_resume_due", "hold", ["order_id"], unique=False, postgresql_where=sa.text("resume_due"))
    op.create_table(
        "inbox",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("body_enc", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("erase_after", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("state in ('new', 'done', 'ignored')", name="state_known"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("source", "message_id"),
    )
    op.create_index(
        "ix_inbox_erase_after", "inbox", ["erase_after"], unique=False, postgresql_where=sa.text("body_enc is not null")
    )
    op.create_index("ix_inbox_new", "inbox", ["source", "id"], unique=False, postgresql_where=sa.text("state = 'new'"))
    op.create_table(
        "lock",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("line_no", sa.Integer(), nullable=False),
        sa.Column("sku_id", sa.Integer(), nullable=False),
        sa.Column("warehouse_id", sa.Integer(), nullable=True),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("locked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(state = 'open') = (ended_at is null)", name="ends_once"),
        sa.CheckConstraint("state in ('open', 'consumed', 'released', 'moved')", name="state_known"),
        sa.CheckConstraint("quantity > 0", name="quantity_positive"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_lock_open",
        "lock",
        ["order_id", "line_no", "warehouse_id"],
        unique=True,
        postgresql_where=sa.text("state = 'open'"),
        postgresql_nulls_not_distinct=True,
    )
    op.create_index("ix_lock_order_id", "lock", ["order_id"], unique=False)
    op.create_table(
        "mapping_version",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name", "digest"),
    )
    op.create_table(
        "order_line",
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("line_no", sa.Integer(), nullable=False),
        sa.Column("platform_line", sa.Text(), nullable=False),
        sa.Column("sku_code", sa.Text(), nullable=False),
        sa.Column("sku_id", sa.Integer(), nullable=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("unit_price_fen", sa.BigInteger(), nullable=False),
        sa.Column("paid_fen", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.CheckConstraint("state in ('open', 'refunding', 'closed')", name="state_known"),
        sa.CheckConstraint("quantity between -1000000 and 1000000", name="quantity_bounded"),
        sa.PrimaryKeyConstraint("order_id", "line_no"),
    )
    op.create_table(
        "order_state",
        sa.Column("order_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("batch_id", sa.BigInteger(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("rule_version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "stage in ('ingested', 'validated', 'locked', 'routed', 'dispatched', 'cancelled')", name="stage_known"
        ),
        sa.PrimaryKeyConstraint("order_id"),
    )
    op.create_index("ix_order_state_batch_id", "order_state", ["batch_id"], unique=False)
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("counterpart", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("batch_id", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("in_doubt", sa.Boolean(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind in ('outbound.created', 'ship_back', 'subscribe')", name="kind_known"),
        sa.CheckConstraint("state in ('pending', 'delivered', 'refused', 'withdrawn')", name="state_known"),
        sa.CheckConstraint("attempts >= 0", name="attempts_counted"),
        sa.CheckConstraint("revision >= 1", name="revision_positive"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
    )
    op.create_index("ix_outbox_batch", "outbox", ["batch_id"], unique=False)
    op.create_index(
        "ix_outbox_due",
        "outbox",
        ["counterpart", "next_at"],
        unique=False,
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_table(
        "parcel",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("document_id", sa.BigInteger(), nullable=False),
        sa.Column("package_no", sa.Text(), nullable=False),
        sa.Column("carrier", sa.Text(), nullable=False),
        sa.Column("waybill", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("stage_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("shipped_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("salt_enc", sa.LargeBinary(), nullable=False),
        sa.Column("callback_token", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "stage in ('label_created', 'collected', 'in_transit', 'out_for_delivery', 'at_pickup_point', 'problem', 'returning', 'delivered', 'returned', 'cancelled')",
            name="stage_known",
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("callback_token"),
        sa.UniqueConstraint("document_id", "package_no"),
        sa.UniqueConstraint("waybill", "carrier"),
    )
    op.create_index(
        "ix_parcel_silent",
        "parcel",
        ["heard_at"],
        unique=False,
        postgresql_where=sa.text("stage not in ('delivered', 'returned', 'cancelled')"),
    )
    op.create_table(
        "parcel_event",
        sa.Column("parcel_id", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "stage in ('label_created', 'collected', 'in_transit', 'out_for_delivery', 'at_pickup_point', 'problem', 'returning', 'delivered', 'returned', 'cancelled')",
            name="stage_known",
        ),
        sa.PrimaryKeyConstraint("parcel_id", "digest"),
    )
    op.create_table(
        "parcel_line",
        sa.Column("parcel_id", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("line_no", sa.Integer(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.CheckConstraint("quantity > 0", name="quantity_positive"),
        sa.PrimaryKeyConstraint("parcel_id", "order_id", "line_no"),
    )
    op.create_table(
        "receiver",
        sa.Column("order_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name_enc", sa.LargeBinary(), nullable=True),
        sa.Column("phone_enc", sa.LargeBinary(), nullable=True),
        sa.Column("address_enc", sa.LargeBinary(), nullable=True),
        sa.Column("notes_enc", sa.LargeBinary(), nullable=True),
        sa.Column("cut_enc", sa.LargeBinary(), nullable=True),
        sa.Column("phone_hash", sa.LargeBinary(), nullable=True),
        sa.Column("phone_last4", sa.Text(), nullable=False),
        sa.Column("province", sa.Text(), nullable=False),
        sa.Column("city", sa.Text(), nullable=False),
        sa.Column("district", sa.Text(), nullable=False),
        sa.Column("town", sa.Text(), nullable=False),
        sa.Column("division_code", sa.Text(), nullable=False),
        sa.Column("oaid", sa.Text(), nullable=False),
        sa.Column("masked", sa.Boolean(), nullable=False),
        sa.Column("erase_after", sa.DateTime(timezone=True), nullable=True),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("order_id"),
    )
    op.create_index(
        "ix_receiver_erase_after",
        "receiver",
        ["erase_after"],
        unique=False,
        postgresql_where=sa.text("erased_at is null"),
    )
    op.create_index(
        "ix_receiver_phone_hash",
        "receiver",
        ["phone_hash"],
        unique=False,
        postgresql_where=sa.text("phone_hash is not null"),
    )
    op.create_table(
        "shop",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("lock_unpaid", sa.Boolean(), nullable=False),
        sa.Column("poll_minutes", sa.Integer(), nullable=False),
        sa.Column("settings", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("watermark", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("code"),
    )
    op.create_table(
        "sku",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("barcode", sa.Text(), nullable=False),
        sa.Column("weight_g", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("code"),
    )
    op.create_table(
        "stock_movement",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("warehouse_id", sa.Integer(), nullable=False),
        sa.Column("sku_id", sa.Integer(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("quantity <> 0", name="moves"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_stock_movement_stock", "stock_movement", ["warehouse_id", "sku_id"], unique=False)
    op.create_table(
        "warehouse",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("division_code", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("sender_name", sa.Text(), nullable=False),
        sa.Column("sender_phone", sa.Text(), nullable=False),
        sa.Column("wms", sa.Text(), nullable=False),
        sa.Column("carrier", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("stopped_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settings", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("code"),
    )
    op.create_table(
        "ingest_window",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("flow_run_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("origin in ('watermark', 'requested')", name="origin_known"),
        sa.CheckConstraint("state in ('open', 'stored')", name="state_known"),
        sa.CheckConstraint("since < until", name="forward"),
        sa.ForeignKeyConstraint(
            ["shop_id"],
            ["shop.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("shop_id", "since", "flow_run_id"),
    )
    op.create_index(
        "ix_ingest_window_claim",
        "ingest_window",
        ["shop_id", "since"],
        unique=True,
        postgresql_where=sa.text("origin = 'watermark'"),
    )
    op.create_table(
        "orders",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("order_no", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("pay_state", sa.Text(), nullable=False),
        sa.Column("platform_status", sa.Text(), nullable=False),
        sa.Column("buyer_key", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("modified_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ship_by", sa.DateTime(timezone=True), nullable=True),
        sa.Column("goods_fen", sa.BigInteger(), nullable=False),
        sa.Column("discount_fen", sa.BigInteger(), nullable=False),
        sa.Column("freight_fen", sa.BigInteger(), nullable=False),
        sa.Column("total_fen", sa.BigInteger(), nullable=False),
        sa.Column("paid_fen", sa.BigInteger(), nullable=False),
        sa.Column("refunded_fen", sa.BigInteger(), nullable=False),
        sa.Column("stored_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind in ('goods', 'header')", name="kind_known"),
        sa.CheckConstraint(
            "pay_state in ('unpaid', 'ready', 'blocked', 'shipped', 'finished', 'cancelled')", name="pay_state_known"
        ),
        sa.ForeignKeyConstraint(
            ["shop_id"],
            ["shop.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("shop_id", "external_id"),
    )
    op.create_index("ix_orders_created_at", "orders", ["created_at"], unique=False, postgresql_using="brin")
    op.create_index("ix_orders_order_no", "orders", ["order_no"], unique=False)
    op.create_table(
        "outbound_document",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("no", sa.Text(), nullable=False),
        sa.Column("warehouse_id", sa.Integer(), nullable=False),
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("batch_id", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("carrier", sa.Text(), nullable=False),
        sa.Column("receiver_token", sa.Text(), nullable=False),
        sa.Column("ship_by", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deadline_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("shipped_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state in ('created', 'accepted', 'picking', 'picked', 'packed', 'part_shipped', 'shipped', 'short', 'rejected', 'cancelled')",
            name="state_known",
        ),
        sa.CheckConstraint("revision >= 1", name="revision_positive"),
        sa.ForeignKeyConstraint(
            ["shop_id"],
            ["shop.id"],
        ),
        sa.ForeignKeyConstraint(
            ["warehouse_id"],
            ["warehouse.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("no"),
    )
    op.create_index("ix_outbound_document_batch_id", "outbound_document", ["batch_id"], unique=False)
    op.create_index("ix_outbound_document_receiver_token", "outbound_document", ["receiver_token"], unique=True)
    op.create_index(
        "ix_outbound_document_deadline",
        "outbound_document",
        ["deadline_at"],
        unique=False,
        postgresql_where=sa.text("state not in ('shipped', 'short', 'rejected', 'cancelled')"),
    )
    op.create_table(
        "quarantined_order",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("batch_id", sa.BigInteger(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("body_enc", sa.LargeBinary(), nullable=False),
        sa.Column("stored_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["shop_id"],
            ["shop.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("shop_id", "external_id"),
    )
    op.create_index(op.f("ix_quarantined_order_batch_id"), "quarantined_order", ["batch_id"], unique=False)
    op.create_table(
        "raw_order",
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("mapping_version_id", sa.Integer(), nullable=False),
        sa.Column("modified_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["mapping_version_id"],
            ["mapping_version.id"],
        ),
        sa.PrimaryKeyConstraint("order_id", "revision"),
    )
    op.create_table(
        "service_area",
        sa.Column("division_code", sa.Text(), nullable=False),
        sa.Column("warehouse_id", sa.Integer(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["warehouse_id"],
            ["warehouse.id"],
        ),
        sa.PrimaryKeyConstraint("division_code", "warehouse_id"),
    )
    op.create_table(
        "sku_pool",
        sa.Column("sku_id", sa.Integer(), nullable=False),
        sa.Column("on_hand", sa.Integer(), nullable=False),
        sa.Column("locked", sa.Integer(), nullable=False),
        sa.CheckConstraint("0 <= locked and locked <= on_hand", name="never_sold_twice"),
        sa.ForeignKeyConstraint(
            ["sku_id"],
            ["sku.id"],
        ),
        sa.PrimaryKeyConstraint("sku_id"),
    )
    op.create_table(
        "stock",
        sa.Column("warehouse_id", sa.Integer(), nullable=False),
        sa.Column("sku_id", sa.Integer(), nullable=False),
        sa.Column("opening", sa.Integer(), nullable=False),
        sa.Column("on_hand", sa.Integer(), nullable=False),
        sa.Column("locked", sa.Integer(), nullable=False),
        sa.CheckConstraint("0 <= locked and locked <= on_hand", name="never_sold_twice"),
        sa.CheckConstraint("opening >= 0", name="opening_known"),
        sa.ForeignKeyConstraint(
            ["sku_id"],
            ["sku.id"],
        ),
        sa.ForeignKeyConstraint(
            ["warehouse_id"],
            ["warehouse.id"],
        ),
        sa.PrimaryKeyConstraint("warehouse_id", "sku_id"),
    )
    op.create_table(
        "batch",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("window_id", sa.Integer(), nullable=True),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("stored", sa.Integer(), nullable=False),
        sa.Column("joined", sa.Integer(), nullable=False),
        sa.Column("rejected", sa.Integer(), nullable=False),
        sa.Column("flow_run_id", sa.Text(), nullable=False),
        sa.Column("feed_findings", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("accepted_by", sa.Text(), nullable=True),
        sa.Column("accepted_reason", sa.Text(), nullable=True),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("origin in ('window', 'resume', 'file')", name="origin_known"),
        sa.CheckConstraint("state in ('open', 'closed', 'abandoned')", name="state_known"),
        sa.CheckConstraint("stored >= 0 and joined >= 0 and rejected >= 0", name="counts"),
        sa.ForeignKeyConstraint(
            ["shop_id"],
            ["shop.id"],
        ),
        sa.ForeignKeyConstraint(
            ["window_id"],
            ["ingest_window.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_batch_flow_run_id", "batch", ["flow_run_id"], unique=False)
    op.create_index("ix_batch_open", "batch", ["id"], unique=False, postgresql_where=sa.text("state = 'open'"))
    op.create_index("ix_batch_window_id", "batch", ["window_id"], unique=False)
    # room on the page: the rows whose state changes are updated in place
    for table in (
        "order_state",
        "sku_pool",
        "stock",
        "lock",
        "outbound_document",
        "parcel",
        "outbox",
        "inbox",
        "batch",
    ):
        op.execute(f"alter table {table} set (fillfactor = 60)")


def downgrade() -> None:
    op.drop_index("ix_batch_window_id", table_name="batch")
    op.drop_index("ix_batch_open", table_name="batch", postgresql_where=sa.text("state = 'open'"))
    op.drop_index("ix_batch_flow_run_id", table_name="batch")
    op.drop_table("batch")
    op.drop_table("stock")
    op.drop_table("sku_pool")
    op.drop_table("service_area")
    op.drop_table("raw_order")
    op.drop_index(op.f("ix_quarantined_order_batch_id"), table_name="quarantined_order")
    op.drop_table("quarantined_order")
    op.drop_index(
        "ix_outbound_document_deadline",
        table_name="outbound_document",
        postgresql_where=sa.text("state not in ('shipped', 'short', 'rejected', 'cancelled')"),
    )
    op.drop_index("ix_outbound_document_batch_id", table_name="outbound_document")
    op.drop_index("ix_outbound_document_receiver_token", table_name="outbound_document")
    op.drop_table("outbound_document")
    op.drop_index("ix_orders_order_no", table_name="orders")
    op.drop_index("ix_orders_created_at", table_name="orders", postgresql_using="brin")
    op.drop_table("orders")
    op.drop_index(
        "ix_ingest_window_claim", table_name="ingest_window", postgresql_where=sa.text("origin = 'watermark'")
    )
    op.drop_table("ingest_window")
    op.drop_table("warehouse")
    op.drop_index("ix_stock_movement_stock", table_name="stock_movement")
    op.drop_table("stock_movement")
    op.drop_table("sku")
    op.drop_table("shop")
    op.drop_index("ix_receiver_phone_hash", table_name="receiver", postgresql_where=sa.text("phone_hash is not null"))
    op.drop_index("ix_receiver_erase_after", table_name="receiver", postgresql_where=sa.text("erased_at is null"))
    op.drop_table("receiver")
    op.drop_table("parcel_line")
    op.drop_table("parcel_event")
    op.drop_index(
        "ix_parcel_silent",
        table_name="parcel",
        postgresql_where=sa.text("stage not in ('delivered', 'returned', 'cancelled')"),
    )
    op.drop_table("parcel")
    op.drop_index("ix_outbox_due", table_name="outbox", postgresql_where=sa.text("state = 'pending'"))
    op.drop_index("ix_outbox_batch", table_name="outbox")
    op.drop_table("outbox")
    op.drop_index("ix_order_state_batch_id", table_name="order_state")
    op.drop_table("order_state")
    op.drop_table("order_line")
    op.drop_table("mapping_version")
    op.drop_index("ix_lock_order_id", table_name="lock")
    op.drop_index(
        "ix_lock_open",
        table_name="lock",
        postgresql_where=sa.text("state = 'open'"),
        postgresql_nulls_not_distinct=True,
    )
    op.drop_table("lock")
    op.drop_index("ix_inbox_new", table_name="inbox", postgresql_where=sa.text("state = 'new'"))
    op.drop_index("ix_inbox_erase_after", table_name="inbox", postgresql_where=sa.text("body_enc is not null"))
    op.drop_table("inbox")
    op.drop_index("ix_hold_resume_due", table_name="hold", postgresql_where=sa.text("resume_due"))
    op.drop_index("ix_hold_order_id", table_name="hold")
    op.drop_index("ix_hold_open", table_name="hold", postgresql_where=sa.text("released_at is null"))
    op.drop_table("hold")
    op.drop_index("ix_event_order_id", table_name="event")
    op.drop_table("event")
    op.drop_table("credential")
    op.drop_index(
        "ix_allocation_document_id", table_name="allocation", postgresql_where=sa.text("document_id is not null")
    )
    op.drop_table("allocation")
