"""A load test's shape, its figures and its verdict, without running one."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deployments.loadtest import Load
from deployments.loadtest_books import PoolBooks, compare
from deployments.loadtest_meter import Meter, _of_tree
from deployments.loadtest_shape import USUAL, per_second, read_shape, turns
from deployments.loadtest_verdict import Held, Outcome, percentile, saturated, verdict
from models.errors import SetupError


def test_the_shipped_shape_is_a_day_of_real_orders() -> None:
    shape = read_shape(USUAL)

    assert (len(shape), sum(shape), shape.index(max(shape))) == (24, 99441, 16)


@pytest.mark.parametrize("orders", [1, 1699, 180_000])
def test_every_order_of_the_wish_comes_in_some_second(orders: int) -> None:
    counts = per_second(read_shape(USUAL), orders, 1800)

    assert (len(counts), sum(counts), min(counts) >= 0) == (1800, orders, True)


def test_every_hour_takes_an_equal_part_of_the_seconds() -> None:
    counts = per_second([0, 10, 30, 0], 400, 20)

    assert (sum(counts[:10]), sum(counts[10:])) == (100, 300)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("hour,orders\n24,1", "the hour is from 0 to 23"),
        ("hour,orders\nx,1", "no whole hour and orders"),
        ("a,b\n1,1", "no whole hour and orders"),
        ("hour,orders\n3,0", "no hour has an order"),
    ],
)
def test_a_wrong_shape_is_named(folder: Path, text: str, complaint: str) -> None:
    (folder / "shape.csv").write_text(text)

    with pytest.raises(SetupError, match=complaint):
        read_shape(folder / "shape.csv")


def test_a_shape_that_is_not_there_is_named(folder: Path) -> None:
    with pytest.raises(SetupError, match=r"none\.csv: cannot be read"):
        read_shape(folder / "none.csv")


def test_turns_mix_the_shops_evenly_and_keep_their_shares() -> None:
    assert turns({"A": 3, "B": 1}) == ["A", "A", "B", "A"]


@pytest.mark.parametrize(("orders", "seconds"), [(0, 60), (10, 5)])
def test_a_load_that_cannot_be_replayed_is_refused(orders: int, seconds: int) -> None:
    with pytest.raises(SetupError, match="cannot be replayed"):
        Load(orders, seconds, [1])


@pytest.mark.parametrize(("percent", "value"), [(50, 2.0), (75, 3.0), (99, 4.0), (100, 4.0)])
def test_a_percentile_is_the_nearest_rank(percent: float, value: float) -> None:
    assert percentile([3, 1, 4, 2], percent) == value


GOOD = Outcome(
    orders=1000,
    seconds=50,
    waits_s=[1.0] * 989 + [9.0] * 10,
    best_minute=600,
    lost=0,
    doubled=0,
    untied=(),
    held=(Held("REMARK", 1),),
    cpu_s={"postgres": 4.0, "live": 6.0},
    cores={"postgres": 0.4, "live": 0.6},
    machine_cores=2,
    peaks={"inbox wms:WH-E": (12, 3.0)},
)


def test_a_good_outcome_passes_and_says_its_figures() -> None:
    told = "\n".join(verdict(GOOD, 60))

    for part in (
        "20.0 orders/s mean",
        "10.0 orders/s in the best minute",
        "p99 9.0 s",
        "1 REMARK",
        "live 6 s (6.00 ms",
    ):
        assert part in told, part
    assert told.endswith("PASSED")


@pytest.mark.parametrize(
    ("change", "obstacle"),
    [
        ({"lost": 2}, "2 orders are lost"),
        ({"doubled": 1}, "1 are doubled"),
        ({"untied": ["order 1: odd"]}, "1 facts do not tie out, first: order 1: odd"),
        ({"waits_s": [61.0] * 100}, "p99 is 61.0 s, wanted at most 60 s"),
        ({"waits_s": []}, "no order reached a warehouse"),
        ({"unfinished": ["3 orders still wait 900 s later"]}, "3 orders still wait 900 s later"),
    ],
)
def test_what_is_wrong_is_in_the_way(change: dict[str, Any], obstacle: str) -> None:
    assert verdict(replace(GOOD, **change), 60)[-1] == f"NOT PASSED: {obstacle}"


@pytest.mark.parametrize(
    ("cores", "first"),
    [
        ({"live": 1.0, "postgres": 0.9}, "the processor: 1.90 of 2 cores"),
        ({"live": 0.95, "postgres": 0.3}, "live, which keeps one core busy"),
        ({"live": 0.5}, "nothing: 0.50 of 2 cores"),
        ({}, "not known"),
    ],
)
def test_what_gives_way_first_is_named(cores: dict[str, float], first: str) -> None:
    assert saturated(replace(GOOD, cores=cores)).startswith(first)


POOL = PoolBooks([1.0], 1, [], frozenset({("woo-1", "A3")}), frozenset({("OB1", "A1"), ("OB1", "A2")}))


def books(*papers: tuple[str, list[str]], orders: tuple[str, ...] = ("A1", "A2", "A3")) -> dict[str, Any]:
    documents = [{"outbound_no": no, "version": 1, "order_nos": order_nos} for no, order_nos in papers]
    return {
        "warehouses": {"WH-E": {"documents": documents}},
        "shops": {"woo-1": {"orders": list(orders), "ship_backs": []}},
    }


@pytest.mark.parametrize(
    ("papers", "lost", "doubled"),
    [
        ([("OB1", ["A1", "A2"])], 0, 0),
        ([("OB1", ["A1", "A2"]), ("OB1", ["A1", "A2"])], 0, 1),  # under a second message id
        ([("OB1", ["A1", "A2"]), ("OB9", ["A1"])], 0, 1),  # a document that the pool does not know
        ([], 4, 0),  # two orders that nobody heard of, two papers that were noted as handed over
    ],
)
def test_the_books_show_what_is_lost_and_doubled(papers: list[Any], lost: int, doubled: int) -> None:
    found = compare(POOL, books(*papers), {"woo-1": 3})

    assert (found.lost, found.doubled) == (lost, doubled)


def test_cpu_of_a_group_leaves_out_the_groups_below_it() -> None:
    seconds, children = {1: 1.0, 2: 2.0, 3: 4.0, 4: 8.0}, {1: [2, 3], 3: [4]}

    assert (_of_tree(1, {3}, seconds, children), _of_tree(3, {1}, seconds, children)) == (3.0, 12.0)


def test_the_busiest_minute_is_the_one_that_kept_most_cores_busy() -> None:
    meter = Meter({"live": lambda: None})
    meter.busy = [(float(at), {"live": used}, 30.0) for at, used in ((30, 3.0), (60, 30.0), (90, 24.0), (120, 3.0))]

    assert meter.busiest() == {"live": 54 / 60}
