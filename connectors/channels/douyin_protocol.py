"""The Douyin shop gateway's signature, envelope and errors.

Sources: the platform's API call guide (signing, JSON rules), its error code page and the code lists of the order APIs.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import httpx

from connectors.base import Credentials
from connectors.transport import build, call, http_error_of, json_of
from models.errors import (
    ChannelDenied,
    ChannelError,
    ChannelRejected,
    ChannelUnavailable,
    OutcomeUnknown,
    PutOff,
    RateLimited,
    TokenRefused,
)
from models.masking import brief

ENDPOINT: Final = "https://openapi-fxg.jinritemai.com"
TRAFFIC_WAIT_S: Final = 2.0  # "at least 1 s"
SUCCESS: Final = 10000

NO_SUCH_ORDER: Final = frozenset((20001, 20014, 20015))  # not there, or another shop's
SHIPPED_ALREADY: Final = frozenset((60110, 70023))
WHOLE_ORDERS_ONLY: Final = 70011  # what corrects whole orders was asked about a parcel
# a refund waits for the seller's answer, the risk review takes 1 to 2 hours: shipping may be allowed later
_NOT_YET: Final = frozenset((60040, 60109, 60120))
_BUSY: Final = frozenset(
    (8888, 20004, 20005, 60106, 60114, 60118, 60121, 60124, 60125, 60132, 70008, 70009, 70013, 120032)
)
_PLATFORM_FAULT: Final = frozenset((20000, 20001, 90000))
_DENIED: Final = frozenset((30001, 30002, 70000, 80000))
_NUMBER = re.compile(r":(\d{3,9})$")


class Refused(ChannelRejected):
    """A refusal of the gateway; `number` is the platform's own of the reason, 0 when it gives none."""

    def __init__(self, counterpart: str, action: str, obstacle: str, number: int) -> None:
        super().__init__(counterpart, action, obstacle)
        self.number = number


def param_json(wish: Mapping[str, Any]) -> str:
    """The business parameters as they are signed and sent: keys sorted at every depth, compact, text unescaped."""
    return json.dumps(_without_fractions(wish), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def sign(parameters: Mapping[str, str], app_secret: str, method: str = "hmac-sha256") -> str:
    """The signature of app_key, method, param_json, timestamp and v; lower-case hex.

    `method` is `hmac-sha256` or `md5`, which the gateway expects when no sign_method is sent. Raises ValueError for
    another.
    """
    written = "".join(name + parameters[name] for name in ("app_key", "method", "param_json", "timestamp", "v"))
    secret, wrapped = app_secret.encode(), f"{app_secret}{written}{app_secret}".encode()
    match method:
        case "hmac-sha256":
            return hmac.new(secret, wrapped, hashlib.sha256).hexdigest()
        case "md5":
            return hashlib.md5(wrapped).hexdigest()
        case other:
            raise ValueError(f"sign_method {other!r} is not known")


def push_signature(app_key: str, body: bytes, app_secret: str) -> str:
    """What the `event-sign` header of a push must be for its raw body."""
    return hashlib.md5(app_key.encode() + body + app_secret.encode()).hexdigest()


def ask(
    client: httpx.Client,
    who: str,
    method: str,
    wish: Mapping[str, Any],
    known: Credentials,
    now: datetime,
    *,
    timeout_s: float,
    changes: bool,
) -> Any:
    """Make one signed call; the `data` of its answer. Raises ChannelError types. `changes`: it is a write.

    `known` are credentials; token calls are made without an access token.
    """
    body = param_json(wish)
    query = {
        "app_key": known["app_key"],
        "method": method,
        "timestamp": str(int(now.timestamp())),
        "v": "2",
        "sign_method": "hmac-sha256",
    }
    query["sign"] = sign({**query, "param_json": body}, known["app_secret"])
    if known.get("access_token"):
        query["access_token"] = known["access_token"]
    request = build(
        client,
        who,
        method,
        "POST",
        f"{(known.get('endpoint') or ENDPOINT).rstrip('/')}/{method.replace('.', '/')}",
        timeout_s=timeout_s,
        params=query,
        content=body.encode(),
        headers={"content-type": "application/json;charset=UTF-8", "x-open-no-old-err-code": "1"},
    )
    response = call(client, who, method, request, changes=changes)
    return _data_of(response, who, method, now, changes=changes)


def _data_of(response: httpx.Response, who: str, action: str, now: datetime, *, changes: bool) -> Any:
    answer = json_of(response)
    if not response.is_success or type(answer) is not dict:
        raise http_error_of(response, who, action, now, changes=changes, usual_wait_s=TRAFFIC_WAIT_S)
    code = answer.get("code")
    # token calls of older apps answer err_no, 0 for success
    if code is None and answer.get("err_no") is not None:
        code = SUCCESS if str(answer["err_no"]) == "0" else answer["err_no"]
    if str(code) == str(SUCCESS):
        return answer.get("data")
    raise error_of({**answer, "code": code}, who, action, changes=changes)


def error_of(answer: Mapping[str, Any], who: str, action: str, *, changes: bool) -> ChannelError:
    """The error of an answer that is no success, sorted by what to do next. `changes`: the call was a write."""
    code, sub_code = _whole(answer.get("code")), str(answer.get("sub_code") or "")
    said = brief(f"{answer.get('sub_msg') or answer.get('msg') or answer.get('message') or ''}")
    obstacle = f"code {answer.get('code')} {brief(sub_code, 80)} {said}".replace("  ", " ").strip()
    if answer.get("log_id"):
        obstacle = f"{obstacle} (log_id {brief(str(answer['log_id']), 60)})"
    number = _number_in(sub_code)
    if code == 60000 or sub_code.startswith("isv.traffic-limited"):
        return RateLimited(who, action, obstacle, TRAFFIC_WAIT_S)
    if code == 50001 or sub_code.startswith("isv.access-token-expired"):
        return TokenRefused(who, action, obstacle)
    if code in _DENIED or code == 40003 or sub_code.startswith(("dop.authorization", "isv.app-permissions")):
        return ChannelDenied(who, action, obstacle)
    if number in _NOT_YET or number in _BUSY:
        return (PutOff if number in _NOT_YET else ChannelUnavailable)(who, action, obstacle)
    if code in _PLATFORM_FAULT or sub_code.startswith("isp.") or code in (0, 10001):
        # partly done, or nobody knows
        return (OutcomeUnknown if changes else ChannelUnavailable)(who, action, obstacle)
    return Refused(who, action, obstacle, number)


def _without_fractions(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _without_fractions(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_fractions(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _number_in(sub_code: str) -> int:
    found = _NUMBER.search(sub_code)
    return int(found[1]) if found else 0


def _whole(code: Any) -> int:
    written = str(code)
    return int(written) if written.isascii() and written.isdigit() and len(written) < 10 else 0
