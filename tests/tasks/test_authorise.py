from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from connectors import registry
from models.database import transaction
from models.errors import ChannelDenied, SetupError
from sandbox.server import Sandbox
from tasks.authorise import Consent, ask_consent, asked_consent, code_in, finish_consent
from tasks.counterparts import open_channel
from tasks.credentials import Owner, secrets_of
from tasks.setup import add_shop, check_shop, needs_consent, token_standing
from tasks.tokens import renew_token
from tests.fakes import FakePool

AUTHORISED = [name for name, kind in registry.CHANNELS.items() if kind.authoriser is not None]
BACK = "http://127.0.0.1:8718/callback"


def add_without_token(sandbox: Sandbox, channel: str) -> dict[str, Any]:
    """A shop of the sandbox as a person adds it before the seller has agreed; what the sandbox says of it."""
    kind = registry.CHANNELS[channel]
    entry: dict[str, Any] = sandbox.do("POST", "/shops", {"code": "S1", "platform": channel})
    # the sandbox's Taobao gateway has its consent page beside the token call
    pages = {"consent_url": f"{sandbox.url}/authorize"} | {
        key: entry[key] for key in ("consent_url", "token_url") if entry.get(key)
    }
    keys = {name: entry[name] for name in ("endpoint", *kind.needs) if name != kind.token}
    add_shop("S1", channel, credentials=keys | pages)
    return entry


def agree(consent: Consent, shop: str = "S1") -> str:
    """The address to which the platform leads a seller who has agreed."""
    answer = httpx.get(consent.url, params={**_query(consent.url), "shop": shop}, trust_env=False)
    assert answer.status_code == 302, answer.text
    return answer.headers["location"]


def _query(url: str) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(urlsplit(url).query).items()}


@pytest.fixture
def consent(pool: FakePool, sandbox: Sandbox) -> Consent:
    """A Tmall shop's consent page."""
    add_without_token(sandbox, "tmall")
    return ask_consent("S1")


@pytest.mark.parametrize("channel", AUTHORISED)
class TestEveryChannel:
    def test_a_consent_gives_tokens_with_which_the_shop_is_read(
        self, pool: FakePool, sandbox: Sandbox, channel: str
    ) -> None:
        add_without_token(sandbox, channel)
        assert needs_consent("S1")
        assert check_shop("S1").missing == (registry.CHANNELS[channel].token,)

        consent = ask_consent("S1", BACK)
        standing = finish_consent(consent, code_in(agree(consent), consent))

        assert not needs_consent("S1")
        assert check_shop("S1").ok
        assert standing.ends_at is not None
        assert standing.refreshable
        assert token_standing("S1") == standing

    def test_a_token_that_a_consent_gave_can_be_refreshed(self, pool: FakePool, sandbox: Sandbox, channel: str) -> None:
        add_without_token(sandbox, channel)
        consent = ask_consent("S1", BACK)
        finish_consent(consent, code_in(agree(consent), consent))
        pool.execute("update shop set settings = settings - 'token_given_at'")
        with transaction() as conn:
            first = secrets_of(conn, Owner.SHOP, "S1")[registry.CHANNELS[channel].token]

        renewed = renew_token("S1", first)

        assert renewed[registry.CHANNELS[channel].token] != first
        assert check_shop("S1").ok

    def test_a_code_that_is_none_is_refused(self, pool: FakePool, sandbox: Sandbox, channel: str) -> None:
        add_without_token(sandbox, channel)
        consent = ask_consent("S1", BACK)

        with pytest.raises(ChannelDenied):
            finish_consent(consent, "code-of-nobody")

        assert needs_consent("S1")

    def test_the_consent_of_another_shop_is_refused(self, pool: FakePool, sandbox: Sandbox, channel: str) -> None:
        add_without_token(sandbox, channel)
        sandbox.do("POST", "/shops", {"code": "S2", "platform": channel})
        consent = ask_consent("S1", BACK)
        finish_consent(consent, code_in(agree(consent), consent))

        again = ask_consent("S1", BACK)
        with pytest.raises(SetupError, match="the consent is that of the platform's shop"):
            finish_consent(again, code_in(agree(again, shop="S2"), again))

    def test_its_carriers_are_read_with_the_token(self, pool: FakePool, sandbox: Sandbox, channel: str) -> None:
        add_without_token(sandbox, channel)
        consent = ask_consent("S1", BACK)
        finish_consent(consent, code_in(agree(consent), consent))

        with transaction() as conn:
            assert open_channel(conn, "S1").list_carriers()


