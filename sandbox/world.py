"""Everything the sandbox simulates: shops, warehouses, the tracking network, their credentials and their clock."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sandbox.books import CarrierBook, ShopBook
from sandbox.churn import Churn
from sandbox.clock import Clock
from sandbox.errors import ControlError, NotSimulated
from sandbox.faults import FaultBoard
from sandbox.group_robots import DINGTALK, WECOM, Robot, robot_entry
from sandbox.orders import Order, stable_id
from sandbox.own_sales import OwnSales
from sandbox.products import Product
from sandbox.shelf import Shelf
from sandbox.tokens import TokenBook
from sandbox.warehouses import Warehouse
from sandbox.waybills import WaybillPrinter

DEFAULT_SHOPS = (
    ("tmall-1", "tmall"),
    ("taobao-1", "taobao"),
    ("jd-1", "jd"),
    ("pdd-1", "pinduoduo"),
    ("douyin-1", "douyin"),
    ("woo-1", "woocommerce"),
)
DEFAULT_WAREHOUSES = ("WH-E", "WH-S", "WH-N")


@dataclass(frozen=True, slots=True)
class Platform:
    """What a kind of shop is like: its public name, the form of its order numbers, where it is called.

    `token_life` and `refresh_life` are those of a marketplace whose seller tokens end.
    """

    name: str
    number: re.Pattern[str] = re.compile(r".{1,64}")
    number_form: str = "anything"
    endpoint: str = ""
    consent: str = ""
    token_life: timedelta | None = None
    refresh_life: timedelta = timedelta(days=30)


_TRADE_NUMBER = re.compile(r"0|[1-9]\d{0,18}")
PLATFORMS = {
    "tmall": Platform("示例旗舰店", _TRADE_NUMBER, "digits that fit 63 bits"),
    "taobao": Platform("示例小店", _TRADE_NUMBER, "digits that fit 63 bits"),
    "woocommerce": Platform("示例商城"),
    "jd": Platform(
        "示例京东店",
        re.compile(r"[1-9]\d{9,17}"),
        "10 to 18 digits",
        "/jd/routerjson",
        "/jd/oauth2/to_login",
        timedelta(days=365),
        timedelta(days=365),
    ),
    "pinduoduo": Platform(
        "示例拼多多店",
        re.compile(r"\d{6}-\d{15}"),
        "yymmdd-15 digits",
        "/pinduoduo/api/router",
        "/pinduoduo/service-market/auth",
        timedelta(days=30),
        timedelta(days=60),
    ),
    "douyin": Platform(
        "示例抖店",
        re.compile(r"[1-9]\d{18}"),
        "19 digits",
        "/douyin",
        "/douyin/authorize",
        timedelta(days=7),
        timedelta(days=14),
    ),
}


def invented(purpose: str, digits: int) -> str:
    """Return a credential of so many hex digits that is the same on every start."""
    return hashlib.sha512(f"sandbox {purpose}".encode()).hexdigest()[:digits]


def webhook_secret(purpose: str) -> str:
    """Return a Standard Webhooks secret that is the same on every start."""
    return "whsec_" + base64.b64encode(hashlib.sha256(f"sandbox {purpose}".encode()).digest()).decode()


@dataclass(slots=True)
class Hook:
    """A webhook registered in a web shop."""

    id: int
    name: str
    topic: str
    delivery_url: str
    secret: str
    status: str = "active"
    failures: int = 0


@dataclass(slots=True)
class Shop:
    """One store with its orders, articles and credentials."""

    code: str
    platform: str
    shelf: Shelf = field(default_factory=Shelf)
    book: ShopBook = field(default_factory=ShopBook)
    products: dict[str, Product] = field(default_factory=dict)
    sales: OwnSales = field(default_factory=OwnSales)
    hooks: dict[int, Hook] = field(default_factory=dict)
    ids: dict[int, str] = field(default_factory=dict)
    nonces: dict[str, datetime] = field(default_factory=dict)
    answered: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)  # by method and request id
    sessions: list[str] = field(default_factory=list)
    refresh_token: str = ""
    tokens: TokenBook | None = None
    churned: Churn = field(default_factory=Churn)
    push_url: str = ""
    next_id: int = 1

    def __post_init__(self) -> None:
        self.sessions = ["6100" + invented(f"session {self.code}", 46)]
        self.refresh_token = "6101" + invented(f"refresh {self.code}", 46)

    @property
    def is_top(self) -> bool:
        """Whether it lives behind the Taobao gateway."""
        return self.platform in {"taobao", "tmall"}

    @property
    def nick(self) -> str:
        """The shop's public name."""
        return f"{PLATFORMS[self.platform].name}{self.code}"

    @property
    def owner_id(self) -> int:
        """The platform's number of the shop (JD's vender id, Pinduoduo's mall id, Douyin's shop id)."""
        return stable_id("shop", self.code, digits=8)

    def accepts(self, access_token: str, now: datetime) -> bool:
        """Whether calls of a marketplace with this seller token are answered."""
        return self.tokens is not None and self.tokens.accepts(access_token, now)

    @property
    def consumer_key(self) -> str:
        """REST key of a web shop."""
        return "ck_" + invented(f"ck {self.code}", 40)

    @property
    def consumer_secret(self) -> str:
        """REST secret of a web shop."""
        return "cs_" + invented(f"cs {self.code}", 40)

    @property
    def target(self) -> str:
        """How faults name it."""
        return f"shop:{self.code}"

    def order(self, no: str) -> Order:
        """Return the order; NotSimulated when the shop has none of this number."""
        order = self.shelf.get(no)
        if order is None:
            raise NotSimulated(f"shop {self.code} has no order {no}")
        return order

    def store(self, orders: list[Order]) -> int:
        """Put orders on the shelf and their articles into the catalogue."""
        form = PLATFORMS[self.platform]
        if bad := [order.no for order in orders if not form.number.fullmatch(order.no)]:
            raise ControlError(f"order {bad[0]}: a {self.platform} number is {form.number_form}")
        if self.is_top and (bad := [order.no for order in orders if not is_trade_number(order.no)]):
            raise ControlError(f"order {bad[0]}: a {self.platform} number is {form.number_form}")
        for order in orders:
            self.ids[self.order_id(order)] = order.no
            self.catalogue(order)
        self.has_changed(orders)
        return self.shelf.store(orders)

    def catalogue(self, order: Order) -> None:
        """Put the articles an order sells into the catalogue."""
        for line in order.lines:
            key = line.sku or line.title
            if key not in self.products:
                self.products[key] = Product(line.sku, line.title, line.price_fen)

    def order_id(self, order: Order) -> int:
        """Return the number the platform's API uses for an order."""
        return int(order.no) if is_trade_number(order.no) else stable_id("order", order.no, digits=9)

    def set_up_product(self, row: dict[str, Any], now: datetime) -> None:
        """Put one SKU into the catalogue, or change how it stands there; see `Product`.

        A SKU code that another article has already becomes a further listing; orders sell the first.
        """
        sku, article = str(row["sku"]), str(row.get("article") or "")
        key = sku
        if sku in self.products and "article" in row and self.products[sku].article != article:
            key = f"{sku} of {article}"
        if key not in self.products:
            title, price_fen = str(row.get("title") or sku), int(row.get("price_fen", 0))
            self.products[key] = Product(sku, title, price_fen, stock=0, article=article)
        self.products[key].set_up(row, now)

    def write_stock(self, product: Product, asked: int, now: datetime, *, delta: bool = False) -> None:
        """Set what a product shows, never below 0, or change it by so many, and book that it was asked for."""
        product.count(max(0, product.stock + asked if delta else asked), now, "delta" if delta else "absolute")
        self.book.stock_writes.append(
            {
                "sku": product.sku,
                "quantity": asked,
                "type": "delta" if delta else "absolute",
                "stock": product.stock,
                "at": now.isoformat(),
            }
        )

    def offered(self, now: datetime) -> list[Product]:
        """Return the catalogue as it stands; a web shop lowers its own numbers when it sells."""
        if self.platform == "woocommerce":
            self.sales.settle(self.shelf, self.products, now)
        return list(self.products.values())

    def has_changed(self, orders: list[Order]) -> None:
        """Let a shop that counts its own sales look at new and changed orders."""
        if self.platform == "woocommerce":
            self.sales.look_at(orders)

    def product(self, sku: str, title: str = "") -> Product:
        """Return the article a line sells."""
        return self.products[sku or title]

    def fresh_id(self) -> int:
        """Return the next number for a note, a meta row or a webhook."""
        self.next_id += 1
        return self.next_id

    def churn(self, window: list[Order], now: datetime) -> bool:
        """Let listed orders change as the control API wants it; True when one moved."""
        return self.churned.stir(window, now, self.changed)

    def changed(self, order: Order, now: datetime) -> None:
        """Stamp an order as changed now and book it."""
        self.shelf.touch(order, now)
        self.has_changed([order])
        self.book.modified_order_nos.append(order.no)


