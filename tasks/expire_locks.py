"""Locks of orders that are not paid in time: given back, so that others can buy."""

from models.database import Connection
from models.hold import Finding, HoldCode, place_holds
from models.order import Cause, Stage, advance
from models.settings import SHANGHAI
from tasks.kept_stock import take_stock_of
from tasks.lock_stock import unlock_stock

# an order that is paid, held for another reason or at a warehouse keeps its stock, whatever the time
_OVER = """
  select s.order_id, s.stage, (select min(k.expires_at) from lock k where k.order_id = s.order_id and k.state = 'open')
  from order_state s join orders o on o.id = s.order_id
  where s.order_id = any(%s) and s.stage in ('ingested', 'validated', 'locked') and o.pay_state = 'unpaid'
    and not exists (select 1 from hold h where h.order_id = s.order_id and h.released_at is null
                    and h.code <> 'UNPAID')
    and not exists (select 1 from allocation a where a.order_id = s.order_id)
    and exists (select 1 from lock k where k.order_id = s.order_id and k.state = 'open' and k.expires_at <= %s)
  order by s.order_id"""


def expire_locks(conn: Connection, why: Cause) -> int:
    """Release the locks of orders that were not paid in time; returns how many orders.

    They wait under LOCK_EXPIRED, validated, until the shop says that they are paid: then they are locked anew, if there
    is stock. Never of an order that is paid, has another open hold than UNPAID, or has gone to a warehouse.
    """
    due = conn.execute(
        "select distinct order_id from lock where state = 'open' and expires_at <= %s", (why.at,)
    ).fetchall()
    if not due:
        return 0
    ids = [row[0] for row in due]
    # whoever works on an order at this moment decides about it; what is left of its lock expires with the next run
    free = conn.execute(
        "select order_id from order_state where order_id = any(%s) order by order_id for update skip locked", (ids,)
    ).fetchall()
    over = conn.execute(_OVER, ([row[0] for row in free], why.at)).fetchall()
    orders = [row[0] for row in over]
    take_stock_of(conn, orders)
    unlock_stock(conn, orders, why)
    advance(conn, [row[0] for row in over if row[1] == Stage.LOCKED], Stage.VALIDATED, why)
    place_holds(conn, [(row[0], _finding(f"{row[2].astimezone(SHANGHAI):%Y-%m-%d %H:%M}")) for row in over], why)
    return len(orders)


def _finding(until: str) -> Finding:
    return Finding(
        HoldCode.LOCK_EXPIRED, f"not paid until {until} (China): its stock was given back", {"expired_at": until}
    )
