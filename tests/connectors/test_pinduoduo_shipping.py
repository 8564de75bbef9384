from dataclasses import replace
from typing import Any

import httpx
import pytest

from connectors.base import Box, ShipBack, Terms
from connectors.channels import pinduoduo_protocol
from connectors.channels.pinduoduo import PinduoduoChannel
from models.errors import (
    ChannelRejected,
    OutcomeUnknown,
)
from sandbox.server import Sandbox
from tests.connectors.pinduoduo_shop import MAPPING, NOW, READING, Shop, order_sn

NUMBER, SECOND, THIRD = "YT9693083639795", "YT0000000000002", "YT0000000000003"
EXTRA = "pdd.order.upload.extra.logistics"
PARCEL = ShipBack(order_sn(1), order_sn(1), "yuantong", NUMBER, (), True, "k1")
FIRST = replace(PARCEL, line_nos=("1",), last_parcel=False)
FURTHER = replace(PARCEL, line_nos=("2",), waybill=SECOND, earlier=(Box("yuantong", NUMBER),))


@pytest.fixture
def shop(sandbox: Sandbox, client: httpx.Client) -> Shop:
    """Its clock stands five minutes after noon, so that windows up to noon are listed."""
    sandbox.do("POST", "/clock", {"now": NOW.isoformat()})
    return Shop(sandbox, client)


def test_a_parcel_reported_twice_ships_once(shop: Shop) -> None:
    shop.load(1)

    shop.channel.ship_back(PARCEL)
    shop.channel.ship_back(PARCEL)

    assert shop.ship_backs() == [("85", NUMBER)]


def test_another_number_on_a_shipped_order_is_refused(shop: Shop) -> None:
    shop.load(1)
    shop.channel.ship_back(PARCEL)

    with pytest.raises(ChannelRejected, match="订单已发货"):
        shop.channel.ship_back(replace(PARCEL, waybill=SECOND))
    assert shop.ship_backs() == [("85", NUMBER)]


@pytest.mark.parametrize("kind", ["timeout_before", "timeout_after"])
def test_no_answer_after_sending_is_unknown_and_a_retry_ships_once(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(pinduoduo_protocol, "TIMEOUT_S", 0.3)
    shop.load(1)
    shop.fault(kind, times=1, match="online.send")

    with pytest.raises(OutcomeUnknown):
        shop.channel.ship_back(PARCEL)
    shop.channel.ship_back(PARCEL)

    assert shop.ship_backs() == [("85", NUMBER)]


def test_a_split_order_has_its_first_box_and_additions(shop: Shop) -> None:
    shop.load(1)
    third = replace(FURTHER, waybill=THIRD, carrier="yunda", last_parcel=True)

    for parcel in (FIRST, FURTHER, third) * 2:
        shop.channel.ship_back(parcel)

    assert shop.ship_backs() == [("85", NUMBER), ("85", SECOND), ("121", THIRD)]
    assert [row["tracking_number"] for row in shop.shown()["extra_delivery_list"]] == [SECOND, THIRD]


def test_boxes_of_a_split_order_may_be_reported_in_any_order(shop: Shop) -> None:
    shop.load(1)

    for parcel in (FURTHER, FIRST, FURTHER, FIRST):
        shop.channel.ship_back(parcel)

    assert shop.ship_backs() == [("85", SECOND), ("85", NUMBER)]


def test_an_addition_without_an_answer_is_added_once(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pinduoduo_protocol, "TIMEOUT_S", 0.3)
    shop.load(1)
    shop.channel.ship_back(FIRST)
    shop.fault("timeout_after", times=1, match=EXTRA)

    with pytest.raises(OutcomeUnknown):
        shop.channel.ship_back(FURTHER)
    shop.channel.ship_back(FURTHER)

    assert shop.ship_backs() == [("85", NUMBER), ("85", SECOND)]


def test_a_number_is_corrected_once(shop: Shop) -> None:
    shop.load(1)
    shop.channel.ship_back(PARCEL)
    correction = replace(PARCEL, waybill=SECOND, carrier="yunda", replaces=NUMBER)

    shop.channel.ship_back(correction)
    shop.channel.ship_back(correction)

    assert shop.ship_backs() == [("85", NUMBER), ("121", SECOND)]
    assert (shop.shown()["logistics_id"], shop.shown()["tracking_number"]) == (121, SECOND)


def test_a_carrier_is_corrected_under_the_same_number(shop: Shop) -> None:
    shop.load(1)
    shop.channel.ship_back(PARCEL)

    shop.channel.ship_back(replace(PARCEL, carrier="yunda", replaces=NUMBER))

    assert shop.shown()["logistics_id"] == 121


def test_only_the_first_boxs_number_can_be_corrected(shop: Shop) -> None:
    shop.load(1)
    shop.channel.ship_back(FIRST)
    shop.channel.ship_back(FURTHER)

    with pytest.raises(ChannelRejected, match="first parcel"):
        shop.channel.ship_back(replace(FURTHER, waybill=THIRD, replaces=SECOND))


def test_a_shop_without_corrections_refuses_them(shop: Shop) -> None:
    none = Terms(capabilities=replace(PinduoduoChannel.capabilities, reships=0))

    with pytest.raises(ChannelRejected, match="no corrections"):
        shop.opened(none).ship_back(replace(PARCEL, replaces=SECOND))


@pytest.mark.parametrize("change", [{"event": "refund_request"}, {"set": {"status": "forbid"}}])
def test_an_order_that_must_not_leave_is_refused(shop: Shop, change: dict[str, Any]) -> None:
    shop.load(1)
    shop.happen(**change)

    with pytest.raises(ChannelRejected, match="不能发货"):
        shop.channel.ship_back(PARCEL)
    assert shop.ship_backs() == []


def test_a_carrier_without_an_id_is_named_and_a_shop_may_have_its_own(shop: Shop) -> None:
    shop.load(1)
    unknown = replace(PARCEL, carrier="danniao")

    with pytest.raises(ChannelRejected, match="danniao"):
        shop.channel.ship_back(unknown)
    shop.opened(Terms(carriers={"danniao": "384"})).ship_back(unknown)

    assert shop.ship_backs() == [("384", NUMBER)]


def test_every_mapped_carrier_is_one_that_the_platform_takes(shop: Shop) -> None:
    listed = {carrier.code: carrier.name for carrier in shop.channel.list_carriers()}

    assert set(MAPPING.carriers.values()) <= set(listed)
    assert listed["121"] == "韵达快递"
    assert "3" not in listed, "it is not available"


def test_the_receiver_is_gone_after_shipping(shop: Shop) -> None:
    shop.load(1)
    before = READING.read(shop.shown()).receiver
    shop.channel.ship_back(PARCEL)

    after = READING.read(shop.shown()).receiver

    assert (before.name, before.masked, bool(before.name_cipher)) == ("张*", True, True)
    assert (after.name, after.name_cipher, after.province) == ("", "", "浙江省")
