"""The methods of the Douyin gateway about orders, stock and tokens, and the table of all."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sandbox.douyin_call import Call, DouyinError, invalid_parameter, refused
from sandbox.douyin_order import order_status, render_order
from sandbox.douyin_receiver import cipher_address, cipher_name, cipher_phone, virtual_phone
from sandbox.douyin_shipping import add, add_multi_pack, add_single_pack, companies, edit, edit_by_pack
from sandbox.douyin_stock import sync_stock, sync_stock_batch
from sandbox.orders import Order
from sandbox.world import PLATFORMS, Shop

VISIBLE_FOR = timedelta(days=90)
MOST_ROWS = 100
DEEPEST = 50_000
MAX_CIPHERS = 50
CODE = "code-"
"""What a seller's consent gives is this and our code for the shop."""


def search_list(call: Call) -> dict[str, Any]:
    """order.searchList: orders created in the last 90 days, by time of change or creation, page by page."""
    page, size = call.number("page"), call.number("size")
    if page < 0:
        raise invalid_parameter("page", "starts at 0", 10035)
    if not 1 <= size <= MOST_ROWS:
        raise invalid_parameter("size", "must be 1 to 100", 20008)
    if page * size > DEEPEST:
        raise invalid_parameter("page", "only 50000 rows can be paged through", 20013)
    listed = _window(call)
    if call.shop.churn(listed, call.world.now()):
        listed = _window(call)
    rows = [_shown(call, order) for order in listed[page * size : (page + 1) * size]]
    return {"page": page, "size": size, "total": len(listed), "shop_order_list": rows}


def _window(call: Call) -> list[Order]:
    """The listed orders in the wished order: closed at both ends, descending unless order_asc."""
    now, shelf = call.world.now(), call.shop.shelf
    changed, created = call.moment("update_time_start"), call.moment("create_time_start")
    if changed is None and created is None:
        raise invalid_parameter("create_time_start", "create_time_start or update_time_start is needed", 20011)
    if any(start is not None and start < now - VISIBLE_FOR for start in (changed, created)):
        raise invalid_parameter("create_time_start", "only the last 90 days can be asked for", 20022)
    oldest, until = created or now - VISIBLE_FOR, min(call.moment("create_time_end") or now, now)
    latest = min(call.moment("update_time_end") or now, now)
    seen = shelf.created(oldest, until) if changed is None else shelf.modified(changed, latest)
    wanted = _wanted_statuses(call)
    found = [
        order
        for order in seen
        if oldest <= order.created_at <= until
        and order.modified_at <= latest
        and (not wanted or order_status(order) in wanted)
    ]
    found.sort(key=_ORDERS[_sorting(call)])
    return found if call.flag("order_asc") else found[::-1]


_ORDERS: dict[str, Callable[[Order], tuple[datetime, str]]] = {
    "create_time": lambda order: (order.created_at, order.no),
    "update_time": lambda order: (order.modified_at, order.no),
}


def _sorting(call: Call) -> str:
    name = str(call.params.get("order_by") or "create_time")
    if name not in _ORDERS:
        raise invalid_parameter("order_by", f"cannot be {name}")
    return name


def _wanted_statuses(call: Call) -> set[int]:
    if not call.params.get("combine_status"):
        return set()
    rows = call.rows("combine_status", most=MOST_ROWS)
    if len(rows) > 1:
        raise invalid_parameter("combine_status", "only one element", 20012)
    return {int(part) for part in str(rows[0].get("order_status") or "").split(",") if part.strip().isdigit()}


def _shown(call: Call, order: Order) -> dict[str, Any]:
    return render_order(order, call.shop, call.world.apps["douyin"].key)


def order_detail(call: Call) -> dict[str, Any]:
    """order.orderDetail: one order, however old."""
    order = call.find(call.text("shop_order_id"))
    if order is None:
        raise invalid_parameter("shop_order_id", "查询订单不存在", 20014)
    return {"shop_order_detail": _shown(call, order)}


def remark(call: Call) -> dict[str, Any]:
    """order.addOrderRemark: write the seller's memo, and with is_add_star the flag."""
    order = call.find(call.text("order_id"))
    if order is None:
        raise refused(60033, "订单不存在")
    order.seller_note = call.text("remark")
    if call.flag("is_add_star"):
        star = call.number("star")
        if not 0 <= star <= 5:
            raise invalid_parameter("star", "must be 0 to 5")
        order.seller_flag = star
    now = call.world.now()
    call.shop.shelf.touch(order, now)
    call.shop.book.notes.append(
        {"order_no": order.no, "note": order.seller_note, "flag": order.seller_flag, "at": now.isoformat()}
    )
    return {}


