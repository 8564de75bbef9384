"""Looking after data keys: a new one, values sealed anew under it, another master key, and the end of an old key.

Every column of a table whose name ends in `_enc` holds sealed values; which those are is read from the models.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg import sql
from sqlalchemy import LargeBinary, Table
from sqlalchemy.dialects import postgresql

from models.database import Connection, in_transaction
from models.errors import SetupError
from models.privacy import DataKey
from models.sealing import (
    FIRST,
    LOOKUP,
    former_master_key,
    key_prefix,
    master_key,
    open_key,
    opens_alone,
    reread_keys,
    seal,
    unseal,
    unwrap_key,
    wrap_key,
)
from models.tables import metadata

CHUNK = 1_000
KEPT_AFTER = timedelta(days=1)
"""A retired key is not destroyed before: a process that still knew it as the newest has sealed its last by then."""

_SUFFIX = "_enc"
_SAMPLE = 100


@dataclass(frozen=True, slots=True)
class SealedTable:
    """A table with sealed columns: its key's columns with their types, and the sealed ones."""

    name: str
    key: Mapping[str, str]
    columns: tuple[str, ...]


@dataclass(slots=True)
class Resealed:
    """Values sealed anew, those that no key opens, and rows that somebody else held meanwhile."""

    values: int = 0
    unreadable: int = 0
    left: int = 0


def sealed_tables() -> list[SealedTable]:
    """Every table with sealed columns, by name; the keys themselves are sealed under the master key, and left out."""
    found = []
    for table in metadata.sorted_tables:
        columns = tuple(
            column.name
            for column in table.columns
            if isinstance(column.type, LargeBinary) and column.name.endswith(_SUFFIX)
        )
        if columns and table.name != DataKey.__tablename__:
            found.append(SealedTable(table.name, _key_of(table), columns))
    return sorted(found, key=lambda table: table.name)


def _key_of(table: Table) -> dict[str, str]:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    return {column.name: column.type.compile(dialect) for column in table.primary_key.columns}


def ensure_keys(conn: Connection, at: datetime) -> bool:
    """Give a pool its first data keys; whether it had none.

    What was sealed and hashed before stays as it is: the master key of now becomes key 1 and the secret of hashes.
    Raises SetupError when it does not open what was sealed before.
    """
    conn.execute("lock table data_key in share row exclusive mode")
    if conn.execute("select 1 from data_key limit 1").fetchone():
        return False
    master = master_key()
    first = former_master_key() or master
    _require_opens(conn, first)
    conn.cursor().executemany(
        "insert into data_key (id, key_enc, made_at, retired_at) values (%s, %s, %s, %s)",
        [
            (LOOKUP, wrap_key(LOOKUP, first, master), at, None),
            (FIRST, wrap_key(FIRST, first, master), at, at),
            (FIRST + 1, wrap_key(FIRST + 1, os.urandom(32), master), at, None),
        ],
    )
    reread_keys()
    return True


def _require_opens(conn: Connection, key: bytes) -> None:
    for table in sealed_tables():
        for column in map(sql.Identifier, table.columns):
            query = sql.SQL("select {0} from {1} where octet_length({0}) > 2 limit {2}")
            rows = conn.execute(query.format(column, sql.Identifier(table.name), _SAMPLE)).fetchall()
            # one that was broken before is no reason
            if rows and not any(opens_alone(row[0], key) for row in rows):
                raise SetupError(
                    f"no data keys were made: table {table.name} was sealed under another master key; "
                    "give that one as ORDERPOOL_KEY"
                )


def rotate(conn: Connection, at: datetime) -> int:
    """Make a new data key, under which values are sealed from now on; gives its id. Others are retired.

    Processes that run learn of it within a minute, and seal under the former one until then.
    """
    ensure_keys(conn, at)
    row = conn.execute("select max(id) from data_key").fetchone()
    key_id = int(row[0] if row else FIRST) + 1
    conn.execute("update data_key set retired_at = %s where id <> %s and retired_at is null", (at, LOOKUP))
    conn.execute(
        "insert into data_key (id, key_enc, made_at) values (%s, %s, %s)",
        (key_id, wrap_key(key_id, os.urandom(32), master_key()), at),
    )
    reread_keys()
    return key_id


def rewrap(conn: Connection, at: datetime) -> int:
    """Seal every data key under the master key of now instead of the former one; returns how many. Values stay.

    Safe to repeat. Raises SetupError, changing none, when a key opens under neither.
    """
    ensure_keys(conn, at)
    master = master_key()
    rows = conn.execute("select id, key_enc from data_key where key_enc is not null order by id for update").fetchall()
    old = [(wrap_key(i, open_key(i, sealed), master), i) for i, sealed in rows if unwrap_key(i, sealed, master) is None]
    conn.cursor().executemany("update data_key set key_enc = %s where id = %s", old)
    return len(old)


def reseal(active: int, chunk: int = CHUNK, tell: Callable[[str, int], None] = lambda table, count: None) -> Resealed:
    """Seal anew under the key `active` whatever is sealed under another; tells each table with how many so far.

    In chunks, each one transaction: killed and begun again it goes on with what is left. Rows that somebody works on
    are passed over, never waited for; `left` counts them, and what others sealed who did not know the key yet.
    """
    total = Resealed()
    for table in sealed_tables():
        last: Sequence[Any] | None = None
        done = 0
        while True:
            after = last
            count, unreadable, last = in_transaction(lambda conn, t=table, a=after: _chunk(conn, t, active, a, chunk))  # type: ignore[misc]
            if last is None:
                break
            done += count
            total.unreadable += unreadable
            tell(table.name, done)
        total.values += done
    used = in_transaction(usage)
    stale = sum(count for keys in used.values() for key_id, count in keys.items() if key_id != active)
    total.left = stale - total.unreadable
    return total