def test_the_page_leads_back_with_our_state(consent: Consent) -> None:
    query = _query(agree(consent))

    assert (query["code"], query["state"]) == ("code-S1", consent.state)
    assert len(consent.state) >= 32


def test_every_request_has_a_state_of_its_own(consent: Consent) -> None:
    assert ask_consent("S1").state != consent.state


def test_a_code_may_be_pasted_alone(consent: Consent) -> None:
    assert code_in(" code-S1\n", consent) == "code-S1"
    assert code_in("a1b2==", consent) == "a1b2=="


def test_the_state_of_a_pasted_address_is_checked(consent: Consent) -> None:
    with pytest.raises(SetupError, match="the state in the answer is not the one that was sent"):
        code_in(f"{BACK}?code=code-S1&state=another", consent)
    with pytest.raises(SetupError, match="the state in the answer is not the one that was sent"):
        code_in("code=code-S1", consent)


def test_a_seller_who_declines_is_told_of(consent: Consent) -> None:
    with pytest.raises(SetupError, match="the platform answered without a code: access_denied"):
        code_in(f"{BACK}?error=access_denied&state={consent.state}", consent)


def test_the_answer_may_be_given_to_another_command(consent: Consent) -> None:
    later = asked_consent("S1")

    assert code_in(agree(consent), later) == "code-S1"
    assert later.redirect_uri == consent.redirect_uri


def test_an_answer_serves_once(consent: Consent) -> None:
    finish_consent(consent, code_in(agree(consent), consent))

    with pytest.raises(SetupError, match="no consent was asked for in the last 60 minutes"):
        asked_consent("S1")


def test_an_answer_that_comes_too_late_is_refused(consent: Consent, pool: FakePool) -> None:
    pool.execute("update shop set settings = jsonb_set(settings, '{consent,at}', '\"2026-11-01T00:00:00+00:00\"')")

    with pytest.raises(SetupError, match="no consent was asked for in the last 60 minutes"):
        asked_consent("S1")


def test_the_redirect_address_of_the_last_time_is_used_again(consent: Consent) -> None:
    ask_consent("S1", "https://oms.example.com/back")

    assert ask_consent("S1").redirect_uri == "https://oms.example.com/back"


def test_a_redirect_address_must_be_one(consent: Consent) -> None:
    with pytest.raises(SetupError, match="redirect URI 'callback': want an http or https address"):
        ask_consent("S1", "callback")


def test_a_shop_with_keys_needs_no_consent(pool: FakePool) -> None:
    with pytest.raises(SetupError, match="shop WOO: needs no authorisation"):
        ask_consent("WOO")


def test_an_unknown_shop_is_named(pool: FakePool) -> None:
    with pytest.raises(SetupError, match="shop S9: is not in the pool"):
        ask_consent("S9")


def test_what_goes_before_a_consent_is_named(consent: Consent, pool: FakePool) -> None:
    pool.execute("delete from credential where name = 'app_secret'")

    with pytest.raises(SetupError, match="shop S1: lacks the credential app_secret"):
        ask_consent("S1")


def test_a_shops_own_application_asks_without_a_page(pool: FakePool, sandbox: Sandbox) -> None:
    entry = add_without_token(sandbox, "douyin")
    add_shop("S1", "douyin", credentials={"shop_id": entry["owner_id"]})

    finish_consent(ask_consent("S1", BACK), "")

    assert check_shop("S1").ok
