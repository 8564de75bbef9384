"""Copies of the pool and the way back, by PostgreSQL's own pg_dump, pg_restore and psql.

A copy is consistent while everything runs. It is restored in one transaction, into an empty pool only.
"""

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from deployments.databases import POOL, start_databases
from deployments.embedded_postgres import PROGRAMS
from models.database import connect, knows_version, transaction, upgrade
from models.errors import SetupError
from models.order import Cause
from models.sealing import forget_key, master_check
from models.settings import settings
from tasks.erase import erase_due
from tasks.erasure_journal import apply_journal, write_journal
from tasks.restored import begin_backup, brought_back, end_backup, recovered

Tell = Callable[[str], None]

CHUNK_BYTES = 1 << 20
TOLD_EVERY_BYTES = 256 << 20
_HEAD = re.compile(rb"^SET transaction_timeout = 0;\n", re.MULTILINE)
"""Said by newer programs to every server; those before 17 do not know it."""


@dataclass(frozen=True, slots=True)
class Copy:
    """What a copy tells of itself."""

    version: str
    taken_at: datetime
    key_check: str


def back_up(file: Path, why: Cause, tell: Tell = print) -> None:
    """Write the pool as it is now to a new file, readable by its owner alone.

    Raises SetupError when the file is there already or the copy does not come to its end; a part of one is removed.
    """
    if file.exists():
        raise SetupError(f"backup {file}: not written, for there is such a file; name another")
    if not file.resolve().parent.is_dir():
        raise SetupError(f"backup {file}: not written, for {file.resolve().parent} is no folder")
    with transaction() as conn:
        backup_id = begin_backup(conn, key_check(), why)
    part = file.with_name(f"{file.name}.part")
    part.unlink(missing_ok=True)
    part.touch(mode=0o600)
    try:
        _run("pg_dump", ["--format=custom", "--no-owner", "--no-privileges", "--file", str(part)], "backup", file)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
    with transaction() as conn:
        end_backup(conn, backup_id, file.stat().st_size)
    tell(f"{file}: {_size(file.stat().st_size)}, the pool as it was at {why.at:%Y-%m-%d %H:%M:%S} UTC")
    tell(f"The key is not in it: without {_key_place()} receivers and credentials stay sealed. Keep a copy elsewhere.")


def restore(file: Path, why: Cause, tell: Tell = print) -> None:
    """Bring the pool of a file back into an empty database, in one transaction.

    Raises SetupError when the file is no copy of a pool, was sealed under another key or comes from a later version,
    or when the database is in use or holds anything.
    """
    found = read_copy(file)
    _must_fit(file, found)
    start_databases([] if settings().database_url else [POOL])
    leftover = _must_be_empty(file)
    tell(f"{file}: the pool as it was at {found.taken_at:%Y-%m-%d %H:%M:%S} UTC, tables of version {found.version}")
    _pour(file, _statements(leftover), _statements(brought_back(why)), tell)
    forget_key()
    upgrade()
    with connect() as conn:
        orders = conn.execute("select count(*) from orders").fetchone()
    _erase_again(why, tell)
    tell(f"restored: {orders[0] if orders else 0:,} orders")


def mark_recovered(to: datetime, why: Cause) -> None:
    """Treat the pool, which PostgreSQL itself recovered to a moment, as one that was restored from a copy.

    Raises SetupError when the moment is not in the past or other processes use the pool.
    """
    if to >= why.at:
        raise SetupError(f"restore: the pool cannot have been recovered to {to.isoformat()}, which is not over")
    start_databases([] if settings().database_url else [POOL])
    _must_be_idle("restore")
    upgrade()
    with transaction() as conn:
        recovered(conn, to, key_check(), why)
    _erase_again(why, print)


def _erase_again(why: Cause, tell: Tell) -> None:
    """What had been erased since the copy was taken is in it: requests are in the journal, the rest is over again."""
    count = apply_journal(why) + erase_due(why.at, why)
    write_journal()
    tell(f"erased again: {count:,} receivers, by the times of their orders and {settings().erasure_file}")


def key_check() -> bytes:
    """What tells this installation's key from others, and gives nothing of it away."""
    return master_check()


def read_copy(file: Path) -> Copy:
    """What a file tells of itself; SetupError when it is no copy of a pool."""
    if not file.is_file():
        raise SetupError(f"restore {file}: there is no such file")
    versions = _rows(file, "alembic_version")
    copies = _rows(file, "backup")
    if not versions or not copies:
        raise SetupError(f"restore {file}: this is no copy made by `orderpool backup`")
    newest = max(copies, key=lambda row: int(row["id"]))
    taken_at = datetime.fromisoformat(newest["taken_at"])
    return Copy(versions[0]["version_num"], taken_at, newest["key_check"].replace("\\\\x", ""))


def _must_fit(file: Path, found: Copy) -> None:
    if not settings().key and not settings().key_file.exists():
        raise SetupError(
            f"restore {file}: the key under which it is sealed is not here; "
            f"put it at {settings().key_file}, or into ORDERPOOL_KEY"
        )
    if found.key_check != key_check().hex():
        raise SetupError(f"restore {file}: it is sealed under another key than that of {_key_place()}")
    if not knows_version(found.version):
        raise SetupError(
            f"restore {file}: its tables are of version {found.version}, which is later than this OrderPool; update it"
        )


