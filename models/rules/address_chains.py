"""Runs of division names in a text that name one place: 浙江省|杭州市|西湖区, in this order or the district first."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from models.rules.address_text import (
    Line,
    bare_zone_follows,
    is_part_of_a_word,
    is_start_of_a_city,
    is_start_of_a_prefecture,
)
from models.rules.divisions import OVERSEAS
from models.rules.gazetteer import (
    CITY,
    COUNTY,
    PROVINCE,
    Form,
    Node,
    gazetteer,
    has_cities,
    has_counties,
)

_FULL_WEIGHT = 10.0
_WRONG_ENDING_WEIGHT = 7.0
# 城区, 东区: inside a sentence they are mostly the end of a longer word.
_TWO_CHARACTERS_WEIGHT = 6.0
_SHORT_WEIGHTS = {PROVINCE: 6.0, CITY: 6.0, COUNTY: 4.0}
# Nothing below these is in the table, so one short name has to hold against the districts that are not theirs.
_OVERSEAS_WEIGHT = 12.0
_REPEATED_WEIGHT = 0.5
_WORD_START_BONUS = 1.5
# Decides between equals only: the earlier of two is the address, the later one a note.
_LATE_PENALTY = 0.01

# People use these for parts of a city that are no divisions, so they contradict no city.
DESCRIPTIVE = frozenset(
    "城区 郊区 矿区 东区 西区 南区 北区 新区 北市区 南市区 东市区 西市区 新城区 市中区 市南区 市北区 新市区 城中区 "
    "河东区 河西区 城东区 城西区 城北区 江东区 江北区 湖里区 港口区 海港区 港区 开发区 老城区 中心区 市区".split()
)
# Read on, the ending of a name belongs to another word: 杭州|市场, or the name to a dish: 沙县小吃.
_NOT_AFTER = {"市": "场", "县": "小吃"}
_COUNTY_ENDINGS = frozenset("市县区旗")
_NOT_AFTER_ENDING = frozenset("场政委中南北")


@dataclass(frozen=True, slots=True, eq=False)
class Mention:
    """A written form at a place of the text. `full`: it can be no common word; `end` is after a wrong ending."""

    start: int
    end: int
    form: Form
    nodes: tuple[Node, ...]
    full: bool
    weight: float


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """Mentions that follow each other and agree; `nodes` are what the deepest of them may mean.

    `full_steps` counts those with a full name, `refuted` is the neighbour that names a place elsewhere.
    """

    mentions: tuple[Mention, ...]
    nodes: tuple[Node, ...]
    named_by: Form
    score: float
    full_steps: int
    refuted: Mention | None = None

    @property
    def start(self) -> int:
        """Where the first name begins."""
        return self.mentions[0].start

    @property
    def end(self) -> int:
        """Where the last name ends."""
        return self.mentions[-1].end

    @property
    def level(self) -> int:
        """The deepest level it may name."""
        return max(node.level for node in self.nodes)

    def overlaps(self, other: "Chain") -> bool:
        """Tell whether both read the same characters."""
        return self.start < other.end and other.start < self.end


def chains(line: Line) -> list[Chain]:
    """Return every chain of the line, the strongest first; equal ones in reading order."""
    ending_at: dict[int, list[Chain]] = {}
    found: list[Chain] = []
    for start, form in gazetteer().mentions(line.text):
        before = ending_at.get(start, [])
        mention = _mention(line, start, form, before)
        if mention is None:
            continue
        grown = [longer for chain in before if (longer := _join(line, chain, mention)) is not None]
        alone = _alone(line, mention)
        if before and not grown:
            for chain in [chain for chain in before if _is_no_county(chain, mention)]:
                before.remove(chain)
                found.remove(chain)
            for chain in [chain for chain in before if _refutes(line, chain, mention)]:
                found[found.index(chain)] = replace(chain, refuted=mention)
                alone = replace(alone, refuted=chain.mentions[-1])
        grown.append(alone)
        ending_at.setdefault(mention.end, []).extend(grown)
        found.extend(grown)
    found.sort(key=lambda chain: -chain.score)
    return found


def agreeing(nodes: Iterable[Node], others: tuple[Node, ...]) -> tuple[Node, ...]:
    """Return the deeper one of every two nodes where one lies in the other or both are the same."""
    deeper, same = [], []
    for node in nodes:
        for other in others:
            if other.under(node):
                deeper.append(other)
            elif node.under(other):
                deeper.append(node)
            elif node.code == other.code and node.level == other.level:
                same.append(node if not node.last_year else other)
    return tuple(dict.fromkeys(deeper or same))


def _mention(line: Line, start: int, form: Form, before: list[Chain]) -> Mention | None:
    """Return the mention of a form behind these chains, None when the form is only part of other words."""
    end = start + len(form.text)
    if line.breaks and line.broken(start, end) and not (form.full and len(form.text) > 2):
        return None
    if not form.full:
        in_its_place = any(node.under(above) for chain in before for above in chain.nodes for node in form.nodes)
        return _short_mention(line, start, form, in_its_place=in_its_place)
    if line.text.startswith(_NOT_AFTER.get(form.text[-1], "\n"), end):
        return None
    weight = _FULL_WEIGHT if len(form.text) > 2 or line.starts_at(start) else _TWO_CHARACTERS_WEIGHT
    return Mention(start, end, form, form.nodes, True, weight)


def _short_mention(line: Line, start: int, form: Form, *, in_its_place: bool) -> Mention | None:
    text, end = line.text, start + len(form.text)
    if end not in line.breaks and not bare_zone_follows(text, end):
        if is_part_of_a_word(text, end, in_its_place=in_its_place):
            if not _continued(text, end, form):
                return None
        elif text[end : end + 1] in _COUNTY_ENDINGS and text[end + 1 : end + 2] not in _NOT_AFTER_ENDING:
            counties = tuple(node for node in form.nodes if node.level == COUNTY)
            if counties:
                return Mention(start, end + 1, form, counties, False, _WRONG_ENDING_WEIGHT)
    highest = min(node.level for node in form.nodes)
    if (highest > PROVINCE and is_start_of_a_prefecture(text, end)) or (
        highest == COUNTY and is_start_of_a_city(text, end)
    ):
        return None
    weight = _OVERSEAS_WEIGHT if form.nodes[0].own in OVERSEAS else _SHORT_WEIGHTS[highest]
    return Mention(start, end, form, form.nodes, False, weight)


def _continued(text: str, end: int, form: Form) -> bool:
    """Tell whether a division of the one just named follows: 石家庄|桥西区 is no bridge."""
    following = gazetteer().longest_at(text, end)
    if following is None:
        return False
    if not following.full and is_part_of_a_word(text, end + len(following.text), in_its_place=True):
        return False
    return any(below.under(node) for node in form.nodes for below in following.nodes)


def _alone(line: Line, mention: Mention) -> Chain:
    bonus = _WORD_START_BONUS if line.starts_at(mention.start) else 0.0
    score = mention.weight + bonus - _LATE_PENALTY * mention.start
    return Chain((mention,), mention.nodes, mention.form, score, int(mention.full))


def _join(line: Line, chain: Chain, mention: Mention) -> Chain | None:
    below = tuple(dict.fromkeys(node for above in chain.nodes for node in mention.nodes if node.under(above)))
    if below:
        return _grown(chain, mention, below, mention.form, mention.weight)
    same = tuple(
        dict.fromkeys(
            node
            for node in chain.nodes
            for again in mention.nodes
            if node.code == again.code and node.level == again.level
        )
    )
    if same:
        return _grown(chain, mention, same, chain.named_by, _REPEATED_WEIGHT)
    if not (chain.mentions[-1].full and _can_come_after(line, mention)):
        return None
    inside = tuple(dict.fromkeys(node for node in chain.nodes for above in mention.nodes if node.under(above)))
    return _grown(chain, mention, inside, chain.named_by, mention.weight) if inside else None


def _can_come_after(line: Line, mention: Mention) -> bool:
    """A city after its district counts when it stands for itself: 西湖区, 杭州 but not 鼓楼区南京烤鸭."""
    return mention.full or (line.ends_at(mention.end) and line.starts_at(mention.start))


def _grown(chain: Chain, mention: Mention, nodes: tuple[Node, ...], named_by: Form, weight: float) -> Chain:
    return Chain(
        (*chain.mentions, mention),
        nodes,
        named_by,
        chain.score + weight,
        chain.full_steps + mention.full,
        chain.refuted,
    )


def _is_no_county(chain: Chain, mention: Mention) -> bool:
    """Tell whether what reads as a county with a wrong ending is a misspelt city: 阳城|市|闻喜县."""
    return (
        chain.mentions[-1].weight == _WRONG_ENDING_WEIGHT
        and mention.full
        and all(node.level == COUNTY for node in mention.nodes)
    )


def _refutes(line: Line, chain: Chain, mention: Mention) -> bool:
    """Tell whether a full name right behind a wider place lies elsewhere: 浙江省|南京市, 杭州市|鼓楼区."""
    if not mention.full or mention.form.zone or mention.form.text in DESCRIPTIVE:
        return False
    if mention.form.text.endswith("新区") and all(node.name != mention.form.text for node in mention.nodes):
        return False
    if not (chain.mentions[-1].full or line.starts_at(chain.start)):
        return False
    below = {node.level for node in mention.nodes}
    if chain.level == COUNTY:
        has_city = any(node.level == CITY for step in chain.mentions for node in step.nodes)
        return below == {COUNTY} and chain.mentions[-1].form.text[-1] == "市" and not has_city
    return all(
        (has_cities(node) and PROVINCE not in below) or (has_counties(node) and below == {COUNTY})
        for node in chain.nodes
    )
