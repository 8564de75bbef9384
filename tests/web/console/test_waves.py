"""The page of waves, and what people print."""

import re
from collections.abc import Callable

import pytest

from models.sealing import seal
from models.settings import clock
from tasks.floor_people import sign_in
from tests.fakes import FakePool, payload
from tests.printed import pages
from tests.web.console.conftest import Browser

SignedIn = Callable[[str], Browser]
PDF = "application/pdf"


@pytest.fixture
def waiting(pool: FakePool) -> FakePool:
    """An own warehouse in which two documents wait for a wave."""
    pool.stock(TEA=10, CUP=10)
    pool.execute("update warehouse set wms = 'handheld' where code = 'WH-A'")
    pool.take([payload(1, units={"TEA": 2, "CUP": 1}), payload(2, units={"TEA": 1, "CUP": 1})])
    pool.through_the_stages()
    pool.execute("update outbound_document set state = 'accepted', accepted_at = %s", clock().now())
    pool.execute("update receiver set notes_enc = %s", seal('{"buyer": "送到前台13812345678"}'))
    return pool


def only_wave(pool: FakePool) -> str:
    ((no,),) = pool.rows("select no from wave")
    return str(no)


def test_a_lead_makes_waves_and_prints_them(waiting: FakePool, signed_in: SignedIn) -> None:
    lead = signed_in("warehouse")
    assert "等待组波的出库单: <strong>2</strong>" in lead.get("/console/waves").text
    made = lead.submit("/console/waves", warehouse="WH-A")
    assert (made.status_code, lead.said()) == (303, "已生成 1 个波次。")
    wave = only_wave(waiting)
    assert wave in lead.get("/console/waves").text

    pick_list = lead.submit(f"/console/waves/{wave}/pick-list")
    slips = lead.submit(f"/console/waves/{wave}/slips", size="a6")

    documents = [row[0] for row in waiting.rows("select no from outbound_document order by id")]
    assert (pick_list.headers["content-type"], slips.headers["content-type"]) == (PDF, PDF)
    assert pick_list.headers["content-disposition"].startswith(f'attachment; filename="pick-list-{wave}-')
    assert [page.codes for page in pages(pick_list.content)] == [[wave, "CUP", "TEA"], documents]
    assert [(page.size, page.codes) for page in pages(slips.content)] == [((105, 148), [no]) for no in documents]
    assert waiting.rows("select actor, what, detail from access_log where what = 'exported' order by id") == [
        ("person:warehouse", "exported", {"what": what, "no": wave, "kind": "pdf", "rows": 2})
        for what in ("pick-list", "slips")
    ]


def test_waves_that_are_made_again_are_none(waiting: FakePool, signed_in: SignedIn) -> None:
    lead = signed_in("warehouse")
    lead.submit("/console/waves", warehouse="WH-A")
    lead.submit("/console/waves", warehouse="WH-A")

    assert lead.said() == "没有等待组波的出库单。"
    assert waiting.rows("select count(*) from wave") == [(1,)]


@pytest.mark.parametrize("role", ["viewer", "desk"])
def test_who_does_not_lead_a_warehouse_sees_waves_and_no_buttons(
    waiting: FakePool, signed_in: SignedIn, role: str
) -> None:
    signed_in("admin").submit("/console/waves", warehouse="WH-A")
    other = signed_in(role)
    text = other.get("/console/waves").text

    assert only_wave(waiting) in text
    assert "/pick-list" not in text
    assert other.submit(f"/console/waves/{only_wave(waiting)}/slips").status_code == 403


@pytest.mark.parametrize(
    ("path", "fields", "status"),
    [
        ("/console/waves", {"warehouse": "WH-B"}, 409),
        ("/console/waves/WV1/pick-list", {}, 409),
        ("/console/waves/WV1/slips", {"size": "a3"}, 400),
        ("/console/waves/WV1/slips", {}, 409),
        ("/console/documents/pick-list", {}, 409),
        ("/console/documents/pick-list", {"no": "OB1"}, 409),
    ],
)
def test_what_cannot_be_printed_is_told_as_a_page(
    waiting: FakePool, signed_in: SignedIn, path: str, fields: dict[str, str], status: int
) -> None:
    answer = signed_in("admin").submit(path, **fields)

    assert (answer.status_code, "<html" in answer.text) == (status, True)


def test_a_document_is_printed_from_its_order_for_picking_by_hand(pool: FakePool, signed_in: SignedIn) -> None:
    pool.stock(TEA=10)
    pool.take([payload(1, units={"TEA": 2})])
    pool.through_the_stages()
    ((no,),) = pool.rows("select no from outbound_document")
    desk = signed_in("desk")
    assert f'name="no" value="{no}"' in desk.get("/console/orders/1").text

    printed = desk.submit("/console/documents/pick-list", no=no)

    assert [page.codes for page in pages(printed.content)] == [["TEA"], [no]]
    assert "已打印手工拣货单" in desk.get("/console/orders/1").text
    assert f'name="no" value="{no}"' not in signed_in("viewer").get("/console/orders/1").text


def test_what_a_warehouse_has_not_got_is_printed_at_once(pool: FakePool, signed_in: SignedIn) -> None:
    pool.stock(TEA=10)
    pool.take([payload(1), payload(2)])
    pool.through_the_stages()
    nos = [row[0] for row in pool.rows("select no from outbound_document order by id")]
    desk = signed_in("desk")
    text = desk.get("/console/waves").text
    shown = re.findall('name="no" value="([^"]*)"', text)

    assert shown == nos
    printed = desk.submit("/console/documents/pick-list", no=shown)
    assert [page.codes for page in pages(printed.content)] == [["TEA"], nos]


def test_a_lead_prints_a_badge_that_signs_in(waiting: FakePool, signed_in: SignedIn) -> None:
    lead = signed_in("warehouse")
    printed = lead.submit("/console/waves/badge", warehouse="WH-A", name="王芳")
    (page,) = pages(printed.content)

    assert "王芳" in page.text
    assert sign_in(page.codes[0], "10.0.0.7") is not None
    assert waiting.rows("select actor from setup_change where kind = 'picker'") == [("person:warehouse",)]
    assert lead.submit("/console/waves/badge", warehouse="WH-A", name=" ").status_code == 409


def test_a_document_that_has_left_has_no_button(pool: FakePool, signed_in: SignedIn) -> None:
    pool.stock(TEA=10)
    pool.take([payload(1)])
    pool.through_the_stages()
    pool.execute("update outbound_document set state = 'shipped'")

    assert "/console/documents/pick-list" not in signed_in("desk").get("/console/orders/1").text
