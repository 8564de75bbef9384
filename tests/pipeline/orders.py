"""Orders for simulated shops, as the sandbox takes them."""

from datetime import datetime, timedelta
from typing import Any

PLACES = (
    ("浙江省", "杭州市", "西湖区"),
    ("广东省", "深圳市", "南山区"),
    ("北京市", "北京市", "海淀区"),
    ("上海市", "上海市", "浦东新区"),
    ("四川省", "成都市", "武侯区"),
)
NAMES = ("欧阳修远", "司马清扬", "诸葛静怡", "上官婉清", "慕容复礼")
STREETS = ("梧桐里弄", "听雨巷", "望江楼", "采薇苑", "青石板")


def order(number: int, at: datetime, **changes: Any) -> dict[str, Any]:
    """A paid order of two lines with a receiver of its own, created before `at`; `changes` replace fields."""
    created = at - timedelta(seconds=600 + number)
    province, city, district = PLACES[number % len(PLACES)]
    lines = [
        {"line_no": f"91{number:06d}1", "sku": f"SKU-{number % 7}", "title": "杯子", "quantity": 2, "price_fen": 1500},
        {
            "line_no": f"91{number:06d}2",
            "sku": f"SKU-{number % 5 + 7}",
            "title": "壶",
            "quantity": 1,
            "price_fen": 4900,
        },
    ]
    return {
        "no": f"90{number:08d}",
        "created_at": created.isoformat(),
        "paid_at": (created + timedelta(seconds=30)).isoformat(),
        "buyer": f"buyer{number}",
        "status": "paid",
        "receiver": {
            "name": NAMES[number % len(NAMES)],
            "phone": f"139{number:08d}",
            "province": province,
            "city": city,
            "district": district,
            "address": f"{STREETS[number % len(STREETS)]}{number}号",
        },
        "lines": lines,
        "freight_fen": 0,
        "discount_fen": 0,
    } | changes


SKUS = {f"SKU-{n}": f"货品 {n}" for n in range(12)}
