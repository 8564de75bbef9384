"""The JD gateway: one address for every method, its public parameters, signature and three layers of errors."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox import signatures
from sandbox.answers import json_answer
from sandbox.faulty import Faulty
from sandbox.forms import params_of
from sandbox.jd_call import BrokenCall, Call, GatewayError, JdError, Refused
from sandbox.jd_methods import METHODS, NOT_GRANTED, Method
from sandbox.jd_oauth import JdOAuth
from sandbox.jd_order import loosely
from sandbox.world import Shop, World

DRIFT_S = 360
WITHOUT_SHOP = "shop:jd"
REST = ["GET", "POST"]


class JdGateway:
    """What answers under /jd."""

    def __init__(self, world: World, faulty: Faulty) -> None:
        self._world = world
        self._faulty = faulty
        self._oauth = JdOAuth(world)

    def routes(self) -> list[Route]:
        """Return the routes of the gateway."""
        return [
            Route("/jd/routerjson", self.call, methods=REST),
            Route("/jd/oauth2/to_login", self._oauth.to_login),
            Route("/jd/oauth2/access_token", self._oauth.access_token, methods=REST),
            Route("/jd/oauth2/refresh_token", self._oauth.refresh_token, methods=REST),
        ]

    async def call(self, request: Request) -> Response:
        """Answer one API call; errors are HTTP 200 as well."""
        params = await params_of(request)
        method = params.get("method", "")
        shop = self._world.shop_of_token("jd", params.get("access_token", ""))

        async def handle() -> Response:
            return json_answer(self._answer(params, shop))

        def refuse(kind: str) -> Response:
            return json_answer(_error_response(_FAULTS[kind]))

        return await self._faulty.apply(request, shop.target if shop else WITHOUT_SHOP, method, handle, refuse)

    def _answer(self, params: dict[str, str], shop: Shop | None) -> dict[str, Any]:
        try:
            return self._called(params, shop)
        except JdError as error:
            if shop is not None:
                refusal = {"method": params.get("method"), "code": error.code, "at": self._world.now().isoformat()}
                shop.book.refused.append(refusal)
            if isinstance(error, GatewayError):
                return _error_response(error)
            return _refused(params, error)

    def _called(self, params: dict[str, str], shop: Shop | None) -> dict[str, Any]:
        self._check(params)
        name, now = params["method"], self._world.now()
        if shop is None or not shop.accepts(params.get("access_token", ""), now):
            raise _INVALID_TOKEN
        if name in NOT_GRANTED:
            raise GatewayError(2001, "应用没有此API的权限", "no permission for this API")
        shop.book.calls[name] += 1
        content = METHODS[name].answer(Call(self._world, shop, _business(params), params["sign"]))
        return _enveloped(name, "0", {METHODS[name].result: _succeeded(METHODS[name], content, params["sign"])})

    def _check(self, params: dict[str, str]) -> None:
        name, app = params.get("method", ""), self._world.apps["jd"]
        if name not in METHODS and name not in NOT_GRANTED:
            raise GatewayError(15, f"不存在的方法名{name}", f"Invalid method {name}")
        if params.get("app_key") != app.key:
            raise GatewayError(21, "无效app_key", "Invalid app_key")
        if params.get("v") != "2.0":
            raise GatewayError(23, "无效的版本参数v", "Invalid version parameter")
        stamp = _instant(params.get("timestamp", ""))
        if stamp is None or abs((self._world.now() - stamp).total_seconds()) > DRIFT_S:
            raise GatewayError(14, "无效的时间戳参数timestamp", "Invalid timestamp parameter")
        signed = {key: value for key, value in params.items() if key != "sign"}
        if not signatures.same(params.get("sign", ""), signatures.jd(signed, app.secret)):
            raise _INVALID_SIGNATURE


_INVALID_SIGNATURE = GatewayError(12, "无效签名", "Invalid signature")
_INVALID_TOKEN = GatewayError(19, "token已过期或者不存在，请重新授权", "Invalid access_token")
_FAULTS = {
    "rate_limit": GatewayError(22, "API调用过于频繁，已被限流", "API call limit"),
    "bad_signature": _INVALID_SIGNATURE,
    "expired_token": _INVALID_TOKEN,
}


def _business(params: dict[str, str]) -> dict[str, Any]:
    try:
        found = json.loads(params.get("360buy_param_json", ""))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise BrokenCall(10, "参数360buy_param_json不是JSON对象", "parameter 360buy_param_json is not a JSON object")
    return found


def _instant(text: str) -> datetime | None:
    written = text if "+" in text else f"{text}.0+0800"
    try:
        return datetime.strptime(written, "%Y-%m-%d %H:%M:%S.%f%z")
    except ValueError:
        return None


def _enveloped(method: str, code: str, content: dict[str, Any]) -> dict[str, Any]:
    return {method.replace(".", "_") + "_responce": {"code": code, **content}}


def _error_response(error: JdError) -> dict[str, Any]:
    return {"error_response": {"code": str(error.code), "zh_desc": error.chinese, "en_desc": error.english}}


def _succeeded(method: Method, content: dict[str, Any], seed: str) -> dict[str, Any]:
    verdict = _verdict(method, Refused(0, "成功", "success"), True if loosely(seed) else "true")
    return {**verdict, **content}


def _refused(params: dict[str, str], error: JdError) -> dict[str, Any]:
    name = params["method"]
    if isinstance(error, BrokenCall):
        return _enveloped(name, str(error.code), {"zh_desc": error.chinese, "en_desc": error.english})
    verdict = _verdict(METHODS[name], error, False if loosely(params["sign"]) else "false")
    return _enveloped(name, "0", {METHODS[name].result: verdict})


def _verdict(method: Method, said: JdError, success: bool | str) -> dict[str, Any]:
    texts = {"chineseErrCode": said.chinese, "englishErrCode": said.english}
    if method.apart:
        return {"apiResult": {"success": success, "numberCode": said.code, **texts}}
    return {"success": success, "errorCode": str(said.code) if said.code else "", **texts}
