"""The products resource of the WooCommerce REST API, with the variations of a product."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.responses import Response

from sandbox.answers import json_answer
from sandbox.money import yuan
from sandbox.products import Product
from sandbox.woo_call import WooCall, invalid_param
from sandbox.woo_order import stamps
from sandbox.woo_signin import Refused

MAX_BATCH = 100


def _entry(product: Product) -> dict[str, Any]:
    return {
        "id": product.product_id,
        "name": product.title,
        "type": "variation" if product.parent_id else "simple",
        "status": "publish",
        "sku": product.sku,
        "price": yuan(product.price_fen),
        "regular_price": yuan(product.price_fen),
        **stamps("date_modified", product.modified_at),
        "manage_stock": True,
        "stock_quantity": product.stock,
        "stock_status": "instock" if product.stock > 0 else "outofstock",
        "backorders": "no",
        "parent_id": product.parent_id,
        "variations": [],
        "attributes": [],
        "meta_data": [],
    }


def _variation_entry(product: Product) -> dict[str, Any]:
    option = {"id": 1, "name": "规格", "option": product.sku}
    return {key: value for key, value in _entry(product).items() if key != "variations"} | {"attributes": [option]}


def _parent_entry(variations: list[Product]) -> dict[str, Any]:
    first = variations[0]
    return _entry(first) | {
        "id": first.parent_id,
        "name": first.article,
        "type": "variable",
        "sku": "",
        "manage_stock": False,
        "stock_quantity": None,
        "parent_id": 0,
        "variations": [product.product_id for product in variations],
    }


def _families(call: WooCall) -> dict[int, list[Product]]:
    """Return the products of the store by number, each with its variations (itself, when it has none)."""
    found: dict[int, list[Product]] = {}
    for product in call.shop.offered(call.now):
        found.setdefault(product.parent_id or product.product_id, []).append(product)
    return found


def _entry_of(family: list[Product]) -> dict[str, Any]:
    return _parent_entry(family) if family[0].parent_id else _entry(family[0])


def list_products(call: WooCall) -> Response:
    """GET /products, page by page; by merchant code variations are found too."""
    wanted = call.listed("sku")
    if wanted:
        return _page(call, [_entry(product) for product in call.shop.offered(call.now) if product.sku in wanted])
    return _page(call, [_entry_of(family) for family in _families(call).values()])


def list_variations(call: WooCall, product_id: int) -> Response:
    """GET /products/{id}/variations."""
    return _page(call, [_variation_entry(product) for product in _variations(call, product_id)])


def _page(call: WooCall, entries: list[dict[str, Any]]) -> Response:
    page, per_page = call.number("page", 1, 1, None), call.number("per_page", 10, 1, 100)
    if call.query.get("orderby", "date") == "id":
        entries.sort(key=lambda entry: int(entry["id"]), reverse=call.query.get("order", "desc") == "desc")
    headers = {"X-WP-Total": str(len(entries)), "X-WP-TotalPages": str(-(-len(entries) // per_page))}
    rows = entries[(page - 1) * per_page : page * per_page]
    return json_answer([call.narrowed(row) for row in rows], headers=headers)


def _family(call: WooCall, product_id: int) -> list[Product]:
    family = _families(call).get(product_id)
    if family is None:
        raise Refused(404, "woocommerce_rest_product_invalid_id", "Invalid ID.")
    return family


def _variations(call: WooCall, product_id: int) -> list[Product]:
    return [product for product in _family(call, product_id) if product.parent_id]


def read_product(call: WooCall, product_id: int) -> Response:
    """GET /products/{id}."""
    return json_answer(_entry_of(_family(call, product_id)))


def write_product(call: WooCall, product_id: int) -> Response:
    """PUT /products/{id}: the absolute stock quantity."""
    return json_answer(_set_stock(call, product_id, call.body()))


def _set_stock(call: WooCall, product_id: int, body: dict[str, Any]) -> dict[str, Any]:
    family = _family(call, product_id)
    # a number given to a product with variations is kept for it and sells none of them
    return _parent_entry(family) if family[0].parent_id else _entry(_written(call, family[0], body))


def write_variation(call: WooCall, product_id: int, variation_id: int) -> Response:
    """PUT /products/{id}/variations/{id}: the absolute stock quantity."""
    return json_answer(_set_variation(call, product_id, variation_id, call.body()))


def _set_variation(call: WooCall, product_id: int, variation_id: int, body: dict[str, Any]) -> dict[str, Any]:
    found = [product for product in _variations(call, product_id) if product.product_id == variation_id]
    if not found:
        raise Refused(404, "woocommerce_rest_product_variation_invalid_id", "Invalid ID.")
    return _variation_entry(_written(call, found[0], body))


def _written(call: WooCall, product: Product, body: dict[str, Any]) -> Product:
    units = body.get("stock_quantity")
    if units is None:
        return product
    if type(units) is not int:
        raise invalid_param("stock_quantity", "stock_quantity is not of type integer,null.")
    reason = product.obstacle(units)
    if reason == "busy":
        raise Refused(500, "internal_server_error", "There has been a critical error on this website.")
    if reason:
        raise Refused(401, "woocommerce_rest_cannot_edit", "Sorry, you are not allowed to edit this resource.")
    call.shop.write_stock(product, units, call.now)
    return product


def write_products(call: WooCall) -> Response:
    """POST /products/batch; a failing row carries its error inside the answer."""
    return _batch(call, lambda number, row: _set_stock(call, number, row))


def write_variations(call: WooCall, product_id: int) -> Response:
    """POST /products/{id}/variations/batch."""
    return _batch(call, lambda number, row: _set_variation(call, product_id, number, row))


def _batch(call: WooCall, write: Callable[[int, dict[str, Any]], dict[str, Any]]) -> Response:
    updates = call.body().get("update") or []
    if len(updates) > MAX_BATCH:
        raise Refused(413, "woocommerce_rest_request_entity_too_large", "Unable to accept more than 100 items.")
    answers: list[dict[str, Any]] = []
    for row in updates:
        try:
            answers.append(write(int(row["id"]), row))
        except Refused as refused:
            answers.append({"id": row["id"], "error": refused.as_json()})
    return json_answer({"update": answers})
