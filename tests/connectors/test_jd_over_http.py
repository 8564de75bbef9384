import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest

from connectors.base import Box, Credentials, Paging, PlatformCarrier, ShipBack, Terms
from connectors.channels import jd, jd_gateway, reading
from connectors.channels.access import Access
from connectors.channels.jd import JdChannel
from connectors.channels.jd_authoriser import JdAuthoriser
from connectors.mapping import load_mapping
from connectors.registry import mapping_for
from models.errors import (
    ChannelDenied,
    ChannelError,
    ChannelRejected,
    ChannelUnavailable,
    OutcomeUnknown,
    RateLimited,
    SetupError,
    TokenRefused,
)
from models.incoming import IncomingInvoice, IncomingOrder, InvoiceKind, PayState
from sandbox.server import Sandbox
from tests.connectors.conftest import NOON, orders, ready_cases, recorded

RECORDED, READY = recorded("jd"), ready_cases("jd")
FIRST = "312345678901"
PARCEL = ShipBack(FIRST, FIRST, "yuantong", "YT9693083639795", (), True, "k1")
HOUR = timedelta(hours=1)
LIST = jd.SEARCH
MAPPING = load_mapping(mapping_for("jd")).gated(JdChannel.ready_to_ship)


@pytest.fixture
def credentials(sandbox: Sandbox) -> dict[str, str]:
    sandbox.do("POST", "/shops", {"code": "jd-1", "platform": "jd"})
    return dict(sandbox.shop("jd-1"))


@pytest.fixture
def shop(client: httpx.Client, credentials: dict[str, str]) -> JdChannel:
    return opened(client, credentials)


def opened(client: httpx.Client, credentials: Credentials, **terms: Any) -> JdChannel:
    return JdChannel(client, "jd-1", credentials, MAPPING, lambda: NOON, Terms(**terms))


def load(sandbox: Sandbox, count: int = 1, **more: Any) -> list[str]:
    loaded = orders(count, first=int(FIRST), **more)
    sandbox.do("POST", "/shops/jd-1/orders", {"orders": loaded})
    return [order["no"] for order in loaded]


def book(sandbox: Sandbox) -> dict[str, Any]:
    found: dict[str, Any] = sandbox.do("GET", "/books")["shops"]["jd-1"]
    return found


def ship_backs(sandbox: Sandbox) -> list[tuple[str, str | None]]:
    return [(row["carrier"], row["waybill"]) for row in book(sandbox)["ship_backs"]]


def fault(sandbox: Sandbox, kind: str, **more: Any) -> None:
    sandbox.do("POST", "/faults", {"target": "shop:jd-1", "kind": kind, "times": 1, **more})


def read(shop: JdChannel, since: timedelta = HOUR) -> list[str]:
    return [str(row["orderId"]) for page in shop.changed_orders(NOON - since, NOON) for row in page]


def mapped(sandbox: Sandbox, shop: JdChannel, **changes: Any) -> IncomingOrder:
    load(sandbox, **changes)
    payload = shop.order(FIRST)
    assert payload is not None
    return MAPPING.read(payload)


def small_pages(**more: Any) -> dict[str, Any]:
    return {"capabilities": replace(JdChannel.capabilities, page_size=10, **more)}


def business_of(request: httpx.Request) -> tuple[str, dict[str, Any]]:
    """The method of a call and its business parameters."""
    form = dict(parse_qsl(request.content.decode(), keep_blank_values=True))
    return form["method"], json.loads(form["360buy_param_json"])


class Asked:
    """A client that keeps what it asks; `answer` may take the place of the other side."""

    def __init__(
        self, answer: Callable[[str, dict[str, Any]], httpx.Response | None] = lambda method, wish: None
    ) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.client = httpx.Client(transport=httpx.MockTransport(self._send), trust_env=False)
        self._answer = answer
        self._real = httpx.HTTPTransport(trust_env=False)

    def _send(self, request: httpx.Request) -> httpx.Response:
        method, wish = business_of(request)
        self.calls.append((method, wish))
        given = self._answer(method, wish)
        if given is not None:
            return given
        answer = self._real.handle_request(request)
        answer.read()
        return answer

    def lists(self) -> list[dict[str, Any]]:
        """The business parameters of the list calls."""
        return [wish for method, wish in self.calls if method == LIST]


