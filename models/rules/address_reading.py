"""What a written address says: the chain of division names that counts, and whether it decides a place."""

from dataclasses import dataclass

from models.rules.address_chains import DESCRIPTIVE, Chain, agreeing, chains
from models.rules.address_text import Line, business_follows, town_follows, zone_follows
from models.rules.divisions import OVERSEAS, lineage
from models.rules.gazetteer import CITY, COUNTY, Form, Node, gazetteer, has_cities, has_counties

# A name that moved to another place later than this is still used for the old one: 江北区 of Chongqing.
_STILL_IN_USE_YEAR = 2024
# Short names that are as often a county elsewhere as the prefecture.
_SHARED_SHORT_NAMES = frozenset({"朝阳"})
# Short names that are ordinary words: alone, at the head of an address, they name an estate or a street.
_ORDINARY_WORDS = frozenset(
    "东方 平安 友好 富裕 互助 通道 平原 新民 新兴 太和 和平 长安 永安 大通 民和 新华 新城 新市 红星 前进 向阳 东风 "
    "东安 南山 西山 东山 北山 中山 宝山 金山 铁西 铁东 市中 城中 城东 城西 城北 城关 江东 江北 江南 河东 河西 河北 "
    "湖滨 海港 港口 高明 光明 文明 开平 兴隆 兴国 建设 解放 青年 黎明 吉祥 安宁 安定 安康 永康 永安 丰收 团结 胜利 "
    "阳光 龙华 龙门 凤凰 大方 大化 大同 金湖 金水 金沙 金牛 金平 银海 天心 天元 天桥 花园 古城 古塔 站前 水城 双塔 "
    "双桥 汇川 万全 泰和 祥云 会同 太平 友谊 宁静 中原 中方 武装 美兰 秀英 滨江 滨湖 滨海 望江 望城 临江 沿河 东港 "
    "西湖 南湖 东湖 北湖 镜湖 香坊 玉泉 清河 清水 石林 石城 石门 西林 桃园 桃城 梅园 杏花 兰山 芙蓉 牡丹 海棠 紫金 "
    "紫云 普安 德兴 惠民 利民 利川 利州 北海 来宾 日照 黄山 百色 阿里 三明 白银 白山 东营 海东 海西 海南 海北".split()
)
_NAMED_CITY_ENDINGS = frozenset("市州盟")


@dataclass(frozen=True, slots=True)
class Reading:
    """What a line says: `node` is None when it does not decide; `chain` is its strongest chain of names.

    `loose`: words nobody knows stand between the names, perhaps a misspelt city. `contradicted`: names disagree.
    """

    chain: Chain | None
    node: Node | None
    loose: bool = False
    contradicted: bool = False


def same_or_under(node: Node, other: Node) -> bool:
    """Tell whether what the first resolves to is the other one or lies in it."""
    return node.code == other.code or other.code in lineage(node.code)


def read(line: Line) -> Reading:
    """Return what the line says as it is spelt: its strongest chain, completed by names elsewhere in the line."""
    found = chains(line)
    if not found:
        return Reading(None, None)
    best = found[0]
    if best.refuted is not None:
        return Reading(best, None, contradicted=True)
    if all(node.own in OVERSEAS for node in best.nodes):
        return Reading(best, best.nodes[0])
    others = [chain for chain in found[1:] if not chain.overlaps(best) and chain.refuted is None]
    nodes, named_by, across_a_gap = _completed(line, best, others)
    loose = across_a_gap or _follows_unknown_city(line, best)
    node = _decided(nodes, named_by, loose)
    alone = len(best.mentions) == 1 and nodes == best.nodes
    if node is None or (alone and not _stands_alone(line, best, node)):
        return Reading(best, None, loose)
    if any(_rivals(line, other, best, node) for other in others):
        return Reading(best, None, contradicted=True)
    return Reading(best, node, loose)


def _completed(line: Line, best: Chain, others: list[Chain]) -> tuple[tuple[Node, ...], Form, bool]:
    """Return what the best chain means with the others, the form naming it, and whether words lie between."""
    nodes, named_by, across_a_gap = best.nodes, best.named_by, False
    ends_in_zone = best.level < COUNTY and (best.mentions[-1].form.zone or zone_follows(line.text, best.end))
    for other in others:
        agreed = agreeing(nodes, other.nodes)
        if not agreed or not (_may_complete(line, other, nodes, ends_in_zone) or _one_slip_before(line, other, best)):
            continue
        if max(node.level for node in agreed) > max(node.level for node in nodes):
            across_a_gap = across_a_gap or any(has_cities(node) for node in nodes)
            named_by = other.named_by
        nodes = agreed
    return nodes, named_by, across_a_gap


