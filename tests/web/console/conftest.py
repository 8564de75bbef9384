"""The console on loopback over a real pool, signed in as whoever a test needs."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import httpx
import pytest

from models.console import Role
from models.database import transaction
from models.settings import clock
from tasks.sessions import open_session
from tests.fakes import FakePool
from tests.shared_pool import emptied, shared_pool
from web.console.session import COOKIE

PASSWORD = "correct horse battery"


class Browser(httpx.Client):
    """A browser of the console: keeps cookies, follows no redirect, posts forms with its session's token."""

    def __init__(self, address: httpx.URL) -> None:
        super().__init__(base_url=address, trust_env=False)
        self.csrf = ""

    def submit(self, path: str, /, **fields: object) -> httpx.Response:
        """Post a form as a page of this session does."""
        return self.post(path, data={"csrf": self.csrf, **fields})

    def sign_in(self, name: str, password: str = PASSWORD, wanted: str = "") -> httpx.Response:
        """Fill in the sign-in form."""
        token = hidden(self.get("/console/sign-in").text, "csrf")
        return self.post("/console/sign-in", data={"csrf": token, "name": name, "password": password, "next": wanted})

    def said(self) -> str:
        """The message that the last answer left for the next page."""
        found = re.search(r'<p class="message[^"]*">(.*?)</p>', self.get("/console/password").text, re.DOTALL)
        return found[1] if found else ""


def hidden(text: str, name: str) -> str:
    """The value of a hidden field of a page."""
    found = re.search(rf'name="{name}" value="([^"]*)"', text)
    assert found, f"the page has no field {name}"
    return found[1]


@pytest.fixture(scope="session")
def console_database(postgres: str) -> Iterator[str]:
    with shared_pool(postgres, "console") as url:
        yield url


@pytest.fixture
def pool(console_database: str) -> Iterator[FakePool]:
    """A pool with a web shop and two warehouses, and nothing else."""
    with emptied(console_database):
        yield FakePool()


@pytest.fixture
def browser(web: httpx.Client, pool: FakePool) -> Iterator[Browser]:
    """A browser that nobody has signed in with."""
    with Browser(web.base_url) as made:
        yield made


@pytest.fixture
def signed_in(web: httpx.Client, pool: FakePool) -> Iterator[Callable[[str], Browser]]:
    """Makes a browser that a person of a role is signed in with; the person is called like the role."""
    with ExitStack() as stack:

        def sign_in(role: str) -> Browser:
            made = stack.enter_context(Browser(web.base_url))
            begin_session(made, role)
            return made

        yield sign_in


def begin_session(browser: Browser, role: str) -> None:
    """Sign somebody of a role in without asking for a password, which takes long to check."""
    at = clock().now()
    with transaction() as conn:
        row = conn.execute(
            """insert into console_user (name, password_hash, role, active, failures, made_at, password_at)
               values (%s, '', %s, true, 0, %s, %s) on conflict (name) do update set active = true returning id""",
            (role, Role(role).value, at, at),
        ).fetchone()
        assert row is not None
        token = open_session(conn, row[0], at)
        found = conn.execute("select csrf from console_session where user_id = %s order by started_at desc", row)
        browser.csrf = found.fetchall()[0][0]
    browser.cookies.set(COOKIE, token)
