"""A warehouse system's own reports, signed and sent over HTTP by the sandbox, are what shelves become."""

from collections.abc import Iterator

import pytest

from models.database import transaction
from models.sealing import seal
from sandbox.server import Sandbox
from tasks.track import work_off_inbox
from tests.fakes import FakePool, why
from tests.sandbox.clients import Inbox, inbox
from tests.tasks.feeding import LATER, stands


@pytest.fixture
def received() -> Iterator[Inbox]:
    with inbox() as kept:
        yield kept


@pytest.fixture
def warehouse(sandbox: Sandbox, received: Inbox, pool: FakePool) -> Sandbox:
    """A warehouse system that has 15 TEA and 4 CUP of which the pool believes to have 20 and 5."""
    pool.stock(TEA=20, CUP=5)
    sandbox.do("POST", "/clock", {"now": "2026-11-20T12:00:00+08:00"})
    sandbox.do("POST", "/warehouses", {"code": "WH-A", "callback_url": received.url, "stock": {"TEA": 15, "CUP": 4}})
    return sandbox


def take(pool: FakePool, received: Inbox) -> None:
    """Store what the warehouse sent, as the hook does, and work it off."""
    for headers, body in received.messages:
        pool.execute(
            """insert into inbox (source, message_id, body_enc, state, note, received_at, erase_after)
               values ('wms:WH-A', %s, %s, 'new', '', %s, %s) on conflict do nothing""",
            headers["webhook-id"],
            seal(body.decode()),
            LATER,
            LATER,
        )
    while True:
        with transaction() as conn:
            if work_off_inbox(conn, why(at=LATER)) is None:
                return


def test_a_snapshot_in_pages_becomes_what_is_on_hand(warehouse: Sandbox, received: Inbox, pool: FakePool) -> None:
    warehouse.do("POST", "/warehouses/WH-A/stock", {"page_items": 1})

    take(pool, received)

    assert (stands(pool), stands(pool, "CUP")) == ((15, 0, 0), (4, 0, 0))
    assert pool.untrue() == []


def test_changes_become_movements(warehouse: Sandbox, received: Inbox, pool: FakePool) -> None:
    warehouse.do("POST", "/warehouses/WH-A/stock", {"change": {"TEA": -2}, "reason": "BROKEN"})
    warehouse.do("POST", "/warehouses/WH-A/stock", {"change": {"CUP": 3}, "reason": "INBOUND"})

    take(pool, received)

    assert (stands(pool), stands(pool, "CUP")) == ((18, 0, 0), (8, 0, 0))
    assert pool.untrue() == []
