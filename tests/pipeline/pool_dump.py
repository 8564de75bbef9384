"""Everything a pool and the outside hold of its orders, in words that are the same in every pool: no ids, no times."""

from typing import Any

from tests.pipeline.conftest import World

QUERIES = {
    "orders": """select o.order_no, o.kind, o.pay_state, o.total_fen, o.refunded_fen, s.stage, r.province,
                   r.division_code, r.phone_last4, r.masked, b.state
                 from orders o join order_state s on s.order_id = o.id join receiver r on r.order_id = o.id
                 join batch b on b.id = s.batch_id""",
    "lines": """select o.order_no, l.line_no, l.platform_line, k.code, l.quantity, l.paid_fen, l.state
                from order_line l join orders o on o.id = l.order_id left join sku k on k.id = l.sku_id""",
    "payloads": "select o.order_no, w.revision from raw_order w join orders o on o.id = w.order_id",
    "holds": """select o.order_no, h.code, h.sentence, h.released_at is null
                from hold h join orders o on o.id = h.order_id""",
    "locks": """select o.order_no, k.line_no, c.code, w.code, k.quantity, k.state
                from lock k join orders o on o.id = k.order_id join sku c on c.id = k.sku_id
                left join warehouse w on w.id = k.warehouse_id""",
    "sku_pool": "select k.code, p.on_hand, p.locked, p.safety from sku_pool p join sku k on k.id = p.sku_id",
    "stock": """select w.code, k.code, s.opening, s.on_hand, s.locked, s.missing from stock s
                join sku k on k.id = s.sku_id join warehouse w on w.id = s.warehouse_id""",
    "movements": """select w.code, k.code, m.reason, sum(m.quantity), count(*) from stock_movement m
                    join sku k on k.id = m.sku_id join warehouse w on w.id = m.warehouse_id group by 1, 2, 3""",
    "allocations": """select o.order_no, a.line_no, k.code, w.code, a.quantity, a.shipped, a.basis, a.carrier,
                        a.ship_day, a.document_id is not null
                      from allocation a join orders o on o.id = a.order_id join sku k on k.id = a.sku_id
                      join warehouse w on w.id = a.warehouse_id""",
    "plans": """select o.order_no, p.rule_version, p.plan->>'why',
                  jsonb_path_query_array(p.plan, '$.parts[*].warehouse')
                from route_plan p join orders o on o.id = p.order_id""",
    "days": """select w.code, d.day, d.limit_documents, d.used from warehouse_day d
               join warehouse w on w.id = d.warehouse_id""",
    "promises": """select o.order_no, p.line_no, k.code, p.quantity, p.state from promise p
                   join orders o on o.id = p.order_id join sku k on k.id = p.sku_id""",
    "documents": """select (select array_agg(distinct o.order_no) from allocation a join orders o on o.id = a.order_id
                            where a.document_id = d.id), w.code, d.state, d.revision, d.carrier,
                           d.deadline_at = d.ship_by
                    from outbound_document d join warehouse w on w.id = d.warehouse_id""",
    "parcels": """select o.order_no, p.package_no, p.carrier, p.stage, l.line_no, k.code, l.quantity
                  from parcel p join parcel_line l on l.parcel_id = p.id join orders o on o.id = l.order_id
                  join sku k on k.id = l.sku_id""",
    "outbox": """select b.kind, b.counterpart, b.state, count(*), count(distinct b.subject_id), count(distinct b.key)
                 from outbox b group by 1, 2, 3""",
    "inbox": "select source, state, note, count(*) from inbox group by 1, 2, 3",
    "events": """select o.order_no, e.what, e.actor, e.detail->>'code', count(*)
                 from event e join orders o on o.id = e.order_id group by 1, 2, 3, 4""",
    "windows": """select s.code, w.state, w.origin, s.watermark = w.until
                  from ingest_window w join shop s on s.id = w.shop_id""",
    "quarantine": "select external_id, problem, released_at is null from quarantined_order",
}


def pool_dump(world: World) -> dict[str, list[str]]:
    """The rows of every query as sorted text."""
    return {name: sorted(map(repr, world.rows(query))) for name, query in QUERIES.items()}


def books_dump(world: World) -> dict[str, Any]:
    """What the outside was asked to do, and under how many keys; how often a key came is not in it."""
    books = world.books()
    return {
        "ship_backs": sorted(
            (code, row["order_no"], row["carrier"], tuple(row["line_nos"] or ()))
            for code, shop in books["shops"].items()
            for row in shop["ship_backs"]
        ),
        "documents": sorted(
            (code, tuple(row["order_nos"]), row["qty"], row["state"])
            for code, warehouse in books["warehouses"].items()
            for row in warehouse["documents"]
        ),
        "followed": len(books["carriers"]["kuaidi100"]["subscriptions"]),
        "notes": sorted(
            (code, str(note.get("order_no"))) for code, shop in books["shops"].items() for note in shop["notes"]
        ),
    }
