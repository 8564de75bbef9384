"""Alerts: opened when something needs a person, closed by themselves when it is over."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from models.alert import AlertRule
from models.database import Connection


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """Something that a person should look at now."""

    rule: AlertRule
    subject: str
    sentence: str
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class Raised:
    """What evaluating a rule changed: the subjects that have an alert since now, and how many alerts closed."""

    opened: tuple[str, ...]
    closed: int


Look = Callable[[Connection, datetime], Mapping[str, str]]
"""Evaluates a rule: its subjects with a sentence each, as things stand now."""


def raise_alerts(
    conn: Connection,
    rule: AlertRule,
    look: Look,
    at: datetime,
    flow_run_id: str | None = None,
    asked_at: datetime | None = None,
) -> Raised:
    """Have exactly the subjects that `look` finds alerted, each with its sentence.

    One alert is open per rule and subject: a known one keeps its time and gets the new sentence, one whose subject
    is not among them any more closes. Two who evaluate a rule at once follow each other, each with its own look.
    `asked_at` is when somebody else was asked for what `look` goes by: alerts opened since do not close.
    """
    conn.execute("select pg_advisory_xact_lock(hashtext('alerts ' || %s))", (rule.value,))
    found = look(conn, at)
    given = {
        "rule": rule.value,
        "subjects": list(found),
        "sentences": list(found.values()),
        "at": at,
        "run": flow_run_id,
        "asked_at": asked_at,
    }
    closed = conn.execute(
        """update alert set closed_at = %(at)s
           where rule = %(rule)s and closed_at is null and subject <> all(%(subjects)s)
             and (%(asked_at)s::timestamptz is null or opened_at <= %(asked_at)s)""",
        given,
    ).rowcount
    conn.execute(
        """update alert a set sentence = f.sentence
           from unnest(%(subjects)s::text[], %(sentences)s::text[]) as f(subject, sentence)
           where a.rule = %(rule)s and a.closed_at is null and a.subject = f.subject and a.sentence <> f.sentence""",
        given,
    )
    opened = conn.execute(
        """insert into alert (rule, subject, sentence, flow_run_id, opened_at)
           select %(rule)s, f.subject, f.sentence, %(run)s, %(at)s
           from unnest(%(subjects)s::text[], %(sentences)s::text[]) as f(subject, sentence)
           on conflict (rule, subject) where closed_at is null do nothing returning subject""",
        given,
    ).fetchall()
    return Raised(tuple(row[0] for row in opened), closed)


def open_alerts(conn: Connection, flow_run_id: str | None = None) -> list[OpenAlert]:
    """Every open alert, or those that a run opened, oldest first."""
    rows = conn.execute(
        """select rule, subject, sentence, opened_at from alert
           where closed_at is null and (%(run)s::text is null or flow_run_id = %(run)s)
           order by opened_at, id""",
        {"run": flow_run_id},
    ).fetchall()
    return [OpenAlert(AlertRule(rule), subject, sentence, opened_at) for rule, subject, sentence, opened_at in rows]
