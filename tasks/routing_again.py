"""When orders that no warehouses could serve are routed again before their time."""

from datetime import datetime

from models.database import Connection
from models.hold import HoldCode
from models.rules.routing_plan import Why


def could_be_routed(conn: Connection) -> list[int]:
    """Held orders for which units have come: to one warehouse all, or, where that was the obstacle, to all together.

    Only warehouses that lacked stock at the last try count, so an order with another obstacle does not go round.
    """
    rows = conn.execute(
        """with held as materialized (
             select order_id, evidence from hold where code = %s and released_at is null),
           want as (
             select k.order_id, k.sku_id, sum(k.quantity) as units from held h join lock k on k.order_id = h.order_id
             where k.state = 'open' and k.warehouse_id is null group by 1, 2),
           shelf as (
             select n.order_id, n.sku_id, n.units, w.id as warehouse_id,
                    greatest(coalesce(s.on_hand - s.locked - s.safety, 0), 0) as free
             from want n join held h on h.order_id = n.order_id
             join warehouse w on w.active and coalesce(h.evidence->'warehouses'->>w.code, %s) = %s
             left join stock s on s.warehouse_id = w.id and s.sku_id = n.sku_id),
           whole as (
             select order_id from shelf group by order_id, warehouse_id having bool_and(free >= units)),
           together as (
             select order_id from (
               select order_id, sku_id, sum(free) >= min(units) as enough from shelf group by 1, 2) each_sku
             group by 1 having bool_and(enough))
           select order_id from whole
           union select t.order_id from together t join held h on h.order_id = t.order_id
           where h.evidence->>'why' = %s""",
        (HoldCode.SHORT_ROUTE.value, *[Why.LACKS_STOCK.value] * 3),
    ).fetchall()
    return [row[0] for row in rows]


def hold_up_routing(conn: Connection) -> None:
    """Wait for the routings under way, and let no other begin before the transaction ends."""
    # each keeps the rows of all active warehouses shared until its end
    conn.execute("select 1 from warehouse order by id for no key update")


def try_all_again(conn: Connection, at: datetime) -> None:
    """Let every order that no warehouses could serve be tried again at once: what routing goes by has changed.

    Orders that a routing under way refuses, by what counted before, are among them.
    """
    hold_up_routing(conn)
    conn.execute(
        """update hold set release_at = %s where id in (
             select id from hold where code = %s and released_at is null order by order_id for update)""",
        (at, HoldCode.SHORT_ROUTE.value),
    )
