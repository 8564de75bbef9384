"""Orders that leave in boxes of every kind: each channel is told exactly what it can take, and once."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.registry import CHANNELS
from deployments.simulation import connect_shops
from models.database import transaction
from models.errors import SetupError
from models.messages import OutboxKind
from models.settings import settings
from tasks.outbox import deliver
from tasks.parcel_numbers import Correction, renumber_parcel
from tasks.reconcile import reconcile
from tasks.send import send
from tests.pipeline.conftest import World, connected_world
from tests.pipeline.orders import order
from tests.pipeline.test_six_stages import through_the_stages, why, work_off
from tests.shared_pool import emptied, shared_pool

NUMBERS: dict[str, Callable[[int], str]] = {
    "taobao": lambda n: str(3_300_000_000_000_000_000 + n),
    "tmall": lambda n: str(3_400_000_000_000_000_000 + n),
    "woocommerce": lambda n: str(44_000 + n),
    "jd": lambda n: str(313_000_000_000 + n),
    "pinduoduo": lambda n: f"261121-{n:015d}",
    "douyin": lambda n: str(6_930_000_000_000_000_000 + n),
}

Boxes = dict[str, dict[int, int]]
"""Pieces of each line in each box, by the box's letter."""


@dataclass(frozen=True)
class Case:
    """How an order leaves: the pieces of its lines, and the warehouse's reports, the last of which closes it."""

    lines: tuple[int, ...]
    reports: tuple[Boxes, ...]


CASES = {
    "whole in one box": Case((2, 1), ({"A": {1: 2, 2: 1}},)),
    "lines in two boxes": Case((2, 1), ({"A": {1: 2}, "B": {2: 1}},)),
    "a line over two boxes": Case((2,), ({"A": {1: 1}, "B": {1: 1}},)),
    "boxes in two reports": Case((2, 1), ({"A": {1: 2}}, {"B": {2: 1}})),
    "closed short": Case((2, 1), ({"A": {1: 1, 2: 1}},)),
}


@dataclass(frozen=True)
class Expected:
    """Per report of the warehouse what the shop was told: `A 1` is box A with line 1, `A` the order; and refusals."""

    told: tuple[str, ...]
    refused: dict[str, str] = field(default_factory=dict)


def _by_line(channel: str) -> dict[str, Expected]:
    one_number = f"line 1 of order {{no}} carries {{A}} already; {channel} takes one number per line"
    return {
        "whole in one box": Expected(("A",)),
        "lines in two boxes": Expected(("A 1, B 2",)),
        "a line over two boxes": Expected(("A",), {"B": one_number}),
        "boxes in two reports": Expected(("A 1", "B 2")),
        "closed short": Expected(("A",)),
        "corrected": Expected(("A", "C 1+2")),
    }


_BY_ORDER = {
    "whole in one box": Expected(("A",)),
    "lines in two boxes": Expected(("A, B",)),
    "a line over two boxes": Expected(("A, B",)),
    "boxes in two reports": Expected(("A", "B")),
    "closed short": Expected(("A",)),
    "corrected": Expected(("A", "C")),
}
_AT_ONCE = _BY_ORDER | {
    "boxes in two reports": Expected(("", "A, B")),
    "corrected": Expected(("A", ""), {"C": "jd takes no correction of a reported number"}),
}
_BY_PIECE = {
    "whole in one box": Expected(("A",)),
    "lines in two boxes": Expected(("A 1, B 2",)),
    "a line over two boxes": Expected(("A 1, B 1",)),
    "boxes in two reports": Expected(("A 1", "B 2")),
    "closed short": Expected(("A 1+2",)),
    "corrected": Expected(("A", "C 1+2")),
}
TABLE: dict[str, dict[str, Expected]] = {
    "taobao": _by_line("taobao"),
    "tmall": _by_line("tmall"),
    "woocommerce": _BY_ORDER,
    "pinduoduo": _BY_ORDER,
    "jd": _AT_ONCE,
    "douyin": _BY_PIECE,
}
TOLD = [name for name, kind in CHANNELS.items() if kind.capabilities.reports_shipping]


