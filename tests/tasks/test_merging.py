"""Orders of one receiver leave in one parcel, and each keeps its lines, locks and money."""

from datetime import timedelta

import pytest

from models.database import transaction
from models.errors import SetupError
from models.hold import Finding, HoldCode, place_holds, release_holds
from models.rules.purposes import Purpose
from models.warehouse import OptionKind
from tasks.desk import cancel
from tasks.dispatch import dispatch_batch
from tasks.lock_stock import lock_batch
from tasks.merging import merge_by_hand, unmerge_by_hand
from tasks.reconcile import reconcile
from tasks.render import render_outbound
from tasks.route import route_batch
from tasks.shop_settings import set_shop
from tasks.shortage_choices import choose, open_options
from tests.clocks import TickingClock
from tests.fakes import NOON, FakePool, why
from tests.tasks.merged import (
    cause,
    events,
    finished,
    merged,
    papers,
    person,
    resumed,
    through,
    validated,
)


@pytest.fixture
def stocked(pool: FakePool, ticking: TickingClock) -> FakePool:
    pool.stock(TEA=20, CUP=20, TEA_B=5, CUP_B=5)
    return pool


def wait_minutes(minutes: int) -> None:
    set_shop("WOO", {"merge_wait_minutes": str(minutes)})


class TestAtRouting:
    def test_orders_of_one_receiver_leave_in_one_document(self, stocked: FakePool) -> None:
        through(validated(stocked, {"TEA": 2}, {"CUP": 1}, {"TEA": 1}))

        assert papers(stocked) == [("1", "2", "3")]
        assert merged(stocked) == [("1", "2", "3")]
        assert stocked.untrue() == []
        assert reconcile() == []

    def test_each_order_keeps_its_lines_and_locks(self, stocked: FakePool) -> None:
        through(validated(stocked, {"TEA": 2}, {"TEA": 1, "CUP": 1}))

        assert stocked.rows(
            """select o.order_no, k.code, a.quantity, l.quantity from allocation a
               join orders o on o.id = a.order_id join sku k on k.id = a.sku_id
               join lock l on l.order_id = a.order_id and l.sku_id = a.sku_id and l.state = 'open'
                 and l.warehouse_id = a.warehouse_id order by 1, 2"""
        ) == [("1", "TEA", 2, 2), ("2", "CUP", 1, 1), ("2", "TEA", 1, 1)]

    def test_their_stories_name_each_other(self, stocked: FakePool) -> None:
        through(validated(stocked, {"TEA": 2}, {"CUP": 1}))

        assert events(stocked, "1", "merged") == [{"group": 1, "with": ["2"]}]

    def test_what_their_warehouse_gets_names_all_of_them(self, stocked: FakePool) -> None:
        through(validated(stocked, {"TEA": 2}, {"CUP": 1}))
        (document_id,) = stocked.rows("select id from outbound_document")[0]

        with transaction() as conn:
            body = render_outbound(conn, [document_id], Purpose.INSTRUCTION, why())[document_id]

        assert body["channel"]["order_nos"] == ["1", "2"]
        assert [(line["sku"], line["qty"]) for line in body["lines"]] == [("TEA", 2), ("CUP", 1)]
        assert body["totals"]["amount"] == "60.00"

    def test_the_earliest_promise_is_that_of_the_document(self, stocked: FakePool) -> None:
        batch_id = validated(stocked, {"TEA": 2}, {"CUP": 1})
        stocked.execute("update orders set ship_by = %s where order_no = '2'", NOON + timedelta(hours=9))
        through(batch_id)

        assert stocked.rows("select ship_by, deadline_at from outbound_document") == [
            (NOON + timedelta(hours=9), NOON + timedelta(hours=9))
        ]

    def test_a_day_counts_their_document_once(self, stocked: FakePool) -> None:
        stocked.execute("update warehouse set daily_limit = 1")
        through(validated(stocked, {"TEA": 2}, {"CUP": 1}))

        assert stocked.rows("select used from warehouse_day where used > 0") == [(1,)]
        assert stocked.untrue() == []

    def test_routing_and_dispatching_twice_changes_nothing(self, stocked: FakePool) -> None:
        batch_id = validated(stocked, {"TEA": 2}, {"CUP": 1})
        through(batch_id, lock_batch, route_batch, route_batch, dispatch_batch, route_batch, dispatch_batch)

        assert (papers(stocked), merged(stocked)) == ([("1", "2")], [("1", "2")])

    def test_orders_leave_by_themselves_where_no_warehouse_has_all(self, pool: FakePool, ticking: TickingClock) -> None:
        pool.stock(TEA=5, CUP_B=5)
        through(validated(pool, {"TEA": 2}, {"CUP": 1}))

        assert papers(pool) == [("1",), ("2",)]
        assert merged(pool) == []

    @pytest.mark.parametrize(
        "change",
        [
            "update orders set buyer_key = 'bo' where order_no = '2'",
            "update orders set cod_fen = 2000 where order_no = '2'",
            "update receiver set receiver_hash = 'other' where order_id = 2",
            "update receiver set masked = true",
            "update receiver set receiver_hash = null, merge_key = 'same'",
            "insert into kept_apart values (2, now(), 'person:li')",
            """update shop set settings = '{"merge": false}'""",
            """update shop set settings = '{"capabilities": {"merged_parcels": false}}'""",
            """update shop set settings = '{"merge_most_orders": 1}'""",
        ],
    )
    def test_orders_that_may_not_leave_together_do_not(self, stocked: FakePool, change: str) -> None:
        batch_id = validated(stocked, {"TEA": 2}, {"CUP": 1})
        stocked.execute(change)
        through(batch_id)

        assert papers(stocked) == [("1",), ("2",)]

    def test_a_token_of_the_platform_says_who_receives_masked_orders(self, stocked: FakePool) -> None:
        set_shop("WOO", {"merge_token": "field"})
        batch_id = validated(stocked, {"TEA": 2}, {"CUP": 1}, {"TEA": 1}, receiver=None)
        stocked.execute("update receiver set masked = true, merge_key = case order_id when 3 then 'b' else 'a' end")
        through(batch_id)

        assert papers(stocked) == [("1", "2"), ("3",)]

    def test_an_order_that_is_held_after_its_routing_leaves_the_merge(self, stocked: FakePool) -> None:
        batch_id = validated(stocked, {"TEA": 2}, {"CUP": 1}, {"TEA": 1})
        through(batch_id, lock_batch, route_batch)
        with transaction() as conn:
            place_holds(conn, [(2, Finding(HoldCode.MANUAL, "stopped", {}))], cause())
        through(batch_id, dispatch_batch)

        assert papers(stocked) == [("1", "3")]
        assert stocked.stages() == {"1": "dispatched", "2": "validated", "3": "dispatched"}
        assert stocked.locked("CUP") == 1
        assert reconcile() == []


