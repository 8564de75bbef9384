"""What becomes of units that a warehouse closes a document without: by a rule, or by a person."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from models.database import transaction
from models.errors import SetupError
from models.remainder import ShortWay
from models.rules.hold_words import hold_words
from models.rules.returns import ReturnKind, Verdict
from models.settings import clock
from tasks import desk, place_again
from tasks.confirm import apply_confirmations
from tasks.ledger import Movement, book
from tasks.place_again import Placed, place_remainders
from tasks.reconcile import reconcile
from tasks.resume import end_waits
from tasks.shop_settings import set_shop
from tasks.short_rule import set_warehouse_rule
from tasks.validate import validate_batch
from tests.clocks import TickingClock
from tests.fakes import FakePool, payload
from tests.tasks.at_the_desk import place
from tests.tasks.feeding import count
from tests.tasks.merged import cause, events, finished, person, resumed, through, validated
from tests.tasks.returning import announced, arrived, inspected, shipped
from tests.tasks.shipping import Shop

pytestmark = pytest.mark.usefixtures("ticking")


@pytest.fixture
def sent(pool: FakePool, ticking: TickingClock) -> Iterator[FakePool]:
    """An order of 5 TEA and 1 CUP in a document of WH-A, which has both; WH-B has none."""
    pool.stock(TEA=5, CUP=1, TEA_B=0)
    order(pool, TEA=5, CUP=1)
    yield pool
    assert pool.untrue() == []
    assert reconcile() == []
    assert adds_up(pool)


def order(pool: FakePool, **units: int) -> None:
    """One more order at its warehouse."""
    batch_id = validated(pool, units, receiver=None)
    through(batch_id)
    finished(pool, batch_id)
    pool.execute("update outbox set state = 'delivered'")


def adds_up(pool: FakePool) -> bool:
    """Of every dispatched line: ordered = shipped + open + what lacked and is settled or open."""
    return (
        pool.rows(
            """select l.order_id from order_line l join order_state s using (order_id)
           where s.stage = 'dispatched' and l.quantity <> (
             select coalesce(sum(a.quantity), 0) from allocation a where a.order_id = l.order_id
               and a.line_no = l.line_no) - (
             select coalesce(sum(r.units), 0) from remainder r where r.order_id = l.order_id
               and r.line_no = l.line_no and r.state = 'placed')"""
        )
        == []
    )


def rule(way: str) -> None:
    set_shop("WOO", {"short_ship": way})


def no(pool: FakePool, which: int = 1) -> str:
    return str(pool.rows("select no from outbound_document order by id")[which - 1][0])


def leaves(pool: FakePool, which: int, box: str, final: bool = True, **lines: int) -> list[str]:
    """The which-th document leaves with so many units of its lines l1, l2, ..., and whether it is closed by that."""
    numbered = [{"line_no": name[1:], "qty": units} for name, units in lines.items()]
    packages = [{"package_no": box, "tracking_no": box, "carrier_code": "yuantong", "lines": numbered}]
    data = {"outbound_no": no(pool, which), "packages": packages, "final": final}
    found = pool.rows("select w.code from outbound_document d join warehouse w on w.id = d.warehouse_id where no = %s",
                      data["outbound_no"])[0][0]  # fmt: skip
    return says(found, {"type": "outbound.shipped", "data": data})


def says(warehouse: str, envelope: dict[str, Any]) -> list[str]:
    with transaction() as conn:
        outcomes = apply_confirmations(conn, [(1, warehouse, envelope)], cause())
    return [outcomes[1].ignored]


def comes(pool: FakePool, sku: str, units: int, warehouse: str = "WH-A") -> None:
    """Units come to a warehouse now."""
    ((place, sku_id),) = pool.rows("select w.id, k.id from warehouse w, sku k where (w.code, k.code) = (%s, %s)",
                                   warehouse, sku)  # fmt: skip
    with transaction() as conn:
        book(conn, [Movement(place, sku_id, units, "received", "IB1", clock().now())], clock().now())


def resume() -> Placed:
    with transaction() as conn:
        return place_remainders(conn, cause())


def remainders(pool: FakePool) -> list[tuple[Any, ...]]:
    return pool.rows(
        """select k.code, r.units, r.way, r.state from remainder r join sku k on k.id = r.sku_id
           order by r.document_id, r.line_no"""
    )


def documents(pool: FakePool) -> list[tuple[Any, ...]]:
    """Warehouse and state of every document, oldest first."""
    return pool.rows(
        """select w.code, d.state from outbound_document d join warehouse w on w.id = d.warehouse_id order by d.id"""
    )


class TestTheRule:
    def test_a_person_decides_unless_told_otherwise(self, sent: FakePool) -> None:
        leaves(sent, 1, "YT1", l1=3, l2=1)
        resume()

        assert remainders(sent) == [("TEA", 2, "hold", "open")]
        ((sentence, evidence),) = sent.rows("select sentence, evidence from hold where released_at is null")
        assert sentence.endswith(": 2 of TEA lack; a person decides what becomes of it")
        assert hold_words("SHIPPED_SHORT", evidence, sentence)[1].endswith("缺 TEA 2 件，待人工决定如何处理")
        assert documents(sent) == [("WH-A", "short")]
        assert sent.locked("TEA") == 0

    @pytest.mark.parametrize(
        ("shop", "warehouse", "way"),
        [
            ("", "", "hold"),
            ("", "refund", "refund"),
            ("back_order", "", "back_order"),
            ("back_order", "refund", "back_order"),
            ("hold", "reroute", "hold"),
        ],
    )
    def test_the_shop_goes_before_the_warehouse(self, sent: FakePool, shop: str, warehouse: str, way: str) -> None:
        rule(shop)
        set_warehouse_rule("WH-A", warehouse, person())

        leaves(sent, 1, "YT1", l1=3, l2=1)

        assert [row[2] for row in remainders(sent)] == [way]

    def test_a_word_that_is_none_is_refused(self, sent: FakePool) -> None:
        with pytest.raises(SetupError, match="want one of hold, reroute, refund, back_order, not 'forget'"):
            rule("forget")
        with pytest.raises(SetupError, match=r"warehouse WH-A: .*want one of hold"):
            set_warehouse_rule("WH-A", "forget", person())
        with pytest.raises(SetupError, match="warehouse WH-X: is not in the pool"):
            set_warehouse_rule("WH-X", "hold", person())

    def test_a_warehouse_that_picks_short_tells_it_early_and_moves_nothing(self, sent: FakePool) -> None:
        rule("reroute")
        lines = [{"line_no": "1", "short_qty": 2}, {"line_no": "2", "short_qty": 9}, {"line_no": "8", "short_qty": 1}]
        data = {"outbound_no": no(sent), "proposal": "PARTIAL_SHIP", "lines": lines}

        says("WH-A", {"type": "outbound.short_picked", "data": data})
        resume()

        assert events(sent, "1", "picked_short") == [
            {"document": no(sent), "proposal": "PARTIAL_SHIP", "way": "reroute", "units": {"TEA": 2}}
        ]
        assert (documents(sent), sent.locked("TEA"), sent.holds()) == ([("WH-A", "picked")], 5, {})


class TestRerouting:
    def test_another_warehouse_sends_what_lacked(self, sent: FakePool) -> None:
        rule("reroute")
        sent.deliver_more("TEA", 4, "WH-B")
        leaves(sent, 1, "YT1", l1=3, l2=1)

        assert resume() == Placed([1])

        assert documents(sent) == [("WH-A", "short"), ("WH-B", "created")]
        assert remainders(sent) == [("TEA", 2, "reroute", "placed")]
        assert (sent.locked("TEA"), sent.holds(), sent.stages()) == (2, {}, {"1": "dispatched"})
        assert events(sent, "1", "rest_placed") == [{"lacked": no(sent), "units": {"TEA": 2}, "warehouses": ["WH-B"]}]
        assert sent.rows("select count(*) from outbox where kind = 'outbound.created' and state = 'pending'") == [(1,)]
        assert resume() == Placed()

    def test_the_order_is_complete_with_the_second_document(self, sent: FakePool) -> None:
        rule("reroute")
        sent.deliver_more("TEA", 4, "WH-B")
        leaves(sent, 1, "YT1", l1=3, l2=1)
        resume()

        leaves(sent, 2, "YD1", l1=2)

        assert documents(sent) == [("WH-A", "short"), ("WH-B", "shipped")]
        assert sent.rows("select state, count(*) from lock where turn > 1 group by 1") == [("consumed", 1)]
        assert sent.rows("select on_hand from stock where sku_id = 1 order by warehouse_id") == [(2,), (2,)]

    def test_what_lay_there_by_the_books_is_not_sent_from_the_same_shelf(self, sent: FakePool) -> None:
        rule("reroute")
        leaves(sent, 1, "YT1", l1=3, l2=1)

        assert resume() == Placed(refused={1: "no warehouse can send it now"})

        assert remainders(sent) == [("TEA", 2, "hold", "open")]
        ((sentence, evidence),) = sent.rows("select sentence, evidence from hold where released_at is null")
        assert sentence.endswith("no warehouse can send it now, and a person decides what becomes of it")
        assert "目前没有仓库可发，待人工决定" in hold_words("SHIPPED_SHORT", evidence, sentence)[1]

    def test_a_second_document_may_lack_units_as_well(self, sent: FakePool) -> None:
        rule("reroute")
        sent.deliver_more("TEA", 4, "WH-B")
        leaves(sent, 1, "YT1", l1=3, l2=1)
        resume()
        leaves(sent, 2, "YD1", l1=1)
        assert sent.holds() == {"1": ["SHIPPED_SHORT"]}

        assert resume().done == []
        comes(sent, "TEA", 1)
        assert desk.settle_short([1], ShortWay.REROUTE, "it came", person()).done == [1]
        leaves(sent, 3, "YT2", l1=1)

        assert documents(sent) == [("WH-A", "short"), ("WH-B", "short"), ("WH-A", "shipped")]
        tea = sent.rows("select turn, warehouse_id, quantity, shipped from allocation where line_no = 1 order by 1")
        assert tea == [(1, 1, 5, 3), (2, 2, 2, 1), (3, 1, 1, 1)]
        assert sent.holds() == {}

    def test_what_a_line_lacks_altogether_is_sent_too(self, sent: FakePool) -> None:
        rule("reroute")
        sent.deliver_more("TEA", 9, "WH-B")
        leaves(sent, 1, "YT1", l1=0, l2=1)

        resume()
        leaves(sent, 2, "YD1", l1=5)

        assert documents(sent) == [("WH-A", "short"), ("WH-B", "shipped")]

    def test_an_order_that_waits_for_something_else_is_not_sent(self, sent: FakePool) -> None:
        rule("reroute")
        sent.deliver_more("TEA", 4, "WH-B")
        leaves(sent, 1, "YT1", l1=3, l2=1)
        place("CHANGED_LATE")

        assert resume() == Placed()
        decided = desk.settle_short([1], ShortWay.BACK_ORDER, "the buyer waits", person())
        assert decided.done == [1]
        refused = desk.settle_short([1], ShortWay.REROUTE, "now", person()).refused
        assert refused == {1: "order 1: cannot reroute 2 of TEA; it is held for CHANGED_LATE"}
        rule("reroute")
        sent.execute("update remainder set way = 'reroute'")

        desk.release([1], "CHANGED_LATE", "asked the buyer", person())
        assert resume().done == [1]

    def test_a_refund_under_way_keeps_it_back(self, sent: FakePool) -> None:
        rule("reroute")
        sent.deliver_more("TEA", 4, "WH-B")
        leaves(sent, 1, "YT1", l1=3, l2=1)
        sent.execute("update order_line set state = 'refunding' where line_no = 1")

        assert resume() == Placed()
        refused = desk.settle_short([1], ShortWay.REROUTE, "now", person()).refused
        assert refused == {1: "order 1: cannot reroute 2 of TEA; a refund of it is under way"}

    def test_held_orders_do_not_starve_the_others(self, sent: FakePool, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(place_again, "AT_ONCE", 1)
        rule("reroute")
        sent.deliver_more("TEA", 3)
        order(sent, TEA=3)
        sent.deliver_more("TEA", 4, "WH-B")
        leaves(sent, 1, "YT1", l1=3, l2=1)
        leaves(sent, 2, "YT2", l1=2)
        place("CHANGED_LATE")

        assert resume().done == [2]

    def test_one_that_cannot_be_written_stops_no_other(self, sent: FakePool) -> None:
        rule("reroute")
        sent.deliver_more("TEA", 3)
        order(sent, TEA=3)
        sent.deliver_more("TEA", 4, "WH-B")
        leaves(sent, 1, "YT1", l1=3, l2=1)
        leaves(sent, 2, "YT2", l1=2)
        sent.execute(
            """insert into lock (order_id, line_no, sku_id, warehouse_id, quantity, state, locked_at, turn)
               select 1, 1, k.id, w.id, 1, 'open', now(), 2 from sku k, warehouse w
               where (k.code, w.code) = ('TEA', 'WH-B')"""
        )

        assert resume() == Placed([2], {1: "its document cannot be written (ix_lock_open)"})

        sent.execute("delete from lock where order_id = 1 and turn = 2")
        assert sent.holds() == {"1": ["SHIPPED_SHORT"]}

    def test_a_line_that_the_shop_refunded_meanwhile_is_dropped(self, sent: FakePool) -> None:
        rule("reroute")
        sent.deliver_more("TEA", 4, "WH-B")
        leaves(sent, 1, "YT1", l1=3, l2=1)
        sent.execute("update order_line set state = 'closed' where line_no = 1")

        assert resume().done == []

        assert remainders(sent) == [("TEA", 2, "reroute", "dropped")]
        assert (documents(sent), sent.holds()) == ([("WH-A", "short")], {})

    def test_a_line_that_the_shop_closed_as_shipped_is_sent_all_the_same(self, sent: FakePool) -> None:
        rule("reroute")
        shop = Shop()
        sent.deliver_more("TEA", 4, "WH-B")
        leaves(sent, 1, "YT1", l1=3, l2=1)
        shop.tell()
        sent.execute("update order_line set state = 'closed' where line_no = 1")

        assert resume().done == [1]

    def test_what_the_shop_cancelled_meanwhile_is_dropped(self, sent: FakePool) -> None:
        rule("reroute")
        sent.deliver_more("TEA", 4, "WH-B")
        leaves(sent, 1, "YT1", l1=3, l2=1)

        sent.take([payload(1, 9, "cancelled", units={"TEA": 5, "CUP": 1})], run="news")
        resume()

        assert remainders(sent) == [("TEA", 2, "reroute", "dropped")]
        assert (documents(sent), sent.holds()) == ([("WH-A", "short")], {"1": ["CHANGED_LATE"]})

    def test_two_runs_at_once_send_it_once(self, sent: FakePool) -> None:
        rule("reroute")
        sent.deliver_more("TEA", 4, "WH-B")
        leaves(sent, 1, "YT1", l1=3, l2=1)

        with ThreadPoolExecutor(2) as both:
            done = [found.done for found in both.map(lambda _: resume(), range(2))]

        assert sorted(done) == [[], [1]]
        assert sent.locked("TEA") == 2

    def test_what_others_have_locked_is_not_sold_twice(self, sent: FakePool) -> None:
        rule("reroute")
        sent.deliver_more("TEA", 1, "WH-B")
        leaves(sent, 1, "YT1", l1=3, l2=1)

        assert resume().done == []
        assert sent.locked("TEA") == 0


class TestRefunding:
    def test_it_is_closed_for_the_buyer_and_owed(self, sent: FakePool) -> None:
        rule("refund")

        leaves(sent, 1, "YT1", l1=3, l2=1)
        resume()

        assert remainders(sent) == [("TEA", 2, "refund", "refunded")]
        assert events(sent, "1", "refund_owed") == [{"units": {"TEA": 2}, "refund_fen": 4000}]
        ((sentence, evidence),) = sent.rows("select sentence, evidence from hold where released_at is null")
        assert sentence.endswith("it is closed for the buyer, who is to get the money back")
        assert hold_words("SHIPPED_SHORT", evidence, sentence)[1].endswith("待给买家退款（40.00 元）")
        assert (sent.locked("TEA"), documents(sent)) == (0, [("WH-A", "short")])


class TestBackOrders:
    def test_it_waits_without_a_lock_until_stock_comes(self, sent: FakePool) -> None:
        rule("back_order")
        leaves(sent, 1, "YT1", l1=3, l2=1)

        resume()
        assert (remainders(sent), sent.locked("TEA")) == ([("TEA", 2, "back_order", "open")], 0)
        assert sent.holds() == {"1": ["SHIPPED_SHORT"]}

        comes(sent, "TEA", 1)
        assert resume().done == [1]
        leaves(sent, 2, "YT2", l1=2)
        assert (documents(sent), sent.holds()) == ([("WH-A", "short"), ("WH-A", "shipped")], {})

    def test_it_goes_before_new_orders(self, sent: FakePool) -> None:
        rule("back_order")
        leaves(sent, 1, "YT1", l1=3, l2=1)
        order(sent, TEA=6)
        assert sent.holds() == {"1": ["SHIPPED_SHORT"], "2": ["SHORT_STOCK"]}

        comes(sent, "TEA", 4)
        resumed(sent)

        assert sent.holds() == {"2": ["SHORT_STOCK"]}


class TestAPersonDecides:
    @pytest.fixture
    def short(self, sent: FakePool) -> FakePool:
        """The order, of which 2 TEA lack, before a person."""
        leaves(sent, 1, "YT1", l1=3, l2=1)
        return sent

    def test_reroute_sends_at_once(self, short: FakePool) -> None:
        short.deliver_more("TEA", 4, "WH-B")

        decided = desk.settle_short([1, 77], ShortWay.REROUTE, "the buyer waits", person())

        assert (decided.done, decided.refused) == ([1], {77: "order id 77: is not in the pool"})
        assert (documents(short), short.holds()) == ([("WH-A", "short"), ("WH-B", "created")], {})

    def test_reroute_is_refused_where_nothing_can_send_it(self, short: FakePool) -> None:
        decided = desk.settle_short([1], ShortWay.REROUTE, "the buyer waits", person())

        assert decided.done == []
        assert decided.refused == {1: "order 1: cannot reroute 2 of TEA; no warehouse can send it now"}
        assert remainders(short) == [("TEA", 2, "hold", "open")]

    def test_back_order_waits(self, short: FakePool) -> None:
        assert desk.settle_short([1], ShortWay.BACK_ORDER, "the buyer waits", person()).done == [1]
        short.deliver_more("TEA", 4, "WH-B")
        assert resume().done == [1]

    def test_refund_owes_the_buyer(self, short: FakePool) -> None:
        assert desk.settle_short([1], ShortWay.REFUND, "the buyer asks", person()).done == [1]

        assert events(short, "1", "refund_owed") == [
            {"units": {"TEA": 2}, "refund_fen": 4000, "reason": "the buyer asks"}
        ]
        again = desk.settle_short([1], ShortWay.REROUTE, "after all", person())
        assert again.refused == {1: "order 1: cannot reroute what lacks of it; nothing does, or it is settled"}

    def test_what_is_released_is_settled_elsewhere(self, short: FakePool) -> None:
        desk.settle_short([1], ShortWay.BACK_ORDER, "the buyer waits", person())
        assert desk.release([1], "SHIPPED_SHORT", "sent from the office", person()).done == [1]

        short.deliver_more("TEA", 4, "WH-B")
        assert (resume(), short.holds()) == (Placed(), {})
        assert remainders(short) == [("TEA", 2, "back_order", "dropped")]

    def test_a_person_and_the_run_meet(self, short: FakePool) -> None:
        desk.settle_short([1], ShortWay.BACK_ORDER, "the buyer waits", person())
        short.deliver_more("TEA", 4, "WH-B")

        with ThreadPoolExecutor(2) as both:
            refunding = both.submit(desk.settle_short, [1], ShortWay.REFUND, "asked again", person())
            placing = both.submit(resume)
            outcome = (refunding.result().done, placing.result().done)

        assert outcome in {(1,): ([1], []), (): ([], [1])}.values()
        ((_, _, _, state),) = remainders(short)
        assert state == ("refunded" if outcome == ([1], []) else "placed")

    def test_reroute_that_nothing_can_send_says_so_in_its_hold(self, short: FakePool) -> None:
        desk.settle_short([1], ShortWay.REROUTE, "the buyer waits", person())

        ((sentence,),) = short.rows("select sentence from hold where released_at is null")
        assert "no warehouse can send it now" in sentence


class TestTellingTheShop:
    def test_the_last_parcel_is_that_of_the_last_document(self, sent: FakePool) -> None:
        rule("reroute")
        shop = Shop()
        comes(sent, "TEA", 4, "WH-B")
        leaves(sent, 1, "YT1", l1=3, l2=1)
        assert (shop.tell(), shop.told[0].last_parcel) == (["YT1"], False)
        resume()
        leaves(sent, 2, "YD1", l1=2)

        assert (shop.tell(), shop.told[1].last_parcel) == (["YD1"], True)

    @pytest.mark.parametrize("way", ["hold", "refund"])
    def test_it_is_the_first_where_nothing_more_is_sent(self, sent: FakePool, way: str) -> None:
        rule(way)
        shop = Shop()
        leaves(sent, 1, "YT1", l1=3, l2=1)

        assert (shop.tell(), shop.told[0].last_parcel) == (["YT1"], True)

    def test_a_shop_that_takes_all_numbers_at_once_waits_for_what_is_rerouted(self, sent: FakePool) -> None:
        shop = Shop(numbers_at_once="yes", tracking_unit="order", short_ship="reroute")
        comes(sent, "TEA", 4, "WH-B")
        leaves(sent, 1, "YT1", l1=3, l2=1)
        assert shop.tell() == []
        resume()
        leaves(sent, 2, "YD1", l1=2)

        assert sorted(shop.tell()) == ["YD1", "YT1"]

    def test_it_is_told_as_soon_as_nothing_can_be_rerouted(self, sent: FakePool) -> None:
        shop = Shop(numbers_at_once="yes", tracking_unit="order", short_ship="reroute")
        leaves(sent, 1, "YT1", l1=3, l2=1)
        resume()

        assert shop.tell() == ["YT1"]


def test_the_components_that_a_kit_lacked_are_sent_by_themselves(pool: FakePool) -> None:
    pool.stock(LEAF=4, POT=2)
    pool.kit("GIFT", LEAF=2, POT=1)
    order(pool, GIFT=2)
    rule("reroute")
    leaves(pool, 1, "YT1", l1=4, l2=1)
    comes(pool, "POT", 1)

    assert resume().done == [1]
    leaves(pool, 2, "YT2", l1=1)

    assert documents(pool) == [("WH-A", "short"), ("WH-A", "shipped")]
    assert (pool.untrue(), reconcile()) == ([], [])


def test_a_kit_of_which_a_part_lacks_is_owed_whole(pool: FakePool) -> None:
    pool.stock(LEAF=4, POT=2)
    pool.kit("GIFT", LEAF=2, POT=1)
    order(pool, GIFT=2)
    rule("refund")

    leaves(pool, 1, "YT1", l1=4, l2=1)

    assert events(pool, "1", "refund_owed") == [{"units": {"POT": 1}, "refund_fen": 2000}]
    assert reconcile() == []


def test_a_kit_whose_parts_lack_in_two_documents_is_owed_once(pool: FakePool) -> None:
    Shop(tracking_unit="units")
    pool.stock(LEAF=2, POT=1, LEAF_B=2, POT_B=1)
    pool.kit("GIFT", LEAF=2, POT=1)
    order(pool, GIFT=2)
    rule("refund")

    leaves(pool, 1, "YT1", l1=2, l2=0)
    leaves(pool, 2, "YT2", l1=0, l2=1)  # the buyer can put one kit together

    assert [owed["refund_fen"] for owed in events(pool, "1", "refund_owed")] == [2000, 0]


def test_a_line_in_two_warehouses_is_rerouted_to_one_that_still_has_its_other_half(pool: FakePool) -> None:
    Shop(tracking_unit="units")
    pool.stock(TEA=6, TEA_B=4)
    order(pool, TEA=10)
    assert documents(pool) == [("WH-A", "created"), ("WH-B", "created")]
    rule("reroute")
    pool.deliver_more("TEA", 3, "WH-B")
    leaves(pool, 1, "YT1", l1=4)

    assert resume().done == [1]

    leaves(pool, 2, "YD1", l1=4)
    leaves(pool, 3, "YD2", l1=2)
    assert documents(pool) == [("WH-A", "short"), ("WH-B", "shipped"), ("WH-B", "shipped")]
    assert (pool.untrue(), reconcile()) == ([], [])


def test_a_replacement_that_lacks_units_is_neither_told_nor_refunded(pool: FakePool) -> None:
    pool.stock(TEA=10, CUP=10)
    set_shop("WOO", {"numbers_at_once": "yes", "tracking_unit": "order"})
    order_id = shipped(pool)
    inspected(arrived(announced(order_id, {1: 2}, kind=ReturnKind.EXCHANGE)), TEA=Verdict(good=2))
    for batch_id in end_waits(cause()).batch_ids:
        through(batch_id, validate_batch)
        through(batch_id)
    rule("refund")
    told = pool.rows("select key from outbox where kind = 'ship_back'")

    leaves(pool, 2, "YT9", l1=1)

    assert remainders(pool) == [("TEA", 1, "hold", "open")]
    desk.settle_short([2], ShortWay.REFUND, "settled", person())
    assert pool.rows("select key from outbox where kind = 'ship_back'") == told


def test_what_one_of_several_merged_orders_lacks_leaves_by_itself(pool: FakePool) -> None:
    pool.stock(TEA=6, CUP=2)
    batch_id = validated(pool, {"TEA": 3}, {"TEA": 3})
    through(batch_id)
    finished(pool, batch_id)
    rule("reroute")
    leaves(pool, 1, "YT1", l1=3, l2=1)
    comes(pool, "TEA", 1)

    assert resume().done == [2]
    leaves(pool, 2, "YT2", l1=2)

    assert documents(pool) == [("WH-A", "short"), ("WH-A", "shipped")]
    assert (pool.untrue(), reconcile()) == ([], [])


class TestShippableAlthoughNothingIsSellable:
    def test_safety_stock_above_all_there_is(self, sent: FakePool) -> None:
        sent.keep_safe(TEA=9)
        assert sent.rows("select on_hand - locked - safety from sku_pool order by sku_id")[0] == (-9,)

        assert leaves(sent, 1, "YT1", l1=5, l2=1) == [""]

        assert documents(sent) == [("WH-A", "shipped")]

    def test_a_count_below_what_is_locked(self, sent: FakePool) -> None:
        count({"TEA": 2}, 1)
        assert sent.rows("select missing, on_hand - locked from stock order by sku_id, warehouse_id")[0] == (3, 0)

        assert leaves(sent, 1, "YT1", l1=5, l2=1) == [""]

        assert documents(sent) == [("WH-A", "shipped")]
        assert sent.rows("select state, count(*) from lock where warehouse_id is not null group by 1") == [
            ("consumed", 2)
        ]
