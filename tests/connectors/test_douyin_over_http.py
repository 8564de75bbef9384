import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.base import Budget, Credentials, Paging, PlatformCarrier, Terms
from connectors.channels import reading
from connectors.channels.douyin import DouyinChannel
from connectors.channels.douyin_authoriser import DouyinAuthoriser
from connectors.mapping import load_mapping
from models.errors import (
    ChannelDenied,
    ChannelError,
    ChannelRejected,
    ChannelUnavailable,
    RateLimited,
    SetupError,
    TokenRefused,
)
from models.incoming import PayState
from sandbox.server import Sandbox
from tests.connectors.conftest import NOON, orders, ready_cases, recorded

RECORDED, READY = recorded("douyin"), ready_cases("douyin")
NO = "2912345678900000001"
MAPPING = load_mapping(Path("connectors/mappings/douyin.yaml")).gated(DouyinChannel.ready_to_ship)
Open = Callable[..., DouyinChannel]


@pytest.fixture
def world(sandbox: Sandbox) -> Sandbox:
    """The sandbox with a Douyin shop in it."""
    sandbox.do("POST", "/shops", {"code": "douyin-1", "platform": "douyin"})
    return sandbox


@pytest.fixture
def open_shop(world: Sandbox, client: httpx.Client) -> Open:
    def shop(terms: Terms = Terms(), **credentials: str) -> DouyinChannel:  # noqa: B008
        known = {**world.shop("douyin-1"), **credentials}
        return DouyinChannel(client, "douyin-1", known, MAPPING, lambda: NOON, terms)

    return shop


@pytest.fixture
def douyin(open_shop: Open) -> DouyinChannel:
    return open_shop()


@pytest.fixture
def asked(client: httpx.Client) -> list[dict[str, Any]]:
    """The business parameters of every list call that is made from now on."""
    found: list[dict[str, Any]] = []

    def note(request: httpx.Request) -> None:
        if "searchList" in request.url.path:
            found.append(json.loads(request.content))

    client.event_hooks["request"].append(note)
    return found


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    found: list[float] = []
    monkeypatch.setattr(reading, "sleep", found.append)
    return found


def load(world: Sandbox, count: int = 1, **more: Any) -> list[str]:
    loaded = orders(count, **more)
    world.do("POST", "/shops/douyin-1/orders", {"orders": loaded})
    return [order["no"] for order in loaded]


def book(world: Sandbox) -> Any:
    return world.do("GET", "/books")["shops"]["douyin-1"]


def fault(world: Sandbox, kind: str, match: str = "", times: int | None = 1) -> None:
    body = {"target": "shop:douyin-1", "kind": kind, "match": match, "times": times}
    world.do("POST", "/faults", body)


def read(shop: DouyinChannel, minutes: int = 30) -> list[str]:
    pages = shop.changed_orders(NOON - timedelta(minutes=minutes), NOON)
    return [order["order_id"] for page in pages for order in page]


def small(**more: Any) -> Terms:
    """Terms with pages of ten."""
    return Terms(capabilities=replace(DouyinChannel.capabilities, page_size=10, **more))


