"""A seller's consent to act for a shop: the page to visit, the answer that comes back, the tokens it gives."""

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit

from psycopg.types.json import Jsonb

from models.database import Connection, transaction
from models.errors import SetupError
from models.settings import clock
from tasks.credentials import Owner, secrets_of
from tasks.tokens import TokenStanding, alone_with, authoriser_of, keep_tokens, shop_kind, standings

USUAL_REDIRECT = "http://127.0.0.1:8718/callback"
"""Where the seller is led when nothing else is said: nobody need listen there, the address bar shows the code."""

GOOD_FOR = timedelta(hours=1)
"""How long an answer to a consent page is waited for."""


@dataclass(frozen=True, slots=True)
class Consent:
    """The page on which the seller agrees, and the state that its answer must carry."""

    shop_code: str
    url: str
    redirect_uri: str
    state: str


def ask_consent(shop_code: str, redirect_uri: str = "") -> Consent:
    """Begin an authorisation: the page to visit. It is remembered, so another command may take the answer.

    Without `redirect_uri` the one of the last time is used. Raises SetupError when the shop's channel needs none, or
    a credential that goes before is missing.
    """
    state = secrets.token_urlsafe(24)
    with transaction() as conn:
        kind = shop_kind(conn, shop_code)
        known = secrets_of(conn, Owner.SHOP, shop_code)
        authoriser = authoriser_of(shop_code, kind, known)
        where = redirect_uri or str(_asked(conn, shop_code).get("redirect_uri") or USUAL_REDIRECT)
        if urlsplit(where).scheme not in ("http", "https") or not urlsplit(where).netloc:
            raise SetupError(f"shop {shop_code}: redirect URI {where!r}: want an http or https address")
        asked = {"redirect_uri": where, "state": state, "at": clock().now().isoformat()}
        _note(conn, shop_code, asked)
    return Consent(shop_code, authoriser.consent_url(where, state), where, state)


def asked_consent(shop_code: str) -> Consent:
    """The authorisation that was begun last; raises SetupError when there is none, or its time is over."""
    with transaction() as conn:
        shop_kind(conn, shop_code)
        asked = _asked(conn, shop_code)
    if not asked.get("state") or clock().now() - datetime.fromisoformat(asked["at"]) > GOOD_FOR:
        obstacle = f"no consent was asked for in the last {GOOD_FOR.seconds // 60} minutes"
        raise SetupError(f"shop {shop_code}: {obstacle}; `orderpool shop authorize {shop_code}` gives the page")
    return Consent(shop_code, "", asked["redirect_uri"], asked["state"])


def code_in(answer: str, consent: Consent) -> str:
    """The code that a seller pasted: itself, or in the whole address the platform led to, whose state is checked.

    Raises SetupError when the state is not ours, the seller declined, or there is no code.
    """
    text = answer.strip()
    if "://" not in text and "code=" not in text:
        if not text:
            raise SetupError(f"shop {consent.shop_code}: the code is empty")
        return text
    query = urlsplit(text).query if "://" in text else text.removeprefix("?")
    return code_of({name: values[-1] for name, values in parse_qs(query).items()}, consent)


class ConsentDeclined(SetupError):
    """The platform's answer to our request gives no code, as when the seller declines."""


def code_of(query: Mapping[str, str], consent: Consent) -> str:
    """The code in the parameters of a callback; raises SetupError as `code_in` does."""
    if not hmac.compare_digest(query.get("state", "").encode(), consent.state.encode()):
        obstacle = "the state in the answer is not the one that was sent; it belongs to another request"
        raise SetupError(f"shop {consent.shop_code}: {obstacle}")
    if not query.get("code"):
        said = query.get("error_description") or query.get("error") or "no code"
        raise ConsentDeclined(f"shop {consent.shop_code}: the platform answered without a code: {said[:100]}")
    return query["code"]


def finish_consent(consent: Consent, code: str) -> TokenStanding:
    """Exchange a code for tokens and store them; says until when they hold.

    Raises ChannelDenied when the code is over or not ours, SetupError when the consent is that of another shop than
    before. A code serves once: after a failure the authorisation begins anew.
    """
    shop = consent.shop_code
    with alone_with(shop) as conn:
        kind = shop_kind(conn, shop)
        known = secrets_of(conn, Owner.SHOP, shop)
        tokens = authoriser_of(shop, kind, known).exchange(code, consent.redirect_uri)
        with conn.transaction():
            keep_tokens(conn, shop, kind, tokens)
            _note(conn, shop, {"redirect_uri": consent.redirect_uri})
        (standing,) = standings(conn, shop)
    return standing


def _asked(conn: Connection, shop_code: str) -> dict[str, str]:
    row = conn.execute("select settings->'consent' from shop where code = %s", (shop_code,)).fetchone()
    return dict(row[0]) if row and row[0] else {}


def _note(conn: Connection, shop_code: str, asked: Mapping[str, str]) -> None:
    conn.execute(
        "update shop set settings = settings || %s where code = %s", (Jsonb({"consent": dict(asked)}), shop_code)
    )
