"""What a shop is told of an order's boxes, for every kind of channel there can be."""

from dataclasses import dataclass
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.base import TrackingUnit
from models.rules.shipping_report import (
    Line,
    NotYet,
    Parcel,
    Refusal,
    Report,
    Shipment,
    Silence,
    Verdict,
    judge,
    reportable,
)


@dataclass(frozen=True)
class Matrix:
    """A channel's limits."""

    tracking_unit: TrackingUnit
    parcels_per_order: int | None = None
    numbers_at_once: bool = False


ORDER, LINE, UNITS = (Matrix(unit) for unit in (TrackingUnit.ORDER, TrackingUnit.LINE, TrackingUnit.UNITS))
MATRICES = [Matrix(*values) for values in product(TrackingUnit, (None, 1, 2), (False, True))]


def shipment(*boxes: dict[int, int], quantities: tuple[int, ...] = (2, 1), closed: tuple[int, ...] = ()) -> Shipment:
    """An order X of lines numbered from 1, whose boxes YT1, YT2 ... hold these pieces of its lines."""
    left = {
        number: max(0, units - sum(box.get(number, 0) for box in boxes))
        for number, units in enumerate(quantities, start=1)
    }
    lines = {
        number: Line(number, f"P{number}", f"SKU-{number}", units, left[number], number in closed)
        for number, units in enumerate(quantities, start=1)
    }
    return Shipment("X", lines, [Parcel(n, "yuantong", f"YT{n}", box) for n, box in enumerate(boxes, start=1)])


def told(verdict: Verdict) -> tuple[dict[int, int], bool, bool, list[str]]:
    """Of a report: pieces, whether it is the whole order, whether it is the last, the other boxes named with it."""
    assert isinstance(verdict, Report)
    return dict(verdict.pieces), verdict.whole, verdict.last, [box.waybill for box in verdict.others]


def said(verdicts: dict[int, Verdict]) -> list[str]:
    """Per box "" for a report, otherwise the sentence."""
    return ["" if isinstance(verdict, Report | Silence) else verdict.sentence for verdict in verdicts.values()]


@pytest.mark.parametrize("matrix", MATRICES)
def test_an_order_in_one_box_is_reported_whole_everywhere(matrix: Matrix) -> None:
    verdicts = judge(shipment({1: 2, 2: 1}), matrix, "c")

    assert told(verdicts[1]) == ({1: 2, 2: 1}, True, True, [])


@pytest.mark.parametrize("matrix", [ORDER, LINE, UNITS])
def test_boxes_of_different_lines_are_reported_each_with_the_ones_before(matrix: Matrix) -> None:
    verdicts = judge(shipment({1: 2}, {2: 1}), matrix, "c")

    assert told(verdicts[1]) == ({1: 2}, False, False, [])
    assert told(verdicts[2]) == ({2: 1}, False, True, ["YT1"])


@pytest.mark.parametrize("matrix", [ORDER, UNITS])
def test_a_line_over_two_boxes_is_reported_in_both_unless_a_line_takes_one_number(matrix: Matrix) -> None:
    verdicts = judge(shipment({1: 1, 2: 1}, {1: 1}), matrix, "c")

    assert told(verdicts[1])[0] == {1: 1, 2: 1}
    assert told(verdicts[2])[0] == {1: 1}


def test_a_line_that_takes_one_number_keeps_that_of_its_first_box() -> None:
    verdicts = judge(shipment({1: 1, 2: 1}, {1: 1}), LINE, "taobao")

    assert told(verdicts[1]) == ({1: 1, 2: 1}, False, True, [])
    assert verdicts[2] == Refusal("line 1 of order X carries YT1 already; taobao takes one number per line")


def test_a_box_with_a_line_that_is_told_and_one_that_is_not_reports_the_latter() -> None:
    verdicts = judge(shipment({1: 1}, {1: 1, 2: 1}), LINE, "taobao")

    assert told(verdicts[2])[0] == {2: 1}


@pytest.mark.parametrize(("most", "words"), [(1, "1 number per order"), (2, "2 numbers per order")])
def test_boxes_beyond_the_numbers_of_an_order_are_refused(most: int, words: str) -> None:
    boxes = [{1: 1}] * (most + 1)

    verdicts = judge(shipment(*boxes, quantities=(most + 1,)), Matrix(TrackingUnit.UNITS, most), "c")

    assert said(verdicts) == [""] * most + [f"order X is in {most + 1} boxes; c takes {words}"]
    assert told(verdicts[most])[2]


def test_a_channel_that_takes_all_numbers_at_once_waits_for_the_last_box() -> None:
    verdicts = judge(shipment({1: 2}), Matrix(TrackingUnit.ORDER, None, True), "jd")

    assert verdicts[1] == NotYet("1 pieces of order X are still to leave; jd takes all its numbers in one call")


def test_a_channel_that_takes_all_numbers_at_once_gets_them_with_every_box() -> None:
    verdicts = judge(shipment({1: 2}, {2: 1}), Matrix(TrackingUnit.ORDER, None, True), "jd")

    assert told(verdicts[1]) == ({1: 2}, False, True, ["YT2"])
    assert told(verdicts[2]) == ({2: 1}, False, True, ["YT1"])


def test_a_box_that_is_not_the_last_to_leave_does_not_end_the_order() -> None:
    assert not told(judge(shipment({1: 2}), ORDER, "c")[1])[2]


def test_a_line_that_the_shop_closed_is_not_reported_with_the_others() -> None:
    verdicts = judge(shipment({1: 2, 2: 1}, closed=(1,)), LINE, "taobao")

    assert told(verdicts[1]) == ({2: 1}, True, True, [])


