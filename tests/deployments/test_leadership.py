"""Of several live processes one works."""

import logging
from collections.abc import Iterator

import pytest

from deployments.leadership import LIVE_LOCK, Leadership
from deployments.live import Live, take_turn
from tests.fakes import FakePool


@pytest.fixture
def two(pool: FakePool) -> Iterator[tuple[Leadership, Leadership]]:
    pair = Leadership(), Leadership()
    yield pair
    for one in pair:
        one.give_up()


def disconnect_leader(pool: FakePool) -> None:
    pool.rows(
        """select pg_terminate_backend(pid, 5000) from pg_locks where locktype = 'advisory' and objid = %s and granted
           and database = (select oid from pg_database where datname = current_database())""",
        LIVE_LOCK,
    )


def test_first_leads_and_second_stands_by(two: tuple[Leadership, Leadership]) -> None:
    first, second = two

    assert (first.held(), second.held(), first.held()) == (True, False, True)


def test_second_leads_when_the_first_is_gone(two: tuple[Leadership, Leadership]) -> None:
    first, second = two
    first.held()

    first.give_up()

    assert second.held()


def test_who_lost_its_connection_asks_again(pool: FakePool, two: tuple[Leadership, Leadership]) -> None:
    first, second = two
    first.held()
    disconnect_leader(pool)

    assert second.held()
    assert not first.held()


def test_process_that_stands_by_starts_nothing(
    two: tuple[Leadership, Leadership], caplog: pytest.LogCaptureFixture
) -> None:
    looked: list[str] = []

    def find() -> list[str]:
        looked.append("looked")
        return []

    two[0].held()
    with caplog.at_level(logging.INFO, "orderpool.live"):
        for _ in range(2):
            take_turn(Live(find, lambda _: None), two[1])

    assert looked == []
    assert caplog.messages[0] == "standing by: another live process works"