class TestReading:
    """Windows of changed and created orders."""

    def test_a_window_gives_every_order_complete(self, world: Sandbox, douyin: DouyinChannel) -> None:
        load(world, 250, buyer_note="请发顺丰", freight_fen=800)

        payloads = [order for page in douyin.changed_orders(NOON - timedelta(hours=1), NOON) for order in page]

        read_orders, faults = MAPPING.read_all(payloads)
        assert (len({order.external_id for _, order in read_orders}), faults) == (250, [])
        first = read_orders[-1][1]
        assert (first.pay_state, first.buyer_note) == (PayState.READY, "请发顺丰")
        assert first.total_fen == sum(line.paid_fen for line in first.lines) + first.freight_fen == 5800

    def test_orders_that_change_while_they_are_read_are_not_lost(self, world: Sandbox, open_shop: Open) -> None:
        loaded = load(world, 150)
        world.do("POST", "/shops/douyin-1/churn", {"moves": 6, "times": 100, "seed": "s"})

        seen = read(open_shop(small()))

        assert len(set(book(world)["modified_order_nos"])) > 40
        assert set(loaded) <= set(seen) | set(book(world)["modified_order_nos"])

    def test_reading_from_the_first_page_to_the_last_would_lose_some(self, world: Sandbox, open_shop: Open) -> None:
        loaded = load(world, 150)
        world.do("POST", "/shops/douyin-1/churn", {"moves": 6, "times": 100, "seed": "s"})

        seen = read(open_shop(small(paging=Paging.FIRST_TO_LAST)))

        assert set(loaded) - set(seen) - set(book(world)["modified_order_nos"])

    def test_pages_are_counted_first_and_read_from_the_last(
        self, world: Sandbox, open_shop: Open, asked: list[dict[str, Any]]
    ) -> None:
        load(world, 35)

        read(open_shop(small()))

        assert [wish["page"] for wish in asked] == [0, 3, 2, 1, 0]
        assert {(wish["order_by"], wish["order_asc"]) for wish in asked} == {("update_time", True)}

    def test_a_window_of_one_page_costs_one_call(
        self, world: Sandbox, douyin: DouyinChannel, asked: list[dict[str, Any]]
    ) -> None:
        load(world, 100)

        assert len(read(douyin)) == 100
        assert len(asked) == 1

    def test_no_list_call_spans_more_than_half_an_hour(
        self, world: Sandbox, douyin: DouyinChannel, asked: list[dict[str, Any]]
    ) -> None:
        read(douyin, minutes=100)

        spans = [wish["update_time_end"] - wish["update_time_start"] for wish in asked]
        assert spans == [1799, 1799, 1799, 599]

    def test_a_window_that_is_too_deep_is_read_in_halves(self, world: Sandbox, open_shop: Open) -> None:
        loaded = load(world, 150)

        seen = read(open_shop(small(deepest_row=30)))

        assert sorted(seen) == loaded

    def test_a_second_that_is_too_deep_is_refused(self, world: Sandbox, open_shop: Open) -> None:
        loaded = [{**order, "modified_at": (NOON - timedelta(minutes=5)).isoformat()} for order in orders(50)]
        world.do("POST", "/shops/douyin-1/orders", {"orders": loaded})

        with pytest.raises(ChannelRejected, match="lists 50 orders in one window, of which it shows 30"):
            read(open_shop(small(deepest_row=30)))

    def test_a_window_that_grows_is_read_again(self, world: Sandbox, open_shop: Open, client: httpx.Client) -> None:
        load(world, 35)
        late = orders(1, first=2912345678900009001, minutes=25)

        def arrive(response: httpx.Response) -> None:
            if late and "searchList" in response.request.url.path:
                world.do("POST", "/shops/douyin-1/orders", {"orders": [late.pop()]})

        client.event_hooks["response"].append(arrive)

        assert "2912345678900009001" in read(open_shop(small()))

    def test_a_window_that_never_stops_growing_is_given_up(
        self, world: Sandbox, open_shop: Open, client: httpx.Client
    ) -> None:
        load(world, 15)
        late = iter(orders(100, first=2912345678900009001, minutes=25))

        def arrive(response: httpx.Response) -> None:
            if "searchList" in response.request.url.path:
                world.do("POST", "/shops/douyin-1/orders", {"orders": [next(late)]})

        client.event_hooks["response"].append(arrive)

        with pytest.raises(ChannelUnavailable, match="kept growing"):
            read(open_shop(small()))

    def test_orders_of_more_than_ninety_days_ago_cannot_be_asked_for(self, douyin: DouyinChannel) -> None:
        with pytest.raises(SetupError, match="90 days back"):
            read(douyin, minutes=91 * 24 * 60)

    def test_created_ids_are_listed_by_creation(self, world: Sandbox, open_shop: Open) -> None:
        loaded = load(world, 35)
        world.do("POST", f"/shops/douyin-1/orders/{loaded[0]}", {"event": "change_note"})

        pages = list(open_shop(small()).created_ids(NOON - timedelta(minutes=30), NOON))

        assert sorted(no for page in pages for no in page) == loaded

    def test_one_order_is_read_by_its_number(self, world: Sandbox, douyin: DouyinChannel) -> None:
        load(world)

        found = douyin.order(NO)

        assert found is not None
        assert found["order_id"] == NO
        assert douyin.order("2912345678999999999") is None