@pytest.fixture
def asked() -> Iterator[Asked]:
    kept = Asked()
    with kept.client:
        yield kept


def refusing(method: str, key: str, content: dict[str, Any]) -> httpx.Response:
    return httpx.Response(200, json={method.replace(".", "_") + "_responce": {"code": "0", key: content}})


class TestReading:
    """Lists of changed and of new orders."""

    def test_a_window_gives_every_order_complete(self, sandbox: Sandbox, shop: JdChannel) -> None:
        numbers = load(sandbox, 230, buyer_note="请发顺丰", freight_fen=800, discount_fen=501)

        payloads = [row for page in shop.changed_orders(NOON - HOUR, NOON) for row in page]

        found, faults = MAPPING.read_all(payloads)
        assert faults == []
        assert sorted(order.order_no for _, order in found) == numbers
        assert {order.pay_state for _, order in found} == {PayState.READY}
        for _, order in found:
            assert (order.goods_fen, order.discount_fen, order.freight_fen, order.total_fen) == (5000, 501, 800, 5299)
            assert sum(line.paid_fen for line in order.lines) == 4499
            assert order.buyer_note == "请发顺丰"

    def test_a_list_has_all_fields_so_no_order_is_asked_for(self, sandbox: Sandbox, shop: JdChannel) -> None:
        load(sandbox, 3)

        (page,) = shop.changed_orders(NOON - HOUR, NOON)

        assert set(book(sandbox)["calls"]) == {LIST}
        assert page[0] == shop.order(FIRST)

    def test_a_window_that_fits_one_page_costs_one_call(
        self, sandbox: Sandbox, asked: Asked, credentials: dict[str, str]
    ) -> None:
        load(sandbox, 99)

        read(opened(asked.client, credentials), timedelta(minutes=30))

        assert [wish["page"] for wish in asked.lists()] == ["1"]

    def test_pages_are_read_from_the_last_to_the_first(
        self, sandbox: Sandbox, asked: Asked, credentials: dict[str, str]
    ) -> None:
        load(sandbox, 25)

        read(opened(asked.client, credentials, **small_pages()), timedelta(minutes=30))

        assert [wish["page"] for wish in asked.lists()] == ["1", "3", "2", "1"]

    def test_a_long_span_is_read_in_windows_by_time_of_change(
        self, sandbox: Sandbox, asked: Asked, credentials: dict[str, str]
    ) -> None:
        read(opened(asked.client, credentials), timedelta(minutes=75))

        assert [(wish["start_date"], wish["end_date"]) for wish in asked.lists()] == [
            ("2026-11-20 10:45:00", "2026-11-20 11:15:00"),
            ("2026-11-20 11:15:00", "2026-11-20 11:45:00"),
            ("2026-11-20 11:45:00", "2026-11-20 12:00:00"),
        ]
        assert {(wish["dateType"], wish["sortType"]) for wish in asked.lists()} == {("0", "0")}
        assert {wish["order_state"] for wish in asked.lists()} == {JdChannel.ORDER_STATES}

    @pytest.mark.parametrize(("paging", "lost"), [(Paging.LAST_TO_FIRST, False), (Paging.FIRST_TO_LAST, True)])
    def test_orders_that_change_while_they_are_read(
        self, sandbox: Sandbox, client: httpx.Client, credentials: dict[str, str], paging: Paging, lost: bool
    ) -> None:
        numbers = load(sandbox, 200)
        sandbox.do("POST", "/clock", {"advance_s": 60})
        sandbox.do("POST", "/shops/jd-1/churn", {"moves": 8, "times": 400, "seed": "heavy"})

        seen = read(opened(client, credentials, **small_pages(paging=paging)), timedelta(minutes=30))

        moved = book(sandbox)["modified_order_nos"]
        assert len(moved) > 100
        assert bool(set(numbers) - set(seen) - set(moved)) == lost

    def test_a_list_deeper_than_the_platform_shows_is_read_in_halves(
        self, sandbox: Sandbox, client: httpx.Client, credentials: dict[str, str]
    ) -> None:
        numbers = load(sandbox, 90)
        shallow = opened(client, credentials, **small_pages(deepest_row=20))

        created = [number for page in shallow.created_ids(NOON - HOUR, NOON) for number in page]

        assert sorted(set(read(shallow))) == numbers
        assert sorted(set(created)) == numbers

    def test_a_second_deeper_than_the_platform_shows_is_refused(
        self, sandbox: Sandbox, client: httpx.Client, credentials: dict[str, str]
    ) -> None:
        moment = (NOON - timedelta(minutes=7)).isoformat()
        load(sandbox, 30, created_at=moment, modified_at=moment)
        shallow = opened(client, credentials, **small_pages(deepest_row=20))

        with pytest.raises(ChannelRejected, match=r"lists 30 orders in the second 2026-11-20 11:5\d:\d\d, of which"):
            read(shallow)
        with pytest.raises(ChannelRejected, match="lists 30 orders in the second"):
            list(shallow.created_ids(NOON - HOUR, NOON))

    def test_pages_that_the_platform_leaves_empty_lose_no_order_silently(
        self, sandbox: Sandbox, client: httpx.Client, credentials: dict[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reading, "sleep", lambda seconds: None)
        load(sandbox, 102)
        one_row_pages = {"capabilities": replace(JdChannel.capabilities, page_size=1)}

        with pytest.raises(ChannelUnavailable, match="page 102 of 102 orders is empty"):
            read(opened(client, credentials, **one_row_pages))
        with pytest.raises(ChannelUnavailable, match="page 101 of 102 orders is empty"):
            list(opened(client, credentials, **one_row_pages).created_ids(NOON - HOUR, NOON))

    def test_orders_too_old_to_be_listed_are_a_wish_that_cannot_be_done(self, shop: JdChannel) -> None:
        with pytest.raises(SetupError, match="90 days back"):
            read(shop, timedelta(days=91))

    def test_every_state_is_listed(self, sandbox: Sandbox, shop: JdChannel) -> None:
        states = JdChannel.ORDER_STATES.split(",")
        loaded = orders(len(states), first=int(FIRST))
        for order, state in zip(loaded, states, strict=True):
            order["raw"] = {"orderState": state}
        sandbox.do("POST", "/shops/jd-1/orders", {"orders": loaded})

        found = [row["orderState"] for page in shop.changed_orders(NOON - HOUR, NOON) for row in page]

        assert found == states

    def test_states_that_the_platform_refuses_are_given_up(self, sandbox: Sandbox, credentials: dict[str, str]) -> None:
        def refuse(method: str, wish: dict[str, Any]) -> httpx.Response | None:
            if "LOCKED" not in wish["order_state"]:
                return None
            said = {"success": "false", "numberCode": "1", "chineseErrCode": "order_state不合法"}
            return refusing(method, "searchorderinfo_result", {"apiResult": said})

        load(sandbox, 25)
        asked = Asked(refuse)

        seen = read(opened(asked.client, credentials, **small_pages()), timedelta(minutes=30))

        assert len(set(seen)) == 25
        tried = [wish["order_state"] for wish in asked.lists()]
        assert ["LOCKED" in states for states in tried] == [True, True, False, False, False, False]
        assert tried[-1] == "WAIT_SELLER_STOCK_OUT,WAIT_GOODS_RECEIVE_CONFIRM,FINISHED_L,TRADE_CANCELED"

    def test_a_shop_whose_states_are_not_all_listed_says_so(self, credentials: dict[str, str]) -> None:
        def refuse(method: str, wish: dict[str, Any]) -> httpx.Response | None:
            said = {"success": "false", "numberCode": "1", "chineseErrCode": "order_state不合法"}
            narrow = "LOCKED" not in wish["order_state"]
            return None if narrow else refusing(method, "searchorderinfo_result", {"apiResult": said})

        shop = opened(Asked(refuse).client, credentials)
        before = shop.hides_changes
        health = shop.check()

        assert (before, shop.hides_changes, health.ok) == (False, True, True)
        assert "WAIT_SELLER_STOCK_OUT" in health.detail
        assert "LOCKED" not in health.detail

    def test_a_shop_whose_states_are_all_listed_hides_nothing(self, shop: JdChannel) -> None:
        assert (shop.check().detail, shop.hides_changes) == ("", False)

    def test_a_passing_fault_gives_up_no_state(self, sandbox: Sandbox, credentials: dict[str, str]) -> None:
        said = {"success": False, "errorCode": "999999", "chineseErrCode": "订单状态查询系统异常"}
        faults = [refusing(LIST, "searchorderinfo_result", {"apiResult": said})]
        asked = Asked(lambda method, wish: faults.pop() if faults else None)
        shop = opened(asked.client, credentials)

        with pytest.raises(ChannelUnavailable):
            read(shop, timedelta(minutes=30))
        read(shop, timedelta(minutes=30))

        assert {wish["order_state"] for wish in asked.lists()} == {JdChannel.ORDER_STATES}

    def test_a_refusal_that_no_filter_mends_gives_up_nothing(self, credentials: dict[str, str]) -> None:
        said = {"success": False, "numberCode": 1, "chineseErrCode": "参数end_date错误"}
        wrong: list[bool] = [True]

        def refuse(method: str, wish: dict[str, Any]) -> httpx.Response | None:
            return refusing(method, "searchorderinfo_result", {"apiResult": said}) if wrong else None

        asked = Asked(refuse)
        shop = opened(asked.client, credentials)
        with pytest.raises(ChannelRejected, match="end_date"):
            read(shop)
        wrong.clear()
        read(shop)

        assert asked.lists()[-1]["order_state"] == JdChannel.ORDER_STATES

    def test_a_shop_may_name_its_own_states(self, asked: Asked, credentials: dict[str, str]) -> None:
        read(opened(asked.client, {**credentials, "order_states": "WAIT_SELLER_STOCK_OUT,LOCKED"}))

        assert {wish["order_state"] for wish in asked.lists()} == {"WAIT_SELLER_STOCK_OUT,LOCKED"}

    def test_new_orders_are_listed_by_creation(self, sandbox: Sandbox, shop: JdChannel) -> None:
        numbers = load(sandbox, 230)
        sandbox.do("POST", f"/shops/jd-1/orders/{FIRST}", {"event": "close"})

        assert [no for page in shop.created_ids(NOON - HOUR, NOON) for no in page] == numbers

    def test_an_order_that_is_paid_while_new_ones_are_listed_hides_no_other(
        self, sandbox: Sandbox, client: httpx.Client, credentials: dict[str, str]
    ) -> None:
        numbers = load(sandbox, 40)
        sandbox.do("POST", f"/shops/jd-1/orders/{FIRST}", {"set": {"status": "unpaid"}})

        pages = opened(client, credentials, **small_pages()).created_ids(NOON - HOUR, NOON)
        seen = next(pages)
        sandbox.do("POST", f"/shops/jd-1/orders/{FIRST}", {"event": "pay"})
        seen += [no for page in pages for no in page]

        assert set(seen) == set(numbers[1:])

    def test_an_order_that_is_not_there_is_none(self, shop: JdChannel) -> None:
        assert shop.order("312345670000") is None
        assert shop.order("A1") is None


class TestRefusals:
    """What the platform's errors mean for the next step."""

    @pytest.mark.parametrize(
        ("kind", "error"),
        [
            ("http_503", ChannelUnavailable),
            ("html", ChannelUnavailable),
            ("rate_limit", RateLimited),
            ("bad_signature", ChannelDenied),
            ("expired_token", TokenRefused),
        ],
    )
    def test_of_a_list_that_is_just_begun(
        self, sandbox: Sandbox, shop: JdChannel, kind: str, error: type[ChannelError]
    ) -> None:
        fault(sandbox, kind)

        with pytest.raises(error):
            read(shop)

    @pytest.mark.parametrize(("kind", "waits"), [("rate_limit", [10.0]), ("http_503", [0.5]), ("html", [0.5])])
    def test_a_hiccup_between_pages_is_waited_out(
        self,
        sandbox: Sandbox,
        client: httpx.Client,
        credentials: dict[str, str],
        monkeypatch: pytest.MonkeyPatch,
        kind: str,
        waits: list[float],
    ) -> None:
        waited: list[float] = []
        monkeypatch.setattr(reading, "sleep", waited.append)
        load(sandbox, 25)
        pages = opened(client, credentials, **small_pages()).changed_orders(NOON - HOUR / 2, NOON)

        seen = len(next(pages))
        fault(sandbox, kind)
        seen += sum(len(page) for page in pages)

        assert (seen, waited) == (25, waits)

    def test_a_long_ban_between_pages_is_not(self, sandbox: Sandbox, credentials: dict[str, str]) -> None:
        def ban(method: str, wish: dict[str, Any]) -> httpx.Response | None:
            return None if wish["page"] == "1" else httpx.Response(429, headers={"retry-after": "60"})

        load(sandbox, 25)

        with pytest.raises(RateLimited) as caught:
            read(opened(Asked(ban).client, credentials, **small_pages()), HOUR / 2)
        assert caught.value.retry_after_s == 60.0


class Renewing:
    """Renews as the pipeline does, through the authoriser."""

    def __init__(self, client: httpx.Client, credentials: dict[str, str], works: bool = True) -> None:
        self.refused: list[str] = []
        self._authoriser = JdAuthoriser(client, "jd-1", credentials, lambda: NOON)
        self._credentials = credentials
        self._works = works

    def __call__(self, refused: str) -> Credentials:
        self.refused.append(refused)
        if not self._works:
            return self._credentials
        return {
            **self._credentials,
            "access_token": self._authoriser.refresh(self._credentials["refresh_token"]).access_token,
        }


class Purse:
    """A budget that keeps what it is asked."""

    def __init__(self) -> None:
        self.taken = 0
        self.pauses: list[float] = []

    def take(self) -> None:
        self.taken += 1

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)