def batch_decrypt(call: Call) -> dict[str, Any]:
    """order.batchDecrypt: the plain text of ciphertexts, of a phone a virtual number with extension."""
    found = [_decrypted(call, row) for row in call.rows("cipher_infos", MAX_CIPHERS)]
    failed = any(row["err_no"] for row in found)
    error = {"err_code": 300001 if failed else 0, "err_msg": "部分解密失败" if failed else ""}
    return {"decrypt_infos": found, "custom_err": error}


def _decrypted(call: Call, row: dict[str, Any]) -> dict[str, Any]:
    order, cipher = call.find(str(row.get("auth_id"))), str(row.get("cipher_text"))
    answer = {"auth_id": row.get("auth_id"), "cipher_text": cipher, "decrypt_text": "", "is_virtual_tel": False}
    if order is None or cipher not in {cipher_name(order), cipher_phone(order), cipher_address(order)}:
        return {**answer, "err_no": 300008, "err_msg": "密文与订单不匹配", "data_type": 0}
    fine: dict[str, Any] = {**answer, "err_no": 0, "err_msg": ""}
    if cipher == cipher_phone(order):
        number = virtual_phone(order)
        ends = int((call.world.now() + timedelta(days=30)).timestamp())
        return {
            **fine,
            "decrypt_text": number,
            "data_type": 3,
            "is_virtual_tel": True,
            "expire_time": ends,
            "phone_no_a": number.partition("-")[0],
            "phone_no_b": number.partition("-")[2],
        }
    if cipher == cipher_name(order):
        return {**fine, "decrypt_text": order.receiver.name, "data_type": 2}
    return {**fine, "decrypt_text": order.receiver.address, "data_type": 1}


def create_token(call: Call) -> dict[str, Any]:
    """token.create: a code, or for a self-use app the shop's own number, against tokens."""
    match call.text("grant_type"):
        case "authorization_code":
            code = call.text("code")
            return _issue(call, lambda shop: code == f"{CODE}{shop.code}", "授权码已失效")
        case "authorization_self":
            number = call.text("shop_id")
            return _issue(call, lambda shop: number == str(shop.owner_id), "店铺未授权该应用")
        case other:
            raise invalid_parameter("grant_type", f"cannot be {other}")


def refresh_token(call: Call) -> dict[str, Any]:
    """token.refresh: new tokens for the newest refresh token; the old ones end."""
    if call.text("grant_type") != "refresh_token":
        raise invalid_parameter("grant_type", "must be refresh_token")
    given, now = call.text("refresh_token"), call.world.now()
    return _issue(
        call, lambda shop: shop.tokens is not None and shop.tokens.refreshes(given, now), "refresh_token已失效"
    )


def _issue(call: Call, belongs: Callable[[Shop], bool], obstacle: str) -> dict[str, Any]:
    shops = [shop for shop in call.world.shops.values() if shop.platform == "douyin" and belongs(shop)]
    if not shops or shops[0].tokens is None:
        raise DouyinError(50001, "isv.token-invalid", obstacle)
    shop, tokens, life = shops[0], shops[0].tokens, PLATFORMS["douyin"].token_life
    shop.sessions.append(tokens.access)
    tokens.issue(call.world.now())
    call.world.faults.clear(shop.target, "expired_token")
    return {
        "access_token": tokens.access,
        "expires_in": int(life.total_seconds()) if life else 0,
        "refresh_token": tokens.refresh,
        "scope": "SCOPE",
        "shop_id": shop.owner_id,
        "shop_name": shop.nick,
        "authority_id": "",
    }


TOKEN_METHODS: dict[str, Callable[[Call], Any]] = {"token.create": create_token, "token.refresh": refresh_token}
SHOP_METHODS: dict[str, Callable[[Call], Any]] = {
    "order.searchList": search_list,
    "order.orderDetail": order_detail,
    "order.addOrderRemark": remark,
    "order.batchDecrypt": batch_decrypt,
    "order.logisticsCompanyList": companies,
    "order.logisticsAdd": add,
    "order.logisticsAddMultiPack": add_multi_pack,
    "order.logisticsAddSinglePack": add_single_pack,
    "order.logisticsEdit": edit,
    "order.logisticsEditByPack": edit_by_pack,
    "sku.syncStock": sync_stock,
    "sku.syncStockBatch": sync_stock_batch,
}
