"""What the order desk decides, at each stage: whom it stops, what of the stock is given back, and how it goes on."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from models.database import transaction
from models.errors import SetupError
from models.hold import Finding, HoldCode, place_holds
from models.rules.hold_ends import ENDED_BY_NAME, ENDS_OTHERWISE, MAY_END, REVIEWED
from tasks import desk
from tasks.decided import Decided
from tasks.store import Arrival
from tests.fakes import NOON, WOO, FakePool, payload, why
from tests.tasks.at_the_desk import LI, STAGES, STOPS, brought_to, is_true, place, resumed


@pytest.mark.parametrize("stage", STAGES)
def test_a_held_order_keeps_its_stock_and_leaves_once_it_is_released(pool: FakePool, stage: str) -> None:
    brought_to(pool, stage)
    locked = pool.locked()

    assert desk.hold([1], "asks for a gift box", LI).done == [1]
    assert (pool.holds(), pool.locked()) == ({"1": ["MANUAL"]}, locked)
    resumed(pool)
    assert pool.stages()["1"] != "dispatched"

    assert desk.release([1], "MANUAL", "packed", LI).done == [1]
    resumed(pool)
    assert pool.stages() == {"1": "dispatched"}
    assert is_true(pool)


@pytest.mark.parametrize("stage", STAGES)
def test_a_rejected_order_frees_its_stock_and_starts_over_once_it_is_released(pool: FakePool, stage: str) -> None:
    brought_to(pool, stage)

    assert desk.reject([1], "a reseller", LI).done == [1]
    assert (pool.holds(), pool.locked()) == ({"1": ["REJECTED"]}, 0)
    assert pool.rows("select 1 from allocation") == []
    resumed(pool)
    assert (pool.stages(), pool.locked()) == ({"1": "ingested" if stage == "ingested" else "validated"}, 0)
    assert is_true(pool)

    desk.release([1], "REJECTED", "he is not", LI)
    resumed(pool)
    assert (pool.stages(), pool.holds()) == ({"1": "dispatched"}, {})
    assert is_true(pool)


@pytest.mark.parametrize("stage", STAGES)
def test_a_cancelled_order_gives_everything_back_and_stays(pool: FakePool, stage: str) -> None:
    brought_to(pool, stage)
    place("REMARK")

    assert desk.cancel([1], "the buyer called", LI) == Decided([1])
    assert (pool.stages(), pool.holds(), pool.locked()) == ({"1": "cancelled"}, {}, 0)
    assert resumed(pool) == 0
    assert pool.rows("select actor, detail from event where what = 'called_off'") == [
        ("person:li", {"reason": "the buyer called"})
    ]
    assert is_true(pool)


def test_an_unsent_instruction_is_withdrawn_with_the_decision(pool: FakePool) -> None:
    brought_to(pool, "dispatched")

    desk.hold([1], "asks for a gift box", LI)

    assert pool.rows("select state from outbox") == [("withdrawn",)]
    assert pool.rows("select sentence from hold") == [
        ("stopped by li: asks for a gift box; OB20261120000001 was not sent yet and is taken back",)
    ]


@pytest.mark.parametrize("wish", STOPS)
def test_an_order_that_shared_the_document_leaves_by_a_new_one(pool: FakePool, wish: str) -> None:
    brought_to(pool, "dispatched", orders=2)
    pool.execute("update allocation set document_id = (select min(id) from outbound_document)")
    pool.execute("delete from outbox where subject_id <> (select min(id) from outbound_document)")
    pool.execute("delete from outbound_document where id <> (select min(id) from outbound_document)")

    assert STOPS[wish]([1], "only this one", LI).done == [1]
    resumed(pool)

    assert pool.stages()["2"] == "dispatched"
    assert pool.stages()["1"] != "dispatched"
    assert is_true(pool)


def test_a_cancelled_order_is_neither_held_nor_rejected(pool: FakePool) -> None:
    brought_to(pool, "locked")
    desk.cancel([1], "the buyer called", LI)

    assert desk.hold([1], "too late", LI).refused == {1: "order 1: cannot hold; it is cancelled"}
    assert desk.reject([1], "too late", LI).refused == {1: "order 1: cannot reject; it is cancelled"}


@pytest.mark.parametrize("wish", STOPS)
@pytest.mark.parametrize("stage", ["locked", "dispatched"])
def test_a_decision_made_twice_is_made_once(pool: FakePool, wish: str, stage: str) -> None:
    brought_to(pool, stage)
    first = STOPS[wish]([1], "looked at it", LI)
    told = pool.rows("select count(*) from event")

    assert STOPS[wish]([1], "looked at it", LI) == first
    assert pool.rows("select count(*) from event") == told


def test_one_bad_order_does_not_stop_the_others(pool: FakePool) -> None:
    brought_to(pool, "locked", orders=2)
    desk.cancel([2], "the buyer called", LI)

    decided = desk.reject([1, 2, 99], "resellers", LI)

    assert decided.done == [1]
    assert decided.refused == {
        2: "order 2: cannot reject; it is cancelled",
        99: "order id 99: is not in the pool",
    }


@pytest.mark.parametrize("wish", [*STOPS, "approve"])
def test_a_decision_needs_a_reason(pool: FakePool, wish: str) -> None:
    with pytest.raises(SetupError, match="without a reason; say why"):
        getattr(desk, wish)([1], "  ", LI)


def test_a_reason_is_kept_without_phones(pool: FakePool) -> None:
    brought_to(pool, "locked")

    desk.hold([1], "call 13912345678\nfirst", LI)

    (told,) = pool.rows("select h.sentence, h.evidence, e.detail from hold h join event e on e.what = 'held'")
    assert told[0] == "stopped by li: call 139****5678 first"
    assert told[1] == {"reason": "call 139****5678 first", "by": "li"}
    assert told[2]["reason"] == "call 139****5678 first"


def test_a_timed_hold_ends_in_time_for_the_promise(pool: FakePool) -> None:
    brought_to(pool, "locked", orders=2)
    pool.execute("update orders set ship_by = %s where id = 1", NOON + timedelta(hours=30))

    desk.hold([1, 2], "until Monday", LI, until=NOON + timedelta(hours=60))

    assert pool.rows("select order_id, release_at - %s from hold order by 1", NOON) == [
        (1, timedelta(hours=6)),
        (2, timedelta(hours=60)),
    ]
    resumed(pool, hours=7)
    assert pool.stages() == {"1": "dispatched", "2": "locked"}


def test_an_order_that_may_not_wait_at_all_is_not_held_for_a_time(pool: FakePool) -> None:
    brought_to(pool, "locked")
    pool.execute("update orders set ship_by = %s", NOON + timedelta(hours=20))

    assert desk.hold([1], "until Monday", LI, until=NOON + timedelta(hours=60)) == Decided(
        [],
        {1: "order 1: cannot hold for a time; to keep its promise it had to be with its warehouse by 2026-11-20 08:00"},
    )


def test_a_time_that_is_over_is_refused(pool: FakePool) -> None:
    with pytest.raises(SetupError, match="cannot be held until 2026-11-20 11:00: that is over"):
        desk.hold([1], "until then", LI, until=NOON - timedelta(hours=1))


def test_a_promise_that_moves_forward_ends_the_wait_earlier(pool: FakePool) -> None:
    brought_to(pool, "locked")
    desk.hold([1], "until Monday", LI, until=NOON + timedelta(hours=60))
    sooner = payload(1, 1, units={"TEA": 3})
    reader = pool.reader("run-2")
    reader.add([Arrival(replace(WOO.read(sooner), ship_by=NOON + timedelta(hours=30)), sooner)], [])
    reader.finish()

    assert pool.rows("select release_at - %s from hold", NOON) == [(timedelta(hours=6),)]


def test_a_presale_waits_as_long_as_a_promise_that_moves_allows(pool: FakePool) -> None:
    brought_to(pool, "locked")
    finding = Finding(HoldCode.PRESALE, "not yet", {"skus": ["TEA"], "from": "2026-11-25"}, NOON + timedelta(hours=30))
    with transaction() as conn:
        place_holds(conn, [(1, finding)], LI)

    def promised(version: int, hours: int) -> timedelta:
        changed = payload(1, version, units={"TEA": 3})
        reader = pool.reader(f"run-{version + 1}")
        reader.add([Arrival(replace(WOO.read(changed), ship_by=NOON + timedelta(hours=hours)), changed)], [])
        reader.finish()
        ((left,),) = pool.rows("select release_at - %s from hold", NOON)
        assert isinstance(left, timedelta)
        return left

    assert promised(1, 48) == timedelta(hours=24)
    assert promised(2, 100) == timedelta(hours=76)
    assert promised(3, 1000) == timedelta(days=4, hours=12)


@pytest.mark.parametrize("code", ["MANUAL", "REJECTED"])
def test_what_a_person_decided_survives_news_of_the_shop(pool: FakePool, code: str) -> None:
    brought_to(pool, "locked")
    (desk.hold if code == "MANUAL" else desk.reject)([1], "not this one", LI)

    pool.take([payload(1, 1, units={"TEA": 4})], run="run-2")
    pool.through_the_stages()

    assert pool.holds() == {"1": [code]}
    assert pool.locked() == (4 if code == "MANUAL" else 0)


def test_an_order_that_a_person_cancelled_does_not_come_alive_silently(pool: FakePool) -> None:
    brought_to(pool, "dispatched")
    desk.cancel([1], "the buyer called", LI)

    pool.take([payload(1, 1, units={"TEA": 4})], run="run-2")
    pool.through_the_stages()

    assert (pool.stages(), pool.holds(), pool.locked()) == ({"1": "validated"}, {"1": ["REJECTED"]}, 0)
    assert pool.rows("select sentence from hold where released_at is null") == [
        ("cancelled by li at 2026-11-20 12:00 (China): the buyer called; the shop changed it since",)
    ]
    desk.release([1], "REJECTED", "she wants it after all", LI)
    resumed(pool)
    assert pool.stages() == {"1": "dispatched"}


@pytest.mark.parametrize("news", ["cancelled", "called_off"])
def test_a_rejected_order_ends_with_the_shops_cancellation(pool: FakePool, news: str) -> None:
    brought_to(pool, "locked")
    desk.reject([1], "a reseller", LI)

    pool.take([payload(1, 1, "cancelled" if news == "cancelled" else "processing", units={"TEA": 3})], run="run-2")
    if news == "called_off":
        pool.execute("update order_line set state = 'closed'")
        desk.release([1], "REJECTED", "to be placed anew", LI)
        place("REJECTED")
    pool.through_the_stages(batches=[1] if news == "called_off" else None)

    assert (pool.stages(), pool.holds()) == ({"1": "cancelled"}, {})


def test_every_hold_has_one_way_to_end() -> None:
    assert set(HoldCode) == ENDS_OTHERWISE.keys() | MAY_END
    assert not ENDS_OTHERWISE.keys() & MAY_END
    assert not ENDED_BY_NAME.keys() & REVIEWED


def test_approving_ends_every_doubt_and_the_order_goes_on(pool: FakePool) -> None:
    brought_to(pool, "locked")
    place(*REVIEWED)

    assert desk.approve([1], "called the buyer", LI) == Decided([1])
    assert pool.holds() == {}
    assert pool.rows("select distinct detail->>'reason' from event where what = 'released'") == [("called the buyer",)]
    resumed(pool)
    assert pool.stages() == {"1": "dispatched"}


def test_approving_tells_what_still_holds_and_what_ends_it(pool: FakePool) -> None:
    brought_to(pool, "validated")
    place("REMARK", "REFUNDING", "PRESALE")

    assert desk.approve([1], "looked at it", LI).refused == {
        1: "order 1: approved (REMARK), and still held - PRESALE: it ends by itself when its day has come, or is "
        "released by its code; REFUNDING: it ends when the shop says that the refund is withdrawn or done"
    }
    assert pool.holds() == {"1": ["PRESALE", "REFUNDING"]}


@pytest.mark.parametrize("code", sorted(ENDED_BY_NAME))
def test_a_hold_that_approving_says_nothing_about_stays(pool: FakePool, code: HoldCode) -> None:
    brought_to(pool, "validated")
    place(code)

    assert desk.approve([1], "looked at it", LI).refused[1].startswith(f"order 1: cannot approve; {code}: it")
    assert desk.release([1], code, "looked at it", LI).done == [1]


def test_an_order_without_holds_is_not_approved(pool: FakePool) -> None:
    brought_to(pool, "locked")

    assert desk.approve([1], "looked at it", LI).refused == {1: "order 1: cannot approve; it is not held"}


def statements(monkeypatch: pytest.MonkeyPatch, do: Callable[[], object]) -> int:
    counted: list[str] = []
    execute = psycopg.Connection.execute

    def counting(self: Any, query: Any, *arguments: Any, **more: Any) -> Any:
        counted.append(str(query))
        return execute(self, query, *arguments, **more)

    with monkeypatch.context() as patch:
        patch.setattr(psycopg.Connection, "execute", counting)
        do()
    return len(counted)


@pytest.mark.parametrize("wish", [*STOPS, "approve"])
def test_many_orders_take_as_many_statements_as_one(pool: FakePool, monkeypatch: pytest.MonkeyPatch, wish: str) -> None:
    brought_to(pool, "dispatched", orders=500)
    if wish == "approve":
        with transaction() as conn:
            place_holds(conn, [(no, Finding(HoldCode.REMARK, "", {})) for no in range(1, 501)], why())
    decide = getattr(desk, wish)

    for_one = statements(monkeypatch, lambda: decide([1], "looked at it", LI))
    for_many = statements(monkeypatch, lambda: decide(range(2, 501), "looked at them", LI))

    assert for_many == for_one < 80


def test_decisions_beside_running_stages_leave_every_order_whole(pool: FakePool) -> None:
    """Stages of two batches and each decision run at once on the same orders."""
    pool.stock(TEA=200)
    for run in (1, 2):
        pool.take([payload(no, units={"TEA": 1}) for no in range(run * 100, run * 100 + 20)], run=f"run-{run}")
    ids = [row[0] for row in pool.rows("select id from orders order by id")]

    def decide(wish: str, chosen: Sequence[int]) -> None:
        for part in (chosen[: len(chosen) // 2], chosen[len(chosen) // 2 :]):
            STOPS[wish](list(reversed(part)), "looked at it", LI)

    with ThreadPoolExecutor(5) as threads:
        work = [threads.submit(pool.through_the_stages, "track", [batch_id]) for batch_id in pool.open_batches()]
        work += [threads.submit(decide, wish, ids[n::4]) for n, wish in enumerate(STOPS)]
        for done in work:
            done.result(timeout=60)
    pool.execute("update batch set state = 'closed'")
    resumed(pool)

    assert {no for no, codes in pool.holds().items() if codes == ["MANUAL"]} == nos(pool, ids[0::4])
    assert {no for no, codes in pool.holds().items() if codes == ["REJECTED"]} == nos(pool, ids[1::4])
    assert {no for no, stage in pool.stages().items() if stage == "cancelled"} == nos(pool, ids[2::4])
    assert {no for no, stage in pool.stages().items() if stage == "dispatched"} == nos(pool, ids[3::4])
    assert pool.locked() == 20
    assert is_true(pool)


def nos(pool: FakePool, ids: Sequence[int]) -> set[str]:
    return {row[0] for row in pool.rows("select order_no from orders where id = any(%s)", list(ids))}