class TestTerms:
    """Tokens that are renewed and calls that are counted."""

    def test_chinese_text_is_signed_as_it_is_sent(self, credentials: dict[str, str], client: httpx.Client) -> None:
        access = Access("jd-1", credentials, Terms(), "access_token", JdChannel.needs)
        found = jd_gateway.JosGateway(client, "jd-1", access, lambda: NOON)

        assert found.call(jd.CARRIERS, {"fields": "名称"})

    def test_a_refused_token_is_renewed_and_the_call_repeated(
        self, sandbox: Sandbox, client: httpx.Client, credentials: dict[str, str]
    ) -> None:
        load(sandbox, 3)
        sandbox.do("POST", "/clock", {"advance_s": -30})
        fault(sandbox, "expired_token", times=None)
        renew = Renewing(client, credentials)
        shop = opened(client, credentials, renew=renew)

        assert len(read(shop)) == 3
        assert len(read(shop)) == 3
        assert renew.refused == [credentials["access_token"]]

    def test_a_token_that_is_refused_again_is_not_renewed_again(
        self, sandbox: Sandbox, client: httpx.Client, credentials: dict[str, str]
    ) -> None:
        fault(sandbox, "expired_token", times=None)
        renew = Renewing(client, credentials, works=False)

        with pytest.raises(TokenRefused):
            opened(client, credentials, renew=renew).order(FIRST)
        assert len(renew.refused) == 1

    def test_every_call_takes_its_turn_and_a_limit_stops_all(
        self, sandbox: Sandbox, client: httpx.Client, credentials: dict[str, str]
    ) -> None:
        load(sandbox)
        purse = Purse()
        shop = opened(client, credentials, budget=purse)

        shop.order(FIRST)
        read(shop, HOUR / 2)
        fault(sandbox, "rate_limit")
        with pytest.raises(RateLimited):
            shop.order(FIRST)

        assert (purse.taken, purse.pauses) == (3, [10.0])

    @pytest.mark.parametrize("key", ["endpoint", "app_key", "app_secret", "access_token"])
    def test_a_shop_without_a_credential_is_not_made(self, client: httpx.Client, key: str) -> None:
        known = {"endpoint": "e", "app_key": "a", "app_secret": "s", "access_token": "t"}

        with pytest.raises(SetupError, match=f"lacks the credential {key}"):
            opened(client, {**known, key: ""})

    def test_a_check_says_whether_keys_and_token_work(
        self, client: httpx.Client, shop: JdChannel, credentials: dict[str, str]
    ) -> None:
        wrong = opened(client, {**credentials, "app_secret": "wrong"}).check()

        assert shop.check().ok
        assert (wrong.ok, bool(wrong.missing)) == (False, True)

    def test_a_check_of_a_platform_that_is_down_names_nothing_to_mend(self, sandbox: Sandbox, shop: JdChannel) -> None:
        fault(sandbox, "http_503")

        assert (shop.check().ok, shop.check().missing) == (False, ())


