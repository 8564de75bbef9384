"""The buyers' page on loopback over a real pool, with an SMS service in the sandbox."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import httpx
import pytest

from sandbox.server import Sandbox
from tasks.progress_sms import SmsCount, send_codes, set_sms
from tests.clocks import StoppedClock, in_force
from tests.fakes import NOON, FakePool, payload
from tests.shared_pool import emptied, shared_pool
from tests.tasks.shipping import report

PHONE = "13900000001"
STRANGE = "13900010001"
"""A phone that has an order, and one that has none; both are shown as 139****0001."""


class Buyer(httpx.Client):
    """A buyer's browser: keeps cookies, follows no redirect, posts forms with the page's token."""

    def __init__(self, address: httpx.URL, come_from: str) -> None:
        super().__init__(base_url=address, trust_env=False, headers={"x-forwarded-for": come_from} if come_from else {})

    def submit(self, path: str, page: str = "/progress/number", **fields: str) -> httpx.Response:
        """Fill in a form."""
        token = re.search(r'name="csrf" value="([^"]+)"', self.get(page).text)
        assert token is not None
        return self.post(path, data={"csrf": token[1], "agreed": "1", **fields})

    def ask(self, phone: str = PHONE) -> httpx.Response:
        """Have a code sent."""
        return self.submit("/progress/code", phone=phone)

    def verify(self, code: str) -> httpx.Response:
        """Type a code."""
        return self.submit("/progress/verify", code=code)

    def number(self, order_no: str, last4: str) -> httpx.Response:
        """Look up by an order's number."""
        return self.submit("/progress/number", order_no=order_no, last4=last4)

    def orders(self, language: str = "zh-CN") -> str:
        """The page of the orders."""
        return self.get(f"/progress/orders?lang={language}").text


class Messages:
    """The phones' messages."""

    def __init__(self, sandbox: Sandbox, clock: StoppedClock) -> None:
        self.sandbox = sandbox
        self.clock = clock

    def send(self) -> SmsCount:
        """Let the live process have its turn."""
        self.sandbox.do("POST", "/clock", {"now": self.clock.now().isoformat()})
        return send_codes()

    def all(self) -> list[dict[str, Any]]:
        """Every message, the oldest first."""
        sent: list[dict[str, Any]] = self.sandbox.do("GET", "/books")["sms"]["aliyun"]
        return sent

    def code(self) -> str:
        """The code that came last, after a turn of the live process."""
        self.send()
        return str(self.all()[-1]["code"])

    def broken(self, kind: str, **how: Any) -> None:
        """Have the service misbehave once."""
        self.sandbox.do("POST", "/faults", {"target": "sms:aliyun", "kind": kind, "times": 1, **how})


@pytest.fixture(scope="session")
def progress_database(postgres: str) -> Iterator[str]:
    with shared_pool(postgres, "progress") as url:
        yield url


@pytest.fixture
def clock() -> Iterator[StoppedClock]:
    with in_force(StoppedClock(NOON + timedelta(days=1))) as stopped:
        yield stopped


@pytest.fixture
def pool(progress_database: str, clock: StoppedClock, running_sandbox: Sandbox) -> Iterator[FakePool]:
    """An order of two lines that left in one of two boxes, whose receiver has PHONE."""
    running_sandbox.do("POST", "/reset")
    with emptied(progress_database):
        pool = FakePool()
        pool.execute("update shop set name = '云栖茶铺'")
        set_sms(running_sandbox.sms())
        pool.stock(TEA=10, CUP=10)
        pool.take([payload(1, units={"TEA": 2, "CUP": 1})])
        pool.through_the_stages()
        assert report(pool, {"YT7001": {1: 2}}, final=False) == ""
        yield pool


@pytest.fixture
def messages(pool: FakePool, running_sandbox: Sandbox, clock: StoppedClock) -> Messages:
    return Messages(running_sandbox, clock)


@pytest.fixture
def buyer(web: httpx.Client, pool: FakePool) -> Iterator[Callable[..., Buyer]]:
    """Makes a buyer's browser at an address."""
    with ExitStack() as stack:
        yield lambda come_from="": stack.enter_context(Buyer(web.base_url, come_from))
