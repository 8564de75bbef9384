"""Write the labelled orders of tests/data/review: `python -m tests.review_sets.generate`.

Nothing of the product is imported: what the orders are to be held under is said here by who plants the defects, after
docs/review.md and the expectations of models/rules/order_batch.yaml, and not by what the rules make of them.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.review_sets import buyers, goods, money, places, wishes, world
from tests.review_sets.making import ROUNDS, Case, Labelled, Maker, held, payload_of, usual
from tests.review_sets.wording import FIRST, SECOND, Words

FOLDER: Final = Path(__file__).parents[1] / "data" / "review"


@dataclass(frozen=True)
class Style:
    """A set: its seed, its wordings, how many of a hundred orders are of each shop, and how many are quite usual."""

    seed: int
    words: Words
    shares: dict[str, int]
    latin: bool
    usual: int


SETS: Final = {
    "first": Style(
        1, FIRST, {"TEAHOUSE": 40, "WEB-EN": 15, "TM-FLAGSHIP": 20, "TB-OUTLET": 10, "JD-POP": 15}, False, 160
    ),
    "second": Style(
        20261111, SECOND, {"TEAHOUSE": 15, "WEB-EN": 30, "TM-FLAGSHIP": 15, "TB-OUTLET": 20, "JD-POP": 20}, True, 160
    ),
}


def lines_of(style: Style) -> list[str]:
    """The orders of a set, one JSON text each, in the order in which they come in: by round, shop and time."""
    draw = random.Random(style.seed)
    first_id = 50_000 + style.seed % 1000 * 100
    maker = Maker(draw, style.shares, latin=style.latin, first_id=first_id)
    cases = [(_first_round(case, draw), case) for case in _cases(maker, style)]
    placed = [(first + one.later, one) for first, case in cases for one in case]
    shops = list(world.SHOPS)
    placed.sort(key=lambda pair: (pair[0], shops.index(pair[1].order.shop), pair[1].order.modified, pair[1].order.id))
    return [json.dumps(_row(number, one), ensure_ascii=False, separators=(",", ":")) for number, one in placed]


def _first_round(case: Case, draw: random.Random) -> int:
    return draw.randrange(ROUNDS - max(one.later for one in case))


def _row(number: int, one: Labelled) -> dict[str, Any]:
    return {
        "round": number,
        "shop": one.order.shop,
        "holds": list(one.holds),
        "near": one.near,
        "what": one.what,
        "payload": payload_of(one.order),
    }


def _cases(m: Maker, style: Style) -> Iterator[Case]:
    words = style.words
    for with_maker in (
        buyers.repeats, buyers.repeats_that_are_none, buyers.blacklisted, buyers.nearly_blacklisted,
        buyers.duplicates, buyers.no_duplicates, money.amounts, money.believable_amounts, money.sums,
        money.sums_that_tie, money.prices, money.usual_prices, money.dear, money.not_so_dear,
        goods.unknown, goods.known, goods.quantities, goods.believable_quantities, goods.presales, goods.on_sale,
        places.written_otherwise, places.undeliverable, places.next_door, places.fields, places.believable_fields,
        wishes.refunds, wishes.no_refunds, wishes.payments, wishes.paid_after_all, _two_at_once,
    ):  # fmt: skip
        yield from with_maker(m)
    for with_words in (
        places.nowhere, wishes.incomplete_invoices, wishes.complete_invoices, wishes.stopping_notes,
        wishes.harmless_notes,
    ):  # fmt: skip
        yield from with_words(m, words)
    for _ in range(style.usual):
        yield [usual(m.order())]


def _two_at_once(m: Maker) -> Iterator[Case]:
    """Orders with two defects are held under both."""
    first = m.order("TEAHOUSE", lines=(m.line("RARE-1988", 1, 1_200_000),))
    again = m.again(first, buyers.SECOND * 90)
    yield [held(first, "HIGH_VALUE", "dear"), held(again, "HIGH_VALUE REPEATED", "dear, and twice")]
    bad_buyer = m.order("TM-FLAGSHIP", buyer=70001, note="先别发货")
    yield [held(bad_buyer, "BLACKLISTED REMARK", "somebody of the list who asks to wait")]
    dear_wish = m.order("WEB-EN", lines=(m.line("RARE-1988", 1, 1_500_000),), invoice={"title": "云帆科技有限公司"})
    yield [held(dear_wish, "BAD_INVOICE HIGH_VALUE", "dear, for a company without a number")]
    strange = m.order("JD-POP", lines=(m.line("NO-SUCH", 1, 5000),), note="请改地址")
    yield [held(strange, "REMARK UNKNOWN_SKU", "a strange code and a wish for another address")]
    unpaid = m.order("TEAHOUSE", status="unpaid", note="我要换个颜色")
    yield [held(unpaid, "REMARK UNPAID", "not paid, and another colour wanted")]
    cheap = m.order("TB-OUTLET", lines=(m.line("POT-ZS", 1, 680, refund="WAIT_SELLER_AGREE"),))
    yield [held(cheap, "ODD_PRICE REFUNDING", "a price with a slip, and a refund asked for")]
    early = m.order("WEB-EN", lines=(m.line("XMAS-26-A", 1, 19900),), note="Please change the delivery address")
    yield [held(early, "PRESALE REMARK", "a presale with a wish for another address")]


def world_text() -> str:
    """The world as its file has it."""
    return json.dumps(world.as_json(), ensure_ascii=False, indent=1) + "\n"


def main() -> None:
    """Write the world and both sets."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "world.json").write_text(world_text(), "utf-8")
    for name, style in SETS.items():
        (FOLDER / f"{name}.jsonl").write_text("\n".join(lines_of(style)) + "\n", "utf-8")


if __name__ == "__main__":
    main()