class TestShipBack:
    """Telling the shop that an order left."""

    def test_an_order_ships_with_its_carrier_and_number(self, sandbox: Sandbox, shop: JdChannel) -> None:
        load(sandbox)

        shop.ship_back(PARCEL)

        assert ship_backs(sandbox) == [("463", PARCEL.waybill)]

    def test_a_parcel_reported_twice_ships_once(self, sandbox: Sandbox, shop: JdChannel) -> None:
        load(sandbox)

        for _ in range(3):
            shop.ship_back(PARCEL)

        assert ship_backs(sandbox) == [("463", PARCEL.waybill)]

    def test_no_answer_after_sending_is_unknown_and_a_repeat_ships_once(
        self, sandbox: Sandbox, shop: JdChannel, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(jd_gateway, "TIMEOUT_S", 0.3)
        load(sandbox)
        fault(sandbox, "timeout_after", match="shipment")

        with pytest.raises(OutcomeUnknown):
            shop.ship_back(PARCEL)
        shop.ship_back(PARCEL)

        assert ship_backs(sandbox) == [("463", PARCEL.waybill)]

    def test_a_call_that_never_arrived_ships_on_its_repeat(
        self, sandbox: Sandbox, shop: JdChannel, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(jd_gateway, "TIMEOUT_S", 0.3)
        load(sandbox)
        fault(sandbox, "timeout_before", match="shipment")

        with pytest.raises(OutcomeUnknown):
            shop.ship_back(PARCEL)
        shop.ship_back(PARCEL)

        assert ship_backs(sandbox) == [("463", PARCEL.waybill)]

    @pytest.mark.parametrize("code", ["999999", 99999999])
    @pytest.mark.parametrize("taken", [True, False])
    def test_a_passing_fault_is_looked_into(
        self, sandbox: Sandbox, client: httpx.Client, credentials: dict[str, str], code: Any, taken: bool
    ) -> None:
        said = {"success": "false", "errorCode": code, "chineseErrCode": "系统内部错误"}

        def answer(method: str, wish: dict[str, Any]) -> httpx.Response | None:
            if method != jd.SHIP:
                return None
            if taken:
                opened(client, credentials).ship_back(PARCEL)
            return refusing(method, "sopjosshipment_result", said)

        load(sandbox)
        shop = opened(Asked(answer).client, credentials)

        if taken:
            shop.ship_back(PARCEL)
        else:
            with pytest.raises(OutcomeUnknown, match=str(code)):
                shop.ship_back(PARCEL)
        assert len(ship_backs(sandbox)) == int(taken)

    def test_another_number_on_a_shipped_order_is_refused(self, sandbox: Sandbox, shop: JdChannel) -> None:
        load(sandbox)
        shop.ship_back(PARCEL)

        with pytest.raises(ChannelRejected, match="已出库"):
            shop.ship_back(replace(PARCEL, waybill="YT0000000000001"))
        assert ship_backs(sandbox) == [("463", PARCEL.waybill)]

    def test_all_boxes_of_an_order_leave_in_one_call(self, sandbox: Sandbox, shop: JdChannel) -> None:
        load(sandbox)
        earlier = (Box("yuantong", "YT0000000000001"), Box("shunfeng", "SF1234567890"))
        last = replace(PARCEL, line_nos=("7",), earlier=earlier)

        shop.ship_back(last)
        shop.ship_back(last)

        assert ship_backs(sandbox) == [
            ("463", "YT0000000000001"),
            ("463", PARCEL.waybill),
            ("467", "SF1234567890"),
        ]
        assert book(sandbox)["calls"][jd.SHIP] == 2

    def test_an_order_shipped_with_some_of_its_numbers_only_is_refused(self, sandbox: Sandbox, shop: JdChannel) -> None:
        load(sandbox)
        shop.ship_back(PARCEL)

        with pytest.raises(ChannelRejected):
            shop.ship_back(replace(PARCEL, earlier=(Box("yuantong", "YT0000000000001"),)))

    @pytest.mark.parametrize(
        ("parcel", "said"),
        [
            (replace(PARCEL, last_parcel=False, line_nos=("7",)), "JD ships whole orders"),
            (replace(PARCEL, replaces="YT0000000000001"), "no other number"),
            (replace(PARCEL, carrier="danniao"), "no code for carrier danniao"),
            (replace(PARCEL, earlier=(Box("danniao", "1"),)), "no code for carrier danniao"),
        ],
    )
    def test_what_jd_cannot_express_is_refused_without_a_call(
        self, sandbox: Sandbox, shop: JdChannel, parcel: ShipBack, said: str
    ) -> None:
        load(sandbox)

        with pytest.raises(ChannelRejected, match=said):
            shop.ship_back(parcel)
        assert book(sandbox)["calls"] == {}

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"raw": {"orderState": "LOCKED"}}, "锁定"),
            ({"status": "closed"}, "取消"),
            ({"raw": {"storeOrder": "京仓订单"}}, "京东库房"),
        ],
    )
    def test_an_order_that_must_not_leave_is_refused(
        self, sandbox: Sandbox, shop: JdChannel, changes: dict[str, Any], said: str
    ) -> None:
        load(sandbox, **changes)

        with pytest.raises(ChannelRejected, match=said):
            shop.ship_back(PARCEL)

    def test_codes_of_the_shops_own_list_go_first(
        self, sandbox: Sandbox, client: httpx.Client, credentials: dict[str, str]
    ) -> None:
        load(sandbox)

        opened(client, credentials, carriers={"jtexpress": "773574"}).ship_back(replace(PARCEL, carrier="jtexpress"))

        assert ship_backs(sandbox) == [("773574", PARCEL.waybill)]

    def test_own_delivery_has_no_number(
        self, sandbox: Sandbox, client: httpx.Client, credentials: dict[str, str]
    ) -> None:
        load(sandbox)
        shop = opened(client, credentials, carriers={"danniao": jd.OWN_DELIVERY})

        for _ in range(2):
            shop.ship_back(replace(PARCEL, carrier="danniao", waybill="our van"))

        assert ship_backs(sandbox) == [(jd.OWN_DELIVERY, None)]

    def test_the_shops_carriers_are_listed(self, shop: JdChannel) -> None:
        assert PlatformCarrier("467", "顺丰快递") in shop.list_carriers()


