"""Parcel tracking through Kuaidi100's enterprise API: subscribe, realtime query, pushes.

Sources: the vendor's document centre and its own Java and Python demos. `param` is a JSON text that is
serialised once: that exact text is signed and sent.
"""

import hmac
from collections.abc import Mapping
from hashlib import md5
from typing import Any, Final

import httpx
import orjson

from connectors.base import Credentials, Now, RepeatClass, Subscription, Trace
from connectors.carriers.codes import needs_phone
from connectors.carriers.kuaidi100_trace import trace_of_push, trace_of_query
from connectors.transport import build, call, json_of, retry_after_s
from models.errors import (
    ChannelDenied,
    ChannelError,
    ChannelRejected,
    ChannelUnavailable,
    OutcomeUnknown,
    RateLimited,
    SetupError,
)
from models.masking import brief

TIMEOUT_S: Final = 15.0
LOCK_WAIT_S: Final = 1800.0  # asked again sooner, the vendor locks the number
RESULT_VERSION: Final = "4"  # advanced state codes

ACCEPTED: Final = '{"result":true,"returnCode":"200","message":"成功"}'.encode()
"""What a push must be answered within 20 s, also one for an unknown number or a stale one."""
BAD_SIGNATURE: Final = '{"result":false,"returnCode":"500","message":"签名错误"}'.encode()
"""The answer to a push whose signature is wrong; nothing of it is stored."""

_FOLLOWED: Final = frozenset(("200", "501"))  # 501: followed already
_SUBSCRIBE_DENIED: Final = frozenset(("600", "601"))
_NO_RESULT: Final = frozenset(("500", "201"))  # 201 is the older gateway's word
_QUERY_DENIED: Final = frozenset(("400", "503", "601"))
_QUERY_BUSY: Final = frozenset(("501", "502"))
_UNKNOWN_CARRIER: Final = "找不到对应公司"


def _upper_md5(written: str) -> str:
    return md5(written.encode()).hexdigest().upper()


def query_sign(param: str, key: str, customer: str) -> str:
    """The signature of a realtime query."""
    return _upper_md5(param + key + customer)


def label_sign(param: str, t: str, key: str, secret: str) -> str:
    """The signature of an e-waybill, cancel or address call; `t` is its time in milliseconds."""
    return _upper_md5(param + t + key + secret)


def push_sign(param: str, salt: str) -> str:
    """The signature of a push, over the form-decoded `param`."""
    return _upper_md5(param + salt)


def push_is_signed(form: Mapping[str, str], salt: str) -> bool:
    """Whether a push was signed with our salt. Without a salt a signature proves nothing: never."""
    given, expected = form.get("sign", ""), push_sign(form.get("param", ""), salt)
    return salt != "" and hmac.compare_digest(given.upper().encode(), expected.encode())


