"""Stock methods of the Douyin gateway: absolute, or by a difference that a repeated request does not add twice."""

from __future__ import annotations

from typing import Any

from sandbox.douyin_call import Call, invalid_parameter, missing_parameter, refused, whole
from sandbox.products import Product

MAX_BATCH = 50


REASONS = {
    "audit": (2010041, "商品审核中"),
    "banned": (2010043, "商品已封禁"),
    "promotion": (2010012, "库存不足，活动占用"),
    "busy": (2010401, "系统繁忙"),
}


def sync_stock(call: Call) -> dict[str, Any]:
    """sku.syncStock: the stock of one SKU."""
    _write(call, [(_product(call, call.params), call.number("stock_num"))])
    return {}


def sync_stock_batch(call: Call) -> dict[str, Any]:
    """sku.syncStockBatch: the SKUs of one article, all or none."""
    item = call.text("product_id")
    rows = call.rows("sku_sync_list", MAX_BATCH)
    found = [_product(call, {**row, "product_id": item, "code": row.get("outer_sku_id")}) for row in rows]
    _write(call, list(zip(found, [whole("stock_num", row.get("stock_num")) for row in rows], strict=True)))
    return {}


def _product(call: Call, wish: dict[str, Any]) -> Product:
    number, code, item = str(wish.get("sku_id") or ""), str(wish.get("code") or ""), str(wish.get("product_id") or "")
    if not number and not code:
        raise missing_parameter("sku_id")
    for product in call.shop.products.values():
        if (str(product.sku_id) == number if number else product.sku == code) and item in {"", str(product.item_id)}:
            return product
    raise invalid_parameter("sku_id", f"SKU {number or code} does not exist")


def _write(call: Call, wished: list[tuple[Product, int]]) -> None:
    """Set all or none. An id that was taken before is not taken again; a difference needs one."""
    delta, now = call.flag("incremental"), call.world.now()
    key = call.text("idempotent_id") if delta else str(call.params.get("idempotent_id") or "")
    mark = f"stock {key}"
    if key and mark in call.shop.nonces:
        raise refused(2010021, "幂等id重复")
    for product, quantity in wished:
        _check(product, product.stock + quantity if delta else quantity)
    for product, quantity in wished:
        call.shop.write_stock(product, quantity, now, delta=delta)
    if key:
        call.shop.nonces[mark] = now


def _check(product: Product, units: int) -> None:
    if units < 0:
        raise refused(2010012, "库存不足")
    if reason := product.obstacle(units):
        raise refused(*REASONS[reason])
