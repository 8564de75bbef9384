"""Platform versions in any order, however often, with stages in between: the pool ends as the newest version wants."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.database import transaction
from tasks.resume import resume_waiting
from tests.fakes import NOON, FakePool, payload, why
from tests.shared_pool import emptied

MOVED = payload(3)["shipping"] | {"address_1": "滨江区江南大道9号", "phone": "13700000000"}
VERSIONS: tuple[dict[str, Any], ...] = (
    payload(1, 0, "pending", {"TEA": 1}),
    payload(1, 1, "processing", {"TEA": 1}),
    payload(1, 2, "processing", {"TEA": 3, "CUP": 1}),
    payload(2, 0, "processing", {"CUP": 2}),
    payload(2, 1, "on-hold", {"CUP": 2}),
    payload(2, 5, "cancelled", {"CUP": 2}),
    payload(3, 3, "processing", {"POT": 1}, customer_note="快点"),
    payload(3, 4, "processing", {"POT": 1}, customer_note="快点", shipping=MOVED),
    payload(4, 1, "cancelled", {"TEA": 2}),
    payload(4, 2, "processing", {"TEA": 2}),
    payload(5, 1, "processing", {"TEA": 2, "CUP": 1}, total="0.00"),
    payload(5, 2, "processing", {"TEA": 2, "CUP": 1}, refunds=[{"id": 1, "total": "-20.00"}]),
    payload(6, 1, "processing", {"POT": 1}),
    payload(6, 2, "completed", {"POT": 1}),
)


def state(pool: FakePool) -> tuple[Any, ...]:
    money = pool.rows("select order_no, goods_fen, refunded_fen, paid_fen, not_ready from orders order by 1")
    return pool.orders(), pool.holds(), money, [pool.locked(sku) for sku in ("TEA", "CUP", "POT")]


def fresh_pool() -> FakePool:
    pool = FakePool()
    pool.stock(TEA=10, CUP=10, POT=10)
    return pool


def finish(pool: FakePool) -> tuple[Any, ...]:
    pool.through_the_stages()
    with transaction() as conn:
        count = resume_waiting(conn, why("resume", NOON))
    pool.through_the_stages(batches=count.batch_ids)
    return state(pool)


@pytest.fixture(scope="module")
def expected(stage_database: str) -> tuple[Any, ...]:
    """The pool when only the newest version of each order is ever read."""
    newest = {version["id"]: version for version in VERSIONS}
    with emptied(stage_database):
        pool = fresh_pool()
        pool.take(list(newest.values()))
        return finish(pool)


@settings(max_examples=25, deadline=None)
@given(
    reading=st.permutations(range(len(VERSIONS))),
    again=st.lists(st.integers(0, len(VERSIONS) - 1), max_size=6),
    windows=st.integers(1, 5),
    to=st.sampled_from(["validate", "lock_stock", "route"]),
)
def test_the_pool_ends_as_the_newest_versions_want_it(
    stage_database: str,
    expected: tuple[Any, ...],
    reading: list[int],
    again: list[int],
    windows: int,
    to: str,
) -> None:
    read = [VERSIONS[index] for index in [*reading, *again]]
    size = -(-len(read) // windows)
    with emptied(stage_database):
        pool = fresh_pool()
        for number, first in enumerate(range(0, len(read), size)):
            pool.take(read[first : first + size], run=f"run-{number}")
            pool.through_the_stages(to=to)

        assert finish(pool) == expected
        assert pool.untrue() == []
        assert pool.rows("select count(*) from amended_line") == [(0,)]


def test_the_same_versions_again_after_dispatch_change_nothing(pool: FakePool) -> None:
    pool.stock(TEA=10, CUP=10, POT=10)
    pool.take(list({version["id"]: version for version in VERSIONS}.values()))
    before = finish(pool)

    pool.take(list(VERSIONS), run="run-2")

    assert finish(pool) == before
    assert pool.rows("select count(*) from document_block") == [(0,)]
