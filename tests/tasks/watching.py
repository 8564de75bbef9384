"""The life of an alert under a clock of the test's own: what scans of `watch_all` make of a rule."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from models.alert import AlertRule
from tasks.alerts import OpenAlert
from tasks.watch import watch_all
from tests.fakes import FakePool, why

SCAN = timedelta(minutes=10)
"""How often `watch_deadlines` runs."""


def scan(rule: AlertRule, at: datetime) -> list[OpenAlert]:
    """The open alerts of a rule after the run of this moment."""
    _, alerts = watch_all(why(f"run of {at:%d %H:%M}", at))
    return [alert for alert in alerts if alert.rule is rule]


def said(rule: AlertRule, at: datetime) -> dict[str, str]:
    """What the open alerts of a rule say after the run of this moment, by subject."""
    return {alert.subject: alert.sentence for alert in scan(rule, at)}


@dataclass(frozen=True, slots=True)
class Life:
    """What the scans around a moment made of a rule: `alerts` after the last scan before the end of its cause."""

    alerts: list[OpenAlert]

    @property
    def sentences(self) -> dict[str, str]:
        """What they say by subject."""
        return {alert.subject: alert.sentence for alert in self.alerts}


def life(pool: FakePool, rule: AlertRule, due: datetime, end: Callable[[], object]) -> Life:
    """Scan before and after a moment, let the cause end, and scan once more.

    Asserts that nothing was raised before, one alert in the first scan after it and none later, and that all were
    closed by the scan that came after the end.
    """
    assert [scan(rule, due - back) for back in (SCAN * 1.5, SCAN / 2)] == [[], []]
    alerts = scan(rule, due + SCAN / 2)
    again = scan(rule, due + SCAN * 1.5)
    assert [(alert.subject, alert.opened_at) for alert in again] == [
        (alert.subject, due + SCAN / 2) for alert in alerts
    ]
    end()
    assert scan(rule, due + SCAN * 2.5) == []
    rows = pool.rows("select count(*), max(closed_at) from alert where rule = %s", rule.value)
    assert rows == [(len(alerts), due + SCAN * 2.5)]
    return Life(again)
