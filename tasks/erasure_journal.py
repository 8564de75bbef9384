"""The journal of requests for erasure: beside the pool, so that a restore of the pool does not forget them.

A copy of the pool from before a request still has the receiver, and knows nothing of the request. The journal names
orders by shop and platform number, never by anybody's name. Erasures because a time was over need no journal: the
restored pool knows the times, and erases again.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from models.database import Connection, in_transaction, transaction
from models.order import Cause
from models.privacy import ErasureReason
from models.settings import settings
from tasks.erasing import erase


@dataclass(frozen=True, slots=True)
class Line:
    """One order of a request: `kind` is `asked` when it was made, `erased` when it was done; `id` counts each kind."""

    kind: str
    id: int
    shop: str
    external_id: str
    at: str
    due_at: str = ""


_ASKED = """
  select 'asked', r.id, s.code, o.external_id, r.made_at, r.due_at from erasure_request r
  join erasure_request_order q on q.request_id = r.id join orders o on o.id = q.order_id
  join shop s on s.id = o.shop_id where r.id >= %s order by r.id, o.id"""
_ERASED = """
  select 'erased', e.id, s.code, o.external_id, e.at, null from erasure e
  join orders o on o.id = e.order_id join shop s on s.id = o.shop_id
  where e.reason = 'request' and e.id > %s order by e.id"""


def write_journal() -> int:
    """Append the requests and what was done about them that the journal does not have yet; returns how many lines.

    It is written after the pool, and caught up with by whoever writes next: a crash in between loses nothing.
    """
    path = settings().erasure_file
    with transaction() as conn:
        # one writer at a time, whatever the machine
        conn.execute("select pg_advisory_xact_lock(hashtext('orderpool erasure journal'))")
        last = {"asked": 0, "erased": 0}
        known = set()
        for line in read_journal(path):
            last[line.kind] = max(last[line.kind], line.id)
            known.add((line.kind, line.id, line.shop, line.external_id))
        found = [
            *conn.execute(_ASKED, (last["asked"],)).fetchall(),
            *conn.execute(_ERASED, (last["erased"],)).fetchall(),
        ]
        # of the last request some orders may have been cut off
        rows = [row for row in found if row[:4] not in known]
        if rows:
            _append(path, [_written(row) for row in rows])
    return len(rows)


def _written(row: tuple[Any, ...]) -> str:
    kind, number, shop, external_id, at, due_at = row
    told = {"kind": kind, "id": number, "shop": shop, "external_id": external_id, "at": at.isoformat()}
    return json.dumps(told | ({"due_at": due_at.isoformat()} if due_at else {}))


def _append(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        os.chmod(path, 0o600)
        # a line that was cut off by a crash must not swallow the next one
        start = b"\n" if file.tell() else b""
        file.write(start + "".join(f"{line}\n" for line in lines).encode())
        file.flush()
        os.fsync(file.fileno())


def read_journal(path: Path) -> Iterator[Line]:
    """The lines of a journal, oldest first; one that was cut off is passed over, for it is written again."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return
    for written in text.splitlines():
        try:
            line = Line(**json.loads(written))
        except (ValueError, TypeError):
            continue
        if line.kind in ("asked", "erased"):
            yield line


def apply_journal(why: Cause) -> int:
    """Bring back into a restored pool what it forgot of requests; returns how many receivers were erased again.

    What had been erased is erased at once. What waited for its order's end is restricted again, under the day by which
    it was due.
    """
    lines = list(read_journal(settings().erasure_file))
    return in_transaction(lambda conn: _apply(conn, lines, why)) if lines else 0


def _apply(conn: Connection, lines: list[Line], why: Cause) -> int:
    done = {(line.shop, line.external_id) for line in lines if line.kind == "erased"}
    asked = {(line.shop, line.external_id): line for line in lines if line.kind == "asked"}
    forgotten = conn.execute(
        """select o.id, s.code, o.external_id from unnest(%s::text[], %s::text[]) n(shop, external_id)
           join shop s on s.code = n.shop join orders o on o.shop_id = s.id and o.external_id = n.external_id
           join receiver r on r.order_id = o.id and r.erased_at is null
           where not exists (select from erasure_request_order q where q.order_id = o.id) order by o.id""",
        ([shop for shop, _ in asked.keys() | done], [no for _, no in asked.keys() | done]),
    ).fetchall()
    for order_id, shop, external_id in forgotten:
        line = asked.get((shop, external_id))
        if line is not None and (shop, external_id) not in done:
            _ask_again(conn, order_id, line, why)
    return erase(conn, [row[0] for row in forgotten if row[1:] in done], ErasureReason.RESTORED, why)


def _ask_again(conn: Connection, order_id: int, line: Line, why: Cause) -> None:
    conn.execute(
        """with r as (
             insert into erasure_request (made_at, made_by, reason, verified, due_at)
             values (%(at)s, %(by)s, 'asked for before the pool was restored', 'before the restore', %(due)s)
             returning id)
           insert into erasure_request_order (request_id, order_id, kept)
           select id, %(order)s, 'the pool was restored' from r""",
        {
            "at": datetime.fromisoformat(line.at),
            "by": why.actor,
            "due": datetime.fromisoformat(line.due_at or line.at),
            "order": order_id,
        },
    )
    conn.execute("update receiver set restricted_at = %s where order_id = %s", (why.at, order_id))
