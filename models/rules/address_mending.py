"""Reads an address with one misspelt character, where only one division can be meant."""

from collections.abc import Iterable, Iterator

from models.rules.address_chains import Chain, Mention
from models.rules.address_reading import Reading, read, same_or_under
from models.rules.address_text import Line, zone_follows
from models.rules.gazetteer import COUNTY, PROVINCE, has_counties
from models.rules.misspellings import Spellings, spellings_below, spellings_of_cities

_LIKELY_LENGTHS = (2, 3, 4, 5)
_LONGEST_MISSPELT_CITY = 5


def read_forgivingly(line: Line) -> Reading:
    """Return what the line says, as it is spelt or with one slip mended.

    A mended reading counts only when every mending of its kind leads to the same division and it says more than the
    line as it is spelt.
    """
    reading = read(line)
    if not _may_be_misspelt(line, reading):
        return reading
    for lines in _respellings(line, reading):
        better = [again for again in map(read, lines) if _improves(again, reading)]
        if len({again.node.code for again in better if again.node}) == 1:
            return better[0]
        if better:
            break
    return reading


def _may_be_misspelt(line: Line, reading: Reading) -> bool:
    if reading.node is None or reading.loose:
        return True
    chain = reading.chain
    if chain is None or reading.node.level == COUNTY or chain.mentions[-1].form.zone:
        return False
    return chain.end < len(line.text) and (reading.node.level == PROVINCE or has_counties(reading.node))


def _improves(again: Reading, before: Reading) -> bool:
    if again.node is None or again.loose or again.chain is None:
        return False
    if before.node is None:
        return len(again.chain.mentions) > 1 or again.chain.full_steps > 0
    if before.loose:
        # The county stays as it is written; the city before it tells which of that name is meant.
        return again.node.name == before.node.name
    return again.node.level > before.node.level and (
        same_or_under(again.node, before.node) or again.node.under(before.node)
    )


def _respellings(line: Line, reading: Reading) -> Iterator[list[Line]]:
    """Yield the lines the buyer may have meant: first those that sound or look alike, then any single slip."""
    chain = reading.chain
    if chain is not None and chain.refuted is not None:
        yield list(_mended_contradiction(line, chain, chain.refuted))
        return
    spots = _suspect_spots(line, reading)
    is_zone = chain is not None and zone_follows(line.text, chain.end)
    yield [
        line.respelt(at, end, name)
        for at, known in spots
        for end, text in _windows(line.text, at, _LIKELY_LENGTHS)
        if not is_zone or text[-1] == "区"
        for name in known.likely(text)
    ]
    if chain is not None and not is_zone:
        yield [
            line.respelt(at, end, name)
            for at, known in spots
            for end, text in _windows(line.text, at, known.lengths)
            for name in known.possible(text)
        ]


def _suspect_spots(line: Line, reading: Reading) -> list[tuple[int, Spellings]]:
    """Return where a misspelt name may begin, and which names it may be: below the chain's end, or a city before it."""
    chain = reading.chain
    if chain is None:
        return [(at, spellings_of_cities()) for at in (0, *line.breaks)]
    if reading.contradicted:
        return []
    spots = [(chain.end, spellings_below(node.own)) for node in chain.nodes if node.level < COUNTY]
    if reading.node is None or reading.loose:
        before = range(max(0, chain.start - _LONGEST_MISSPELT_CITY), chain.start - 1)
        spots += [(at, spellings_of_cities()) for at in before]
    return spots


def _windows(text: str, start: int, lengths: Iterable[int]) -> Iterator[tuple[int, str]]:
    for length in sorted(lengths, reverse=True):
        if length > 1 and start + length <= len(text):
            yield start + length, text[start : start + length]


def _mended_contradiction(line: Line, chain: Chain, neighbour: Mention) -> Iterator[Line]:
    """Yield the lines with a district of the city that sounds or looks like the one written: 上海市黄埔区."""
    city, district = chain.mentions[-1], neighbour
    if neighbour.start < chain.start:
        city, district = neighbour, chain.mentions[0]
    written = line.text[district.start : district.end]
    for node in city.nodes:
        if has_counties(node):
            for name in spellings_below(node.own).likely(written):
                yield line.respelt(district.start, district.end, name)
