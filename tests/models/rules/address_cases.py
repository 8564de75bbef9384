"""Written addresses with their right answer, made from the table of divisions in many manners and by one seed.

Knows the table only, nothing of how addresses are read, so the two cannot share a mistake.
"""

import csv
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

DATA = Path(__file__).resolve().parents[3] / "models" / "data"
_T = TypeVar("_T")
_MUNICIPALITIES = ("110000", "120000", "310000", "500000")
_OVERSEAS = ("710000", "810000", "820000")

_ROADS = (
    "人民路 解放路 建设路 新华路 学府路 文化路 朝阳街 和平路 中山路 中山中路 北京路 北京东路 上海路 南京西路 广州大道 深圳路 重庆路 "
    "天津街 湖南路 山东路 云南北路 四川北路 西藏中路 海南路 长春路 沈阳大街 苏州街 杭州路 长安街 迎宾大道 滨河路 环城南路 青年路 "
    "红旗大道 民主路 光明街 振兴路 科技路 创业一路 学院路 机场路 站前路 西湖路 南山路 鼓楼街 东城路 西城街 城关路 黄河路 长江路 "
    "淮海路 珠江路 泰山路 中山东一路 江苏大道 福建路 宝山路 青海路 吉林路 河北大街 大学路 体育路 工业大道"
).split()
_ESTATES = (
    "阳光花园 御景园 世纪新城 万科城 碧桂园 恒大名都 金色家园 翡翠湾 锦绣华庭 幸福里 保利香槟 中海国际 绿地中央广场 龙湖天街 融创壹号院 "
    "西湖花园 南山公寓 朝阳小区 东方明珠 和平家园 新华小区 长安大厦 北京城建 维也纳小镇 华润橡树湾 湖畔春天"
).split()
_TRAPS = (
    "重庆路 北京华联 湖南大厦 南京路步行街 广州酒家 上海城 香港路 台湾街 武汉大学 西安小吃 四川饭店 海南航空大厦 深圳湾公馆 苏州园林酒店 "
    "杭州小笼包店 河南烩面馆 山西会馆 大连路 青岛啤酒城 厦门大厦 天津狗不理 兰州拉面 桂林米粉 沙县小吃 重庆火锅 成都小吃店 新疆大厦 "
    "内蒙古大厦 云南白药厂 澳门路 昆明湖花园 长春花园 无锡路 温州商城 义乌小商品城 昆山路 海宁皮革城 北海公园 西湖春天 朝阳门大厦 "
    "浦东路 和平饭店 延安高架路 洛阳街 安阳路 黄山路 三亚湾 大理路 丽江花园 中山医院"
).split()
_TOWNS = (
    "南山街道 中山街道 朝阳街道 新城街道 城关镇 上海路街道 北京路街道 和平街道 长安镇 西湖街道 鼓楼街道 东城街道 城东街道 新华街道 "
    "开发区街道 江北街道 河西街道 太平镇 龙华街道 清河镇 永安乡 平安镇 东风街道 桥东街道 建设街道"
).split()
_SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕"
_GIVEN = (
    "伟 芳 娜 敏 静 磊 洋 艳 勇 军 杰 娟 涛 明 超 秀英 桂兰 志强 海燕 建国 晓东 子涵 浩然 梓轩 云飞 雨桐 国庆".split()
)
_PLACE_LIKE_NAMES = (
    "江宁 王海宁 张北川 李长春 陈江苏 刘西安 周宁海 吴江 赵州 高安 林海南 何山东 郭北京 马鞍 罗定国 宋城 郑州平 韩城 唐山 冯宁波 "
    "程海东 袁江西 许昌平 傅宁安 沈阳光 曾都 彭泽 吕梁 东方红 欧阳修 南宫雪 司马台 张家港 石河子"
).split()
_NOTES = (
    "，周末不送|（请放门口）|，放丰巢|  急件！|，不要放驿站|，送货前电话联系|【工作日收】|，谢谢老板|，勿放快递柜|😀|，包装严实点|;收到付款|。麻烦尽快发货"
).split("|")
# A slip of pen or of pinyin typing: the character meant, then what people write for it.
_SLIPS = {
    pair[0]: pair[1:]
    for pair in (
        "州洲周 阳杨扬 海还 江姜将 安按暗 山删珊 城成程 湖胡糊 河和何 南男楠 北背 西席希 东冬栋 宁凝林 武五舞 昌倡长 平萍坪 庆青晴 京经惊 "
        "津金 苏舒酥 浙折 徽微辉 福富服 建健 广光 川穿 贵桂 云芸 陕闪 甘干 肃素 新心 疆江 沙砂纱 桥乔 门们 台抬 定订 白百 汉汗 楼搂 龙笼 "
        "田甜 林临 石时 金今 黄皇 凤风 天添 水睡 清青 临林 长常 永勇 通同 泉全 岭领 化华 吉级 春纯 沈审 连联 丰风 大达 口扣 都嘟 溪西 浦埔 "
        "埔浦 宝保 坪平 淮准怀 亳毫 荷菏 侯候 滨宾 陵凌 义议 顺舜 兴星 洛络 阴荫 德得 衡横 峰锋 港岗 岗港 罗萝 曲屈 普晋 青清 渝俞 博搏 "
        "莱来 潍维 淄缁 沧仓 邯酣 廊郎 邢刑 承成 朔溯 汾份 吕侣 赤斥 锦绵 盘磐 铁跌 葫胡 鸡机 鹤贺 牡母 绥遂 徐许 镇真 泰太 嘉佳 绍邵 "
        "衢渠 丽力 芜无 蚌棒 淝肥 滁除 宿缩 池迟 莆蒲 漳樟 赣感 枣早 烟咽 聊辽 菏荷 许徐 漯骡 驻住 十石 襄相 孝哮 荆刑 黄皇 咸闲 湘香 岳越 "
        "怀坏 娄楼 韶勺 汕仙 佛拂 湛堪 茂冒 肇赵 惠会 梅没 汕山 河何 揭杰 柳流 梧吾 钦亲 玉王 贺祝 宾兵 崇祟 琼穷 攀盼 泸沪 绵棉 遂随 内那 "
        "眉没 宜仪 达大 雅稚 巴吧 资姿 遵尊 毕必 铜同 昭召 丽利 沧苍 楚础 拉啦 宝保 咸减 渭谓 延言 榆愉 商伤 兰蓝 嘉加 张章 酒洒 固故"
    ).split()
}


