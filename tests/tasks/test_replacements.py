"""Exchanges and goods sent once more: orders of their own that go through the stages, once each."""

from collections.abc import Mapping
from typing import Any
from xml.etree.ElementTree import Element

import pytest

from connectors.wms.qimen_orders import cancel_body, create_body
from connectors.wms.qimen_terms import terms_of
from connectors.wms.qimen_xml import read_xml, text_of
from models.database import transaction
from models.errors import SetupError
from models.rules.purposes import Purpose
from models.rules.returns import RefundState, ReturnKind, ReturnState, Verdict
from models.sealing import unseal
from models.settings import clock
from tasks.desk import cancel
from tasks.erasure_requests import request_erasure
from tasks.merging import merge_by_hand
from tasks.reconcile import reconcile
from tasks.refunds import decide_refund
from tasks.render import render_cancels, render_outbound
from tasks.replacements import make_exchange, reship
from tasks.resume import end_waits
from tasks.return_rows import ReturnRow
from tasks.returns import call_off
from tasks.shop_settings import set_shop
from tasks.validate import validate_batch
from tasks.waiting import waiting_orders
from tests.clocks import TickingClock
from tests.fakes import FakePool, why
from tests.tasks.merged import through
from tests.tasks.returning import announced, arrived, inspected, li, shipped, stock
from tests.tasks.shipping import report


@pytest.fixture
def order_id(pool: FakePool, ticking: TickingClock) -> int:
    """An order of 3 TEA and 1 CUP that left."""
    pool.stock(TEA=10, CUP=10)
    return shipped(pool)


def exchanged(order_id: int, pieces: Mapping[int, int], **more: Any) -> ReturnRow:
    return announced(order_id, pieces, kind=ReturnKind.EXCHANGE, **more)


def orders(pool: FakePool) -> list[str]:
    return [row[0] for row in pool.rows("select order_no from orders order by id")]


def lines(pool: FakePool, no: str) -> list[tuple[Any, ...]]:
    return pool.rows(
        """select l.sku_code, l.quantity, l.paid_fen from order_line l join orders o on o.id = l.order_id
           where o.order_no = %s order by l.line_no""",
        no,
    )


def resumed(pool: FakePool) -> int:
    """What the resume run does; gives how many orders went on."""
    count = end_waits(li())
    for batch_id in count.batch_ids:
        through(batch_id, validate_batch)
        through(batch_id)
        pool.execute("update batch set state = 'closed', closed_at = %s where id = %s", clock().now(), batch_id)
    return count.orders


def document_of(pool: FakePool, no: str) -> tuple[int, str]:
    rows = pool.rows(
        """select distinct d.id, d.no from outbound_document d join allocation a on a.document_id = d.id
           join orders o on o.id = a.order_id where o.order_no = %s""",
        no,
    )
    return int(rows[0][0]), str(rows[0][1])


def test_an_exchange_leaves_when_its_goods_came_back(pool: FakePool, order_id: int) -> None:
    found = exchanged(order_id, {1: 2})
    arrived(found)
    assert orders(pool) == ["1"]
    inspected(found, TEA=Verdict(good=1, defect=1))

    assert orders(pool) == ["1", "1-E1"]
    assert lines(pool, "1-E1") == [("TEA", 2, 0)]
    assert resumed(pool) == 1
    _, no = document_of(pool, "1-E1")
    assert report(pool, {"YT900001": {1: 2}}, no=no) == ""
    assert stock(pool, "TEA") == 10 - 3 + 1 - 2
    # its platform knows no such order: only the first parcel is told
    assert pool.rows("select kind, count(*) from outbox group by 1 order by 1") == [
        ("outbound.created", 2), ("ship_back", 1), ("subscribe", 2),
    ]  # fmt: skip
    assert (pool.untrue(), reconcile()) == ([], [])


