import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from connectors.base import Credentials, Tokens
from connectors.channels.taobao import TaobaoChannel
from models.database import transaction
from models.errors import ChannelDenied, SetupError
from models.settings import clock
from sandbox.server import Sandbox
from tasks.counterparts import open_channel
from tasks.credentials import Owner, secrets_of
from tasks.setup import add_shop
from tasks.tokens import TokenStanding, due, keep_tokens, refresh_due, renew_token, standings
from tests.fakes import FakePool

DAY = timedelta(days=1)
WANTED = ("endpoint", "app_key", "app_secret", "session", "refresh_token", "token_url")


@pytest.fixture
def tmall(pool: FakePool, sandbox: Sandbox) -> dict[str, Any]:
    """The sandbox's Tmall shop, set up as shop tmall-1; what the sandbox says of it."""
    entry = sandbox.shop("tmall-1")
    add_shop("tmall-1", "tmall", credentials={key: entry[key] for key in WANTED})
    return entry


def credentials(code: str = "tmall-1") -> Credentials:
    with transaction() as conn:
        return secrets_of(conn, Owner.SHOP, code)


def standing_of(code: str = "tmall-1") -> TokenStanding:
    with transaction() as conn:
        (found,) = standings(conn, code)
    return found


def give(tokens: Tokens, code: str = "tmall-1") -> None:
    with transaction() as conn:
        keep_tokens(conn, code, TaobaoChannel, tokens)


class TestRenewing:
    def test_a_refused_token_is_refreshed_and_kept_with_its_end(self, tmall: dict[str, Any]) -> None:
        renewed = renew_token("tmall-1", tmall["session"])

        assert renewed["session"] != tmall["session"]
        assert credentials() == renewed
        standing = standing_of()
        assert standing.ends_at is not None
        assert standing.ends_at > clock().now() + DAY
        assert standing.refreshable

    def test_a_token_that_somebody_renewed_meanwhile_is_taken(self, tmall: dict[str, Any]) -> None:
        renewed = renew_token("tmall-1", tmall["session"])

        assert renew_token("tmall-1", tmall["session"]) == renewed

    def test_workers_that_are_refused_at_once_refresh_once(self, tmall: dict[str, Any], sandbox: Sandbox) -> None:
        together = threading.Barrier(4)

        def renew() -> str:
            together.wait()
            return renew_token("tmall-1", tmall["session"])["session"]

        with ThreadPoolExecutor(4) as threads:
            got = [future.result() for future in [threads.submit(renew) for _ in range(4)]]

        assert set(got) == {sandbox.shop("tmall-1")["session"]}

    def test_a_read_goes_on_with_a_new_token(self, tmall: dict[str, Any], sandbox: Sandbox) -> None:
        sandbox.do("POST", "/faults", {"target": "shop:tmall-1", "kind": "expired_token"})
        with transaction() as conn:
            channel = open_channel(conn, "tmall-1")

        assert channel.check().ok
        assert credentials()["session"] != tmall["session"]

    def test_a_refused_refresh_says_that_a_new_consent_is_needed(self, pool: FakePool, tmall: dict[str, Any]) -> None:
        add_shop("tmall-1", "tmall", credentials={"refresh_token": "over"})

        with pytest.raises(ChannelDenied, match=r"tmall-1: refresh the token: .*`orderpool shop authorize tmall-1`"):
            renew_token("tmall-1", tmall["session"])

        assert credentials()["session"] == tmall["session"]

    def test_without_a_refresh_token_a_person_must_act(self, pool: FakePool, tmall: dict[str, Any]) -> None:
        pool.execute("delete from credential where name = 'refresh_token'")

        with pytest.raises(ChannelDenied, match=r"there is no refresh token; .*`orderpool shop authorize tmall-1`"):
            renew_token("tmall-1", tmall["session"])

    def test_a_new_token_that_is_refused_is_not_refreshed_again(self, tmall: dict[str, Any]) -> None:
        fresh = renew_token("tmall-1", tmall["session"])["session"]

        with pytest.raises(ChannelDenied, match="is refused though it is new"):
            renew_token("tmall-1", fresh)

        assert credentials()["session"] == fresh

    def test_a_token_of_another_shop_is_refused(self, tmall: dict[str, Any]) -> None:
        give(Tokens("a", None, owner="示例旗舰店tmall-1"))

        with pytest.raises(SetupError, match="shop tmall-1: the consent is that of the platform's shop 别家, but"):
            give(Tokens("b", None, owner="别家"))

        assert credentials()["session"] == "a"

    def test_tokens_without_a_refresh_token_leave_the_former(self, tmall: dict[str, Any]) -> None:
        give(Tokens("a", None))

        assert credentials()["refresh_token"] == tmall["refresh_token"]


class TestRefreshingInTime:
    def test_a_token_is_due_in_the_last_day_of_its_life(self, tmall: dict[str, Any]) -> None:
        now = clock().now()
        give(Tokens("a", now + 365 * DAY, "r", now + 365 * DAY))

        with transaction() as conn:
            assert due(conn, now + 363.9 * DAY) == []
            assert due(conn, now + 364.1 * DAY) == ["tmall-1"]

    def test_a_short_token_is_due_in_the_last_quarter_of_its_life(self, tmall: dict[str, Any]) -> None:
        now = clock().now()
        give(Tokens("a", now + timedelta(hours=8), "r", now + 30 * DAY))

        with transaction() as conn:
            assert due(conn, now + timedelta(hours=5.9)) == []
            assert due(conn, now + timedelta(hours=6.1)) == ["tmall-1"]

    def test_a_token_is_refreshed_at_most_once_a_day(self, tmall: dict[str, Any]) -> None:
        now = clock().now()
        give(Tokens("a", now + 3 * DAY, "r", None))
        give(Tokens("b", now + timedelta(hours=30), "r", None))

        assert (standing_of().refresh_at or now) >= now + timedelta(hours=15)

    def test_a_token_without_a_known_end_is_not_refreshed(self, tmall: dict[str, Any]) -> None:
        with transaction() as conn:
            assert due(conn, clock().now() + 1000 * DAY) == []

    def test_what_ended_for_good_is_not_tried(self, tmall: dict[str, Any]) -> None:
        now = clock().now()
        give(Tokens("a", now + 2 * DAY, "r", now + 3 * DAY))

        with transaction() as conn:
            assert due(conn, now + 2 * DAY) == ["tmall-1"]
            assert due(conn, now + 4 * DAY) == []

    def test_due_tokens_are_refreshed_and_a_refusal_stops_no_other(
        self, pool: FakePool, tmall: dict[str, Any], sandbox: Sandbox
    ) -> None:
        entry = sandbox.shop("taobao-1")
        add_shop("taobao-1", "taobao", credentials={**{key: entry[key] for key in WANTED}, "refresh_token": "over"})
        pool.execute("update credential set expires_at = %s where name = 'session'", clock().now() - DAY / 2)

        done, obstacles = refresh_due(clock().now())

        assert done == ["tmall-1"]
        assert credentials()["session"] == sandbox.shop("tmall-1")["session"]
        assert list(obstacles) == ["taobao-1"]
        assert str(obstacles["taobao-1"]).startswith("taobao-1: refresh the token: invalid_grant")

    def test_a_refreshed_token_is_not_due_any_more(self, pool: FakePool, tmall: dict[str, Any]) -> None:
        pool.execute("update credential set expires_at = %s where name = 'session'", clock().now() - DAY)

        assert refresh_due(clock().now())[0] == ["tmall-1"]
        assert refresh_due(clock().now()) == ([], {})
