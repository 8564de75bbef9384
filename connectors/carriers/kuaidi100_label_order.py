"""One call of Kuaidi100's `label/order`, and what its answer means, for e-waybills and intercepts alike.

A call is a form of `method`, `key`, `t` (milliseconds), `param` (a JSON text, serialised once) and `sign`. The codes of
refusals are not documented in full: those that we do not know are refusals for good.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import httpx
import orjson

from connectors.base import Credentials, Now
from connectors.carriers.kuaidi100 import label_sign
from connectors.transport import build, call, http_error_of, json_of
from models.errors import (
    ChannelDenied,
    ChannelError,
    ChannelRejected,
    ChannelUnavailable,
    OutcomeUnknown,
    RateLimited,
    SetupError,
)
from models.masking import brief, hide_known

ENDPOINT: Final = "https://api.kuaidi100.com"
PATH: Final = "/label/order"
TIMEOUT_S: Final = 20.0  # the service asks the carrier meanwhile
BUSY_WAIT_S: Final = 5.0

_CODES: Final[Mapping[str, type[ChannelError]]] = {
    "": OutcomeUnknown,
    "429": RateLimited,
    "500": OutcomeUnknown,
    "501": OutcomeUnknown,
    "502": ChannelUnavailable,
    "503": ChannelDenied,
    "504": RateLimited,
    "600": ChannelDenied,
    "601": ChannelDenied,
}
"""What a code other than 200 means; "" is an answer without one."""

_ACCOUNT_WORDS: Final = ("余额", "欠费", "授权", "签名")  # of what only a person mends; their codes are not documented


class LabelOrder:
    """Calls in the name of one counterpart. Credentials: key, secret; label_endpoint where it differs."""

    def __init__(self, client: httpx.Client, name: str, credentials: Credentials, now: Now) -> None:
        for key in ("key", "secret"):
            if not credentials.get(key):
                raise SetupError(f"{name}: lacks the credential {key}")
        self.endpoint = (credentials.get("label_endpoint") or ENDPOINT).rstrip("/")
        self._client = client
        self._name = name
        self._now = now
        self._key = credentials["key"]
        self._secret = credentials["secret"]

    def ask(
        self,
        action: str,
        method: str,
        param: Mapping[str, Any],
        *,
        changes: bool,
        private: Sequence[str] = (),
        url: str = "",
    ) -> dict[str, Any]:
        """The `data` of the answer; `url` where this method is served elsewhere.

        Raises ChannelError types, without the `private` texts in what they quote. `changes` says that the call changes
        something there: then OutcomeUnknown when nobody can say whether it did.
        """
        text = orjson.dumps({key: value for key, value in param.items() if value not in ("", None, {})}).decode()
        t = str(int(self._now().timestamp() * 1000))
        form = {"method": method, "key": self._key, "t": t, "param": text}
        form["sign"] = label_sign(text, t, self._key, self._secret)
        place = url or self.endpoint + PATH
        request = build(self._client, self._name, action, "POST", place, timeout_s=TIMEOUT_S, data=form)
        response = call(self._client, self._name, action, request, changes=changes)
        answer = json_of(response)
        if not response.is_success or type(answer) is not dict:
            error = http_error_of(response, self._name, action, self._now(), changes=changes, usual_wait_s=BUSY_WAIT_S)
            wait_s = error.retry_after_s if isinstance(error, RateLimited) else BUSY_WAIT_S
            raise self._error(type(error), action, hide_known(error.obstacle, private), wait_s)
        code = str(answer.get("code") or answer.get("returnCode") or "")
        if code != "200":
            said = hide_known(str(answer.get("message") or ""), private)
            obstacle = f"code {code or 'missing'} {brief(said)}".strip()
            raise self._error(_meaning(code, said, changes=changes), action, obstacle, BUSY_WAIT_S)
        data = answer.get("data")
        return data if type(data) is dict else {}

    def _error(self, kind: type[ChannelError], action: str, obstacle: str, wait_s: float) -> ChannelError:
        if issubclass(kind, RateLimited):
            return kind(self._name, action, obstacle, wait_s)
        return kind(self._name, action, obstacle)


def _meaning(code: str, said: str, *, changes: bool) -> type[ChannelError]:
    kind = _CODES.get(code, ChannelRejected)
    if kind is OutcomeUnknown:
        return kind if changes else ChannelUnavailable
    return ChannelDenied if any(word in said for word in _ACCOUNT_WORDS) else kind