class TestFailures:
    """What a failing call says to do."""

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
    def test_a_failing_list_call_says_what_to_do(
        self, world: Sandbox, douyin: DouyinChannel, kind: str, error: type[ChannelError]
    ) -> None:
        fault(world, kind)

        with pytest.raises(error):
            read(douyin)

    @pytest.mark.parametrize("kind", ["rate_limit", "http_503"])
    def test_a_hiccup_in_the_middle_of_a_read_is_waited_out(
        self, world: Sandbox, open_shop: Open, client: httpx.Client, waits: list[float], kind: str
    ) -> None:
        loaded = load(world, 25)
        failing = [kind]

        def fail_later(response: httpx.Response) -> None:
            if failing and "searchList" in response.request.url.path:
                fault(world, failing.pop(), times=2)

        client.event_hooks["response"].append(fail_later)

        assert set(read(open_shop(small()))) == set(loaded)
        assert len(waits) == 2

    def test_a_hiccup_at_the_start_of_a_later_window_is_waited_out(
        self, world: Sandbox, douyin: DouyinChannel, client: httpx.Client, waits: list[float]
    ) -> None:
        loaded = load(world, 5, minutes=100)
        failing = ["http_503"]

        def fail_later(response: httpx.Response) -> None:
            if failing and "searchList" in response.request.url.path:
                fault(world, failing.pop())

        client.event_hooks["response"].append(fail_later)

        assert read(douyin, minutes=100) == loaded
        assert len(waits) == 1

    def test_a_lacking_credential_is_named(self, open_shop: Open) -> None:
        with pytest.raises(SetupError, match="app_secret"):
            open_shop(app_secret="")


class Purse:
    """A budget that counts."""

    def __init__(self, empty: bool = False) -> None:
        self.taken = 0
        self.pauses: list[float] = []
        self.empty = empty

    def take(self) -> None:
        if self.empty:
            raise RateLimited("douyin-1", "budget", "no call is left", 3.0)
        self.taken += 1

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)


class TestTermsOfAShop:
    """Token renewal and call budget."""

    def renewing(self, world: Sandbox, client: httpx.Client, refused: list[str]) -> Callable[[str], Credentials]:
        def renew(used: str) -> Credentials:
            refused.append(used)
            known = world.shop("douyin-1")
            tokens = DouyinAuthoriser(client, "douyin-1", known, lambda: NOON).refresh(known["refresh_token"])
            return {**known, "access_token": tokens.access_token}

        return renew

    def test_a_token_that_is_over_is_renewed_once(self, world: Sandbox, open_shop: Open, client: httpx.Client) -> None:
        refused: list[str] = []
        shop = open_shop(Terms(renew=self.renewing(world, client, refused)))
        token = world.shop("douyin-1")["access_token"]
        fault(world, "expired_token", times=None)

        first, second = read(shop), read(shop)

        assert (first, second, refused) == ([], [], [token])

    def test_a_renewed_token_that_is_refused_too_is_denied(self, world: Sandbox, open_shop: Open) -> None:
        refused: list[str] = []

        def renew(used: str) -> Credentials:
            refused.append(used)
            return world.shop("douyin-1")

        fault(world, "expired_token", times=None)

        with pytest.raises(ChannelDenied):
            read(open_shop(Terms(renew=renew)))
        assert len(refused) == 1

    def test_an_unknown_token_is_not_renewed(self, open_shop: Open) -> None:
        def renew(used: str) -> Credentials:
            raise AssertionError(used)

        with pytest.raises(ChannelDenied, match="no-existed"):
            read(open_shop(Terms(renew=renew), access_token="unknown"))

    def test_every_call_takes_from_the_budget(self, world: Sandbox, open_shop: Open) -> None:
        purse = Purse()
        load(world, 25)

        read(open_shop(replace(small(), budget=purse)))

        assert purse.taken == 4

    def test_a_limit_of_the_platform_pauses_the_budget(self, world: Sandbox, open_shop: Open) -> None:
        purse = Purse()
        fault(world, "rate_limit")

        with pytest.raises(RateLimited) as caught:
            read(open_shop(Terms(budget=purse)))
        assert purse.pauses == [caught.value.retry_after_s]

    def test_a_budget_that_is_used_up_is_not_paused_on_top(self, open_shop: Open) -> None:
        purse: Budget = Purse(empty=True)

        with pytest.raises(RateLimited):
            read(open_shop(Terms(budget=purse)))
        assert isinstance(purse, Purse)
        assert purse.pauses == []


