"""An order as the JD gateway shows it: yuan strings, China time, receiver as ciphertext and mask.

About half of the orders spell their numbers as numbers and leave things out where the others have an empty one:
the platform does both.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime, timedelta
from typing import Any

from sandbox.clock import CHINA
from sandbox.money import yuan
from sandbox.orders import Line, Order, stable_id
from sandbox.world import Shop

STATES = {
    "WAIT_SELLER_STOCK_OUT": "等待出库",
    "WAIT_SELLER_DELIVERY": "等待发货",
    "WAIT_GOODS_RECEIVE_CONFIRM": "等待确认收货",
    "FINISHED_L": "完成",
    "TRADE_CANCELED": "取消",
    "LOCKED": "锁定",
    "PAUSE": "暂停",
    "POP_ORDER_PAUSE": "POP暂停",
    "WAIT_SEND_CODE": "等待发码",
}
READY = "WAIT_SELLER_STOCK_OUT"
UNSET = "0001-01-01 00:00:00"
_OURS = {
    "paid": READY,
    "forbid": "POP_ORDER_PAUSE",
    "shipped": "WAIT_GOODS_RECEIVE_CONFIRM",
    "finished": "FINISHED_L",
    "closed": "TRADE_CANCELED",
    "closed_unpaid": "TRADE_CANCELED",
}
_MAY_BE_NUMBERS = frozenset(
    "orderId venderId orderType parentOrderId directParentOrderId returnOrder idSopShipmenttype".split()
)


def china(moment: datetime) -> str:
    """Write a time as the gateway does: China time without a zone."""
    return f"{moment.astimezone(CHINA):%Y-%m-%d %H:%M:%S}"


def loosely(seed: str) -> bool:
    """Whether what belongs to this seed is spelled with numbers and true booleans."""
    return hashlib.sha256(seed.encode()).digest()[0] % 2 == 0


def is_delivered(order: Order) -> bool:
    """Whether the platform shows the order to its seller: not before it is paid, unless it is paid on delivery."""
    if order.step not in {"", "FRONT_PAID_FINAL_PAID"}:
        return False
    return order.status != "unpaid" and (order.status != "closed_unpaid" or order.cod)


def state_of(order: Order) -> str:
    """Return the order's state. A refund that is asked for, or granted for a part, locks the whole order."""
    if stated := order.raw.get("orderState") or order.platform_status:
        return str(stated)
    if order.status in {"paid", "forbid"} and any(line.refund != "none" for line in order.lines):
        return "LOCKED"
    return _OURS[order.status]


def ciphertext(kind: str, order: Order, plain: str) -> str:
    """Return what stands for a personal value: the same on every reading of the order, and never the value."""
    digest = hashlib.sha256(f"{kind}/{order.no}/{plain}".encode()).digest()
    return f"AcB1{base64.b64encode(digest[:12]).decode()}==" if plain else ""


def masked_phone(phone: str) -> str:
    """Keep the first three and the last four digits."""
    return f"{phone[:3]}****{phone[-4:]}" if phone else ""


def render_order(order: Order, shop: Shop, app_key: str) -> dict[str, Any]:
    """Return every field of an order; a call gives those that its `optional_fields` name."""
    rendered = {
        **_head(order, shop),
        **_money(order),
        **_times(order),
        **_buyer(order, shop, app_key),
        "itemInfoList": [_item(order, line, shop) for line in order.lines],
    }
    if loosely(order.no):
        rendered |= {key: int(rendered[key]) for key in _MAY_BE_NUMBERS if rendered[key].isdigit()}
        rendered |= {"freightPrice": order.freight_fen / 100, "vatInfo": {}, "logisticsId": None, "waybill": None}
    shipped = next((line for line in order.lines if line.shipped_at), None)
    if shipped is not None:
        rendered |= {"logisticsId": shipped.carrier, "waybill": shipped.waybill}
    rendered |= order.raw
    removed = {key for key, value in order.raw.items() if value is None}
    return {key: value for key, value in rendered.items() if key not in removed}


