"""Pinduoduo's signature, envelope and errors.

Sources: the open platform's signing document (the algorithm and a worked example) and its error code page.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import httpx
import orjson

from connectors.base import Credentials
from connectors.converters import CHINA
from connectors.transport import build, call, http_error_of, json_of
from models.errors import (
    ChannelDenied,
    ChannelError,
    ChannelRejected,
    ChannelUnavailable,
    OutcomeUnknown,
    RateLimited,
    TokenRefused,
)
from models.masking import brief

TIMEOUT_S: Final = 20.0
DEFAULT_BAN_S: Final = 5.0  # the platform does not say how long; its windows are up to 60 s
TOO_FREQUENT_S: Final = 2.0

_LIMITED: Final = 52101
_TOO_FREQUENT: Final = 70031
_TEST_QUOTA: Final = 70036  # of an application in its test state, until the next day
_TOKEN: Final = 10019
# 10016, 10017 the application (their split is unconfirmed), 20004 signature, 20005 address, 2003x permission,
# 70032, 70034, 70035 forbidden for risk
_DENIED: Final = frozenset((10016, 10017, 20004, 20005, 20031, 20032, 20034, 70032, 70034, 70035))
_SYSTEM: Final = frozenset((50000, 50002, 52001, 52002))
_NOT_NOW: Final = frozenset((52102, 52103, 70033))  # degraded, maintenance: turned away before anything was done
_RESPONSE: Final = "_response"


def sign(parameters: Mapping[str, str], app_secret: str) -> str:
    """The signature of exactly these parameters (except `sign`), empty values included; upper-case hex."""
    pairs = sorted((key.encode(), value.encode()) for key, value in parameters.items() if key != "sign")
    written = b"".join(key + value for key, value in pairs)
    secret = app_secret.encode()
    return hashlib.md5(secret + written + secret).hexdigest().upper()


def texts_of(parameters: Mapping[str, Any]) -> dict[str, str]:
    """The parameters as they are signed and sent: lists and objects as compact JSON, those without a value left out."""
    return {key: _text(value) for key, value in parameters.items() if value is not None and value != ""}


def ask(
    client: httpx.Client,
    who: str,
    known: Credentials,
    url: str,
    method: str,
    wish: Mapping[str, Any],
    now: datetime,
    *,
    changes: bool = False,
) -> dict[str, Any]:
    """One signed call and the content of its answer; raises ChannelError types. `changes`: the call is a write."""
    parameters = texts_of(
        {
            **wish,
            "type": method,
            "client_id": known["app_key"],
            "timestamp": int(now.timestamp()),
            "data_type": "JSON",
            "version": "V1",
        }
    )
    form = {**parameters, "sign": sign(parameters, known["app_secret"])}
    headers = {"content-type": "application/x-www-form-urlencoded;charset=utf-8"}
    request = build(client, who, method, "POST", url, timeout_s=TIMEOUT_S, data=form, headers=headers)
    return answer_of(call(client, who, method, request, changes=changes), who, method, now, changes=changes)


def answer_of(response: httpx.Response, who: str, action: str, now: datetime, *, changes: bool) -> dict[str, Any]:
    """The content of an answer. Its name does not follow from the method's: it is the one that ends in `_response`."""
    body = json_of(response)
    if not response.is_success or type(body) is not dict:
        raise http_error_of(response, who, action, now, changes=changes, usual_wait_s=DEFAULT_BAN_S)
    if "error_response" in body:
        raise error_of(body["error_response"], who, action, now, changes=changes)
    contents = [content for name, content in body.items() if name.endswith(_RESPONSE)]
    if len(contents) != 1 or type(contents[0]) is not dict:
        kind = OutcomeUnknown if changes else ChannelUnavailable
        raise kind(who, action, "the answer has neither a response nor an error")
    return contents[0]


def error_of(error: Any, who: str, action: str, now: datetime, *, changes: bool) -> ChannelError:
    """The error of an `error_response`, sorted by what to do next. `changes`: the call was a write."""
    error = error if type(error) is dict else {}
    code = number_of(error.get("error_code"))
    obstacle = f"code {code} {brief(_said(error))}".strip()
    if code in (_LIMITED, _TOO_FREQUENT, _TEST_QUOTA):
        return RateLimited(who, action, obstacle, _ban_s(code, now))
    if code == _TOKEN:
        return TokenRefused(who, action, obstacle)
    if code in _DENIED:
        return ChannelDenied(who, action, obstacle)
    if code in _NOT_NOW or (code in _SYSTEM and not changes):
        return ChannelUnavailable(who, action, obstacle)
    kind = OutcomeUnknown if code in _SYSTEM else ChannelRejected
    return kind(who, action, obstacle)


def number_of(value: Any) -> int | None:
    """A whole number that may come as text or as a float; None when it is none."""
    if type(value) is int:
        return value
    written = str(value).removesuffix(".0")
    return int(written) if written.isascii() and written.isdigit() and len(written) < 20 else None


def rows_of(payload: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """The objects of a list; none where there is no list."""
    rows = payload.get(name)
    return [row for row in rows if type(row) is dict] if type(rows) is list else []


def _text(value: Any) -> str:
    if type(value) is bool:
        return "true" if value else "false"
    return orjson.dumps(value).decode() if isinstance(value, list | dict) else str(value)


def _said(error: dict[str, Any]) -> str:
    texts = (error.get("sub_code"), error.get("error_msg"), error.get("sub_msg"))
    return " ".join(dict.fromkeys(str(text) for text in texts if text))


def _ban_s(code: int | None, now: datetime) -> float:
    if code == _TEST_QUOTA:
        local = now.astimezone(CHINA)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        return (midnight - local).total_seconds() + 1
    return TOO_FREQUENT_S if code == _TOO_FREQUENT else DEFAULT_BAN_S