@pytest.mark.parametrize(("matrix", "whole"), [(ORDER, True), (LINE, False), (UNITS, False)])
def test_a_closed_line_that_is_not_in_the_box_does_not_go_by_its_number(matrix: Matrix, whole: bool) -> None:
    order = shipment({2: 1}, closed=(1,))
    gone = Shipment("X", {**order.lines, 1: Line(1, "P1", "SKU-1", 2, 0, closed=True)}, order.parcels)

    assert told(judge(gone, matrix, "c")[1]) == ({2: 1}, whole, True, [])


def test_a_box_of_closed_lines_only_is_reported_as_it_may_have_closed_them() -> None:
    verdicts = judge(shipment({1: 2}, {2: 1}, closed=(1,)), LINE, "taobao")

    assert [told(verdict)[0] for verdict in verdicts.values()] == [{1: 2}, {2: 1}]
    assert not any(told(verdict)[1] for verdict in verdicts.values())


def test_a_box_with_fewer_pieces_than_ordered_is_not_the_whole_order() -> None:
    short = shipment({1: 1, 2: 1})
    closed_short = Shipment(
        "X",
        {number: Line(number, f"P{number}", "", line.quantity, 0) for number, line in short.lines.items()},
        short.parcels,
    )

    assert told(judge(closed_short, UNITS, "c")[1]) == ({1: 1, 2: 1}, False, True, [])


@given(
    st.sampled_from(MATRICES),
    st.lists(st.integers(1, 4), min_size=1, max_size=4).flatmap(
        lambda quantities: st.tuples(
            st.just(tuple(quantities)),
            st.lists(
                st.dictionaries(st.integers(1, len(quantities)), st.integers(1, 2), min_size=1), min_size=1, max_size=4
            ),
        )
    ),
)
def test_every_box_has_one_answer_and_no_limit_is_passed(
    matrix: Matrix, drawn: tuple[tuple[int, ...], list[dict[int, int]]]
) -> None:
    quantities, boxes = drawn
    order = shipment(*boxes, quantities=quantities)

    verdicts = judge(order, matrix, "c")
    reports = {key: verdict for key, verdict in verdicts.items() if isinstance(verdict, Report)}

    assert verdicts.keys() == {box.id for box in order.parcels}
    assert matrix.parcels_per_order is None or len(reports) <= matrix.parcels_per_order
    if matrix.tracking_unit is TrackingUnit.LINE:
        numbered = [line for report in reports.values() for line in report.pieces]
        assert len(numbered) == len(set(numbered))
    if order.to_come <= 0 and reports:
        assert sum(report.last for report in reports.values()) == (len(reports) if matrix.numbers_at_once else 1)


@pytest.mark.parametrize("matrix", MATRICES)
def test_a_plan_of_one_parcel_can_always_be_reported(matrix: Matrix) -> None:
    assert reportable(matrix, [{1: 2, 2: 1}, {1: 0}]) == ""


@pytest.mark.parametrize(
    ("matrix", "parts", "reason"),
    [
        (LINE, [{1: 2}, {2: 1}], ""),
        (LINE, [{1: 1, 2: 1}, {1: 1}], "line 1 would leave in 2 parcels; 1 number per line can be reported"),
        (UNITS, [{1: 1, 2: 1}, {1: 1}], ""),
        (ORDER, [{1: 1, 2: 1}, {1: 1}], ""),
        (
            Matrix(TrackingUnit.ORDER, 1),
            [{1: 2}, {2: 1}],
            "it would leave in 2 parcels; 1 number per order can be reported",
        ),
        (Matrix(TrackingUnit.ORDER, 2, True), [{1: 2}, {2: 1}], ""),
    ],
)
def test_a_plan_is_refused_where_a_number_would_find_no_place(
    matrix: Matrix, parts: list[dict[int, int]], reason: str
) -> None:
    assert reportable(matrix, parts) == reason


@given(
    st.sampled_from(MATRICES), st.lists(st.dictionaries(st.integers(1, 3), st.integers(1, 2), min_size=1), min_size=1)
)
def test_what_may_be_planned_is_reported_box_by_box(matrix: Matrix, parts: list[dict[int, int]]) -> None:
    quantities = tuple(sum(part.get(line, 0) for part in parts) for line in (1, 2, 3))
    verdicts = judge(shipment(*parts, quantities=quantities), matrix, "c")
    refused = any(isinstance(verdict, Refusal) for verdict in verdicts.values())

    if not reportable(matrix, parts):
        assert not refused


@pytest.mark.parametrize("matrix", [LINE, UNITS])
def test_a_box_of_parts_of_kits_says_nothing_where_pieces_are_named(matrix: Matrix) -> None:
    verdicts = judge(shipment({1: 0}, {1: 2, 2: 1}), matrix, "c")

    assert verdicts[1] == Silence()
    assert told(verdicts[2]) == ({1: 2, 2: 1}, False, True, [])


def test_a_box_of_parts_of_kits_is_a_number_of_its_order() -> None:
    verdicts = judge(shipment({1: 0}, {1: 2, 2: 1}), ORDER, "c")

    assert told(verdicts[1]) == ({1: 0}, False, False, [])
    assert told(verdicts[2]) == ({1: 2, 2: 1}, False, True, ["YT1"])


def test_parts_of_a_kit_do_not_take_the_number_of_its_line() -> None:
    verdicts = judge(shipment({1: 0, 2: 1}, {1: 2}), LINE, "c")

    assert told(verdicts[1])[0] == {2: 1}
    assert told(verdicts[2])[0] == {1: 2}


def test_a_silent_box_takes_none_of_the_numbers_there_may_be() -> None:
    verdicts = judge(shipment({1: 0}, {1: 2, 2: 1}), Matrix(TrackingUnit.UNITS, parcels_per_order=1), "c")

    assert told(verdicts[2])[0] == {1: 2, 2: 1}
