"""The Taobao gateway: one address for both shop types, its public parameters, signature and envelope."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from xml.sax.saxutils import escape

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sandbox import signatures
from sandbox.answers import json_answer
from sandbox.clock import CHINA
from sandbox.faulty import Faulty
from sandbox.forms import params_of
from sandbox.taobao_call import Call, TopError
from sandbox.taobao_methods import METHODS, issue_tokens
from sandbox.world import Shop, World

DRIFT_S = 600
WITHOUT_SHOP = "shop:top"


class TaobaoGateway:
    """What answers under /router/rest, /token and /authorize."""

    def __init__(self, world: World, faulty: Faulty) -> None:
        self._world = world
        self._faulty = faulty

    async def call(self, request: Request) -> Response:
        """Answer one API call; business errors are HTTP 200 as well."""
        params = await params_of(request)
        method = params.get("method", "")
        # a token call is about the app: an expired session sent along must not stop its own renewal
        session = "" if method.startswith("taobao.top.auth.") else params.get("session", "")
        shop = self._world.shop_of_session(session)

        async def handle() -> Response:
            return self._answer(params, shop)

        def refuse(kind: str) -> Response:
            return self._error(params, _FAULTS[kind])

        return await self._faulty.apply(request, shop.target if shop else WITHOUT_SHOP, method, handle, refuse)

    def _answer(self, params: dict[str, str], shop: Shop | None) -> Response:
        try:
            self._check(params)
            method = params["method"]
            handler, needs_session = METHODS[method]
            if needs_session and not params.get("session"):
                raise TopError(26, "Missing session", "isv.missing-session", "session is missing")
            if needs_session and shop is None:
                raise _INVALID_SESSION
            if shop is not None:
                shop.book.calls[method] += 1
            result = handler(Call(self._world, shop, params))
        except TopError as error:
            if shop is not None:
                refusal = {"method": params.get("method"), "code": error.code, "sub_code": error.sub_code}
                shop.book.refused.append(refusal | {"at": self._world.now().isoformat()})
            return self._error(params, error)
        root = method.removeprefix("taobao.").replace(".", "_") + "_response"
        return self._enveloped(params, root, result)

    def _check(self, params: dict[str, str]) -> None:
        for name, code, said in _REQUIRED:
            if not params.get(name):
                raise TopError(code, f"Missing {said}", f"isv.missing-{said.lower().replace(' ', '-')}")
        if params["method"] not in METHODS:
            raise TopError(22, "Invalid method", "isv.invalid-method", f"method {params['method']} does not exist")
        if params["app_key"] != self._world.top_key:
            raise TopError(29, "Invalid app Key", "isv.appkey-not-exists")
        if params["v"] != "2.0":
            raise TopError(33, "Invalid version", "isv.invalid-version")
        if params.get("format", "xml") not in {"json", "xml"}:
            raise TopError(23, "Invalid format", "isv.invalid-format")
        stamp = _instant(params["timestamp"])
        if stamp is None or abs((self._world.now() - stamp).total_seconds()) > DRIFT_S:
            raise TopError(31, "Invalid timestamp", "isv.invalid-timestamp", "more than 10 minutes off")
        signed = {key: value for key, value in params.items() if key != "sign"}
        try:
            expected = signatures.top(signed, self._world.top_secret, params.get("sign_method") or "md5")
        except ValueError:
            raise _INVALID_SIGNATURE from None
        if not signatures.same(params["sign"], expected):
            raise _INVALID_SIGNATURE

    def _error(self, params: dict[str, str], error: TopError) -> Response:
        content: dict[str, Any] = {"code": error.code, "msg": error.msg}
        if error.sub_code:
            content |= {"sub_code": error.sub_code, "sub_msg": error.sub_msg or error.msg}
        return self._enveloped(params, "error_response", content)

    def _enveloped(self, params: dict[str, str], root: str, content: dict[str, Any]) -> Response:
        content = {**content, "request_id": secrets.token_hex(7)}
        if params.get("format") == "json":
            return json_answer({root: content})
        return Response('<?xml version="1.0" encoding="utf-8" ?>' + _xml(root, content), media_type="text/xml")

    async def token(self, request: Request) -> Response:
        """Answer POST /token: a code or a refresh token against a seller token."""
        params = await params_of(request)
        if params.get("client_id") != self._world.top_key or params.get("client_secret") != self._world.top_secret:
            return json_answer({"error": "invalid_client", "error_description": "invalid client id or secret"}, 400)
        grant = params.get("grant_type")
        try:
            if grant == "authorization_code":
                return json_answer(issue_tokens(self._world, code=params.get("code", "")))
            if grant == "refresh_token":
                return json_answer(issue_tokens(self._world, refresh_token=params.get("refresh_token", "")))
        except TopError as error:
            return json_answer({"error": "invalid_grant", "error_description": error.msg}, 400)
        return json_answer({"error": "unsupported_grant_type", "error_description": f"grant_type {grant}"}, 400)

    async def authorize(self, request: Request) -> Response:
        """Answer GET /authorize: every seller agrees at once; `shop` chooses one, else the first."""
        shops = [shop for shop in self._world.shops.values() if shop.is_top]
        wanted = request.query_params.get("shop", shops[0].code if shops else "")
        redirect = request.query_params.get("redirect_uri", "")
        if request.query_params.get("client_id") != self._world.top_key or not redirect:
            return json_answer({"error": "invalid_client", "error_description": "client_id or redirect_uri"}, 400)
        query = urlencode({"code": f"code-{wanted}", "state": request.query_params.get("state", "")})
        return RedirectResponse(f"{redirect}{'&' if '?' in redirect else '?'}{query}", 302)


_REQUIRED = (
    ("method", 21, "Method"),
    ("app_key", 28, "App Key"),
    ("timestamp", 30, "Timestamp"),
    ("v", 32, "Version"),
    ("sign", 24, "Signature"),
)
_INVALID_SESSION = TopError(27, "Invalid session", "invalid-sessionkey", "SessionKey非法")
_INVALID_SIGNATURE = TopError(25, "Invalid signature", "isv.invalid-signature", "签名不正确")
_FAULTS = {
    "rate_limit": TopError(
        7,
        "App Call Limited",
        "accesscontrol.limited-by-api-access-count",
        "This ban will last for 1 more seconds",
    ),
    "bad_signature": _INVALID_SIGNATURE,
    "expired_token": _INVALID_SESSION,
}


def _instant(text: str) -> datetime | None:
    if text.isascii() and text.isdigit():
        return datetime.fromtimestamp(int(text) / 1000, UTC) if len(text) <= 14 else None
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=CHINA)
    except ValueError:
        return None


def _xml(name: str, value: Any) -> str:
    if isinstance(value, dict):
        return f"<{name}>{''.join(_xml(key, inner) for key, inner in value.items())}</{name}>"
    if isinstance(value, list):
        return "".join(_xml(name, inner) for inner in value)
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"<{name}>{escape(text)}</{name}>"
