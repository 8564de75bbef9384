"""A person's rights: a copy, erasure at once or when nothing is open, and after a restore once more."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from models.database import transaction
from models.errors import SetupError
from models.order import Cause
from models.settings import settings
from tasks.erase import erase_due
from tasks.erasure_journal import apply_journal, read_journal, write_journal
from tasks.erasure_requests import (
    Requested,
    copy_of,
    end_legal_hold,
    open_requests,
    orders_of_person,
    place_legal_hold,
    request_erasure,
)
from tasks.order_search import find_orders
from tasks.reveal import reveal_receiver
from tests.clocks import StoppedClock
from tests.fakes import NOON, FakePool, payload, why
from tests.tasks.returning import announced, shipped

DAY = timedelta(days=1)
PHONE = "13900000001"


@pytest.fixture(autouse=True)
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pool: FakePool) -> Iterator[Path]:
    """The journal of an installation of the test's own."""
    monkeypatch.setenv("ORDERPOOL_ERASURE_JOURNAL", str(tmp_path / "safe" / "erasures.jsonl"))
    settings.cache_clear()
    yield tmp_path / "safe" / "erasures.jsonl"
    monkeypatch.undo()
    settings.cache_clear()


@pytest.fixture
def delivered(pool: FakePool, stopped: StoppedClock) -> int:
    """An order that was delivered at noon."""
    pool.stock(TEA=10, CUP=10)
    order_id = shipped(pool)
    pool.execute("update parcel set stage = 'delivered', stage_at = %s", NOON)
    return order_id


def ask(*order_ids: int, reason: str = "asked by mail", verified: str = "called back") -> Requested:
    with transaction() as conn:
        done = request_erasure(conn, list(order_ids), reason, verified, why())
    write_journal()
    return done


def names_left(pool: FakePool) -> int:
    return int(pool.rows("select count(*) from receiver where name_enc is not null")[0][0])


def test_what_has_ended_goes_at_once(pool: FakePool, delivered: int) -> None:
    done = ask(delivered)

    assert (done.erased, done.waiting, names_left(pool)) == (1, (), 0)
    assert pool.rows("select reason, request_id from erasure") == [("request", done.id)]
    assert pool.rows("select done_at is not null from erasure_request") == [(True,)]


def test_an_open_return_restricts_and_its_end_erases(pool: FakePool, delivered: int) -> None:
    announced(delivered, {1: 1})
    done = ask(delivered)
    assert [order.kept for order in done.waiting] == ["a return is open; a refund is not settled"]
    assert names_left(pool) == 1
    with pytest.raises(SetupError, match="asked for its erasure"):
        reveal_receiver(delivered, "curious", why())
    with transaction() as conn:
        assert find_orders(conn, PHONE).order_ids == []
        assert [(one.id, one.due_at.date().isoformat()) for one in open_requests(conn)] == [(done.id, "2026-12-11")]

    pool.execute("update return_order set state = 'called_off'")
    pool.execute("update refund set state = 'refused', changed_at = %s", NOON + DAY)
    at = NOON + 2 * DAY  # long before the after-sales window is over

    assert erase_due(at, Cause("stage:erase", at)) == 1
    assert pool.rows("select reason, request_id from erasure") == [("request", done.id)]
    with transaction() as conn:
        assert open_requests(conn) == []


def test_an_order_under_way_still_reaches_its_receiver(pool: FakePool) -> None:
    pool.stock(TEA=5)
    pool.take([payload(1)])
    pool.through_the_stages("route")
    ((order_id,),) = pool.rows("select id from orders")

    done = ask(order_id)
    pool.through_the_stages("dispatch", [1])

    assert done.waiting[0].kept == "the order is under way"
    assert (pool.stages(), names_left(pool)) == ({"1": "dispatched"}, 1)


def test_a_request_needs_a_reason_and_somebody_who_made_sure(delivered: int) -> None:
    for given in ({"reason": " "}, {"verified": ""}):
        with pytest.raises(SetupError, match="say both"):
            ask(delivered, **given)


def test_all_orders_of_a_phone_are_found_and_nobody_elses(pool: FakePool) -> None:
    again = payload(3)
    again["shipping"]["phone"] = "+86 139 0000 0001"
    pool.take([payload(1), payload(2), again])
    with transaction() as conn:
        found = orders_of_person(conn, phone="139-0000-0001")

    assert [row[0] for row in pool.rows("select order_no from orders where id = any(%s) order by 1", found)] == [
        "1",
        "3",
    ]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"phone": "139****0001"}, "no whole phone"),
        ({"phone": "13811112222"}, "no order with this phone"),
        ({"order_nos": ["77"]}, "order 77: is not in the pool"),
        ({}, "name a phone or order numbers"),
    ],
)
def test_a_person_who_is_not_found_is_said_so(pool: FakePool, given: dict[str, str], said: str) -> None:
    with transaction() as conn, pytest.raises(SetupError, match=said):
        orders_of_person(conn, **given)