class TestWaiting:
    def test_an_order_waits_for_a_sibling_once(self, stocked: FakePool, ticking: TickingClock) -> None:
        wait_minutes(30)
        batch_id = validated(stocked, {"TEA": 2})
        through(batch_id)
        finished(stocked, batch_id)
        assert stocked.holds() == {"1": ["SIBLING"]}

        ticking.at += timedelta(minutes=31)
        resumed(stocked)

        assert (papers(stocked), stocked.holds()) == ([("1",)], {})

    def test_the_wait_ends_at_once_when_the_sibling_comes(self, stocked: FakePool) -> None:
        wait_minutes(30)
        first = validated(stocked, {"TEA": 2})
        through(first)
        finished(stocked, first)
        through(validated(stocked, {"CUP": 1}))

        assert (papers(stocked), stocked.holds()) == ([("1", "2")], {})
        assert reconcile() == []

    def test_the_wait_ends_also_while_the_run_that_began_it_is_not_over(self, stocked: FakePool) -> None:
        wait_minutes(30)
        first = validated(stocked, {"TEA": 2})
        through(first)
        second = validated(stocked, {"CUP": 1})
        stocked.execute("update batch set flow_run_id = 'another' where id = %s", first)
        through(second)
        through(first)

        assert (papers(stocked), stocked.holds()) == ([("1", "2")], {})

    def test_nobody_waits_past_the_promise_less_the_handling_time(self, stocked: FakePool) -> None:
        wait_minutes(600)
        batch_id = validated(stocked, {"TEA": 2})
        stocked.execute("update orders set ship_by = %s", NOON + timedelta(hours=25))
        through(batch_id)

        assert stocked.rows("select release_at from hold") == [(NOON + timedelta(hours=1),)]

    def test_an_order_whose_time_is_short_does_not_wait(self, stocked: FakePool) -> None:
        wait_minutes(600)
        batch_id = validated(stocked, {"TEA": 2})
        stocked.execute("update orders set ship_by = %s", NOON + timedelta(hours=20))
        through(batch_id)

        assert papers(stocked) == [("1",)]