def test_an_exchange_goes_to_the_receiver_of_the_order_without_its_notes(pool: FakePool, order_id: int) -> None:
    pool.execute("update receiver set notes_enc = '', invoice_enc = ''")
    inspected(arrived(exchanged(order_id, {1: 1})), TEA=Verdict(good=1))
    rows = pool.rows(
        """select name_enc, phone_enc, address_enc, division_code, notes_enc, invoice_enc from receiver
           order by order_id"""
    )

    assert [unseal(value) for value in rows[0][:3]] == [unseal(value) for value in rows[1][:3]]
    assert rows[0][3] == rows[1][3] != ""
    assert rows[1][4:] == (None, None)


def test_other_goods_may_be_sent_out_instead(pool: FakePool, order_id: int) -> None:
    inspected(arrived(exchanged(order_id, {1: 2}, instead={"CUP": 3})), TEA=Verdict(good=2))

    assert lines(pool, "1-E1") == [("CUP", 3, 0)]


def test_an_exchange_is_made_once_however_often_it_is_asked_for(pool: FakePool, order_id: int) -> None:
    found = exchanged(order_id, {1: 1})
    for _ in range(3):
        with transaction() as conn:
            assert make_exchange(conn, found.id, li()) == "1-E1"
    inspected(arrived(found), TEA=Verdict(good=1))

    assert orders(pool) == ["1", "1-E1"]
    assert (resumed(pool), resumed(pool)) == (1, 0)


def test_a_shop_may_let_exchanges_go_at_arrival(pool: FakePool, order_id: int) -> None:
    set_shop("WOO", {"exchange_ships": "at_arrival"})
    found = arrived(exchanged(order_id, {1: 1}))

    assert found.state is ReturnState.ARRIVED
    assert orders(pool) == ["1", "1-E1"]
    with pytest.raises(SetupError, match=r"exchange_ships: want one of .*after_inspection.*, not 'never'"):
        set_shop("WOO", {"exchange_ships": "never"})


def test_goods_that_are_inspected_as_they_arrive_are_stock_before_the_exchange_leaves(
    pool: FakePool, order_id: int
) -> None:
    set_shop("WOO", {"exchange_ships": "at_arrival"})
    inspected(exchanged(order_id, {1: 1}), TEA=Verdict(good=1))
    inspected(exchanged(order_id, {1: 1}), TEA=Verdict(empty=1))

    assert orders(pool) == ["1", "1-E1"]
    steps = "('return_arrived', 'return_inspected', 'return_closed', 'exchange_made')"
    told = pool.rows(f"select what from event where order_id = %s and what in {steps} order by id limit 4", order_id)
    assert [row[0] for row in told] == ["return_arrived", "return_inspected", "return_closed", "exchange_made"]


def test_an_exchange_order_that_was_cancelled_is_not_taken_for_one_that_leaves(pool: FakePool, order_id: int) -> None:
    found = exchanged(order_id, {1: 1})
    with transaction() as conn:
        make_exchange(conn, found.id, li())
    cancel([2], "so", li())
    with transaction() as conn, pytest.raises(SetupError, match="again; its order 1-E1 was cancelled"):
        make_exchange(conn, found.id, li())
    inspected(arrived(found), TEA=Verdict(good=1))

    assert (orders(pool), stock(pool, "TEA")) == (["1", "1-E1"], 8)


def test_nothing_leaves_by_itself_for_a_box_without_the_goods(pool: FakePool, order_id: int) -> None:
    found = inspected(arrived(exchanged(order_id, {1: 2})), TEA=Verdict(good=1, empty=1))

    assert orders(pool) == ["1"]
    with transaction() as conn:
        assert make_exchange(conn, found.id, li()) == "1-E1"


def test_what_is_no_exchange_is_not_exchanged(pool: FakePool, order_id: int) -> None:
    found, other = announced(order_id, {1: 1}), exchanged(order_id, {1: 1})
    with transaction() as conn:
        with pytest.raises(SetupError, match="cannot be exchanged; it is for money back"):
            make_exchange(conn, found.id, li())
        call_off(conn, other.id, "so", li())
        with pytest.raises(SetupError, match="cannot be exchanged; it is called off"):
            make_exchange(conn, other.id, li())


