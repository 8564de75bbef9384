"""Everything that happens to stock, in any order: real stages on a real pool, beside a model that predicts them."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from tasks.orders_under_way import ENTRY
from tasks.reconcile import reconcile
from tests.stock.invariants import broken_rules
from tests.stock.machine_orders import WAY
from tests.stock.machine_warehouses import Warehousing
from tests.stock.model import ModelOrder
from tests.stock.world import SKUS

BY_PEOPLE = ("CHANGED_LATE", "SHIPPED_SHORT", "WMS_REFUSED", "SKIPPED")

STANDS = frozenset(stage.value for stage in ENTRY.values())
"""Where an order stands that no warehouse has."""


class StockMachine(Warehousing):
    """After every step pool and model agree and no rule is broken."""

    # -- waits that end

    @rule(minutes=st.sampled_from([1, 31, 11, 26 * 60]), to=WAY)
    def resume(self, minutes: int, to: int) -> None:
        self.world.tick(minutes=minutes, seconds=1)
        expires = self.world.rows(
            """select o.order_no::int, min(k.expires_at) from orders o join lock k on k.order_id = o.id
               where k.state = 'open' group by 1"""
        )
        for order in self.model.orders.values():
            order.expires_at = dict(expires).get(order.version.no)
        batches = self.world.resume().batch_ids
        self.batches += batches
        self.model.expire(self.world.at)
        self.model.keep_promises(SKUS)
        self.adopt_batches()
        for batch in batches:
            self._through(batch, to)

    @rule(data=st.data())
    def person_ends_a_hold(self, data: st.DataObject) -> None:
        self.world.tick()
        held = self.world.rows(
            """select o.order_no, h.code from hold h join orders o on o.id = h.order_id
               where h.released_at is null and h.code = any(%s) order by 1, 2""",
            list(BY_PEOPLE),
        )
        if held:
            no, code = data.draw(st.sampled_from(held))
            self.world.release(no, code)
            self.model.orders[int(no)].holds.discard(code)

    # -- what on-call does

    @rule(data=st.data(), stage=st.sampled_from(list(ENTRY)))
    def on_call_redoes_a_stage(self, data: st.DataObject, stage: str) -> None:
        order = self._under_way(data)
        if order:
            self.world.redo(stage, order.id)
            self.model.redo(order, stage)
            self.adopt_batches()
            self.batches.append(order.batch)

    @rule(data=st.data())
    def on_call_skips_an_order(self, data: st.DataObject) -> None:
        order = self._under_way(data)
        if order:
            self.world.skip(order.id)
            order.holds.add("SKIPPED")

    def _under_way(self, data: st.DataObject) -> ModelOrder | None:
        self.world.tick()
        found = [order for _, order in sorted(self.model.orders.items()) if order.stage in STANDS]
        return data.draw(st.sampled_from(found)) if found else None

    @rule()
    def hand_over(self) -> None:
        self.send()

    # -- what must be true

    @precondition(lambda self: self.moves > 30)
    @rule()
    def reconciler_finds_nothing(self) -> None:
        found = [mismatch.sentence for mismatch in reconcile()]
        assert not found, "; ".join(found)

    @invariant()
    def stock_is_true(self) -> None:
        type(self).steps += 1
        self.moves += 1
        broken = broken_rules(self.conn)
        assert not broken, "; ".join(broken)
        self._compare()
        self._compare_ended()

    def _compare(self) -> None:
        """Pool and model agree on what lies where, what is kept and owed for whom, and how far orders are."""
        on_hand = self.world.rows(
            """select right(w.code, 1), k.code, s.on_hand from stock s join warehouse w on w.id = s.warehouse_id
               join sku k on k.id = s.sku_id"""
        )
        agree("on hand", {(place, sku): units for place, sku, units in on_hand}, self.model.on_hand())
        stages = dict(
            self.world.rows("select o.order_no::int, s.stage from order_state s join orders o on o.id = s.order_id")
        )
        agree("stages", stages, {no: order.stage for no, order in self.model.orders.items()})
        kept: dict[tuple[int, str], int] = Counter()
        for no, sku, units in self.world.rows(
            """select o.order_no::int, k.code, l.quantity - coalesce(a.shipped, 0) from lock l
               join orders o on o.id = l.order_id join sku k on k.id = l.sku_id
               left join allocation a on (a.order_id, a.line_no, a.sku_id, a.warehouse_id)
                                       = (l.order_id, l.line_no, l.sku_id, l.warehouse_id)
               where l.state = 'open'"""
        ):
            kept[no, sku] += units
        agree("kept", kept, {(no, k): n for no, order in self.model.orders.items() for k, n in order.kept.items() if n})
        owed = self.world.rows(
            """select o.order_no::int, k.code, sum(p.quantity)::int from promise p join orders o on o.id = p.order_id
               join sku k on k.id = p.sku_id where p.state = 'open' group by 1, 2"""
        )
        agree(
            "owed",
            {(no, sku): units for no, sku, units in owed},
            {(no, k): n for no, order in self.model.orders.items() for k, n in order.owed.items() if n},
        )

    def _compare_ended(self) -> None:
        """What ended once has stayed as it was."""
        now = {
            row[0]: row
            for row in self.world.rows(
                "select id, state, quantity, warehouse_id, ended_at from lock where state <> 'open'"
            )
        }
        agree("ended locks", {key: now.get(key) for key in self.ended}, self.ended)
        self.ended = now


def agree(what: str, pool: Mapping[Any, Any], model: Mapping[Any, Any]) -> None:
    """Fail and name what differs, with what the pool and what the model has."""
    differing = {key for key in {*pool, *model} if pool.get(key) != model.get(key)}
    told = ", ".join(f"{key}: {pool.get(key)} instead of {model.get(key)}" for key in sorted(differing))
    assert not differing, f"{what}: {told}"
