"""Transactions one after the other share a connection, and never one that is no longer good."""

import os
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import psycopg
import pytest

from models.database import Connection, connect, session_lock, transaction
from models.kept_connections import KeptConnections
from models.settings import settings

TOGETHER = 4


def backend(conn: Connection) -> int:
    """The server process behind a connection."""
    return conn.info.backend_pid


def used() -> int:
    with transaction() as conn:
        conn.execute("select 1")
        return backend(conn)


def end(process: int) -> None:
    with psycopg.connect(settings().pool_url()) as other:
        assert other.execute("select pg_terminate_backend(%s, 5000)", (process,)).fetchone() == (True,)


def test_the_next_transaction_has_the_same_connection(database: str) -> None:
    assert used() == used()


def test_transactions_at_the_same_time_have_their_own(database: str) -> None:
    start = Barrier(TOGETHER)

    def at_once() -> int:
        with transaction() as conn:
            start.wait(10)
            return backend(conn)

    with ThreadPoolExecutor(TOGETHER) as threads:
        assert len({done.result() for done in [threads.submit(at_once) for _ in range(TOGETHER)]}) == TOGETHER


def note_twice() -> None:
    with transaction() as conn:
        conn.execute("insert into call_budget (shop_code, next_at) values ('A', now())")
        conn.execute("insert into call_budget (shop_code, next_at) values ('A', now())")


def test_what_was_begun_is_undone_by_an_error_and_the_connection_kept(database: str) -> None:
    before = used()

    with pytest.raises(psycopg.errors.UniqueViolation):
        note_twice()

    with transaction() as conn:
        assert conn.execute("select count(*) from call_budget").fetchone() == (0,)
        assert backend(conn) == before


def test_one_that_the_server_ended_meanwhile_is_replaced(database: str) -> None:
    before = used()

    end(before)

    assert used() != before


def lose(expected: int) -> None:
    with transaction() as conn:
        assert backend(conn) == expected
        end(expected)
        conn.execute("select 1")


def test_one_that_ended_in_its_transaction_is_not_used_again(database: str) -> None:
    before = used()

    with pytest.raises(psycopg.OperationalError):
        lose(before)

    assert used() != before


def test_one_that_leads_elsewhere_is_not_used(database: str, postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    used()
    monkeypatch.setenv("ORDERPOOL_DATABASE_URL", postgres)
    settings.cache_clear()

    with transaction() as conn:
        assert conn.info.dbname == "postgres"


def test_other_patience_is_another_connection(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    used()
    monkeypatch.setenv("ORDERPOOL_STATEMENT_TIMEOUT_S", "7")
    settings.cache_clear()

    with transaction() as conn:
        assert conn.execute("show statement_timeout").fetchone() == ("7s",)


def test_an_old_one_is_replaced(database: str) -> None:
    kept = KeptConnections(connect, 1, lifetime_s=0)
    with kept.lent("here") as conn:
        before = backend(conn)

    with kept.lent("here") as conn:
        assert backend(conn) != before


def test_no_more_than_wanted_are_kept_idle(database: str) -> None:
    kept = KeptConnections(connect, 1)
    with kept.lent("here") as first, kept.lent("here") as second:
        pass

    assert first.closed
    assert not second.closed


def test_a_forked_process_leaves_its_parents_connection_alone(database: str) -> None:
    before = used()
    child = os.fork()
    if not child:
        os._exit(0 if used() != before else 1)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert used() == before


def hold_and_fail() -> None:
    with session_lock("%s, 1", (7,), 0.2):
        raise ZeroDivisionError


class TestALock:
    def test_who_waits_too_long_does_not_get_it(self, database: str) -> None:
        with session_lock("%s, 1", (7,), 1) as first, session_lock("%s, 1", (7,), 0.2) as second:
            assert first is not None
            assert second is None

    def test_it_is_given_up_at_the_end_also_after_an_error(self, database: str) -> None:
        with pytest.raises(ZeroDivisionError):
            hold_and_fail()

        with session_lock("%s, 1", (7,), 0.2) as mine:
            assert mine is not None

    def test_the_next_has_the_same_connection_with_its_usual_patience(self, database: str) -> None:
        with session_lock("%s, 1", (7,), 0.2) as mine:
            assert mine is not None
            before = backend(mine)
            usual = mine.execute("show statement_timeout").fetchone()

        with session_lock("%s, 1", (8,), 0.2) as mine:
            assert mine is not None
            assert backend(mine) == before
            assert mine.execute("show statement_timeout").fetchone() == usual == ("5min",)
            assert mine.execute(
                "select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()"
            ).fetchone() == (1,)

    def test_one_whose_server_ended_is_lost_and_replaced(self, database: str) -> None:
        with session_lock("%s, 1", (7,), 0.2) as mine:
            assert mine is not None
            end(backend(mine))

        with session_lock("%s, 1", (7,), 0.2) as mine:
            assert mine is not None
