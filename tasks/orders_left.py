"""Orders that are at an early stage, found without reading all states: those of batches that are or were open lately.

Stages have no index, for each order goes through all of them. So are orders that wait for room or to be taken up. One
that its batch left behind is found as long as the batch ended within `LOOK_BACK`, and then for as long as the alert
that names it is open, but not longer than anything is watched.
"""

from datetime import datetime, timedelta
from typing import Any, Final

from models.alert import AlertRule
from models.database import Connection
from tasks.limits import limits_in_force

LOOK_BACK: Final = timedelta(days=3)

_OF_BATCH: Final = """
    b.id as batch_id, b.state as batch_state, b.created_at, b.closed_at, b.flow_run_id,
    b.feed_findings is not null and b.accepted_at is null as doubted"""
_EARLY_STAGES: Final = "s.stage in ('ingested', 'validated', 'locked', 'routed')"

EARLY: Final = f"""
  select s.order_id, s.stage, {_OF_BATCH}
  from batch b
  cross join lateral (select order_id, stage from order_state where batch_id = b.id offset 0) s
  where (b.state = 'open' or b.closed_at > %(closed_since)s) and {_EARLY_STAGES}
  union
  select s.order_id, s.stage, {_OF_BATCH}
  from (select order_id from release_wait union select order_id from hold where resume_due
        union select order_id from replacement where waits) q
  join order_state s on s.order_id = q.order_id join batch b on b.id = s.batch_id
  where {_EARLY_STAGES}"""

UNHELD: Final = "not exists (select 1 from hold h where h.order_id = o.id and h.released_at is null)"
"""Of order `o`: nothing holds it up."""


def closed_since(conn: Connection, now: datetime, rule: AlertRule) -> dict[str, Any]:
    """From when on ended batches are looked at, as `EARLY` wants it."""
    # one that was found since it waited needs no batch; a group that grew was opened anew
    row = conn.execute(
        f"""select min(b.closed_at) from alert a join order_state s on s.order_id = a.order_id and {_EARLY_STAGES}
            join batch b on b.id = s.batch_id
            where a.rule = %(rule)s and a.closed_at is null and b.closed_at > %(oldest)s
              and b.closed_at > %(back)s + (
                select min(opened_at) from alert e where (e.rule, e.subject) = (a.rule, a.subject)
                  and e.opened_at > %(oldest)s)""".encode(),
        {"rule": rule.value, "oldest": now - limits_in_force().watched, "back": -LOOK_BACK},
    ).fetchone()
    oldest = row[0] - timedelta(seconds=1) if row and row[0] else now
    return {"closed_since": min(oldest, now - LOOK_BACK)}
