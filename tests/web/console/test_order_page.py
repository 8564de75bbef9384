"""The page of one order, its receiver in clear, and the page of its batch."""

from collections.abc import Callable
from pathlib import Path

import pytest

from models.database import transaction
from models.settings import clock, settings
from tasks.reveal import A_DAY
from tests.fakes import FakePool, payload
from tests.tasks.shipping import report
from tests.web.console.conftest import Browser

SignedIn = Callable[[str], Browser]
RUN = "0d5ba1a2-0000-4000-8000-000000000001"


@pytest.fixture
def sent(pool: FakePool) -> FakePool:
    """An order of two lines that left in one of two boxes."""
    pool.stock(TEA=10, CUP=10)
    pool.take([payload(1, units={"TEA": 2, "CUP": 1})], run=RUN)
    pool.through_the_stages()
    assert report(pool, {"YT7001": {1: 2}}, final=False) == ""
    return pool


def clear_parts(text: str) -> list[str]:
    """What of the receiver stands in clear on a page."""
    return [part for part in ("欧阳修远", "修远", "13900000001", "梧桐里弄") if part in text]


def test_the_page_tells_the_whole_story_and_shows_masks(signed_in: SignedIn, sent: FakePool) -> None:
    text = signed_in("viewer").get("/console/orders/1?lang=en").text

    for part in ("partly shipped", "YT7001", "WH-A", "Read from the shop", "Stock locked", "Outbound document written"):
        assert part in text, part
    assert "139****0001" in text
    assert clear_parts(text) == []


def test_the_page_speaks_chinese(signed_in: SignedIn, sent: FakePool) -> None:
    text = signed_in("viewer").get("/console/orders/1").text

    for part in ("部分发货", "已从店铺读入", "已锁定库存", "已生成出库单", "没有服务区域覆盖收货地"):
        assert part in text, part


def test_a_parcel_says_when_it_is_to_be_expected(signed_in: SignedIn, sent: FakePool) -> None:
    sent.execute("update parcel set shipped_at = %s", clock().now())
    sent.execute(
        """insert into parcel_event (parcel_id, digest, at, stage, text, place)
           select 1, 'x', shipped_at, '', 'new words', '' from parcel"""
    )
    before = signed_in("viewer").get("/console/orders/1?lang=en").text
    sent.execute(
        """insert into lane_time (warehouse_id, carrier, area, parcels, p50_s, p90_s, learnt_at)
           select id, 'yuantong', '33', 40, 86400, 172800, %s from warehouse where code = 'WH-A'""",
        clock().now(),
    )
    after = signed_in("viewer").get("/console/orders/1?lang=en").text

    assert ("to be expected from" in before, "to be expected from" in after) == (False, True)
    assert "new words" in after


