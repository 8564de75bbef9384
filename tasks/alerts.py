"""Alerts: opened when something needs a person, closed by themselves when it is over."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from models.alert import AlertRule
from models.database import Connection
from models.errors import SetupError
from models.order import Cause

GROWN = 3
FEW = 10
"""An alert about several things is told anew when they are GROWN times as many as when it was told, or as FEW."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a rule found of one subject: a sentence, its order (of several the oldest), its run, and of how many
    things it speaks."""

    sentence: str
    order_id: int | None = None
    run_id: str | None = None
    things: int = 1


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """Something that a person should look at now; `acknowledged_by` is who said that he does.

    `tasks.alert_links` leads from it to pages.
    """

    rule: AlertRule
    subject: str
    sentence: str
    opened_at: datetime
    id: int
    acknowledged_by: str | None
    order_id: int | None = None
    run_id: str | None = None
    things: int = 1


@dataclass(frozen=True, slots=True)
class Raised:
    """What evaluating a rule changed: the subjects that have an alert since now, and how many alerts closed."""

    opened: tuple[str, ...]
    closed: int


Look = Callable[[Connection, datetime], Mapping[str, str | Found]]
"""Evaluates a rule: its subjects with what is to be said of each, as things stand now."""


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
    is not among them any more closes. One that has GROWN closes too, and is opened anew: else nobody would hear of it.
    Two who evaluate a rule at once follow each other, each with its own look.
    `asked_at` is when somebody else was asked for what `look` goes by: alerts opened since do not close.
    """
    conn.execute("select pg_advisory_xact_lock(hashtext('alerts ' || %s))", (rule.value,))
    looked = look(conn, at)
    found = {subject: Found(of) if isinstance(of, str) else of for subject, of in looked.items()}
    given = {
        "rule": rule.value,
        "subjects": list(found),
        "sentences": [of.sentence for of in found.values()],
        "orders": [of.order_id for of in found.values()],
        "runs": [of.run_id for of in found.values()],
        "things": [of.things for of in found.values()],
        "at": at,
        "run": flow_run_id,
        "asked_at": asked_at,
        "grown": GROWN,
        "few": FEW,
    }
    closed = conn.execute(
        """update alert set closed_at = %(at)s
           where rule = %(rule)s and closed_at is null and subject <> all(%(subjects)s)
             and (%(asked_at)s::timestamptz is null or opened_at <= %(asked_at)s)""",
        given,
    ).rowcount
    closed += conn.execute(
        f"""update alert a set closed_at = %(at)s from {_FOUND}
            where a.rule = %(rule)s and a.closed_at is null and a.subject = f.subject
              and f.things >= %(grown)s * greatest(a.told, %(few)s)""",
        given,
    ).rowcount
    # what has become far fewer may grow, and be told, again
    conn.execute(
        f"""update alert a set sentence = f.sentence, order_id = f.order_id, run_id = f.run_id, things = f.things,
              told = case when f.things * %(grown)s <= a.told then f.things else a.told end
            from {_FOUND}
            where a.rule = %(rule)s and a.closed_at is null and a.subject = f.subject
              and (a.sentence, a.order_id, a.run_id, a.things)
                is distinct from (f.sentence, f.order_id, f.run_id, f.things)""",
        given,
    )
    opened = conn.execute(
        f"""insert into alert (rule, subject, sentence, order_id, run_id, things, told, flow_run_id, opened_at)
            select %(rule)s, f.subject, f.sentence, f.order_id, f.run_id, f.things, f.things, %(run)s, %(at)s
            from {_FOUND}
            on conflict (rule, subject) where closed_at is null do nothing returning subject""",
        given,
    ).fetchall()
    return Raised(tuple(row[0] for row in opened), closed)


_FOUND: LiteralString = """
  unnest(%(subjects)s::text[], %(sentences)s::text[], %(orders)s::bigint[], %(runs)s::text[], %(things)s::int[])
    as f(subject, sentence, order_id, run_id, things)"""


def open_alerts(conn: Connection, flow_run_id: str | None = None) -> list[OpenAlert]:
    """Every open alert, or those that a run opened, oldest first."""
    rows = conn.execute(
        """select rule, subject, sentence, opened_at, id, acknowledged_by, order_id, run_id, things from alert
           where closed_at is null and (%(run)s::text is null or flow_run_id = %(run)s)
           order by opened_at, id""",
        {"run": flow_run_id},
    ).fetchall()
    return [OpenAlert(AlertRule(row[0]), *row[1:]) for row in rows]


def acknowledge(conn: Connection, alert_id: int, why: Cause) -> bool:
    """Note that somebody sees to an alert, so that nobody else is called for it; whether he is the first.

    Raises SetupError when there is no such alert, or it is over.
    """
    row = conn.execute("select closed_at, acknowledged_at from alert where id = %s for update", (alert_id,)).fetchone()
    if row is None:
        raise SetupError(f"alert {alert_id}: there is no such alert; `orderpool alerts` lists those that are open")
    if row[0] is not None:
        raise SetupError(f"alert {alert_id}: is over since {row[0]:%m-%d %H:%M} UTC")
    if row[1] is not None:
        return False
    conn.execute(
        "update alert set acknowledged_at = %s, acknowledged_by = %s where id = %s", (why.at, why.actor, alert_id)
    )
    return True
