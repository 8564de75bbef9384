"""Work that the database ends in favour of another is done again, a bounded number of times."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import psycopg
import pytest

from models.database import Connection, connect, in_transaction


def test_two_that_wait_for_each_other_both_get_done(database: str) -> None:
    with connect(autocommit=True) as conn:
        conn.execute("create table seat (id int primary key, taken int not null)")
        conn.execute("insert into seat values (1, 0), (2, 0)")
    meet = Barrier(2)

    def both(first: int, second: int) -> int:
        tries = 0

        def work(conn: Connection) -> int:
            nonlocal tries
            tries += 1
            conn.execute("update seat set taken = taken + 1 where id = %s", (first,))
            if tries == 1:
                meet.wait(10)
            conn.execute("update seat set taken = taken + 1 where id = %s", (second,))
            return tries

        return in_transaction(work)

    with ThreadPoolExecutor(2) as threads:
        tries = list(threads.map(both, (1, 2), (2, 1)))

    assert sorted(tries) == [1, 2]
    with connect() as conn:
        assert conn.execute("select taken from seat order by id").fetchall() == [(2,), (2,)]


def test_what_fails_each_time_is_told_after_the_third(database: str) -> None:
    tries = []

    def work(conn: Connection) -> None:
        tries.append(1)
        raise psycopg.errors.DeadlockDetected("deadlock detected")

    with pytest.raises(psycopg.errors.DeadlockDetected):
        in_transaction(work)

    assert len(tries) == 3


def test_a_connection_whose_other_end_is_gone_is_closed_within_a_minute(database: str) -> None:
    with connect() as conn:
        given = conn.info.get_parameters()

    # else a machine that is gone would keep its locks for two hours
    for side in (given, dict(part.split("=") for part in given["options"].split(" ") if "=" in part)):
        prefix = "" if side is given else "tcp_"
        idle, again, times = (int(side[f"{prefix}keepalives_{name}"]) for name in ("idle", "interval", "count"))
        assert idle + again * times <= 60
    assert int(given["tcp_user_timeout"]) <= 60_000
