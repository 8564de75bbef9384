"""Pushes that correct a carrier or give a number up, over the whole way from a stored push to the outbox."""

import json
from datetime import timedelta
from hashlib import md5
from typing import Any

import pytest

from models.database import transaction
from models.messages import OutboxKind
from models.sealing import seal
from tasks.corrections import AGAIN_AFTER, correct_carriers
from tasks.inbox import keep
from tasks.outbox import deliver
from tasks.parcel_numbers import Correction, renumber_parcel
from tasks.setup import add_carrier
from tasks.track import work_off_inbox
from tests.clocks import StoppedClock
from tests.fakes import NOON, FakePool, why
from tests.tasks.shipping import dispatched, report

SALT = "s4lt"


@pytest.fixture
def left(pool: FakePool, stopped: StoppedClock) -> FakePool:
    """Two parcels of one order on their way, followed."""
    add_carrier("kuaidi100", {"key": "k", "customer": "c"})
    dispatched(pool)
    assert report(pool, {"YT000001": {1: 3}, "YT000002": {2: 1}}) == ""
    with transaction() as conn:
        conn.execute("update parcel set salt_enc = %s", (seal(SALT),))
        conn.execute("update outbox set state = 'delivered', delivered_at = %s where kind = 'subscribe'", (NOON,))
    return pool


def push(pool: FakePool, waybill: str, **content: Any) -> str:
    """Let the vendor push about a parcel; gives why that was ignored."""
    ((token,),) = pool.rows("select callback_token from parcel where waybill = %s order by id limit 1", waybill)
    param = json.dumps(
        {"status": "polling", "autoCheck": "0", "comOld": "", "comNew": "", **content}, ensure_ascii=False
    )
    form = {"param": param, "sign": md5((param + SALT).encode()).hexdigest().upper()}
    with transaction() as conn:
        keep(conn, "carrier:kuaidi100", f"{token}:{md5(param.encode()).hexdigest()}", json.dumps(form))
        work_off_inbox(conn, why())
    return str(pool.rows("select note from inbox order by id desc limit 1")[0][0])


def result(*scans: tuple[str, str], carrier: str = "yuantong") -> dict[str, Any]:
    rows = [{"context": f"scan {at}", "ftime": f"2026-11-20 {at}:00", "statusCode": code} for at, code in scans]
    return {"state": scans[0][1] if scans else "0", "com": carrier, "data": rows}


def parcel(pool: FakePool, waybill: str = "YT000001") -> tuple[Any, ...]:
    return pool.rows("select carrier, stage, note from parcel where waybill = %s order by id", waybill)[0]


def again(pool: FakePool) -> list[tuple[Any, ...]]:
    return pool.rows("select key, state, next_at, batch_id from outbox where key like %s order by id", "%-again")


# another carrier


def test_a_carrier_that_the_vendor_only_names_is_no_loss_and_no_change(left: FakePool) -> None:
    push(left, "YT000001", status="abort", message="3天查询无记录", comNew="shentong", lastResult=result())

    assert parcel(left) == ("yuantong", "label_created", "")
    assert again(left) == []


def test_data_of_the_right_carrier_correct_the_parcel_and_tell_its_order(left: FakePool) -> None:
    told = result(("13:00", "103"), carrier="shentong")
    push(left, "YT000001", autoCheck="1", comOld="yuantong", comNew="shentong", lastResult=told)

    assert parcel(left) == ("shentong", "collected", "carrier corrected from yuantong")
    assert left.rows("select detail from event where what = 'carrier_corrected'") == [
        ({"parcel": "YT000001", "from": "yuantong", "to": "shentong"},)
    ]


def test_a_correction_that_is_told_again_is_nothing_new(left: FakePool) -> None:
    told: dict[str, Any] = {
        "autoCheck": "1",
        "comNew": "shentong",
        "lastResult": result(("13:00", "103"), carrier="shentong"),
    }
    push(left, "YT000001", **told)

    assert push(left, "YT000001", message="again", **told) == "nothing new"
    assert left.rows("select count(*) from event where what = 'carrier_corrected'") == [(1,)]


def test_a_number_that_another_parcel_has_at_that_carrier_stops_nobody(left: FakePool) -> None:
    left.execute("update parcel set waybill = 'YT000001', carrier = 'shentong' where waybill = 'YT000002'")
    told = result(("13:00", "103"), carrier="shentong")
    ignored = push(left, "YT000001", autoCheck="1", comOld="yuantong", comNew="shentong", lastResult=told)

    assert ignored == ""
    assert parcel(left) == (
        "yuantong",
        "collected",
        "is said to be by shentong, where another parcel has its number",
    )


