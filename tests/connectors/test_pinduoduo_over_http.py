from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from connectors.base import Credentials, Paging, Terms
from connectors.channels import pinduoduo_protocol, reading
from connectors.channels.pinduoduo import PinduoduoChannel
from connectors.channels.pinduoduo_authoriser import PinduoduoAuthoriser
from models.errors import (
    ChannelDenied,
    ChannelError,
    ChannelRejected,
    ChannelUnavailable,
    RateLimited,
    SetupError,
    TokenRefused,
)
from models.incoming import LineState, PayState
from sandbox.server import Sandbox
from tests.connectors.conftest import NOON, ready_cases, recorded
from tests.connectors.pinduoduo_shop import NOW, READING, Shop, order_sn

RECORDED, READY = recorded("pinduoduo"), ready_cases("pinduoduo")
HALF_HOUR = timedelta(minutes=30)
INCREMENT = "pdd.order.number.list.increment.get"


class Counter:
    """A budget that keeps what was asked of it."""

    def __init__(self) -> None:
        self.taken = 0
        self.paused: list[float] = []

    def take(self) -> None:
        self.taken += 1

    def pause(self, seconds: float) -> None:
        self.paused.append(seconds)


@pytest.fixture
def shop(sandbox: Sandbox, client: httpx.Client) -> Shop:
    """Its clock stands five minutes after noon, so that windows up to noon are listed."""
    sandbox.do("POST", "/clock", {"now": NOW.isoformat()})
    return Shop(sandbox, client)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What was waited for, without waiting."""
    kept: list[float] = []
    monkeypatch.setattr(reading, "sleep", kept.append)
    return kept


def read(channel: PinduoduoChannel, since: datetime = NOON - HALF_HOUR, until: datetime = NOON) -> list[str]:
    return [order["order_sn"] for page in channel.changed_orders(since, until) for order in page]


def sized(page_size: int, paging: Paging = Paging.LAST_TO_FIRST) -> Terms:
    return Terms(capabilities=replace(PinduoduoChannel.capabilities, page_size=page_size, paging=paging))


def test_a_window_gives_every_order_complete(shop: Shop) -> None:
    numbers = shop.load(250, buyer_note="请发顺丰")

    found = [order for page in shop.channel.changed_orders(NOON - HALF_HOUR, NOON) for order in page]

    assert sorted(order["order_sn"] for order in found) == numbers
    read_orders, faults = READING.read_all(found)
    assert faults == []
    first = read_orders[0][1]
    assert (first.pay_state, first.not_ready, first.buyer_note) == (PayState.READY, "", "请发顺丰")
    assert (first.total_fen, sum(line.paid_fen for line in first.lines)) == (5000, 5000)


def test_a_day_is_read_in_windows_of_half_an_hour(shop: Shop) -> None:
    numbers = shop.load(5)

    assert sorted(read(shop.channel, NOON - timedelta(hours=2))) == numbers
    assert shop.book()["calls"] == {INCREMENT: 5}
    assert shop.book()["refused"] == []


def test_a_longer_window_than_the_platform_takes_is_refused(shop: Shop) -> None:
    longer = Terms(capabilities=replace(PinduoduoChannel.capabilities, window=timedelta(minutes=31)))

    with pytest.raises(ChannelRejected, match="30分钟"):
        read(shop.opened(longer), NOON - timedelta(minutes=31))


def test_a_window_may_end_where_the_lag_ends_and_not_later(shop: Shop) -> None:
    lag = PinduoduoChannel.capabilities.lag

    assert read(shop.channel, NOON, NOW - lag) == []
    with pytest.raises(ChannelRejected, match="3分钟"):
        read(shop.channel, NOON, NOW - timedelta(minutes=2, seconds=30))


def test_what_is_no_longer_listed_cannot_be_asked_for(shop: Shop) -> None:
    with pytest.raises(SetupError, match="90 days"):
        read(shop.channel, NOW - timedelta(days=91))


def test_pages_are_read_from_the_last(shop: Shop) -> None:
    numbers = shop.load(25)

    assert read(shop.opened(sized(10)))[:5] == numbers[4::-1]
    assert read(shop.opened(sized(10, Paging.FIRST_TO_LAST)))[:5] == numbers[:-6:-1]


def test_orders_that_change_while_they_are_read_are_not_lost(shop: Shop) -> None:
    numbers = shop.load(60)
    shop.sandbox.do("POST", "/shops/pdd-1/churn", {"every_calls": 2})

    seen = read(shop.opened(sized(10)))
    moved = shop.book()["modified_order_nos"]

    assert moved
    assert set(numbers) <= set(seen) | set(moved)


def test_the_other_direction_would_lose_them(shop: Shop) -> None:
    numbers = shop.load(60)
    shop.sandbox.do("POST", "/shops/pdd-1/churn", {"every_calls": 2})

    seen = read(shop.opened(sized(10, Paging.FIRST_TO_LAST)))

    assert set(numbers) - set(seen) - set(shop.book()["modified_order_nos"])


def test_a_days_deals_are_listed_by_number(shop: Shop) -> None:
    numbers = shop.load(25)
    channel = shop.opened(sized(10))

    pages = list(channel.created_ids(NOON - timedelta(hours=24), NOON))

    assert [len(page) for page in pages] == [5, 10, 10]
    assert sorted(number for page in pages for number in page) == numbers
    assert shop.book()["calls"] == {"pdd.order.list.get": 4}


def test_several_days_of_deals_are_asked_for_day_by_day(shop: Shop) -> None:
    numbers = shop.load(2)

    pages = list(shop.channel.created_ids(NOON - timedelta(hours=60), NOON))

    assert sorted(number for page in pages for number in page) == numbers
    assert shop.book()["refused"] == []


def test_an_order_that_is_not_there_is_none(shop: Shop) -> None:
    assert shop.channel.order(order_sn(9)) is None


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
    shop: Shop, waits: list[float], kind: str, error: type[ChannelError]
) -> None:
    shop.fault(kind)

    with pytest.raises(error):
        read(shop.channel)


def test_an_answer_that_never_comes_is_unavailable(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pinduoduo_protocol, "TIMEOUT_S", 0.2)
    shop.fault("timeout_before", times=1)

    with pytest.raises(ChannelUnavailable):
        shop.channel.order(order_sn(1))


def test_a_ban_and_a_hiccup_in_the_middle_of_a_read_are_waited_out(shop: Shop, waits: list[float]) -> None:
    numbers = shop.load(3)
    found = shop.opened(sized(1)).changed_orders(NOON - HALF_HOUR, NOON)
    first = next(found)
    shop.fault("rate_limit", times=1)
    shop.fault("http_503", times=1)

    assert sorted(order["order_sn"] for page in (first, *found) for order in page) == numbers
    assert waits == [5.0, 1.0]


def test_a_refused_token_is_renewed_once(shop: Shop) -> None:
    refused: list[str] = []

    def renew(token: str) -> Credentials:
        refused.append(token)
        return shop.credentials

    assert read(shop.opened(Terms(renew=renew), access_token="over")) == []
    assert refused == ["over"]


def test_a_renewed_token_that_is_refused_too_ends_the_call(shop: Shop) -> None:
    over = {**shop.credentials, "access_token": "over"}
    asked: list[str] = []

    def renew(token: str) -> Credentials:
        asked.append(token)
        return over

    with pytest.raises(TokenRefused):
        shop.opened(Terms(renew=renew), access_token="over").order(order_sn(1))
    assert asked == ["over"]


def test_each_call_is_taken_from_the_budget_and_a_ban_pauses_it(shop: Shop, waits: list[float]) -> None:
    budget = Counter()
    shop.load(3)
    channel = shop.opened(replace(sized(2), budget=budget))

    read(channel)
    shop.fault("rate_limit", times=1)
    with pytest.raises(RateLimited):
        read(channel)

    assert (budget.taken, budget.paused) == (4, [5.0])


def test_the_check_works_and_tells_what_is_missing(shop: Shop) -> None:
    assert shop.channel.check().ok
    assert shop.opened(app_secret="wrong").check().missing
    shop.fault("http_503")
    assert not shop.channel.check().ok


@pytest.mark.parametrize("missing", ["endpoint", "app_key", "app_secret", "access_token"])
def test_a_missing_credential_is_named(shop: Shop, missing: str) -> None:
    with pytest.raises(SetupError, match=missing):
        shop.opened(Terms(), **{missing: ""})


def test_consent_gives_tokens_and_each_renewal_ends_the_former_ones(shop: Shop) -> None:
    authoriser = PinduoduoAuthoriser(shop.client, "pdd-1", shop.credentials, lambda: NOW)
    page = shop.client.get(authoriser.consent_url("http://127.0.0.1:1/back", "s") + "&shop=pdd-1")
    query = parse_qs(urlsplit(page.headers["location"]).query)

    given = authoriser.exchange(query["code"][0], "http://127.0.0.1:1/back")
    renewed = authoriser.refresh(given.refresh_token)

    assert query["state"] == ["s"]
    assert given.owner == shop.credentials["owner_id"]
    assert given.expires_at == pytest.approx(NOW + timedelta(days=30), abs=timedelta(seconds=10))
    assert given.refresh_expires_at == pytest.approx(NOW + timedelta(days=60), abs=timedelta(seconds=10))
    assert read(shop.opened(access_token=renewed.access_token)) == []
    with pytest.raises(TokenRefused):
        read(shop.opened(access_token=given.access_token))


def test_a_code_or_refresh_token_that_is_over_is_denied(shop: Shop) -> None:
    authoriser = PinduoduoAuthoriser(shop.client, "pdd-1", shop.credentials, lambda: NOW)

    with pytest.raises(ChannelDenied, match="code"):
        authoriser.exchange("code-nobody", "")
    with pytest.raises(ChannelDenied, match="refresh_token"):
        authoriser.refresh("nobody")


def test_what_is_personal_is_cut_out_of_what_is_stored(shop: Shop) -> None:
    shop.load(1, buyer_note="门口张伟收")
    order = {**shop.shown(), "contact_mobile": "17012345678-1234", "remark": "找张伟"}

    cut = READING.cut(order)

    for name in ("receiver_name", "receiver_phone", "receiver_address", "address", "open_address_id", "contact_mobile"):
        assert order[name] not in cut
    for name in ("receiver_name_mask", "receiver_phone_mask", "receiver_address_mask"):
        assert order[name] not in cut
    assert "张伟" not in cut


@pytest.mark.parametrize(
    ("change", "state", "pay_state"),
    [
        ({}, LineState.OPEN, PayState.READY),
        ({"event": "refund_request"}, LineState.REFUNDING, PayState.BLOCKED),
        ({"event": "refund"}, LineState.CLOSED, PayState.CANCELLED),
    ],
)
def test_the_refund_of_an_order_shows_at_its_lines(
    shop: Shop, change: dict[str, Any], state: LineState, pay_state: PayState
) -> None:
    shop.load(1)
    if change:
        shop.happen(**change)

    order = READING.read(shop.shown())

    assert (order.pay_state, {line.state for line in order.lines}) == (pay_state, {state})
