"""The control API: what a test or a demo does to the outside world."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.answers import json_answer
from sandbox.callbacks import RETRY_DELAYS_S
from sandbox.clock import parse_instant
from sandbox.crowd import crowd
from sandbox.errors import ControlError, NotSimulated
from sandbox.group_robots import robot_entry
from sandbox.orders import Order, apply_event, change_order, read_order
from sandbox.outside import Outside
from sandbox.qimen import Qimen
from sandbox.warehouses import Warehouse
from sandbox.wms import PAGE_ITEMS, Wms
from sandbox.world import Shop

DOUYIN_TAGS = {
    "created": "100",
    "pay": "101",
    "release": "101",
    "finish": "103",
    "change_address": "105",
    "close": "106",
    "change_note": "113",
    "refund_request": "200",
    "refund": "206",
    "refund_cancel": "207",
}
"""How Douyin numbers what can happen to an order."""

Handler = Callable[[Request], Awaitable[Any]]


async def _body(request: Request) -> dict[str, Any]:
    raw = await request.body()
    try:
        body = orjson.loads(raw) if raw else {}
    except orjson.JSONDecodeError as error:
        raise ControlError(f"the body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise ControlError("the body is not a JSON object")
    return body


def _answering(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            return json_answer(await handler(request))
        except ControlError as error:
            return json_answer({"error": str(error)}, error.status)
        except (KeyError, TypeError, ValueError) as error:
            return json_answer({"error": f"{type(error).__name__}: {error}"}, 400)

    return answer


class Control:
    """Handlers under /_control."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self._world = outside.world

    def routes(self) -> list[Route]:
        """Return the routes of the control API."""
        table: list[tuple[str, str, Handler]] = [
            ("GET", "/world", self.world),
            ("POST", "/reset", self.reset),
            ("GET", "/clock", self.clock),
            ("POST", "/clock", self.set_clock),
            ("GET", "/books", self.books),
            ("POST", "/shops", self.open_shop),
            ("POST", "/shops/{code}/orders", self.load_orders),
            ("GET", "/shops/{code}/orders", self.list_orders),
            ("GET", "/shops/{code}/orders/{no}", self.show_order),
            ("POST", "/shops/{code}/orders/{no}", self.change_order),
            ("POST", "/shops/{code}/crowd", self.load_crowd),
            ("POST", "/shops/{code}/churn", self.churn),
            ("GET", "/shops/{code}/products", self.products),
            ("POST", "/shops/{code}/products", self.add_products),
            ("GET", "/shops/{code}/stock", self.stock),
            ("POST", "/warehouses", self.open_warehouse),
            ("POST", "/warehouses/{code}/accept", self.accept),
            ("POST", "/warehouses/{code}/ship", self.ship),
            ("POST", "/warehouses/{code}/stock", self.change_warehouse_stock),
            ("POST", "/warehouses/{code}/send", self.send),
            ("POST", "/carriers/kuaidi100/advance", self.advance),
            ("POST", "/carriers/kuaidi100/waybills", self.set_up_waybills),
            ("POST", "/robots/{code}", self.set_up_robot),
            ("GET", "/faults", self.faults),
            ("POST", "/faults", self.add_fault),
            ("DELETE", "/faults", self.clear_faults),
        ]
        return [Route(f"/_control{path}", _answering(handler), methods=[method]) for method, path, handler in table]

    async def world(self, request: Request) -> Any:
        """Return every endpoint with its credentials."""
        return self._world.as_json()

    async def reset(self, request: Request) -> Any:
        """Go back to the default world."""
        self._outside.reset()
        return self._world.as_json()

    async def clock(self, request: Request) -> Any:
        """Return platform time."""
        return {"now": self._world.now().isoformat()}

    async def set_clock(self, request: Request) -> Any:
        """Set, advance or release the clock."""
        body = await _body(request)
        if "now" in body:
            self._world.begin_at(parse_instant(str(body["now"])))
        elif "advance_s" in body:
            self._world.clock.advance(float(body["advance_s"]))
        elif body.get("follow"):
            self._world.clock.follow()
        else:
            raise ControlError("the clock needs one of now, advance_s, follow")
        return await self.clock(request)

    async def books(self, request: Request) -> Any:
        """Return everything received; ?summary=1 gives counts only."""
        summary = request.query_params.get("summary", "") not in {"", "0", "false"}
        return self._world.books(summary)

    async def open_shop(self, request: Request) -> Any:
        """Open a shop, or give a web shop another webhook address."""
        body = await _body(request)
        code = str(body.get("code") or "")
        known = self._world.shops.get(code)
        shop = self._world.open_shop(code, str(body.get("platform") or (known.platform if known else "")))
        if "webhook_url" in body and shop.platform == "douyin":
            shop.push_url = str(body["webhook_url"] or "")
        elif "webhook_url" in body:
            if shop.platform != "woocommerce":
                raise ControlError(f"shop {shop.code} is on {shop.platform}, which sends no webhooks")
            shop.hooks.clear()
            if body["webhook_url"]:
                secret = self._world.webhook_secret(shop)
                for topic in ("order.created", "order.updated"):
                    self._outside.woo.register(shop, topic, str(body["webhook_url"]), secret)
        return self._world.shop_entry(shop)

    async def load_orders(self, request: Request) -> Any:
        """Put orders into a shop; with `notify` a shop that pushes announces each."""
        shop, body = self._shop(request), await _body(request)
        orders = [read_order(order) for order in body.get("orders") or []]
        stored = shop.store(orders)
        if not body.get("notify"):
            return {"stored": stored}
        return {"stored": stored, "webhook": await self._announce(shop, orders, "created")}

    async def load_crowd(self, request: Request) -> Any:
        """Invent orders by the thousand, paid between two moments (now without them)."""
        shop, body = self._shop(request), await _body(request)
        since, until = (
            parse_instant(str(body[key])) if key in body else self._world.now() for key in ("since", "until")
        )
        skus = [str(sku) for sku in body.get("skus") or []]
        run, first = int(body.get("run") or 0), int(body.get("first") or 0)
        orders = list(crowd(shop.platform, int(body.get("count") or 0), since, until, skus, run, first))
        stored = shop.store(orders)
        if not body.get("notify"):
            return {"stored": stored}
        return {"stored": stored, "webhook": await self._announce(shop, orders, "created")}

    async def list_orders(self, request: Request) -> Any:
        """Return every order's number with its status, what its buyer pays, and the time of its last change."""
        shelf = self._shop(request).shelf
        found = [order for no in shelf.numbers() if (order := shelf.get(no)) is not None]
        return {
            "orders": [
                {
                    "no": order.no,
                    "status": order.status,
                    "payable_fen": order.payable_fen,
                    "modified_at": order.modified_at.isoformat(),
                }
                for order in found
            ]
        }

    async def show_order(self, request: Request) -> Any:
        """Return how an order stands, without its receiver."""
        return _standing(self._shop(request).order(request.path_params["no"]))

    async def change_order(self, request: Request) -> Any:
        """Let an event happen to an order, or set parts of it."""
        shop, body = self._shop(request), await _body(request)
        order, now = shop.order(request.path_params["no"]), self._world.now()
        if "event" in body:
            apply_event(order, body, now)
        elif "set" in body:
            change_order(order, body["set"])
            shop.catalogue(order)
        else:
            raise ControlError("an order change needs event or set")
        if order.status == "shipped" and order.completed_at is None:
            order.completed_at = now
        moved = "modified_at" in (body.get("set") or {})
        shop.changed(order, order.modified_at if moved else now)
        return _standing(order) | {"webhook": await self._announce(shop, [order], str(body.get("event") or "updated"))}

    async def _announce(self, shop: Shop, orders: list[Order], event: str) -> Any:
        if shop.platform == "douyin":
            return await self._outside.douyin.announce(shop, orders, DOUYIN_TAGS.get(event, "104"))
        return await self._outside.woo.announce(
            shop, orders, "order.created" if event == "created" else "order.updated"
        )

    async def churn(self, request: Request) -> Any:
        """Let orders change while they are listed; an empty body stops it."""
        shop, body = self._shop(request), await _body(request)
        shop.churned.set(body)
        return {"every_calls": shop.churned.every_calls, "moves": shop.churned.moves, "times": shop.churned.left}

    async def products(self, request: Request) -> Any:
        """Return a shop's articles with the numbers its platform gives them."""
        return {"products": [product.as_json() for product in self._shop(request).offered(self._world.now())]}

    async def add_products(self, request: Request) -> Any:
        """Add articles that no order has sold yet, set their stock, or let the platform stop changes of it."""
        shop, body = self._shop(request), await _body(request)
        for row in body.get("products") or []:
            shop.set_up_product(row, self._world.now())
        return await self.products(request)

    async def stock(self, request: Request) -> Any:
        """Return the listings of a shop with the units they show, and all they have shown."""
        shop = self._shop(request)
        return {"listings": [product.listing(shop.platform) for product in shop.offered(self._world.now())]}

    async def open_warehouse(self, request: Request) -> Any:
        """Open or set up a warehouse."""
        body = await _body(request)
        warehouse = self._world.open_warehouse(str(body.get("code") or ""))
        warehouse.configure(body)
        return self._world.warehouse_entry(warehouse)

    async def accept(self, request: Request) -> Any:
        """Let a warehouse accept what waits."""
        warehouse, body = self._world.warehouse(request.path_params["code"]), await _body(request)
        return await self._system(warehouse).accept(warehouse, warehouse.outstanding(*_chosen(body)))

    async def ship(self, request: Request) -> Any:
        """Let a warehouse ship what waits; with `repeats` it sends again what was not taken."""
        warehouse, body = self._world.warehouse(request.path_params["code"]), await _body(request)
        delays_s = RETRY_DELAYS_S if body.get("repeats") else ()
        return await self._system(warehouse).ship(warehouse, warehouse.outstanding(*_chosen(body)), body, delays_s)

    async def change_warehouse_stock(self, request: Request) -> Any:
        """Let units come (`change`: by SKU) or go in a warehouse and report it, else report all that lies there."""
        warehouse, body = self._world.warehouse(request.path_params["code"]), await _body(request)
        wms = self._system(warehouse)
        if "change" in body:
            reason, ref_no = str(body.get("reason") or "ADJUST"), str(body.get("ref_no") or "")
            return await wms.change_stock(warehouse, dict(body["change"]), reason, ref_no)
        return await wms.report_stock(warehouse, int(body.get("page_items") or PAGE_ITEMS))

    async def send(self, request: Request) -> Any:
        """Let a warehouse say anything."""
        warehouse = self._world.warehouse(request.path_params["code"])
        return await self._system(warehouse).send(warehouse, await _body(request))

    async def advance(self, request: Request) -> Any:
        """Let followed parcels travel on."""
        return await self._outside.kuaidi100.advance(await _body(request))

    async def set_up_waybills(self, request: Request) -> Any:
        """Set the balance of e-waybills, or have every further one refused."""
        return self._outside.kuaidi100.labels.set_up(await _body(request))

    async def set_up_robot(self, request: Request) -> Any:
        """Give a robot another key, or have it ask for another secret or keyword, "" for none."""
        code, body = request.path_params["code"], await _body(request)
        if code not in self._world.robots:
            raise NotSimulated(f"there is no robot {code}")
        robot = self._world.robots[code]
        robot.key = str(body.get("key", robot.key))
        robot.secret = str(body.get("secret", robot.secret))
        robot.keyword = str(body.get("keyword", robot.keyword))
        return robot_entry(robot, self._world.url)

    async def faults(self, request: Request) -> Any:
        """Return the faults in force."""
        return {"faults": self._world.faults.as_json()}

    async def add_fault(self, request: Request) -> Any:
        """Put up a fault."""
        body = await _body(request)
        self._check_target(str(body.get("target") or ""))
        return self._world.faults.add(body).as_json()

    async def clear_faults(self, request: Request) -> Any:
        """Take faults down: those of ?target= (and ?kind=), or all; messages that were held back go out."""
        query = request.query_params
        self._outside.courier.release(query.get("target"))
        return {"cleared": self._world.faults.clear(query.get("target"), query.get("kind"))}

    def _check_target(self, target: str) -> None:
        kind, _, code = target.partition(":")
        if kind == "shop" and code != "top":
            self._world.shop(code)
        elif kind == "wms":
            self._world.warehouse(code)
        elif kind == "carrier" and code not in {"kuaidi100", "aliyun"}:
            raise NotSimulated(f"there is no carrier {code}")
        elif kind == "robot" and code not in self._world.robots:
            raise NotSimulated(f"there is no robot {code}")
        elif kind == "sms" and code != "aliyun":
            raise NotSimulated(f"there is no SMS service {code}")

    def _system(self, warehouse: Warehouse) -> Wms | Qimen:
        return self._outside.qimen if warehouse.speaks == "qimen" else self._outside.wms

    def _shop(self, request: Request) -> Shop:
        return self._world.shop(request.path_params["code"])


def _chosen(body: dict[str, Any]) -> tuple[list[str] | None, int | None]:
    nos, limit = body.get("outbound_nos"), body.get("limit")
    return (None if nos is None else [str(no) for no in nos], None if limit is None else int(limit))


def _standing(order: Order) -> dict[str, Any]:
    return {
        "no": order.no,
        "status": order.status,
        "modified_at": order.modified_at.isoformat(),
        "lines": [
            {
                "line_no": line.line_no,
                "sku": line.sku,
                "quantity": line.quantity,
                "refund": line.refund,
                "carrier": line.carrier,
                "waybill": line.waybill,
            }
            for line in order.lines
        ],
    }
