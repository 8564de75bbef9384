"""What Prometheus reads, and who else does not."""

from collections.abc import Iterator

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from models.settings import settings
from tests.web.conftest import Pool
from web.metrics import forget

TOKEN = "a token of the scraper"


@pytest.fixture(autouse=True)
def anew(pool: Pool) -> Iterator[None]:
    pool.execute(
        """insert into batch (id, shop_id, origin, state, stored, joined, rejected, flow_run_id, created_at)
           select 1, id, 'window', 'closed', 1, 0, 0, 'r', now() from shop"""
    )
    pool.execute("insert into order_state (order_id, batch_id, stage, rule_version) values (1, 1, 'dispatched', 1)")
    forget()
    yield
    forget()


@pytest.fixture
def token(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("ORDERPOOL_METRICS_TOKEN", TOKEN)
    settings.cache_clear()
    yield TOKEN
    monkeypatch.undo()
    settings.cache_clear()


def figures(web: httpx.Client) -> dict[tuple[str, ...], float]:
    """Every figure by its name and the values of its labels, in the order of the labels' names."""
    answer = web.get("/metrics")
    assert answer.status_code == 200
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_orders_holds_queues_and_alerts_are_counted(web: httpx.Client, pool: Pool) -> None:
    pool.execute(
        """insert into hold (order_id, code, sentence, evidence, rule_version, placed_at, resume_due)
           values (1, 'REMARK', '', '{}', 1, now() - interval '1 hour', false)"""
    )
    pool.execute("insert into alert (rule, subject, sentence, opened_at) values ('run_failed', 'x', 'x', now())")
    pool.execute(
        """insert into inbox (source, message_id, body_enc, state, note, received_at, erase_after)
           values ('shop:WOO', 'm', '', 'new', '', now() - interval '10 minutes', now())"""
    )
    found = figures(web)

    assert found["orderpool_orders", "WOO", "dispatched"] == 1
    assert found["orderpool_open_holds", "REMARK"] == 1
    assert found["orderpool_open_holds", "UNPAID"] == 0
    assert found["orderpool_waiting_orders", "desk", "REMARK"] == 1
    assert 3590 < found["orderpool_waiting_oldest_age_seconds", "desk", "REMARK"] < 3700
    assert found["orderpool_open_alerts", "run_failed"] == 1
    assert found["orderpool_queue_waiting", "", "shop:WOO", "inbox"] == 1
    assert found["orderpool_queue_oldest_age_seconds", "", "shop:WOO", "inbox"] > 590
    assert found["orderpool_open_batches",] == 0
    assert {value for key, value in found.items() if key[0] == "orderpool_figures_failed"} == {0}
    assert found["process_resident_memory_bytes",] > 0


def test_the_pool_is_not_asked_again_at_once(web: httpx.Client, pool: Pool) -> None:
    before = figures(web)["orderpool_open_alerts", "run_failed"]
    pool.execute("insert into alert (rule, subject, sentence, opened_at) values ('run_failed', 'y', 'x', now())")

    assert figures(web)["orderpool_open_alerts", "run_failed"] == before


def test_a_group_that_cannot_be_read_is_named_and_the_others_are_there(web: httpx.Client, pool: Pool) -> None:
    pool.execute("alter table alert rename to alert_away")
    try:
        found = figures(web)
    finally:
        pool.execute("alter table alert_away rename to alert")

    assert found["orderpool_figures_failed", "runs"] == 1
    assert found["orderpool_figures_failed", "holds"] == 0
    assert ("orderpool_open_alerts", "run_failed") not in found
    assert found["orderpool_orders", "WOO", "dispatched"] == 1


def test_without_the_pool_it_says_so_and_answers(web: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERPOOL_DATABASE_URL", "postgresql://127.0.0.1:9/none")
    settings.cache_clear()
    found = figures(web)
    monkeypatch.undo()
    settings.cache_clear()

    assert found["orderpool_figures_failed", "orders"] == 1


@pytest.mark.parametrize("header", ["x-forwarded-for", "forwarded", "x-real-ip"])
def test_what_a_proxy_passes_on_needs_the_token(web: httpx.Client, token: str, header: str) -> None:
    passed_on = {header: "127.0.0.1"}

    assert web.get("/metrics", headers=passed_on).status_code == 404
    assert web.get("/metrics", headers=passed_on | {"authorization": "Bearer wrong"}).status_code == 404
    assert web.get("/metrics", headers=passed_on | {"authorization": f"Bearer {token}"}).status_code == 200


def test_without_a_token_set_none_is_taken(web: httpx.Client) -> None:
    passed_on = {"x-forwarded-for": "10.0.0.7", "authorization": "Bearer"}

    assert web.get("/metrics", headers=passed_on).status_code == 404
