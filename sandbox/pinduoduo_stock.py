"""The stock method of the Pinduoduo gateway."""

from __future__ import annotations

from typing import Any

from sandbox.pinduoduo_call import Call, PddError, bad_argument, refused

REASONS = {
    "audit": "商品审核中，不能修改库存",
    "banned": "商品已被禁售",
    "promotion": "商品正在参加活动，不能减少库存",
}


def quantity(call: Call) -> dict[str, Any]:
    """pdd.goods.quantity.update: the stock of one SKU, absolute or as a difference."""
    goods_id, wanted = call.number("goods_id"), call.params.get("sku_id") or call.text("outer_id")
    change, delta = call.number("quantity"), call.one_of("update_type", (1, 2), 1) == 2
    article = [product for product in call.shop.products.values() if product.item_id == goods_id]
    chosen = next((product for product in article if wanted in {str(product.sku_id), product.sku}), None)
    if chosen is None:
        raise refused("商品或SKU不存在")
    if not delta and change < 0:
        raise bad_argument("quantity", "全量更新库存不能为负数")
    reason = chosen.obstacle(chosen.stock + change if delta else change)
    if reason == "busy":
        raise PddError(50000, "系统内部错误", "请稍后再试")
    if reason:
        raise refused(REASONS[reason])
    call.shop.write_stock(chosen, change, call.world.now(), delta=delta)
    return {"is_success": True}
