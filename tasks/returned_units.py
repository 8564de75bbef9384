"""What of an order was shipped, and what of that counts as returned: never more, however many returns there are."""

from collections import Counter, defaultdict
from collections.abc import Mapping

from models.database import Connection
from models.rules.kits import whole_kits
from models.rules.returns import Line, ReturnState, Verdict, counted, worth_fen

Unit = tuple[int, int]
"""Line and SKU id: of an order line of a kit there is one per component."""


def take_shipped(conn: Connection, order_id: int) -> Counter[Unit]:
    """The units of an order that left, locked: whoever opens a return of it waits for the others that do.

    To be called before any other return is opened in the transaction, or in ascending order of the orders.
    """
    rows = conn.execute(
        """select line_no, sku_id, shipped from allocation where order_id = %s
           order by line_no, sku_id, warehouse_id for update""",
        (order_id,),
    ).fetchall()
    shipped: Counter[Unit] = Counter()
    for line_no, sku_id, units in rows:
        shipped[line_no, sku_id] += units
    return shipped


def returned_units(conn: Connection, order_id: int) -> Counter[Unit]:
    """The units of an order that its returns count: announced and not looked at yet, or truly here again."""
    units: Counter[Unit] = Counter()
    for line_no, sku_id, state, announced, *verdict in conn.execute(
        """select l.line_no, l.sku_id, r.state, l.quantity, l.good, l.defect, l.wrong, l.empty
           from return_order r join return_line l on l.return_id = r.id where r.order_id = %s""",
        (order_id,),
    ):
        units[line_no, sku_id] += counted(ReturnState(state), Line(announced, Verdict(*verdict)))
    return units


def kits_of(conn: Connection, order_id: int) -> dict[int, dict[int, int]]:
    """What one piece of each line that sells a kit is made of: units per SKU id."""
    kits: dict[int, dict[int, int]] = defaultdict(dict)
    for line_no, sku_id, per_unit in conn.execute(
        "select line_no, sku_id, per_unit from line_component where order_id = %s", (order_id,)
    ):
        kits[line_no][sku_id] = per_unit
    return dict(kits)


def pieces_in(units: Mapping[Unit, int], kits: Mapping[int, Mapping[int, int]]) -> Counter[int]:
    """How many pieces of each line these units are; of a kit only whole ones count."""
    of_line: dict[int, dict[int, int]] = defaultdict(dict)
    for (line_no, sku_id), number in units.items():
        of_line[line_no][sku_id] = number
    return Counter(
        {
            line_no: whole_kits(kits[line_no], of) if line_no in kits else sum(of.values())
            for line_no, of in of_line.items()
        }
    )


def paid_for(conn: Connection, order_id: int, pieces: Mapping[int, int]) -> int:
    """What the buyer paid for so many pieces of each line, in fen."""
    rows = conn.execute("select line_no, quantity, paid_fen from order_line where order_id = %s", (order_id,))
    return sum(worth_fen(pieces.get(line_no, 0), quantity, paid_fen) for line_no, quantity, paid_fen in rows)
