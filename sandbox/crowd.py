"""Invented orders by the thousand, for load: paid, each of a buyer of its own, with one to three lines."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from sandbox.clock import CHINA
from sandbox.errors import ControlError
from sandbox.orders import Line, Order, Receiver

MOST = 50_000
_NUMBERS = {
    "tmall": "41{run:03d}{index:010d}",
    "taobao": "42{run:03d}{index:010d}",
    "jd": "43{run:03d}{index:010d}",
    "pinduoduo": "{day}-44{run:03d}{index:010d}",
    "douyin": "6{run:03d}{index:015d}",
    "woocommerce": "45{run:03d}{index:010d}",
}
_PLACES = (
    ("浙江省", "杭州市", "西湖区"),
    ("江苏省", "南京市", "鼓楼区"),
    ("上海市", "上海市", "浦东新区"),
    ("广东省", "深圳市", "南山区"),
    ("广东省", "广州市", "天河区"),
    ("四川省", "成都市", "武侯区"),
    ("湖南省", "长沙市", "岳麓区"),
    ("北京市", "北京市", "海淀区"),
    ("山东省", "济南市", "历下区"),
    ("河北省", "石家庄市", "长安区"),
)
_STREETS = ("人民路", "中山路", "解放路", "建设路", "和平路", "新华街", "文化路", "朝阳街")
_SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林罗高"
_GIVEN = "子雨欣怡梓涵浩宇轩思远佳琪明慧文静建国志"
_LINES = (1, 1, 1, 2, 2, 3)


def crowd(
    platform: str, count: int, since: datetime, until: datetime, skus: Sequence[str], run: int, first: int = 0
) -> Iterator[Order]:
    """Yield `count` orders paid evenly from `since` to `until`; the same `run` and `first` give the same orders.

    ControlError for more than MOST at once, a span that ends before it begins, no SKU, or a run beyond 999.
    """
    if not 0 <= count <= MOST:
        raise ControlError(f"count {count} is not between 0 and {MOST}")
    if until < since or not skus or not 0 <= run <= 999:
        raise ControlError("a crowd needs since <= until, skus, and a run from 0 to 999")
    step = (until - since) / max(count, 1)
    for position in range(count):
        index = first + position
        yield _order(platform, (since + step * position).replace(microsecond=0), skus, run, index)


def _order(platform: str, paid: datetime, skus: Sequence[str], run: int, index: int) -> Order:
    draw = random.Random(run * 1_000_003 + index)
    no = _NUMBERS[platform].format(day=f"{paid.astimezone(CHINA):%y%m%d}", run=run, index=index)
    created = paid - timedelta(seconds=20)
    return Order(
        no=no,
        created_at=created,
        paid_at=paid,
        modified_at=paid,
        buyer=f"crowd-{run}-{index}",
        status="paid",
        receiver=_receiver(draw, run, index),
        lines=[_line(draw, skus, f"{no}{place:02d}") for place in range(draw.choice(_LINES))],
    )


def _line(draw: random.Random, skus: Sequence[str], line_no: str) -> Line:
    sku = skus[draw.randrange(len(skus))]
    quantity, price_fen = draw.randint(1, 3), 1000 + 100 * (sum(sku.encode()) % 90)
    return Line(line_no, sku, f"商品 {sku}", quantity, price_fen, quantity * price_fen)


def _receiver(draw: random.Random, run: int, index: int) -> Receiver:
    province, city, district = draw.choice(_PLACES)
    return Receiver(
        name=draw.choice(_SURNAMES) + draw.choice(_GIVEN) + draw.choice(_GIVEN),
        phone=f"1{38 + run % 2}{(run * 7_919 + index) % 100_000_000:08d}",
        province=province,
        city=city,
        district=district,
        address=f"{draw.choice(_STREETS)}{index % 900 + 1}号{draw.randint(1, 30)}幢{draw.randint(101, 2909)}室",
    )
