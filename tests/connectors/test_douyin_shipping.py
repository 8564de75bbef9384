from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.base import Box, PieceCount, ShipBack, Terms
from connectors.channels import douyin as module
from connectors.channels.douyin import DouyinChannel
from connectors.mapping import load_mapping
from models.errors import ChannelRejected, ChannelUnavailable, OutcomeUnknown
from models.incoming import LineState, PayState
from sandbox.server import Sandbox
from tests.connectors.conftest import NOON, orders

NO = "2912345678900000001"
TEA, CUP = f"{NO}1", f"{NO}2"
NUMBER, OTHER = "YT9693083639795", "YT0000000000002"
PARCEL = ShipBack(NO, NO, "yuantong", NUMBER, (), True, "k1")
MAPPING = load_mapping(Path("connectors/mappings/douyin.yaml")).gated(DouyinChannel.ready_to_ship)
Open = Callable[[Terms], DouyinChannel]


def part(key: str, waybill: str, *pieces: tuple[str, int], earlier: tuple[Box, ...] = ()) -> ShipBack:
    """A parcel with some pieces of the order's lines."""
    counts = tuple(PieceCount(line_no, "", count, False) for line_no, count in pieces)
    lines = tuple(line_no for line_no, _ in pieces)
    return replace(PARCEL, key=key, waybill=waybill, line_nos=lines, pieces=counts, earlier=earlier)


@pytest.fixture
def world(sandbox: Sandbox) -> Sandbox:
    """The sandbox with a Douyin shop in it."""
    sandbox.do("POST", "/shops", {"code": "douyin-1", "platform": "douyin"})
    return sandbox


@pytest.fixture
def open_shop(world: Sandbox, client: httpx.Client) -> Open:
    return lambda terms: DouyinChannel(client, "douyin-1", world.shop("douyin-1"), MAPPING, lambda: NOON, terms)


@pytest.fixture
def douyin(open_shop: Open) -> DouyinChannel:
    return open_shop(Terms())


def load(world: Sandbox, **more: Any) -> None:
    """One order of a piece of tea and two cups."""
    world.do("POST", "/shops/douyin-1/orders", {"orders": orders(1, **more)})


def book(world: Sandbox) -> Any:
    return world.do("GET", "/books")["shops"]["douyin-1"]


def ship_backs(world: Sandbox) -> list[tuple[str, str]]:
    return [(row["carrier"], row["waybill"]) for row in book(world)["ship_backs"]]


class TestShipBack:
    """Telling the shop that parcels left."""

    def test_a_parcel_reported_twice_ships_once(self, world: Sandbox, douyin: DouyinChannel) -> None:
        load(world)

        douyin.ship_back(PARCEL)
        douyin.ship_back(PARCEL)

        assert ship_backs(world) == [("yuantong", NUMBER)]
        assert book(world)["calls"]["order.logisticsAdd"] == 2

    def test_another_number_on_a_shipped_order_is_refused(self, world: Sandbox, douyin: DouyinChannel) -> None:
        load(world)
        douyin.ship_back(PARCEL)

        with pytest.raises(ChannelRejected, match="60110"):
            douyin.ship_back(replace(PARCEL, waybill=OTHER))

    @pytest.mark.parametrize("parcel", [PARCEL, part("k1", NUMBER, (TEA, 1), (CUP, 1))])
    def test_no_answer_after_sending_is_unknown_and_a_retry_ships_once(
        self, world: Sandbox, douyin: DouyinChannel, monkeypatch: pytest.MonkeyPatch, parcel: ShipBack
    ) -> None:
        monkeypatch.setattr(module, "TIMEOUT_S", 0.3)
        load(world)
        fault = {"target": "shop:douyin-1", "kind": "timeout_after", "times": 1, "match": "logisticsAdd"}
        world.do("POST", "/faults", fault)

        with pytest.raises(OutcomeUnknown):
            douyin.ship_back(parcel)
        douyin.ship_back(parcel)

        assert ship_backs(world) == [("yuantong", NUMBER)]

    def test_pieces_of_a_line_ship_in_parcels_of_their_own(self, world: Sandbox, douyin: DouyinChannel) -> None:
        load(world)
        first, second = part("k1", NUMBER, (CUP, 1)), part("k2", OTHER, (CUP, 1), (TEA, 1))

        for _ in range(2):
            douyin.ship_back(first)
            douyin.ship_back(second)

        rows = [(row["waybill"], row["line_nos"], row["request_key"]) for row in book(world)["ship_backs"]]
        assert rows == [(NUMBER, [CUP], f"k1-{NO}"), (OTHER, [CUP, TEA], f"k2-{NO}")]

    def test_a_box_with_pieces_of_two_orders_ships_them_in_both(self, world: Sandbox, douyin: DouyinChannel) -> None:
        numbers = [order["no"] for order in orders(2)]
        world.do("POST", "/shops/douyin-1/orders", {"orders": orders(2)})

        for no in numbers:
            douyin.ship_back(replace(part("k1", NUMBER, (f"{no}2", 1)), external_id=no, order_no=no))

        assert [row["order_no"] for row in book(world)["ship_backs"]] == numbers

    def test_the_same_pieces_with_another_key_ship_once(self, world: Sandbox, douyin: DouyinChannel) -> None:
        load(world)

        douyin.ship_back(part("k1", NUMBER, (CUP, 1)))
        douyin.ship_back(part("k2", NUMBER, (CUP, 1)))

        assert ship_backs(world) == [("yuantong", NUMBER)]

    def test_a_box_after_others_is_told_by_its_pieces(self, world: Sandbox, douyin: DouyinChannel) -> None:
        load(world)
        rest = part("k2", OTHER, (TEA, 1), (CUP, 1), earlier=(Box("yuantong", NUMBER),))

        douyin.ship_back(part("k1", NUMBER, (CUP, 1)))
        douyin.ship_back(replace(rest, line_nos=()))

        assert ship_backs(world) == [("yuantong", NUMBER), ("yuantong", OTHER)]

    def test_more_pieces_than_are_left_are_refused(self, world: Sandbox, douyin: DouyinChannel) -> None:
        load(world)
        douyin.ship_back(part("k1", NUMBER, (CUP, 2)))

        with pytest.raises(ChannelRejected, match="60110"):
            douyin.ship_back(part("k2", OTHER, (CUP, 1)))

    def test_a_part_without_pieces_is_refused_in_words(self, world: Sandbox, douyin: DouyinChannel) -> None:
        with pytest.raises(ChannelRejected, match="as pieces of its lines"):
            douyin.ship_back(replace(PARCEL, line_nos=(TEA,)))

    @pytest.mark.parametrize("number", [60040, 60109, 70008, 70009, 70013, 8888, 60124])
    def test_what_may_pass_by_itself_is_tried_again_later(
        self, world: Sandbox, douyin: DouyinChannel, number: int
    ) -> None:
        load(world, raw={"ship_refusal": number})

        with pytest.raises(ChannelUnavailable, match=str(number)):
            douyin.ship_back(PARCEL)
        assert ship_backs(world) == []

    @pytest.mark.parametrize("number", [60083, 60018, 60017, 60127, 60021, 60113, 60072, 60027])
    def test_what_a_person_must_mend_is_refused(self, world: Sandbox, douyin: DouyinChannel, number: int) -> None:
        load(world, raw={"ship_refusal": number})

        with pytest.raises(ChannelRejected, match=str(number)):
            douyin.ship_back(PARCEL)

    def test_a_carrier_without_a_code_is_refused(self, douyin: DouyinChannel) -> None:
        with pytest.raises(ChannelRejected, match="no code for carrier danniao"):
            douyin.ship_back(replace(PARCEL, carrier="danniao"))

    def test_a_listed_carrier_goes_before_the_mappings(self, world: Sandbox, open_shop: Open) -> None:
        load(world)

        open_shop(Terms(carriers={"yuantong": "jd"})).ship_back(PARCEL)

        assert ship_backs(world) == [("jd", NUMBER)]

    def test_the_receiver_is_still_there_after_shipping(self, world: Sandbox, douyin: DouyinChannel) -> None:
        load(world)
        before = douyin.order(NO) or {}

        douyin.ship_back(PARCEL)

        order = MAPPING.read(douyin.order(NO) or {})
        assert order.receiver == MAPPING.read(before).receiver
        assert (order.pay_state, {line.state for line in order.lines}) == (PayState.SHIPPED, {LineState.CLOSED})


