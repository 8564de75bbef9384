"""Who may call a web shop's REST API: OAuth 1.0a, HTTP Basic or keys in the query."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, unquote

from starlette.requests import Request

from sandbox import signatures
from sandbox.world import Shop

WINDOW = timedelta(minutes=15)


class Refused(Exception):
    """An error the REST API answers with."""

    def __init__(self, status: int, code: str, message: str, **details: object) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.details = status, code, message, details

    def as_json(self) -> dict[str, object]:
        """Return the documented error body."""
        return {"code": self.code, "message": self.message, "data": {"status": self.status, **self.details}}


def _denied(message: str) -> Refused:
    return Refused(401, "woocommerce_rest_authentication_error", message)


def sign_in(request: Request, shop: Shop, now: datetime) -> str | None:
    """Check the caller; return the OAuth nonce, or None for the other ways. Refused says what is wrong."""
    # a repeated parameter counts once, with its last value: PHP reads a query so, and one client repeats them all
    given = dict(parse_qsl(request.url.query, keep_blank_values=True))
    query = list(given.items())
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "oauth":
        return _check_oauth(request, shop, now, query, _oauth_header(credentials))
    if "oauth_consumer_key" in given:
        oauth = {key: value for key, value in query if key.startswith("oauth_")}
        return _check_oauth(request, shop, now, [pair for pair in query if pair[0] not in oauth], oauth)
    if scheme.lower() == "basic":
        _check_keys(shop, *_basic(credentials))
        return None
    if "consumer_key" in given:
        _check_keys(shop, given["consumer_key"], given.get("consumer_secret", ""))
        return None
    if request.method == "GET":
        raise Refused(401, "woocommerce_rest_cannot_view", "Sorry, you cannot list resources.")
    raise Refused(401, "woocommerce_rest_cannot_edit", "Sorry, you are not allowed to edit this resource.")


def _basic(credentials: str) -> tuple[str, str]:
    try:
        key, _, secret = base64.b64decode(credentials).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise _denied("Consumer key is invalid.") from None
    return key, secret


def _oauth_header(credentials: str) -> dict[str, str]:
    pairs = (part.strip().partition("=") for part in credentials.split(","))
    parsed = {unquote(key): unquote(value.strip('"')) for key, _, value in pairs}
    parsed.pop("realm", None)
    return parsed


def _check_keys(shop: Shop, key: str, secret: str) -> None:
    if not signatures.same(key, shop.consumer_key):
        raise _denied("Consumer key is invalid.")
    if not signatures.same(secret, shop.consumer_secret):
        raise _denied("Consumer secret is invalid.")


def _check_oauth(
    request: Request, shop: Shop, now: datetime, query: list[tuple[str, str]], oauth: dict[str, str]
) -> str:
    for name in ("oauth_consumer_key", "oauth_timestamp", "oauth_nonce", "oauth_signature", "oauth_signature_method"):
        if not oauth.get(name):
            raise _denied(f"Missing OAuth parameter {name}")
    if oauth["oauth_consumer_key"] != shop.consumer_key:
        raise _denied("Consumer key is invalid.")
    signed = query + [(key, value) for key, value in oauth.items() if key != "oauth_signature"]
    url = str(request.url.replace(query="", fragment=""))
    try:
        expected = signatures.oauth1(request.method, url, signed, shop.consumer_secret, oauth["oauth_signature_method"])
    except KeyError:
        raise _denied("Invalid signature - signature method is invalid.") from None
    if not signatures.same(oauth["oauth_signature"], expected):
        raise _denied("Invalid signature - provided signature does not match.")
    _check_nonce(shop, now, oauth["oauth_timestamp"], oauth["oauth_nonce"])
    return oauth["oauth_nonce"]


def _check_nonce(shop: Shop, now: datetime, timestamp: str, nonce: str) -> None:
    if not timestamp.isdigit() or abs(now.timestamp() - int(timestamp)) > WINDOW.total_seconds():
        raise _denied("Invalid timestamp.")
    while shop.nonces and now - shop.nonces[oldest := next(iter(shop.nonces))] > WINDOW:
        del shop.nonces[oldest]
    if nonce in shop.nonces:
        raise _denied("Invalid nonce - nonce has already been used.")
    shop.nonces[nonce] = now
