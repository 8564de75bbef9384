"""WooCommerce stores: routing of the REST API v3, webhooks and their deliveries."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

import httpx
from starlette.requests import Request
from starlette.responses import Response

from sandbox import signatures, woo_orders, woo_products
from sandbox.answers import json_answer
from sandbox.callbacks import Callback, Courier
from sandbox.faulty import Faulty
from sandbox.orders import Order
from sandbox.woo_call import WooCall
from sandbox.woo_order import STATES, render_order
from sandbox.woo_signin import Refused, sign_in
from sandbox.world import Hook, Shop, World

FAILURES_TO_DISABLE = 5
TOPICS = re.compile(r"(order|product|coupon|customer)\.(created|updated|deleted|restored)|action\.\w+")


class WooStores:
    """All simulated stores."""

    def __init__(self, world: World, courier: Courier, faulty: Faulty) -> None:
        self._world = world
        self._courier = courier
        self._faulty = faulty
        self._routes: Sequence[tuple[str, re.Pattern[str], Callable[..., Response]]] = [
            ("GET", re.compile(r"orders"), woo_orders.list_orders),
            ("GET", re.compile(r"orders/(\d+)"), woo_orders.read_order),
            ("PUT", re.compile(r"orders/(\d+)"), woo_orders.write_order),
            ("GET", re.compile(r"orders/(\d+)/refunds"), woo_orders.list_refunds),
            ("GET", re.compile(r"orders/(\d+)/notes"), woo_orders.list_notes),
            ("POST", re.compile(r"orders/(\d+)/notes"), woo_orders.write_note),
            ("GET", re.compile(r"products"), woo_products.list_products),
            ("GET", re.compile(r"products/(\d+)"), woo_products.read_product),
            ("PUT", re.compile(r"products/(\d+)"), woo_products.write_product),
            ("POST", re.compile(r"products/batch"), woo_products.write_products),
            ("GET", re.compile(r"products/(\d+)/variations"), woo_products.list_variations),
            ("PUT", re.compile(r"products/(\d+)/variations/(\d+)"), woo_products.write_variation),
            ("POST", re.compile(r"products/(\d+)/variations/batch"), woo_products.write_variations),
            ("GET", re.compile(r"data/countries/(\w+)"), read_country),
            ("GET", re.compile(r"webhooks"), list_hooks),
            ("POST", re.compile(r"webhooks"), self._create_hook),
            ("GET", re.compile(r"webhooks/(\d+)"), read_hook),
            ("PUT", re.compile(r"webhooks/(\d+)"), write_hook),
            ("DELETE", re.compile(r"webhooks/(\d+)"), delete_hook),
        ]

    async def call(self, request: Request) -> Response:
        """Answer one REST call."""
        shop = self._world.shops.get(request.path_params["code"])
        path = request.path_params["path"].strip("/")
        if shop is None or shop.is_top:
            return json_answer(_no_route().as_json(), 404)
        body = await request.body()

        async def handle() -> Response:
            return self._answer(request, shop, path, body)

        return await self._faulty.apply(request, shop.target, f"{request.method} /{path}", handle, _refuse)

    def _answer(self, request: Request, shop: Shop, path: str, body: bytes) -> Response:
        # POST stands in for PUT where a proxy allows no other
        wanted = "PUT" if request.method == "PATCH" else request.headers.get("x-http-method-override", request.method)
        try:
            key = sign_in(request, shop, self._world.now())
            shop.book.calls[f"{wanted} /{re.sub(r'[0-9]+', 'N', path)}"] += 1
            call = self._read(request, shop, body, key)
            for method, pattern, handler in self._routes:
                match = pattern.fullmatch(path)
                if match and (method == wanted or (method == "PUT" and wanted == "POST" and match.groups())):
                    return handler(call, *(int(part) if part.isdigit() else part for part in match.groups()))
            raise _no_route()
        except Refused as refused:
            shop.book.refused.append(
                {"method": f"{wanted} /{path}", "code": refused.code, "at": self._world.now().isoformat()}
            )
            return json_answer(refused.as_json(), refused.status)

    def _read(self, request: Request, shop: Shop, body: bytes, key: str | None) -> WooCall:
        return WooCall(
            shop=shop,
            base=self._base(shop),
            query=dict(parse_qsl(request.url.query, keep_blank_values=True)),
            raw_body=body,
            now=self._world.now(),
            request_key=key or request.headers.get("idempotency-key"),
            announce=lambda order: self._courier.later(self.announce, shop, [order], "order.updated"),
        )

    def _base(self, shop: Shop) -> str:
        return f"{self._world.url}/woo/{shop.code}/wp-json/wc/v3"

    def _create_hook(self, call: WooCall) -> Response:
        """POST /webhooks; the delivery address gets a ping."""
        body = call.body()
        topic, url = str(body.get("topic") or ""), str(body.get("delivery_url") or "")
        if not TOPICS.fullmatch(topic):
            raise Refused(400, "woocommerce_rest_webhook_invalid_topic", "Webhook topic must be valid.")
        if not url.startswith(("http://", "https://")):
            raise Refused(400, "woocommerce_rest_webhook_invalid_delivery_url", "Webhook delivery URL must be valid.")
        hook = self.register(call.shop, topic, url, str(body.get("secret") or ""), str(body.get("name") or ""))
        self._courier.later(self._ping, call.shop, hook)
        return json_answer(_hook_entry(hook), 201)

    def register(self, shop: Shop, topic: str, url: str, secret: str, name: str = "") -> Hook:
        """Add a webhook without a ping."""
        number = shop.fresh_id()
        hook = shop.hooks[number] = Hook(number, name or f"Webhook {number}", topic, url, secret)
        return hook

    async def announce(self, shop: Shop, orders: list[Order], topic: str) -> dict[str, int]:
        """Deliver changed orders to the webhooks on this topic and return how that went."""
        hooks = [hook for hook in shop.hooks.values() if hook.topic == topic and hook.status == "active"]
        pairs = [(hook, order) for order in orders for hook in hooks]
        callbacks = [self._delivery(shop, hook, order, topic) for hook, order in pairs]
        outcome = await self._courier.deliver(callbacks)
        for (hook, _), done in zip(pairs, outcome, strict=True):
            hook.failures = 0 if done else hook.failures + 1
            if hook.failures >= FAILURES_TO_DISABLE:
                hook.status = "disabled"
        counts = {"sent": len(pairs), "acknowledged": sum(outcome), "failed": len(pairs) - sum(outcome)}
        shop.book.webhooks.update(counts)
        return counts

    def _delivery(self, shop: Shop, hook: Hook, order: Order, topic: str) -> Callback:
        body = json.dumps(render_order(order, shop, self._base(shop)), ensure_ascii=False).encode()
        resource, _, event = topic.partition(".")
        headers = {
            "content-type": "application/json",
            "x-wc-webhook-source": f"{self._world.url}/woo/{shop.code}/",
            "x-wc-webhook-topic": topic,
            "x-wc-webhook-resource": resource,
            "x-wc-webhook-event": event,
            "x-wc-webhook-id": str(hook.id),
            "x-wc-webhook-delivery-id": f"{shop.fresh_id():032x}",
        }
        return Callback(shop.target, hook.delivery_url, topic, partial(_signed, hook, body, headers), _taken)

    async def _ping(self, shop: Shop, hook: Hook) -> None:
        await self._courier.deliver([Callback(shop.target, hook.delivery_url, "ping", partial(_pinging, hook), _taken)])


def _signed(hook: Hook, body: bytes, headers: dict[str, str], forged: bool) -> tuple[bytes, dict[str, str]]:
    signature = signatures.woo_webhook(body, "forged" if forged else hook.secret)
    return body, headers | {"x-wc-webhook-signature": signature}


def _pinging(hook: Hook, forged: bool) -> tuple[bytes, dict[str, str]]:
    return f"webhook_id={hook.id}".encode(), {"content-type": "application/x-www-form-urlencoded"}


def _taken(response: httpx.Response) -> bool:
    return response.is_success or response.status_code in {301, 302}


def _no_route() -> Refused:
    return Refused(404, "rest_no_route", "No route was found matching the URL and request method.")


def _refuse(kind: str) -> Response:
    if kind == "rate_limit":
        body = {"code": "too_many_requests", "message": "Too many requests.", "data": {"status": 429}}
        return json_answer(body, 429, {"Retry-After": "1"})
    said = "Consumer key is invalid."
    if kind == "bad_signature":
        said = "Invalid signature - provided signature does not match."
    return json_answer(Refused(401, "woocommerce_rest_authentication_error", said).as_json(), 401)


def read_country(call: WooCall, code: str) -> Response:
    """GET /data/countries/{code}."""
    if str(code).upper() != "CN":
        raise Refused(404, "woocommerce_rest_data_invalid_location", "No location matches.")
    states = [{"code": state, "name": name} for state, name in STATES.items()]
    return json_answer({"code": "CN", "name": "China", "states": states})


def _hook_entry(hook: Hook) -> dict[str, Any]:
    resource, _, event = hook.topic.partition(".")
    return {
        "id": hook.id,
        "name": hook.name,
        "status": hook.status,
        "topic": hook.topic,
        "resource": resource,
        "event": event,
        "delivery_url": hook.delivery_url,
    }


def _find_hook(call: WooCall, hook_id: int) -> Hook:
    if hook_id not in call.shop.hooks:
        raise Refused(404, "woocommerce_rest_shop_webhook_invalid_id", "Invalid ID.")
    return call.shop.hooks[hook_id]


def list_hooks(call: WooCall) -> Response:
    """GET /webhooks."""
    return json_answer([_hook_entry(hook) for hook in call.shop.hooks.values()])


def read_hook(call: WooCall, hook_id: int) -> Response:
    """GET /webhooks/{id}."""
    return json_answer(_hook_entry(_find_hook(call, hook_id)))


def write_hook(call: WooCall, hook_id: int) -> Response:
    """PUT /webhooks/{id}; setting it active forgets its failures."""
    hook, body = _find_hook(call, hook_id), call.body()
    for name in ("name", "topic", "delivery_url", "secret", "status"):
        if name in body:
            setattr(hook, name, str(body[name]))
    hook.failures = 0
    return json_answer(_hook_entry(hook))


def delete_hook(call: WooCall, hook_id: int) -> Response:
    """DELETE /webhooks/{id}; the store wants force=true."""
    hook = _find_hook(call, hook_id)
    if call.query.get("force", "").lower() not in {"true", "1"}:
        raise Refused(501, "woocommerce_rest_trash_not_supported", "Webhooks do not support trashing.")
    del call.shop.hooks[hook.id]
    return json_answer(_hook_entry(hook))
