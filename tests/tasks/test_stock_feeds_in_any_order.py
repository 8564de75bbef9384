"""However late, often and mixed feeds and reports on documents come: the shelf is the same as if each came in time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from models.database import Connection, connect
from models.feeds import Counts
from tests.fakes import FakePool
from tests.tasks.feeding import dispatched, feed, leave, standing, tell

UNITS = (5, 3, 4)
THERE = 20
KINDS = (Counts.PHYSICAL, Counts.NET_OF_SHIPPED, Counts.AVAILABLE)

Tell = Callable[[Connection, Sequence[str]], object]


@dataclass(frozen=True)
class Step:
    """Something that happens in the warehouse: to a document, to the goods, or a count of them."""

    what: str
    document: int
    units: int
    counts: Counts


@dataclass
class Warehouse:
    """What truly lies in a warehouse, and what of it is kept for which document."""

    there: int
    state: list[str]
    open: list[int]

    def counted(self, counts: Counts) -> int:
        packed = sum(n for n, state in zip(self.open, self.state, strict=True) if state == "packed")
        accepted = sum(n for n, state in zip(self.open, self.state, strict=True) if state == "accepted")
        return self.there - {Counts.PHYSICAL: 0, Counts.NET_OF_SHIPPED: packed}.get(counts, packed + accepted)

    def happen(self, step: Step, minute: int) -> Tell | None:
        """Let a step happen; gives the report of it, None where nothing is told or nothing happened."""
        at, kind, n = minute, step.what, step.document
        if kind == "count":
            units, counts = self.counted(step.counts), step.counts
            return lambda conn, _: feed(conn, {"TEA": units}, at, counts)
        if kind in ("lost", "broken", "found"):
            change = step.units if kind == "found" else -min(step.units, self.there - sum(self.open))
            self.there += change
            if kind == "lost" or not change:
                return None
            return lambda conn, _: feed(conn, {"TEA": change}, at, Counts.CHANGE)
        return self.work(kind, n, min(step.units, self.open[n]), at)

    def work(self, kind: str, n: int, units: int, at: int) -> Tell | None:
        """What the warehouse does with a document."""
        nexts = {"": ("accepted",), "accepted": ("packed", "cancelled", "part"), "packed": ("cancelled", "part", "all")}
        if kind not in nexts.get(self.state[n], ()) or not self.open[n]:
            return None
        if kind in ("accepted", "packed", "cancelled"):
            self.state[n] = kind
            return lambda conn, nos: tell(conn, kind, nos[n], at)
        left = self.open[n] if kind == "all" else units
        self.open[n] -= left
        self.there -= left
        self.state[n] = "packed" if self.open[n] else "gone"
        final = not self.open[n]
        return lambda conn, nos: leave(conn, nos[n], at, left, final=final)


STEPS = st.lists(
    st.builds(
        Step,
        st.sampled_from(
            ["count", "count", "lost", "broken", "found", "accepted", "packed", "part", "all", "cancelled"]
        ),
        st.integers(0, len(UNITS) - 1),
        st.integers(1, 4),
        st.sampled_from(KINDS),
    ),
    min_size=4,
    max_size=16,
)


def told(steps: Sequence[Step]) -> tuple[list[tuple[str, Tell]], Warehouse]:
    """The reports of what happened, each with whom it is about, and how things stand in the end."""
    warehouse = Warehouse(THERE, [""] * len(UNITS), list(UNITS))
    reports = []
    for minute, step in enumerate(steps, 1):
        if report := warehouse.happen(step, minute):
            about = "feed" if step.what in ("count", "lost", "broken", "found") else str(step.document)
            reports.append((about, report))
    return reports, warehouse


def as_told(nos: Sequence[str], reports: Sequence[tuple[str, Tell]]) -> tuple[object, ...]:
    """How the shelf stands after these reports in this order; nothing of it stays."""
    with connect() as conn:
        try:
            for _, report in reports:
                report(conn, nos)
            wrong = conn.execute(
                """select s.on_hand, p.on_hand, p.locked, s.locked from stock s join sku_pool p using (sku_id)
                   where s.on_hand <> p.on_hand or s.locked <> p.locked or s.on_hand <> s.opening + (
                     select coalesce(sum(quantity), 0) from stock_movement m where m.sku_id = s.sku_id)"""
            ).fetchall()
            assert wrong == []
            return standing(conn)
        finally:
            conn.rollback()


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    phases=[Phase.generate, Phase.shrink],
)
@given(STEPS, st.randoms(use_true_random=False))
def check(pool: FakePool, nos: list[str], steps: list[Step], chance: Random) -> None:
    reports, warehouse = told(steps)
    in_time = as_told(nos, reports)
    assert as_told(nos, shuffled(reports, chance)) == in_time
    counted = [n for n, step in enumerate(steps) if step.what == "count"]
    if counted and not any(step.what == "lost" for step in steps[counted[-1] :]):
        on_hand, _, missing = in_time
        assert int(str(on_hand)) - int(str(missing)) == warehouse.there


def shuffled(reports: Sequence[tuple[str, Tell]], chance: Random) -> list[tuple[str, Tell]]:
    """Feeds anywhere, some of them twice; what is told of one document stays in its order."""
    places = [(about, chance.random()) for about, _ in reports]
    own = {about: sorted(place for one, place in places if one == about) for about, _ in places if about != "feed"}
    mixed = [
        (place if about == "feed" else own[about].pop(0), about, report)
        for (about, place), (_, report) in zip(places, reports, strict=True)
    ]
    again = [
        (chance.random(), about, report) for _, about, report in mixed if about == "feed" and chance.random() < 0.3
    ]
    return [(about, report) for _, about, report in sorted([*mixed, *again], key=lambda one: one[0])]


def test_a_late_feed_equals_one_that_came_in_time(pool: FakePool) -> None:
    pool.stock(TEA=THERE)
    nos = dispatched(pool, *UNITS)

    check(pool, nos)
