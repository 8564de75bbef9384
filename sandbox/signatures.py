"""Signatures as the platforms document them, written without sight of the clients' code."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from urllib.parse import quote


def same(given: str, expected: str) -> bool:
    """Compare two signatures in constant time."""
    return hmac.compare_digest(given.encode(), expected.encode())


def _joined(params: Mapping[str, str]) -> str:
    return "".join(key + params[key] for key in sorted(params, key=str.encode))


def top(params: Mapping[str, str], secret: str, method: str, body: str = "") -> str:
    """Sign a TOP call: sorted key-value string, optionally followed by a raw body.

    `method` is md5, hmac or hmac-sha256; ValueError for any other.
    """
    text = (_joined(params) + body).encode()
    key = secret.encode()
    if method == "md5":
        return hashlib.md5(key + text + key).hexdigest().upper()
    if method in {"hmac", "hmac-md5"}:
        return hmac.new(key, text, hashlib.md5).hexdigest().upper()
    if method == "hmac-sha256":
        return hmac.new(key, text, hashlib.sha256).hexdigest().upper()
    raise ValueError(f"unknown sign_method {method!r}")


def qimen(params: Mapping[str, str], body: str, secret: str, method: str, wrap: str = "both") -> str:
    """Sign a Qimen call: as TOP, but blank values are left out and the body is signed.

    `wrap` trailing: the secret stands behind what md5 hashes, not round it.
    """
    kept = {key: value for key, value in params.items() if value.strip()}
    if method == "md5" and wrap == "trailing":
        return hashlib.md5((_joined(kept) + body + secret).encode()).hexdigest().upper()
    return top(kept, secret, method, body)


def jd(params: Mapping[str, str], secret: str) -> str:
    """Sign a JD call: TOP's md5 form."""
    return top(params, secret, "md5")


def pinduoduo(params: Mapping[str, str], secret: str) -> str:
    """Sign a Pinduoduo call: TOP's md5 form."""
    return top(params, secret, "md5")


def douyin(params: Mapping[str, str], secret: str, method: str) -> str:
    """Sign a Douyin call: secret wrapped round the joined parameters, hashed in lower case."""
    wrapped = (secret + _joined(params) + secret).encode()
    if method == "hmac-sha256":
        return hmac.new(secret.encode(), wrapped, hashlib.sha256).hexdigest()
    return hashlib.md5(wrapped).hexdigest()


def douyin_push(app_key: str, body: str, secret: str) -> str:
    """Sign a Douyin push body."""
    return hashlib.md5((app_key + body + secret).encode()).hexdigest()


def rfc3986(text: str) -> str:
    """Percent-encode everything but the unreserved characters."""
    return quote(text, safe="-._~")


_OAUTH_HASHES = {"HMAC-SHA256": "sha256", "HMAC-SHA1": "sha1"}


def oauth1(method: str, url: str, params: Iterable[tuple[str, str]], consumer_secret: str, hash_name: str) -> str:
    """Sign a one-legged OAuth 1.0a call; KeyError for an unknown signature method.

    `params` are all query and oauth_ parameters but the signature, decoded; repeated names stay.
    """
    digest = _OAUTH_HASHES[hash_name]
    encoded = sorted((rfc3986(key), rfc3986(value)) for key, value in params)
    joined = "&".join(f"{key}={value}" for key, value in encoded)
    base = "&".join((method.upper(), rfc3986(url), rfc3986(joined)))
    code = hmac.new(f"{consumer_secret}&".encode(), base.encode(), digest)
    return base64.b64encode(code.digest()).decode()


def woo_webhook(body: bytes, secret: str) -> str:
    """Sign a WooCommerce webhook delivery."""
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def standard_webhook(message_id: str, timestamp: str, body: bytes, secret: str) -> str:
    """Sign a Standard Webhooks message with one `whsec_` secret."""
    key = base64.b64decode(secret.removeprefix("whsec_") + "==")
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def kuaidi100(*parts: str, sign_type: str = "MD5") -> str:
    """Hash the concatenated parts in upper case: param+key+customer, param+t+key+secret or param+salt."""
    return hashlib.new(sign_type.lower(), "".join(parts).encode()).hexdigest().upper()


def dingtalk(timestamp_ms: str, secret: str) -> str:
    """Sign a DingTalk robot call."""
    code = hmac.new(secret.encode(), f"{timestamp_ms}\n{secret}".encode(), hashlib.sha256)
    return base64.b64encode(code.digest()).decode()
