"""Opening ciphertexts at the Pinduoduo gateway, within the quota of a seller's system outside the vendor cloud."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sandbox.orders import Order
from sandbox.pinduoduo_call import Call, PddError, too_often
from sandbox.pinduoduo_privacy import DATA_TYPES, ciphertexts, masked, plain_values, virtual_phone

MOST_ROWS = 100
CALLS_PER_DAY = 100
BETWEEN_CALLS = timedelta(seconds=10)


def decrypt(call: Call) -> dict[str, Any]:
    """pdd.open.decrypt.batch: readable values; a phone number is a virtual one."""
    rows = call.rows("data_list", MOST_ROWS)
    _count(call)
    return {"data_decrypt_list": [_opened(call, row, readable=True) for row in rows]}


def decrypt_masked(call: Call) -> dict[str, Any]:
    """pdd.open.decrypt.mask.batch: masks, without a quota."""
    rows = call.rows("data_list", MOST_ROWS)
    return {"data_decrypt_list": [_opened(call, row, readable=False) for row in rows]}


def _count(call: Call) -> None:
    """Count a call of the app; refuses one that comes too early or is beyond the day's."""
    now = call.world.now()
    shops = [shop for shop in call.world.shops.values() if shop.platform == "pinduoduo"]
    earlier = [moment for shop in shops for moment in shop.nonces.values()]
    if any(now - moment < BETWEEN_CALLS for moment in earlier):
        raise too_often("解密接口每10秒只能调用1次")
    if sum(now - moment < timedelta(days=1) for moment in earlier) >= CALLS_PER_DAY:
        raise too_often("解密接口当日调用次数已达上限")
    call.shop.nonces[f"decrypt {len(call.shop.nonces)}"] = now


def _opened(call: Call, row: dict[str, Any], *, readable: bool) -> dict[str, Any]:
    tag, sealed = str(row.get("data_tag") or ""), str(row.get("encrypted_data") or "")
    asked: dict[str, Any] = {"data_tag": tag, "encrypted_data": sealed}
    try:
        order = call.order(tag)
    except PddError as error:
        return asked | {"decrypted_data": "", "error_code": error.code, "error_msg": error.sub_msg}
    field = next((name for name, value in ciphertexts(order).items() if value and value == sealed), None)
    if field is None:
        return asked | {"decrypted_data": "", "error_code": 50001, "error_msg": "密文与订单不匹配"}
    found = asked | {"data_type": DATA_TYPES[field], "error_code": 0, "error_msg": ""}
    if not readable:
        return found | {"decrypted_data": masked(field, order.receiver)}
    return found | _readable(field, order)


def _readable(field: str, order: Order) -> dict[str, Any]:
    if field != "receiver_phone":
        return {"decrypted_data": plain_values(order.receiver)[field]}
    number = virtual_phone(order)
    return {
        "decrypted_data": number,
        "virtual_number_type": 1,
        "virtual_identify_number": number.partition("-")[2],
    }
