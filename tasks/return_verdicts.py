"""What came back, told by SKU as people and warehouses count it, shared out over the lines of a return."""

from collections.abc import Mapping

from models.database import Connection
from models.errors import SetupError
from models.rules.returns import Line, Verdict
from tasks.return_rows import take_return
from tasks.returned_units import Unit
from tasks.returns import load_lines

MOST_UNITS = 1_000_000


def verdicts_by_sku(conn: Connection, return_id: int, said: Mapping[str, Verdict]) -> dict[Unit, Verdict]:
    """Verdicts per SKU code or barcode as verdicts per line; a SKU on several lines fills the first line first.

    What is too much for all lines of a SKU stays on the last, where `inspect` refuses it. Raises SetupError for a code
    that the return has no line of.
    """
    found = take_return(conn, return_id)
    lines = load_lines(conn, return_id)
    known: dict[str, int] = {}
    for sku_id, code, barcode in conn.execute(
        "select id, code, barcode from sku where id = any(%s)", ([sku_id for _, sku_id in lines],)
    ):
        known |= {code: sku_id} | ({barcode: sku_id} if barcode else {})
    verdicts: dict[Unit, Verdict] = {}
    for code, verdict in said.items():
        if code not in known:
            raise SetupError(f"return {found.no}: cannot be inspected; {code[:64]} was not announced")
        if max(verdict) > MOST_UNITS or min(verdict) < 0:
            raise SetupError(f"return {found.no}: cannot be inspected; {code} has no such number of units")
        places = [(unit, line) for unit, line in lines.items() if unit[1] == known[code]]
        for unit, share in _spread(places, verdict).items():
            before = verdicts.get(unit, Verdict())
            verdicts[unit] = Verdict(*(one + other for one, other in zip(before, share, strict=True)))
    return verdicts


def _spread(places: list[tuple[Unit, Line]], verdict: Verdict) -> dict[Unit, Verdict]:
    left = list(verdict)
    shares: dict[Unit, Verdict] = {}
    for place, (unit, line) in enumerate(places, 1):
        room = line.announced if place < len(places) else sum(left)
        share = []
        for at, units in enumerate(left):
            taken = min(units, room)
            share.append(taken)
            left[at] -= taken
            room -= taken
        shares[unit] = Verdict(*share)
    return shares
