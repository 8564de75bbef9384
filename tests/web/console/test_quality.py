"""The console's data quality: shares, batches that stay put, accepting one, and Data Docs that load nothing."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from models.database import transaction
from models.settings import clock
from tasks.quality import UnfitBatch
from tasks.quality_docs import RESULTS, folder, leave_docs
from tasks.validate import record_feed_finding, validate_batch
from tests.fakes import FakePool, payload, why
from tests.web.console.conftest import Browser

SignedIn = Callable[[str], Browser]


@pytest.fixture
def stopped(pool: FakePool) -> Iterator[FakePool]:
    """A batch of 40 orders that stays put, with Data Docs, checked an hour ago."""
    no_phone = {"shipping": payload(1)["shipping"] | {"phone": ""}}
    pool.take([payload(n) | no_phone for n in range(1, 41)])
    with pytest.raises(UnfitBatch) as caught, transaction() as conn:
        validate_batch(conn, 1, why(at=clock().now() - timedelta(hours=1)))
    record_feed_finding(1, caught.value)
    leave_docs(caught.value.check)
    yield pool
    for page in folder().glob("WOO/1/*"):
        page.unlink()


def test_a_batch_that_stays_put_is_shown_with_its_reason_and_its_documents(
    signed_in: SignedIn, stopped: FakePool
) -> None:
    text = signed_in("viewer").get("/console/quality?lang=en").text

    assert "40 of 40 orders: the receiver has no phone" in text
    assert f"/console/quality/1/docs/{RESULTS}" in text
    assert "<polyline" in text


def test_the_page_speaks_chinese(signed_in: SignedIn, stopped: FakePool) -> None:
    text = signed_in("viewer").get("/console/quality").text

    assert "没有收件电话" in text
    assert "the receiver has no phone" not in text


def test_a_viewer_cannot_accept(signed_in: SignedIn, stopped: FakePool) -> None:
    viewer = signed_in("viewer")

    assert "/console/quality/1/accept" not in viewer.get("/console/quality").text
    assert viewer.submit("/console/quality/1/accept", reason="fine").status_code == 403
    assert stopped.rows("select accepted_by from batch") == [(None,)]


def test_the_desk_accepts_with_a_reason_and_the_batch_goes_on(signed_in: SignedIn, stopped: FakePool) -> None:
    desk = signed_in("desk")

    assert desk.submit("/console/quality/1/accept", reason=" ").status_code == 409
    assert desk.submit("/console/quality/1/accept", reason="neighbours fetch it").status_code == 303
    with transaction() as conn:
        validate_batch(conn, 1, why(at=clock().now()))

    assert stopped.rows("select accepted_by, accepted_reason from batch") == [("person:desk", "neighbours fetch it")]
    assert "neighbours fetch it" in desk.get("/console/quality").text


def test_documents_may_load_nothing_and_need_a_session(
    signed_in: SignedIn, browser: Browser, stopped: FakePool
) -> None:
    answer = signed_in("viewer").get(f"/console/quality/1/docs/{RESULTS}")

    assert answer.status_code == 200
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert browser.get(f"/console/quality/1/docs/{RESULTS}").status_code == 303


@pytest.mark.parametrize("name", ["failed", "..%2f..%2fsecrets%2fkey", "%2e%2e"])
def test_no_other_file_is_served(signed_in: SignedIn, stopped: FakePool, name: str) -> None:
    assert signed_in("viewer").get(f"/console/quality/1/docs/{name}").status_code in (404, 405)


def test_a_batch_without_documents_and_an_unknown_shop_are_told(signed_in: SignedIn) -> None:
    viewer = signed_in("viewer")

    assert viewer.get(f"/console/quality/99/docs/{RESULTS}").status_code == 404
    assert viewer.get("/console/quality?shop=NONE").status_code == 409
    assert viewer.get("/console/quality").status_code == 200