class TestSetUp:
    """Carriers, check and consent."""

    def test_the_carriers_of_the_platform_are_listed(self, douyin: DouyinChannel) -> None:
        assert PlatformCarrier("jtexpress", "极兔速递") in douyin.list_carriers()

    def test_every_carrier_of_the_mapping_is_the_platforms(self, douyin: DouyinChannel) -> None:
        assert set(MAPPING.carriers.values()) == {carrier.code for carrier in douyin.list_carriers()}

    def test_a_working_shop_is_healthy(self, douyin: DouyinChannel) -> None:
        assert douyin.check().ok

    @pytest.mark.parametrize("wrong", [{"app_secret": "wrong"}, {"access_token": "wrong"}])
    def test_a_wrong_credential_shows_in_the_check(self, open_shop: Open, wrong: dict[str, str]) -> None:
        health = open_shop(**wrong).check()

        assert not health.ok
        assert health.missing

    def test_an_outage_is_nothing_a_person_can_mend(self, world: Sandbox, douyin: DouyinChannel) -> None:
        fault(world, "http_503")

        health = douyin.check()

        assert (health.ok, health.missing) == (False, ())

    @pytest.fixture
    def authoriser(self, world: Sandbox, client: httpx.Client) -> DouyinAuthoriser:
        return DouyinAuthoriser(client, "douyin-1", world.shop("douyin-1"), lambda: NOON)

    def test_consent_gives_a_code_and_the_code_tokens(
        self, world: Sandbox, authoriser: DouyinAuthoriser, client: httpx.Client, open_shop: Open
    ) -> None:
        page = client.get(authoriser.consent_url("http://127.0.0.1/back", "state 1"))
        back = httpx.URL(page.headers["location"])

        tokens = authoriser.exchange(back.params["code"], "http://127.0.0.1/back")

        assert (back.path, back.params["state"]) == ("/back", "state 1")
        assert tokens.owner == world.shop("douyin-1")["owner_id"]
        assert tokens.expires_at == NOON + timedelta(days=7)
        assert tokens.refresh_expires_at == NOON + timedelta(days=14)
        assert open_shop(access_token=tokens.access_token).check().ok

    def test_refreshed_tokens_end_the_old_ones(
        self, world: Sandbox, authoriser: DouyinAuthoriser, open_shop: Open
    ) -> None:
        before = world.shop("douyin-1")

        tokens = authoriser.refresh(before["refresh_token"])

        assert open_shop(access_token=tokens.access_token).check().ok
        with pytest.raises(TokenRefused):
            read(open_shop(access_token=before["access_token"]))
        with pytest.raises(ChannelDenied):
            authoriser.refresh(before["refresh_token"])

    def test_a_code_that_is_not_ours_is_denied(self, authoriser: DouyinAuthoriser) -> None:
        with pytest.raises(ChannelDenied, match="code 50001"):
            authoriser.exchange("code-of-somebody", "http://127.0.0.1/back")

    def test_a_self_use_application_needs_no_code(self, world: Sandbox, client: httpx.Client) -> None:
        known = world.shop("douyin-1")
        own = DouyinAuthoriser(client, "douyin-1", {**known, "shop_id": known["owner_id"]}, lambda: NOON)

        assert own.exchange("", "").access_token