def _chunk(
    conn: Connection, table: SealedTable, active: int, after: Sequence[Any] | None, chunk: int
) -> tuple[int, int, Sequence[Any] | None]:
    """How many values of the next rows were sealed anew, how many could not be read, and the key of the last row."""
    key = sql.SQL(", ").join(map(sql.Identifier, table.key))
    stale = sql.SQL(" or ").join(
        sql.SQL("substring({0} from 1 for {1}) <> {2}").format(
            sql.Identifier(column), sql.Literal(len(key_prefix(active))), sql.Literal(key_prefix(active))
        )
        for column in table.columns
    )
    beyond: sql.Composable = sql.SQL("")
    if after is not None:
        beyond = sql.SQL("({}) > ({}) and ").format(key, sql.SQL(", ").join(map(sql.Literal, after)))
    rows = conn.execute(
        sql.SQL("select {}, {} from {} where {}({}) order by {} limit {} for update skip locked").format(
            key,
            sql.SQL(", ").join(map(sql.Identifier, table.columns)),
            sql.Identifier(table.name),
            beyond,
            stale,
            key,
            sql.Literal(chunk),
        )
    ).fetchall()
    if not rows:
        return 0, 0, None
    width = len(table.key)
    anew, count, unreadable = [], 0, 0
    for row in rows:
        values = [_anew(value, active) for value in row[width:]]
        count += sum(new is not None and new != old for new, old in zip(values, row[width:], strict=True))
        unreadable += sum(_is_stale(new, active) for new in values)
        anew.append((*row[:width], *values))
    _write(conn, table, anew)
    return count, unreadable, rows[-1][:width]


def _is_stale(value: bytes | None, active: int) -> bool:
    return value is not None and not value.startswith(key_prefix(active))


def _anew(value: bytes | None, active: int) -> bytes | None:
    if value is None or not _is_stale(value, active):
        return value
    try:
        return seal(unseal(value))
    except SetupError:  # told to a person by its count; what it was is lost with its key
        return value


def _write(conn: Connection, table: SealedTable, rows: Sequence[tuple[Any, ...]]) -> None:
    names = [*table.key, *table.columns]
    types = [*table.key.values(), *("bytea" for _ in table.columns)]
    conn.execute(
        sql.SQL("update {} t set {} from unnest({}) n({}) where {}").format(
            sql.Identifier(table.name),
            sql.SQL(", ").join(sql.SQL("{0} = n.{0}").format(sql.Identifier(name)) for name in table.columns),
            sql.SQL(", ").join(sql.SQL("%s::{}[]").format(sql.SQL(kind)) for kind in types),
            sql.SQL(", ").join(map(sql.Identifier, names)),
            sql.SQL(" and ").join(sql.SQL("t.{0} = n.{0}").format(sql.Identifier(name)) for name in table.key),
        ),
        [list(column) for column in zip(*rows, strict=True)],
    )


def usage(conn: Connection) -> dict[str, dict[int, int]]:
    """How many values of each table are sealed under each key."""
    found: dict[str, dict[int, int]] = {}
    for table in sealed_tables():
        for column in table.columns:
            for key_id, count in _used(conn, table.name, column):
                used = found.setdefault(table.name, {})
                used[key_id] = used.get(key_id, 0) + count
    return found


def _used(conn: Connection, table: str, column: str) -> Iterator[tuple[int, int]]:
    query = sql.SQL(
        """select case get_byte({0}, 0) when 2 then get_byte({0}, 1) * 256 + get_byte({0}, 2) else 1 end, count(*)
           from {1} where octet_length({0}) > 2 group by 1"""
    ).format(sql.Identifier(column), sql.Identifier(table))
    for row in conn.execute(query):
        yield row[0], row[1]


def destroy_unused(conn: Connection, at: datetime) -> list[int]:
    """Destroy keys that were retired long enough ago and that nothing is sealed under; gives their ids."""
    used = {key_id for keys in usage(conn).values() for key_id in keys}
    # a receiver that was copied meanwhile took its seal along
    conn.execute("lock table receiver in share mode")
    copied = next(table for table in sealed_tables() if table.name == "receiver")
    used |= {key_id for column in copied.columns for key_id, _ in _used(conn, copied.name, column)}
    rows = conn.execute(
        """update data_key set key_enc = null, destroyed_at = %s
           where retired_at <= %s and key_enc is not null and id <> %s and id <> all(%s) returning id""",
        (at, at - KEPT_AFTER, LOOKUP, list(used)),
    ).fetchall()
    return sorted(row[0] for row in rows)


def keys_of(conn: Connection) -> list[tuple[int, datetime, datetime | None, datetime | None]]:
    """Id of each data key, when it was made, retired and destroyed."""
    rows = conn.execute("select id, made_at, retired_at, destroyed_at from data_key order by id").fetchall()
    return [(row[0], row[1], row[2], row[3]) for row in rows]
