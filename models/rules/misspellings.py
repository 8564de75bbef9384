"""Which divisions a misspelt name may mean: one character wrong, missing or swapped, below a known parent."""

from collections import defaultdict
from collections.abc import Iterable
from functools import cache

from models.rules.divisions import rows_of
from models.rules.gazetteer import CITY, PROVINCE, Node, gazetteer, stem_of

_ENDINGS = frozenset("省市区县旗州盟")
# Words for a part of a town that are no misspelt names.
_NO_NAMES = frozenset(
    "东区 西区 南区 北区 中区 新区 城区 老区 小区 社区 片区 厂区 校区 库区 辖区 园区 港区 山区 景区 郊区 矿区 市区 "
    "街区 县区 地区 城市 本市 超市 全市 本县 全县 县城 市县 区县".split()
)
# Pairs that look alike; sound-alikes come from the table of homophones.
_LOOKALIKES = (
    "埔浦 候侯 毫亳 荷菏 彬郴 骡漯 茌荏 沭沐 罘芝 勤鄞 欧瓯 仙汕 堪湛 童潼 祁祈 脾郫 沪泸 雎睢 俊浚 琪淇 丕邳 未末 "
    "己已巳 戌戍戊 干千于 士土 日曰 王玉 太大犬 田由甲 石右 天夭 人入 木本 海悔 淮准 洛络 徐涂 扬杨场 坊防仿 崇祟 "
    "宣宜 昌冒 晋普 庆床 汉汊 江汪 枣束 柳抑 桐铜 泉皋 泰秦 渭谓 潍淮 烟咽 营菅 荆刑 邢刑 莱菜 虹红 蚌蜂 衡衔 诸储 "
    "赣感 通涌 郑邓 铁跌 锦绵 长氏 镇填 雅稚 鞍鞭 饶绕 黔默 齐斋 宿缩 冈岗 塔搭 盱盯 眙贻 溧栗 颍颖 濉睢 灞霸 浐产 "
    "鄠户 潞露 汾份 攸收 澧礼 醴礼 汨泪 泗四 沂折 沛肺 邗邢 滁除 庐芦 瞿衢 婺务 瑞端 凤风 陵棱 宁宇 贺货 儋担 涪培 "
    "璧壁 垫执 浙折 陕峡 徽微 甘廿 津律 北比 西酉 东车 中申 城诚 义文 金全 甫浦 淄缁 博搏 坻抵 蓟鲫 栾滦 赵起 隰湿 "
    "绛降 阆朗 宕岩 岷抿 邛工 芷止 溆叙 耒来 郓浑 郯淡 莒宫"
).split()


@cache
def _sounds() -> dict[str, frozenset[str]]:
    """Return the folded syllables of each character: n/ng, z/zh, c/ch, s/sh and n/l sound alike in many dialects."""
    sounds: dict[str, set[str]] = defaultdict(set)
    for row in rows_of("homophones.csv"):
        folded = row["syllable"].replace("zh", "z").replace("ch", "c").replace("sh", "s").replace("ng", "n")
        folded = "n" + folded[1:] if folded.startswith("l") else folded
        for character in row["characters"]:
            sounds[character].add(folded)
    return {character: frozenset(syllables) for character, syllables in sounds.items()}


@cache
def _lookalikes() -> frozenset[tuple[str, str]]:
    return frozenset((one, other) for group in _LOOKALIKES for one in group for other in group if one != other)


def confusable(written: str, meant: str) -> bool:
    """Tell whether two characters sound or look alike."""
    sounds = _sounds()
    return (written, meant) in _lookalikes() or bool(sounds.get(written, frozenset()) & sounds.get(meant, frozenset()))


class Spellings:
    """The names of some divisions, found by what one slip leaves of them."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self._patterns: dict[str, set[str]] = defaultdict(set)
        self._names: set[str] = set()
        self._stems: dict[str, set[str]] = defaultdict(set)
        self.lengths: set[int] = set()
        for node in nodes:
            self._add(node.name)
            stem = stem_of(node.name, node.level)
            if stem != node.name:
                for at in range(len(stem)):
                    self._stems[f"{stem[:at]}*{stem[at + 1 :]}"].add(stem)
                if "自治" in node.name:
                    self._add(stem + node.name[-1])

    def _add(self, name: str) -> None:
        if len(name) < 3 or name in self._names:
            return
        self._names.add(name)
        self.lengths |= {len(name) - 1, len(name), len(name) + 1}
        for at in range(len(name) - 1):
            self._patterns[f"{name[:at]}*{name[at + 1 :]}"].add(name)
            self._patterns[name[:at] + name[at + 1 :]].add(name)

    def likely(self, written: str) -> set[str]:
        """Return the names that differ by one sound-alike or look-alike; also short names of two characters or more."""
        names = set()
        for at in range(len(written)):
            pattern = f"{written[:at]}*{written[at + 1 :]}"
            for known in (self._patterns, self._stems):
                if pattern in known:
                    names |= {
                        name for name in known[pattern] if name[at] != written[at] and confusable(written[at], name[at])
                    }
        return names

    def possible(self, written: str) -> set[str]:
        """Return the full names that one wrong, missing, added or swapped character turns into the written one."""
        if written[-1:] not in _ENDINGS or written in _NO_NAMES:
            return set()
        names = set(self._patterns.get(written, ()))
        for at in range(len(written) - 1):
            names |= self._patterns.get(f"{written[:at]}*{written[at + 1 :]}", set())
            shorter = written[:at] + written[at + 1 :]
            swapped = written[:at] + written[at + 1] + written[at] + written[at + 2 :]
            names |= {name for name in (shorter, swapped) if name in self._names}
        return names - {written}


@cache
def spellings_below(own: str) -> Spellings:
    """Return the spellings of every division below a province or a prefecture, for former prefectures none."""
    return Spellings(node for node in gazetteer().current.values() if own in node.above)


@cache
def spellings_of_cities() -> Spellings:
    """Return the spellings of all provinces and prefectures."""
    return Spellings(node for node in gazetteer().current.values() if node.level in (PROVINCE, CITY))
