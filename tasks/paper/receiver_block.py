"""The receiver on a label or a slip: name and phone in one line, region and address below."""

from dataclasses import dataclass

from tasks.paper.lettering import printable, wrap
from tasks.paper.sheet import Sheet, line_height


@dataclass(frozen=True, slots=True)
class Party:
    """Who gets or sends a parcel, masked or in clear as whoever prints it may show."""

    name: str
    phone: str
    region: str
    address: str


def draw_party(sheet: Sheet, x: float, y: float, width: float, mark: str, party: Party, size: float) -> float:
    """Draw a party behind its mark, such as 收; returns where the next thing would begin."""
    mark_w = line_height(size) * 1.6
    sheet.text(x, y, mark, size * 1.2)
    who = wrap(printable(f"{party.name}  {party.phone}", 80), width - mark_w, size * 1.2, 2)
    where = wrap(printable(f"{party.region} {party.address}", 240), width - mark_w, size, 4)
    y = sheet.lines(x + mark_w, y, who, size * 1.2)
    return sheet.lines(x + mark_w, y, where, size)
