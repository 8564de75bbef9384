"""Alerts as the console lists them: what is open, what was over lately, and who was told of each."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from models.alert import AlertRule
from models.database import Connection
from models.messages import OutboxState
from models.rules.alert_handling import HANDLING
from models.telling import Language, News, Severity
from tasks.alert_links import About, links_of, page_of
from tasks.alert_texts import named

SHOWN_FOR = timedelta(days=3)
MOST = 200


@dataclass(frozen=True, slots=True)
class ToldOf:
    """What a recipient was told of an alert: when it took the message, None while it has not."""

    recipient: str
    news: News
    at: datetime | None
    state: OutboxState
    obstacle: str


@dataclass(frozen=True, slots=True)
class ListedAlert:
    """One alert with its pages (what they are, their address) and everything that was told of it."""

    id: int
    rule: AlertRule
    severity: Severity
    sentence: str
    opened_at: datetime
    closed_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str
    links: tuple[tuple[str, str], ...]
    told: tuple[ToldOf, ...]


def list_alerts(conn: Connection, now: datetime, language: Language) -> tuple[list[ListedAlert], list[ListedAlert]]:
    """Those that are open, the most urgent and oldest first, and those that were over within SHOWN_FOR, newest first.

    At most MOST of each.
    """
    rows = conn.execute(
        """(select id, rule, subject, sentence, order_id, coalesce(run_id, flow_run_id), opened_at, closed_at,
              acknowledged_at, acknowledged_by
            from alert where closed_at is null order by opened_at, id limit %(most)s)
           union all
           (select id, rule, subject, sentence, order_id, coalesce(run_id, flow_run_id), opened_at, closed_at,
              acknowledged_at, acknowledged_by
            from alert where closed_at > %(since)s order by closed_at desc, id desc limit %(most)s)""",
        {"most": MOST, "since": now - SHOWN_FOR},
    ).fetchall()
    told = _told(conn, [row[0] for row in rows])
    found = []
    for alert_id, name, subject, sentence, order, run, opened, closed, seen_at, seen_by in rows:
        rule = AlertRule(name)
        about = About(rule, subject, order, run)
        # the console's own pages are where the reader is
        pages = named(replace(links_of(about), page=page_of(about)), language)
        found.append(
            ListedAlert(
                alert_id,
                rule,
                HANDLING[rule].severity,
                sentence,
                opened,
                closed,
                seen_at,
                (seen_by or "").removeprefix("person:"),
                tuple((link.label, link.url) for link in pages),
                tuple(told.get(alert_id, ())),
            )
        )
    still = [alert for alert in found if alert.closed_at is None]
    return sorted(still, key=lambda alert: alert.severity), [alert for alert in found if alert.closed_at is not None]


def _told(conn: Connection, alert_ids: list[int]) -> dict[int, list[ToldOf]]:
    rows = conn.execute(
        """select n.alert_id, r.name, n.news, o.delivered_at, o.state, o.last_error
           from alert_news n join alert_recipient r on r.id = n.recipient_id
           join outbox o on o.subject_id = n.message_id and o.kind = 'alert'
           where n.alert_id = any(%s) and n.news <> 'counted' order by n.message_id, n.news""",
        (alert_ids,),
    ).fetchall()
    found: dict[int, list[ToldOf]] = {}
    for alert_id, name, news, at, state, obstacle in rows:
        found.setdefault(alert_id, []).append(ToldOf(name, News(news), at, OutboxState(state), obstacle))
    return found
