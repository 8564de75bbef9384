"""Whatever is merged, un-merged, refunded or cancelled, in any order: nothing of an order is lost or doubled."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.database import transaction
from models.messages import OutboxKind
from models.rules.purposes import Purpose
from tasks.confirm import apply_confirmations
from tasks.merging import merge_by_hand, unmerge_by_hand
from tasks.outbox import Pending, deliver_due
from tasks.reconcile import reconcile
from tasks.render import render_outbound
from tests.clocks import TickingClock, in_force
from tests.fakes import FakePool, payload, why
from tests.shared_pool import emptied
from tests.tasks.merged import cause, finished, person, resumed, through, validated

KINDS = (OutboxKind.OUTBOUND_CREATED, OutboxKind.OUTBOUND_CANCEL)
BASKETS = st.lists(
    st.dictionaries(st.sampled_from(["TEA", "CUP"]), st.integers(1, 3), min_size=1), min_size=2, max_size=4
)
DEEDS = st.lists(
    st.tuples(
        st.sampled_from(["merge", "unmerge", "unmerge", "cancel", "change", "deliver", "yes", "no", "resume"]),
        st.integers(0, 3),
    ),
    min_size=2,
    max_size=6,
)


class Story:
    """A pool with orders of one receiver, and what is done to them."""

    def __init__(self, baskets: Sequence[Mapping[str, int]]) -> None:
        self.pool = FakePool()
        self.pool.stock(TEA=60, CUP=60)
        self.pool.execute("update warehouse set daily_limit = 9")
        self.baskets = {number: dict(basket) for number, basket in enumerate(baskets, 1)}
        self.minute = 0
        batch_id = validated(self.pool, *baskets)
        through(batch_id)
        finished(self.pool, batch_id)

    def do(self, deed: str, place: int) -> None:
        order_id = 1 + place % len(self.baskets)
        match deed:
            case "merge":
                merge_by_hand(list(self.baskets), "together", person())
            case "unmerge":
                unmerge_by_hand([order_id], "alone", person())
            case "cancel":
                self.news(order_id, "cancelled")
            case "change":
                self.baskets[order_id] = {sku: 4 - units for sku, units in self.baskets[order_id].items()}
                self.news(order_id, "processing")
            case "deliver":
                deliver_due(_take_all, KINDS, cause())
            case "yes":
                self.answer("cancelled")
            case "no":
                self.answer("cancel_failed")
            case _:
                resumed(self.pool)

    def news(self, order_id: int, status: str) -> None:
        """The shop has another version of an order; it goes to the same receiver and buyer."""
        self.minute += 1
        known = payload(order_id, self.minute, status, units=self.baskets[order_id])
        self.pool.take([known], run=f"news-{self.minute}")
        for batch_id in self.pool.open_batches():
            finished(self.pool, batch_id)
            self.pool.execute("update batch set state = 'abandoned' where id = %s", batch_id)

    def answer(self, kind: str) -> None:
        """The warehouse says so of every document it was asked for."""
        nos = self.pool.rows(
            """select d.no from outbound_document d join outbox x on x.subject_id = d.id
               where x.kind = 'outbound.cancel_requested' and x.state = 'delivered' order by 1"""
        )
        with transaction() as conn:
            for number, (no,) in enumerate(nos):
                envelope = {"type": f"outbound.{kind}", "data": {"outbound_no": no}}
                apply_confirmations(conn, [(number, "WH-A", envelope)], cause())

    def check(self) -> None:
        assert self.pool.untrue() == []
        self.check_units()
        self.check_money()

    def check_units(self) -> None:
        """A dispatched or routed order has all its lines in allocations and locks, each once."""
        for table, more in (("allocation", ""), ("lock", "and x.state = 'open' and x.warehouse_id is not null")):
            wrong = self.pool.rows(
                f"""select s.order_id, l.line_no from order_state s join order_line l on l.order_id = s.order_id
                    where s.stage in ('routed', 'dispatched') and l.quantity <> (
                      select coalesce(sum(x.quantity), 0) from {table} x
                      where x.order_id = l.order_id and x.line_no = l.line_no and x.sku_id = l.sku_id {more})"""
            )
            assert wrong == [], table

    def check_money(self) -> None:
        """Documents that may leave ship the lines of their orders, and what these cost in all."""
        rows = self.pool.rows(
            """select distinct d.id, a.order_id, o.total_fen from outbound_document d
               join allocation a on a.document_id = d.id join orders o on o.id = a.order_id order by 1, 2"""
        )
        with transaction() as conn:
            bodies = render_outbound(conn, sorted({row[0] for row in rows}), Purpose.INSTRUCTION, why())
        totals: Counter[int] = Counter()
        for document_id, _, total_fen in rows:
            totals[document_id] += total_fen
        assert {i: body["totals"]["amount"] for i, body in bodies.items()} == {
            i: f"{total // 100}.{total % 100:02d}" for i, total in totals.items()
        }


def _take_all(counterpart: str, pending: Sequence[Pending]) -> dict[int, Callable[[], None]]:
    return {message.id: lambda: None for message in pending}


def happens(url: str, baskets: Sequence[Mapping[str, int]], deeds: Sequence[tuple[str, int]]) -> Any:
    """Let it happen, look after every deed, and let the reconciler look at the end."""
    with emptied(url), in_force(TickingClock(timedelta(seconds=1))):
        story = Story(baskets)
        story.check()
        for deed in deeds:
            story.do(*deed)
            story.check()
        story.do("resume", 0)
        story.do("deliver", 0)
        story.check()
        return reconcile()


@settings(max_examples=8, deadline=None)
@given(BASKETS, DEEDS)
def test_nothing_is_lost_or_doubled(
    stage_database: str, baskets: list[dict[str, int]], deeds: list[tuple[str, int]]
) -> None:
    assert happens(stage_database, baskets, deeds) == []


@pytest.mark.long
@settings(max_examples=150, deadline=None)
@given(BASKETS, DEEDS)
def test_nothing_is_lost_or_doubled_in_the_long_run(
    stage_database: str, baskets: list[dict[str, int]], deeds: list[tuple[str, int]]
) -> None:
    assert happens(stage_database, baskets, deeds) == []
