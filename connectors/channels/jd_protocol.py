"""JOS's signature, its ways to write things, and its three layers of errors.

Sources: JD's "calling method / signing" page (the algorithm and a worked example), the order API pages of
open.jd.com. Besides the few codes of the gateway none is documented, so what else is said is sorted by its words.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Final

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

BAN_S: Final = 10.0  # no answer says how long a limit lasts; a hundred times a usual call
PARAMETER: Final = re.compile(r"参数|订单状态|param|order_?state", re.IGNORECASE)
NO_SUCH_ORDER: Final = re.compile(r"订单.{0,8}不存在|order.{0,20}not exist|no such order", re.IGNORECASE)
# the codes as one integrator found them
TRANSIENT: Final = re.compile(
    r"\bcode (999999|99999999)\b|系统(内部)?(繁忙|异常|错误)|稍后|system (busy|error)|try again", re.IGNORECASE
)

# 12 signature, 21 application key, 2001 permission, 15 method; that 19 is the token is unconfirmed
_DENIED: Final = frozenset(("12", "21", "2001"))
_TOKEN: Final = frozenset(("19",))
_UNKNOWN_METHOD: Final = frozenset(("15",))
_TOKEN_OVER = re.compile(r"token.{0,20}(过期|失效|无效|不存在|expired|invalid)|invalid.{0,10}token", re.IGNORECASE)
_NOT_GRANTED = re.compile(r"没有权限|无权限|permission", re.IGNORECASE)
_LIMITED = re.compile(r"限流|超过|频繁|limit", re.IGNORECASE)


def sign(parameters: Mapping[str, str], app_secret: str) -> str:
    """The signature of exactly these parameters (except `sign`), empty values included; upper-case hex."""
    pairs = sorted((key.encode(), value.encode()) for key, value in parameters.items() if key != "sign")
    written = b"".join(key + value for key, value in pairs)
    secret = app_secret.encode()
    return hashlib.md5(secret + written + secret).hexdigest().upper()


def business_text(wish: Mapping[str, Any]) -> str:
    """The business parameters as the one JSON text that is both signed and sent."""
    return json.dumps(wish, ensure_ascii=False, separators=(",", ":"))


def number_or_text(external_id: str) -> int | str:
    """An order number as the calls take it: a number."""
    return int(external_id) if external_id.isascii() and external_id.isdigit() else external_id


def whole(value: Any) -> int | None:
    """A count from 0 up that came as a number or as text; None when it is none."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    written = str(value).strip()
    return int(written) if written.isascii() and written.isdigit() and len(written) < 19 else None


def answer_in(body: Mapping[str, Any], method: str) -> dict[str, Any] | None:
    """What an envelope holds, whichever way it is spelled; None when it has none."""
    key = method.replace(".", "_")
    for ending in ("_responce", "_response"):
        found = body.get(key + ending)
        if type(found) is dict:
            return found
    return None


def part(answer: dict[str, Any], key: str) -> dict[str, Any]:
    """The result object of an answer; the answer itself where the wrapper is missing."""
    found = answer.get(key)
    return found if type(found) is dict else answer


def rows_with(value: Any, *keys: str) -> list[dict[str, Any]] | None:
    """The first list of objects with these keys, however deep it stands; an empty list where there is no other."""
    if type(value) is list and all(type(row) is dict and all(key in row for key in keys) for row in value):
        return value
    inner = value.values() if type(value) is dict else value if type(value) is list else ()
    found = [rows for one in inner if (rows := rows_with(one, *keys)) is not None]
    return max(found, key=len, default=None)


def says_success(answer: Mapping[str, Any]) -> bool:
    """Whether an answer says by itself that it worked."""
    verdict = _verdict(answer)
    return verdict is not None and _is_true(verdict.get("success"))


def refusal_in(answer: Mapping[str, Any], who: str, action: str, *, changes: bool) -> ChannelError | None:
    """The error of an answer that came through the gateway and yet says no; None when it does not."""
    if str(answer.get("code", "0")) != "0":
        return error_of(answer, who, action, changes=changes)
    verdict = _verdict(answer)
    if verdict is None or _is_true(verdict.get("success")):
        return None
    code, said = _code(verdict), _said(verdict)
    obstacle = f"code {code} {brief(said)}".strip()
    if known := _by_words(said, who, action, obstacle, changes=changes):
        return known
    final = changes or NO_SUCH_ORDER.search(said) is not None
    return (ChannelRejected if final else ChannelUnavailable)(who, action, obstacle)


def error_of(error: Any, who: str, action: str, *, changes: bool) -> ChannelError:
    """The error of an `error_response`, sorted by what to do next. `changes`: the call was a write."""
    error = error if type(error) is dict else {}
    code, said = _code(error), _said(error)
    obstacle = f"code {code} {brief(said)}".strip()
    if code in _TOKEN or _TOKEN_OVER.search(said):
        return TokenRefused(who, action, obstacle)
    if code in _DENIED:
        return ChannelDenied(who, action, obstacle)
    if code in _UNKNOWN_METHOD:
        return ChannelRejected(who, action, obstacle)
    return _by_words(said, who, action, obstacle, changes=changes) or _unsaid(changes)(who, action, obstacle)


def _unsaid(changes: bool) -> type[ChannelError]:
    return OutcomeUnknown if changes else ChannelUnavailable


def _by_words(said: str, who: str, action: str, obstacle: str, *, changes: bool) -> ChannelError | None:
    # what passes may name parameters and states too: it must not be taken for a refusal of them
    passes = TRANSIENT.search(obstacle) is not None
    if passes and not _LIMITED.search(said):
        return _unsaid(changes)(who, action, obstacle)
    # a parameter that goes too far is also "too much" of something: it is asked for first
    if PARAMETER.search(said) and not passes:
        return ChannelRejected(who, action, obstacle)
    if _LIMITED.search(said):
        return RateLimited(who, action, obstacle, BAN_S)
    return ChannelDenied(who, action, obstacle) if _NOT_GRANTED.search(said) else None


def _verdict(answer: Mapping[str, Any]) -> dict[str, Any] | None:
    """The object that carries `success`: `apiResult`, or the result itself."""
    for found in (answer, *answer.values()):
        if type(found) is not dict:
            continue
        if type(found.get("apiResult")) is dict:
            return found["apiResult"]  # type: ignore[no-any-return]  # it was just seen to be one
        if "success" in found:
            return found
    return None


def _code(error: Mapping[str, Any]) -> str:
    return str(error.get("code") or error.get("numberCode") or error.get("errorCode") or "")


def _said(error: Mapping[str, Any]) -> str:
    words = ("zh_desc", "en_desc", "chineseErrCode", "englishErrCode", "message", "msg")
    return " ".join(str(error[word]) for word in words if error.get(word))


def _is_true(value: Any) -> bool:
    return str(value).strip().lower() in ("true", "1")
