"""Parcels that Kuaidi100's label service is asked to have brought back: `interceptOrder` of `label/order`.

Source: the vendor's document centre (e-waybill v2). The names of the parameters beyond `interceptType`, and of the
method, are not confirmed; a credential may say otherwise.
"""

from typing import Any, Final

import httpx
import orjson

from connectors.base import Credentials, Now, RepeatClass
from connectors.carriers.kuaidi100 import TIMEOUT_S, label_sign
from connectors.transport import build, call, http_error_of, json_of
from models.errors import ChannelDenied, ChannelRejected, ChannelUnavailable, OutcomeUnknown, SetupError
from models.masking import brief

ENDPOINT: Final = "https://api.kuaidi100.com"
PATH: Final = "/label/order"
METHOD: Final = "interceptOrder"
BUSY_WAIT_S: Final = 5.0

_DENIED: Final = frozenset({"503", "600", "601"})
_UNSURE: Final = frozenset({"500", "501"})


class Kuaidi100Label:
    """The label service as far as it brings parcels back. Credentials: key, secret; label_endpoint, intercept_method
    and intercept_carriers (Kuaidi100's codes with commas between; none: any) where they differ.
    """

    # nothing tells whether an earlier wish arrived, and a second one may be charged for
    repeat_class = RepeatClass.MANUAL

    def __init__(self, client: httpx.Client, name: str, credentials: Credentials, now: Now) -> None:
        for key in ("key", "secret"):
            if not credentials.get(key):
                raise SetupError(f"{name}: lacks the credential {key}")
        self.name = name
        self._client = client
        self._now = now
        self._url = (credentials.get("label_endpoint") or ENDPOINT).rstrip("/") + PATH
        self._key = credentials["key"]
        self._secret = credentials["secret"]
        self._method = credentials.get("intercept_method") or METHOD

    @staticmethod
    def can_intercept(credentials: Credentials, carrier: str) -> bool:
        """Whether these credentials let this carrier be asked; else people phone."""
        named = credentials.get("intercept_carriers", "").replace(",", " ").split()
        return bool(credentials.get("key") and credentials.get("secret")) and (not named or carrier in named)

    def intercept(self, carrier: str, waybill: str, wish: str, reason: str) -> None:
        """Ask for a parcel back; `wish` is RETURN_SEND_STATION or RETURN_SEND_ADDR.

        Raises ChannelRejected when it is refused, OutcomeUnknown when nobody can say whether it was taken on.
        """
        action = f"intercept {carrier} {waybill}"
        param = orjson.dumps(
            {"kuaidicom": carrier, "kuaidinum": waybill, "interceptType": wish, "reason": reason}
        ).decode()
        stamp = str(int(self._now().timestamp() * 1000))
        sign = label_sign(param, stamp, self._key, self._secret)
        form = {"method": self._method, "key": self._key, "t": stamp, "sign": sign, "param": param}
        request = build(self._client, self.name, action, "POST", self._url, timeout_s=TIMEOUT_S, data=form)
        response = call(self._client, self.name, action, request, changes=True)
        answer = json_of(response)
        if not response.is_success or type(answer) is not dict:
            raise http_error_of(response, self.name, action, self._now(), changes=True, usual_wait_s=BUSY_WAIT_S)
        self._judge(action, answer)

    def _judge(self, action: str, answer: dict[str, Any]) -> None:
        code = str(answer.get("code") or answer.get("returnCode") or "")
        if code == "200":
            return
        obstacle = f"code {code or 'missing'} {brief(str(answer.get('message') or ''))}".strip()
        if code in _DENIED:
            raise ChannelDenied(self.name, action, obstacle)
        if code == "504":
            raise ChannelUnavailable(self.name, action, obstacle)
        if code in _UNSURE or not code:
            raise OutcomeUnknown(self.name, action, obstacle)
        raise ChannelRejected(self.name, action, obstacle)
