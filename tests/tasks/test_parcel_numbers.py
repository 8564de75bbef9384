"""Corrected numbers of parcels: told as the channel allows, once, and followed under the right one."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from connectors.base import ShipBack
from models.database import transaction
from models.errors import ChannelRejected, OutcomeUnknown, SetupError
from models.intercept import InterceptState
from tasks.intercepts import move, want
from tasks.parcel_numbers import Correction, Renumbered, renumber_parcel
from tasks.reconcile import reconcile
from tasks.returned_parcels import open_intercepted
from tasks.shop_settings import set_shop
from tests.fakes import FakePool, why
from tests.tasks.shipping import Shop, dispatched, messages, report


@pytest.fixture
def sent(pool: FakePool) -> FakePool:
    """One order of 3 TEA and 1 CUP, in a document of WH-A."""
    return dispatched(pool)


def renumber(waybill: str, to: str, **more: Any) -> Renumbered:
    with transaction() as conn:
        return renumber_parcel(conn, Correction(waybill, to, **more), why())


@pytest.fixture
def told(sent: FakePool) -> tuple[FakePool, Shop]:
    """The order left in one box as YT000001, and the shop knows."""
    shop = Shop()
    report(sent, {"YT000001": {1: 3, 2: 1}})
    shop.tell()
    return sent, shop


def test_a_corrected_number_is_told_as_one(told: tuple[FakePool, Shop]) -> None:
    pool, shop = told

    done = renumber("YT000001", "YT000009", reason="misread")

    assert done.shop == "shop WOO is told, by correction 1 of 5"
    assert shop.tell() == ["YT000009"]
    assert shop.told[-1].replaces == "YT000001"
    assert messages(pool) == [("ship-back-1", "delivered"), ("ship-back-1-2", "delivered")]
    assert messages(pool, "subscribe") == [("subscribe-1", "withdrawn"), ("subscribe-1-2", "pending")]
    assert reconcile() == []


def test_a_correction_given_twice_counts_once(told: tuple[FakePool, Shop]) -> None:
    pool, shop = told

    assert [renumber("YT000001", "YT000009").changed for _ in range(2)] == [True, False]

    assert shop.tell() == ["YT000009"]
    assert pool.rows("select renumbered, former_waybills from parcel") == [(1, ["YT000001"])]


def test_two_corrections_before_the_first_report_end_with_the_newest_number_told_once(sent: FakePool) -> None:
    shop = Shop()
    report(sent, {"YT000001": {1: 3, 2: 1}})

    renumber("YT000001", "YT000008")
    renumber("YT000008", "YT000009")

    assert shop.tell() == ["YT000009"]
    assert shop.told[0].replaces == ""


def test_two_corrections_before_the_second_report_replace_the_number_the_shop_knows(
    told: tuple[FakePool, Shop],
) -> None:
    _, shop = told

    renumber("YT000001", "YT000008")
    renumber("YT000008", "YT000009")

    assert shop.tell() == ["YT000009"]
    assert shop.told[-1].replaces == "YT000001"


@pytest.mark.parametrize("arrived", [True, False])
def test_a_correction_of_a_report_without_an_answer_is_right_either_way(sent: FakePool, arrived: bool) -> None:
    shop = Shop()
    report(sent, {"YT000001": {1: 3, 2: 1}})
    shop.broken["YT000001"] = [OutcomeUnknown("WOO", "ship", "no answer")]
    shop.tell()
    renumber("YT000001", "YT000009")
    if not arrived:
        shop.broken["YT000009"] = [ChannelRejected("WOO", "correct", "it carries no number")]

    assert shop.tell() == ["YT000009"]
    assert shop.told[-1].replaces == ("YT000001" if arrived else "")


def test_a_correction_of_a_refused_report_is_a_first_report(sent: FakePool) -> None:
    shop = Shop()
    report(sent, {"YT000001": {1: 3, 2: 1}})
    shop.broken["YT000001"] = [ChannelRejected("WOO", "ship", "no such number")]
    shop.tell()

    renumber("YT000001", "YT000009")

    assert shop.tell() == ["YT000009"]
    assert shop.told[-1].replaces == ""
    assert messages(sent) == [("ship-back-1", "withdrawn"), ("ship-back-1-2", "delivered")]


def test_a_correction_while_the_report_is_being_sent_follows_it(sent: FakePool) -> None:
    report(sent, {"YT000001": {1: 3, 2: 1}})

    class Slow(Shop):
        def ship_back(self, parcel: ShipBack) -> None:
            if not self.told:
                renumber("YT000001", "YT000009")
            super().ship_back(parcel)

    shop = Slow()

    assert shop.tell() == ["YT000001", "YT000009"]
    assert shop.told[-1].replaces == "YT000001"


def test_a_correction_of_a_box_that_is_kept_back_needs_no_message(sent: FakePool) -> None:
    shop = Shop(numbers_at_once="yes", reships="0")
    report(sent, {"YT000001": {1: 3}}, final=False)

    done = renumber("YT000001", "YT000009")
    report(sent, {"YT000002": {2: 1}})

    assert done.shop == "shop WOO hears of it with the order's last parcel"
    assert sorted(shop.tell()) == ["YT000002", "YT000009"]
    assert {box.waybill for told in shop.told for box in told.earlier} == {"YT000002", "YT000009"}
    assert reconcile() == []


@pytest.mark.parametrize(
    ("most", "obstacle"), [("0", "takes no correction of a reported"), ("1", "takes 1 correction of a reported")]
)
def test_one_correction_too_many_is_refused(told: tuple[FakePool, Shop], most: str, obstacle: str) -> None:
    pool, shop = told
    set_shop("WOO", {"reships": most})
    numbers = ["YT000001", "YT000008", "YT000009"]
    for n in range(int(most)):
        renumber(numbers[n], numbers[n + 1])
        shop.tell()

    with pytest.raises(SetupError, match=obstacle):
        renumber(numbers[int(most)], "YT000007")

    assert pool.rows("select waybill from parcel") == [(numbers[int(most)],)]


def test_a_number_may_be_corrected_for_tracking_alone(told: tuple[FakePool, Shop]) -> None:
    pool, shop = told
    set_shop("WOO", {"reships": "0"})

    done = renumber("YT000001", "YT000009", track_only=True)

    assert done.shop == "shop WOO keeps YT000001"
    assert shop.tell() == []
    assert messages(pool, "subscribe")[-1] == ("subscribe-1-2", "pending")
    set_shop("WOO", {"reships": "1"})
    renumber("YT000009", "YT000008")
    assert shop.tell() == ["YT000008"]
    assert shop.told[-1].replaces == "YT000001"


def test_a_report_with_the_former_number_is_known_already(sent: FakePool) -> None:
    report(sent, {"YT000001": {1: 1}}, final=False)
    renumber("YT000001", "YT000009")

    assert "known already" in report(sent, {"YT000001": {1: 1}}, final=False)

    assert sent.rows("select count(*) from parcel") == [(1,)]


def test_what_was_heard_under_the_wrong_number_is_forgotten(told: tuple[FakePool, Shop]) -> None:
    pool, _ = told
    pool.execute("update parcel set stage = 'in_transit', stage_at = stage_at + interval '1 hour'")
    pool.execute(
        """insert into parcel_event (parcel_id, digest, at, stage, text, place)
           select 1, 'x', stage_at, stage, '', '' from parcel"""
    )
    ((token,),) = pool.rows("select callback_token from parcel")

    renumber("YT000001", "YT000009", carrier="zhongtong")

    assert pool.rows("select stage, carrier, stage_at = shipped_at, callback_token = %s from parcel", token) == [
        ("label_created", "zhongtong", True, False)
    ]
    assert pool.rows("select count(*) from parcel_event") == [(0,)]


def test_a_correction_is_in_its_orders_story(told: tuple[FakePool, Shop]) -> None:
    pool, _ = told

    renumber("YT000001", "YT000009", reason="label torn")

    ((detail,),) = pool.rows("select detail from event where what = 'parcel_renumbered'")
    assert (detail["from"], detail["to"], detail["reason"]) == ("YT000001", "YT000009", "label torn")


@pytest.mark.parametrize(
    ("waybill", "to", "more", "obstacle"),
    [
        ("YT000077", "YT000009", {}, "parcel YT000077: is not in the pool"),
        ("YT000001", "YT9", {}, "want 6 to 32 letters, digits and dashes"),
        ("YT000001", "单号 1234567", {}, "want 6 to 32 letters, digits and dashes"),
        ("YT000001", "YT000002", {}, "a parcel of OB.* has it"),
        ("YT000001", "YT000009", {"carrier": "pigeon"}, "carrier pigeon: is none we know"),
    ],
)
def test_a_correction_that_cannot_be_right_says_why(
    sent: FakePool, waybill: str, to: str, more: dict[str, str], obstacle: str
) -> None:
    report(sent, {"YT000001": {1: 3}, "YT000002": {2: 1}})

    with pytest.raises(SetupError, match=obstacle):
        renumber(waybill, to, **more)


def test_tracking_alone_waits_until_the_report_that_is_on_its_way_is_settled(sent: FakePool) -> None:
    shop = Shop()
    report(sent, {"YT000001": {1: 3, 2: 1}})
    shop.broken["YT000001"] = [OutcomeUnknown("WOO", "ship", "no answer")]
    shop.tell()

    with pytest.raises(SetupError, match="cannot be renumbered yet; shop WOO is just being told of YT000001"):
        renumber("YT000001", "YT000009", track_only=True)

    assert sent.rows("select waybill from parcel") == [("YT000001",)]


def test_a_correction_after_one_for_tracking_replaces_what_the_shop_was_told_in_between(sent: FakePool) -> None:
    shop = Shop(reships="1")
    report(sent, {"YT000001": {1: 3, 2: 1}})

    done = renumber("YT000001", "YT000008", track_only=True)
    assert (done.shop, shop.tell()) == ("shop WOO is still to hear of it", ["YT000008"])
    renumber("YT000008", "YT000009")

    assert shop.tell() == ["YT000009"]
    assert [told.replaces for told in shop.told] == ["", "YT000008"]
    with pytest.raises(SetupError, match="takes 1 correction of a reported"):
        renumber("YT000009", "YT000007")


def test_a_correction_for_tracking_while_another_waits_to_be_told_is_what_the_shop_hears(
    told: tuple[FakePool, Shop],
) -> None:
    _, shop = told
    renumber("YT000001", "YT000007")

    renumber("YT000007", "YT000008", track_only=True)
    assert shop.tell() == ["YT000008"]
    renumber("YT000008", "YT000009")

    assert shop.tell() == ["YT000009"]
    assert [one.replaces for one in shop.told] == ["", "YT000001", "YT000008"]
    assert reconcile() == []


def test_a_refused_correction_is_not_sent_again_once_the_number_is_right_for_tracking_alone(
    told: tuple[FakePool, Shop],
) -> None:
    pool, shop = told
    shop.broken["YT000008"] = [ChannelRejected("WOO", "correct", "too late")]
    renumber("YT000001", "YT000008")
    shop.tell()

    assert renumber("YT000008", "YT000009", track_only=True).shop == "shop WOO keeps YT000001"

    assert shop.tell(forced=True) == []
    assert messages(pool) == [("ship-back-1", "delivered"), ("ship-back-1-2", "withdrawn")]


@pytest.mark.parametrize("stage", ["delivered", "returned"])
def test_an_end_that_was_another_parcels_is_forgotten_with_the_wrong_number(
    told: tuple[FakePool, Shop], stage: str
) -> None:
    pool, shop = told
    pool.execute(f"update parcel set stage = '{stage}'")
    with pytest.raises(SetupError, match="of another parcel under a wrong number, say --heard-of-another"):
        renumber("YT000001", "YT000009")

    renumber("YT000001", "YT000009", heard_of_another=True)

    assert pool.rows("select waybill, stage from parcel") == [("YT000009", "label_created")]
    assert shop.tell() == ["YT000009"]


def test_a_cancelled_parcel_was_nobody_elses(told: tuple[FakePool, Shop]) -> None:
    told[0].execute("update parcel set stage = 'cancelled'")

    with pytest.raises(SetupError, match=r"cannot be renumbered; it is cancelled$"):
        renumber("YT000001", "YT000009", heard_of_another=True)


@pytest.mark.parametrize("stage", ["delivered", "returned", "cancelled"])
def test_a_parcel_that_has_ended_keeps_its_number(told: tuple[FakePool, Shop], stage: str) -> None:
    told[0].execute(f"update parcel set stage = '{stage}'")

    with pytest.raises(SetupError, match=f"cannot be renumbered; it is {stage}"):
        renumber("YT000001", "YT000009")


def test_a_parcel_that_is_wanted_back_keeps_its_number_until_that_ends(told: tuple[FakePool, Shop]) -> None:
    with transaction() as conn:
        want(conn, [1], "the buyer called", why())
    with pytest.raises(SetupError, match=r"wanted back \(wanted\), and that ends when the parcel comes back"):
        renumber("YT000001", "YT000009")

    with transaction() as conn:
        move(conn, [1], InterceptState.MISSED, why())
    assert renumber("YT000001", "YT000009").changed


def test_a_parcel_that_came_back_unseen_is_inspected_first(told: tuple[FakePool, Shop]) -> None:
    told[0].execute("update parcel set stage = 'returned'")
    with transaction() as conn:
        open_intercepted(conn, [1], why())
    ((no,),) = told[0].rows("select no from return_order")

    with pytest.raises(SetupError, match=f"came back as {no}; say what came first: orderpool returns inspect {no}"):
        renumber("YT000001", "YT000009", heard_of_another=True)


def test_a_number_that_was_corrected_once_names_the_present_one(told: tuple[FakePool, Shop]) -> None:
    renumber("YT000001", "YT000008")

    with pytest.raises(SetupError, match="became YT000008 by a correction; renumber that"):
        renumber("YT000001", "YT000009")


def test_a_number_that_the_platform_would_not_take_is_refused(told: tuple[FakePool, Shop]) -> None:
    told[0].execute(
        """insert into shop_carrier (shop_id, carrier, code, name, pattern, loaded_at)
           select id, 'yuantong', 'YTO', '', 'YT[0-9]{6}', created_at from shop"""
    )

    with pytest.raises(SetupError, match="woocommerce knows numbers of yuantong as"):
        renumber("YT000001", "ZT000009")


def test_the_same_correction_by_two_people_at_once_counts_once(told: tuple[FakePool, Shop]) -> None:
    pool, shop = told

    with ThreadPoolExecutor(2) as threads:
        done = list(threads.map(lambda _: renumber("YT000001", "YT000009").changed, range(2)))

    assert sorted(done) == [False, True]
    assert shop.tell() == ["YT000009"]
    assert pool.rows("select renumbered from parcel") == [(1,)]
