"""A pool of many orders of every fate, and the list of orders worked out the slow way: all read, then filtered."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from models.database import Connection, transaction
from models.hold import HoldCode
from models.rules.order_status import NOT_SHIPPED, order_status
from tasks.order_rows import load_facts
from tasks.order_wish import Key, Wish

SPECIAL = (
    # many orders of one moment
    "update orders set created_at = date_trunc('hour', created_at) where id % 3 = 0",
    "update outbound_document set state = 'part_shipped' where state = 'accepted' and id % 5 = 0",
    "update outbound_document set state = 'rejected' where state = 'created' and id % 4 = 0",
    "update outbound_document set state = 'cancelled' where state = 'accepted' and id % 7 = 0",
    "update outbound_document set state = 'short' where state = 'shipped' and id % 90 = 0",
    """insert into hold (order_id, code, sentence, evidence, rule_version, placed_at, resume_due)
       select order_id, case when order_id % 2 = 0 then 'SHIPPED_SHORT' else 'CHANGED_LATE' end, '', '{}', 1, now(),
              false
       from order_state where stage = 'dispatched' and order_id % 60 in (0, 15) on conflict do nothing""",
    "update order_line set sku_code = 'NOBODY', sku_id = null where order_id % 211 = 0 and line_no = 1",
    """insert into hold (order_id, code, sentence, evidence, rule_version, placed_at, resume_due)
       select order_id, 'UNKNOWN_SKU', '', '{}', 1, now(), false from order_line where sku_code = 'NOBODY'""",
    "update receiver set division_code = '' where order_id % 50 = 0",
    "update orders set ship_by = null where id % 40 = 0",
    # the orders of the newest hours are under way in batches that are open
    "update batch set state = 'open' where id in (select batch_id from order_state where stage = 'locked')",
    "insert into parcel_event values (1, 'a', now(), 'collected', 'x', 'y')",
)


def make_special(conn: Connection) -> None:
    """What the plain pool of the benchmark has none of."""
    for statement in SPECIAL:
        conn.execute(statement.encode())


def everything() -> list[dict[str, Any]]:
    """Every order with all that filters ask for."""
    with transaction() as conn:
        rows = conn.execute(
            """select o.id, o.created_at, o.shop_id, o.ship_by, s.stage, s.batch_id, coalesce(r.division_code, ''),
                 array(select l.sku_code from order_line l where l.order_id = o.id),
                 array(select d.state from allocation a join outbound_document d on d.id = a.document_id
                       where a.order_id = o.id)
               from orders o join order_state s on s.order_id = o.id left join receiver r on r.order_id = o.id"""
        ).fetchall()
        facts = load_facts(conn, [row[0] for row in rows])
    names = "id created_at shop_id ship_by stage batch_id division skus documents".split()
    return [
        dict(zip(names, row, strict=True)) | {"status": order_status(facts[row[0]]), "holds": facts[row[0]].holds}
        for row in rows
    ]


def wanted(orders: Sequence[dict[str, Any]], wish: Wish, now: datetime) -> list[int]:
    """Ids of the orders that a wish means, the newest first."""
    found = [order for order in orders if all(_meets(order, wish, now))]
    keys: list[Key] = sorted(((order["created_at"], order["id"]) for order in found), reverse=True)
    return [key[1] for key in keys]


def _meets(order: dict[str, Any], wish: Wish, now: datetime) -> list[bool]:
    late = order["ship_by"] is not None and order["ship_by"] < now and order["status"] in NOT_SHIPPED
    return [
        wish.status in (None, order["status"]),
        wish.hold is None or wish.hold in order["holds"],
        wish.shop_id in (None, order["shop_id"]),
        wish.since is None or order["created_at"] >= wish.since,
        wish.until is None or order["created_at"] < wish.until,
        not wish.division or order["division"].startswith(wish.division),
        not wish.sku or wish.sku in order["skus"],
        late or not wish.overdue,
        wish.batch_id in (None, order["batch_id"]),
        wish.stage in (None, order["stage"]),
        wish.document is None or wish.document in order["documents"],
    ]


def held_codes(orders: Sequence[dict[str, Any]]) -> set[HoldCode]:
    """The codes of all open holds."""
    return {code for order in orders for code in order["holds"]}


def days_before(now: datetime, days: float) -> datetime:
    """So many days before a moment."""
    return now - timedelta(days=days)
