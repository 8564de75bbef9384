"""Who is told of alerts: rows that people add and remove, and how each is reached."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from connectors import registry
from connectors.messages.notice import CALLS_PER_S, Messenger
from models.database import Connection
from models.errors import SetupError
from models.order import Cause
from models.rules.alert_news import Reader
from models.settings import clock, settings
from models.telling import Language, RecipientKind, Severity
from tasks.call_budget import budget_of
from tasks.clients import client_of
from tasks.credentials import Owner, keep_secrets, secrets_of
from tasks.outbox_calls import RECIPIENT


@dataclass(frozen=True, slots=True)
class Recipient:
    """A recipient as people set it up; `quiet` are times of the day in China."""

    name: str
    kind: RecipientKind
    language: Language
    severities: tuple[Severity, ...]
    rank: int
    quiet: tuple[time, time] | None = None
    escalate_after_min: int | None = None
    escalate_to: str | None = None


def add_recipient(conn: Connection, wish: Recipient, secrets: Mapping[str, str], why: Cause) -> bool:
    """Add a recipient, or change the one of this name; whether it is new.

    It is told of what is open now. Raises SetupError when it lacks a credential, one cannot be right, or the one to
    escalate to is nobody.
    """
    _check(conn, wish)
    conn.execute("delete from credential where owner_kind = 'recipient' and owner_code = %s", (wish.name,))
    keep_secrets(conn, Owner.RECIPIENT, wish.name, secrets)
    _messenger(wish.name, wish.kind, secrets)
    row = conn.execute(
        """insert into alert_recipient (name, kind, language, severities, rank, quiet_from, quiet_until,
             escalate_after_min, escalate_to, active, added_at)
           values (%s, %s, %s, %s, %s, %s, %s, %s, %s, true, %s)
           on conflict (name) do update
           set kind = excluded.kind, language = excluded.language, severities = excluded.severities,
             rank = excluded.rank, quiet_from = excluded.quiet_from, quiet_until = excluded.quiet_until,
             escalate_after_min = excluded.escalate_after_min, escalate_to = excluded.escalate_to, active = true,
             added_at = case when alert_recipient.active then alert_recipient.added_at else excluded.added_at end
           returning xmax = 0""",
        (
            wish.name,
            wish.kind.value,
            wish.language.value,
            [severity.value for severity in wish.severities],
            wish.rank,
            *(wish.quiet or (None, None)),
            wish.escalate_after_min,
            wish.escalate_to,
            why.at,
        ),
    ).fetchone()
    return row is not None and bool(row[0])


def _check(conn: Connection, wish: Recipient) -> None:
    if not wish.name or not wish.name.isprintable() or len(wish.name) > 60 or set(wish.name) & {":", "/", " "}:
        raise SetupError(f"recipient {wish.name!r}: a name has up to 60 characters, without spaces, : and /")
    if not wish.severities:
        raise SetupError(f"recipient {wish.name}: takes no severity; name some of {', '.join(Severity)}")
    if (wish.escalate_after_min is None) != (wish.escalate_to is None):
        raise SetupError(f"recipient {wish.name}: escalation needs both the minutes and to whom")
    if wish.escalate_after_min is not None and not 1 <= wish.escalate_after_min <= 1440:
        raise SetupError(f"recipient {wish.name}: escalation waits 1 to 1440 minutes, not {wish.escalate_after_min}")
    if wish.quiet and wish.quiet[0] == wish.quiet[1]:
        raise SetupError(f"recipient {wish.name}: its quiet hours end when they begin")
    if wish.escalate_to is not None:
        known = conn.execute(
            "select 1 from alert_recipient where name = %s and name <> %s and active", (wish.escalate_to, wish.name)
        ).fetchone()
        if known is None:
            raise SetupError(f"recipient {wish.name}: escalates to {wish.escalate_to}, which is no other recipient")


def remove_recipient(conn: Connection, name: str) -> None:
    """Tell a recipient nothing more; what was still on its way goes to whoever stands in for it.

    Raises SetupError when it is nobody, or somebody escalates to it.
    """
    rows = conn.execute(
        "select name from alert_recipient where escalate_to = %s and active order by 1", (name,)
    ).fetchall()
    if rows:
        raise SetupError(f"recipient {name}: {rows[0][0]} escalates to it; change that first")
    found = conn.execute(
        """update alert_recipient set active = false, escalate_after_min = null, escalate_to = null
           where name = %s and active returning id""",
        (name,),
    ).fetchone()
    if found is None:
        raise SetupError(f"recipient {name}: is not there; `orderpool alerts to list` shows those that are")
    conn.execute("delete from credential where owner_kind = 'recipient' and owner_code = %s", (name,))
    conn.execute(
        """update outbox set state = 'refused', last_error = 'the recipient was removed'
           where kind = 'alert' and counterpart = %s and state = 'pending' and not in_doubt""",
        (RECIPIENT + name,),
    )


def recipients(conn: Connection) -> list[Recipient]:
    """Those who are told, in the order in which they stand in for each other."""
    rows = conn.execute(
        """select name, kind, language, severities, rank, quiet_from, quiet_until, escalate_after_min, escalate_to
           from alert_recipient where active order by rank, id"""
    ).fetchall()
    return [
        Recipient(
            name,
            RecipientKind(kind),
            Language(language),
            tuple(Severity(severity) for severity in severities),
            rank,
            (begin, end) if begin is not None else None,
            after,
            to,
        )
        for name, kind, language, severities, rank, begin, end, after, to in rows
    ]


def readers(conn: Connection) -> list[Reader]:
    """Those who are told, as the rules see them."""
    rows = conn.execute(
        """select r.id, r.severities, r.rank, r.added_at, r.quiet_from, r.quiet_until, r.escalate_after_min, t.id
           from alert_recipient r left join alert_recipient t on t.name = r.escalate_to and t.active
           where r.active order by r.rank, r.id"""
    ).fetchall()
    return [
        Reader(
            reader_id,
            frozenset(Severity(severity) for severity in severities),
            rank,
            added_at,
            (begin, end) if begin is not None else None,
            timedelta(minutes=after) if after is not None else None,
            to,
        )
        for reader_id, severities, rank, added_at, begin, end, after, to in rows
    ]


def is_anyone_told(conn: Connection) -> bool:
    """Whether there is a recipient."""
    return conn.execute("select 1 from alert_recipient where active limit 1").fetchone() is not None


def open_messenger(conn: Connection, name: str) -> tuple[Messenger, Language]:
    """The way to a recipient, and what it reads; raises SetupError naming it and what it lacks."""
    row = conn.execute("select kind, language from alert_recipient where name = %s and active", (name,)).fetchone()
    if row is None:
        raise SetupError(f"recipient {name}: is not there; `orderpool alerts to list` shows those that are")
    return _messenger(name, RecipientKind(row[0]), secrets_of(conn, Owner.RECIPIENT, name)), Language(row[1])


def _messenger(name: str, kind: RecipientKind, secrets: Mapping[str, str]) -> Messenger:
    way = registry.MESSENGERS[kind.value]
    if lacking := [needed for needed in way.needs if not secrets.get(needed)]:
        raise SetupError(f"recipient {name}: lacks the credential {', '.join(lacking)}")
    given = {**secrets, "allow_http": "1" if settings().allow_http else "0"}
    budget = budget_of(_address_of(kind, way.needs, secrets), CALLS_PER_S)
    return way(client_of(Owner.RECIPIENT, name), name, given, _now, budget)


def _address_of(kind: RecipientKind, needs: Sequence[str], secrets: Mapping[str, str]) -> str:
    """Whose calls are counted: those of all recipients that write to one robot, by a digest of its address."""
    written = "\n".join(secrets.get(name, "").strip() for name in needs)
    return f"{kind}:{hashlib.sha256(written.encode()).hexdigest()[:16]}"


def _now() -> datetime:
    return clock().now()
