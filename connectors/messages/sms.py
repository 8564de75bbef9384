"""Short messages with a code, through Alibaba Cloud's SMS service: the operation SendSms of its API of 2017-05-25.

Sources: the vendor's reference of SendSms with its error codes, and its description of request structure and signature
V3 (ACS3-HMAC-SHA256), whose own example the tests hold this against.
"""

import hmac
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, ClassVar, Final, Protocol
from urllib.parse import quote, urlencode, urlsplit
from uuid import uuid4

import httpx
import orjson

from connectors.base import Credentials, Now, RepeatClass
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
from models.masking import brief, hide_known

TIMEOUT_S: Final = 10.0
USUAL_WAIT_S: Final = 30.0
ACTION: Final = "SendSms"
VERSION: Final = "2017-05-25"
ALGORITHM: Final = "ACS3-HMAC-SHA256"
ENDPOINT: Final = "https://dysmsapi.aliyuncs.com"


class Sms(Protocol):
    """What sends a code to a phone."""

    repeat_class: RepeatClass

    def send_code(self, phone: str, code: str, reference: str) -> None:
        """Send a code to a mobile of the mainland. `reference` names the message in the service's own reports.

        Raises ChannelError types; OutcomeUnknown when it may have been sent.
        """


class AliyunSms:
    """The service with one signature and one template. Nothing of it is repeated when an answer is missing.

    Credentials: access_key_id, access_key_secret, sign_name (approved signature), template_code (of a template with the
    one variable `code`), optionally endpoint.
    """

    repeat_class = RepeatClass.MANUAL
    needs: ClassVar[tuple[str, ...]] = ("access_key_id", "access_key_secret", "sign_name", "template_code")

    def __init__(self, client: httpx.Client, name: str, credentials: Credentials, now: Now) -> None:
        self.name = name
        self._client = client
        self._now = now
        missing = [need for need in self.needs if not credentials.get(need)]
        if missing:
            raise SetupError(f"{name}: needs the credentials {', '.join(missing)}")
        self._key_id = credentials["access_key_id"]
        self._secret = credentials["access_key_secret"]
        self._sign_name = credentials["sign_name"]
        self._template = credentials["template_code"]
        self._endpoint = credentials.get("endpoint") or ENDPOINT
        if urlsplit(self._endpoint).scheme not in ("https", "http") or not urlsplit(self._endpoint).netloc:
            raise SetupError(f"{name}: endpoint must be an address such as {ENDPOINT}")

    def send_code(self, phone: str, code: str, reference: str) -> None:
        """Send one code; the service keeps no two requests of one meaning apart, so each is sent once."""
        answer = self._ask(
            {
                "PhoneNumbers": phone,
                "SignName": self._sign_name,
                "TemplateCode": self._template,
                "TemplateParam": orjson.dumps({"code": code}).decode(),
                "OutId": reference,
            },
            private=(phone, code),
        )
        if answer.get("Code") != "OK":
            raise self._sorted(answer, (phone, code))

    def _ask(self, parameters: Mapping[str, str], private: tuple[str, ...]) -> dict[str, Any]:
        place = urlsplit(self._endpoint)
        query = canonical_query(parameters)
        headers = {
            "host": place.netloc,
            "x-acs-action": ACTION,
            "x-acs-version": VERSION,
            "x-acs-date": f"{self._now():%Y-%m-%dT%H:%M:%SZ}",
            "x-acs-signature-nonce": uuid4().hex,
            "x-acs-content-sha256": sha256(b"").hexdigest(),
        }
        path = place.path or "/"
        headers["authorization"] = authorization(self._key_id, self._secret, "POST", path, query, headers)
        url = f"{place.scheme}://{place.netloc}{path}?{query}"
        request = build(self._client, self.name, ACTION, "POST", url, timeout_s=TIMEOUT_S, headers=headers)
        response = call(self._client, self.name, ACTION, request, changes=True)
        answer = json_of(response)
        if isinstance(answer, dict) and answer.get("Code"):
            if str(answer["Code"]).startswith("Throttling"):
                wait_s = retry_after_s(response.headers, self._now()) or USUAL_WAIT_S
                raise RateLimited(self.name, ACTION, self._words(answer, private), wait_s)
            return answer
        obstacle = f"HTTP {response.status_code} without a code of the service"
        kind = ChannelUnavailable if response.status_code == 503 else OutcomeUnknown
        raise kind(self.name, ACTION, obstacle)

    def _sorted(self, answer: Mapping[str, Any], private: tuple[str, ...]) -> ChannelError:
        """The error of a code: of this very number, of our set-up, or of the service."""
        code, words = str(answer.get("Code")), self._words(answer, private)
        if code in _OF_THE_NUMBER:
            return ChannelRejected(self.name, ACTION, words)
        if code in _OF_THE_SERVICE:
            return OutcomeUnknown(self.name, ACTION, words)
        kind = ChannelUnavailable if code in _LATER else ChannelDenied
        return kind(self.name, ACTION, words)

    def _words(self, answer: Mapping[str, Any], private: tuple[str, ...]) -> str:
        return brief(hide_known(f"{answer.get('Code')}: {answer.get('Message', '')}", private))


_OF_THE_NUMBER: Final = frozenset(
    {
        "isv.BUSINESS_LIMIT_CONTROL",  # this number got its messages of the minute, hour or day
        "isv.DAY_LIMIT_CONTROL",
        "isv.MOBILE_NUMBER_ILLEGAL",
        "isv.BLACK_KEY_CONTROL_LIMIT",
    }
)
_OF_THE_SERVICE: Final = frozenset({"isp.SYSTEM_ERROR", "isp.UNKNOWN", "isp.GATEWAY_ERROR", "InternalError"})
"""Whether the message left is not said."""

_LATER: Final = frozenset({"ServiceUnavailable"})


def canonical_query(parameters: Mapping[str, str]) -> str:
    """The parameters as they are signed and sent: sorted, percent-encoded as RFC 3986 wants it."""
    return urlencode(sorted(parameters.items()), quote_via=quote, safe="-_.~")


def authorization(key_id: str, secret: str, method: str, path: str, query: str, headers: Mapping[str, str]) -> str:
    """The value of the Authorization header: every given header is signed, and the digest of the body among them."""
    names = sorted(headers)
    signed = ";".join(names)
    lines = "".join(f"{name}:{headers[name].strip()}\n" for name in names)
    whole = "\n".join((method, quote(path, safe="/-_.~"), query, lines, signed, headers["x-acs-content-sha256"]))
    digest = sha256(whole.encode()).hexdigest()
    signature = hmac.new(secret.encode(), f"{ALGORITHM}\n{digest}".encode(), sha256).hexdigest()
    return f"{ALGORITHM} Credential={key_id},SignedHeaders={signed},Signature={signature}"
