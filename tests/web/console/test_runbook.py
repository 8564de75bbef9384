"""The runbook in the console: every fault's section is there in both languages, and its links stay in the console."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from models.alert import AlertRule
from models.rules.alert_sections import SECTIONS
from models.rules.faults import Fault
from tests.web.console.conftest import Browser
from web.console.runbook import as_html

SignedIn = Callable[[str], Browser]


@pytest.mark.parametrize("wish", ["zh-CN", "en"])
def test_every_fault_and_every_alert_has_its_section(signed_in: SignedIn, wish: str) -> None:
    text = signed_in("viewer").get(f"/console/runbook?lang={wish}").text

    assert [fault for fault in Fault if f'<h2 id="{fault.value}">' not in text] == []
    assert [rule for rule in AlertRule if f'<h2 id="{SECTIONS[rule]}">' not in text] == []


def test_it_is_in_chinese_unless_english_is_asked_for(signed_in: SignedIn) -> None:
    browser = signed_in("viewer")

    assert "Retry 永远安全" in browser.get("/console/runbook").text
    assert "Retry is always safe" in browser.get("/console/runbook?lang=en").text


def test_its_links_lead_to_pages_that_are_there(signed_in: SignedIn) -> None:
    browser = signed_in("viewer")
    text = browser.get("/console/runbook?lang=en").text
    article = text[text.index("<article") : text.index("</article>")]

    for address in set(re.findall(r'(?:href|src)="(/[^"#]*)', article)):
        assert browser.get(address).status_code == 200, address
    sections = set(re.findall(r'id="([^"]+)"', article))
    assert set(re.findall(r'href="#([^"]+)"', article)) <= sections


def test_the_batch_page_and_the_page_of_what_waits_lead_to_it(signed_in: SignedIn) -> None:
    assert 'href="/console/runbook"' in signed_in("viewer").get("/console/waiting").text


def test_html_in_a_page_is_shown_as_text(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Title\n\n<script>alert(1)</script> [bad](javascript:alert(1))\n")

    shown = str(as_html(page))
    assert "<script>" not in shown
    assert "javascript:" not in re.findall(r'href="([^"]*)"', shown)


def test_a_picture_that_is_none_of_the_runbooks_is_not_given(signed_in: SignedIn) -> None:
    browser = signed_in("viewer")

    assert browser.get("/console/runbook/images/failure-none.png").status_code == 404
    assert browser.get("/console/runbook/images/..%2f..%2frunbook.md").status_code in {404, 422}