class TestCorrections:
    """Another number for a parcel that was reported."""

    def test_a_whole_order_gets_another_number_once(self, world: Sandbox, douyin: DouyinChannel) -> None:
        load(world)
        douyin.ship_back(PARCEL)
        corrected = replace(PARCEL, waybill=OTHER, replaces=NUMBER, key="k2")

        douyin.ship_back(corrected)
        douyin.ship_back(corrected)

        assert ship_backs(world) == [("yuantong", NUMBER), ("yuantong", OTHER)]
        assert [box["tracking_no"] for box in (douyin.order(NO) or {})["logistics_info"]] == [OTHER]

    @pytest.mark.parametrize("whole", [True, False])
    def test_a_parcel_of_pieces_gets_another_number(self, world: Sandbox, douyin: DouyinChannel, whole: bool) -> None:
        load(world)
        douyin.ship_back(part("k1", NUMBER, (CUP, 2), (TEA, 1)) if whole else part("k1", NUMBER, (CUP, 1)))
        if not whole:
            douyin.ship_back(part("k2", OTHER, (CUP, 1)))

        douyin.ship_back(replace(PARCEL, waybill="YT0000000000003", replaces=NUMBER))

        numbers = [box["tracking_no"] for box in (douyin.order(NO) or {})["logistics_info"]]
        assert numbers == ["YT0000000000003"] + [OTHER] * (not whole)

    def test_the_only_parcel_of_a_part_shipped_order_gets_another_number(
        self, world: Sandbox, douyin: DouyinChannel
    ) -> None:
        load(world)
        douyin.ship_back(part("k1", NUMBER, (CUP, 1)))

        douyin.ship_back(replace(PARCEL, waybill=OTHER, replaces=NUMBER))

        assert ship_backs(world) == [("yuantong", NUMBER), ("yuantong", OTHER)]
        assert "order.logisticsEdit" not in book(world)["calls"]

    def test_a_number_that_is_not_there_cannot_be_corrected(self, world: Sandbox, douyin: DouyinChannel) -> None:
        load(world)
        douyin.ship_back(PARCEL)

        with pytest.raises(ChannelRejected, match="no parcel of it has the number"):
            douyin.ship_back(replace(PARCEL, waybill=OTHER, replaces="YT0000000000003"))

    def test_a_shop_that_may_not_correct_says_so(self, world: Sandbox, open_shop: Open) -> None:
        with pytest.raises(ChannelRejected, match="cannot be corrected"):
            open_shop(Terms(capabilities=replace(DouyinChannel.capabilities, reships=0))).ship_back(
                replace(PARCEL, replaces=NUMBER)
            )
