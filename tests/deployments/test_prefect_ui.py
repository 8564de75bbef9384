"""The Prefect UI as a person opens it: the first version, offline, from this machine alone."""

from urllib.parse import urlsplit

import pytest

from tests.browsing import CHROMIUM, chromium


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine; `make chromium` installs it where it can")
def test_the_ui_opens_in_its_first_version_and_asks_nobody_else(prefect_server: str) -> None:
    asked: set[str | None] = set()
    with chromium() as browser:
        page = browser.new_page()
        page.on("request", lambda request: asked.add(urlsplit(request.url).hostname))
        page.goto(prefect_server.removesuffix("/api"))
        page.get_by_text("Switch to V2 UI").wait_for(timeout=60_000)
        shown = urlsplit(page.url).path

    assert not shown.startswith("/v2")
    assert asked - {None} == {"127.0.0.1"}  # an image that is part of the page has no host
