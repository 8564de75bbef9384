"""An order in words of no platform, and what each platform makes of it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

CHINA_HOURS = timedelta(hours=8)
STATE_CODES = {
    "云南省": "CN1", "北京市": "CN2", "天津市": "CN3", "河北省": "CN4", "辽宁省": "CN7", "上海市": "CN10",
    "江苏省": "CN11", "浙江省": "CN12", "福建省": "CN14", "山东省": "CN16", "河南省": "CN17", "湖北省": "CN18",
    "湖南省": "CN19", "广东省": "CN20", "广西壮族自治区": "CN21", "海南省": "CN22", "重庆市": "CN23", "四川省": "CN24",
    "陕西省": "CN26", "甘肃省": "CN27", "青海省": "CN28", "西藏自治区": "CN31", "新疆维吾尔自治区": "CN32",
}  # fmt: skip


@dataclass(frozen=True)
class Line:
    """Units of a SKU; `paid_fen` is the line's share of what the buyer pays, by default all of its list price."""

    sku: str
    title: str
    quantity: int
    price_fen: int
    paid_fen: int
    refund: str = ""  # a marketplace's word for the state of a refund
    only_item_code: bool = False  # the code stands at the article, not at the SKU


@dataclass(frozen=True)
class Receiver:
    """Who gets the parcel, in clear; marketplaces mask it when they write it down."""

    name: str
    phone: str
    province: str
    city: str
    district: str
    street: str


@dataclass(frozen=True)
class Draft:
    """An order. `fees_fen` belong to no line, `raw` goes over what the platform would send."""

    shop: str
    id: int
    number: str
    buyer: int  # 0 is a guest
    created: datetime
    paid: datetime | None
    modified: datetime
    status: str
    lines: tuple[Line, ...]
    to: Receiver
    freight_fen: int = 0
    fees_fen: int = 0
    note: str = ""
    memo: str = ""
    invoice: dict[str, str] | None = None
    cod: bool = False
    handle_by: str = ""  # a marketplace's day or moment to ship by
    billing_only: bool = False
    raw: dict[str, Any] = field(default_factory=dict)

    @property
    def goods_fen(self) -> int:
        """At list price."""
        return sum(line.price_fen * line.quantity for line in self.lines)

    @property
    def lines_fen(self) -> int:
        """What is paid for the lines."""
        return sum(line.paid_fen for line in self.lines)

    @property
    def total_fen(self) -> int:
        """What the buyer pays in all."""
        return self.lines_fen + self.freight_fen + self.fees_fen


def yuan(fen: int) -> str:
    """An amount as platforms write it."""
    sign = "-" if fen < 0 else ""
    return f"{sign}{abs(fen) // 100}.{abs(fen) % 100:02d}"


def store(order: Draft) -> dict[str, Any]:
    """An order of a web shop: plain receiver, times in UTC."""
    person = {
        "first_name": order.to.name[1:] if order.to.name.isascii() is False else order.to.name,
        "last_name": order.to.name[:1] if order.to.name.isascii() is False else "",
        "address_1": order.to.district + order.to.street,
        "address_2": "",
        "city": order.to.city,
        "state": STATE_CODES.get(order.to.province, order.to.province),
        "country": "CN",
        "phone": order.to.phone,
    }
    statuses = {
        "paid": "processing", "unpaid": "pending", "waiting": "on-hold", "failed": "failed",
        "cancelled": "cancelled", "shipped": "completed",
    }  # fmt: skip
    meta = [
        {"id": 900 + place, "key": f"_invoice_{key}", "value": value}
        for place, (key, value) in enumerate((order.invoice or {}).items())
    ]
    return {
        "id": order.id,
        "number": order.number,
        "status": statuses[order.status],
        "currency": "CNY",
        "date_created_gmt": _utc(order.created),
        "date_modified_gmt": _utc(order.modified),
        "date_paid_gmt": _utc(order.paid) if order.paid and not order.cod else None,
        "discount_total": yuan(order.goods_fen - order.lines_fen),
        "discount_tax": "0.00",
        "shipping_total": yuan(order.freight_fen),
        "shipping_tax": "0.00",
        "total": yuan(order.total_fen),
        "customer_id": order.buyer,
        "customer_note": order.note,
        "billing": person,
        "shipping": dict.fromkeys(person, "") if order.billing_only else person,
        "payment_method": "cod" if order.cod else "alipay",
        "line_items": [_store_line(order.id, place, line) for place, line in enumerate(order.lines, 1)],
        "fee_lines": [{"id": 5, "total": yuan(order.fees_fen), "total_tax": "0.00"}] if order.fees_fen else [],
        "refunds": [],
        "meta_data": meta,
    } | order.raw


def _store_line(order_id: int, place: int, line: Line) -> dict[str, Any]:
    return {
        "id": order_id * 100 + place,
        "name": line.title,
        "quantity": line.quantity,
        "subtotal": yuan(line.price_fen * line.quantity),
        "subtotal_tax": "0.00",
        "total": yuan(line.paid_fen),
        "total_tax": "0.00",
        "sku": line.sku,
    }


