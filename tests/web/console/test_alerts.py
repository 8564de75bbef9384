"""The page of alerts: what is open, who was told, who sees to it; and the red bar when nobody can be told."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from models.alert import AlertRule
from models.database import transaction
from models.settings import clock
from models.telling import Language, RecipientKind, Severity
from tasks.alert_messages import write_messages
from tasks.alerts import raise_alerts
from tasks.recipients import Recipient, add_recipient
from tests.fakes import FakePool, why
from tests.web.console.conftest import Browser

SignedIn = Callable[[str], Browser]
URL = {"webhook_url": "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=k"}


@pytest.fixture
def silent(pool: FakePool) -> FakePool:
    """A silent shop that `on-call` was told of, and another that is read again."""
    now = clock().now()
    wish = Recipient("on-call", RecipientKind.WECOM, Language.CHINESE, tuple(Severity), 1)
    with transaction() as conn:
        add_recipient(conn, wish, URL, why(at=now))
        found = {"shop:A": "shop A: no orders were fetched since 11-20 12:00", "shop:B": "shop B: <b>silent</b>"}
        raise_alerts(conn, AlertRule.INGEST_SILENT, lambda *_: found, now - timedelta(hours=1))
        raise_alerts(conn, AlertRule.INGEST_SILENT, lambda *_: {"shop:A": found["shop:A"]}, now)
        write_messages(conn, now)
    return pool


def test_it_tells_what_is_open_and_what_is_over_and_who_was_told(signed_in: SignedIn, silent: FakePool) -> None:
    silent.execute("update outbox set state = 'delivered', delivered_at = created_at")
    chinese = signed_in("viewer").get("/console/alerts").text
    english = signed_in("viewer").get("/console/alerts?lang=en").text

    for part in ("店铺停止抓单", "P1", "on-call: 新告警, 已送达", "近日已恢复", "shop B: &lt;b&gt;silent&lt;/b&gt;"):
        assert part in chinese, part
    for part in ("no orders are fetched", "on-call: that it is there, told", "Over in the last days"):
        assert part in english, part


def test_without_alerts_and_recipients_it_says_so(signed_in: SignedIn, pool: FakePool) -> None:
    text = signed_in("viewer").get("/console/alerts").text

    assert "没有未关闭的告警" in text
    assert "尚未设置告警接收人" in text


def test_a_person_says_once_that_he_sees_to_it(signed_in: SignedIn, silent: FakePool) -> None:
    browser = signed_in("desk")
    assert "我来处理" in browser.get("/console/alerts").text

    for _turn in range(2):
        assert browser.submit("/console/alerts/1/acknowledge").headers["location"] == "/console/alerts"

    assert silent.rows("select acknowledged_by from alert order by id") == [("person:desk",), (None,)]
    text = browser.get("/console/alerts").text
    assert "已有人处理" in text
    assert "我来处理" not in text


def test_one_that_is_over_or_not_there_is_refused(signed_in: SignedIn, silent: FakePool) -> None:
    browser = signed_in("desk")

    assert browser.submit("/console/alerts/2/acknowledge").status_code == 409
    assert browser.submit("/console/alerts/99/acknowledge").status_code == 409


def test_who_only_looks_has_nothing_to_press(signed_in: SignedIn, silent: FakePool) -> None:
    viewer = signed_in("viewer")

    assert "我来处理" not in viewer.get("/console/alerts").text
    assert viewer.submit("/console/alerts/1/acknowledge").status_code == 403


def test_every_page_says_so_when_nobody_can_be_told(signed_in: SignedIn, silent: FakePool) -> None:
    browser = signed_in("viewer")
    assert 'id="untold"' not in browser.get("/console/waiting").text

    silent.execute("update outbox set state = 'refused'")
    with transaction() as conn:
        write_messages(conn, clock().now())

    text = browser.get("/console/waiting").text
    assert 'id="untold"' in text
    assert "告警无法送达任何接收人" in text
    silent.execute("update outbox set state = 'delivered'")
    assert 'id="untold"' not in browser.get("/console/waiting").text