class Shops:
    """The simulated shops, one per channel, each with an order per case that has come to its warehouse."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.filled: set[str] = set()
        for channel in TOLD:
            world.sandbox.do("POST", "shops", {"code": f"{channel}-s", "platform": channel})
        connect_shops(world.sandbox.world())

    def order_no(self, channel: str, case: str) -> str:
        """The order of a case, which is in the pool and dispatched."""
        if channel not in self.filled:
            cases = {**CASES, "corrected": CASES["whole in one box"]}
            orders = [self._order(channel, n, kind) for n, kind in enumerate(cases.values(), start=1)]
            self.world.load(f"{channel}-s", orders)
            through_the_stages(f"{channel}-s", run=channel)
            self.filled.add(channel)
        return NUMBERS[channel]([*CASES, "corrected"].index(case) + 1)

    @staticmethod
    def _order(channel: str, number: int, case: Case) -> dict[str, Any]:
        whole = order(number, datetime.now(UTC), no=NUMBERS[channel](number))
        lines = [{**line, "quantity": units} for line, units in zip(whole["lines"], case.lines, strict=False)]
        return {**whole, "lines": lines}

    def report(self, no: str, boxes: Boxes, *, final: bool) -> None:
        """Let the warehouse say that boxes left, and apply it."""
        document, warehouse = self._document(no)
        packages = [
            {
                "package_no": waybill(no, letter),
                "carrier_code": "yuantong",
                "tracking_no": waybill(no, letter),
                "lines": [{"line_no": str(line), "qty": units} for line, units in pieces.items()],
            }
            for letter, pieces in boxes.items()
        ]
        data = {"outbound_no": document, "final": final, "packages": packages}
        self.world.sandbox.do("POST", f"warehouses/{warehouse}/send", {"type": "outbound.shipped", "data": data})
        work_off()

    def _document(self, no: str) -> tuple[str, str]:
        query = """select distinct d.no, w.code from outbound_document d join warehouse w on w.id = d.warehouse_id
                   join allocation a on a.document_id = d.id join orders o on o.id = a.order_id where o.order_no = %s"""
        document, warehouse = self.world.rows(query, no)[0]
        return document, warehouse

    def told(self, channel: str, no: str) -> list[str]:
        """What the shop was told of an order so far: `A 1` is box A with line 1, `A` box A with the order."""
        letters = {waybill(no, letter): letter for letter in "ABC"}
        shown = self.world.sandbox.do("GET", f"shops/{channel}-s/orders/{no}")
        places = {line["line_no"]: str(place) for place, line in enumerate(shown["lines"], start=1)}
        rows = self.world.books()["shops"][f"{channel}-s"]["ship_backs"]
        return [
            f"{letters[row['waybill']]} {'+'.join(sorted(places[line] for line in row['line_nos'] or ()))}".strip()
            for row in rows
            if row["order_no"] == no
        ]

    def refusals(self, no: str) -> dict[str, str]:
        """Why boxes of an order could not be reported, by letter."""
        query = """select distinct p.waybill, x.state, x.last_error from outbox x join parcel p on p.id = x.subject_id
                   join parcel_line l on l.parcel_id = p.id join orders o on o.id = l.order_id
                   where x.kind = 'ship_back' and x.state <> 'delivered' and o.order_no = %s"""
        rows = self.world.rows(query, no)
        assert {row[1] for row in rows} <= {"refused"}
        return {row[0][-1]: row[2] for row in rows}


def waybill(no: str, letter: str) -> str:
    """A number of Yuantong's form of its own for each box."""
    return f"YT{no[-4:]}{sum(map(ord, no)) % 10000:04d}0000{'ABC'.index(letter)}"


def send_reports(channel: str) -> None:
    deliver(f"shop:{channel}-s", send, (OutboxKind.SHIP_BACK,), why())


@pytest.fixture(scope="module")
def shops(postgres: str, hooks_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shops]:
    """All shops on one pool and one sandbox."""
    with (
        shared_pool(postgres, "split_shipping") as url,
        emptied(url),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("ORDERPOOL_PUBLIC_URL", hooks_url)
        settings.cache_clear()
        with connected_world(tmp_path_factory.mktemp("split"), hooks_url) as world:
            yield Shops(world)
    settings.cache_clear()


def test_every_channel_that_is_told_of_parcels_has_a_row() -> None:
    assert set(TOLD) <= TABLE.keys()


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("channel", TOLD)
def test_a_shop_is_told_of_an_orders_boxes_as_its_channel_can_take_them(shops: Shops, channel: str, case: str) -> None:
    no, expected = shops.order_no(channel, case), TABLE[channel][case]
    seen: list[str] = []

    for step, boxes in enumerate(CASES[case].reports, start=1):
        shops.report(no, boxes, final=step == len(CASES[case].reports))
        before = shops.told(channel, no)
        send_reports(channel)
        send_reports(channel)
        seen.append(", ".join(sorted(shops.told(channel, no)[len(before) :])))

    assert tuple(seen) == expected.told
    refused = shops.refusals(no)
    assert refused.keys() == {waybill(no, letter)[-1] for letter in expected.refused}
    for letter, sentence in expected.refused.items():
        names = {letter: waybill(no, letter) for letter in "ABC"}
        assert refused[waybill(no, letter)[-1]].endswith(sentence.format(no=no, **names))
    assert reconcile() == []


@pytest.mark.parametrize("channel", TOLD)
def test_a_corrected_number_reaches_the_shop_where_its_channel_takes_one(shops: Shops, channel: str) -> None:
    no, expected = shops.order_no(channel, "corrected"), TABLE[channel]["corrected"]
    shops.report(no, {"A": {1: 2, 2: 1}}, final=True)
    send_reports(channel)
    wish = Correction(waybill(no, "A"), waybill(no, "C"))

    if expected.refused:
        with transaction() as conn, pytest.raises(SetupError, match=expected.refused["C"]):
            renumber_parcel(conn, wish, why())
    else:
        with transaction() as conn:
            renumber_parcel(conn, wish, why())
    send_reports(channel)

    assert shops.told(channel, no) == [told for told in expected.told if told]
    assert shops.refusals(no) == {}
    assert reconcile() == []
