"""From the numbers that people know orders by to the orders themselves."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from models.database import Connection


@dataclass(slots=True)
class Numbered:
    """Orders by id, each with its number and its shop's code; a sentence for each other number."""

    orders: dict[int, tuple[str, str]] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)


def by_numbers(conn: Connection, nos: Sequence[str], shop: str = "") -> Numbered:
    """The orders of these numbers, in the order of the numbers, each once.

    `shop` (its code) tells apart orders of several shops with one number.
    """
    asked = list(dict.fromkeys(no.strip() for no in nos))
    found: dict[str, list[tuple[int, str]]] = {}
    for no, order_id, code in conn.execute(
        """select o.order_no, o.id, s.code from orders o join shop s on s.id = o.shop_id
           where o.order_no = any(%s) and (%s = '' or s.code = %s) order by s.code, o.id""",
        (asked, shop, shop),
    ):
        found.setdefault(no, []).append((order_id, code))
    numbered = Numbered()
    for no in asked:
        match found.get(no, []):
            case [(order_id, code)]:
                numbered.orders[order_id] = (no, code)
            case []:
                numbered.refused.append(f"order {no}: is not in the pool" + (f" as an order of {shop}" if shop else ""))
            case several:
                numbered.refused.append(f"order {no}: {_several(sorted({code for _, code in several}), len(several))}")
    return numbered


def _several(shops: list[str], orders: int) -> str:
    way_out = ": name one with --shop" if len(shops) > 1 else ""
    return f"{orders} orders of {', '.join(shops)} have this number{way_out}"