def test_an_event_leads_to_its_run_in_prefect(
    signed_in: SignedIn, sent: FakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = settings().address("prefect_ui_url")

    assert f'href="{address}/runs/flow-run/{RUN}"' in signed_in("viewer").get("/console/orders/1").text


def test_holds_are_told_with_evidence_and_who_ended_them(signed_in: SignedIn, pool: FakePool) -> None:
    pool.stock(TEA=10)
    pool.take([payload(1)])
    pool.through_the_stages("route")
    desk = signed_in("desk")
    for action in ("hold", "release"):
        desk.submit("/console/orders/decide", action=action, code="MANUAL", reason="买家来电 13812345678", id=1)
    text = desk.get("/console/orders/1").text

    assert "desk 暂停发货：买家来电 138****5678" in text
    assert "13812345678" not in text
    assert "挂起已解除" in text


def test_an_order_that_is_not_there_is_said_so(signed_in: SignedIn, pool: FakePool) -> None:
    viewer = signed_in("viewer")

    assert [viewer.get(f"/console/orders/{wish}").status_code for wish in ("7", "x", str(2**63))] == [404, 404, 404]


def test_a_receiver_is_shown_once_to_who_says_why(signed_in: SignedIn, sent: FakePool) -> None:
    desk = signed_in("desk")
    text = desk.submit("/console/orders/1/reveal", reason="the parcel came back").text

    assert clear_parts(text) == ["欧阳修远", "修远", "13900000001", "梧桐里弄"]
    assert clear_parts(desk.get("/console/orders/1").text) == []
    assert sent.rows("select actor, order_id, detail from access_log where what = 'receiver_revealed'") == [
        ("person:desk", 1, {"reason": "the parcel came back"})
    ]
    assert sent.rows("select actor, detail from event where what = 'receiver_revealed'") == [
        ("person:desk", {"reason": "the parcel came back"})
    ]


@pytest.mark.parametrize(("role", "reason", "status"), [("viewer", "curious", 403), ("desk", " ", 409)])
def test_a_receiver_is_not_shown_without_the_right_or_a_reason(
    signed_in: SignedIn, sent: FakePool, role: str, reason: str, status: int
) -> None:
    answer = signed_in(role).submit("/console/orders/1/reveal", reason=reason)

    assert (answer.status_code, clear_parts(answer.text)) == (status, [])
    assert sent.rows("select 1 from access_log where what = 'receiver_revealed'") == []


def test_a_person_sees_so_many_receivers_a_day(signed_in: SignedIn, sent: FakePool) -> None:
    with transaction() as conn:
        conn.execute(
            """insert into access_log (at, actor, what, address, order_id)
               select now() - interval '23 hours', 'person:desk', 'receiver_revealed', '', 1
               from generate_series(1, %s)""",
            (A_DAY,),
        )
    refused = signed_in("desk").submit("/console/orders/1/reveal", reason="one more")

    assert (refused.status_code, clear_parts(refused.text)) == (409, [])
    assert signed_in("admin").submit("/console/orders/1/reveal", reason="somebody else").status_code == 200


def test_an_erased_receiver_is_not_shown(signed_in: SignedIn, sent: FakePool) -> None:
    sent.execute("update receiver set erased_at = now(), name_enc = null, phone_enc = null, address_enc = null")
    desk = signed_in("desk")

    assert desk.submit("/console/orders/1/reveal", reason="why").status_code == 409
    assert "Erased at" in desk.get("/console/orders/1?lang=en").text


def test_who_asks_for_erasure_is_shown_to_nobody_while_the_order_is_under_way(
    signed_in: SignedIn, sent: FakePool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORDERPOOL_ERASURE_JOURNAL", str(tmp_path / "erasures.jsonl"))
    settings.cache_clear()
    desk = signed_in("desk")
    answer = desk.submit("/console/orders/1/erase", reason="asked by mail", verified="called back")

    assert answer.status_code == 303
    text = desk.get("/console/orders/1?lang=en").text
    assert "The person asked for erasure at" in text
    assert "欧" not in text
    assert "139****0001" not in text
    assert desk.submit("/console/orders/1/reveal", reason="why").status_code == 409
    assert (tmp_path / "erasures.jsonl").read_text().count('"asked"') == 1
    assert sent.rows("select made_by, reason, verified, done_at from erasure_request") == [
        ("person:desk", "asked by mail", "called back", None)
    ]
    settings.cache_clear()


@pytest.mark.parametrize(("role", "verified", "status"), [("viewer", "called", 403), ("desk", " ", 409)])
def test_nobody_erases_without_the_right_or_without_knowing_who_asks(
    signed_in: SignedIn, sent: FakePool, role: str, verified: str, status: int
) -> None:
    answer = signed_in(role).submit("/console/orders/1/erase", reason="asked", verified=verified)

    assert answer.status_code == status
    assert sent.rows("select 1 from erasure_request") == []


def test_a_batch_shows_its_orders_holds_and_run(signed_in: SignedIn, pool: FakePool) -> None:
    pool.stock(TEA=10)
    pool.take([payload(1), payload(2, status="pending")], run=RUN)
    pool.through_the_stages("route")
    text = signed_in("viewer").get("/console/batches/1?lang=en").text

    for part in ("not paid", "routed", f"/runs/flow-run/{RUN}", "batch=1&amp;hold=UNPAID", ">2</a>"):
        assert part in text, part


def test_a_doubted_batch_is_accepted_on_its_page_by_who_may(signed_in: SignedIn, pool: FakePool) -> None:
    pool.take([payload(1)])
    pool.execute("""update batch set feed_findings = '["40 of 40 orders: no phone"]'""")

    assert "/console/quality/1/accept" in signed_in("desk").get("/console/batches/1").text
    viewer = signed_in("viewer").get("/console/batches/1").text
    assert "40 of 40 orders" in viewer
    assert "/console/quality/1/accept" not in viewer


def test_a_batch_that_is_not_there_is_said_so(signed_in: SignedIn, pool: FakePool) -> None:
    assert signed_in("viewer").get("/console/batches/9").status_code == 404


def test_what_the_check_found_is_told_of_the_orders_it_names(signed_in: SignedIn, pool: FakePool) -> None:
    pool.take([payload(1), payload(11)])
    pool.execute(
        """insert into quality_check (batch_id, shop_id, rows, unmet, failing, verdict, suite, flow_run_id, checked_at)
           select id, shop_id, 2, '{"amount is positive": {"failed": 1, "rows": 2, "examples": ["11"]}}', '{}',
                  'passed', '', '', created_at from batch"""
    )
    viewer = signed_in("viewer")
    told = {
        no: "金额为正" in viewer.get(f"/console/orders/{order_id}").text
        for no, order_id in pool.rows("select order_no, id from orders")
    }

    assert told == {"1": False, "11": True}
