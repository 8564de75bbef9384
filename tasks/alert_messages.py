"""Which messages about alerts are written, and what becomes of those that do not get through.

Everything is decided anew from the pool under one lock, and written with the outbox's rows in one transaction: a
process that is killed has written a message whole or not at all, and two that look at once follow each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from models.alert import AlertRule
from models.database import Connection
from models.messages import OutboxKind
from models.rules.alert_news import (
    Attempted,
    Item,
    Known,
    PassOn,
    Reader,
    Telling,
    Told,
    TryAgain,
    next_step,
    tellings,
)
from models.settings import SHANGHAI
from models.telling import News, Occasion, Severity
from tasks.effects import Effect, post
from tasks.outbox_calls import RECIPIENT
from tasks.recipients import readers

LOOK_BACK = timedelta(days=3)
"""Alerts that are over for longer are not told of any more."""


# a message of the chain got through, or each of its news did in others' messages
_HEARD = """
  exists (
    select 1 from alert_message c join outbox d on d.subject_id = c.id and d.kind = 'alert'
    where c.chain_id = m.chain_id and d.state = 'delivered')
  or not exists (
    select 1 from alert_news n where n.message_id = m.chain_id and n.news <> 'counted' and not exists (
      select 1 from alert_news k join outbox d on d.subject_id = k.message_id and d.kind = 'alert'
      where (k.alert_id, k.news) = (n.alert_id, n.news) and d.state = 'delivered'))"""


@dataclass(frozen=True, slots=True)
class Written:
    """How many messages were written, how many of them because somebody could not be told."""

    messages: int = 0
    passed_on: int = 0


def write_messages(conn: Connection, now: datetime) -> Written:
    """Write what is to be told now to whom, and pass on what could not be told."""
    people = readers(conn)
    if not people:
        return Written()
    # whoever else decides must see what this one wrote
    conn.execute("select pg_advisory_xact_lock(hashtext('alert messages'))")
    since = now - LOOK_BACK
    wanted = tellings(_alerts(conn, since), people, _told(conn, since), now, SHANGHAI)
    for telling in wanted:
        _write(conn, telling, now)
    return Written(len(wanted), _pass_on(conn, people, now))


def stuck_since(conn: Connection) -> datetime | None:
    """Since when news of alerts wait that nobody at all could be told; None when there are none."""
    row = conn.execute(
        f"""select min(m.stuck_at) from alert_message m
            where m.stuck_at is not null and m.id = m.chain_id and not ({_HEARD})""".encode()
    ).fetchone()
    return row[0] if row else None


def _alerts(conn: Connection, since: datetime) -> list[Known]:
    rows = conn.execute(
        """select id, rule, subject, opened_at, closed_at, acknowledged_at from alert
           where closed_at is null or closed_at > %s order by opened_at, id""",
        (since,),
    ).fetchall()
    return [Known(row[0], AlertRule(row[1]), *row[2:]) for row in rows]


def _told(conn: Connection, since: datetime) -> list[Told]:
    rows = conn.execute(
        """select n.recipient_id, n.alert_id, n.news, m.written_at, o.state in ('refused', 'withdrawn')
           from alert a join alert_news n on n.alert_id = a.id join alert_message m on m.id = n.message_id
           join outbox o on o.subject_id = m.id and o.kind = 'alert'
           where a.closed_at is null or a.closed_at > %s order by m.id""",
        (since,),
    ).fetchall()
    return [Told(reader, alert, News(news), at, given_up) for reader, alert, news, at, given_up in rows]


def _write(conn: Connection, telling: Telling, now: datetime, chain_id: int | None = None) -> None:
    (row,) = conn.execute(
        """with made as (select nextval(pg_get_serial_sequence('alert_message', 'id')) as id)
           insert into alert_message (id, recipient_id, occasion, chain_id, written_at)
           select id, %s, %s, coalesce(%s, id), %s from made returning id""",
        (telling.reader, telling.occasion.value, chain_id, now),
    ).fetchall()
    conn.cursor().executemany(
        "insert into alert_news (message_id, alert_id, news, recipient_id, times) values (%s, %s, %s, %s, %s) "
        "on conflict (recipient_id, alert_id, news) do nothing",
        [(row[0], item.alert, item.news.value, telling.reader, item.times) for item in telling.items],
    )
    (name,) = conn.execute("select name from alert_recipient where id = %s", (telling.reader,)).fetchall()
    post(conn, [Effect(OutboxKind.ALERT, RECIPIENT + name[0], row[0], f"alert-{row[0]}", None)], now)


def _pass_on(conn: Connection, people: Sequence[Reader], now: datetime) -> int:
    passed = 0
    for chain_id, chain in _undelivered(conn).items():
        severity = _severity(conn, chain_id)
        step = next_step(chain, people, severity, _knowing(conn, chain_id), now)
        match step:
            case PassOn(reader, instead_of):
                passed += _stand_in(conn, chain_id, reader, instead_of, now)
                continue
            case TryAgain(message):
                conn.execute(
                    "update outbox set state = 'pending', next_at = %s where kind = 'alert' and subject_id = %s",
                    (now, message),
                )
        if step is not None or all(one.state != "pending" for one in chain):
            conn.execute("update alert_message set stuck_at = %s where id = %s and stuck_at is null", (now, chain_id))
    return passed


def _undelivered(conn: Connection) -> dict[int, list[Attempted]]:
    """The chains whose news nobody heard, and of which one message was tried."""
    rows = conn.execute(
        f"""select m.chain_id, m.id, m.recipient_id, m.written_at, o.state, o.attempts, o.in_doubt, o.next_at
            from alert_message m join outbox o on o.subject_id = m.id and o.kind = 'alert'
            where m.chain_id in (
              select c.chain_id from alert_message c join outbox p on p.subject_id = c.id and p.kind = 'alert'
              where p.state = 'refused' or (p.state = 'pending' and p.attempts > 0))
            and not ({_HEARD})
            order by m.id for update of o""".encode()
    ).fetchall()
    chains: dict[int, list[Attempted]] = {}
    for chain_id, *rest in rows:
        chains.setdefault(chain_id, []).append(Attempted(*rest))
    return chains


def _severity(conn: Connection, chain_id: int) -> Severity:
    (row,) = conn.execute("select occasion from alert_message where id = %s", (chain_id,)).fetchall()
    by_occasion = dict(zip(Occasion, Severity, strict=True))
    return by_occasion[Occasion(row[0])]


def _knowing(conn: Connection, chain_id: int) -> list[int]:
    """Those who were told all of a chain's news in messages of their own."""
    rows = conn.execute(
        """with mine as (select alert_id, news from alert_news where message_id = %s and news <> 'counted')
           select k.recipient_id from mine join alert_news k using (alert_id, news)
           group by 1 having count(*) = (select count(*) from mine)""",
        (chain_id,),
    ).fetchall()
    return [row[0] for row in rows]


def _stand_in(conn: Connection, chain_id: int, reader: int, instead_of: int | None, now: datetime) -> int:
    if instead_of is not None:
        conn.execute(
            "update outbox set state = 'withdrawn' where kind = 'alert' and subject_id = %s and state = 'pending'",
            (instead_of,),
        )
    rows = conn.execute(
        "select m.occasion, n.alert_id, n.news, n.times from alert_message m join alert_news n on n.message_id = m.id "
        "where m.id = %s order by n.alert_id, n.news",
        (chain_id,),
    ).fetchall()
    items = tuple(Item(alert, News(news), times) for _occasion, alert, news, times in rows)
    _write(conn, Telling(reader, Occasion(rows[0][0]), items), now, chain_id)
    return 1