def _follows_unknown_city(line: Line, chain: Chain) -> bool:
    return (
        all(node.level == COUNTY for node in chain.mentions[0].nodes)
        and chain.start > 1
        and line.text[chain.start - 1] in _NAMED_CITY_ENDINGS
    )


def _may_complete(line: Line, other: Chain, nodes: tuple[Node, ...], ends_in_zone: bool) -> bool:
    """Tell whether names elsewhere in the text may add to the address: full ones, or a city that stands for itself."""
    first = other.mentions[0]
    deeper = other.level > max(node.level for node in nodes)
    if deeper:
        return not ends_in_zone and first.full and len(first.form.text) > 2
    return first.full or (line.starts_at(other.start) and line.ends_at(other.end))


def _one_slip_before(line: Line, other: Chain, best: Chain) -> bool:
    """Tell whether only one character keeps the two apart: 杭州|是|西湖区, its ending mistyped."""
    return line.starts_at(other.start) and other.end + 1 == best.start and other.level < best.level


def _decided(nodes: tuple[Node, ...], named_by: Form, loose: bool) -> Node | None:
    """Return the one division meant: a current official name before a former one, a city before its county seat."""
    if len({node.code for node in nodes}) == 1:
        return nodes[0]
    if not loose:
        official = [node for node in nodes if not node.last_year and node.name == named_by.text]
        recent = any(node.last_year >= _STILL_IN_USE_YEAR for node in nodes)
        if len(official) == 1 and not recent:
            return official[0]
    if named_by.full:
        return None
    nodes = tuple(node for node in nodes if not node.last_year) or nodes
    widest = min(node.level for node in nodes)
    wide = [node for node in nodes if node.level == widest]
    plain = [node for node in wide if len(node.name) == len(named_by.text) + 1]
    if len(wide) > 1 and len(plain) == 1 and len({node.above for node in wide}) == 1:
        return plain[0]
    if len(wide) == 1:
        return wide[0]
    cities = {code for node in wide for code in node.above if code in lineage(node.code)[1:-1]}
    return gazetteer().current[cities.pop()] if widest == COUNTY and len(cities) == 1 else None


def _stands_alone(line: Line, chain: Chain, node: Node) -> bool:
    """Tell whether a lone short name is an address: 昆山玉山镇 is, 东方花城 is not."""
    name = chain.named_by.text
    if chain.full_steps and len(name) > 2:
        return True
    if not line.starts_at(chain.start) or name in _SHARED_SHORT_NAMES or node.last_year:
        return False
    if _may_be_a_person(line, chain, node) or (not chain.full_steps and business_follows(line.text, chain.end)):
        return False
    if chain.full_steps or name not in _ORDINARY_WORDS:
        return True
    return town_follows(line.text, chain.end) or (node.level < COUNTY and line.ends_at(chain.end))


def _may_be_a_person(line: Line, chain: Chain, node: Node) -> bool:
    """Tell whether a lone short county name stands where a buyer's name would: 江宁 138..., 唐海燕，..."""
    if node.level < COUNTY or chain.end - chain.start > len(chain.named_by.text):
        return False
    if line.ends_at(chain.end):
        return line.text[chain.end : chain.end + 1].isdigit() or chain.start > 0
    return line.ends_at(chain.end + 1)


def _rivals(line: Line, other: Chain, best: Chain, node: Node) -> bool:
    """Tell whether another chain, as complete as the best one, names another place: two addresses in one text."""
    if other.full_steps < max(best.full_steps, 1) or other.full_steps < len(other.mentions):
        return False
    if other.full_steps < 2 and (not line.starts_at(other.start) or other.named_by.text in DESCRIPTIVE):
        return False
    if node.level == CITY and other.level == COUNTY and not has_counties(node):
        return False
    return not any(
        same_or_under(rival, node) or same_or_under(node, rival) or node.own in rival.above or rival.own in node.above
        for rival in other.nodes
    )