def test_a_return_whose_exchange_is_under_way_is_not_called_off(pool: FakePool, order_id: int) -> None:
    found = exchanged(order_id, {1: 1})
    with transaction() as conn:
        make_exchange(conn, found.id, li())
    with transaction() as conn, pytest.raises(SetupError, match="order 1-E1 was made for it: cancel that"):
        call_off(conn, found.id, "so", li())

    cancel([2], "so", li())
    with transaction() as conn:
        assert call_off(conn, found.id, "so", li()).state is ReturnState.CALLED_OFF
    assert (resumed(pool), pool.rows("select count(*) from replacement where waits")) == (0, [(0,)])


def test_who_asked_to_be_forgotten_is_forgotten_with_the_exchange_too(pool: FakePool, order_id: int) -> None:
    found = exchanged(order_id, {1: 1})
    with transaction() as conn:
        asked = request_erasure(conn, [order_id], "asked by mail", "called back", why())
    inspected(arrived(found), TEA=Verdict(good=1))

    assert orders(pool) == ["1", "1-E1"]
    assert pool.rows("select count(*) from receiver where restricted_at is null") == [(0,)]
    assert pool.rows("select request_id from erasure_request_order") == [(asked.id,)] * 2


def test_an_erased_receiver_gets_nothing(pool: FakePool, order_id: int) -> None:
    pool.execute("update receiver set erased_at = now()")
    found = inspected(arrived(exchanged(order_id, {1: 1})), TEA=Verdict(good=1))

    assert (found.state, orders(pool)) == (ReturnState.CLOSED, ["1"])
    with transaction() as conn, pytest.raises(SetupError, match="its receiver was erased"):
        make_exchange(conn, found.id, li())


def test_nothing_leaves_by_itself_for_a_buyer_who_now_wants_money(pool: FakePool, order_id: int) -> None:
    found = arrived(exchanged(order_id, {1: 1}))
    with transaction() as conn:
        decide_refund(conn, found.id, RefundState.WANTED, li())
    inspected(found, TEA=Verdict(good=1))

    assert orders(pool) == ["1"]
    with transaction() as conn:
        decide_refund(conn, found.id, RefundState.REFUSED, li(), reason="exchange agreed")
        assert make_exchange(conn, found.id, li()) == "1-E1"
    assert reconcile() == []


def test_an_order_for_nothing_is_held_neither_for_its_amount_nor_as_a_repeat(pool: FakePool, order_id: int) -> None:
    pool.execute("update orders set buyer_key = 'mei'")
    inspected(arrived(exchanged(order_id, {1: 3, 2: 1})), TEA=Verdict(good=3), CUP=Verdict(good=1))
    resumed(pool)

    assert pool.holds() == {}
    assert pool.stages()["1-E1"] == "dispatched"


def test_it_waits_for_its_run_and_says_so(pool: FakePool, order_id: int) -> None:
    inspected(arrived(exchanged(order_id, {1: 1})), TEA=Verdict(good=1))
    with transaction() as conn:
        standings = waiting_orders(conn, clock().now()).standings

    assert [standing.reason.value for standing in standings] == ["resuming"]


def test_it_leaves_alone(pool: FakePool, order_id: int) -> None:
    pool.execute("update receiver set receiver_hash = 'home', masked = false")
    inspected(arrived(exchanged(order_id, {1: 1})), TEA=Verdict(good=1))
    with transaction() as conn:
        reship(conn, order_id, {2: 1}, "lost", li())
    (batch_id,) = end_waits(li()).batch_ids
    through(batch_id, validate_batch)
    pool.execute("update receiver set receiver_hash = 'home', masked = false")
    decided = merge_by_hand([2, 3], "one box", li())
    through(batch_id)

    assert decided.refused == {
        2: "order 1-E1: cannot merge; an exchange, or what is sent once more, leaves alone",
        3: "order 1-R1: cannot merge; an exchange, or what is sent once more, leaves alone",
    }
    assert document_of(pool, "1-E1") != document_of(pool, "1-R1")
    assert pool.rows("select count(*) from merge_group") == [(0,)]


