"""The desk makes a link for a buyer."""

import re
from collections.abc import Callable

import httpx
import pytest

from models.settings import settings
from tests.fakes import FakePool, payload
from tests.web.console.conftest import Browser

SignedIn = Callable[[str], Browser]


@pytest.fixture
def public(monkeypatch: pytest.MonkeyPatch, web: httpx.Client) -> str:
    address = str(web.base_url).rstrip("/")
    monkeypatch.setenv("ORDERPOOL_PUBLIC_URL", address)
    settings.cache_clear()
    return address


def test_the_desk_gets_a_link_that_shows_the_order(signed_in: SignedIn, pool: FakePool, public: str) -> None:
    pool.stock(TEA=5)
    pool.take([payload(1)])
    pool.execute("update orders set created_at = now() - interval '1 day'")
    text = signed_in("desk").submit("/console/orders/1/progress-link").text
    found = re.search(rf'value="({public}/progress/t/[A-Za-z0-9_-]+)"', text)

    assert found is not None
    with httpx.Client(trust_env=False) as buyer:
        assert buyer.get(found[1]).headers["location"] == "/progress/orders"
    assert pool.rows("select actor, order_id from access_log where what = 'progress_link_made'") == [("person:desk", 1)]


def test_a_viewer_gets_none(signed_in: SignedIn, pool: FakePool, public: str) -> None:
    pool.take([payload(1)])

    assert signed_in("viewer").submit("/console/orders/1/progress-link").status_code == 403
    assert "progress-link" not in signed_in("viewer").get("/console/orders/1").text


def test_an_order_that_buyers_may_not_see_has_no_link(signed_in: SignedIn, pool: FakePool, public: str) -> None:
    pool.take([payload(1)])
    pool.execute("update orders set created_at = now() - interval '91 days'")

    assert signed_in("desk").submit("/console/orders/1/progress-link").status_code == 409
