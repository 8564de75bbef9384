"""Stock methods of the Douyin gateway: absolute, or by a difference that a repeated request does not add twice."""

from __future__ import annotations

from typing import Any

from sandbox.douyin_call import Call, invalid_parameter, missing_parameter, refused, whole
from sandbox.world import Product

MAX_BATCH = 50


def sync_stock(call: Call) -> dict[str, Any]:
    """sku.syncStock: the stock of one SKU."""
    product = _product(call, call.params)
    quantity = call.number("stock_num")
    _check_once(call)
    _check_enough(product, quantity, call.flag("incremental"))
    _write(call, product, quantity)
    return {}


def sync_stock_batch(call: Call) -> dict[str, Any]:
    """sku.syncStockBatch: the SKUs of one article, all or none."""
    item = call.text("product_id")
    wished = []
    for row in call.rows("sku_sync_list", MAX_BATCH):
        product = _product(call, {**row, "product_id": item, "code": row.get("outer_sku_id")})
        wished.append((product, whole("stock_num", row.get("stock_num"))))
    _check_once(call)
    for product, quantity in wished:
        _check_enough(product, quantity, call.flag("incremental"))
    for product, quantity in wished:
        _write(call, product, quantity)
    return {}


def _product(call: Call, wish: dict[str, Any]) -> Product:
    number, code, item = str(wish.get("sku_id") or ""), str(wish.get("code") or ""), str(wish.get("product_id") or "")
    if not number and not code:
        raise missing_parameter("sku_id")
    for product in call.shop.products.values():
        if (str(product.sku_id) == number if number else product.sku == code) and item in {"", str(product.item_id)}:
            return product
    raise invalid_parameter("sku_id", f"SKU {number or code} does not exist")


def _check_once(call: Call) -> None:
    """A difference needs an id of its own; one that was used is not added again."""
    if not call.flag("incremental"):
        return
    mark = f"stock {call.text('idempotent_id')}"
    if mark in call.shop.nonces:
        raise refused(2010021, "幂等id重复")
    call.shop.nonces[mark] = call.world.now()


def _check_enough(product: Product, quantity: int, delta: bool) -> None:
    if (product.stock + quantity if delta else quantity) < 0:
        raise refused(2010012, "库存不足")


def _write(call: Call, product: Product, quantity: int) -> None:
    now, delta = call.world.now(), call.flag("incremental")
    product.stock, product.modified_at = product.stock + quantity if delta else quantity, now
    kind = "delta" if delta else "absolute"
    row = {"sku": product.sku, "quantity": quantity, "type": kind, "stock": product.stock, "at": now.isoformat()}
    call.shop.book.stock_writes.append(row)