def _head(order: Order, shop: Shop) -> dict[str, Any]:
    state = state_of(order)
    return {
        "orderId": order.no,
        "venderId": str(shop.owner_id),
        "orderType": order.type or "22",
        "payType": "1-货到付款" if order.cod else "4-在线支付",
        "orderState": state,
        "orderStateRemark": STATES.get(state, ""),
        "deliveryType": "任意时间",
        **_invoice(order),
        "vatInfo": [],
        "orderRemark": order.buyer_note,
        "venderRemark": order.seller_note,
        "parentOrderId": "0",
        "directParentOrderId": "0",
        "returnOrder": "0",
        "orderSource": "移动端订单",
        "storeOrder": "",
        "idSopShipmenttype": "0",
        "waybill": "",
        "logisticsId": "",
    }


def _invoice(order: Order) -> dict[str, Any]:
    asked = order.invoice
    if asked is None:
        return {"invoiceInfo": "不需要开具发票", "invoiceEasyInfo": None}
    phone = masked_phone(order.receiver.phone)
    return {
        "invoiceInfo": f"发票类型:电子发票;发票抬头:{asked.title};发票内容:商品明细",
        "invoiceEasyInfo": {
            "invoiceState": "0",
            "invoiceType": "3",
            "invoiceTitle": asked.title,
            "invoiceContentId": "1",
            "invoiceConsigneeEmail": "",
            "invoiceConsigneePhone": phone,
            "invoiceCode": asked.tax_no,
        },
    }


def _money(order: Order) -> dict[str, Any]:
    discount = order.gross_fen - order.goods_fen
    coupon = {
        "couponType": "41-京东券优惠",
        "couponPrice": yuan(discount),
        "orderId": order.no,
        "skuId": None if loosely(order.no) else "",
    }
    on_delivery = order.cod and order.status != "finished"
    return {
        "orderTotalPrice": yuan(order.gross_fen),
        "orderSellerPrice": yuan(order.goods_fen),
        "orderPayment": yuan(order.payable_fen),
        "shouldPay": yuan(order.payable_fen),
        "actualPay": yuan(0 if on_delivery else order.payable_fen),
        "freightPrice": yuan(order.freight_fen),
        "sellerDiscount": yuan(discount),
        "balanceUsed": "0.00",
        "couponDetailList": [coupon] if discount else [],
    }


def _times(order: Order) -> dict[str, Any]:
    confirmed = order.paid_at if not order.cod else None
    ended = order.status in {"finished", "closed", "closed_unpaid"}
    handle_by = (order.paid_at or order.created_at) + timedelta(days=1)
    times = {
        "orderStartTime": china(order.created_at),
        "orderEndTime": china(order.modified_at) if ended else "",
        "modified": china(order.modified_at),
        "scDT": china(handle_by)[:10],
    }
    if confirmed or loosely(order.no):
        times["paymentConfirmTime"] = china(confirmed) if confirmed else UNSET
    return times


def _buyer(order: Order, shop: Shop, app_key: str) -> dict[str, Any]:
    buyer = hashlib.sha256(f"{app_key}/{order.buyer}".encode()).hexdigest()
    known = {"pin": f"jd_{buyer[0]}***{buyer[1:3]}", "open_id_buyer": f"o{buyer[:20]}"} if order.buyer else {}
    receiver = order.receiver
    who = "/".join((receiver.name, receiver.phone, receiver.city, receiver.address, shop.code, app_key))
    mask = masked_phone(receiver.phone)
    return {
        **known,
        "consigneeInfo": {
            "fullname": ciphertext("name", order, receiver.name),
            "telephone": "",
            "mobile": mask,
            "desen_mobile": mask,
            "desen_telephone": "",
            "fullAddress": ciphertext("address", order, receiver.address),
            "province": receiver.province,
            "city": receiver.city,
            "county": receiver.district,
            "town": receiver.town,
            "oaid": "1" + base64.b64encode(hashlib.sha256(who.encode()).digest()).decode()[:43].replace("/", "Z"),
        },
    }


def _item(order: Order, line: Line, shop: Shop) -> dict[str, Any]:
    product = shop.product(line.sku, line.title)
    loose = loosely(order.no)
    return {
        "skuId": str(product.sku_id),
        "wareId": str(product.item_id),
        "outerSkuId": line.sku or None,
        "skuName": line.title,
        "jdPrice": line.price_fen / 100 if loose else yuan(line.price_fen),
        "itemTotal": line.quantity if loose else str(line.quantity),
        "giftPoint": "0",
        "productNo": f"P{stable_id('product', line.sku or line.title, digits=6)}",
        "serviceName": "",
        "newStoreId": "0",
    }