def _rows(file: Path, table: str) -> list[dict[str, str]]:
    """The rows of one small table of a file, as COPY writes them."""
    arguments = ["--data-only", "--table", table, "--file", "-", str(file)]
    done = subprocess.run([_program("pg_restore"), *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SetupError(f"restore {file}: PostgreSQL cannot read it: {_last_line(done.stderr)}")
    match = re.search(rf"^COPY public\.{table} \((.*?)\) FROM stdin;\n(.*?)^\\\.$", done.stdout, re.M | re.S)
    if match is None:
        return []
    names = [name.strip().strip('"') for name in match[1].split(",")]
    return [dict(zip(names, line.split("\t"), strict=True)) for line in match[2].splitlines()]


def _must_be_idle(wish: str) -> None:
    with psycopg.connect(settings().pool_url()) as conn:
        row = conn.execute(
            """select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
               and backend_type = 'client backend'"""
        ).fetchone()
    if row and row[0]:
        raise SetupError(f"{wish}: {row[0]} other connections use the pool; stop everything first (`orderpool down`)")


def _must_be_empty(wish: Path) -> list[tuple[str, tuple[Any, ...]]]:
    """What makes room where tables are there and nothing is in them; SetupError when anything is."""
    _must_be_idle(f"restore {wish}")
    with psycopg.connect(settings().pool_url()) as conn:
        tables = [
            row[0]
            for row in conn.execute(
                "select tablename from pg_tables where schemaname = 'public' and tablename <> all(%s)",
                # an installation that was never used has keys: nothing is sealed under them
                (["alembic_version", "data_key"],),
            )
        ]
        for table in tables:
            query = sql.SQL("select exists (select from {})").format(sql.Identifier(table))
            row = conn.execute(query).fetchone()
            if row and row[0]:
                raise SetupError(
                    f"restore {wish}: the pool is not empty, there are rows in its table {table}; restore into a "
                    "database of its own, named by ORDERPOOL_DATABASE_URL, or into another folder, by ORDERPOOL_VAR"
                )
    return [("drop schema public cascade", ()), ("create schema public", ())]


def _statements(wanted: Sequence[tuple[str, tuple[Any, ...]]]) -> bytes:
    with psycopg.connect(settings().pool_url()) as conn:
        cursor = psycopg.ClientCursor(conn)
        return b"".join(cursor.mogrify(text.encode(), values or None).encode() + b";\n" for text, values in wanted)


def _pour(file: Path, before: bytes, after: bytes, tell: Tell) -> None:
    """Have psql do what pg_restore says between the two, in one transaction: all of it or nothing."""
    target, variables = _target()
    with tempfile.TemporaryFile() as said:
        reader = subprocess.Popen(
            [_program("pg_restore"), "--no-owner", "--no-privileges", "--file", "-", str(file)],
            stdout=subprocess.PIPE,
            stderr=said,
        )
        writer = subprocess.Popen(
            [_program("psql"), "--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--dbname", target],
            env=variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=said,
        )
        try:
            _feed(reader, writer, before, after, tell)
        except BrokenPipeError:
            # psql said why
            reader.kill()
        finally:
            codes = _ended(reader), _ended(writer)
        if any(codes):
            said.seek(0)
            raise SetupError(f"restore {file}: nothing was restored: {_last_line(said.read().decode())}")


def _feed(
    reader: subprocess.Popen[bytes], writer: subprocess.Popen[bytes], before: bytes, after: bytes, tell: Tell
) -> None:
    out, into = _pipe(reader.stdout), _pipe(writer.stdin)
    into.write(b"begin;\n" + before)
    head = out.read(CHUNK_BYTES)
    into.write(_HEAD.sub(b"", head))
    total, told = len(head), 0
    while chunk := out.read(CHUNK_BYTES):
        into.write(chunk)
        total += len(chunk)
        if total - told >= TOLD_EVERY_BYTES:
            told = total
            tell(f"  {_size(total)} so far")
    # psql ends without a commit, and so takes all back, when what it reads broke off
    if reader.wait() == 0:
        into.write(b"set search_path = public;\n" + after + b"commit;\n")


def _ended(process: subprocess.Popen[bytes]) -> int:
    if process.stdin:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
    return process.wait()


def _pipe(end: IO[bytes] | None) -> IO[bytes]:
    if end is None:
        raise LookupError("the process was started without a pipe")
    return end


def _run(program: str, arguments: Sequence[str], wish: str, file: Path) -> None:
    target, variables = _target()
    command = [_program(program), *arguments, "--dbname", target]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SetupError(f"{wish} {file}: not done: {_last_line(done.stderr)}")


def _target() -> tuple[str, dict[str, str]]:
    """The pool without its password, and the variables that carry it: arguments are seen by everyone."""
    parts = conninfo_to_dict(settings().pool_url())
    password = parts.pop("password", None)
    variables = dict(os.environ) | ({"PGPASSWORD": str(password)} if password else {})
    return make_conninfo("", **parts), variables


def _program(name: str) -> str:
    """The program that came with the installation, else the system's."""
    own = PROGRAMS / name
    found = str(own) if own.exists() else shutil.which(name)
    if found is None:
        raise SetupError(f"{name} is not installed here; it comes with PostgreSQL's client programs")
    return found


def _key_place() -> str:
    return "ORDERPOOL_KEY" if settings().key else str(settings().key_file)


def _last_line(text: str) -> str:
    return (text.strip().splitlines()[-1:] or ["no reason given"])[0]


def _size(number: float) -> str:
    for unit in ("bytes", "KB", "MB"):
        if number < 1024:
            return f"{number:.0f} {unit}" if unit == "bytes" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} GB"
