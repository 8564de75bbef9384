"""TOP's signature and its errors.

Sources: TOP's "API call method" page (the algorithm and a worked example), the error code pages.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from connectors.converters import CHINA
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

NO_SUCH_TRADE: Final = "isv.trade-not-exist"
SHIP_REFUSED: Final = "isv.logistics-"  # ...offline-service-error and ...resend-service-error
DEFAULT_BAN_S: Final = 5.0

# 11-13 no permission (their split is unconfirmed), 25 signature, 26, 27, 53 session, 28, 29 application key
_DENIED: Final = frozenset((11, 12, 13, 25, 28, 29))
_TOKEN: Final = frozenset((26, 27, 53))
_BUSY: Final = frozenset(("isp.system-busy", "isp.call-limited"))
_BAN = re.compile(r"ban will last for (\d{1,6}) more second")


def sign(parameters: Mapping[str, str], app_secret: str, method: str = "md5") -> str:
    """The signature of exactly these parameters (except `sign`), empty values included; upper-case hex.

    Their `sign_method` says how, `method` where they have none: `md5`, `hmac` (HMAC-MD5) or `hmac-sha256`.
    Raises ValueError for another.
    """
    pairs = sorted((key.encode(), value.encode()) for key, value in parameters.items() if key != "sign")
    written = b"".join(key + value for key, value in pairs)
    secret = app_secret.encode()
    match parameters.get("sign_method") or method:
        case "md5":
            return hashlib.md5(secret + written + secret).hexdigest().upper()
        case "hmac":
            return hmac.new(secret, written, hashlib.md5).hexdigest().upper()
        case "hmac-sha256":
            return hmac.new(secret, written, hashlib.sha256).hexdigest().upper()
        case other:
            raise ValueError(f"sign_method {other!r} is not known")


def error_of(error: Any, who: str, action: str, now: datetime, *, changes: bool) -> ChannelError:
    """The error of an `error_response`, sorted by what to do next. `changes`: the call was a write."""
    error = error if type(error) is dict else {}
    code, sub_code = _number(error.get("code")), str(error.get("sub_code") or "")
    said = f"{error.get('msg') or ''} {error.get('sub_msg') or ''}"
    obstacle = f"code {code} {sub_code} {brief(said)}".strip()
    if code == 7 or sub_code.startswith("accesscontrol."):
        return RateLimited(who, action, obstacle, _ban_s(sub_code, said, now))
    if code in _TOKEN or "sessionkey" in sub_code:
        return TokenRefused(who, action, obstacle)
    if code in _DENIED:
        return ChannelDenied(who, action, obstacle)
    if sub_code in _BUSY or code == 530 or (sub_code.startswith("isp.") and not changes):
        return ChannelUnavailable(who, action, obstacle)
    kind = OutcomeUnknown if sub_code.startswith("isp.") else ChannelRejected
    return kind(who, action, obstacle)


def _ban_s(sub_code: str, said: str, now: datetime) -> float:
    named = _BAN.search(said)
    if named:
        return float(named[1]) + 1
    if sub_code == "accesscontrol.limited-by-app-access-count":
        local = now.astimezone(CHINA)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        return (midnight - local).total_seconds() + 1
    return DEFAULT_BAN_S


def _number(code: Any) -> int:
    written = str(code)
    return int(written) if written.isascii() and written.isdigit() and len(written) < 10 else -1
