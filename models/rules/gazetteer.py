"""Every way a division is written: official, short, former and colloquial names, and development zones."""

from collections import defaultdict
from dataclasses import dataclass
from functools import cache

from models.rules.divisions import Division, FormerDivision, divisions, former_divisions, lineage

PROVINCE, CITY, COUNTY = 1, 2, 3
_LEVELS = {"province": PROVINCE, "prefecture": CITY, "county": COUNTY}
_NEVER_RETIRED = 0
_BEFORE_THE_TABLE = 2008

_PEOPLES = (
    "蒙古族 回族 藏族 维吾尔 苗族 彝族 壮族 布依族 朝鲜族 满族 侗族 瑶族 白族 土家族 哈尼族 哈萨克族 哈萨克 傣族 "
    "黎族 傈僳族 佤族 畲族 拉祜族 水族 东乡族 纳西族 景颇族 柯尔克孜 土族 达斡尔族 仫佬族 羌族 布朗族 撒拉族 毛南族 "
    "仡佬族 锡伯 普米族 怒族 保安族 裕固族 独龙族 塔吉克 蒙古 各族"
).split()
_COLLOQUIAL = {
    "内蒙": "150000",
    "内蒙省": "150000",
    "西藏区": "540000",
    "宁夏回族": "640000",
    "香港特区": "810000",
    "澳门特区": "820000",
    "呼市": "150100",
    "乌市": "650100",
    "哈市": "230100",
    "锡盟": "152500",
    "阿盟": "152900",
    "巴州": "652800",
    "博州": "652700",
    "克州": "653000",
    "版纳": "532800",
    "喀左": "211324",
    "喀左县": "211324",
    "前郭": "220721",
    "前郭县": "220721",
    "杜蒙": "230624",
    "杜蒙县": "230624",
    "莫旗": "150722",
    "科右前旗": "152221",
    "科右中旗": "152222",
    "科左中旗": "150521",
    "科左后旗": "150522",
    "达茂旗": "150223",
    "察右前旗": "150926",
    "察右中旗": "150927",
    "察右后旗": "150928",
    "塔什库尔干县": "653131",
    "塔县": "653131",
    "察县": "654022",
    "鄂温克": "150724",
    "鄂温克旗": "150724",
    "东乡": "622926",
    "东乡县": "622926",
    "和丰县": "654226",
}
# Zones people write as if they were divisions: they belong to a prefecture and to no district of it.
_ZONES = {
    "郑东新区": ("410100",),
    "郑州航空港": ("410100",),
    "雄安新区": ("130600",),
    "天府新区": ("510100",),
    "横琴新区": ("440400",),
    "横琴粤澳深度合作区": ("440400",),
    "西咸新区": ("610100", "610400"),
    "贵安新区": ("520100", "520400"),
    "湘江新区": ("430100",),
    "赣江新区": ("360100",),
    "江北新区": ("320100",),
    "兰州新区": ("620100",),
    "哈尔滨新区": ("230100",),
    "长春新区": ("220100",),
    "金普新区": ("210200",),
    "福州新区": ("350100",),
    "滇中新区": ("530100",),
    "西海岸新区": ("370200",),
    "大鹏新区": ("440300",),
    "苏州工业园区": ("320500",),
    "苏州园区": ("320500",),
    "亦庄经济开发区": ("110000",),
    "北京经济技术开发区": ("110000",),
}
_TAIWAN = (
    "台北市 新北市 桃园市 台中市 台南市 高雄市 基隆市 新竹市 新竹县 嘉义市 嘉义县 苗栗县 彰化县 南投县 云林县 "
    "屏东县 宜兰县 花莲县 台东县 澎湖县"
)
# Cities and counties directly under their province, with the prefecture around or beside them that people put first.
_SURROUNDED_BY = {
    "419001": ("410800",),
    "429004": ("421000",),
    "429005": ("421000",),
    "429006": ("421000",),
    "429021": ("420300", "420500"),
    "659001": ("652300", "654200"),
    "659002": ("652900",),
    "659003": ("653100",),
    "659004": ("652300",),
    "659005": ("654300",),
    "659006": ("652800",),
    "659007": ("652700",),
    "659008": ("654000",),
    "659009": ("653200",),
    "659010": ("654200", "650200"),
    "659011": ("650500",),
    "659012": ("654200",),
}
# Names gone before the table of former divisions begins, still found on ID cards and in old address books.
_OLDER = {
    ("塘沽区", "120000"): "120116",
    ("汉沽区", "120000"): "120116",
    ("大港区", "120000"): "120116",
    ("芳村区", "440100"): "440103",
    ("东山区", "440100"): "440104",
    ("新城子区", "210100"): "210113",
    ("鼓浪屿区", "350200"): "350203",
    ("开元区", "350200"): "350203",
    ("动力区", "230100"): "230110",
    ("石湾区", "440600"): "440604",
    ("盐都县", "320900"): "320903",
}


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A division somebody may mean, current or former.

    `code` is the current division it resolves to; `own` its own code (differs for a former one); `above` the codes
    it may be written under: its province and its prefecture, of then and of now, or the prefecture around it.
    `last_year` is 0 for a current one.
    """

    name: str
    level: int
    code: str
    own: str
    above: frozenset[str]
    last_year: int

    def under(self, other: "Node") -> bool:
        """Tell whether this division lies in the other one, now or when it last existed."""
        return other.own in self.above


@dataclass(frozen=True, slots=True)
class Form:
    """One written form and what it may mean. `full`: it ends as an official name does, so it is no common word.

    `zone`: a development zone, which ends the chain of divisions at its prefecture.
    """

    text: str
    nodes: tuple[Node, ...]
    full: bool
    zone: bool = False


def stem_of(name: str, level: int) -> str:
    """Return the name without its kind and its peoples: 积石山 for 积石山保安族东乡族撒拉族自治县, 易县 for 易县."""
    for ending in ("维吾尔自治区", "特别行政区", "自治区", "自治州", "自治县", "自治旗", "特区", "新区", "地区"):
        if name.endswith(ending) and len(name) - len(ending) >= 2:
            stem = name.removesuffix(ending)
            break
    else:
        stem = name[:-1] if len(name) > 2 else name
    if name == "神农架林区":
        stem = "神农架"
    if "自治" in name:
        stem = _without_peoples(stem)
    if level == COUNTY and name.endswith("矿区") and len(name) > 3:
        stem = name.removesuffix("矿区")
    return stem


def _without_peoples(stem: str) -> str:
    for people in _PEOPLES:
        rest = stem.removesuffix(people)
        if rest != stem and len(rest) >= 2:
            return _without_peoples(rest)
    return stem


def _other_full_forms(name: str, level: int, stem: str) -> list[str]:
    """Return what people write for the official name and what still ends like one."""
    if level == PROVINCE:
        return [stem + "省", stem + "自治区"] if "自治区" in name else []
    if level == CITY:
        if name.endswith("自治州"):
            return [stem + "州", stem + "自治州"]
        return [stem + "地区", stem + "盟"] if name.endswith("市") and len(stem) > 1 else []
    if "自治" in name:
        kind = name[-1]
        return [stem + kind, stem + "自治" + kind]
    if name.endswith("新区") and len(stem) >= 2:
        return [stem + "区"]
    return [stem + "新区"] if name.endswith("区") and len(stem) >= 2 else []


class Gazetteer:
    """All written forms, found by position in a text."""

    def __init__(self) -> None:
        self._meanings: dict[str, dict[str, tuple[Node, bool]]] = defaultdict(dict)
        self._zones: dict[str, tuple[Node, ...]] = {}
        self.current = {code: _current_node(row) for code, row in divisions().items()}
        self._add_current()
        self._add_former()
        self._add_colloquial()
        self.forms = {text: self._form(text) for text in (*self._meanings, *self._zones)}
        self._by_prefix = self._index()

    def longest_at(self, text: str, start: int) -> Form | None:
        """Return the longest form that begins at `start`, None when none does."""
        for form in self._by_prefix.get(text[start : start + 2], ()):
            if text.startswith(form.text, start):
                return form
        return None

    def mentions(self, text: str) -> list[tuple[int, Form]]:
        """Return the longest form at every place of the text where one begins, in reading order."""
        found = []
        by_prefix = self._by_prefix
        for start in range(len(text) - 1):
            for form in by_prefix.get(text[start : start + 2], ()):
                if text.startswith(form.text, start):
                    found.append((start, form))
                    break
        return found

    def _add(self, text: str, node: Node, full: bool) -> None:
        known = self._meanings[text].get(node.own + node.name)
        self._meanings[text][node.own + node.name] = (node, full or (known is not None and known[1]))

    def _add_current(self) -> None:
        for node in self.current.values():
            stem = stem_of(node.name, node.level)
            self._add(node.name, node, full=True)
            self._add(stem, node, full=stem == node.name)
            for text in _other_full_forms(node.name, node.level, stem):
                self._add(text, node, full=True)
            if node.level == COUNTY and node.name.startswith("市"):
                self._add_run_together(node)

    def _add_run_together(self, node: Node) -> None:
        """济南市中区 reads as 济南 + 市中区, though 济南市 is the longer name."""
        for code in node.above & self.current.keys():
            city = self.current[code]
            if city.level == CITY:
                self._add(stem_of(city.name, CITY) + node.name, node, full=True)

    def _add_former(self) -> None:
        provinces = {node.name: node.own for node in self.current.values() if node.level == PROVINCE}
        prefectures = {node.name: node for node in self.current.values() if node.level == CITY}
        for row in former_divisions():
            if row.level == "prefecture":
                prefectures[row.name] = self._add_former_prefecture(row, provinces[row.province])
        for row in former_divisions():
            if row.level == "county":
                self._add_former_county(row, provinces[row.province], prefectures.get(row.city))
        for (name, parent), heir in _OLDER.items():
            above = frozenset({parent, *lineage(parent)})
            self._add(name, Node(name, COUNTY, heir, heir + name, above, _BEFORE_THE_TABLE), full=True)

    def _add_former_prefecture(self, row: FormerDivision, province: str) -> Node:
        parts = {lineage(county.heir)[1] for county in former_divisions() if county.city == row.name and county.heir}
        code = row.heir or (parts.pop() if len(parts) == 1 else province)
        node = Node(row.name, CITY, code, row.heir or row.code, frozenset({province}), row.last_year)
        self._add(row.name, node, full=True)
        if row.name != "巢湖市":  # the short name is the county-level city's
            self._add(row.name.removesuffix("地区").removesuffix("市"), node, full=False)
        return node

    def _add_former_county(self, row: FormerDivision, province: str, city: Node | None) -> None:
        above = {province, *lineage(row.heir)[1:]} | ({city.own} if city else set())
        code = row.heir or (city.code if city else province)
        node = Node(row.name, COUNTY, code, row.code, frozenset(above), row.last_year)
        if city and row.name == divisions()[city.code].name:
            # 铜仁市 is the prefecture now; only right behind the old prefecture's name is it the county of then.
            self._add(row.city + row.name, node, full=True)
            return
        self._add(row.name, node, full=True)
        self._add(stem_of(row.name, COUNTY), node, full=stem_of(row.name, COUNTY) == row.name)
        if row.name.startswith("市"):
            self._add_run_together(node)

    def _add_colloquial(self) -> None:
        for text, code in _COLLOQUIAL.items():
            self._add(text, self.current[code], full=len(text) > 2 and text[-1] in "省市州盟旗县区")
        for text in _TAIWAN.split():
            self._add(text, self.current["710000"], full=True)
        for text, codes in _ZONES.items():
            self._zones[text] = tuple(self.current[code] for code in codes)

    def _form(self, text: str) -> Form:
        if text in self._zones:
            return Form(text, self._zones[text], full=True, zone=True)
        meanings = self._meanings[text].values()
        return Form(text, tuple(node for node, _ in meanings), any(full for _, full in meanings))

    def _index(self) -> dict[str, tuple[Form, ...]]:
        by_prefix: dict[str, list[Form]] = defaultdict(list)
        for form in self.forms.values():
            by_prefix[form.text[:2]].append(form)
        return {prefix: tuple(sorted(forms, key=lambda form: -len(form.text))) for prefix, forms in by_prefix.items()}


def _current_node(row: Division) -> Node:
    level = _LEVELS[row.level]
    above = frozenset((*lineage(row.code)[1:], *_SURROUNDED_BY.get(row.code, ())))
    return Node(row.name, level, row.code, row.code, above, _NEVER_RETIRED)


def has_counties(node: Node) -> bool:
    """Tell whether a prefecture (or municipality) is divided into counties; 东莞 and three others are not."""
    return node.own in _parents_of("county")


def has_cities(node: Node) -> bool:
    """Tell whether a province is divided into prefectures; a municipality and Hong Kong, Macau, Taiwan are not."""
    return node.own in _parents_of("prefecture")


@cache
def _parents_of(level: str) -> frozenset[str]:
    return frozenset(row.parent_code for row in divisions().values() if row.level == level)


@cache
def gazetteer() -> Gazetteer:
    """Return the gazetteer of all divisions, built on first use."""
    return Gazetteer()