class TestByHand:
    def test_routed_orders_are_merged(self, stocked: FakePool) -> None:
        set_shop("WOO", {"merge": "no"})
        batch_id = validated(stocked, {"TEA": 2}, {"CUP": 1})
        through(batch_id, lock_batch, route_batch)
        decided = merge_by_hand([1, 2], "one box will do", person())
        again = merge_by_hand([1, 2], "one box will do", person())
        resumed(stocked)

        assert (decided.done, again.done, decided.refused) == ([1, 2], [1, 2], {})
        assert papers(stocked) == [("1", "2")]
        assert events(stocked, "1", "merge_wanted") == [{"reason": "one box will do"}]
        assert reconcile() == []

    def test_an_order_that_cannot_leave_yet_is_waited_for(self, stocked: FakePool) -> None:
        set_shop("WOO", {"merge": "no"})
        batch_id = validated(stocked, {"TEA": 2}, {"CUP": 1})
        with transaction() as conn:
            place_holds(conn, [(2, Finding(HoldCode.REMARK, "look", {}))], cause())
        through(batch_id, lock_batch)
        merge_by_hand([1, 2], "one box will do", person())
        through(batch_id, route_batch, dispatch_batch)
        finished(stocked, batch_id)
        assert stocked.holds() == {"1": ["SIBLING"], "2": ["REMARK"]}

        with transaction() as conn:
            release_holds(conn, [2], [HoldCode.REMARK], person(), resume=True)
        resumed(stocked)

        assert (papers(stocked), stocked.holds()) == ([("1", "2")], {})

    def test_who_is_late_leaves_by_himself(self, stocked: FakePool, ticking: TickingClock) -> None:
        batch_id = validated(stocked, {"TEA": 2}, {"CUP": 1})
        with transaction() as conn:
            place_holds(conn, [(2, Finding(HoldCode.REMARK, "look", {}))], cause())
        through(batch_id, lock_batch)
        merge_by_hand([1, 2], "one box will do", person())
        through(batch_id, route_batch, dispatch_batch)
        finished(stocked, batch_id)
        ticking.at += timedelta(hours=25)
        resumed(stocked)

        assert (papers(stocked), merged(stocked)) == ([("1",)], [])

    def test_nobody_waits_for_an_order_that_will_not_come(self, stocked: FakePool) -> None:
        batch_id = validated(stocked, {"TEA": 2}, {"CUP": 1})
        with transaction() as conn:
            place_holds(conn, [(2, Finding(HoldCode.REMARK, "look", {}))], cause())
        through(batch_id, lock_batch)
        merge_by_hand([1, 2], "one box will do", person())
        through(batch_id, route_batch, dispatch_batch)
        finished(stocked, batch_id)
        cancel([2], "the buyer called", person())
        resumed(stocked)

        assert (papers(stocked), stocked.holds()) == ([("1",)], {})

    def test_orders_that_wait_for_each_other_go_on_together(self, stocked: FakePool) -> None:
        batches = validated(stocked, {"TEA": 2}), validated(stocked, {"CUP": 1})
        merge_by_hand([1, 2], "one box will do", person())
        with transaction() as conn:
            place_holds(conn, [(2, Finding(HoldCode.REMARK, "look", {}))], cause())
        for batch_id in batches:
            through(batch_id)
            finished(stocked, batch_id)
        waits = Finding(HoldCode.SIBLING, "waits", {"with": ["1"]}, NOON + timedelta(hours=20))
        with transaction() as conn:
            place_holds(conn, [(2, waits)], cause())
            release_holds(conn, [2], [HoldCode.REMARK], person())
        resumed(stocked)

        assert (papers(stocked), stocked.holds()) == ([("1", "2")], {})

    def test_an_order_that_a_person_lets_leave_in_parts_leaves_its_merge(
        self, pool: FakePool, ticking: TickingClock
    ) -> None:
        pool.execute("""update shop set settings = '{"capabilities": {"parcels_per_order": "1"}}'""")
        pool.stock(TEA=3, TEA_B=2, CUP=9)
        batch_id = validated(pool, {"TEA": 5}, {"CUP": 1})
        with transaction() as conn:
            place_holds(conn, [(2, Finding(HoldCode.REMARK, "look", {}))], cause())
        through(batch_id, lock_batch, route_batch)
        finished(pool, batch_id)
        merge_by_hand([1, 2], "one box will do", person())
        with transaction() as conn:
            (split,) = [each.id for each in open_options(conn) if each.option.kind is OptionKind.SPLIT]
            choose(conn, split, person())
        resumed(pool)

        assert (papers(pool), merged(pool)) == ([("1",), ("1",)], [])
        assert reconcile() == []

    @pytest.mark.parametrize(
        ("change", "sentence"),
        [
            ("update receiver set masked = true", "nothing tells who receives it"),
            ("update receiver set receiver_hash = 'other' where order_id = 2", "another receiver"),
            ("update orders set buyer_key = 'bo' where id = 2", "another buyer"),
            ("update orders set cod_fen = 1 where id = 2", "paid at the door"),
        ],
    )
    def test_orders_that_may_not_leave_together_are_refused(
        self, stocked: FakePool, change: str, sentence: str
    ) -> None:
        validated(stocked, {"TEA": 2}, {"CUP": 1})
        stocked.execute(change)

        decided = merge_by_hand([1, 2], "one box will do", person())

        assert (decided.done, merged(stocked)) == ([], [])
        assert sentence in decided.refused[2]

    def test_a_dispatched_order_is_refused_and_the_others_are_merged(self, stocked: FakePool) -> None:
        through(validated(stocked, {"TEA": 1}))
        validated(stocked, {"TEA": 2}, {"CUP": 1})

        decided = merge_by_hand([1, 2, 3], "one box will do", person())

        assert decided.done == [2, 3]
        assert "order 1: cannot merge; it is dispatched" in decided.refused[1]

    def test_nobody_merges_without_a_reason(self, stocked: FakePool) -> None:
        validated(stocked, {"TEA": 2}, {"CUP": 1})

        with pytest.raises(SetupError, match="without a reason"):
            merge_by_hand([1, 2], " ", person())

    def test_a_routed_order_is_unmerged_and_the_others_stay_together(self, stocked: FakePool) -> None:
        batch_id = validated(stocked, {"TEA": 2}, {"CUP": 1}, {"TEA": 1})
        through(batch_id, lock_batch, route_batch)
        decided = unmerge_by_hand([2], "it goes by itself", person())
        unmerge_by_hand([2], "it goes by itself", person())
        through(batch_id, dispatch_batch)
        resumed(stocked)

        assert decided.done == [2]
        assert papers(stocked) == [("1", "3"), ("2",)]
        assert events(stocked, "2", "kept_apart") == [{"reason": "it goes by itself"}]
        assert reconcile() == []

    def test_who_is_left_alone_is_not_merged_any_more(self, stocked: FakePool) -> None:
        batch_id = validated(stocked, {"TEA": 2}, {"CUP": 1})
        through(batch_id, lock_batch, route_batch)
        unmerge_by_hand([2], "it goes by itself", person())

        assert merged(stocked) == []
        assert stocked.rows("select count(*) from merge_group where ended_at is not null") == [(1,)]