def test_two_parcels_of_one_number_never_become_one_carriers(left: FakePool) -> None:
    left.execute("update parcel set waybill = 'YT000001', carrier = 'zhongtong' where waybill = 'YT000002'")
    left.execute("update parcel set callback_token = 'token-' || id")
    with transaction() as conn:
        changed = correct_carriers(conn, {1: "shentong", 2: "shentong"}, why())

    assert changed == {1}
    assert left.rows("select carrier from parcel order by id") == [("shentong",), ("zhongtong",)]


def test_what_can_be_no_carrier_is_not_taken_for_one(left: FakePool) -> None:
    told = result(("13:00", "103"))
    push(left, "YT000001", autoCheck="1", comNew="<script>" * 30, lastResult=told)

    assert parcel(left)[0] == "yuantong"


# given up


def given_up(pool: FakePool, waybill: str = "YT000001", **content: Any) -> str:
    told = {"status": "abort", "message": "3天查询无记录", "lastResult": result(), **content}
    return push(pool, waybill, **told)


def test_a_number_given_up_is_noted_and_subscribed_once_more_after_half_an_hour(left: FakePool) -> None:
    assert given_up(left) == ""

    assert parcel(left)[2] == "given up by carrier: 3天查询无记录"
    assert again(left) == [("subscribe-1-again", "pending", NOON + AGAIN_AFTER, None)]
    assert timedelta(minutes=30) < AGAIN_AFTER


def test_it_waits_for_its_time(left: FakePool, stopped: StoppedClock) -> None:
    given_up(left)
    sent: list[int] = []

    def send(counterpart: str, pending: Any) -> dict[int, Any]:
        return {message.id: lambda m=message: sent.append(m.subject_id) for message in pending}

    for minutes in (0, 29, 31):
        stopped.at = NOON + timedelta(minutes=minutes)
        deliver("carrier:kuaidi100", send, (OutboxKind.SUBSCRIBE,), why())
        assert sent == ([1] if minutes == 31 else [])


def test_given_up_twice_it_is_not_subscribed_a_third_time(left: FakePool) -> None:
    given_up(left)
    left.execute("update outbox set state = 'delivered', delivered_at = %s where key like %s", NOON, "%-again")
    push(left, "YT000001", lastResult=result(("13:00", "103")))
    given_up(left, message="60天无变化")

    assert len(again(left)) == 1
    assert parcel(left)[2] == "given up by carrier: 60天无变化"


def test_four_subscriptions_in_a_month_are_enough(left: FakePool) -> None:
    left.execute("update parcel set renumbered = 3 where id = 1")
    for revision in (2, 3, 4):
        left.execute(
            """insert into outbox (kind, counterpart, subject_id, revision, key, state, attempts, in_doubt, next_at,
                 last_error, created_at)
               values ('subscribe', 'carrier:kuaidi100', 1, %s, %s, 'delivered', 1, false, %s, '', %s)""",
            revision,
            f"subscribe-1-{revision}",
            NOON,
            NOON,
        )
    given_up(left)

    assert again(left) == []
    assert parcel(left)[2].startswith("given up by carrier")


def test_a_scan_that_comes_after_all_takes_the_note_back(left: FakePool) -> None:
    given_up(left)
    push(left, "YT000001", lastResult=result(("13:00", "103")))

    assert parcel(left) == ("yuantong", "collected", "")
    assert left.rows("select dropped_at from parcel where id = 1") == [(None,)]


def test_what_was_delivered_is_neither_lost_nor_subscribed_again(left: FakePool) -> None:
    given_up(left)
    push(left, "YT000001", lastResult=result(("13:00", "3")))
    given_up(left, message="60天无变化")

    assert [row[1] for row in again(left)] == ["withdrawn"]
    assert parcel(left) == ("yuantong", "delivered", "")


def test_a_corrected_number_takes_the_further_subscription_of_the_wrong_one_back(left: FakePool) -> None:
    given_up(left)
    with transaction() as conn:
        renumber_parcel(conn, Correction("YT000001", "YT000009"), why())

    assert [row[1] for row in again(left)] == ["withdrawn"]
    assert left.rows("select dropped_at, note from parcel where id = 1") == [(None, "was yuantong YT000001")]