class TestConsent:
    """How a seller lets us act."""

    def test_a_consent_gives_tokens_that_work_and_end_those_before(
        self, client: httpx.Client, credentials: dict[str, str]
    ) -> None:
        authoriser = JdAuthoriser(client, "jd-1", credentials, lambda: NOON)

        led = client.get(authoriser.consent_url("http://127.0.0.1/back", "s t") + "&shop=jd-1")
        query = dict(httpx.URL(led.headers["location"]).params)
        tokens = authoriser.exchange(query["code"], "http://127.0.0.1/back")

        assert query == {"code": "code-jd-1", "state": "s t"}
        assert tokens.owner == credentials["owner_id"]
        assert tokens.expires_at == tokens.refresh_expires_at == NOON + timedelta(days=365)
        assert not opened(client, credentials).check().ok
        assert opened(client, {**credentials, "access_token": tokens.access_token}).check().ok

    def test_a_refresh_gives_tokens_that_work_and_ends_those_before(
        self, client: httpx.Client, credentials: dict[str, str]
    ) -> None:
        authoriser = JdAuthoriser(client, "jd-1", credentials, lambda: NOON)

        first = authoriser.refresh(credentials["refresh_token"])
        second = authoriser.refresh(first.refresh_token)

        assert opened(client, {**credentials, "access_token": second.access_token}).check().ok
        with pytest.raises(TokenRefused):
            opened(client, {**credentials, "access_token": first.access_token}).order(FIRST)
        with pytest.raises(ChannelDenied, match="refresh_token is over"):
            authoriser.refresh(first.refresh_token)

    def test_a_code_that_is_not_ours_is_denied(self, client: httpx.Client, credentials: dict[str, str]) -> None:
        with pytest.raises(ChannelDenied, match="401"):
            JdAuthoriser(client, "jd-1", credentials, lambda: NOON).exchange("code-nobody", "http://127.0.0.1/back")


