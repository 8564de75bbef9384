"""The receiver or sender on a label or a slip: name and phone in one line, region and address below."""

from dataclasses import dataclass

from tasks.paper.lettering import printable, wrap
from tasks.paper.pages import Block
from tasks.paper.sheet import Sheet, line_height


@dataclass(frozen=True, slots=True)
class Party:
    """Who gets or sends a parcel, masked or in clear as whoever prints it may show."""

    name: str
    phone: str
    region: str
    address: str


def party_block(x: float, width: float, mark: str, party: Party, size: float) -> Block:
    """A party behind its mark, such as 收; name and phone in letters a fifth larger than `size`."""
    large, inner = size * 1.2, x + line_height(size) * 1.6
    who = wrap(f"{printable(party.name, 30)}  {printable(party.phone, 30)}", x + width - inner, large, 2)
    where = wrap(printable(f"{party.region} {party.address}", 240), x + width - inner, size, 4)

    def draw(sheet: Sheet, y: float) -> None:
        sheet.text(x, y, mark, large)
        sheet.lines(inner, sheet.lines(inner, y, who, large), where, size)

    return Block(len(who) * line_height(large) + len(where) * line_height(size), draw)
