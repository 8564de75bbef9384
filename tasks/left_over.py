"""Orders that a run left in a batch that is closed: no hold stops them, and no run has them."""

from datetime import datetime, timedelta
from typing import Final

from models.database import Connection

LEFT_AFTER: Final = timedelta(minutes=5)
"""How long after the last work on a closed batch what stands in it counts as left over: its run may be at work yet."""

LOOKED_FOR: Final = timedelta(days=3)
"""How long left-over orders are looked for: longer than nobody resumes anything."""


def left_over(conn: Connection, at: datetime) -> list[int]:
    """Orders under way in closed batches that nothing stops and that wait for nothing, not even for room.

    Orders stand there when a run came back to a closed batch, took up what had been held, and was killed between two
    stages. Headers are none of them: they carry no goods, and stay in closed batches for ever. Only batches that were
    worked on lately are read.
    """
    rows = conn.execute(
        """select s.order_id from batch b join order_state s on s.batch_id = b.id
           where b.state = 'closed' and b.closed_at > %s and b.closed_at <= %s
             and s.stage in ('ingested', 'validated', 'locked', 'routed')
             and exists (select 1 from orders o where o.id = s.order_id and o.kind = 'goods')
             and not exists (select 1 from hold h where h.order_id = s.order_id and h.released_at is null)
             and not exists (select 1 from release_wait w where w.order_id = s.order_id)""",
        (at - LOOKED_FOR, at - LEFT_AFTER),
    ).fetchall()
    return [row[0] for row in rows]
