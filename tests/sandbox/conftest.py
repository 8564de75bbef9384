"""The sandbox, emptied and stopped at noon before each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox.server import Sandbox
from tests.sandbox.clients import NOON, Inbox, TopCaller, WmsCaller, WooCaller, inbox


@pytest.fixture
def sandbox(running_sandbox: Sandbox) -> Sandbox:
    running_sandbox.do("POST", "/reset")
    running_sandbox.do("POST", "/clock", {"now": NOON.isoformat()})
    return running_sandbox


@pytest.fixture
def tmall(sandbox: Sandbox) -> TopCaller:
    return TopCaller(sandbox)


@pytest.fixture
def woo(sandbox: Sandbox) -> WooCaller:
    return WooCaller(sandbox)


@pytest.fixture
def wms(sandbox: Sandbox) -> WmsCaller:
    return WmsCaller(sandbox)


@pytest.fixture
def received() -> Iterator[Inbox]:
    with inbox() as kept:
        yield kept
