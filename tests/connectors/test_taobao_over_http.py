from dataclasses import replace
from datetime import timedelta

import pytest

from connectors.base import ShipBack
from connectors.channels import reading, taobao
from connectors.channels.taobao import TaobaoChannel
from connectors.registry import own_mapping
from models.errors import (
    ChannelDenied,
    ChannelError,
    ChannelRejected,
    ChannelUnavailable,
    OutcomeUnknown,
    RateLimited,
)
from models.incoming import PayState
from sandbox.server import Sandbox
from tests.connectors.conftest import NOON, orders, ready_cases, recorded

RECORDED, READY = recorded("taobao"), ready_cases("taobao")
PARCEL = ShipBack("2912345678900000001", "2912345678900000001", "yuantong", "YT9693083639795", (), True, "k1")


def ship_backs(sandbox: Sandbox) -> list[tuple[str, str]]:
    booked = sandbox.do("GET", "/books")["shops"]["tmall-1"]["ship_backs"]
    return [(row["carrier"], row["waybill"]) for row in booked]


def numbers(shop: TaobaoChannel) -> dict[str, str]:
    trade = shop.order(PARCEL.external_id)
    assert trade is not None
    return {str(line["oid"]): line.get("invoice_no", "") for line in trade["orders"]["order"]}


def oids(shop: TaobaoChannel) -> list[str]:
    return list(numbers(shop))


def read(shop: TaobaoChannel, minutes: int = 60) -> list[str]:
    pages = shop.changed_orders(NOON - timedelta(minutes=minutes), NOON)
    return [trade["tid_str"] for page in pages for trade in page]


def test_a_window_gives_every_trade_complete(sandbox: Sandbox, tmall: TaobaoChannel) -> None:
    sandbox.do("POST", "/shops/tmall-1/orders", {"orders": orders(90, buyer_note="请发顺丰")})

    pages = list(tmall.changed_orders(NOON - timedelta(hours=1), NOON))

    assert len({trade["tid"] for page in pages for trade in page}) == 90
    mapping = own_mapping("tmall")
    orders_read, faults = mapping.read_all([trade for page in pages for trade in page])
    assert faults == []
    first = orders_read[0][1]
    assert (first.pay_state, first.buyer_note, first.receiver.masked) == (PayState.READY, "请发顺丰", True)
    assert first.receiver.oaid
    assert (first.total_fen, sum(line.paid_fen for line in first.lines)) == (5000, 5000)


def test_trades_that_change_while_they_are_read_are_not_lost(sandbox: Sandbox, tmall: TaobaoChannel) -> None:
    loaded = orders(130)
    sandbox.do("POST", "/shops/tmall-1/orders", {"orders": loaded})
    sandbox.do("POST", "/shops/tmall-1/churn", {"every_calls": 2})

    seen = read(tmall)
    moved = sandbox.do("GET", "/books")["shops"]["tmall-1"]["modified_order_nos"]

    assert moved
    assert {order["no"] for order in loaded} <= set(seen) | set(moved)


def test_a_parcel_reported_twice_ships_once(sandbox: Sandbox, tmall: TaobaoChannel) -> None:
    sandbox.do("POST", "/shops/tmall-1/orders", {"orders": orders(1)})

    tmall.ship_back(PARCEL)
    tmall.ship_back(PARCEL)

    assert ship_backs(sandbox) == [("YTO", PARCEL.waybill)]


def test_another_number_on_a_shipped_trade_is_refused(sandbox: Sandbox, tmall: TaobaoChannel) -> None:
    sandbox.do("POST", "/shops/tmall-1/orders", {"orders": orders(1)})
    tmall.ship_back(PARCEL)

    with pytest.raises(ChannelRejected, match="B04"):
        tmall.ship_back(replace(PARCEL, waybill="YT0000000000001"))


def test_lines_ship_in_parcels_of_their_own(sandbox: Sandbox, tmall: TaobaoChannel) -> None:
    sandbox.do("POST", "/shops/tmall-1/orders", {"orders": orders(1)})
    first, second = oids(tmall)

    for _ in range(2):
        tmall.ship_back(replace(PARCEL, line_nos=(first,), last_parcel=False))
        tmall.ship_back(replace(PARCEL, line_nos=(second,), waybill="YT0000000000002"))

    assert ship_backs(sandbox) == [("YTO", PARCEL.waybill), ("YTO", "YT0000000000002")]


@pytest.mark.parametrize("times", [1, 2])
def test_a_wrong_number_is_replaced_once(sandbox: Sandbox, tmall: TaobaoChannel, times: int) -> None:
    sandbox.do("POST", "/shops/tmall-1/orders", {"orders": orders(1)})
    tmall.ship_back(PARCEL)

    for _ in range(times):
        tmall.ship_back(replace(PARCEL, waybill="YT0000000000002", replaces=PARCEL.waybill))

    assert ship_backs(sandbox) == [("YTO", PARCEL.waybill), ("YTO", "YT0000000000002")]


