"""Written addresses with their right answer, made from the table of divisions in many manners and by one seed.

Knows the tables only, nothing of how addresses are read, so the two cannot share a mistake.
"""

import csv
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tests.models.rules import address_words as words
from tests.models.rules.address_ways import WAYS

_T = TypeVar("_T")
_DATA = Path(__file__).resolve().parents[3] / "models" / "data"
_MUNICIPALITIES = ("110000", "120000", "310000", "500000")
# The table's own short names cut some of these in the middle.
_SHORT_NAMES = {
    "万柏林区": "万柏林",
    "金林区": "金林",
    "北林区": "北林",
    "碑林区": "碑林",
    "浦东新区": "浦东",
    "滨海新区": "滨海",
    "两江新区": "两江",
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
class Spot:
    """A place to write about: official names and short ones (p, c, d), "" where there is no such level."""

    code: str
    kind: str
    province: str
    city: str
    district: str
    p: str
    c: str
    d: str

    @property
    def full(self) -> str:
        return self.province + ("" if self.province == self.city else self.city) + self.district

    @property
    def shorts_differ(self) -> bool:
        return len(self.d) > 1 and self.d != self.c


class Wording(dict[str, str]):
    """What a template may name: the parts of a spot, and words picked when first asked for."""

    def __init__(self, writer: "Writer", spot: Spot) -> None:
        parts = ("full", "province", "city", "district", "p", "c", "d")
        super().__init__({part: getattr(spot, part) for part in parts})
        self._writer = writer

    def __missing__(self, key: str) -> str:
        self[key] = str(getattr(self._writer, key)())
        return self[key]


def _table(name: str) -> list[dict[str, str]]:
    with (_DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


class Writer:
    """Writes addresses; the same seed gives the same ones."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.rows = {row["code"]: row for row in _table("divisions.csv")}
        self.former = [row for row in _table("divisions_former.csv") if row["level"] == "county"]
        self.spots = {code: self._spot(row) for code, row in self.rows.items()}
        self.cities = [spot for spot in self.spots.values() if spot.city and not spot.district]
        self.counties = [spot for spot in self.spots.values() if spot.district]
        self.with_city = [spot for spot in self.counties if spot.city]
        self.in_prefecture = [spot for spot in self.with_city if spot.city != spot.province]
        self.names = Counter(row["name"] for row in self.rows.values())
        self.former_names = {row["old_name"] for row in self.former if row["current_name"] != row["old_name"]}
        self.children: dict[str, set[str]] = defaultdict(set)
        for row in self.rows.values():
            self.children[row["parent_code"]].add(row["name"])

        self.groups = self._groups()

    def _groups(self) -> dict[str, list[Spot]]:
        """Return the places that a way of writing needs, by the name of the group."""
        districts = Counter((spot.province, spot.district) for spot in self.counties)
        in_prefecture, with_city = self.in_prefecture, self.with_city
        municipal = [spot for spot in with_city if spot.city == spot.province]
        unique = [spot for spot in self.counties if self._is_unique(spot)]
        return {
            "cities": self.cities,
            "prefecture_cities": [spot for spot in self.cities if spot.city[-1] == "市" and spot.city != spot.province],
            "counties": self.counties,
            "with_city": with_city,
            "in_prefecture": in_prefecture,
            "direct": [spot for spot in self.counties if not spot.city],
            "urban": [spot for spot in with_city if spot.district.endswith("区")],
            "municipal": [spot for spot in municipal if len(spot.d) > 1],
            "municipal_counties": [spot for spot in municipal if spot.district.endswith("县")],
            "shortened": [spot for spot in in_prefecture if spot.shorts_differ],
            "same_stem": [spot for spot in in_prefecture if spot.c == spot.d],
            "namesakes": [spot for spot in in_prefecture if self.names[spot.district] > 1],
            "common_names": [spot for spot in in_prefecture if spot.district in words.COMMON_NAMES],
            "autonomous": [spot for spot in in_prefecture if "自治" in spot.district + spot.city],
            "autonomous_counties": [spot for spot in in_prefecture if "自治县" in spot.district and spot.shorts_differ],
            "unique_long": [spot for spot in unique if len(spot.district) > 2],
            "unique_in_prefecture": [spot for spot in unique if spot in in_prefecture],
            "unique_county_cities": [spot for spot in unique if spot.kind == "县级市" and spot.city],
            "unique_in_province": [
                spot
                for spot in in_prefecture
                if districts[spot.province, spot.district] == 1 and spot.district not in self.former_names
            ],
        }

    def _is_unique(self, spot: Spot) -> bool:
        return self.names[spot.district] == 1 and spot.district not in self.former_names

    def _spot(self, row: dict[str, str]) -> Spot:
        chain = [row]
        while chain[0]["parent_code"]:
            chain.insert(0, self.rows[chain[0]["parent_code"]])
        levels = {step["level"]: step for step in chain}
        if levels["province"]["code"] in _MUNICIPALITIES:
            levels["prefecture"] = levels["province"]
        steps = [levels.get(level, {}) for level in ("province", "prefecture", "county")]
        official = [step.get("name", "") for step in steps]
        short = [_SHORT_NAMES.get(step.get("name", ""), step.get("short_name", "")) for step in steps]
        return Spot(row["code"], row["type"], *official, *short)

    def pick(self, items: Sequence[_T]) -> _T:
        return self.random.choice(items)

    def number(self) -> str:
        return str(self.random.randint(1, 999))

    def road(self) -> str:
        return self.pick(words.ROADS)

    def trap(self) -> str:
        return self.pick(words.TRAPS)

    def town(self) -> str:
        return self.pick(words.TOWNS)

    def note(self) -> str:
        return self.pick(words.NOTES)

    def zone(self) -> str:
        return self.pick(words.ZONES)

    def namesake(self) -> str:
        return self.pick(words.PLACE_LIKE_NAMES)

    def elsewhere(self) -> str:
        return self.pick(self.counties).d

    def person(self) -> str:
        return self.pick(words.SURNAMES) + self.pick(words.GIVEN_NAMES)

    def phone(self) -> str:
        digits = f"{self.pick(['13', '15', '17', '18', '19'])}{self.random.randint(0, 10**9 - 1):09d}"
        spaced = f"{digits[:3]} {digits[3:7]} {digits[7:]}"
        return self.pick([digits, spaced, spaced.replace(" ", "-"), f"{digits}-{self.random.randint(1000, 9999)}"])

    def mark(self) -> str:
        return self.pick(["\t", "/", "-", "　", "|", ",", "，", "、", " - ", ">", "·", "_", "\n", ";"])

    def street(self) -> str:
        """Return a street that is named after no place."""
        return self.pick(["人民路", "解放大道", "建设街", "学府路", "文化路", "科技二路"]) + f"{self.number()}号"

    def detail(self) -> str:
        """Return a street, a town, an estate and a room, or some of them."""
        house = f"{self.random.randint(1, 30)}栋{self.random.randint(1, 5)}单元{self.random.randint(101, 2808)}室"
        road, estate = f"{self.road()}{self.number()}号", self.pick(words.ESTATES)
        forms = [road, f"{road}{estate}{house}", f"{estate}25-3-{self.number()}", self.town() + road]
        return self.pick([*forms, self.town() + estate + house])

    def case(self, category: str, template: str, spot: Spot, district: str | None = None) -> Case:
        text = template.format_map(Wording(self, spot))
        return Case(text, spot.province, spot.city, spot.district if district is None else district, category)

    def refusal(self, category: str, template: str) -> Case:
        return Case(template.format_map(Wording(self, self.spots["110000"])), "", "", "", category)


def _former(w: Writer) -> Case:
    row = w.pick([row for row in w.former if row["current_code"]])
    old = row["old_name"]
    heads = [f"{row['province']}{row['city']}{old}", f"{row['province']} {row['city']} {old} "]
    heads += [f"{row['city']}{old}"] if row["city"] else []
    return w.case("former", w.pick(heads) + "{detail}", w.spots[row["current_code"]])


def _former_split(w: Writer) -> Case:
    row = w.pick([row for row in w.former if not row["current_code"]])
    city = next(spot for spot in w.cities if spot.city == row["city"])
    return w.case("former_split", "{full}" + row["old_name"] + "{detail}", city)


def _slipped(w: Writer, spots: list[Spot], level: str) -> tuple[Spot, str]:
    """Return a spot and its name of that level with one character mistaken, never another name of the table."""
    while True:
        spot = w.pick(spots)
        name: str = getattr(spot, level)
        places = [at for at, character in enumerate(name[:-1]) if character in words.SLIPS]
        if len(name) > 2 and places:
            at = w.pick(places)
            wrong = name[:at] + w.pick(words.SLIPS[name[at]]) + name[at + 1 :]
            if wrong not in w.names:
                return spot, wrong


def _typo_district(w: Writer) -> Case:
    spot, wrong = _slipped(w, w.with_city, "district")
    head = w.pick(["{city}", "{province}" if spot.city == spot.province else "{province}{city}"])
    return w.case("typo_district", head + wrong + "{detail}", spot)


def _typo_city(w: Writer) -> Case:
    spot, wrong = _slipped(w, w.in_prefecture, "city")
    return w.case("typo_city", "{province}" + wrong + "{district}{detail}", spot)


def _typo_city_first(w: Writer) -> Case:
    spot, wrong = _slipped(w, w.groups["unique_in_prefecture"], "city")
    return w.case("typo_city_first", wrong + "{district}{detail}", spot)


def _typo_province(w: Writer) -> Case:
    spot, wrong = _slipped(w, w.in_prefecture, "province")
    return w.case("typo_province", wrong + "{city}{district}{detail}", spot)


def _one_off(name: str, other: str) -> bool:
    return len(name) == len(other) and sum(one != two for one, two in zip(name, other, strict=True)) == 1


def _typo_dropped(w: Writer) -> Case:
    """One character of the city or the district is missing; what is left is left of no other name beside it."""
    while True:
        spot, level = w.pick(w.in_prefecture), w.pick(["city", "district"])
        name: str = getattr(spot, level)
        at = w.random.randrange(len(name) - 1)
        wrong = name[:at] + name[at + 1 :]
        parent = w.rows[spot.code]["parent_code"]
        beside = w.children[w.rows[parent]["parent_code"] if level == "city" else parent]
        left = {other[:i] + other[i + 1 :] for other in beside - {name} for i in range(len(other))}
        if len(name) > 2 and wrong not in w.names and wrong not in left and wrong not in words.COMMON_NAMES:
            break
    parts = ["{province}", wrong, "{district}"] if level == "city" else ["{province}{city}", wrong]
    return w.case("typo_dropped", "".join(parts) + "{detail}", spot)


def _typo_random(w: Writer) -> Case:
    while True:
        spot = w.pick(w.in_prefecture)
        at = w.random.randrange(len(spot.district) - 1)
        wrong = spot.district[:at] + w.pick("的我他有这来个国到说们为子") + spot.district[at + 1 :]
        beside = w.children[spot.code[:4] + "00"]
        if (
            len(wrong) > 2
            and wrong not in w.names
            and [name for name in beside if _one_off(name, wrong)] == [spot.district]
        ):
            return w.case("typo_random", "{province}{city}" + wrong + "{street}", spot)


def _known_zone(w: Writer) -> Case:
    zone, province, city = w.pick(words.KNOWN_ZONES)
    spot = next(spot for spot in w.cities if (spot.province, spot.city) == (province, city))
    return w.case("known_zone", zone + "{detail}", spot)


def _no_district_city(w: Writer) -> Case:
    spot = w.pick([spot for spot in w.cities if spot.city in words.TOWNS_WITHOUT_COUNTY])
    head = w.pick(["{province} {city} {city} ", "{full}", "{city}", "{p}{c}", "{p} {c} "])
    town = w.pick(words.TOWNS_WITHOUT_COUNTY[spot.city].split())
    return w.case("no_district_city", head + town + "{street}", spot)


def _colloquial(w: Writer) -> Case:
    short, city, province = w.pick(words.COLLOQUIAL)
    spot = w.pick([spot for spot in w.in_prefecture if spot.city == city])
    return w.case("colloquial", province + short + "{district}{street}", spot)


def _overseas(w: Writer) -> Case:
    text, province = w.pick(words.OVERSEAS)
    return Case(text + w.pick([f"{w.number()}号", "", w.street()]), province, "", "", "hmt")


def _ambiguous(w: Writer) -> Case:
    name = w.pick([name for name, times in w.names.items() if times > 1])
    return w.refusal("ambiguous", name + w.pick(["{detail}", "{street}", "东方红广场", "站前路12号", "北京中路3号"]))


def _undecided(w: Writer) -> Case:
    return w.refusal("undecided", w.pick(["", "{person} {phone} ", "{person}，"]) + w.pick(words.UNDECIDED))


def _contradictory(w: Writer) -> Case:
    spot = w.pick(w.in_prefecture)
    other = w.pick([other for other in w.in_prefecture if other.province != spot.province])
    ways = [spot.province + other.city + other.district, spot.province + other.city, f"{spot.province} {other.city} "]
    return w.refusal("contradictory", w.pick(ways) + "{street}")


_MANNERS = (
    _former, _former_split, _typo_district, _typo_city, _typo_city_first, _typo_province, _typo_dropped, _typo_random,
    _known_zone, _no_district_city, _colloquial, _overseas, _ambiguous, _undecided, _contradictory,
)  # fmt: skip


def address_cases(seed: int, per_manner: int) -> Iterator[Case]:
    """Yield `per_manner` cases written in each manner."""
    writer = Writer(seed)
    for category, (group, templates) in WAYS.items():
        for _ in range(per_manner):
            yield writer.case(category, writer.pick(templates), writer.pick(writer.groups[group]))
    for manner in _MANNERS:
        for _ in range(per_manner):
            yield manner(writer)
