"""Invented people for the demo's orders, spread over China as buyers are; the same key gives the same person."""

import random
from dataclasses import dataclass
from functools import cache

from models.rules.divisions import Division, divisions

SEED = "orderpool demo"

SHARES = {
    "上海市": 12.0,
    "广东省": 8.8,
    "江苏省": 7.6,
    "浙江省": 7.4,
    "北京市": 7.3,
    "四川省": 7.2,
    "山东省": 6.4,
}
"""Percent of all orders that go to the provinces that buy most online."""

POPULATION_2020 = {
    "天津市": 13_866_009,
    "河北省": 74_610_235,
    "山西省": 34_915_616,
    "内蒙古自治区": 24_049_155,
    "辽宁省": 42_591_407,
    "吉林省": 24_073_453,
    "黑龙江省": 31_850_088,
    "安徽省": 61_027_171,
    "福建省": 41_540_086,
    "江西省": 45_188_635,
    "河南省": 99_365_519,
    "湖北省": 57_752_557,
    "湖南省": 66_444_864,
    "广西壮族自治区": 50_126_804,
    "海南省": 10_081_232,
    "重庆市": 32_054_159,
    "贵州省": 38_562_148,
    "云南省": 47_209_277,
    "西藏自治区": 3_648_100,
    "陕西省": 39_528_999,
    "甘肃省": 25_019_831,
    "青海省": 5_923_957,
    "宁夏回族自治区": 7_202_654,
    "新疆维吾尔自治区": 25_852_345,
}
"""The other provinces share the rest by population: Seventh National Population Census, communiqué No. 3 of the
National Bureau of Statistics, 11 May 2021."""

_MOBILE = (
    "134 135 136 137 138 139 147 150 151 152 157 158 159 178 182 183 184 187 188 198 "
    "130 131 132 145 155 156 166 175 176 185 186 133 153 173 177 180 181 189 191 199"
).split()
_SURNAMES = (
    "王 李 张 刘 陈 杨 黄 赵 吴 周 徐 孙 马 朱 胡 郭 何 林 罗 高 郑 梁 谢 宋 唐 许 韩 邓 冯 曹 彭 曾 肖 田 董 潘 袁 "
    "蔡 蒋 余 于 杜 叶 程 魏 苏 吕 丁 任 卢 姚 沈 钟 姜 崔 谭 陆 范 汪 廖 欧阳 司马 上官 诸葛"
).split()
_GIVEN = (
    "子 雨 欣 怡 梓 涵 浩 宇 轩 思 远 佳 琪 明 慧 文 静 建 国 志 "
    "强 晓 燕 丽 华 伟 芳 秀 英 敏 婷 雪 海 峰 俊 杰 嘉 诗 瑶 晨"
).split()
_STREETS = (
    "人民路 中山路 解放路 建设路 和平路 新华街 文化路 朝阳街 胜利路 青年路 东风路 长江路 黄河路 光明街 振兴路 "
    "学府路 滨河路 迎宾大道 科技路 花园路 环城东路 环城西路 幸福路 友谊街 育才路"
).split()
_ESTATES = "阳光花园 翠湖名苑 锦绣华庭 绿城小区 金色家园 书香雅苑 滨江新村 御景湾 春晓苑 万和城".split()
_UNDER_PROVINCE = "省直辖县级行政区划"


@dataclass(frozen=True, slots=True)
class Receiver:
    """Who gets a parcel. `city` is a municipality's own name; `district` is empty where there is none."""

    name: str
    phone: str
    province: str
    city: str
    district: str
    address: str


def receiver_for(key: str) -> Receiver:
    """The receiver that belongs to `key`, in a province drawn by its share and a district that exists there."""
    draw = random.Random(f"{SEED} {key}")
    weights = province_weights()
    province = draw.choices(list(weights), list(weights.values()))[0]
    city, district = draw.choice(_districts()[province])
    return Receiver(
        name=draw.choice(_SURNAMES) + "".join(draw.sample(_GIVEN, draw.choice((1, 2, 2)))),
        phone=draw.choice(_MOBILE) + f"{draw.randrange(10**8):08d}",
        province=province,
        city=city,
        district=district,
        address=_address(draw),
    )


@cache
def province_weights() -> dict[str, float]:
    """Percent of the orders per province; they add up to 100."""
    rest = 100 - sum(SHARES.values())
    people = sum(POPULATION_2020.values())
    return SHARES | {province: rest * number / people for province, number in POPULATION_2020.items()}


def _address(draw: random.Random) -> str:
    door = f"{draw.choice(_STREETS)}{draw.randrange(1, 900)}号"
    if draw.random() < 0.3:
        return door
    floor, flat = draw.randrange(1, 26), draw.randrange(1, 5)
    return f"{door}{draw.choice(_ESTATES)}{draw.randrange(1, 31)}号楼{draw.randrange(1, 5)}单元{floor}{flat:02d}室"


@cache
def _districts() -> dict[str, list[tuple[str, str]]]:
    """Per province the (city, district) pairs that an address there can have."""
    table = divisions()
    children: dict[str, list[Division]] = {}
    for found in table.values():
        children.setdefault(found.parent_code, []).append(found)
    pairs: dict[str, list[tuple[str, str]]] = {}
    for province in children[""]:
        for child in children.get(province.code, []):
            pairs.setdefault(province.name, []).extend(_pairs(province, child, children.get(child.code, [])))
    return pairs


def _pairs(province: Division, child: Division, counties: list[Division]) -> list[tuple[str, str]]:
    if child.level == "county":
        return [(province.name if province.name.endswith("市") else _UNDER_PROVINCE, child.name)]
    return [(child.name, county.name) for county in counties] or [(child.name, "")]
