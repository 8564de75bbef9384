"""Whatever happens to the returns of an order, in whatever order: no more comes back than left, stock only for good."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from models.database import transaction
from models.errors import SetupError
from models.rules.returns import Verdict
from tasks.reconcile import reconcile
from tasks.returns import Wish, announce, arrive, call_off, close, inspect, load_lines
from tests.clocks import TickingClock
from tests.fakes import FakePool
from tests.tasks.returning import li, shipped, stock

EXAMPLES = 25
LEFT = {"TEA": 3, "CUP": 2}

STEP = st.one_of(
    st.tuples(st.just("announce"), st.integers(0, 4), st.integers(0, 3)),
    st.tuples(st.sampled_from(["arrive", "call off", "close"]), st.integers(0, 3), st.just(0)),
    st.tuples(st.just("inspect"), st.integers(0, 3), st.integers(0, 26)),
)


def take(order_id: int, known: list[int], step: tuple[str, int, int]) -> None:
    """Do one thing, to a return that is there or to the order; what cannot be is refused as a whole."""
    what, first, second = step
    with transaction() as conn:
        if what == "announce":
            known.append(announce(conn, Wish(order_id, {1: first, 2: second}, "too large"), li()).id)
            return
        if first >= len(known):
            return
        return_id = known[first]
        ways: dict[str, Callable[[], Any]] = {
            "arrive": lambda: arrive(conn, return_id, "WH-B", li()),
            "call off": lambda: call_off(conn, return_id, "keeps it", li()),
            "close": lambda: close(conn, return_id, "scrapped", li()),
            "inspect": lambda: inspect(conn, return_id, judged(conn, return_id, second), li()),
        }
        ways[what]()


def judged(conn: Any, return_id: int, drawn: int) -> dict[tuple[int, int], Verdict]:
    """Verdicts drawn for each line, which may be more than was announced."""
    verdict = Verdict(drawn % 3, drawn // 3 % 3, drawn // 9 % 3)
    return dict.fromkeys(load_lines(conn, return_id), verdict)


def test_goods_are_conserved(pool: FakePool, ticking: TickingClock) -> None:
    pool.stock(TEA=1000, CUP=1000)

    @given(steps=st.lists(STEP, min_size=3, max_size=14))
    @settings(max_examples=EXAMPLES, deadline=None)
    def play(steps: list[tuple[str, int, int]]) -> None:
        order_id = shipped(pool, LEFT)
        before = lying(pool)
        known: list[int] = []
        for step in steps:
            with suppress(SetupError):
                take(order_id, known, step)
        assert all(units <= LEFT[sku] for sku, units in of_returns(pool, order_id, COUNTED).items())
        good = of_returns(pool, order_id, "l.good")
        assert {sku: units - before[sku] for sku, units in lying(pool).items()} == {
            sku: good.get(sku, 0) for sku in LEFT
        }
        assert pool.untrue() == []

    play()
    assert reconcile() == []


COUNTED = """case when r.state = 'called_off' then 0 when r.state in ('inspected', 'closed') then l.good + l.defect
             else l.quantity end"""


def of_returns(pool: FakePool, order_id: int, what: str) -> dict[str, int]:
    """A number of each line of an order's returns, added up per SKU."""
    return dict(
        pool.rows(
            f"""select k.code, sum({what})::int from return_order r join return_line l on l.return_id = r.id
                join sku k on k.id = l.sku_id where r.order_id = %s group by 1""",
            order_id,
        )
    )


def lying(pool: FakePool) -> dict[str, int]:
    """How many units of each SKU lie in both warehouses."""
    return {sku: stock(pool, sku) + stock(pool, sku, "WH-B") for sku in LEFT}
