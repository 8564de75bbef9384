"""The page of a batch: what a person does when its run does not get on."""

from collections.abc import Callable

import pytest

from tests.fakes import FakePool, payload
from tests.web.console.conftest import Browser

SignedIn = Callable[[str], Browser]


@pytest.fixture
def stuck(pool: FakePool) -> FakePool:
    """Two orders, routed in batch 1, whose run failed; and order 3, dispatched in the same batch."""
    pool.stock(TEA=10)
    pool.take([payload(n) for n in (1, 2, 3)])
    pool.through_the_stages(to="route")
    pool.execute("update order_state set stage = 'dispatched' where order_id = 3")
    return pool


def test_a_batch_is_redone_with_a_reason_and_what_is_dispatched_is_refused_in_words(
    signed_in: SignedIn, stuck: FakePool
) -> None:
    desk = signed_in("desk")
    assert "/console/batches/1/redo" in desk.get("/console/batches/1").text

    answer = desk.submit("/console/batches/1/redo", stage="route", reason="new areas")

    assert "订单 3：不能重做 route，已下发仓库" in answer.text
    assert stuck.stages() == {"1": "validated", "2": "validated", "3": "dispatched"}
    assert stuck.rows("select distinct actor, detail->>'reason' from event where what = 'redone'") == [
        ("person:desk", "new areas")
    ]


def test_a_batch_is_skipped_so_that_its_run_can_finish(signed_in: SignedIn, stuck: FakePool) -> None:
    desk = signed_in("desk")
    answer = desk.submit("/console/batches/1/skip", reason="poison", stage="")

    assert answer.headers["location"] == "/console/batches/1"
    assert desk.said() == "跳过（本次运行）：已处理 2 个订单。"
    assert stuck.holds() == {"1": ["SKIPPED"], "2": ["SKIPPED"]}
    assert "desk 跳过：poison" in desk.get("/console/orders/1").text


def test_only_those_that_wait_for_a_stage_are_skipped(signed_in: SignedIn, stuck: FakePool) -> None:
    signed_in("desk").submit("/console/batches/1/skip", reason="poison", stage="validate")

    assert stuck.holds() == {}


@pytest.mark.parametrize("way", ["redo", "skip"])
def test_who_only_looks_finds_no_form_and_may_not_send_it(signed_in: SignedIn, stuck: FakePool, way: str) -> None:
    viewer = signed_in("viewer")

    assert f"/console/batches/1/{way}" not in viewer.get("/console/batches/1").text
    assert viewer.submit(f"/console/batches/1/{way}", stage="route", reason="so").status_code == 403


@pytest.mark.parametrize(
    ("path", "fields", "told"),
    [
        ("1/redo", {"stage": "ship", "reason": "so"}, "没有环节 ship"),
        ("1/redo", {"stage": "route", "reason": ""}, "请填写重做的原因"),
        ("9/skip", {"stage": "", "reason": "so"}, "批次 9：订单池中没有"),
    ],
)
def test_what_cannot_be_done_is_said_in_chinese(
    signed_in: SignedIn, stuck: FakePool, path: str, fields: dict[str, str], told: str
) -> None:
    answer = signed_in("desk").submit(f"/console/batches/{path}", **fields)

    assert (answer.status_code, told in answer.text) == (409, True)


def test_a_batch_of_which_nothing_is_under_way_has_no_form(signed_in: SignedIn, stuck: FakePool) -> None:
    stuck.execute("update order_state set stage = 'dispatched'")

    assert "/console/batches/1/redo" not in signed_in("desk").get("/console/batches/1").text


def test_the_page_of_an_order_redoes_a_stage_of_it(signed_in: SignedIn, stuck: FakePool) -> None:
    desk = signed_in("desk")
    assert 'name="stage"' in desk.get("/console/orders/1").text

    desk.submit(
        "/console/orders/decide", id=1, action="redo", stage="validate", reason="mended", back="/console/orders/1"
    )

    assert stuck.stages() == {"1": "ingested", "2": "routed", "3": "dispatched"}
    assert "人工要求重做某一环节" in desk.get("/console/orders/1").text
