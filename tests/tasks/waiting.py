"""Waiting in tests until another transaction waits."""

from time import monotonic, sleep

from tests.fakes import FakePool


def wait_for_a_lock(pool: FakePool) -> None:
    """Return once somebody waits for a row that another one holds."""
    until = monotonic() + 10
    while monotonic() < until:
        if pool.rows("select 1 from pg_locks where not granted and locktype = 'transactionid'"):
            return
        sleep(0.02)
    raise AssertionError("nobody waits for a lock")