def told(pool: FakePool, no: str) -> dict[str, Any]:
    document_id, _ = document_of(pool, no)
    with transaction() as conn:
        return render_outbound(conn, [document_id], Purpose.INSTRUCTION, why())[document_id]


TERMS = terms_of("WH-A", {"endpoint": "https://q", "app_key": "k", "secret": "s", "customer_id": "c"})


def qimen(pool: FakePool, no: str) -> Element:
    return read_xml(create_body(told(pool, no), clock().now(), clock().now(), TERMS))


def test_warehouses_are_told_what_kind_of_order_it_is(pool: FakePool, order_id: int) -> None:
    inspected(arrived(exchanged(order_id, {1: 1})), TEA=Verdict(good=1))
    with transaction() as conn:
        reship(conn, order_id, {2: 1}, "lost on the way", li())
    resumed(pool)
    first = document_of(pool, "1")[1]

    assert "replaces" not in told(pool, "1")
    assert {no: told(pool, no)["order_type"] for no in ("1", "1-E1", "1-R1")} == {
        "1": "SALE", "1-E1": "EXCHANGE", "1-R1": "RESHIP",
    }  # fmt: skip
    assert told(pool, "1-E1")["replaces"] == first
    order = qimen(pool, "1-E1").find("deliveryOrder")
    assert (text_of(order, "orderType"), text_of(order, "preDeliveryOrderCode")) == ("HHCK", first)
    assert text_of(qimen(pool, "1-R1").find("deliveryOrder"), "orderType") == "BFCK"
    document_id = document_of(pool, "1-E1")[0]
    with transaction() as conn:
        asked = render_cancels(conn, [document_id])[document_id]
    assert text_of(read_xml(cancel_body(asked, TERMS)), "orderType") == "HHCK"


def test_goods_are_sent_once_more_but_not_more_than_left(pool: FakePool, order_id: int) -> None:
    with transaction() as conn:
        assert reship(conn, order_id, {1: 2}, "lost on the way", li()) == "1-R1"
        with pytest.raises(SetupError, match="cannot send 2 of TEA again; 3 left, 2 of them were sent again already"):
            reship(conn, order_id, {1: 2}, "so", li())
        with pytest.raises(SetupError, match="without a reason"):
            reship(conn, order_id, {1: 1}, " ", li())
        with pytest.raises(SetupError, match="nothing of it is to be sent again"):
            reship(conn, order_id, {7: 1}, "so", li())
        assert reship(conn, order_id, {1: 1, 2: 1}, "broken", li()) == "1-R2"

    assert lines(pool, "1-R2") == [("CUP", 1, 0), ("TEA", 1, 0)] or lines(pool, "1-R2") == [
        ("TEA", 1, 0),
        ("CUP", 1, 0),
    ]
    assert resumed(pool) == 2
    assert (pool.untrue(), reconcile()) == ([], [])


def test_lines_of_one_sku_are_sent_once_more_together(pool: FakePool, order_id: int) -> None:
    pool.execute("update order_line set sku_id = (select sku_id from order_line where line_no = 1) where line_no = 2")
    with transaction() as conn:
        reship(conn, order_id, {1: 3}, "lost", li())
        reship(conn, order_id, {2: 1}, "lost", li())
        with pytest.raises(SetupError, match="4 left, 4 of them were sent again already"):
            reship(conn, order_id, {1: 1}, "lost", li())


def test_an_exchange_comes_back_like_any_other_order(pool: FakePool, order_id: int) -> None:
    inspected(arrived(exchanged(order_id, {1: 1})), TEA=Verdict(good=1))
    resumed(pool)
    _, no = document_of(pool, "1-E1")
    report(pool, {"YT900001": {1: 1}}, no=no)
    (again,) = pool.rows("select id from orders where order_no = '1-E1'")[0]
    inspected(arrived(exchanged(again, {1: 1})), TEA=Verdict(good=1))

    assert orders(pool) == ["1", "1-E1", "1-E1-E1"]
    assert reconcile() == []
