"""What the labelled orders meet: shops, SKUs and their usual prices, a blacklist, and rules with data of their own."""

from datetime import UTC, datetime
from typing import Any

NOW = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
"""When the orders are reviewed: noon in China."""

SHOPS = {
    "TEAHOUSE": "woocommerce",
    "WEB-EN": "woocommerce",
    "TM-FLAGSHIP": "tmall",
    "TB-OUTLET": "taobao",
    "JD-POP": "jd",
}
"""Channel by shop, in the order in which a round's batches are reviewed."""

USUAL = {
    "TEA-LJ-250": ("明前龙井 250g", 12800),
    "TEA-PE-357": ("普洱熟茶饼 357g", 8800),
    "CUP-500": ("保温杯 500ml", 5900),
    "SOCK-W": ("中筒袜 白色", 2000),
    "POT-ZS": ("紫砂壶 石瓢", 68000),
    "DOWN-BLK-L": ("轻薄羽绒服 黑色 L", 29800),
    "GIFT-BAG": ("手提袋", 300),
}
"""Title and usual price in fen, said by a person."""

LEARNT = {"CAN-150": ("茶叶罐 150ml", 4000, 20), "TRAY-S": ("茶盘 小号", 4000, 19)}
"""Title, median and the number of lines it rests on: just enough, and one too few."""

UNPRICED = {
    "RARE-1988": "一九八八年老生茶",
    "PART-01": "配件",
    "XMAS-26-A": "圣诞礼盒 A 款",
    "XMAS-26-B": "圣诞礼盒 B 款",
    "MOONCAKE-26": "中秋礼盒",
    "NEWYEAR-27": "新年礼盒",
    "TODAY-01": "今日上市新茶",
    "YESTERDAY-01": "昨日上市新茶",
    "XMASTREE": "圣诞树挂件",
    "NEWYEAR-27-CARD": "新年贺卡",
}
"""Title of what nobody knows a usual price of."""

PRESALE = [
    {"sku": "NEWYEAR-27", "from": "2026-12-20"},
    {"prefix": "XMAS-", "from": "2026-12-10"},
    {"sku": "TODAY-01", "from": "2026-11-20"},
    {"sku": "YESTERDAY-01", "from": "2026-11-19"},
    {"sku": "MOONCAKE-26", "from": "2026-11-21"},
]
UNDELIVERABLE = [
    "460300",
    {"division": "阿里地区", "until": "2026-12-15", "reason": "大雪封路"},
    {"division": "青海省", "until": "2026-11-20", "reason": "修路"},
    {"division": "石河子市", "reason": "无人派送"},
]
"""The third one is over since this morning."""

BAD_PHONES = ("13812345678", "15900001111", "18688886666")
ENDED_PHONE = "13777770000"
BAD_ADDRESSES = (
    ("浙江省", "杭州市", "西湖区", "文三路", 12, 3, 502),
    ("广东省", "深圳市", "南山区", "科技园路", 36, 12, 1108),
)
"""Province, city, district, road, house, block, flat."""
BAD_BUYERS = (("TM-FLAGSHIP", 70001), ("TEAHOUSE", 70002), ("JD-POP", 70003), ("WEB-EN", 70004))

REVIEWED_RULES = {"region": {"undeliverable": UNDELIVERABLE}, "presale": {"items": PRESALE}}
"""The rest is as the rules come."""


def buyer_key(shop: str, buyer: int) -> str:
    """The platform's word for a buyer."""
    forms = {"woocommerce": "{}", "tmall": "AAH{}", "taobao": "AAH{}", "jd": "o{}"}
    return forms[SHOPS[shop]].format(buyer)


def flat(place: tuple[str, str, str, str, int, int, int]) -> str:
    """The address of a flat as its blacklist entry has it."""
    province, city, district, road, house, block, number = place
    return f"{province}{city}{district}{road}{house}号{block}幢{number}室"


def as_json() -> dict[str, Any]:
    """The world for whoever sets it up."""
    skus = [{"code": code, "title": title, "given_fen": fen} for code, (title, fen) in USUAL.items()]
    skus += [
        {"code": code, "title": title, "median_fen": fen, "lines": lines}
        for code, (title, fen, lines) in LEARNT.items()
    ]
    skus += [{"code": code, "title": title} for code, title in UNPRICED.items()]
    entries: list[dict[str, Any]] = [{"kind": "phone", "value": phone} for phone in BAD_PHONES]
    entries += [{"kind": "phone", "value": ENDED_PHONE, "ended": True}]
    entries += [{"kind": "address", "value": flat(place)} for place in BAD_ADDRESSES]
    entries += [{"kind": "buyer", "shop": shop, "value": buyer_key(shop, buyer)} for shop, buyer in BAD_BUYERS]
    return {
        "now": NOW.isoformat(),
        "shops": [{"code": code, "channel": channel} for code, channel in SHOPS.items()],
        "skus": skus,
        "blacklist": entries,
        "rules": REVIEWED_RULES,
    }