class Kuaidi100:
    """The tracking service. Credentials: endpoint (https://poll.kuaidi100.com), key, customer."""

    # a second subscription of a followed parcel answers 501 and changes nothing
    repeat_class = RepeatClass.DEDUPLICATED

    def __init__(self, client: httpx.Client, name: str, credentials: Credentials, now: Now) -> None:
        for key in ("endpoint", "key", "customer"):
            if not credentials.get(key):
                raise SetupError(f"{name}: lacks the credential {key}")
        self.name = name
        self._client = client
        self._now = now
        self._endpoint = credentials["endpoint"].rstrip("/")
        self._key = credentials["key"]
        self._customer = credentials["customer"]

    def subscribe(self, parcel: Subscription) -> None:
        """Ask for pushes about a parcel; one that is followed already is success, its first callback stays.

        Raises ChannelRejected for a parcel the vendor cannot follow, ChannelDenied when key or balance is at fault.
        """
        action = f"subscribe {parcel.carrier} {parcel.waybill}"
        self._check_parcel(action, parcel.carrier, parcel.waybill, parcel.phone_last4)
        parameters = {
            "callbackurl": parcel.callback_url,
            "salt": parcel.salt,
            "resultv2": RESULT_VERSION,
            "phone": parcel.phone_last4,
        }
        param = {
            "company": parcel.carrier,
            "number": parcel.waybill,
            "from": parcel.from_place,
            "to": parcel.to_place,
            "key": self._key,
            "parameters": _filled(parameters),
        }
        answer = self._talk(action, "/poll", {"schema": "json", "param": _dump(_filled(param))}, changes=True)
        code = str(answer.get("returnCode", ""))
        if code not in _FOLLOWED:
            raise self._subscribe_error(code, action, answer)

    def _subscribe_error(self, code: str, action: str, answer: dict[str, Any]) -> ChannelError:
        obstacle = _said(code, answer)
        if code == "504":
            return RateLimited(self.name, action, obstacle, LOCK_WAIT_S)
        if code == "500":
            return ChannelUnavailable(self.name, action, obstacle)
        kind = ChannelDenied if code in _SUBSCRIBE_DENIED else ChannelRejected
        return kind(self.name, action, obstacle)

    def query(self, carrier: str, waybill: str, phone_last4: str) -> Trace:
        """The present trace; `stage` None while the vendor has no result yet.

        At least 30 minutes must lie between two queries of one number, or the vendor locks it. Raises
        ChannelRejected when carrier or phone do not fit the number.
        """
        action = f"query {carrier} {waybill}"
        self._check_parcel(action, carrier, waybill, phone_last4)
        wish = {"com": carrier, "num": waybill, "phone": phone_last4, "resultv2": RESULT_VERSION}
        param = _dump(_filled({**wish, "show": "0", "order": "desc", "lang": "zh"}))
        sign = query_sign(param, self._key, self._customer)
        form = {"customer": self._customer, "sign": sign, "param": param}
        answer = self._talk(action, "/poll/query.do", form, changes=False)
        code = str(answer.get("returnCode") or answer.get("status") or "")
        if code in _NO_RESULT:
            return Trace(carrier, waybill, None, ())
        if code != "200":
            raise self._query_error(code, action, answer)
        return trace_of_query(carrier, waybill, answer)

    def _query_error(self, code: str, action: str, answer: dict[str, Any]) -> ChannelError:
        obstacle = _said(code, answer)
        if code == "504":
            return RateLimited(self.name, action, obstacle, LOCK_WAIT_S)
        if code in _QUERY_BUSY:
            return ChannelUnavailable(self.name, action, obstacle)
        if code in _QUERY_DENIED and _UNKNOWN_CARRIER not in obstacle:
            return ChannelDenied(self.name, action, obstacle)
        return ChannelRejected(self.name, action, obstacle)

    def read_push(self, form: Mapping[str, str], salt: str) -> Trace:
        """The trace in a push's form; answer ACCEPTED after storing it.

        Raises ChannelDenied when the signature is wrong (answer BAD_SIGNATURE), ChannelRejected when `param` cannot
        be read.
        """
        if not push_is_signed(form, salt):
            raise ChannelDenied(self.name, "push", "the signature is missing or wrong")
        try:
            content = orjson.loads(form.get("param", ""))
        except orjson.JSONDecodeError as error:
            raise ChannelRejected(self.name, "push", "param is no JSON") from error
        if type(content) is not dict:
            raise ChannelRejected(self.name, "push", "param is no object")
        return trace_of_push(content)

    def _check_parcel(self, action: str, carrier: str, waybill: str, phone_last4: str) -> None:
        if not 6 <= len(waybill) <= 32:
            raise ChannelRejected(self.name, action, "a waybill has 6 to 32 characters")
        if needs_phone(carrier) and not phone_last4:
            raise ChannelRejected(self.name, action, f"{carrier} needs the last four digits of a phone")

    def _talk(self, action: str, path: str, form: dict[str, str], *, changes: bool) -> dict[str, Any]:
        url = self._endpoint + path
        request = build(self._client, self.name, action, "POST", url, timeout_s=TIMEOUT_S, data=form)
        response = call(self._client, self.name, action, request, changes=changes)
        answer = json_of(response)
        if response.is_success and type(answer) is dict:
            return answer
        obstacle = f"HTTP {response.status_code} {brief(response.text, 80)}".strip()
        if response.status_code == 429:
            raise RateLimited(self.name, action, obstacle, retry_after_s(response.headers, self._now()) or 5.0)
        if 400 <= response.status_code < 500:
            raise ChannelRejected(self.name, action, obstacle)
        kind = OutcomeUnknown if changes and response.status_code != 503 else ChannelUnavailable
        raise kind(self.name, action, obstacle)


def _filled(parameters: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in parameters.items() if value not in ("", None)}


def _dump(param: dict[str, Any]) -> str:
    return orjson.dumps(param).decode()


def _said(code: str, answer: dict[str, Any]) -> str:
    return f"returnCode {code or 'missing'} {brief(str(answer.get('message') or ''))}".strip()
