"""The Douyin gateway: one address per method, its public parameters, signature and envelope, consent and pushes."""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import urlencode

import httpx
import orjson
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from sandbox import signatures
from sandbox.answers import json_answer
from sandbox.callbacks import Callback, Courier
from sandbox.clock import CHINA
from sandbox.douyin_call import MESSAGES, Call, DouyinError, invalid_parameter, missing_parameter
from sandbox.douyin_methods import CODE, SHOP_METHODS, TOKEN_METHODS
from sandbox.douyin_order import order_status, sku_order_id
from sandbox.faulty import Faulty
from sandbox.forms import query_of
from sandbox.orders import Order
from sandbox.world import Shop, World

DRIFT_S = 600
SIGN_METHODS = frozenset({"md5", "hmac-sha256"})
WITHOUT_SHOP = "shop:douyin"


class DouyinGateway:
    """What answers under /douyin."""

    def __init__(self, world: World, courier: Courier, faulty: Faulty) -> None:
        self._world = world
        self._courier = courier
        self._faulty = faulty
        self._app = world.apps["douyin"]

    def routes(self) -> list[Route]:
        """Return the routes of the gateway."""
        return [
            Route("/douyin/authorize", self.authorize),
            Route("/douyin/{path:path}", self.call, methods=["POST"]),
        ]

    async def call(self, request: Request) -> Response:
        """Answer one API call; errors are HTTP 200 as well."""
        query, body = query_of(request), await request.body()
        method = query.get("method", "")
        # a token call is about the app: an expired token sent along must not stop its own renewal
        shop = None if method in TOKEN_METHODS else self._shop_of(query.get("access_token", ""))

        async def handle() -> Response:
            return self._answer(request.path_params["path"], query, body, shop)

        def refuse(kind: str) -> Response:
            return self._refusal(_FAULTS[kind])

        return await self._faulty.apply(request, shop.target if shop else WITHOUT_SHOP, method, handle, refuse)

    def _shop_of(self, token: str) -> Shop | None:
        """The shop that has, or once had, this token."""
        shops = (shop for shop in self._world.shops.values() if shop.platform == "douyin" and token in shop.sessions)
        return self._world.shop_of_token("douyin", token) or next(shops, None)

    def _answer(self, path: str, query: dict[str, str], body: bytes, shop: Shop | None) -> Response:
        method = query.get("method", "")
        try:
            self._check(path, query, body)
            if method in SHOP_METHODS:
                self._check_token(query.get("access_token", ""), shop)
            if shop is not None:
                shop.book.calls[method] += 1
            handler = SHOP_METHODS.get(method) or TOKEN_METHODS[method]
            data = handler(Call(self._world, shop, _parsed(body), query["sign"]))
        except DouyinError as error:
            if shop is not None:
                refusal = {"method": method, "code": error.code, "sub_code": error.sub_code}
                shop.book.refused.append(refusal | {"at": self._world.now().isoformat()})
            return self._refusal(error)
        return self._enveloped({"code": 10000, "msg": MESSAGES[10000], "sub_code": "", "sub_msg": "", "data": data})

    def _check(self, path: str, query: dict[str, str], body: bytes) -> None:
        for name in ("app_key", "method", "timestamp", "v", "sign"):
            if not query.get(name):
                raise missing_parameter(name)
        method = query["method"]
        if method not in SHOP_METHODS and method not in TOKEN_METHODS:
            raise DouyinError(70000, "isv.api-offline", f"method {method} does not exist")
        if path.strip("/") != method.replace(".", "/"):
            raise invalid_parameter("method", "does not fit the path")
        if query["app_key"] != self._app.key:
            raise invalid_parameter("app_key", "is not known")
        if query["v"] != "2":
            raise invalid_parameter("v", "must be 2")
        stamp = _instant(query["timestamp"])
        if stamp is None or abs((self._world.now() - stamp).total_seconds()) > DRIFT_S:
            raise DouyinError(40003, "isv.timestamp-invalid", "more than 10 minutes off")
        self._check_signature(query, body)

    def _check_signature(self, query: dict[str, str], body: bytes) -> None:
        signed = {name: query[name] for name in ("app_key", "method", "timestamp", "v")}
        signed["param_json"] = body.decode("utf-8", "replace") or "{}"
        sign_method = query.get("sign_method") or "md5"
        expected = signatures.douyin(signed, self._app.secret, sign_method)
        if sign_method not in SIGN_METHODS or not signatures.same(query["sign"], expected):
            raise _WRONG_SIGNATURE

    def _check_token(self, token: str, shop: Shop | None) -> None:
        if not token:
            raise missing_parameter("access_token")
        if shop is None:
            raise DouyinError(40003, "isv.access-token-no-existed", "access_token不存在")
        if not shop.accepts(token, self._world.now()):
            raise _TOKEN_ENDED

    def _refusal(self, error: DouyinError) -> Response:
        said = {"msg": MESSAGES.get(error.code, ""), "sub_code": error.sub_code, "sub_msg": error.sub_msg}
        return self._enveloped({"code": error.code, **said, "data": None})

    def _enveloped(self, content: dict[str, Any]) -> Response:
        stamp = f"{self._world.now().astimezone(CHINA):%Y%m%d%H%M%S}"
        return json_answer({**content, "log_id": stamp + secrets.token_hex(6).upper()})

    async def authorize(self, request: Request) -> Response:
        """Answer GET /douyin/authorize: every seller agrees at once; `shop` chooses one, else the first.

        The platform leads back to the address registered for the app; here it is `redirect_uri`.
        """
        shops = [shop for shop in self._world.shops.values() if shop.platform == "douyin"]
        wanted = request.query_params.get("shop", shops[0].code if shops else "")
        redirect = request.query_params.get("redirect_uri", "")
        if not redirect:
            return self._refusal(missing_parameter("redirect_uri"))
        query = urlencode({"code": f"{CODE}{wanted}", "state": request.query_params.get("state", "")})
        return RedirectResponse(f"{redirect}{'&' if '?' in redirect else '?'}{query}", 302)

    async def announce(self, shop: Shop, orders: list[Order], tag: str) -> dict[str, int]:
        """Push one signed message per order to the shop's address, if it has one, and return how that went."""
        callbacks = [self._push(shop, order, tag) for order in orders] if shop.push_url else []
        outcome = await self._courier.deliver(callbacks)
        counts = {"sent": len(outcome), "acknowledged": sum(outcome), "failed": len(outcome) - sum(outcome)}
        shop.book.webhooks.update(counts)
        return counts

    def _push(self, shop: Shop, order: Order, tag: str) -> Callback:
        at = int(self._world.now().timestamp())
        data = {
            "p_id": int(order.no),
            "s_ids": [int(sku_order_id(order, line)) for line in order.lines],
            "shop_id": shop.owner_id,
            "order_status": order_status(order),
        }
        message = {
            "tag": tag,
            "msg_id": f"{order.no}:{tag}:{at}:{shop.fresh_id()}",
            "data": json.dumps(data, separators=(",", ":")),
        }
        body = json.dumps([message], separators=(",", ":"))

        return Callback(shop.target, shop.push_url, f"push {tag}", partial(self._signed, body), _taken)

    def _signed(self, body: str, forged: bool) -> tuple[bytes, dict[str, str]]:
        sign = signatures.douyin_push(self._app.key, body, "forged" if forged else self._app.secret)
        return body.encode(), {"content-type": "application/json", "app-id": self._app.key, "event-sign": sign}


_WRONG_SIGNATURE = DouyinError(40003, "isv.signature-invalid", "签名不正确")
_TOKEN_ENDED = DouyinError(40003, "isv.access-token-expired", "access_token已过期")
_FAULTS = {
    "rate_limit": DouyinError(60000, "isv.traffic-limited", "请求过于频繁，请稍后重试"),
    "bad_signature": _WRONG_SIGNATURE,
    "expired_token": _TOKEN_ENDED,
}


def _instant(text: str) -> datetime | None:
    if text.isascii() and text.isdigit():
        return datetime.fromtimestamp(int(text), UTC) if len(text) <= 11 else None
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=CHINA)
    except ValueError:
        return None


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        params = orjson.loads(body or b"{}")
    except orjson.JSONDecodeError:
        raise invalid_parameter("param_json", "is no JSON") from None
    if not isinstance(params, dict):
        raise invalid_parameter("param_json", "is no object")
    return params


def _taken(response: httpx.Response) -> bool:
    try:
        answer = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return False
    return response.is_success and isinstance(answer, dict) and answer.get("code") == 0
