"""Holds in words, English and Chinese: what a code is called, and why an order waits."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from models.hold import HoldCode, reasons_in
from models.rules.routing_plan import Why
from models.rules.routing_words import why_words

NAMES: Final[Mapping[HoldCode, tuple[str, str]]] = {
    HoldCode.UNPAID: ("not paid", "未付款"),
    HoldCode.BLOCKED: ("not free to leave", "平台暂不允许发货"),
    HoldCode.REFUNDING: ("refund under way", "退款中"),
    HoldCode.DUPLICATE: ("duplicate", "重复订单"),
    HoldCode.BAD_AMOUNT: ("wrong amount", "金额异常"),
    HoldCode.BAD_QUANTITY: ("wrong quantity", "数量异常"),
    HoldCode.UNKNOWN_SKU: ("unknown SKU", "商家编码未知"),
    HoldCode.BAD_ADDRESS: ("unreadable address", "地址无法识别"),
    HoldCode.BAD_FIELD: ("wrong or missing field", "字段缺失或异常"),
    HoldCode.REPEATED: ("bought again shortly after", "短时间内重复购买"),
    HoldCode.ODD_PRICE: ("unusual price", "单价异常"),
    HoldCode.BLACKLISTED: ("on the blacklist", "命中黑名单"),
    HoldCode.BAD_INVOICE: ("incomplete invoice", "发票信息不完整"),
    HoldCode.UNDELIVERABLE: ("nobody delivers there", "地区不可配送"),
    HoldCode.REMARK: ("note to be seen to", "备注需处理"),
    HoldCode.PAYMENT_FAILED: ("payment failed", "支付失败"),
    HoldCode.PRESALE: ("presale not due", "预售未到发货日"),
    HoldCode.HIGH_VALUE: ("high value", "高价值订单"),
    HoldCode.SIBLING: ("waits to leave with another order", "等待合单"),
    HoldCode.SHORT_STOCK: ("short of stock", "缺货"),
    HoldCode.SHORT_ROUTE: ("no warehouse can serve it", "无法分仓"),
    HoldCode.AWAITING_STOCK: ("waits for promised stock", "等待预售到货"),
    HoldCode.LOCK_EXPIRED: ("not paid in time", "超时未付款"),
    HoldCode.SHIPPED_ELSEWHERE: ("not ours to ship", "非我方发货"),
    HoldCode.CHANGED_LATE: ("changed after dispatch", "下发仓库后订单有变更"),
    HoldCode.WMS_REFUSED: ("refused by its warehouse", "仓库拒单"),
    HoldCode.SHIPPED_SHORT: ("shipped short", "仓库少发"),
    HoldCode.MANUAL: ("stopped by a person", "人工暂停"),
    HoldCode.REJECTED: ("rejected by a person", "审核不通过"),
    HoldCode.REPLAYED: ("read again", "重新解析待确认"),
    HoldCode.SKIPPED: ("skipped", "已跳过"),
    HoldCode.RESTORED: ("may be at a warehouse already", "恢复后待核对"),
}
"""What each code is called, in English and Chinese."""

Evidence = Mapping[str, Any]

_EXPECTED: Final[Mapping[str, str]] = {
    "order number is there": "订单号为空、过长或首尾有空格",
    "platform's id is there": "平台订单 ID 为空、过长或首尾有空格",
    "somebody receives it": "没有收件人姓名",
    "amount is positive": "金额为零或为负",
    "amount is positive and believable": "金额为零、为负或高得离谱",
    "prices are not negative": "有商品行的单价为负",
    "goods are price times quantity": "商品金额与各行单价乘数量之和不符",
    "goods, discount and freight make the total": "商品金额减优惠加运费不等于总额",
    "shares of the lines make the total": "各行实付之和与不含运费的总额不符",
    "every line has a positive quantity": "有商品行的数量不是正数",
    "the order has lines": "订单没有商品行",
    "receiver can be called": "收件人没有电话",
    "phone is one": "收件人电话既不是可拨打的号码，也不是掩码",
    "receiver's region is there": "收件地址没有省市区",
    "created in the past": "下单时间在将来",
    "paid after it was created": "付款时间早于下单时间",
    "deadline after it was created": "承诺发货时间早于下单时间，或晚于一年以后",
}
"""What an order failed, by the name of the expectation in `order_batch.yaml`, as it is or as it was."""

_PLATFORM_SAID: Final[Mapping[str, str]] = {
    "the buyer has not paid yet": "买家尚未付款",
    "the platform forbids shipping for now": "平台暂不允许发货",
    "the platform's own warehouse ships it": "由平台仓发货",
    "the platform says it was shipped already": "平台显示已发货",
    "the payment was tried and failed": "支付失败",
}

_KINDS: Final = {"phone": "电话", "address": "地址", "buyer": "买家"}

_INVOICE: Final = {
    "title_missing": "缺少抬头",
    "tax_no_missing": "缺少企业税号",
    "tax_no_form": "税号格式不正确",
    "tax_no_check": "税号校验位不正确",
}

_WRITERS: Final = {"buyer": "买家备注", "seller": "卖家备注"}

_ASKS: Final = {
    "do_not_ship": "要求暂不发货",
    "cancel": "要求取消",
    "change_address": "要求更改收件人或地址",
    "change_goods": "要求更换商品",
}

_PARTS: Final = {"province": "省", "city": "市", "district": "区"}

_CHANGED: Final = {
    "not_ready": "付款或发货许可",
    "shipped": "平台发货状态",
    "cancel": "订单取消",
    "goods": "商品",
    "address": "收件地址",
    "contact": "收件人或电话",
    "refund": "退款",
    "remark": "备注",
    "stop": "备注要求停发",
}


def _platform(evidence: Evidence, stored: str) -> str:
    said = _PLATFORM_SAID.get(stored)
    status = f"（平台状态：{evidence['platform_status']}）" if evidence["platform_status"] else ""
    return f"{said}{status}" if said else ""


def _refunding(evidence: Evidence, _: str) -> str:
    if "refunded_fen" in evidence:
        return f"已退款 {_yuan(evidence['refunded_fen'])} 元，但没有说明退的是哪件商品"
    return f"第 {_list(evidence['lines'])} 行有退款申请"


def _duplicate(evidence: Evidence, _: str) -> str:
    if "split_from" in evidence:
        documents = f"（{_list(evidence['documents'])}）" if evidence["documents"] else ""
        return f"平台由订单 {evidence['split_from']} 拆出，而原订单已在发货途中{documents}"
    return f"订单号已存在，来自 {_list(evidence['earlier'])}"


def _expected(evidence: Evidence, _: str) -> str:
    return _EXPECTED.get(evidence["expectation"], "")


def _amount(evidence: Evidence, stored: str) -> str:
    if "expectation" in evidence:
        return _expected(evidence, stored)
    total, limits = evidence["total_fen"], evidence["against"]
    if total < limits["least_fen"]:
        return f"订单金额 {_yuan(total)} 元，低于可信的下限 {_yuan(limits['least_fen'])} 元"
    return f"订单金额 {_yuan(total)} 元，高于可信的上限 {_yuan(limits['absurd_fen'])} 元"


def _repeated(evidence: Evidence, _: str) -> str:
    seconds = evidence["seconds"]
    span = f"{seconds} 秒" if seconds < 120 else f"{seconds // 60} 分钟"
    return f"同一买家 {span}前已为相同商品付款，见订单 {evidence['earlier']}"


def _odd_price(evidence: Evidence, _: str) -> str:
    usual = evidence["against"]["usual_fen"]
    told = (
        f"{line['sku']} 实付单价 {_yuan(line['unit_fen'])} 元（通常 {_yuan(usual[line['sku']])} 元）"
        for line in evidence["lines"]
    )
    return f"单价与平时相差过大：{_list(told)}"


def _blacklisted(evidence: Evidence, _: str) -> str:
    entries = [f"{_KINDS[of['kind']]}（第 {of['id']} 条：{of['reason']}）" for of in evidence["entries"]]
    return f"命中黑名单：{_list(entries)}"


def _undeliverable(evidence: Evidence, _: str) -> str:
    until = f"，至 {evidence['until']}" if evidence["until"] else ""
    reason = f"：{evidence['reason']}" if evidence["reason"] else ""
    return f"{evidence['name']}不可配送{until}{reason}"


def _remark(evidence: Evidence, _: str) -> str:
    hits = evidence["hits"]
    asks = (_ASKS.get(hit["topic"]) or f"涉及 {hit['topic']}" for hit in hits)
    return _list(f"{_WRITERS[hit['by']]}{ask}（{hit['keyword']}）" for hit, ask in zip(hits, asks, strict=True))


def _address(evidence: Evidence, stored: str) -> str:
    if "expectation" in evidence:
        return _expected(evidence, stored)
    filled = _list(_PARTS[part] for part in evidence["filled"]) or "均未填"
    return f"地址对不上任何已知的行政区（已填：{filled}）"


def _short_stock(evidence: Evidence, _: str) -> str:
    return f"库存不足：{_missing(evidence)}"


def _short_route(evidence: Evidence, _: str) -> str:
    each = [f"{warehouse}：{why_words(Why(why))[1]}" for warehouse, why in evidence["warehouses"].items()]
    lacking = [f"{evidence['fullest'] or '无仓库'}：{_missing(evidence['missing'])}"] if evidence["missing"] else []
    return "；".join([f"无法分仓：{why_words(Why(evidence['why']))[1]}", *each, *lacking])


def _missing(units: Evidence) -> str:
    return "、".join(f"{sku} 需 {of['wanted']} 有 {of['there']}" for sku, of in sorted(units.items()))


def _awaiting(evidence: Evidence, _: str) -> str:
    return f"预售未到货，等待 {_list(f'{sku} × {units}' for sku, units in sorted(evidence.items()))}"


def _changed(evidence: Evidence, _: str) -> str:
    fields = _list(_CHANGED.get(name, name) for name in evidence["fields"])
    return f"下发仓库后店铺更改了订单（{fields}），涉及出库单 {_list(evidence['documents']) or '无'}{_asked(evidence)}"


def _asked(evidence: Evidence) -> str:
    asked = f"；已请求仓库退回 {_list(evidence['asked_back'])}" if "asked_back" in evidence else ""
    if "came_back" in evidence:
        asked += f"；{_list(evidence['came_back'])} 已退回，{_list(evidence['stays'])} 不再退回"
    return asked + ("；仓库未退回 {}：{}".format(*evidence["kept"]) if "kept" in evidence else "")


def _refused(evidence: Evidence, _: str) -> str:
    state = {"rejected": "拒单", "cancelled": "取消"}[evidence["state"]]
    return f"{evidence['warehouse']} 对 {evidence['document']} 回复{state}：{evidence['reason']}"


_SHORT_WAYS: Final[Mapping[str, str]] = {
    "hold": "待人工决定如何处理",
    "reroute": "将重新分仓发出",
    "refund": "不再发货，待给买家退款",
    "back_order": "到货后补发",
}


def _shipped_short(evidence: Evidence, _: str) -> str:
    ended = "已被仓库退回" if "came_back" in evidence else " 实发少于应发，仓库已完结"
    said = f"{evidence['document']}{ended}"
    if "units" not in evidence:
        return said
    lacking = "、".join(f"{code} {units} 件" for code, units in sorted(evidence["units"].items()))
    owed = f"（{_yuan(evidence['refund_fen'])} 元）" if "refund_fen" in evidence else ""
    left = {"no warehouse can send it now": "目前没有仓库可发，"}.get(evidence.get("why", ""), "")
    return f"{said}：缺 {lacking}，{left}{_SHORT_WAYS[evidence['way']]}{owed}"


def _by_person(done: str) -> Callable[[Evidence, str], str]:
    def words(evidence: Evidence, _: str) -> str:
        until = f"，最晚至 {evidence['until']}" if "until" in evidence else ""
        back = f"；{_list(evidence['taken_back'])} 尚未下发，已撤回" if "taken_back" in evidence else ""
        return f"{evidence['by']} {done}{until}：{evidence['reason']}{back}{_asked(evidence)}"

    return words


def _rejected(evidence: Evidence, stored: str) -> str:
    if "cancelled_at" not in evidence:
        return _by_person("取消" if "calls_off" in evidence else "审核不通过")(evidence, stored)
    return f"{evidence['by']} 已于 {evidence['cancelled_at']} 取消：{evidence['reason']}；此后店铺更改了订单"


def _replayed(evidence: Evidence, _: str) -> str:
    return f"{evidence['by']} 按原始数据重新解析，待人工确认"


def _sibling(evidence: Evidence, _: str) -> str:
    return (
        f"等待与订单 {_list(evidence['with'])} 一起发出" if "with" in evidence else "等待同一收件人的其他订单合并发出"
    )


def _restored(evidence: Evidence, _: str) -> str:
    if evidence.get("instructed"):
        return f"数据由 {evidence['taken_at']} 的备份恢复；仓库已有该订单，不再重复下发"
    return f"数据由 {evidence['taken_at']} 的备份恢复；仓库可能已有该订单，核对后继续"


def _yuan(fen: int) -> str:
    return f"{fen / 100:.2f}"


def _list(items: Iterable[Any]) -> str:
    return "、".join(str(item) for item in items)


_CHINESE: Final[Mapping[HoldCode, Callable[[Evidence, str], str]]] = {
    HoldCode.UNPAID: _platform,
    HoldCode.BLOCKED: _platform,
    HoldCode.SHIPPED_ELSEWHERE: _platform,
    HoldCode.REFUNDING: _refunding,
    HoldCode.DUPLICATE: _duplicate,
    HoldCode.PAYMENT_FAILED: _platform,
    HoldCode.BAD_AMOUNT: _amount,
    HoldCode.BAD_QUANTITY: _expected,
    HoldCode.BAD_FIELD: _expected,
    HoldCode.BAD_ADDRESS: _address,
    HoldCode.REPEATED: _repeated,
    HoldCode.ODD_PRICE: _odd_price,
    HoldCode.BLACKLISTED: _blacklisted,
    HoldCode.BAD_INVOICE: lambda evidence, _: f"发票{_list(_INVOICE[part] for part in evidence['wrong'])}",
    HoldCode.UNDELIVERABLE: _undeliverable,
    HoldCode.REMARK: _remark,
    HoldCode.PRESALE: lambda evidence, _: f"{_list(evidence['skus'])} 须在 {evidence['from']} 之后发货",
    HoldCode.HIGH_VALUE: lambda evidence, _: (
        f"订单金额 {_yuan(evidence['total_fen'])} 元，达到 {_yuan(evidence['against']['limit_fen'])} 元须复核"
    ),
    HoldCode.UNKNOWN_SKU: lambda evidence, _: f"商家编码未知：{_list(code or '（空）' for code in evidence['codes'])}",
    HoldCode.SHORT_STOCK: _short_stock,
    HoldCode.SHORT_ROUTE: _short_route,
    HoldCode.AWAITING_STOCK: _awaiting,
    HoldCode.LOCK_EXPIRED: lambda evidence, _: f"截至 {evidence['expired_at']} 未付款，已释放库存",
    HoldCode.CHANGED_LATE: _changed,
    HoldCode.WMS_REFUSED: _refused,
    HoldCode.SHIPPED_SHORT: _shipped_short,
    HoldCode.MANUAL: _by_person("暂停发货"),
    HoldCode.REJECTED: _rejected,
    HoldCode.REPLAYED: _replayed,
    HoldCode.SKIPPED: _by_person("跳过"),
    HoldCode.RESTORED: _restored,
    HoldCode.SIBLING: _sibling,
}


def hold_words(code: str, evidence: Evidence, stored: str) -> tuple[str, str]:
    """Why an order waits, in English and Chinese.

    `stored` is the sentence kept with the hold, which is English. The Chinese one is built from the evidence; where a
    hold of old lacks what it needs, the code's name stands before the stored sentence.
    """
    try:
        chinese = "；".join(_CHINESE[HoldCode(code)](reason, stored) for reason in reasons_in(evidence))
    except (KeyError, TypeError, ValueError, AttributeError):
        chinese = ""
    return stored, chinese or f"{NAMES[HoldCode(code)][1]}：{stored}"
