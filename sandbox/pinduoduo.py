"""The Pinduoduo gateway: one address, everything in the body, its signature, tokens and envelopes."""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import urlencode

import orjson
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from sandbox import signatures
from sandbox.answers import json_answer
from sandbox.faulty import Faulty
from sandbox.forms import form_of
from sandbox.pinduoduo_call import Call, PddError, bad_public, too_often
from sandbox.pinduoduo_methods import METHODS
from sandbox.world import PLATFORMS, Shop, World

DRIFT_S = 600
WITHOUT_SHOP = "shop:pinduoduo"
FORM = PLATFORMS["pinduoduo"]


class PinduoduoGateway:
    """What answers under /pinduoduo."""

    def __init__(self, world: World, faulty: Faulty) -> None:
        self._world = world
        self._faulty = faulty

    def routes(self) -> list[Route]:
        """Return the routes of the gateway."""
        return [
            Route(FORM.endpoint, self.call, methods=["POST"]),
            Route(FORM.consent, self.authorize),
        ]

    async def call(self, request: Request) -> Response:
        """Answer one API call; every error is HTTP 200."""
        params = await _params_of(request)
        method = params.get("type", "")
        # a token call is about the app: an ended token sent along must not stop its own renewal
        token = "" if method.startswith("pdd.pop.auth.") else params.get("access_token", "")
        shop = self._world.shop_of_token("pinduoduo", token) if token else None

        async def handle() -> Response:
            return self._answer(params, shop)

        def refuse(kind: str) -> Response:
            return _error(_FAULTS[kind])

        return await self._faulty.apply(request, shop.target if shop else WITHOUT_SHOP, method, handle, refuse)

    def _answer(self, params: dict[str, str], shop: Shop | None) -> Response:
        try:
            self._check(params)
            method = METHODS[params["type"]]
            if method.needs_token:
                self._check_token(params, shop)
            if shop is not None:
                shop.book.calls[params["type"]] += 1
            content = method.answer(Call(self._world, shop, params))
        except PddError as error:
            if shop is not None:
                refusal = {"method": params.get("type"), "code": error.code, "sub_msg": error.sub_msg}
                shop.book.refused.append(refusal | {"at": self._world.now().isoformat()})
            return _error(error)
        return _enveloped(method.response, content)

    def _check(self, params: dict[str, str]) -> None:
        for name in ("type", "client_id", "timestamp", "sign"):
            if not params.get(name):
                raise bad_public(name)
        if params["type"] not in METHODS:
            raise bad_public("type")
        app = self._world.apps["pinduoduo"]
        if params["client_id"] != app.key:
            raise PddError(10016, "client不存在或已下线")
        for name, only in (("data_type", "JSON"), ("version", "V1")):
            if params.get(name, only).upper() != only:
                raise bad_public(name)
        stamp = params["timestamp"]
        if not (stamp.isascii() and stamp.isdigit()) or abs(self._world.now().timestamp() - int(stamp)) > DRIFT_S:
            raise bad_public("timestamp")
        signed = {key: value for key, value in params.items() if key != "sign"}
        if not signatures.same(params["sign"], signatures.pinduoduo(signed, app.secret)):
            raise _INVALID_SIGNATURE

    def _check_token(self, params: dict[str, str], shop: Shop | None) -> None:
        token = params.get("access_token", "")
        if not token:
            raise bad_public("access_token")
        if any(self._world.shop_of_token(platform, token) for platform in PLATFORMS if platform != "pinduoduo"):
            raise PddError(20032, "access_token与client_id不匹配", sub_code="20032")
        if shop is None or not shop.accepts(token, self._world.now()):
            raise _EXPIRED_TOKEN

    async def authorize(self, request: Request) -> Response:
        """Answer the consent page: every seller agrees at once; `shop` chooses one, else the first."""
        shops = [shop for shop in self._world.shops.values() if shop.platform == "pinduoduo"]
        wanted = request.query_params.get("shop", shops[0].code if shops else "")
        redirect = request.query_params.get("redirect_uri", "")
        if request.query_params.get("client_id") != self._world.apps["pinduoduo"].key or not redirect:
            return json_answer({"error_msg": "client_id或redirect_uri不正确"}, 400)
        query = urlencode({"code": f"code-{wanted}", "state": request.query_params.get("state", "")})
        return RedirectResponse(f"{redirect}{'&' if '?' in redirect else '?'}{query}", 302)


_INVALID_SIGNATURE = PddError(20004, "签名sign校验失败")
_EXPIRED_TOKEN = PddError(10019, "access_token已过期", sub_code="10019")
_FAULTS = {
    "rate_limit": too_often("应用调用频率超限"),
    "bad_signature": _INVALID_SIGNATURE,
    "expired_token": _EXPIRED_TOKEN,
}


async def _params_of(request: Request) -> dict[str, str]:
    """Return the parameters of a form or of a flat JSON object; those in the address do not count."""
    if not request.headers.get("content-type", "").startswith("application/json"):
        return await form_of(request)
    try:
        body = orjson.loads(await request.body())
    except orjson.JSONDecodeError:
        return {}
    given = body if isinstance(body, dict) else {}
    return {key: value if isinstance(value, str) else orjson.dumps(value).decode() for key, value in given.items()}


def _error(error: PddError) -> Response:
    said = {"error_code": error.code, "error_msg": error.msg, "sub_code": error.sub_code, "sub_msg": error.sub_msg}
    return _enveloped("error_response", said)


def _enveloped(root: str, content: dict[str, Any]) -> Response:
    return json_answer({root: {**content, "request_id": str(10**16 + secrets.randbelow(9 * 10**16))}})
