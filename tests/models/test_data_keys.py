"""Data keys: values stay readable whatever key is new, and every sealed column is sealed anew."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import LargeBinary

from models.data_keys import destroy_unused, ensure_keys, keys_of, reseal, rewrap, rotate, sealed_tables, usage
from models.database import in_transaction, transaction
from models.errors import SetupError
from models.sealing import FIRST, active_key, forget_key, keyed_digest, link_code, phone_hash, seal, unseal
from models.settings import settings
from models.tables import metadata
from tests.shared_pool import emptied, shared_pool

NOON = datetime(2026, 11, 20, 4, tzinfo=UTC)
DIGESTS = ("_hash", "digest", "_check", "_mac")
"""How columns of bytes end that hold a digest, which nobody opens."""


@pytest.fixture(scope="module")
def key_database(postgres: str) -> Iterator[str]:
    with shared_pool(postgres, "keys") as url:
        yield url


@pytest.fixture
def pool(key_database: str) -> Iterator[str]:
    """A pool without data keys, as an installation of before has it."""
    with emptied(key_database):
        with psycopg.connect(key_database) as conn:
            conn.execute("delete from data_key")
        forget_key()
        yield key_database
    forget_key()


def new_key(days: int = 0) -> int:
    return in_transaction(lambda conn: rotate(conn, NOON + timedelta(days=days)))


def store(name: str, value: bytes) -> None:
    with transaction() as conn:
        conn.execute(
            "insert into credential (owner_kind, owner_code, name, value_enc) values ('shop', 'S', %s, %s)",
            (name, value),
        )


def stored(name: str) -> bytes:
    with transaction() as conn:
        row = conn.execute("select value_enc from credential where name = %s", (name,)).fetchone()
    assert row is not None
    return bytes(row[0])


def test_bytes_are_sealed_or_a_digest_by_the_name_of_their_column() -> None:
    odd = [
        f"{table.name}.{column.name}"
        for table in metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, LargeBinary) and not column.name.endswith(("_enc", *DIGESTS))
    ]

    assert odd == []


def test_every_sealed_column_of_every_table_is_sealed_anew(database: str) -> None:
    forget_key()
    with psycopg.connect(database) as conn:
        for table in sealed_tables():
            _put_one_row(conn, table.name, set(table.columns))
    before = in_transaction(usage)
    assert {table: set(keys) for table, keys in before.items()} == {table.name: {FIRST} for table in sealed_tables()}

    key_id = new_key()
    done = reseal(key_id)

    assert in_transaction(usage) == {table.name: {key_id: len(table.columns)} for table in sealed_tables()}
    assert (done.values, done.unreadable, done.left) == (sum(len(t.columns) for t in sealed_tables()), 0, 0)
    with transaction() as conn:
        for table in sealed_tables():
            columns = sql.SQL(", ").join(map(sql.Identifier, table.columns))
            (row,) = conn.execute(sql.SQL("select {} from {}").format(columns, sql.Identifier(table.name))).fetchall()
            assert [unseal(value) for value in row] == [f"{table.name}.{column}" for column in table.columns]


def _put_one_row(conn: psycopg.Connection, table: str, sealed: set[str]) -> None:
    """A row of anything; what else a row must hold to be true does not matter here."""
    conn.execute("set session_replication_role = replica")
    for (name,) in conn.execute(
        "select conname from pg_constraint where conrelid = %s::regclass and contype = 'c'", (f'"{table}"',)
    ).fetchall():
        conn.execute(sql.SQL("alter table {} drop constraint {}").format(sql.Identifier(table), sql.Identifier(name)))
    columns = [column for column in metadata.tables[table].columns if column.name in sealed or not column.nullable]
    values = [
        seal(f"{table}.{column.name}") if column.name in sealed else _something(column.type) for column in columns
    ]
    conn.execute(
        sql.SQL("insert into {} ({}) overriding system value values ({})").format(
            sql.Identifier(table),
            sql.SQL(", ").join(sql.Identifier(column.name) for column in columns),
            sql.SQL(", ").join(sql.Placeholder() * len(columns)),
        ),
        values,
    )


def _something(kind: object) -> object:
    words = type(kind).__name__.lower()
    for part, value in (("int", 1), ("bool", False), ("text", "x"), ("date", NOON), ("array", []), ("json", "{}")):
        if part in words:
            return value
    return b"x" if "binary" in words else "x"


def test_a_value_of_before_data_keys_stays_readable_and_new_ones_name_their_key(pool: str) -> None:
    old = seal("old")
    key_id = new_key()

    assert old[:1] == b"\x01"
    assert seal("new")[:3] == b"\x02" + key_id.to_bytes(2, "big")
    assert (unseal(old), unseal(seal("new"))) == ("old", "new")
    forget_key()
    assert (active_key(), unseal(old)) == (key_id, "old")


def test_hashes_and_links_stay_what_they_were(pool: str) -> None:
    def all_of_them() -> tuple[object, ...]:
        return phone_hash("13912345678"), keyed_digest("address", "x"), link_code("17")

    before = all_of_them()
    reseal(new_key())
    reseal(new_key())
    forget_key()

    assert all_of_them() == before


def test_a_process_that_knows_only_the_former_key_learns_of_the_new_one(pool: str) -> None:
    in_transaction(lambda conn: ensure_keys(conn, NOON))
    read = "import sys; from models.sealing import seal, unseal; seal('x'); print('ready', flush=True);"
    read += "print(unseal(bytes.fromhex(sys.stdin.readline())))"
    with subprocess.Popen(
        [sys.executable, "-c", read], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ.copy()
    ) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        assert other.stdout.readline() == "ready\n"
        new_key()
        other.stdin.write(seal("told later").hex() + "\n")
        other.stdin.flush()
        assert other.stdout.readline() == "told later\n"


def test_what_is_locked_is_passed_over_and_taken_the_next_time(pool: str) -> None:
    for name in ("a", "b"):
        store(name, seal(name))
    key_id = new_key()
    with psycopg.connect(pool) as conn:
        conn.execute("select 1 from credential where name = 'a' for update")
        first = reseal(key_id)
    second = reseal(key_id)

    assert (first.values, first.left, second.values, second.left) == (1, 1, 1, 0)
    assert (unseal(stored("a")), unseal(stored("b"))) == ("a", "b")


def test_what_was_sealed_under_the_former_key_meanwhile_is_taken_by_the_next_run(pool: str) -> None:
    late = seal("late")  # by a process that did not know better yet
    key_id = new_key()
    reseal(key_id)
    store("late", late)

    assert reseal(key_id).values == 1
    assert unseal(stored("late")) == "late"


def test_a_run_takes_chunk_after_chunk_and_begun_again_only_what_is_left(pool: str) -> None:
    for number in range(7):
        store(f"n{number}", seal(str(number)))
    key_id = new_key()
    told: list[tuple[str, int]] = []

    done = reseal(key_id, chunk=3, tell=lambda table, count: told.append((table, count)))

    assert (done.values, told) == (7, [("credential", 3), ("credential", 6), ("credential", 7)])
    assert reseal(key_id, chunk=3).values == 0


def test_a_value_that_no_key_opens_is_counted_and_left(pool: str) -> None:
    store("broken", b"\x01" + b"?" * 40)
    store("whole", seal("whole"))

    done = reseal(new_key())

    assert (done.values, done.unreadable, done.left) == (1, 1, 0)
    assert stored("broken") == b"\x01" + b"?" * 40


def test_a_retired_key_is_destroyed_when_nothing_is_sealed_under_it(pool: str) -> None:
    store("a", seal("a"))
    key_id = new_key()

    def destroyed(days: float) -> list[int]:
        return in_transaction(lambda conn: destroy_unused(conn, NOON + timedelta(days=days)))

    assert destroyed(30) == [2]  # nothing was ever sealed under it; key 1 is used
    reseal(key_id)
    assert destroyed(0.5) == []  # a process that still knows it may seal under it
    assert destroyed(2) == [1]
    assert destroyed(2) == []
    forget_key()
    assert unseal(stored("a")) == "a"
    assert phone_hash("13912345678") is not None
    with transaction() as conn:
        assert [row[0] for row in keys_of(conn) if row[3] is None] == [0, key_id]


class TestAnotherMasterKey:
    """`ORDERPOOL_KEY` is changed; what is sealed stays as it is."""

    OLD, NEW = "1" * 64, "2" * 64

    def change(self, patch: pytest.MonkeyPatch, key: str, old: str = "") -> None:
        patch.setenv("ORDERPOOL_KEY", key)
        patch.setenv("ORDERPOOL_KEY_OLD", old)
        settings.cache_clear()
        forget_key()

    @pytest.fixture(autouse=True)
    def keys(self, pool: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
        with pytest.MonkeyPatch.context() as patch:
            self.change(patch, self.OLD)
            yield patch
        settings.cache_clear()
        forget_key()

    def test_all_stays_readable_before_while_and_after(self, keys: pytest.MonkeyPatch) -> None:
        of_before, found = seal("of before"), phone_hash("13912345678")
        new_key()
        value = seal("x")

        self.change(keys, self.NEW, self.OLD)
        assert (unseal(value), unseal(of_before)) == ("x", "of before")
        assert in_transaction(lambda conn: rewrap(conn, NOON)) == 4
        assert in_transaction(lambda conn: rewrap(conn, NOON)) == 0
        self.change(keys, self.NEW)

        assert (unseal(value), unseal(of_before), phone_hash("13912345678")) == ("x", "of before", found)
        self.change(keys, self.OLD)
        with pytest.raises(SetupError, match="another ORDERPOOL_KEY"):
            unseal(value)

    def test_a_pool_without_data_keys_is_taken_along(self, keys: pytest.MonkeyPatch) -> None:
        value, found = seal("x"), phone_hash("13912345678")

        self.change(keys, self.NEW, self.OLD)
        assert in_transaction(lambda conn: rewrap(conn, NOON)) == 0  # made anew, under the new key at once
        self.change(keys, self.NEW)

        assert (unseal(value), phone_hash("13912345678")) == ("x", found)

    def test_a_pool_without_data_keys_gets_none_under_a_wrong_one(self, keys: pytest.MonkeyPatch) -> None:
        store("a", seal("a"))
        self.change(keys, self.NEW)

        with pytest.raises(SetupError, match="table credential was sealed under another master key"):
            in_transaction(lambda conn: ensure_keys(conn, NOON))

        self.change(keys, self.OLD)
        assert (in_transaction(lambda conn: ensure_keys(conn, NOON)), unseal(stored("a"))) == (True, "a")

    def test_a_process_that_runs_goes_on_with_what_it_knows(self, keys: pytest.MonkeyPatch, pool: str) -> None:
        key_id = new_key()
        value = seal("x")
        read = "from models.sealing import reread_keys, seal, unseal; seal('x'); print('ready', flush=True); input();"
        read += "reread_keys(); print(unseal(seal('still')))"
        with subprocess.Popen(
            [sys.executable, "-c", read], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ}
        ) as other:
            assert other.stdin is not None
            assert other.stdout is not None
            assert other.stdout.readline() == "ready\n"
            self.change(keys, self.NEW, self.OLD)
            in_transaction(lambda conn: rewrap(conn, NOON))
            other.stdin.write("\n")
            other.stdin.flush()
            assert other.stdout.readline() == "still\n"
        assert (active_key(), unseal(value)) == (key_id, "x")

    def test_a_wrong_former_key_changes_nothing(self, keys: pytest.MonkeyPatch) -> None:
        new_key()
        value = seal("x")
        self.change(keys, self.NEW, "3" * 64)

        with pytest.raises(SetupError, match="cannot be opened"):
            in_transaction(lambda conn: rewrap(conn, NOON))

        self.change(keys, self.OLD)
        assert unseal(value) == "x"


def test_a_key_file_is_changed_without_ever_being_lost(
    pool: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from deployments.commands.key import rewrap as command

    monkeypatch.setenv("ORDERPOOL_VAR", str(tmp_path))
    settings.cache_clear()
    forget_key()
    value = seal("x")
    old = settings().key_file.read_text()

    command(new=True)

    assert settings().key_file.with_suffix(".old").read_text() == old
    assert settings().key_file.read_text() != old
    assert settings().key_file.stat().st_mode & 0o777 == 0o600
    with pytest.raises(SetupError, match="without --new"):
        command(new=True)
    settings().key_file.with_suffix(".old").unlink()
    forget_key()
    assert unseal(value) == "x"
    monkeypatch.undo()
    settings.cache_clear()