def test_only_the_lines_of_the_wrong_number_get_another(sandbox: Sandbox, tmall: TaobaoChannel) -> None:
    sandbox.do("POST", "/shops/tmall-1/orders", {"orders": orders(1)})
    first, second = oids(tmall)
    tmall.ship_back(replace(PARCEL, line_nos=(first,), last_parcel=False))
    tmall.ship_back(replace(PARCEL, line_nos=(second,), waybill="YT0000000000002"))

    tmall.ship_back(replace(PARCEL, line_nos=(first,), waybill="YT0000000000003", replaces=PARCEL.waybill))

    assert numbers(tmall) == {first: "YT0000000000003", second: "YT0000000000002"}


def test_a_correction_of_what_was_never_reported_reports_it(sandbox: Sandbox, tmall: TaobaoChannel) -> None:
    sandbox.do("POST", "/shops/tmall-1/orders", {"orders": orders(1)})

    tmall.ship_back(replace(PARCEL, waybill="YT0000000000002", replaces=PARCEL.waybill))

    assert ship_backs(sandbox) == [("YTO", "YT0000000000002")]


def test_a_number_that_is_of_another_parcel_is_not_replaced(sandbox: Sandbox, tmall: TaobaoChannel) -> None:
    sandbox.do("POST", "/shops/tmall-1/orders", {"orders": orders(1)})
    tmall.ship_back(PARCEL)

    with pytest.raises(ChannelRejected, match=f"it carries {PARCEL.waybill}, and neither number of this parcel"):
        tmall.ship_back(replace(PARCEL, waybill="YT0000000000003", replaces="YT0000000000002"))


def test_a_shop_that_may_correct_nothing_refuses_a_correction(sandbox: Sandbox, tmall: TaobaoChannel) -> None:
    sandbox.do("POST", "/shops/tmall-1/orders", {"orders": orders(1)})
    tmall.ship_back(PARCEL)
    tmall.capabilities = replace(tmall.capabilities, reships=0)

    with pytest.raises(ChannelRejected, match="cannot be corrected"):
        tmall.ship_back(replace(PARCEL, waybill="YT0000000000002", replaces=PARCEL.waybill))


def test_a_carrier_without_a_code_says_where_to_look(tmall: TaobaoChannel) -> None:
    with pytest.raises(
        ChannelRejected, match="there is no code for carrier fengwang: see `orderpool shop carriers tmall-1`"
    ):
        tmall.ship_back(replace(PARCEL, carrier="fengwang"))


def test_cash_on_delivery_is_refused_as_such(sandbox: Sandbox, tmall: TaobaoChannel) -> None:
    sandbox.do("POST", "/shops/tmall-1/orders", {"orders": orders(1, cod=True)})

    with pytest.raises(ChannelRejected, match="it is cash on delivery, which takes no parcel of an own carrier"):
        tmall.ship_back(PARCEL)


def test_no_answer_after_sending_is_unknown_and_a_retry_ships_once(
    sandbox: Sandbox, tmall: TaobaoChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taobao, "TIMEOUT_S", 0.3)
    sandbox.do("POST", "/shops/tmall-1/orders", {"orders": orders(1)})
    fault = {"target": "shop:tmall-1", "kind": "timeout_after", "times": 1, "match": "offline.send"}
    sandbox.do("POST", "/faults", fault)

    with pytest.raises(OutcomeUnknown):
        tmall.ship_back(PARCEL)
    tmall.ship_back(PARCEL)

    assert ship_backs(sandbox) == [("YTO", PARCEL.waybill)]


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("http_503", ChannelUnavailable),
        ("html", ChannelUnavailable),
        ("rate_limit", RateLimited),
        ("bad_signature", ChannelDenied),
        ("expired_token", ChannelDenied),
    ],
)
def test_a_failing_list_call_says_what_to_do(
    sandbox: Sandbox, tmall: TaobaoChannel, kind: str, error: type[ChannelError]
) -> None:
    sandbox.do("POST", "/faults", {"target": "shop:tmall-1", "kind": kind, "times": 1})

    with pytest.raises(error):
        read(tmall)


def test_a_ban_between_detail_calls_is_waited_out(
    sandbox: Sandbox, tmall: TaobaoChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(reading, "sleep", waits.append)
    sandbox.do("POST", "/shops/tmall-1/orders", {"orders": orders(8)})
    sandbox.do("POST", "/faults", {"target": "shop:tmall-1", "kind": "rate_limit", "times": 1, "match": "fullinfo"})

    assert len(read(tmall)) == 8
    assert waits == [2.0]


@pytest.mark.parametrize("method", ["md5", "hmac", "hmac-sha256"])
def test_every_sign_method_is_accepted(sandbox: Sandbox, tmall: TaobaoChannel, method: str) -> None:
    credentials = {**sandbox.shop("tmall-1"), "sign_method": method}
    shop = TaobaoChannel(tmall._client, "tmall-1", credentials, own_mapping("tmall"), lambda: NOON)

    assert shop.check().ok


def test_a_trade_that_is_not_there_is_none(tmall: TaobaoChannel) -> None:
    assert tmall.order("2912345678999999999") is None


def test_a_wrong_secret_shows_in_the_check(sandbox: Sandbox, tmall: TaobaoChannel) -> None:
    credentials = {**sandbox.shop("tmall-1"), "app_secret": "wrong"}
    health = TaobaoChannel(tmall._client, "tmall-1", credentials, own_mapping("tmall"), lambda: NOON).check()

    assert not health.ok
    assert health.missing
