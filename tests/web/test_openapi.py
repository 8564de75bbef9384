"""Whatever the application's own description allows, it answers without an error of its own."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis import Case

from models.console import Role
from models.database import transaction
from tasks.dispatch import dispatch_batch
from tasks.lock_stock import lock_batch
from tasks.route import route_batch
from tests.fakes import FakePool, why
from tests.shared_pool import emptied, shared_pool
from tests.web.conftest import PULL_TOKEN
from tests.web.console.conftest import Browser, begin_session
from web.app import create_app

EXAMPLES = 6

schema = schemathesis.openapi.from_dict(create_app().openapi())


@pytest.fixture(scope="module")
def admin(postgres: str, web: httpx.Client) -> Iterator[Browser]:
    """A browser that an admin is signed in with, over a pool with orders in several stages."""
    with shared_pool(postgres, "described") as url, emptied(url), Browser(web.base_url) as browser:
        pool = FakePool()
        pool.stock(TEA=5)
        sent = pool.batch_of([{"TEA": 1}, {"TEA": 9}, {"TEA": 2}])
        with transaction() as conn:
            for stage in (lock_batch, route_batch, dispatch_batch):
                stage(conn, sent, why())
        pool.batch_of([{"TEA": 1}])
        yield browser


def ask(case: Case[Any], browser: Browser, headers: dict[str, str]) -> int:
    """Send a case; returns the status of the answer."""
    address = str(browser.base_url).rstrip("/")
    return case.call(
        base_url=address, headers=headers, cookies=dict(browser.cookies), allow_redirects=False
    ).status_code


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    phases=[Phase.explicit, Phase.generate],
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
def test_no_described_request_makes_the_application_fail(case: Case[Any], admin: Browser) -> None:
    begin_session(admin, Role.ADMIN)
    headers = {"x-csrf-token": admin.csrf}
    is_console = case.path.startswith("/console")
    if not is_console:
        headers = {"authorization": f"Bearer {PULL_TOKEN}"}
    status = ask(case, admin, headers)
    assert status < 500
    # the console listens to this admin: what is described really arrives
    assert not is_console or status != 403 or "sign-in" in case.path
