"""quarantine: payloads that could not be read are tried with the present mapping, and enter the pool when it can."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connectors.mapping import MappingError
from models.database import Connection
from models.order import Cause
from models.sealing import unseal
from tasks.rereading import Present
from tasks.store import Arrival, newest, split_known, store_changed, store_new


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A payload in quarantine: its row, the platform's id, the batch that put it there, why, and when."""

    id: int
    external_id: str
    batch_id: int
    problem: str
    payload: dict[str, Any]
    stored_at: datetime


@dataclass(slots=True)
class Tried:
    """Payloads that can be read now, and those that cannot, with what stands in the way now."""

    readable: list[tuple[Quarantined, Arrival]] = field(default_factory=list)
    unreadable: list[tuple[Quarantined, str]] = field(default_factory=list)


def in_quarantine(rows: Sequence[tuple[Any, ...]]) -> list[Quarantined]:
    """Rows of (id, external_id, batch_id, problem, body_enc, stored_at), opened."""
    return [
        Quarantined(row_id, external_id, batch_id, problem, json.loads(unseal(body_enc)), stored_at)
        for row_id, external_id, batch_id, problem, body_enc, stored_at in rows
    ]


def try_again(present: Present, payloads: Sequence[Quarantined]) -> Tried:
    """Read each payload with the present mapping."""
    tried = Tried()
    for quarantined in payloads:
        try:
            arrival = Arrival(present.mapping.read(quarantined.payload), quarantined.payload)
        except MappingError as error:
            tried.unreadable.append((quarantined, str(error)))
        else:
            tried.readable.append((quarantined, arrival))
    return tried


def let_in(conn: Connection, present: Present, batch_id: int, tried: Tried, why: Cause) -> tuple[list[int], list[int]]:
    """Take what can be read now out of quarantine; returns the ids of orders new to the pool and of amended ones.

    A newer version of an order the pool has is an amendment like one that was readable at once; an older one only
    leaves the quarantine. For the others the obstacle of today is noted.
    """
    arrivals = newest([arrival for _, arrival in tried.readable])
    fresh, changed = split_known(conn, present.shop_id, arrivals, present.mapping)
    new = store_new(conn, present.shop_id, batch_id, fresh, present.mapping, present.version, why)
    store_changed(conn, batch_id, changed, present.mapping, present.version, why)
    conn.execute(
        "update quarantined_order set released_at = %s where id = any(%s)",
        (why.at, [quarantined.id for quarantined, _ in tried.readable]),
    )
    note_obstacles(conn, tried)
    return new, [order_id for order_id, _ in changed]


def note_obstacles(conn: Connection, tried: Tried) -> None:
    """Keep what stands in the way now where it is another thing than before."""
    news = [(row.id, problem) for row, problem in tried.unreadable if row.problem != problem]
    conn.execute(
        """update quarantined_order q set problem = n.problem
           from unnest(%s::bigint[], %s::text[]) n(id, problem) where q.id = n.id""",
        ([row_id for row_id, _ in news], [problem for _, problem in news]),
    )


def count_rejected(conn: Connection, batch_ids: Sequence[int]) -> None:
    """Bring the batches' counts of unreadable orders to what is still in quarantine."""
    conn.execute(
        """update batch b set rejected = (
             select count(*) from quarantined_order q where q.batch_id = b.id and q.released_at is null)
           where b.id = any(%s)""",
        (list(batch_ids),),
    )