def is_trade_number(no: str) -> bool:
    """Whether the text is a number that fits a signed 64-bit integer."""
    return no.isascii() and no.isdigit() and int(no) < 2**63 and str(int(no)) == no


@dataclass(frozen=True, slots=True)
class App:
    """The application that a seller's system is registered as at a marketplace."""

    key: str
    secret: str


class World:
    """The whole outside, as it stands."""

    def __init__(self) -> None:
        self.url = ""
        self.top_key = str(stable_id("top app", digits=8))
        self.top_secret = invented("top secret", 32)
        self.apps = {
            "jd": App(invented("jd app", 32).upper(), invented("jd secret", 32)),
            "pinduoduo": App(invented("pinduoduo app", 32), invented("pinduoduo secret", 40)),
            "douyin": App(str(stable_id("douyin app", digits=19)), invented("douyin secret", 36)),
        }
        self.kuaidi_key = invented("kuaidi100 key", 12)
        self.kuaidi_customer = invented("kuaidi100 customer", 32).upper()
        self.kuaidi_secret = invented("kuaidi100 secret", 32)
        self.aliyun_appcode = invented("aliyun appcode", 32)
        self.sms_key_id = "LTAI" + invented("sms key", 20)
        self.sms_secret = invented("sms secret", 30)
        self.sms_sign_name = "示例旗舰店"
        self.sms_template = "SMS_100000001"
        self.reset()

    def reset(self) -> None:
        """Go back to the default world; credentials stay as they are."""
        self.clock = Clock()
        self.faults = FaultBoard()
        self.printer = WaybillPrinter()
        self.carrier_book = CarrierBook()
        self.robots = {
            WECOM: Robot(WECOM, invented("wecom robot", 32)),
            DINGTALK: Robot(
                DINGTALK, invented("dingtalk robot", 64), "SEC" + invented("dingtalk secret", 64), "OrderPool"
            ),
        }
        self.sms_sent: list[dict[str, Any]] = []
        self.sms_nonces: set[str] = set()
        self.shops: dict[str, Shop] = {}
        for code, platform in DEFAULT_SHOPS:
            self.open_shop(code, platform)
        self.warehouses: dict[str, Warehouse] = {}
        for code in DEFAULT_WAREHOUSES:
            self.open_warehouse(code)

    def now(self) -> datetime:
        """Return platform time."""
        return self.clock.now()

    def begin_at(self, moment: datetime) -> None:
        """Set the clock; the sellers' tokens are given out at that moment."""
        self.clock.set(moment)
        for shop in self.shops.values():
            if shop.tokens is not None:
                shop.tokens.begin(moment)

    def shop(self, code: str) -> Shop:
        """Return a shop by our code for it."""
        if code not in self.shops:
            raise NotSimulated(f"there is no shop {code}")
        return self.shops[code]

    def open_shop(self, code: str, platform: str) -> Shop:
        """Return the shop, opening it when it is new."""
        if platform not in PLATFORMS:
            raise ControlError(f"platform {platform!r} is not one of {', '.join(sorted(PLATFORMS))}")
        if not code or "/" in code:
            raise ControlError("a shop needs a code without a slash")
        shop = self.shops.get(code)
        if shop is None:
            shop = self.shops[code] = Shop(code, platform)
            form = PLATFORMS[platform]
            if form.token_life is not None:
                shop.tokens = TokenBook(code, self.now(), form.token_life, form.refresh_life)
        elif shop.platform != platform:
            raise ControlError(f"shop {code} is already open on {shop.platform}")
        return shop

    def shop_of_session(self, session: str) -> Shop | None:
        """Return the shop a seller token belongs to."""
        return next((shop for shop in self.shops.values() if shop.is_top and session in shop.sessions), None)

    def shop_of_token(self, platform: str, access_token: str) -> Shop | None:
        """Return the shop of a marketplace whose seller token this is, also when it has ended."""
        return next(
            (
                shop
                for shop in self.shops.values()
                if shop.platform == platform and shop.tokens is not None and shop.tokens.access == access_token
            ),
            None,
        )

    def warehouse(self, code: str) -> Warehouse:
        """Return a warehouse by our code for it."""
        if code not in self.warehouses:
            raise NotSimulated(f"there is no warehouse {code}")
        return self.warehouses[code]

    def open_warehouse(self, code: str) -> Warehouse:
        """Return the warehouse, opening it when it is new."""
        if not code or "/" in code:
            raise ControlError("a warehouse needs a code without a slash")
        if code not in self.warehouses:
            self.warehouses[code] = Warehouse(
                code,
                webhook_secret(f"inbound {code}"),
                webhook_secret(f"callback {code}"),
                app_key=str(stable_id("qimen app", code, digits=8)),
                app_secret=invented(f"qimen secret {code}", 32),
            )
        return self.warehouses[code]

    def shop_entry(self, shop: Shop) -> dict[str, Any]:
        """Return how a client reaches a shop."""
        if shop.is_top:
            return {
                "code": shop.code,
                "platform": shop.platform,
                "endpoint": f"{self.url}/router/rest",
                "token_url": f"{self.url}/token",
                "app_key": self.top_key,
                "app_secret": self.top_secret,
                "session": shop.sessions[-1],
                "refresh_token": shop.refresh_token,
                "seller_nick": shop.nick,
            }
        if shop.tokens is not None:
            app, form = self.apps[shop.platform], PLATFORMS[shop.platform]
            return {
                "code": shop.code,
                "platform": shop.platform,
                "endpoint": f"{self.url}{form.endpoint}",
                "consent_url": f"{self.url}{form.consent}",
                "app_key": app.key,
                "app_secret": app.secret,
                "access_token": shop.tokens.access,
                "refresh_token": shop.tokens.refresh,
                "owner_id": str(shop.owner_id),
                "seller_nick": shop.nick,
            }
        hook = next((hook for hook in shop.hooks.values() if hook.topic == "order.updated"), None)
        return {
            "code": shop.code,
            "platform": shop.platform,
            "endpoint": f"{self.url}/woo/{shop.code}",
            "consumer_key": shop.consumer_key,
            "consumer_secret": shop.consumer_secret,
            "webhook_url": hook.delivery_url if hook else None,
            "webhook_secret": self.webhook_secret(shop),
        }

    def webhook_secret(self, shop: Shop) -> str:
        """Return the secret of the webhooks that control registers in a web shop."""
        return invented(f"webhook {shop.code}", 32)

    def warehouse_entry(self, warehouse: Warehouse) -> dict[str, Any]:
        """Return how a client reaches a warehouse's system."""
        if warehouse.speaks == "qimen":
            return {
                "code": warehouse.code,
                "platform": "qimen",
                "endpoint": f"{self.url}/qimen/{warehouse.code}/router/qimen/service",
                "app_key": warehouse.app_key,
                "secret": warehouse.app_secret,
                "customer_id": warehouse.customer_id,
                "sign_method": warehouse.qimen.sign_method,
                "wrap": warehouse.qimen.wrap,
                "callback_url": warehouse.callback_url,
                "mode": warehouse.mode,
                "ship_after_s": warehouse.ship_after_s,
            }
        return {
            "code": warehouse.code,
            "platform": "webhook",
            "endpoint": f"{self.url}/wms/{warehouse.code}/inbound",
            "secret": warehouse.secret,
            "callback_secret": warehouse.callback_secret,
            "callback_url": warehouse.callback_url,
            "mode": warehouse.mode,
            "ship_after_s": warehouse.ship_after_s,
        }

    def carrier_entry(self) -> dict[str, Any]:
        """Return how a client reaches the tracking network."""
        return {
            "code": "kuaidi100",
            "platform": "kuaidi100",
            "endpoint": self.url,
            "poll_url": f"{self.url}/poll",
            "query_url": f"{self.url}/poll/query.do",
            "autonumber_url": f"{self.url}/autonumber/auto",
            "label_endpoint": self.url,
            "label_url": f"{self.url}/label/order",
            "key": self.kuaidi_key,
            "customer": self.kuaidi_customer,
            "secret": self.kuaidi_secret,
        }

    def second_source_entry(self) -> dict[str, Any]:
        """Return how a client reaches the query service of the market."""
        return {
            "code": "aliyun",
            "platform": "aliyun",
            "endpoint": f"{self.url}/aliyun",
            "appcode": self.aliyun_appcode,
        }

    def sms_entry(self) -> dict[str, Any]:
        """Return how a client reaches the SMS service."""
        return {
            "code": "aliyun",
            "platform": "aliyun",
            "endpoint": f"{self.url}/aliyun/sms",
            "access_key_id": self.sms_key_id,
            "access_key_secret": self.sms_secret,
            "sign_name": self.sms_sign_name,
            "template_code": self.sms_template,
        }

    def as_json(self) -> dict[str, Any]:
        """Return the object that the server prints when it listens."""
        return {
            "url": self.url,
            "control": f"{self.url}/_control",
            "shops": [self.shop_entry(shop) for shop in self.shops.values()],
            "carriers": [self.carrier_entry(), self.second_source_entry()],
            "sms": [self.sms_entry()],
            "warehouses": [self.warehouse_entry(warehouse) for warehouse in self.warehouses.values()],
            "robots": [robot_entry(robot, self.url) for robot in self.robots.values()],
        }

    def books(self, summary: bool) -> dict[str, Any]:
        """Return everything received, or only counts."""
        return {
            "shops": {
                shop.code: shop.book.summary(len(shop.shelf)) if summary else shop.book.as_json(shop.shelf.numbers())
                for shop in self.shops.values()
            },
            "warehouses": {
                code: warehouse.summary() if summary else warehouse.as_json()
                for code, warehouse in self.warehouses.items()
            },
            "carriers": {
                "kuaidi100": self.carrier_book.summary() if summary else self.carrier_book.as_json(),
                "aliyun": self.carrier_book.elsewhere(),
            },
            "robots": {
                code: {"messages": len(robot.taken), "refused": robot.refused} if summary else robot.as_json()
                for code, robot in self.robots.items()
            },
            "sms": {
                "aliyun": len(self.sms_sent)
                if summary
                else [{**sent, "at": sent["at"].isoformat()} for sent in self.sms_sent]
            },
        }
