"""Where an address lies: from the fields of a platform, or from text as a buyer typed it.

An address that does not decide is refused, never guessed: 西湖区 alone may be Hangzhou or Nanchang, 浙江省南京市
contradicts itself, and 江苏鼓楼区 leaves the city open between Nanjing and Xuzhou. A city that is certain is given even
when no district is, a province alone only when the text names nothing below it.
"""

from functools import cache

from models.rules.address_mending import read_forgivingly
from models.rules.address_reading import same_or_under
from models.rules.address_text import read_line
from models.rules.divisions import Division, Place, division, divisions, lineage, place
from models.rules.gazetteer import COUNTY, Node

__all__ = [
    "Division",
    "Place",
    "division",
    "lineage",
    "resolve_fields",
    "resolve_text",
]


def resolve_text(text: str) -> Place | None:
    """Return the place that a text names, None when the text does not decide.

    The text may hold names, phone numbers and notes. Former divisions resolve to their heirs, development zones to
    their prefecture; one misspelt character is forgiven where only one division can be meant. Never raises.
    """
    return _place_of(read_forgivingly(read_line(text)).node)


def resolve_fields(province: str, city: str, district: str, town: str = "", address: str = "") -> Place | None:
    """Return the place that a platform's address fields name, None when they contradict themselves or do not decide.

    The first three fields decide; town and address are read only for what these leave open.
    """
    exact = _by_official_names().get((province, city, district))
    if exact is not None and (district or not (town or address)):
        return place(exact)
    own = read_forgivingly(read_line(f"{province} {city} {district}"))
    if own.contradicted or (own.node is not None and own.node.level == COUNTY):
        return _place_of(own.node)
    whole = read_forgivingly(read_line(f"{province} {city} {district} {town} {address}"))
    if own.node is None or (whole.node is not None and same_or_under(whole.node, own.node)):
        return _place_of(whole.node)
    return _place_of(own.node)


@cache
def _by_official_names() -> dict[tuple[str, str, str], str]:
    found = {}
    for code in divisions():
        names = place(code)
        found[names.province, names.city, names.district] = code
    return found


def _place_of(node: Node | None) -> Place | None:
    return None if node is None else place(node.code)
