"""Where alerts lead: to the page of what they are about, to the run, and to the runbook."""

import pytest

from models.alert import AlertRule
from models.settings import settings
from tasks.alert_links import links_of, page_of
from tasks.alerts import OpenAlert
from tests.fakes import NOON

OMS = "https://oms.example.com"


def alert(subject: str, order: int | None = None, run: str | None = None) -> OpenAlert:
    return OpenAlert(AlertRule.NOT_COLLECTED, subject, "", NOON, 1, None, order, run)


@pytest.mark.parametrize(
    ("subject", "order", "page"),
    [
        ("parcel:17", 5, "/console/orders/5"),
        ("parcels:WH-A/yuantong", 5, "/console/orders/5"),
        ("document:OB1", 5, "/console/orders/5"),
        ("document:OB1", None, ""),
        ("documents:WH-A/picking", None, "/console/waiting"),
        ("batch:4", 5, "/console/batches/4"),
        ("refund:8", 5, "/console/returns/8"),
        ("shop:jd-1", None, "/console/shops/jd-1"),
        ("shop:jd-1:2026-11-20", None, "/console/shops/jd-1"),
        ("sku:TEA 红/1", None, "/console/skus/one?code=TEA+%E7%BA%A2%2F1"),
        ("stock:WH-A:TEA", None, "/console/skus/one?code=TEA"),
        ("inbox:wms:WH-A", None, "/console/queues"),
        ("process_orders/every shop", None, ""),
    ],
)
def test_the_page_is_that_of_what_it_is_about(subject: str, order: int | None, page: str) -> None:
    assert page_of(alert(subject, order)) == page


def test_addresses_are_those_of_this_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERPOOL_PUBLIC_URL", f"{OMS}/")
    monkeypatch.setenv("ORDERPOOL_PREFECT_UI_URL", "https://prefect.example.com")
    settings.cache_clear()
    try:
        links = links_of(alert("batch:4", run="0-1-2"))
        bare = links_of(alert("document:OB1"))
    finally:
        monkeypatch.undo()
        settings.cache_clear()

    assert links.page == f"{OMS}/console/batches/4"
    assert links.run == "https://prefect.example.com/runs/flow-run/0-1-2"
    assert links.runbook == f"{OMS}/console/runbook#not-collected"
    assert (bare.page, bare.run) == ("", "")
