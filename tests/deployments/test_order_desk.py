"""`orderpool order hold`, `release`, `approve`, `reject`, `cancel` and `holds` as a person gives them."""

import os
import subprocess
import sys

import pytest

from models.database import transaction
from models.hold import Finding, HoldCode, place_holds
from tests.fakes import FakePool, why


@pytest.fixture
def held(database: str) -> FakePool:
    """Order 1, which was dispatched and which the shop changed since, and order 2, which is validated."""
    pool = FakePool()
    pool.stock(TEA=10)
    pool.batch_of([{"TEA": 1}])
    pool.through_the_stages()
    pool.batch_of([{"TEA": 1}])
    with transaction() as conn:
        place_holds(conn, [(1, Finding(HoldCode.CHANGED_LATE, "for a test", {}))], why())
        place_holds(conn, [(2, Finding(HoldCode.REMARK, "for a test", {}))], why())
    pool.execute("update outbox set state = 'delivered'")
    return pool


def order(*arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "deployments.cli", "order", *arguments],
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_a_person_releases_a_changed_order_by_its_number(held: FakePool) -> None:
    assert order("release", "1", "--code", "changed_late", "--reason", "the warehouse knows") == (
        0,
        "order 1 of WOO: CHANGED_LATE released; it goes on with the next resume_orders run\n",
    )
    assert held.holds() == {"2": ["REMARK"]}
    assert held.rows("select actor like 'person:%', detail->>'reason' from event where what = 'released'") == [
        (True, "the warehouse knows")
    ]


def test_each_order_that_cannot_be_held_is_one_sentence(held: FakePool) -> None:
    code, told = order("hold", "1", "2", "9", "--reason", "gift box", "--until", "2099-01-01 09:00")

    assert code == 1
    assert told.splitlines() == [
        "order 1 of WOO: its warehouse is asked to give it back; it stays there, with its stock, until the answer",
        "order 2 of WOO: held; its stock stays locked",
        "orderpool: order 9: is not in the pool",
    ]
    assert held.rows("select release_at::text from hold where code = 'MANUAL'") == [("2099-01-01 01:00:00+00",)] * 2


def test_open_holds_are_counted_with_what_ends_them(held: FakePool) -> None:
    assert order("holds") == (
        0,
        "CHANGED_LATE              1  since 2026-11-20 12:00  its documents go as they are once it is released by "
        "its code\n"
        "REMARK                    1  since 2026-11-20 12:00  a person ends it: by approving the order, or by its "
        "code\n",
    )


def test_a_number_of_two_shops_asks_for_the_shop(held: FakePool) -> None:
    held.execute(
        """insert into shop (code, channel, name, active, lock_unpaid, poll_minutes, settings, created_at)
           select 'JD', 'jd', name, active, lock_unpaid, poll_minutes, settings, created_at from shop"""
    )
    held.execute("update orders set order_no = '1', shop_id = (select id from shop where code = 'JD') where id = 2")

    assert order("cancel", "1", "--reason", "so") == (
        1,
        "orderpool: order 1: 2 orders of JD, WOO have this number: name one with --shop\n",
    )
    assert order("cancel", "1", "--reason", "so", "--shop", "JD") == (
        0,
        "order 1 of JD: cancelled; its stock is free\n",
    )