class TestStates:
    """What the orders of the gateway count as."""

    def test_receivers_stay_as_they_are_after_shipping(self, sandbox: Sandbox, shop: JdChannel) -> None:
        before = mapped(sandbox, shop).receiver

        shop.ship_back(PARCEL)

        payload = shop.order(FIRST)
        assert payload is not None
        after = MAPPING.read(payload)
        assert (after.pay_state, after.receiver) == (PayState.SHIPPED, before)

    @pytest.mark.parametrize(
        ("changes", "state"),
        [
            ({}, PayState.READY),
            ({"cod": True, "paid_at": None}, PayState.READY),
            ({"status": "forbid"}, PayState.BLOCKED),
            ({"status": "closed"}, PayState.CANCELLED),
            ({"status": "finished"}, PayState.FINISHED),
            ({"type": "75"}, PayState.PLATFORM_SHIPS),
            ({"raw": {"idSopShipmenttype": 68}}, PayState.READY),
            ({"raw": {"storeOrder": "京仓订单"}}, PayState.PLATFORM_SHIPS),
            ({"raw": {"returnOrder": "1"}}, PayState.BLOCKED),
        ],
    )
    def test_what_the_sandbox_shows_counts_as_it_should(
        self, sandbox: Sandbox, shop: JdChannel, changes: dict[str, Any], state: PayState
    ) -> None:
        assert mapped(sandbox, shop, **changes).pay_state is state

    def test_an_invoice_comes_with_title_and_tax_number(self, sandbox: Sandbox, shop: JdChannel) -> None:
        wanted = {"title": "梧桐里茶业有限公司", "tax_no": "91330106MA2CFRX43E"}

        found = mapped(sandbox, shop, invoice=wanted).invoice

        assert found == IncomingInvoice(InvoiceKind.COMPANY, wanted["title"], wanted["tax_no"])

    def test_a_child_of_a_split_names_its_parent(self, sandbox: Sandbox, shop: JdChannel) -> None:
        parent = {"parentOrderId": "312345678000", "directParentOrderId": 312345678000}

        assert mapped(sandbox, shop, raw=parent).split_from == "312345678000"
