"""Chromium as people of the console use it; asks nobody outside this machine."""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, Playwright, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
PASSWORD = "correct horse battery"


_running: list[Playwright] = []
"""Playwright, while browsers are open: there can be only one at a time."""


@contextmanager
def chromium(*switches: str) -> Iterator[Browser]:
    """A browser without a past, with further switches of its command line; several may be open at once."""
    with ExitStack() as stack:
        if not _running:
            _running.append(stack.enter_context(sync_playwright()))
            stack.callback(_running.clear)
        browser = _running[0].chromium.launch(executable_path=CHROMIUM, args=[*QUIET, *switches])
        yield browser
        browser.close()


def signed_in(browser: Browser, console_url: str, name: str) -> Page:
    """A page in a window of its own, signed in through the form, in Chinese as it comes."""
    window = browser.new_context(base_url=console_url, viewport={"width": 1280, "height": 800}, locale="zh-CN")
    page = window.new_page()
    page.goto("/console/")
    page.locator("input[name=name]").fill(name)
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    page.wait_for_url("**/console/")
    return page


def picture(page: Page, name: str) -> None:
    """Keep a picture of the page in the folder that SCREENSHOTS names; nothing without one."""
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png")