def test_a_number_of_several_shops_is_nobodys_until_the_shop_is_named(pool: FakePool) -> None:
    pool.execute(
        """insert into shop (code, channel, name, active, lock_unpaid, poll_minutes, settings, created_at)
           select 'WOO2', channel, name, active, lock_unpaid, poll_minutes, settings, created_at from shop"""
    )
    pool.take([payload(1), payload(2)])
    pool.execute(
        """update orders set order_no = '1', shop_id = (select id from shop where code = 'WOO2')
           where order_no = '2'"""
    )
    ((theirs,),) = pool.rows("select o.id from orders o join shop s on s.id = o.shop_id where s.code = 'WOO2'")

    with transaction() as conn:
        with pytest.raises(SetupError, match="order 1: 2 orders of WOO, WOO2 have this number: name one with --shop"):
            orders_of_person(conn, order_nos=["1"])
        assert orders_of_person(conn, order_nos=["1"], shop="WOO2") == [theirs]


def test_a_phone_and_a_number_are_one_persons(pool: FakePool) -> None:
    pool.take([payload(1), payload(2), payload(3)])
    ids = [row[0] for row in pool.rows("select id from orders order by order_no")]

    with transaction() as conn:
        assert orders_of_person(conn, phone=PHONE, order_nos=["3"]) == [ids[0], ids[2]]


def test_a_copy_has_all_that_is_known_and_is_noted(pool: FakePool) -> None:
    pool.take([payload(1, customer_note="please ring")])
    ((order_id,),) = pool.rows("select id from orders")
    with transaction() as conn:
        (copy,) = copy_of(conn, [order_id], why())

    assert copy["receiver"] == {
        "name": "欧阳修远",
        "phone": PHONE,
        "province": "浙江省",
        "city": "杭州市",
        "address": "西湖区梧桐里弄1号",
    }
    assert copy["notes"] == {"buyer": "please ring"}
    assert [seen["purpose"] for seen in copy["opened"]] == ["copy"]
    assert json.dumps(copy, default=str)


def test_a_legal_hold_waits_for_its_end(pool: FakePool, delivered: int) -> None:
    with transaction() as conn:
        assert place_legal_hold(conn, [delivered], "suit 17", why()) == 1
        assert place_legal_hold(conn, [delivered], "suit 17", why()) == 0
    assert ask(delivered).waiting[0].kept == "it must be kept for a dispute"

    with transaction() as conn:
        assert end_legal_hold(conn, [delivered], why()) == 1

    assert erase_due(NOON, why()) == 1


class TestRestored:
    """The pool comes back from a copy of before the request."""

    def test_what_was_erased_is_erased_again(self, pool: FakePool, delivered: int) -> None:
        before = pool.rows("select name_enc, phone_enc from receiver")[0]
        ask(delivered)
        self._forget(pool)
        pool.execute("update receiver set erased_at = null, name_enc = %s, phone_enc = %s", *before)

        assert apply_journal(why()) == 1
        assert names_left(pool) == 0
        assert pool.rows("select reason from erasure") == [("restored",)]
        assert apply_journal(why()) == 0

    def test_what_waited_is_restricted_again_under_the_same_day(self, pool: FakePool, delivered: int) -> None:
        announced(delivered, {1: 1})
        done = ask(delivered)
        self._forget(pool)
        pool.execute("update receiver set restricted_at = null")

        assert apply_journal(why()) == 0
        assert pool.rows("select restricted_at is not null from receiver") == [(True,)]
        assert pool.rows("select due_at from erasure_request") == [(done.due_at,)]

    def _forget(self, pool: FakePool) -> None:
        with transaction() as conn:
            conn.execute("set local session_replication_role = replica")
            for table in ("erasure", "erasure_request", "erasure_request_order"):
                conn.execute(f"delete from {table}".encode())


def test_the_journal_names_nobody_and_repeats_nothing(pool: FakePool, delivered: int, journal: Path) -> None:
    ask(delivered)
    text = journal.read_text()

    assert write_journal() == 0
    assert sorted(json.loads(line)["kind"] for line in text.splitlines() if line) == ["asked", "erased"]
    assert PHONE not in text
    assert journal.stat().st_mode & 0o777 == 0o600


def test_orders_of_one_request_that_a_crash_cut_off_are_written_again(pool: FakePool, journal: Path) -> None:
    pool.take([payload(1), payload(2), payload(3)])
    ask(*(row[0] for row in pool.rows("select id from orders")))
    lines = [line for line in journal.read_text().splitlines() if line]
    journal.write_text(f"{lines[0]}\n{lines[1][:30]}")

    assert write_journal() == 2
    assert {line.external_id for line in read_journal(journal)} == {"1", "2", "3"}


def test_a_line_that_a_crash_cut_off_is_written_again(pool: FakePool, delivered: int, journal: Path) -> None:
    ask(delivered)
    whole = journal.read_text()
    journal.write_text(whole[: len(whole) - 20])

    assert write_journal() == 1
    kinds = [json.loads(line)["kind"] for line in journal.read_text().splitlines() if line.endswith("}")]
    assert sorted(kinds) == ["asked", "erased"]
