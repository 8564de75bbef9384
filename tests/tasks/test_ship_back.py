"""Ship-backs: written when the shop may be told, and told in the order in which boxes left."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from models.errors import ChannelRejected, ChannelUnavailable
from tasks.reconcile import reconcile
from tasks.shop_settings import set_shop
from tests.fakes import FakePool
from tests.tasks.shipping import Shop, dispatched, errors, messages, report


@pytest.fixture
def sent(pool: FakePool) -> FakePool:
    """One order of 3 TEA and 1 CUP, in a document of WH-A."""
    return dispatched(pool)


@pytest.fixture
def in_two(sent: FakePool) -> FakePool:
    """The same order in two documents: its CUP leaves from WH-B."""
    sent.execute(
        """with copied as (
             insert into outbound_document (id, no, warehouse_id, shop_id, batch_id, revision, state, carrier,
               receiver_token, created_at)
             select 999, 'OB-B', (select id from warehouse where code = 'WH-B'), shop_id, batch_id, 1, state, carrier,
               'rcv_b', created_at from outbound_document returning warehouse_id),
           allocated as (update allocation set document_id = 999, warehouse_id = c.warehouse_id from copied c
                         where line_no = 2 returning quantity, allocation.warehouse_id),
           locked as (update lock set warehouse_id = c.warehouse_id from copied c
                      where line_no = 2 and state = 'open' returning sku_id, quantity, lock.warehouse_id)
           update stock s set locked = s.locked + case when s.warehouse_id = l.warehouse_id then l.quantity
                                                       else -l.quantity end
           from locked l where s.sku_id = l.sku_id"""
    )
    sent.execute(
        """insert into outbox (kind, counterpart, subject_id, revision, key, batch_id, state, attempts, in_doubt,
             next_at, last_error, created_at)
           select kind, 'warehouse:WH-B', 999, 1, 'OB-B-r1', batch_id, state, attempts, in_doubt, next_at, last_error,
             created_at from outbox"""
    )
    return sent


# which messages there are


def test_each_box_has_a_message_of_its_own(sent: FakePool) -> None:
    report(sent, {"YT000001": {1: 3}, "YT000002": {2: 1}})

    assert messages(sent) == [("ship-back-1", "pending"), ("ship-back-2", "pending")]


def test_a_shop_that_takes_all_numbers_at_once_has_none_before_the_last_box(sent: FakePool) -> None:
    set_shop("WOO", {"numbers_at_once": "yes"})

    report(sent, {"YT000001": {1: 3}}, final=False)
    assert messages(sent) == []
    assert reconcile() == []
    report(sent, {"YT000002": {2: 1}})

    assert messages(sent) == [("ship-back-1", "pending"), ("ship-back-2", "pending")]


def test_boxes_of_an_order_in_two_documents_wait_for_both(in_two: FakePool) -> None:
    set_shop("WOO", {"numbers_at_once": "yes"})

    report(in_two, {"YT000001": {1: 3}})
    assert messages(in_two) == []
    assert reconcile() == []
    report(in_two, {"YT000002": {1: 1}}, no="OB-B")

    assert messages(in_two) == [("ship-back-1", "pending"), ("ship-back-2", "pending")]
    assert reconcile() == []


def test_two_documents_that_close_at_the_same_moment_are_told_once(in_two: FakePool) -> None:
    set_shop("WOO", {"numbers_at_once": "yes"})

    with ThreadPoolExecutor(2) as threads:
        one = threads.submit(report, in_two, {"YT000001": {1: 3}})
        other = threads.submit(report, in_two, {"YT000002": {1: 1}}, no="OB-B")
        assert (one.result(), other.result()) == ("", "")

    assert len(messages(in_two)) == 2
    assert reconcile() == []


def test_a_kept_back_message_that_is_missing_is_found(sent: FakePool) -> None:
    set_shop("WOO", {"numbers_at_once": "yes"})
    report(sent, {"YT000001": {1: 3, 2: 1}})

    sent.execute("delete from outbox where kind = 'ship_back'")

    assert len(reconcile()) == 1


def test_a_shop_that_is_told_of_no_parcels_has_no_message(sent: FakePool) -> None:
    set_shop("WOO", {"reports_shipping": "no"})

    report(sent, {"YT000001": {1: 3, 2: 1}})

    assert messages(sent) == []
    assert reconcile() == []


# what they say


def test_the_last_box_is_that_of_the_order_not_of_a_document(in_two: FakePool) -> None:
    shop = Shop()
    report(in_two, {"YT000001": {1: 3}})
    shop.tell()
    report(in_two, {"YT000002": {1: 1}}, no="OB-B")
    shop.tell()

    assert [(told.waybill, told.last_parcel, told.line_nos) for told in shop.told] == [
        ("YT000001", False, ("10",)),
        ("YT000002", True, ("11",)),
    ]
    assert [box.waybill for box in shop.told[1].earlier] == ["YT000001"]


def test_a_box_with_everything_is_the_whole_order(sent: FakePool) -> None:
    shop = Shop()
    report(sent, {"YT000001": {1: 3, 2: 1}})
    shop.tell()

    assert shop.told[0].line_nos == ()
    assert [(piece.line_no, piece.quantity, piece.whole) for piece in shop.told[0].pieces] == [
        ("10", 3, True),
        ("11", 1, True),
    ]


def test_a_box_that_cannot_be_told_is_refused_with_the_rule(sent: FakePool) -> None:
    shop = Shop(tracking_unit="line")
    report(sent, {"YT000001": {1: 2, 2: 1}, "YT000002": {1: 1}})

    assert shop.tell() == ["YT000001"]

    assert messages(sent) == [("ship-back-1", "delivered"), ("ship-back-2", "refused")]
    assert errors(sent)[1].endswith("line 1 of order 1 carries YT000001 already; woocommerce takes one number per line")


def test_boxes_of_one_order_are_told_in_the_order_in_which_they_left(sent: FakePool) -> None:
    shop = Shop()
    report(sent, {f"YT00000{n}": {1: 1} for n in (3, 1, 2)}, final=False)

    assert shop.tell() == ["YT000003", "YT000001", "YT000002"]


def test_a_box_waits_for_an_earlier_one_that_did_not_get_through(sent: FakePool) -> None:
    shop = Shop()
    report(sent, {"YT000001": {1: 3}, "YT000002": {2: 1}})
    shop.broken["YT000001"] = [ChannelUnavailable("WOO", "ship", "HTTP 503")]

    assert shop.tell() == []
    assert errors(sent)[1].endswith("YT000001, which left before it, is not reported yet")
    assert shop.tell(forced=True) == ["YT000001", "YT000002"]


def test_a_box_does_not_wait_for_one_that_was_refused(sent: FakePool) -> None:
    shop = Shop()
    report(sent, {"YT000001": {1: 3}, "YT000002": {2: 1}})
    shop.broken["YT000001"] = [ChannelRejected("WOO", "ship", "no such carrier")]

    assert shop.tell() == ["YT000002"]
