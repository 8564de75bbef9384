"""Making orders that are in order, and saying of each what the review is to find."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from tests.review_sets import world
from tests.review_sets.payloads import Draft, Line, order_info, store, trade
from tests.review_sets.people import People

ROUNDS = 2
"""The orders come in so many rounds of a batch per shop."""

STORES = ("TEAHOUSE", "WEB-EN")
FORMS = {"woocommerce": store, "tmall": trade, "taobao": trade, "jd": order_info}
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Labelled:
    """An order and what is true of it: the codes it is to be held under, none when it is to pass.

    `what` describes it. `near` is the code that it is almost held under. `later` rounds after its case begins it comes.
    """

    order: Draft
    holds: tuple[str, ...]
    what: str
    near: str = ""
    later: int = 0


Case = Sequence[Labelled]
"""Orders that belong together, the earlier first."""


def held(order: Draft, holds: str, what: str, later: int = 0) -> Labelled:
    """An order with a planted defect; `holds` are codes with spaces between."""
    return Labelled(order, tuple(sorted(holds.split())), what, later=later)


def near(order: Draft, code: str, what: str, later: int = 0) -> Labelled:
    """An order in order, that a coarser rule would hold under `code`."""
    return Labelled(order, (), what, near=code, later=later)


def usual(order: Draft, what: str = "", later: int = 0) -> Labelled:
    """An order in order."""
    return Labelled(order, (), what, later=later)


class Maker:
    """Makes orders of new buyers. `shares`: how many of a hundred orders are of each shop; `latin` of its people."""

    def __init__(self, draw: random.Random, shares: dict[str, int], *, latin: bool, first_id: int) -> None:
        self.draw = draw
        self._shares = shares
        taken = {*world.BAD_PHONES, world.ENDED_PHONE}
        self.people = People(draw, taken, latin=latin)
        self._next = first_id
        self._buyer = first_id + 100_000

    def any_shop(self) -> str:
        """One of the shops, as often as its share says."""
        return self.draw.choices(list(self._shares), list(self._shares.values()))[0]

    def a_store(self) -> str:
        """One of the web shops, whose receivers are plain."""
        return self.draw.choice(STORES)

    def a_trade_shop(self) -> str:
        """One of the two shops that share their numbers."""
        return self.draw.choice(("TM-FLAGSHIP", "TB-OUTLET"))

    def order(self, shop: str = "", **changes: Any) -> Draft:
        """An order of a new buyer that nothing is wrong with, changed."""
        shop = shop or self.any_shop()
        created = world.NOW - timedelta(seconds=self.draw.randrange(3_600, 250_000))
        paid = created + timedelta(seconds=self.draw.randrange(20, 900))
        order_id, number = self._number(shop)
        self._buyer += 1
        made = Draft(
            shop=shop,
            id=order_id,
            number=number,
            buyer=self._buyer,
            created=created,
            paid=paid,
            modified=paid + timedelta(seconds=5),
            status="paid",
            lines=self.basket(),
            to=self.people.another(),
            freight_fen=self.draw.choice((0, 0, 0, 600, 1000)),
            billing_only=shop == "WEB-EN" and self.draw.random() < 0.3,
        )
        return replace(made, **_timed(made, changes))

    def again(self, order: Draft, after: timedelta, shop: str = "", **changes: Any) -> Draft:
        """The same buyer buys the same again, so long after the first payment."""
        shop = shop or order.shop
        order_id, number = self._number(shop)
        paid = (order.created if order.cod or order.paid is None else order.paid) + after
        again = replace(
            order,
            shop=shop,
            id=order_id,
            number=number,
            created=paid - timedelta(seconds=15) if not order.cod else paid,
            paid=paid,
            modified=paid + timedelta(seconds=5),
        )
        return replace(again, **_timed(again, changes))

    def basket(self) -> tuple[Line, ...]:
        """One to three SKUs at about their usual prices."""
        codes = self.draw.sample(sorted(set(world.USUAL) - {"GIFT-BAG"}), self.draw.choice((1, 1, 2, 3)))
        return tuple(self.line(code, self.draw.choice((1, 1, 1, 2, 3))) for code in codes)

    def line(self, sku: str, quantity: int = 1, unit_fen: int | None = None, **changes: Any) -> Line:
        """Units of a SKU; without `unit_fen` at its usual price, some of them a little cheaper."""
        title, fen = _article(sku)
        price = fen if unit_fen is None else unit_fen
        off = self.draw.choice((0, 0, 5, 10)) if unit_fen is None else 0
        paid = price * quantity * (100 - off) // 100
        return replace(Line(sku, title, quantity, price, paid), **changes)

    def _number(self, shop: str) -> tuple[int, str]:
        self._next += 1
        match world.SHOPS[shop]:
            case "jd":
                return self._next, f"3123{self._next:08d}"
            case "tmall" | "taobao":
                order_id = 2_900_000_000_000_000_000 + self._next * 100
                return order_id, str(order_id)
            case _:
                return self._next, str(self._next) if shop == "TEAHOUSE" else f"WEB-{self._next}"


def _timed(order: Draft, changes: dict[str, Any]) -> dict[str, Any]:
    """The changes with the times that follow: what is not paid has no payment, what is paid later changed later."""
    found = dict(changes)
    if found.get("status") in {"unpaid", "waiting", "failed"}:
        found.setdefault("paid", None)
    if ({"paid", "created"} & set(found)) and "modified" not in found:
        moments: list[datetime] = [found.get("created", order.created)]
        moments += [paid] if (paid := found.get("paid", order.paid)) else []
        found["modified"] = max(moments) + timedelta(seconds=5)
    return found


def _article(sku: str) -> tuple[str, int]:
    if sku in world.USUAL:
        return world.USUAL[sku]
    if sku in world.LEARNT:
        title, fen, _ = world.LEARNT[sku]
        return title, fen
    return world.UNPRICED.get(sku, "样品"), 9900


def payload_of(order: Draft) -> dict[str, Any]:
    """The order as its platform sends it."""
    return FORMS[world.SHOPS[order.shop]](order)
