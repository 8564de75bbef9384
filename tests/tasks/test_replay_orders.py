"""Orders that were read wrongly are read again: corrected, held, and let go when a person says so."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from models.errors import SetupError
from models.settings import settings
from tasks.replay import replay_shop
from tasks.windows import only_run_of
from tests.fakes import NOON, FakePool, payload
from tests.tasks.replaying import SINCE, UNTIL, go_on, read_with, replay

UNPAID = ("processing: ready", "processing: unpaid")


@pytest.fixture
def misread(pool: FakePool) -> FakePool:
    """Three paid orders of TEA that were read as unpaid; the mapping is mended by now."""
    pool.stock(TEA=10)
    read_with(pool, UNPAID)
    pool.take([payload(n) for n in (1, 2, 3)])
    pool.through_the_stages()
    assert pool.holds() == {"1": ["UNPAID"], "2": ["UNPAID"], "3": ["UNPAID"]}
    read_with(pool)
    return pool


def test_a_replay_corrects_what_was_read_wrongly_and_holds_it(misread: FakePool) -> None:
    count = replay()

    assert (count.read, count.changed, count.held) == (3, 3, 3)
    assert dict(count.fields) == {"pay_state": 3, "order.paid_fen": 3}
    assert misread.rows("select distinct pay_state from orders") == [("ready",)]
    assert misread.holds() == {"1": ["REPLAYED"], "2": ["REPLAYED"], "3": ["REPLAYED"]}


def test_a_replay_alone_sends_nothing_anywhere(misread: FakePool) -> None:
    replay()

    assert go_on(misread) == 0
    assert misread.open_batches() == []
    assert misread.rows("select count(*) from outbox") == [(0,)]


def test_its_batch_is_a_closed_one_of_the_replay(misread: FakePool) -> None:
    (batch_id,) = replay().batch_ids

    assert misread.rows("select origin, state, joined from batch where id = %s", batch_id) == [("replay", "closed", 3)]


def test_a_second_replay_changes_nothing(misread: FakePool) -> None:
    replay()
    before = misread.rows("select (select count(*) from event), (select count(*) from hold), count(*) from batch")

    count = replay()

    assert (count.read, count.same, count.changed, count.held) == (3, 3, 0, 0)
    after = misread.rows("select (select count(*) from event), (select count(*) from hold), count(*) from batch")
    assert after == before


def test_go_on_lets_the_orders_through_at_once(misread: FakePool) -> None:
    assert replay(go_on=True).released == 3

    assert go_on(misread) == 3
    assert set(misread.stages().values()) == {"dispatched"}
    assert misread.holds() == {}
    assert misread.untrue() == []


def test_a_later_go_on_releases_what_an_earlier_replay_left_waiting(misread: FakePool) -> None:
    replay()

    count = replay(go_on=True)

    assert (count.changed, count.released) == (0, 3)
    assert go_on(misread) == 3
    assert misread.holds() == {}


def test_go_on_of_a_part_of_the_span_releases_that_part(pool: FakePool) -> None:
    read_with(pool, UNPAID)
    pool.take([payload(1), payload(2, minute=-3 * 24 * 60)])
    pool.execute("update orders set stored_at = modified_at")
    read_with(pool)
    replay_shop("WOO", NOON - timedelta(5), UNTIL, "person:li")

    assert replay(go_on=True).released == 1
    assert pool.holds() == {"2": ["REPLAYED"]}


def test_a_dry_run_counts_the_same_and_writes_nothing(misread: FakePool) -> None:
    dump = "select (select max(id) from event), (select count(*) from batch), (select count(*) from mapping_version)"
    before = misread.orders(), misread.rows(dump)

    count = replay(dry_run=True)

    assert (count.read, count.changed, count.held) == (3, 3, 0)
    assert (misread.orders(), misread.rows(dump)) == before


def test_the_platform_version_stays_the_revision_it_was(misread: FakePool) -> None:
    replay()

    assert (
        misread.rows("""select w.revision, w.mapping_version_id = max(w.mapping_version_id) over () from raw_order w""")
        == [(1, True)] * 3
    )
    assert misread.rows("select count(*) from mapping_version") == [(2,)]


def test_orders_past_review_are_listed_and_left_alone(pool: FakePool) -> None:
    pool.stock(TEA=10)
    pool.take([payload(1)])
    pool.through_the_stages()
    before = pool.orders()
    read_with(pool, ("paid_at: date_paid_gmt", "paid_at: date_created_gmt"))

    count = replay()

    assert (count.read, count.past_review, count.changed) == (1, 1, 0)
    assert count.listed == [("1", ("order.paid_at",))]
    assert pool.orders() == before
    assert pool.holds() == {}


def test_what_the_platform_changed_after_dispatch_is_no_matter_of_reading(pool: FakePool) -> None:
    pool.stock(TEA=10)
    pool.take([payload(1)])
    pool.through_the_stages()
    pool.take([payload(1, 1, units={"TEA": 5})], run="run-2")

    assert (replay().same, replay().past_review) == (1, 0)


def test_a_locked_order_keeps_its_stock_and_locks_what_it_wants_now(pool: FakePool) -> None:
    pool.stock(TEA=10)
    read_with(pool, ("quantity: quantity", "quantity: {from: quantity, table: {'2': '1'}, otherwise: keep}"))
    pool.take([payload(1, units={"TEA": 2})])
    pool.through_the_stages(to="lock_stock")
    assert pool.locked() == 1
    read_with(pool)

    replay(go_on=True)
    assert pool.locked() == 1
    go_on(pool)

    assert pool.stages() == {"1": "dispatched"}
    assert pool.locked() == 2
    assert pool.untrue() == []


def test_a_routed_order_has_no_document_yet_and_begins_again(pool: FakePool) -> None:
    pool.stock(TEA=10)
    read_with(pool, ("title: name", "title: sku"))
    pool.take([payload(1)])
    pool.through_the_stages(to="route")
    read_with(pool, ("title: name", "title: id"))

    replay()

    assert pool.stages() == {"1": "ingested"}
    assert pool.rows("select title from order_line") == [("10",)]
    assert (pool.locked(), pool.untrue()) == (1, [])
    assert pool.rows("select count(*) from lock where state = 'open' and warehouse_id is not null") == [(0,)]


def test_an_order_read_as_cancelled_comes_alive(pool: FakePool) -> None:
    pool.stock(TEA=10)
    read_with(pool, ("processing: ready", "processing: cancelled"))
    pool.take([payload(1)])
    pool.through_the_stages()
    assert pool.stages() == {"1": "cancelled"}
    read_with(pool)

    replay(go_on=True)
    go_on(pool)

    assert pool.stages() == {"1": "dispatched"}


def test_an_order_that_was_and_stays_cancelled_is_corrected_and_waits_for_nobody(pool: FakePool) -> None:
    read_with(pool, ("title: name", "title: id"))
    pool.take([payload(1, status="cancelled")])
    pool.through_the_stages()
    read_with(pool)

    count = replay()

    assert (count.changed, count.held) == (1, 0)
    assert pool.stages() == {"1": "cancelled"}
    assert pool.rows("select title from order_line") == [("TEA",)]


def test_a_receiver_read_from_the_wrong_place_is_replaced_even_by_nothing(pool: FakePool) -> None:
    read_with(pool, ("phone: [shipping.phone, billing.phone]", "phone: shipping.address_1"))
    pool.take([payload(1)])
    read_with(pool, ("phone: [shipping.phone, billing.phone]", "phone: billing.phone"))

    replay()

    assert pool.rows("select phone_enc is null, phone_hash is null, phone_last4 from receiver") == [(True, True, "")]


def test_a_fuller_receiver_of_an_earlier_version_survives(pool: FakePool) -> None:
    first = payload(1)
    blank = {**first["shipping"], "phone": ""}
    pool.take([first])
    pool.take([payload(1, 1, shipping=blank, customer_note="左边")], run="run-2")
    before = pool.rows("select phone_last4 from receiver")
    read_with(pool, ("title: name", "title: id"))

    count = replay()

    assert dict(count.fields) == {"line.title": 1}
    assert pool.rows("select phone_last4 from receiver") == before == [("0001",)]


def test_a_payload_is_cut_anew_by_the_present_mapping(pool: FakePool) -> None:
    pool.take([payload(1, meta={"coupon": "from Li Lei"})])
    read_with(pool, ("  - billing\n", "  - billing\n  - meta\n"), ("title: name", "title: id"))

    replay()

    ((body,),) = pool.rows("select body from raw_order")
    assert "Li Lei" not in body
    assert replay().same == 1


def test_an_order_that_takes_another_platform_id_keeps_its_place(pool: FakePool) -> None:
    read_with(pool, ("external_id: id", "external_id: {from: id, table: {'1': W-1}, otherwise: keep}"))
    pool.take([payload(1)])
    read_with(pool)

    replay()

    assert pool.take([payload(1, 1)], run="run-2").stored == 0
    assert pool.rows("select external_id from orders") == [("1",)]


def test_an_order_whose_new_platform_id_is_taken_is_left_alone(pool: FakePool) -> None:
    read_with(pool, ("external_id: id", "external_id: {from: id, table: {'1': W-1}, otherwise: keep}"))
    pool.take([payload(1)])
    read_with(pool)
    pool.take([payload(1, 1)], run="run-2")

    count = replay()

    assert (count.changed, count.unreadable) == (0, 1)
    assert count.obstacles == [("1", "order 1: reads as platform id 1, which another order has")]


def test_an_order_the_mapping_cannot_read_any_more_keeps_what_was_read(pool: FakePool) -> None:
    pool.take([payload(1), payload(2)])
    before = pool.orders()
    read_with(pool, ("processing: ready", "in-process: ready"))

    count = replay()

    assert (count.read, count.unreadable, len(count.obstacles)) == (2, 2, 2)
    assert pool.orders() == before


def test_orders_outside_of_the_span_are_not_read(misread: FakePool) -> None:
    before = [SINCE - timedelta(1)] * 2
    misread.execute("update orders set modified_at = %s, stored_at = %s where order_no = '2'", *before)

    assert replay().read == 2


def test_a_shop_another_run_is_busy_with_is_not_replayed(pool: FakePool) -> None:
    with (
        only_run_of("WOO"),
        pytest.raises(SetupError, match="shop WOO: cannot be replayed now; another run is busy with it"),
    ):
        replay_shop("WOO", SINCE, UNTIL, "person:li", wait_s=1)


def test_two_replays_at_once_end_as_one(misread: FakePool) -> None:
    with ThreadPoolExecutor(2) as both:
        counts = list(both.map(lambda _: replay(), range(2)))

    assert sorted((count.changed, count.same) for count in counts) == [(0, 3), (3, 0)]
    assert misread.rows("select count(*) from hold where code = 'REPLAYED'") == [(3,)]


@pytest.mark.parametrize("shop", ["NONE", "WOO"])
def test_a_span_that_ends_before_it_begins_or_an_unknown_shop_is_a_clear_error(pool: FakePool, shop: str) -> None:
    with pytest.raises(SetupError, match=f"shop {shop}: "):
        replay_shop(shop, UNTIL if shop == "WOO" else SINCE, UNTIL, "person:li")


def test_two_replays_of_which_one_stops_half_way_end_as_one(misread: FakePool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERPOOL_BATCH_SIZE", "1")
    settings.cache_clear()

    class Killed(BaseException):
        pass

    def die(done: int) -> None:
        if done == 2:
            raise Killed

    with pytest.raises(Killed):
        replay_shop("WOO", SINCE, UNTIL, "person:li", progress=die)
    count = replay()

    assert (count.same, count.changed) == (2, 1)
    assert misread.holds() == {"1": ["REPLAYED"], "2": ["REPLAYED"], "3": ["REPLAYED"]}
    assert misread.rows("select count(*) from hold where code = 'REPLAYED'") == [(3,)]
