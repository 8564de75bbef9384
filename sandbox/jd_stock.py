"""Stock methods of the JD gateway: each SKU of a call goes its own way."""

from __future__ import annotations

from typing import Any

from sandbox.jd_call import Call, Refused, invalid, missing
from sandbox.products import Product

FULL_STOCK = "fullStockIn"
MOST_SKUS = 20
REASONS = {
    "audit": "商品审核中，不能修改库存",
    "banned": "商品已被下架处罚，不能修改库存",
    "promotion": "商品正在参加活动，不能减少库存",
    "busy": "系统繁忙，请稍后再试",
}


def set_stock(call: Call) -> dict[str, Any]:
    """jingdong.ware.stock.sku.set: the stock of up to 20 SKUs; each row says how it went.

    A SKU that was set under a stockRfId is not set again under the same.
    """
    request = call.params.get("req")
    if not isinstance(request, dict) or not request.get("stockRfId"):
        raise missing("req.stockRfId")
    if request.get("updateModel") != FULL_STOCK:
        raise invalid("updateModel", f"只支持{FULL_STOCK}", f"only {FULL_STOCK} is known")
    rows = request.get("skuStocks")
    if not isinstance(rows, list) or not 1 <= len(rows) <= MOST_SKUS or not all(isinstance(row, dict) for row in rows):
        raise invalid("skuStocks", f"必须为1至{MOST_SKUS}个SKU", f"must be 1 to {MOST_SKUS} SKUs")
    key = str(request["stockRfId"])
    return {"obj": {"updateStockResult": [_set_one(call, row, key) for row in rows]}}


def update_stock(call: Call) -> dict[str, Any]:
    """jingdong.stock.write.updateSkuStock: the stock of one SKU, the older way."""
    row = _set_one(call, {name: call.text(name) for name in ("skuId", "stockNum")}, "")
    if not row["success"]:
        raise Refused(5001, str(row["message"]), "the SKU cannot be set")
    return {}


def _set_one(call: Call, row: dict[str, Any], key: str) -> dict[str, Any]:
    sku_id, wanted = str(row.get("skuId")), str(row.get("stockNum"))
    outcome = {"data": row.get("skuId"), "storeId": row.get("storeId", 0), "success": True, "message": ""}
    product = next((found for found in call.shop.products.values() if str(found.sku_id) == sku_id), None)
    if product is None:
        return outcome | {"success": False, "message": f"SKU {sku_id}不存在"}
    if not wanted.isascii() or not wanted.isdigit():
        return outcome | {"success": False, "message": "库存数量错误"}
    mark = f"stock {key} {sku_id}"
    if key and mark in call.shop.nonces:
        return outcome
    if reason := product.obstacle(int(wanted)):
        return outcome | {"success": False, "message": REASONS[reason]}
    _book(call, product, int(wanted), mark)
    return outcome


def _book(call: Call, product: Product, units: int, mark: str) -> None:
    now = call.world.now()
    call.shop.write_stock(product, units, now)
    call.shop.nonces[mark] = now