def trade(order: Draft) -> dict[str, Any]:
    """A trade of the marketplace whose shops share their numbers: masks, times of China, an id for the buyer."""
    statuses = {
        "paid": "WAIT_SELLER_SEND_GOODS", "unpaid": "WAIT_BUYER_PAY", "forbidden": "PAID_FORBID_CONSIGN",
        "cancelled": "TRADE_CLOSED_BY_TAOBAO", "shipped": "WAIT_BUYER_CONFIRM_GOODS", "part": "SELLER_CONSIGNED_PART",
    }  # fmt: skip
    return {
        "tid": order.id,
        "tid_str": order.number,
        "status": statuses[order.status],
        "type": "cod" if order.cod else "fixed",
        "buyer_open_uid": f"AAH{order.buyer}" if order.buyer else "",
        "created": _china(order.created),
        "pay_time": _china(order.paid) if order.paid and not order.cod else None,
        "modified": _china(order.modified),
        "payment": yuan(order.total_fen),
        "total_fee": yuan(order.goods_fen),
        "post_fee": yuan(order.freight_fen),
        "receiver_name": order.to.name[:1] + "**",
        "receiver_state": order.to.province,
        "receiver_city": order.to.city,
        "receiver_district": order.to.district,
        "receiver_address": order.to.street[:2] + "****",
        "receiver_mobile": f"{order.to.phone[:3]}****{order.to.phone[-4:]}",
        "oaid": f"1n{order.buyer:x}{order.to.phone[-6:]}",
        "buyer_message": order.note,
        "seller_memo": order.memo,
        "delivery_time": order.handle_by or None,
        "orders": {"order": [_trade_line(order, place, line) for place, line in enumerate(order.lines, 1)]},
    } | order.raw


def _trade_line(order: Draft, place: int, line: Line) -> dict[str, Any]:
    return {
        "oid_str": f"{order.id + place}",
        "status": "WAIT_SELLER_SEND_GOODS",
        "title": line.title,
        "outer_iid": line.sku if line.only_item_code else "",
        "outer_sku_id": "" if line.only_item_code else line.sku,
        "num": line.quantity,
        "price": yuan(line.price_fen),
        "total_fee": yuan(line.price_fen * line.quantity),
        "divide_order_fee": yuan(line.paid_fen),
        "refund_status": line.refund or "NO_REFUND",
    }


def order_info(order: Draft) -> dict[str, Any]:
    """An order of the marketplace that sends ciphertexts and masks, and no paid share of the lines."""
    statuses = {
        "paid": "WAIT_SELLER_STOCK_OUT", "forbidden": "POP_ORDER_PAUSE", "locked": "LOCKED",
        "cancelled": "TRADE_CANCELED", "shipped": "WAIT_GOODS_RECEIVE_CONFIRM",
    }  # fmt: skip
    asked = order.invoice
    mask = f"{order.to.phone[:3]}****{order.to.phone[-4:]}"
    return {
        "orderId": order.number,
        "orderState": statuses[order.status],
        "orderType": "22",
        "payType": "1-货到付款" if order.cod else "4-在线支付",
        "orderTotalPrice": yuan(order.goods_fen),
        "shouldPay": yuan(order.total_fen),
        "actualPay": yuan(0 if order.cod else order.total_fen),
        "freightPrice": yuan(order.freight_fen),
        "orderStartTime": _china(order.created),
        "paymentConfirmTime": _china(order.paid) if order.paid and not order.cod else "0001-01-01 00:00:00",
        "modified": _china(order.modified),
        "scDT": order.handle_by or _china(order.created + timedelta(days=1))[:10],
        "orderRemark": order.note,
        "venderRemark": order.memo,
        "invoiceInfo": f"发票抬头:{asked.get('title', '')}" if asked else "不需要开具发票",
        "invoiceEasyInfo": {"invoiceTitle": asked.get("title", ""), "invoiceCode": asked.get("tax_no", "")}
        if asked
        else None,
        "parentOrderId": "0",
        "open_id_buyer": f"o{order.buyer}" if order.buyer else None,
        "consigneeInfo": {
            "fullname": f"AcB1{order.buyer:x}==",
            "fullAddress": f"AcB1{order.id:x}==",
            "mobile": mask,
            "desen_mobile": mask,
            "province": order.to.province.removesuffix("省").removesuffix("市"),
            "city": order.to.city,
            "county": order.to.district,
            "town": "",
            "oaid": f"1x{order.buyer:x}{order.to.phone[-6:]}",
        },
        "itemInfoList": [
            {
                "skuId": str(100_000_000 + order.id % 1000 * 10 + place),
                "outerSkuId": line.sku or None,
                "skuName": line.title,
                "jdPrice": yuan(line.price_fen),
                "itemTotal": str(line.quantity),
            }
            for place, line in enumerate(order.lines, 1)
        ],
    } | order.raw


def _utc(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}"


def _china(moment: datetime) -> str:
    return f"{moment + CHINA_HOURS:%Y-%m-%d %H:%M:%S}"
