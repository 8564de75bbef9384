"""Reading a shop: whatever comes how often in whatever order, the pool holds each order's newest version once."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.ingest import take_unlisted
from tests.fakes import FakePool, payload
from tests.shared_pool import emptied

VERSIONS: tuple[dict[str, Any], ...] = (
    payload(1, 0, "pending", {"TEA": 1}),
    payload(1, 1, "processing", {"TEA": 1}),
    payload(1, 2, "processing", {"TEA": 3, "CUP": 1}),
    payload(2, 0, "processing", {"CUP": 2}),
    payload(2, 5, "cancelled", {"CUP": 2}),
    payload(3, 3, "processing", {"POT": 1}),
    payload(3, 4, "processing", {"POT": 1}, shipping=payload(33)["shipping"]),
    payload(4, 9, "pending", {"TEA": 2}),
)


def newest_only() -> list[dict[str, Any]]:
    best: dict[int, dict[str, Any]] = {}
    for version in VERSIONS:
        best[version["id"]] = version
    return list(best.values())


@pytest.fixture(scope="module")
def expected(stage_database: str) -> list[tuple[Any, ...]]:
    """The orders when only the newest version of each is ever read."""
    with emptied(stage_database):
        pool = FakePool()
        pool.take(newest_only())
        return pool.orders()


@settings(max_examples=25, deadline=None)
@given(
    reading=st.permutations(range(len(VERSIONS))),
    again=st.lists(st.integers(0, len(VERSIONS) - 1), max_size=8),
    page=st.integers(1, 5),
    windows=st.integers(1, 3),
)
def test_any_order_and_repetition_of_the_same_versions_gives_the_same_orders(
    stage_database: str,
    expected: list[tuple[Any, ...]],
    reading: list[int],
    again: list[int],
    page: int,
    windows: int,
) -> None:
    read = [VERSIONS[index] for index in [*reading, *again]]
    with emptied(stage_database):
        pool = FakePool()
        for number, window in enumerate(batched_in(read, -(-len(read) // windows))):
            pool.take(*batched_in(window, page), run=f"run-{number}")

        assert pool.orders() == expected


def batched_in(rows: list[dict[str, Any]], size: int) -> Iterator[list[dict[str, Any]]]:
    return (rows[first : first + size] for first in range(0, len(rows), size))


def test_an_older_version_read_late_changes_nothing(pool: FakePool) -> None:
    pool.take([payload(1, 5, units={"TEA": 3})])
    before = pool.orders()

    count = pool.take([payload(1, 4, units={"TEA": 1})])

    assert (count.stored, count.joined) == (0, 0)
    assert pool.orders() == before


def test_the_same_window_read_three_times_stores_each_row_once(pool: FakePool) -> None:
    rows = [payload(n) for n in range(1, 41)]
    counts = [pool.take(*batched_in(read, 7)) for read in (rows, rows[::-1], rows + rows[::2])]

    assert [count.stored for count in counts] == [40, 0, 0]
    assert pool.rows("select count(*), count(distinct external_id) from orders") == [(40, 40)]
    assert pool.rows("select count(*) from order_line") == [(40,)]
    assert pool.rows("select count(*) from raw_order") == [(40,)]
    assert pool.rows("select count(*) from batch") == [(1,)]


def test_every_platform_version_is_kept_as_a_revision(pool: FakePool) -> None:
    pool.take([payload(1, 0, "pending")])
    pool.take([payload(1, 1)])

    assert pool.rows("select revision from raw_order order by 1") == [(1,), (2,)]


def test_what_cannot_be_read_is_put_aside_whole_once_and_freed_by_a_good_version(pool: FakePool) -> None:
    broken = payload(1) | {"total": "many"}

    counts = [pool.take([broken, payload(2)]), pool.take([broken])]
    pool.take([payload(1, 1)])

    assert [(count.stored, count.rejected) for count in counts] == [(1, 1), (0, 0)]
    assert pool.rows("select external_id, released_at is not null from quarantined_order") == [("1", True)]
    assert sorted(pool.stages()) == ["1", "2"]


def test_open_orders_that_a_list_does_not_show_are_asked_for(pool: FakePool) -> None:
    pool.stock(TEA=10)
    pool.take([payload(1), payload(2), payload(3, status="cancelled")])
    pool.through_the_stages()
    pool.take([payload(number) for number in range(4, 65)], run="run-2")
    asked: list[str] = []

    def ask(external_id: str) -> dict[str, Any] | None:
        asked.append(external_id)
        return None if external_id == "5" else payload(int(external_id), 9, "on-hold", date_paid_gmt=None)

    reader = pool.reader("run-3")
    reader.take([payload(4, 1)])
    take_unlisted(ask, reader)
    reader.finish()

    assert sorted(map(int, asked)) == list(range(5, 65))
    ready = pool.rows("select order_no from orders where pay_state = 'ready' order by order_no")
    assert [row[0] for row in ready] == ["1", "2", "4", "5"]


def test_a_receivers_payload_is_nowhere_but_sealed(pool: FakePool) -> None:
    pool.take([payload(7)])

    ((body,),) = pool.rows("select body from raw_order")
    assert not any(word in body for word in ("欧阳", "修远", "梧桐里弄", "13900000007"))
