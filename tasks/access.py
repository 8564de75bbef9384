"""The log of access: who signed in or failed to, saw personal data or took an export, and who changed the set-up."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from models.database import Connection, copy_rows, one, transaction
from models.order import Cause

NOBODY = "person:?"
"""The actor of a sign-in with a name that nobody has: what was typed may be somebody's password."""


def log_access(
    conn: Connection,
    actor: str,
    what: str,
    at: datetime,
    *,
    address: str = "",
    order_id: int | None = None,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Note what somebody saw or tried. `detail` says why and how much; it never holds what was shown."""
    conn.execute(
        "insert into access_log (at, actor, what, address, order_id, detail) values (%s, %s, %s, %s, %s, %s)",
        (at, actor, what, address, order_id, Jsonb(dict(detail)) if detail is not None else None),
    )


def count_access(conn: Connection, what: str, since: datetime, *, actor: str = "", address: str = "") -> int:
    """How often this was noted after `since`, of one actor or from one address where they are given."""
    found: int = one(
        conn.execute(
            """select count(*) from access_log where what = %(what)s and at > %(since)s
                 and (%(actor)s = '' or actor = %(actor)s) and (%(address)s = '' or address = %(address)s)""",
            {"what": what, "since": since, "actor": actor, "address": address},
        ).fetchone()
    )
    return found


Change = tuple[str, Mapping[str, Any] | None, Mapping[str, Any] | None]
"""The code of what changes, its values before (None: it is new) and after (None: it is gone), without secrets."""


def log_change(
    conn: Connection,
    kind: str,
    code: str,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
    why: Cause,
) -> bool:
    """Note one change of the set-up; False, and nothing is noted, when nothing differs."""
    return log_changes(conn, kind, [(code, before, after)], why) > 0


def log_changes(conn: Connection, kind: str, changes: Iterable[Change], why: Cause) -> int:
    """Note changes of the set-up, each with the values that differ; returns how many were changes."""
    differing = [(code, *_difference(before, after)) for code, before, after in changes]
    return copy_rows(
        conn,
        "setup_change",
        ("at", "actor", "kind", "code", "before", "after"),
        [
            (why.at, why.actor, kind, code, _json(before), _json(after))
            for code, before, after in differing
            if before or after
        ],
    )


def _difference(
    before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    if before is None or after is None:
        return (dict(before) if before is not None else None), (dict(after) if after is not None else None)
    changed = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return {name: before.get(name) for name in changed}, {name: after.get(name) for name in changed}


def _json(values: Mapping[str, Any] | None) -> Jsonb | None:
    return Jsonb(values, dumps=_plain) if values is not None else None


def _plain(value: Any) -> str:
    # dates, times and the like as text
    return json.dumps(value, ensure_ascii=False, default=str)


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """A change of the set-up as people see it: per value its name, what it was and what it became."""

    at: datetime
    actor: str
    code: str
    values: tuple[tuple[str, str, str], ...]


def changes_of(kind: str, code: str | None = None, most: int = 20) -> list[ChangeRow]:
    """The last changes of one thing, or of all of its kind, newest first."""
    with transaction() as conn:
        rows = conn.execute(
            """select at, actor, code, before, after from setup_change
               where kind = %(kind)s and (%(code)s::text is null or code = %(code)s) order by id desc limit %(most)s""",
            {"kind": kind, "code": code, "most": most},
        ).fetchall()
    return [
        ChangeRow(at, actor, subject, _values(before or {}, after or {})) for at, actor, subject, before, after in rows
    ]


def _values(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[tuple[str, str, str], ...]:
    return tuple((name, _shown(before.get(name)), _shown(after.get(name))) for name in {**before, **after})


def _shown(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else _plain(value)
