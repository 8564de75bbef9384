"""The flows that look after shops and deadlines, as runs of a real Prefect server."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings

from deployments.simulation import connect_shops
from flows.audit_tracking import audit_tracking
from flows.deliver_outbox import deliver_outbox
from flows.erase_receivers import erase_receivers
from flows.learn_lanes import learn_lanes
from flows.learn_prices import learn_prices
from flows.refresh_shops import refresh_shops
from flows.watch_deadlines import watch_deadlines
from models.database import transaction
from models.settings import clock
from sandbox.server import Sandbox, running
from tasks.prefect_runs import runs_in_trouble
from tasks.progress_codes import ask_code
from tasks.progress_limits import Caller
from tests.fakes import FakePool, payload
from tests.shared_pool import emptied, shared_pool


@pytest.fixture(scope="module")
def upkeep_database(postgres: str) -> Iterator[str]:
    with shared_pool(postgres, "upkeep") as url:
        yield url


@pytest.fixture
def pool(upkeep_database: str) -> Iterator[FakePool]:
    """A pool without a web shop of its own."""
    with emptied(upkeep_database):
        pool = FakePool()
        pool.execute("update shop set active = false")
        yield pool


@pytest.fixture(autouse=True)
def prefect(prefect_server: str) -> Iterator[None]:
    """The session's Prefect server, also when Prefect was imported before its address was known; no run of other tests
    is in trouble there.
    """
    with temporary_settings({PREFECT_API_URL: prefect_server}), get_client(sync_client=True) as client:
        for trouble in runs_in_trouble(clock().now()):
            client.delete_flow_run(UUID(trouble.run_id))
        yield


@pytest.fixture
def sandbox(pool: FakePool) -> Iterator[Sandbox]:
    """A sandbox whose shops the pool knows."""
    with running() as sandbox:
        connect_shops(sandbox.world())
        yield sandbox


def end_token(pool: FakePool, shop: str) -> None:
    pool.execute(
        "update credential set expires_at = %s where owner_code = %s and name in ('session', 'access_token')",
        clock().now() - timedelta(hours=1),
        shop,
    )


def test_a_new_alert_fails_the_run_once_and_a_known_one_does_not(pool: FakePool, sandbox: Sandbox) -> None:
    end_token(pool, "tmall-1")

    first = watch_deadlines(return_state=True)
    second = watch_deadlines(return_state=True)
    pool.execute("update credential set expires_at = null")
    third = watch_deadlines(return_state=True)

    assert first.is_failed()
    assert str(first.message).startswith("watch: 1 new of 1 alerts: shop tmall-1: its access token ended")
    assert (second.name, second.message) == ("Completed", "1 alerts open, 0 new, 0 closed")
    assert third.message == "0 alerts open, 0 new, 1 closed"


def test_tokens_and_carriers_are_refreshed(pool: FakePool, sandbox: Sandbox) -> None:
    end_token(pool, "tmall-1")
    before = sandbox.shop("tmall-1")["session"]

    state = refresh_shops(return_state=True)

    assert state.is_completed()
    assert str(state.message).startswith("1 tokens, ")
    assert sandbox.shop("tmall-1")["session"] != before
    assert pool.rows("select count(distinct shop_id) > 1 from shop_carrier") == [(True,)]


def test_a_shop_that_cannot_be_refreshed_fails_the_run_in_plain_words(pool: FakePool, sandbox: Sandbox) -> None:
    end_token(pool, "tmall-1")
    pool.execute("update shop set active = code = 'tmall-1'")
    pool.execute(
        "update credential set value_enc = (select value_enc from credential where name = 'app_key' limit 1)"
        " where owner_code = 'tmall-1' and name = 'refresh_token'"
    )

    state = refresh_shops(return_state=True)

    assert state.is_failed()
    assert str(state.message).startswith("refresh: 1 tokens not refreshed: tmall-1: refresh the token: invalid_grant")
    assert "`orderpool shop authorize tmall-1`" in str(state.message)


def test_a_run_that_learns_prices_says_how_many(pool: FakePool) -> None:
    state = learn_prices(return_state=True)

    assert state.is_completed()
    assert state.message == "0 prices new, 0 changed, from 0 lines"


def test_a_run_that_learns_lanes_says_how_many(pool: FakePool) -> None:
    state = learn_lanes(return_state=True)

    assert state.is_completed()
    assert state.message == "0 lanes known, 0 forgotten, from 0 parcels"


def test_an_audit_without_silent_parcels_asks_nobody(pool: FakePool, sandbox: Sandbox) -> None:
    state = audit_tracking(return_state=True)

    assert state.is_completed()
    assert state.message == "0 silent parcels asked about, 0 moved, 0 without news"
    assert sandbox.do("GET", "/books")["carriers"]["aliyun"]["queries"] == {}


def test_an_audit_of_a_pool_without_credentials_says_what_it_lacks(pool: FakePool) -> None:
    state = audit_tracking(return_state=True)

    assert state.is_failed()
    assert "kuaidi100: lacks the credential" in str(state.message)


def test_codes_that_no_live_process_sent_leave_with_the_outbox(pool: FakePool, sandbox: Sandbox) -> None:
    pool.take([payload(1)])
    pool.execute("update orders set created_at = %s", clock().now())
    with transaction() as conn:
        ask_code(conn, "13900000001", Caller("", b"browser"), clock().now())

    state = deliver_outbox(return_state=True)

    assert (state.is_completed(), state.message) == (True, "0 delivered; 1 codes sent")
    assert [sent["phone"] for sent in sandbox.do("GET", "/books")["sms"]["aliyun"]] == ["13900000001"]


def test_a_run_that_erases_says_what_went(pool: FakePool) -> None:
    pool.take([payload(1), payload(2)])
    pool.execute("update order_state set stage = 'cancelled'")
    pool.execute("update orders set modified_at = modified_at - interval '1 year' where order_no = '1'")

    state = erase_receivers(return_state=True)

    assert state.is_completed()
    assert str(state.message).startswith("1 receivers, 0 labels, 0 incoming bodies")