@dataclass(frozen=True, slots=True)
class Case:
    """One text and the place it names; all three empty: it does not decide and is to be refused."""

    text: str
    province: str
    city: str
    district: str
    category: str

    @property
    def answer(self) -> tuple[str, str, str]:
        return self.province, self.city, self.district


@dataclass(frozen=True, slots=True)
class _Spot:
    """A place to write about: official and short names, "" where there is no such level."""

    code: str
    province: str
    city: str
    district: str
    short: tuple[str, str, str]

    @property
    def municipality(self) -> bool:
        return self.province == self.city

    @property
    def full(self) -> str:
        return self.province + ("" if self.municipality else self.city) + self.district


def _table(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


class Writer:
    """Writes addresses; the same seed gives the same ones."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.rows = {row["code"]: row for row in _table("divisions.csv")}
        self.former = _table("divisions_former.csv")
        self.spots = [spot for code in self.rows if (spot := self._spot(code)) is not None]
        self.mainland = [spot for spot in self.spots if spot.district and spot.code[:2] + "0000" not in _OVERSEAS]
        self.with_city = [spot for spot in self.mainland if spot.city]
        self.in_prefecture = [spot for spot in self.with_city if not spot.municipality]
        self.names = Counter(row["name"] for row in self.rows.values())
        self.names.update({(row["old_name"]) for row in self.former if row["current_name"] != row["old_name"]})
        self.shorts = Counter(self._short(row) for row in self.rows.values())
        self.children: dict[str, set[str]] = defaultdict(set)
        self.former_pairs = self._former_pairs()
        for row in self.rows.values():
            self.children[row["parent_code"]].add(row["name"])

    def _former_pairs(self) -> list[tuple[dict[str, str], _Spot]]:
        by_code = {spot.code: spot for spot in self.spots}
        return [
            (row, by_code[row["current_code"]])
            for row in self.former
            if row["level"] == "county" and row["current_code"] and row["city"]
        ]

    def _short(self, row: dict[str, str]) -> str:
        fixed = {
            "万柏": "万柏林",
            "金": "金林",
            "北": "北林",
            "碑": "碑林",
            "浦东新": "浦东",
            "滨海新": "滨海",
            "两江新": "两江",
        }
        return fixed.get(row["short_name"], row["short_name"])

    def _spot(self, code: str) -> _Spot | None:
        row = self.rows[code]
        chain = [row]
        while chain[0]["parent_code"]:
            chain.insert(0, self.rows[chain[0]["parent_code"]])
        by_level = {step["level"]: step for step in chain}
        province, county = by_level["province"], by_level.get("county")
        city = province if province["code"] in _MUNICIPALITIES else by_level.get("prefecture")
        if county is None and city is None:
            return None
        return _Spot(
            code,
            province["name"],
            city["name"] if city else "",
            county["name"] if county else "",
            (self._short(province), self._short(city) if city else "", self._short(county) if county else ""),
        )

    def pick(self, items: Sequence[_T]) -> _T:
        return self.random.choice(items)

    def detail(self) -> str:
        """Return a street, mostly with a number, an estate and a room."""
        number = self.random.randint(1, 999)
        house = f"{self.random.randint(1, 30)}栋{self.random.randint(1, 5)}单元{self.random.randint(101, 2808)}室"
        return self.pick(
            [
                f"{self.pick(_ROADS)}{number}号",
                f"{self.pick(_ROADS)}{number}号{self.pick(_ESTATES)}{house}",
                f"{self.pick(_ESTATES)}{self.random.randint(1, 30)}-{self.random.randint(1, 5)}-{number}",
                f"{self.pick(_TOWNS)}{self.pick(_ROADS)}{number}号",
                f"{self.pick(_TOWNS)}{self.pick(_ESTATES)}{house}",
            ]
        )

    def street(self) -> str:
        """Return a street that names no place."""
        return f"{self.pick(['人民路', '解放大道', '建设街', '学府路', '文化路', '科技二路'])}{self.random.randint(1, 999)}号"

    def person(self) -> str:
        return self.pick(list(_SURNAMES)) + self.pick(_GIVEN)

    def phone(self) -> str:
        digits = f"{self.pick(['13', '15', '17', '18', '19'])}{self.random.randint(0, 10**9 - 1):09d}"
        return self.pick(
            [
                digits,
                f"{digits[:3]}-{digits[3:7]}-{digits[7:]}",
                f"{digits[:3]} {digits[3:7]} {digits[7:]}",
                f"{digits}-{self.random.randint(1000, 9999)}",
            ]
        )

    def case(self, category: str, text: str, spot: _Spot) -> Case:
        return Case(text, spot.province, spot.city, spot.district, category)

    def refusal(self, category: str, text: str) -> Case:
        return Case(text, "", "", "", category)


def _full(w: Writer) -> Case:
    spot = w.pick(w.mainland)
    return w.case("full", spot.full + w.detail(), spot)


def _platform_fields(w: Writer) -> Case:
    spot = w.pick(w.with_city)
    return w.case("platform_fields", f"{spot.province} {spot.city} {spot.district} {w.detail()}", spot)


def _no_province(w: Writer) -> Case:
    spot = w.pick(w.in_prefecture)
    return w.case("no_province", spot.city + spot.district + w.detail(), spot)


def _unique_district(w: Writer) -> Case:
    spot = w.pick([spot for spot in w.mainland if w.names[spot.district] == 1 and len(spot.district) > 2])
    return w.case("unique_district", spot.district + w.detail(), spot)


def _dup_district(w: Writer) -> Case:
    spot = w.pick([spot for spot in w.in_prefecture if w.names[spot.district] > 1])
    head = w.pick([spot.city, spot.short[1], spot.province + spot.city, spot.short[0] + spot.short[1]])
    return w.case("dup_district", head + spot.district + w.detail(), spot)


def _trap_road(w: Writer) -> Case:
    spot = w.pick(w.with_city)
    head = w.pick([spot.full, spot.city + spot.district, spot.short[1] + spot.district])
    tail = w.pick(["", f"{w.random.randint(1, 400)}号", f"{w.random.randint(1, 30)}楼"])
    return w.case("trap_road", head + w.pick(["", w.pick(_TOWNS), w.street()]) + w.pick(_TRAPS) + tail, spot)


def _trap_city_only(w: Writer) -> Case:
    spot = w.pick([spot for spot in w.spots if not spot.district])
    text = w.pick([spot.province + spot.city, spot.city, spot.short[0] + spot.city])
    return Case(text + w.pick(_TRAPS), spot.province, spot.city, "", "trap_city_only")


def _trap_own_road(w: Writer) -> Case:
    spot = w.pick(w.with_city)
    return w.case(
        "trap_own_road",
        f"{spot.full}{w.pick(list(w.rows.values()))['short_name']}{w.pick(['路', '东路', '大道', '街', '北街', '中路'])}8号",
        spot,
    )


def _town_like_district(w: Writer) -> Case:
    spot, other = w.pick(w.with_city), w.pick(w.mainland)
    town = other.short[2] + w.pick(["街道", "镇", "乡"])
    return w.case("town_like_district", w.pick([spot.full, spot.city + spot.district]) + town + w.street(), spot)


def _plain_shorts(w: Writer) -> list[_Spot]:
    return [spot for spot in w.in_prefecture if len(spot.short[2]) > 1 and spot.short[2] != spot.short[1]]


def _abbrev(w: Writer) -> Case:
    spot = w.pick([*_plain_shorts(w), *(spot for spot in w.mainland if spot.municipality and len(spot.short[2]) > 1)])
    head = spot.short[0] + ("" if spot.municipality else spot.short[1]) + spot.short[2]
    return w.case(
        "abbrev",
        head
        + w.pick(["文三", "宜山", "科华北", "大望", "小寨东", "芳古园"])
        + w.pick(["路700号", "街12号", "路478号某某中心"]),
        spot,
    )


def _short_all(w: Writer) -> Case:
    spot = w.pick(w.in_prefecture)
    head = spot.short[0] + spot.short[1] + spot.district
    return w.case("short_all", head + w.detail(), spot)


def _mixed_short(w: Writer) -> Case:
    spot = w.pick(_plain_shorts(w))
    head = w.pick(
        [spot.short[1] + spot.short[2], spot.city + spot.short[2], spot.province + spot.short[1] + spot.short[2]]
    )
    return w.case(
        "mixed_short",
        f"{head}{w.pick(['', ' '])}{w.pick(['文三路', '翠柏街', '桂花巷', '临溪镇', '石桥头村'])}{w.random.randint(1, 99)}号",
        spot,
    )


def _spaced_short(w: Writer) -> Case:
    spot = w.pick(_plain_shorts(w))
    return w.case("spaced_short", w.pick([" ", "，", "/", "-"]).join([*spot.short, w.street()]), spot)


def _former(w: Writer) -> Case:
    row, spot = w.pick(w.former_pairs)
    head = w.pick([row["province"] + row["city"], row["city"], f"{row['province']} {row['city']} "])
    return w.case("former", head + row["old_name"] + w.detail(), spot)


def _former_municipal(w: Writer) -> Case:
    row = w.pick([row for row in w.former if not row["city"] and row["current_code"] and row["level"] == "county"])
    spot = next(spot for spot in w.spots if spot.code == row["current_code"])
    return w.case("former", row["province"] + row["old_name"] + w.detail(), spot)


def _former_split(w: Writer) -> Case:
    row = w.pick([row for row in w.former if not row["current_code"] and row["level"] == "county"])
    return Case(
        row["province"] + row["city"] + row["old_name"] + w.detail(), row["province"], row["city"], "", "former_split"
    )


def _slip(w: Writer, name: str) -> str:
    places = [at for at, character in enumerate(name[:-1]) if character in _SLIPS]
    if not places:
        return ""
    at = w.pick(places)
    return name[:at] + w.pick(list(_SLIPS[name[at]])) + name[at + 1 :]


def _typo_district(w: Writer) -> Case:
    while True:
        spot = w.pick(w.with_city)
        wrong = _slip(w, spot.district)
        if len(spot.district) > 2 and wrong and wrong not in w.names:
            break
    head = w.pick([spot.province + ("" if spot.municipality else spot.city), spot.city])
    return w.case("typo_district", head + wrong + w.detail(), spot)


def _typo_city(w: Writer) -> Case:
    while True:
        spot = w.pick(w.in_prefecture)
        wrong = _slip(w, spot.city)
        if wrong and wrong not in w.names:
            break
    return w.case("typo_city", spot.province + wrong + spot.district + w.detail(), spot)


def _typo_city_alone(w: Writer) -> Case:
    while True:
        spot = w.pick([spot for spot in w.in_prefecture if w.names[spot.district] == 1])
        wrong = _slip(w, spot.city)
        if wrong and wrong not in w.names:
            break
    return w.case("typo_city_alone", wrong + spot.district + w.detail(), spot)


def _typo_province(w: Writer) -> Case:
    while True:
        spot = w.pick(w.in_prefecture)
        wrong = _slip(w, spot.province)
        if wrong and wrong not in w.names:
            break
    return w.case("typo_province", wrong + spot.city + spot.district + w.detail(), spot)


def _typo_dropped(w: Writer) -> Case:
    while True:
        spot = w.pick(w.in_prefecture)
        level = w.pick(["city", "district"])
        name = spot.city if level == "city" else spot.district
        if len(name) < 3:
            continue
        at = w.random.randrange(len(name) - 1)
        wrong = name[:at] + name[at + 1 :]
        siblings = {
            n[:i] + n[i + 1 :] for p in w.children.values() if name in p for n in p if n != name for i in range(len(n))
        }
        if (
            wrong not in w.names
            and wrong not in siblings
            and wrong not in {"郊区", "城区", "新区", "东区", "西区", "南区", "北区"}
        ):
            break
    city, district = (wrong, spot.district) if level == "city" else (spot.city, wrong)
    return w.case("typo_dropped", spot.province + city + district + w.detail(), spot)


def _typo_random(w: Writer) -> Case:
    while True:
        spot = w.pick(w.in_prefecture)
        if len(spot.district) < 3:
            continue
        at = w.random.randrange(len(spot.district) - 1)
        wrong = spot.district[:at] + w.pick(list("的我他有这中来上个国到说们为子")) + spot.district[at + 1 :]
        close = [
            n
            for n in w.children[spot.code[:4] + "00"]
            if len(n) == len(wrong) and sum(a != b for a, b in zip(n, wrong, strict=True)) == 1
        ]
        if wrong not in w.names and close == [spot.district]:
            break
    return w.case("typo_random", spot.province + spot.city + wrong + w.street(), spot)


def _separators(w: Writer) -> Case:
    spot = w.pick(w.in_prefecture)
    mark = w.pick(["\t", "/", "-", "　", "|", ",", "，", "、", " - ", ">", "·", "_", "\n", ";"])
    return w.case("separators", mark.join([spot.province, spot.city, spot.district, w.detail()]), spot)


def _prefixes(w: Writer) -> Case:
    spot = w.pick(w.in_prefecture)
    text = w.pick(
        [
            f"中国{spot.full}",
            f"中国 {spot.full}",
            f"地址：{spot.full}",
            f"收货地址:{spot.full}",
            f"【{spot.province}】{spot.city}{spot.district}",
            f"({spot.province}{spot.city}){spot.district}",
            f"😀{spot.full}",
            f"{spot.province}，{spot.city}，{spot.district}，",
            f"中华人民共和国{spot.full}",
            f"所在地区：{spot.province}{spot.city}{spot.district} 详细地址：",
        ]
    )
    return w.case("prefixes", text + w.detail() + w.pick(["", *_NOTES]), spot)


def _repeated(w: Writer) -> Case:
    spot = w.pick(w.in_prefecture)
    text = w.pick(
        [
            f"{spot.province}{spot.full}",
            f"{spot.province}{spot.city}{spot.city}{spot.district}",
            f"{spot.province} {spot.city} {spot.district} {spot.full}",
            f"{spot.province}{spot.city}{spot.district}{spot.district}",
            f"{spot.short[0]}{spot.full}",
            f"{spot.province} {spot.city} {spot.district} {spot.district}",
            f"{spot.province} {spot.city} {spot.city}{spot.district}",
        ]
    )
    return w.case("repeated", text + w.detail(), spot)


def _in_between(w: Writer) -> Case:
    spot = w.pick([spot for spot in w.with_city if spot.district.endswith("区") or spot.municipality])
    row = "县" if spot.district.endswith("县") and spot.municipality else "市辖区"
    mark = w.pick([" ", "", "/"]) if row == "市辖区" else " "
    head = spot.province if spot.municipality else spot.province + mark + spot.city
    return w.case("in_between", mark.join([head, row, spot.district, w.street()]), spot)


def _notes(w: Writer) -> Case:
    spot = w.pick(w.with_city)
    return w.case("notes", spot.full + w.detail() + w.pick(_NOTES), spot)


def _embedded(w: Writer) -> Case:
    spot = w.pick(w.in_prefecture)
    address = w.pick([spot.full, spot.city + spot.district]) + w.detail()
    person, phone, mark = w.person(), w.phone(), w.pick([" ", "，", ",", "\n", ""])
    order = [person, phone, address]
    w.random.shuffle(order)
    if mark == "" and order.index(person) == order.index(address) + 1:
        mark = " "
    return w.case("embedded", mark.join(order), spot)


def _place_like_name(w: Writer) -> Case:
    spot = w.pick(w.in_prefecture)
    address, name, phone = spot.full + w.street(), w.pick(_PLACE_LIKE_NAMES), w.phone()
    text = w.pick(
        [
            f"{name} {phone} {address}",
            f"{name}{phone}{address}",
            f"{address} {name} {phone}",
            f"{address}{name}{phone}",
            f"收件人：{name}，电话：{phone}，地址：{address}",
            f"{phone} {address} {name}",
            f"{name}，{address}，{phone}",
        ]
    )
    return w.case("place_like_name", text, spot)


def _direct_county(w: Writer) -> Case:
    spot = w.pick([spot for spot in w.mainland if not spot.city])
    row = "自治区直辖县级行政区划" if spot.province.endswith("自治区") else "省直辖县级行政区划"
    text = w.pick(
        [
            f"{spot.province} {row} {spot.district} ",
            f"{spot.province}{spot.district}",
            f"{spot.short[0]}{spot.district}",
            f"{spot.province} {spot.district} {spot.district} ",
            f"{spot.province}{row}{spot.district}",
            spot.district,
            f"{spot.province}{spot.short[2]}",
        ]
    )
    return w.case("direct_county", text + w.street(), spot)


def _devzone(w: Writer) -> Case:
    spot = w.pick([spot for spot in w.spots if not spot.district and spot.city.endswith("市")])
    zone = w.pick(
        "高新区 高新技术产业开发区 经济技术开发区 经开区 开发区 经济开发区 高新技术开发区 保税区 工业园区 综合保税区 国家级经济技术开发区".split()
    )
    head = w.pick(
        [spot.province + spot.city, spot.city, spot.short[0] + spot.short[1], f"{spot.province} {spot.city} "]
    )
    return Case(head + zone + w.detail(), spot.province, spot.city, "", "devzone")


def _known_zone(w: Writer) -> Case:
    zone, province, city = w.pick(
        [
            ("郑州市郑东新区", "河南省", "郑州市"),
            ("苏州工业园区", "江苏省", "苏州市"),
            ("江苏省苏州市工业园区", "江苏省", "苏州市"),
            ("成都市天府新区", "四川省", "成都市"),
            ("苏州高新区", "江苏省", "苏州市"),
            ("南京市江北新区", "江苏省", "南京市"),
            ("江苏省南京市江北新区", "江苏省", "南京市"),
            ("西安高新区", "陕西省", "西安市"),
            ("长沙市湘江新区", "湖南省", "长沙市"),
            ("合肥市滨湖新区", "安徽省", "合肥市"),
            ("贵阳市贵安新区", "贵州省", "贵阳市"),
            ("河北省保定市雄安新区", "河北省", "保定市"),
            ("武汉东湖新技术开发区", "湖北省", "武汉市"),
            ("济南高新区", "山东省", "济南市"),
            ("珠海市横琴新区", "广东省", "珠海市"),
        ]
    )
    return Case(zone + w.pick([w.street(), w.detail()]), province, city, "", "devzone")


def _no_district_city(w: Writer) -> Case:
    spot = w.pick(
        [spot for spot in w.spots if not spot.district and spot.city in {"东莞市", "中山市", "儋州市", "嘉峪关市"}]
    )
    towns = {
        "东莞市": "南城街道 长安镇 虎门镇 松山湖 东城区 常平镇",
        "中山市": "小榄镇 石岐区 东区街道 火炬开发区 古镇镇 西区",
        "儋州市": "那大镇 白马井镇 洋浦",
        "嘉峪关市": "新城镇 镜铁区 雄关区 峪泉镇",
    }[spot.city].split()
    head = w.pick(
        [
            f"{spot.province} {spot.city} {spot.city} ",
            spot.province + spot.city,
            spot.city,
            spot.short[0] + spot.short[1],
            f"{spot.short[0]} {spot.short[1]} ",
        ]
    )
    return Case(head + w.pick(towns) + w.street(), spot.province, spot.city, "", "no_district_city")


def _city_only(w: Writer) -> Case:
    spot = w.pick([spot for spot in w.spots if not spot.district])
    head = w.pick([spot.province + spot.city, spot.city, f"{spot.province} {spot.city} ", spot.short[0] + spot.city])
    return Case(head + w.pick(["", "某某路1号", w.street(), w.pick(_TRAPS)]), spot.province, spot.city, "", "city_only")


def _ethnic(w: Writer) -> Case:
    spot = w.pick(
        [spot for spot in w.in_prefecture if "自治" in spot.district or "自治" in spot.city or "盟" in spot.city]
    )
    district = w.pick([spot.district, spot.short[2] + spot.district[-1] if "自治" in spot.district else spot.district])
    city = w.pick([spot.city, spot.short[1], spot.short[1] + spot.city[-1]])
    return w.case("ethnic", w.pick([spot.province, spot.short[0]]) + city + district + w.street(), spot)


def _ethnic_short(w: Writer) -> Case:
    spot = w.pick([spot for spot in w.in_prefecture if "自治" in spot.district and spot.short[2] != spot.short[1]])
    head = w.pick(
        [
            spot.short[0] + spot.short[1] + spot.short[2],
            spot.province + spot.city + spot.short[2],
            spot.short[1] + spot.short[2],
        ]
    )
    return w.case("ethnic_short", head + w.pick(["吹麻滩镇", "双江镇", " 临溪镇", "石桥村"]), spot)


def _colloquial(w: Writer) -> Case:
    short, city, prefix = w.pick(
        [
            ("巴州", "巴音郭楞蒙古自治州", "新疆"),
            ("博州", "博尔塔拉蒙古自治州", "新疆"),
            ("克州", "克孜勒苏柯尔克孜自治州", "新疆"),
            ("锡盟", "锡林郭勒盟", "内蒙"),
            ("黔南", "黔南布依族苗族自治州", "贵州"),
            ("呼市", "呼和浩特市", "内蒙"),
            ("恩施州", "恩施土家族苗族自治州", "湖北"),
            ("湘西州", "湘西土家族苗族自治州", "湖南"),
            ("延边州", "延边朝鲜族自治州", "吉林"),
            ("昌吉州", "昌吉回族自治州", "新疆"),
            ("伊犁州", "伊犁哈萨克自治州", "新疆"),
            ("大理州", "大理白族自治州", "云南"),
            ("甘南州", "甘南藏族自治州", "甘肃"),
            ("通辽", "通辽市", "内蒙"),
            ("包头", "包头市", "内蒙古"),
        ]
    )
    spot = w.pick([spot for spot in w.in_prefecture if spot.city == city])
    return w.case("colloquial", prefix + short + spot.district + w.street(), spot)


def _hmt(w: Writer) -> Case:
    text, province = w.pick(
        [
            ("香港特别行政区九龙城区", "香港特别行政区"),
            ("香港九龙旺角弥敦道", "香港特别行政区"),
            ("澳门特别行政区大堂区新马路", "澳门特别行政区"),
            ("台湾省台北市大安区", "台湾省"),
            ("香港 香港岛 中西区", "香港特别行政区"),
            ("台湾高雄市前镇区", "台湾省"),
            ("中国香港新界沙田区", "香港特别行政区"),
            ("香港特别行政区 九龙 油尖旺区", "香港特别行政区"),
            ("澳门氹仔", "澳门特别行政区"),
            ("台湾省新竹市东区", "台湾省"),
            ("台湾省 台中市 西区", "台湾省"),
            ("香港特别行政区香港岛东区", "香港特别行政区"),
            ("台湾省桃园市中坜区", "台湾省"),
            ("台湾省 其他", "台湾省"),
            ("香港新界北区上水", "香港特别行政区"),
            ("台湾台南市北区", "台湾省"),
        ]
    )
    return Case(text + w.pick([f"{w.random.randint(1, 99)}号", "", w.street()]), province, "", "", "hmt")


def _ambiguous(w: Writer) -> Case:
    current = Counter(row["name"] for row in w.rows.values())
    name = w.pick([name for name, times in current.items() if times > 1])
    return w.refusal(
        "ambiguous", name + w.pick([w.detail(), w.street(), "东方红广场", "站前路12号", "北京中路3号", "昆山路2号"])
    )


def _undecided(w: Writer) -> Case:
    text = w.pick(
        [
            "人民路1号",
            "中山路88号3楼",
            "北京路928号",
            "幸福小区3栋2单元",
            "老地方",
            "同上",
            "见备注",
            "南京东路300号",
            "测试",
            "公司前台",
            "广州大道中99号",
            "天津街5号",
            "放门口",
            "重庆火锅店",
            "兰州拉面馆",
            "北京烤鸭店",
            "万达广场3楼",
            "东方花园8栋",
            "平安小区2栋",
            "友好路8号",
            "长安街1号",
            "学校门口",
            "海南鸡饭店",
            "湖南大厦1201",
            "深圳湾1号",
            "苏州街18号",
            "12345",
            "阳光城",
        ]
    )
    return w.refusal("undecided", w.pick(["", f"{w.person()} {w.phone()} "]) + text)


def _contradictory(w: Writer) -> Case:
    spot = w.pick(w.in_prefecture)
    other = w.pick([other for other in w.in_prefecture if other.province != spot.province])
    text = w.pick(
        [
            spot.province + other.city + other.district,
            spot.province + other.city,
            f"{spot.province} {other.city} {other.district} ",
        ]
    )
    return w.refusal("contradictory", text + w.street())


def _reversed(w: Writer) -> Case:
    spot = w.pick(w.in_prefecture)
    text = w.pick(
        [
            f"{spot.district}{spot.city}",
            f"{spot.district}，{spot.city}，{spot.province}",
            f"{w.street()} {spot.district} {spot.city}",
            f"{spot.district}{w.street()} {spot.city}",
            f"{spot.district} {spot.city} {spot.province} {w.street()}",
        ]
    )
    return w.case("reversed", text, spot)


def _province_and_district(w: Writer) -> Case:
    while True:
        spot = w.pick(w.in_prefecture)
        same = [other for other in w.mainland if other.province == spot.province and other.district == spot.district]
        if len(same) == 1 and not any(row["old_name"] == spot.district for row in w.former):
            break
    return w.case(
        "province_and_district",
        w.pick([spot.province, spot.short[0], spot.province + " "]) + spot.district + w.detail(),
        spot,
    )


def _county_city(w: Writer) -> Case:
    spot = w.pick(
        [
            spot
            for spot in w.in_prefecture
            if w.rows[spot.code]["type"] == "县级市" and w.names[spot.district] == 1 and w.shorts[spot.short[2]] == 1
        ]
    )
    text = w.pick(
        [
            spot.district + "玉山镇",
            spot.short[0] + spot.short[2] + "稠城街道",
            spot.province + spot.district,
            spot.short[0] + spot.district + "城中大道",
        ]
    )
    return w.case("county_city", text + f"{w.random.randint(1, 99)}号", spot)


def _same_stem(w: Writer) -> Case:
    spot = w.pick([spot for spot in w.in_prefecture if spot.short[2] == spot.short[1]])
    text = w.pick(
        [
            spot.full,
            spot.city + spot.district,
            spot.short[0] + spot.short[1] + spot.district,
            spot.short[1] + spot.district,
            spot.short[0] + spot.district,
        ]
    )
    return w.case("same_stem", text + w.street(), spot)


def _widths(w: Writer) -> Case:
    spot = w.pick(w.with_city)
    wide = str.maketrans("0123456789-ABC", "０１２３４５６７８９－ＡＢＣ")
    return w.case(
        "widths",
        spot.full + f"科技园A{w.random.randint(1, 9)}座Building 12-{w.random.randint(1, 999)}".translate(wide),
        spot,
    )


def _common_name(w: Writer) -> Case:
    spot = w.pick(
        [
            spot
            for spot in w.in_prefecture
            if spot.district
            in {
                "城区",
                "郊区",
                "矿区",
                "东区",
                "西区",
                "市中区",
                "新城区",
                "市南区",
                "市北区",
                "城关区",
                "新市区",
                "桥西区",
                "路南区",
                "路北区",
                "镇海区",
                "路桥区",
                "道里区",
                "道外区",
                "镇平县",
                "城中区",
                "城东区",
                "城西区",
                "城北区",
                "新华区",
                "和平区",
                "长安区",
                "海州区",
            }
        ]
    )
    return w.case(
        "common_name", w.pick([spot.full, spot.city + spot.district, spot.short[1] + spot.district]) + w.detail(), spot
    )


MANNERS: tuple[Callable[[Writer], Case], ...] = (
    _full, _platform_fields, _no_province, _unique_district, _dup_district, _trap_road, _trap_city_only, _trap_own_road,
    _town_like_district, _abbrev, _short_all, _mixed_short, _spaced_short, _former, _former_municipal, _former_split,
    _typo_district, _typo_city, _typo_city_alone, _typo_province, _typo_dropped, _typo_random, _separators, _prefixes,
    _repeated, _in_between, _notes, _embedded, _place_like_name, _direct_county, _devzone, _known_zone, _no_district_city,
    _city_only, _ethnic, _ethnic_short, _colloquial, _hmt, _ambiguous, _undecided, _contradictory, _reversed,
    _province_and_district, _county_city, _same_stem, _widths, _common_name,
)  # fmt: skip


def address_cases(seed: int, per_manner: int) -> Iterator[Case]:
    """Yield `per_manner` cases written in each manner."""
    writer = Writer(seed)
    for manner in MANNERS:
        for _ in range(per_manner):
            yield manner(writer)
