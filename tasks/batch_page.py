"""One batch for people: what it carries, where its orders stand, what holds them, and what its check found."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from models.batch import BatchOrigin, BatchState
from models.database import Connection
from models.hold import HoldCode
from models.order import Stage
from tasks.orders_under_way import UNDER_WAY


@dataclass(frozen=True, slots=True)
class BatchPage:
    """A batch. `findings` are what is wrong with its feed; `verdict` is "" when nothing was checked yet."""

    id: int
    shop: str
    origin: BatchOrigin
    state: BatchState
    stored: int
    joined: int
    rejected: int
    flow_run_id: str
    created_at: datetime
    closed_at: datetime | None
    findings: list[str]
    accepted_by: str
    accepted_reason: str
    accepted_at: datetime | None
    stages: dict[Stage, int]
    holds: dict[HoldCode, int]
    verdict: str
    unmet: dict[str, Any]

    @property
    def waits_for_acceptance(self) -> bool:
        """Whether it stays put until its feed is mended or a person accepts it."""
        return self.state is BatchState.OPEN and bool(self.findings) and self.accepted_at is None

    @property
    def under_way(self) -> bool:
        """Whether any order of it is neither dispatched nor cancelled."""
        return not self.stages.keys().isdisjoint(UNDER_WAY)


def find_batch(conn: Connection, batch_id: int) -> BatchPage | None:
    """The batch of this number; None when there is none."""
    row = conn.execute(
        """select b.id, p.code, b.origin, b.state, b.stored, b.joined, b.rejected, b.flow_run_id, b.created_at,
                  b.closed_at, b.feed_findings, b.accepted_by, b.accepted_reason, b.accepted_at, q.verdict, q.unmet
           from batch b join shop p on p.id = b.shop_id left join quality_check q on q.batch_id = b.id
           where b.id = %s""",
        (batch_id,),
    ).fetchone()
    if row is None:
        return None
    return BatchPage(
        row[0],
        row[1],
        BatchOrigin(row[2]),
        BatchState(row[3]),
        stored=row[4],
        joined=row[5],
        rejected=row[6],
        flow_run_id=row[7],
        created_at=row[8],
        closed_at=row[9],
        findings=[str(finding) for finding in row[10] or ()],
        accepted_by=row[11] or "",
        accepted_reason=row[12] or "",
        accepted_at=row[13],
        stages=_stages(conn, batch_id),
        holds=_holds(conn, batch_id),
        verdict=row[14] or "",
        unmet=row[15] or {},
    )


def _stages(conn: Connection, batch_id: int) -> dict[Stage, int]:
    rows = conn.execute("select stage, count(*) from order_state where batch_id = %s group by 1", (batch_id,))
    counts: dict[str, int] = dict(rows.fetchall())
    return {stage: counts[stage] for stage in Stage if stage in counts}


def _holds(conn: Connection, batch_id: int) -> dict[HoldCode, int]:
    rows = conn.execute(
        """select h.code, count(*) from order_state s join hold h on h.order_id = s.order_id and h.released_at is null
           where s.batch_id = %s group by 1 order by 2 desc, 1""",
        (batch_id,),
    )
    return {HoldCode(code): count for code, count in rows}
