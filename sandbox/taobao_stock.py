"""Stock methods of the Taobao gateway. The sub codes of what keeps a number from being changed are ours."""

from __future__ import annotations

from typing import Any

from sandbox.products import Product
from sandbox.taobao_call import Call, TopError, invalid_argument, refused
from sandbox.taobao_trade import china

MOST_SKUS = 20
REASONS = {
    "audit": ("isv.item-update-service-error:AUDIT", "商品审核中，不能修改库存"),
    "banned": ("isv.item-update-service-error:BANNED", "商品已被下架处罚"),
    "promotion": ("isv.item-update-service-error:PROMOTION", "商品正在参加活动，不能减少库存"),
    "busy": ("isp.item-update-service-error:BUSY", "商品更新繁忙"),
}


def _article(call: Call) -> list[Product]:
    item_id = call.number("num_iid")
    found = [product for product in call.shop.products.values() if product.item_id == item_id]
    if not found:
        raise refused("isv.item-not-exist", f"商品{item_id}不存在")
    return found


def _check(product: Product, quantity: int) -> None:
    if reason := product.obstacle(quantity):
        raise refused(*REASONS[reason])


def _answer(call: Call, article: list[Product], changed: list[Product]) -> dict[str, Any]:
    now = china(call.world.now())
    skus = [
        {"sku_id": product.sku_id, "quantity": product.stock, "modified": now}
        for product in changed
        if not product.single
    ]
    item = {"num_iid": article[0].item_id, "num": sum(product.stock for product in article), "modified": now}
    return {"item": {**item, "skus": {"sku": skus}} if skus else item}


def _is_delta(call: Call) -> bool:
    kind = call.number("type", 1)
    if kind not in (1, 2):
        raise invalid_argument("type", "must be 1 or 2")
    return kind == 2


def skus_quantity(call: Call) -> dict[str, Any]:
    """taobao.skus.quantity.update: up to 20 SKUs of one article, all or none."""
    article, delta = _article(call), _is_delta(call)
    wished = _wished(call, [product for product in article if not product.single])
    for product, quantity in wished:
        _check(product, product.stock + quantity if delta else quantity)
    for product, quantity in wished:
        call.shop.write_stock(product, quantity, call.world.now(), delta=delta)
    return _answer(call, article, [product for product, _ in wished])


def _wished(call: Call, products: list[Product]) -> list[tuple[Product, int]]:
    name = "skuid_quantities" if call.params.get("skuid_quantities") else "outerid_quantities"
    known = {str(product.sku_id) if name == "skuid_quantities" else product.sku: product for product in products}
    pairs = [pair.rpartition(":")[::2] for pair in call.text(name).split(";") if pair]
    if len(pairs) > MOST_SKUS:
        raise invalid_argument(name, f"more than {MOST_SKUS} SKUs")
    if len({key for key, _ in pairs}) < len(pairs):
        raise invalid_argument(name, "a SKU is named twice")
    for key, quantity in pairs:
        if key not in known:
            raise refused("isv.item-sku-not-exist", f"SKU {key}不存在")
        if not quantity.removeprefix("-").isdigit():
            raise invalid_argument(name, "must look like sku:quantity;sku:quantity")
    return [(known[key], int(quantity)) for key, quantity in pairs]


def item_quantity(call: Call) -> dict[str, Any]:
    """taobao.item.quantity.update: an article without SKUs, or one SKU of it."""
    article, delta = _article(call), _is_delta(call)
    wanted = call.params.get("sku_id") or call.params.get("outer_id")
    chosen = [product for product in article if not wanted or wanted in {str(product.sku_id), product.sku}]
    if not chosen:
        raise refused("isv.item-sku-not-exist", f"SKU {wanted}不存在")
    if not wanted and len(chosen) > 1:
        raise TopError(40, "Missing required arguments:sku_id", "isv.missing-parameter:sku_id", "the item has SKUs")
    quantity = call.number("quantity")
    _check(chosen[0], chosen[0].stock + quantity if delta else quantity)
    call.shop.write_stock(chosen[0], quantity, call.world.now(), delta=delta)
    return _answer(call, article, chosen[:1])
