"""The SMS service of Alibaba Cloud: SendSms with its signature, its templates and the messages that a phone may get."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox import signatures
from sandbox.faulty import Faulty
from sandbox.forms import query_of
from sandbox.world import World

TARGET = "sms:aliyun"
ALGORITHM = "ACS3-HMAC-SHA256"
VERSION = "2017-05-25"
CLOCK_LEEWAY = timedelta(minutes=15)
A_PHONE_MAY_GET = ((1, timedelta(minutes=1)), (5, timedelta(hours=1)), (10, timedelta(days=1)))
"""Codes under one signature to one phone, as the service limits them unless its customer asks for more."""

_SIGNED = re.compile(rf"{ALGORITHM} Credential=([^,]+),\s*SignedHeaders=([^,]+),\s*Signature=([0-9a-f]{{64}})")
_MUST_BE_SIGNED = {"host", "x-acs-action", "x-acs-version", "x-acs-date", "x-acs-signature-nonce"}


class Refusal(Exception):
    """An answer other than OK, by its code and HTTP status."""

    def __init__(self, code: str, message: str, status: int = 200) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status

    def answer(self) -> JSONResponse:
        """Return the documented error body."""
        return JSONResponse({"RequestId": "F1", "Code": self.code, "Message": self.message}, self.status)


def _refuse(kind: str) -> Response:
    if kind == "rate_limit":
        return Refusal("Throttling.User", "Request was denied due to user flow control.", 400).answer()
    if kind == "expired_token":
        return Refusal("InvalidAccessKeyId.NotFound", "Specified access key is not found.", 404).answer()
    return Refusal("SignatureDoesNotMatch", "Specified signature does not match our calculation.", 400).answer()


class SmsDesk:
    """The service's side of every call."""

    def __init__(self, world: World, faulty: Faulty) -> None:
        self._world = world
        self._faulty = faulty

    async def call(self, request: Request) -> Response:
        """Answer one call of the API; the parameters stand in the address."""

        async def handle() -> Response:
            body = await request.body()
            try:
                self._check_signature(request, body)
                return self._send(query_of(request))
            except Refusal as refusal:
                return refusal.answer()

        return await self._faulty.apply(request, TARGET, request.headers.get("x-acs-action", ""), handle, _refuse)

    def _check_signature(self, request: Request, body: bytes) -> None:
        headers = request.headers
        if headers.get("x-acs-action") != "SendSms" or headers.get("x-acs-version") != VERSION:
            raise Refusal("InvalidAction.NotFound", "Specified api is not found.", 404)
        found = _SIGNED.fullmatch(headers.get("authorization", ""))
        if found is None:
            raise Refusal("MissingAuthorization", "The authorization header is missing or malformed.", 400)
        key_id, names, signature = found[1], found[2].split(";"), found[3]
        if key_id != self._world.sms_key_id:
            raise Refusal("InvalidAccessKeyId.NotFound", "Specified access key is not found.", 404)
        if not _MUST_BE_SIGNED.issubset(names) or names != sorted(names):
            raise Refusal("IncompleteSignature", "The signed headers are incomplete or not sorted.", 400)
        digest = hashlib.sha256(body).hexdigest()
        if headers.get("x-acs-content-sha256") != digest:
            raise Refusal("InvalidContentSha256", "The digest of the body does not match.", 400)
        expected = sign(
            self._world.sms_secret, request.method, request.url.path, query_of(request), names, dict(headers)
        )
        if not signatures.same(signature, expected):
            raise Refusal("SignatureDoesNotMatch", "Specified signature does not match our calculation.", 400)
        self._check_moment(headers["x-acs-date"], headers["x-acs-signature-nonce"])

    def _check_moment(self, written: str, nonce: str) -> None:
        try:
            moment = datetime.strptime(written, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        except ValueError:
            raise Refusal("InvalidTimeStamp.Format", "Specified time stamp is not well formatted.", 400) from None
        if abs(moment - self._world.now()) > CLOCK_LEEWAY:
            raise Refusal("InvalidTimeStamp.Expired", "Specified time stamp or date value is expired.", 400)
        if nonce in self._world.sms_nonces:
            raise Refusal("SignatureNonceUsed", "Specified signature nonce was used already.", 400)
        self._world.sms_nonces.add(nonce)

    def _send(self, fields: dict[str, str]) -> Response:
        if fields.get("SignName") != self._world.sms_sign_name:
            raise Refusal("isv.SMS_SIGNATURE_ILLEGAL", "该账号下找不到对应签名")
        if fields.get("TemplateCode") != self._world.sms_template:
            raise Refusal("isv.SMS_TEMPLATE_ILLEGAL", "该账号下找不到对应模板")
        phone = fields.get("PhoneNumbers", "")
        if not re.fullmatch(r"1[3-9]\d{9}", phone):
            raise Refusal("isv.MOBILE_NUMBER_ILLEGAL", f"{phone}invalid mobile number")
        try:
            told = json.loads(fields.get("TemplateParam") or "")
        except ValueError:
            raise Refusal("isv.INVALID_JSON_PARAM", "参数格式错误，请修改为字符串值") from None
        if not isinstance(told, dict) or not isinstance(told.get("code"), str):
            raise Refusal("isv.TEMPLATE_MISSING_PARAMETERS", "模板变量缺少对应参数值")
        now = self._world.now()
        for most, span in A_PHONE_MAY_GET:
            if sum(sent["phone"] == phone and sent["at"] > now - span for sent in self._world.sms_sent) >= most:
                raise Refusal("isv.BUSINESS_LIMIT_CONTROL", f"触发流控Permits:{most}")
        self._world.sms_sent.append(
            {"phone": phone, "code": told["code"], "out_id": fields.get("OutId", ""), "at": now}
        )
        number = len(self._world.sms_sent)
        return JSONResponse({"RequestId": f"R{number}", "BizId": f"{number}^0", "Code": "OK", "Message": "OK"})


def sign(
    secret: str, method: str, path: str, parameters: dict[str, str], names: list[str], headers: dict[str, str]
) -> str:
    """Sign a call as the service's description of signature V3 says."""

    def encoded(text: str) -> str:
        return quote(text, safe="~")  # letters, digits and -_. stay by themselves

    query = "&".join(f"{encoded(key)}={encoded(parameters[key])}" for key in sorted(parameters))
    canonical = [method, quote(path, safe="/~"), query]
    canonical += [f"{name}:{headers.get(name, '').strip()}" for name in names]
    canonical += ["", ";".join(names), headers.get("x-acs-content-sha256", "")]
    hashed = hashlib.sha256("\n".join(canonical).encode()).hexdigest()
    return hmac.new(secret.encode(), f"{ALGORITHM}\n{hashed}".encode(), hashlib.sha256).hexdigest()
