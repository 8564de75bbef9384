"""Parcel tracking through Aliyun Market's express query: asked only, never pushed.

Source: the supplier's sample code. Each product of the market has its own host and path behind the same gateway. The
phone's last digits are part of the query, so no address of a call is logged, quoted in an error or kept.
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from connectors.base import Credentials, Now, Scan, Trace
from connectors.carriers.codes import carrier_codes, needs_phone
from connectors.converters import TIMES, BadValue
from connectors.transport import build, call, json_of, retry_after_s
from models.errors import (
    ChannelDenied,
    ChannelError,
    ChannelRejected,
    ChannelUnavailable,
    RateLimited,
    SetupError,
)
from models.masking import brief, hide_known, mask_contacts

SOURCE: Final = "aliyun"
ENDPOINT: Final = "https://wuliu.market.alicloudapi.com"
PATH: Final = "/kdi"
TIMEOUT: Final = httpx.Timeout(15.0, connect=5.0)
BUSY_WAIT_S: Final = 60.0

STAGES: Final[Mapping[str, str]] = {
    "0": "collected",
    "1": "in_transit",
    "2": "out_for_delivery",
    "3": "delivered",
    "4": "problem",
    "5": "problem",
    "6": "returned",
}
"""`deliverystatus` -> our parcel stage; another one makes no statement."""

_OK: Final = "0"
_NOTHING_YET: Final = "205"
_REFUSALS: Final[Mapping[str, str]] = {
    "201": "the number is wrong",
    "203": "the carrier does not exist there",
    "204": "the carrier could not be recognised",
    "207": "the number fits several carriers, or is restricted",
}
_OUR_CALL: Final = "invalid param location"
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


class AliyunExpress:
    """The query service. Credentials: appcode; endpoint and path where another product of the market is used."""

    def __init__(self, client: httpx.Client, name: str, credentials: Credentials, now: Now) -> None:
        if not credentials.get("appcode"):
            raise SetupError(f"{name}: lacks the credential appcode")
        self.name = name
        self._client = client
        self._now = now
        self._appcode = credentials["appcode"]
        self._url = (credentials.get("endpoint") or ENDPOINT).rstrip("/") + (credentials.get("path") or PATH)
        self._check_url()

    def _check_url(self) -> None:
        try:
            at = urlsplit(self._url)
        except ValueError as error:
            raise SetupError(f"{self.name}: the endpoint cannot be read") from error
        if at.scheme != "https" and at.hostname not in _LOOPBACK:
            raise SetupError(f"{self.name}: the endpoint must be https; digits of phones travel in its calls")

    def query(self, carrier: str, waybill: str, phone_last4: str) -> Trace:
        """The present trace; `stage` None, and no scans, while the service has no information yet.

        Raises ChannelRejected when carrier, number or phone do not fit, ChannelDenied when appcode, product or quota
        are at fault.
        """
        action = f"query {carrier} {waybill}"
        asked = {"no": self._number(action, carrier, waybill, phone_last4)}
        if code := _type_of(carrier):
            asked["type"] = code
        headers = {"authorization": f"APPCODE {self._appcode}", "accept": "application/json"}
        request = build(
            self._client, self.name, action, "GET", self._url, timeout_s=TIMEOUT, params=asked, headers=headers
        )
        response = call(self._client, self.name, action, request, changes=False)
        if not response.is_success:
            raise self._gateway_error(action, response)
        answer = json_of(response)
        if type(answer) is not dict:
            raise ChannelUnavailable(self.name, action, "the answer is no JSON object")
        status = str(answer.get("status", ""))
        if status == _NOTHING_YET:
            return Trace(carrier, waybill, None, (), source=SOURCE)
        if status != _OK:
            obstacle = f"status {status or 'missing'} {_REFUSALS.get(status) or answer.get('msg') or ''}".strip()
            raise ChannelRejected(self.name, action, self._without_secrets(obstacle, phone_last4))
        return trace_of(carrier, waybill, answer)

    def _number(self, action: str, carrier: str, waybill: str, phone_last4: str) -> str:
        if not needs_phone(carrier):
            return waybill
        if not phone_last4:
            raise ChannelRejected(self.name, action, f"{carrier} needs the last four digits of a phone")
        return f"{waybill}:{phone_last4}"

    def _gateway_error(self, action: str, response: httpx.Response) -> ChannelError:
        """What the gateway's refusal means; it says so in a header, its body is empty or for people."""
        said = response.headers.get("x-ca-error-message", "")
        obstacle = self._without_secrets(f"HTTP {response.status_code} {said}".strip())
        if response.status_code in (429, 503) or said.startswith("D503"):
            wait_s = retry_after_s(response.headers, self._now()) or BUSY_WAIT_S
            return RateLimited(self.name, action, obstacle, wait_s)
        if said.lower().startswith(_OUR_CALL):
            return ChannelRejected(self.name, action, obstacle)
        kind = ChannelDenied if 400 <= response.status_code < 500 else ChannelUnavailable
        return kind(self.name, action, obstacle)

    def _without_secrets(self, said: str, phone_last4: str = "") -> str:
        return brief(hide_known(said, (self._appcode, phone_last4)))


def trace_of(carrier: str, waybill: str, answer: Mapping[str, Any]) -> Trace:
    """The trace in an answer. Its events have no codes: only the newest one has a stage, which is the parcel's."""
    result = answer.get("result")
    result = result if isinstance(result, dict) else {}
    rows = result.get("list")
    found = (_scan(row) for row in rows if isinstance(row, dict)) if isinstance(rows, list) else ()
    scans = tuple(scan for scan in found if scan is not None)
    stage = STAGES.get(str(result.get("deliverystatus", ""))) if scans else None
    return Trace(carrier, waybill, stage, scans, source=SOURCE)


def _scan(row: Mapping[str, Any]) -> Scan | None:
    try:
        at = TIMES["china_time"](row.get("time"))
    except BadValue:
        return None
    return Scan(at, "", "", mask_contacts(str(row.get("status") or "")), "")


def _type_of(carrier: str) -> str:
    """The service's code of a carrier, "" to let it guess."""
    known = carrier_codes().get(carrier)
    return known.aliyun if known else ""
