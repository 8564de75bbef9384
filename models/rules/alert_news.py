"""What is told of alerts, to whom and when: decided from what is open, what was told and the time.

Source: the sender rules for group robots (severities, windows for repeats, collected digests, fallback order).
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
from typing import Final, NamedTuple

from models.alert import AlertRule
from models.rules.alert_handling import HANDLING
from models.telling import News, Occasion, Severity

COLLECTED_FOR: Final = timedelta(seconds=30)
"""So long P2 news wait for others, so that a flood is one message."""

DAILY_AT: Final = time(9)
"""When P3 news are told, by the clock of whoever reads them."""

_LINES: Final = frozenset({News.OPENED, News.REPEATED, News.ESCALATED})


@dataclass(frozen=True, slots=True)
class Known:
    """An alert as it stands."""

    id: int
    rule: AlertRule
    subject: str
    opened_at: datetime
    closed_at: datetime | None = None
    acknowledged_at: datetime | None = None

    @property
    def severity(self) -> Severity:
        """How urgent it is."""
        return HANDLING[self.rule].severity


@dataclass(frozen=True, slots=True)
class Reader:
    """A recipient: since when it is one, what it takes, when it wants quiet (a span that may pass midnight)."""

    id: int
    severities: frozenset[Severity]
    rank: int
    added_at: datetime
    quiet: tuple[time, time] | None = None
    escalates_after: timedelta | None = None
    escalates_to: int | None = None


class Told(NamedTuple):
    """What was written to a recipient about an alert, and when; `given_up` when it did not get there."""

    reader: int
    alert: int
    news: News
    at: datetime
    given_up: bool = False


class Item(NamedTuple):
    """One line to write, or what another line says: with COUNTED one of the openings that it counts, with CLOSED that
    the very alert is over already.
    """

    alert: int
    news: News
    times: int = 1


@dataclass(frozen=True, slots=True)
class Telling:
    """A message to write."""

    reader: int
    occasion: Occasion
    items: tuple[Item, ...]


class _Due(NamedTuple):
    """Something to tell; `since` is when it came to be so."""

    reader: int
    severity: Severity
    since: datetime
    items: tuple[Item, ...]


def tellings(
    alerts: Sequence[Known], readers: Sequence[Reader], told: Sequence[Told], now: datetime, zone: tzinfo
) -> list[Telling]:
    """The messages to write now, at most one per recipient and occasion, in the order of recipients.

    Of the recipients that take a severity those with the lowest rank are told. P1 goes at once, P2 when its oldest
    news is COLLECTED_FOR old and it is not quiet there, P3 after DAILY_AT. What was told of an alert is never told of
    it again to the same recipient.
    """
    found = [*_openings(alerts, readers, told, now), *_escalations(alerts, readers, told, now)]
    found += _closings(alerts, readers, told)
    made = []
    for reader in sorted(readers, key=lambda reader: (reader.rank, reader.id)):
        mine = [due for due in found if due.reader == reader.id]
        for occasion, severity in zip(Occasion, Severity, strict=True):
            ready = _ready([due for due in mine if due.severity is severity], severity, reader, now, zone)
            if ready:
                made.append(Telling(reader.id, occasion, tuple(item for due in ready for item in due.items)))
    return made


def firsts(readers: Sequence[Reader], severity: Severity) -> list[Reader]:
    """Those that are told of a severity: the lowest rank that takes it."""
    takers = [reader for reader in readers if severity in reader.severities]
    lowest = min((reader.rank for reader in takers), default=0)
    return [reader for reader in takers if reader.rank == lowest]


def is_quiet(reader: Reader, now: datetime, zone: tzinfo) -> bool:
    """Whether it is within the recipient's quiet hours: from the first minute of them until before the last."""
    if reader.quiet is None:
        return False
    begin, end = reader.quiet
    at = now.astimezone(zone).time()
    return begin <= at < end if begin <= end else at >= begin or at < end


def _ready(mine: Sequence[_Due], severity: Severity, reader: Reader, now: datetime, zone: tzinfo) -> Sequence[_Due]:
    if severity is Severity.P1 or not mine:
        return mine
    if is_quiet(reader, now, zone):
        return ()
    if severity is Severity.P2:
        return mine if min(due.since for due in mine) <= now - COLLECTED_FOR else ()
    local = now.astimezone(zone)
    today = local.replace(hour=DAILY_AT.hour, minute=DAILY_AT.minute, second=0, microsecond=0)
    last = today if today <= local else today - timedelta(days=1)
    return [due for due in mine if due.since <= last]


def _openings(
    alerts: Sequence[Known], readers: Sequence[Reader], told: Sequence[Told], now: datetime
) -> Iterator[_Due]:
    by_id = {alert.id: alert for alert in alerts}
    handled = {(one.reader, one.alert) for one in told if one.news is not News.CLOSED}
    last_told: dict[tuple[int, AlertRule, str], datetime] = {}
    for one in told:
        if one.news is News.OPENED and one.alert in by_id:
            key = (one.reader, by_id[one.alert].rule, by_id[one.alert].subject)
            last_told[key] = max(one.at, last_told.get(key, one.at))
    several: dict[tuple[int, AlertRule, str], list[Known]] = defaultdict(list)
    first = {severity: firsts(readers, severity) for severity in Severity}
    for alert in sorted(alerts, key=lambda alert: (alert.opened_at, alert.id)):
        for reader in first[alert.severity]:
            is_old = alert.closed_at is not None and alert.closed_at <= reader.added_at
            if not is_old and (reader.id, alert.id) not in handled:
                several[reader.id, alert.rule, alert.subject].append(alert)
    for (reader_id, rule, subject), anew in several.items():
        handling = HANDLING[rule]
        before = last_told.get((reader_id, rule, subject))
        ends = before + handling.window if before else None
        if ends and anew[0].opened_at < ends and now < ends:
            continue
        repeats = ends is not None and anew[-1].opened_at < ends
        news, since = (News.REPEATED, ends) if repeats and ends else (News.OPENED, anew[0].opened_at)
        items = [Item(anew[-1].id, news, len(anew)), *(Item(one.id, News.COUNTED) for one in anew[:-1])]
        if anew[-1].closed_at is not None:
            # the same line says so
            items.append(Item(anew[-1].id, News.CLOSED))
        yield _Due(reader_id, handling.severity, since, tuple(items))


def _escalations(
    alerts: Sequence[Known], readers: Sequence[Reader], told: Sequence[Told], now: datetime
) -> Iterator[_Due]:
    waiting = {
        alert.id
        for alert in alerts
        if alert.severity is Severity.P1 and alert.closed_at is None and alert.acknowledged_at is None
    }
    by_id = {reader.id: reader for reader in readers}
    done = {(one.reader, one.alert) for one in told if one.news is News.ESCALATED}
    for one in sorted(told, key=lambda one: (one.at, one.alert)):
        reader = by_id.get(one.reader)
        if reader is None or reader.escalates_after is None or one.news not in _LINES or one.alert not in waiting:
            continue
        to, since = reader.escalates_to, one.at + reader.escalates_after
        if to in by_id and to is not None and since <= now and (to, one.alert) not in done:
            done.add((to, one.alert))
            yield _Due(to, Severity.P1, since, (Item(one.alert, News.ESCALATED),))


def _closings(alerts: Sequence[Known], readers: Sequence[Reader], told: Sequence[Told]) -> Iterator[_Due]:
    """One line to all who were told of an alert that is over, unless it is open again or they heard of a later one."""
    by_id = {alert.id: alert for alert in alerts}
    still = {(alert.rule, alert.subject) for alert in alerts if alert.closed_at is None}
    active = {reader.id for reader in readers}
    closed = {(one.reader, one.alert) for one in told if one.news is News.CLOSED}
    latest: dict[tuple[int, AlertRule, str], Told] = {}
    for one in told:
        alert = by_id.get(one.alert)
        if alert is None or one.given_up or one.news not in _LINES or one.reader not in active:
            continue
        key = (one.reader, alert.rule, alert.subject)
        if key not in latest or one.alert > latest[key].alert:
            latest[key] = one
    for (reader_id, rule, subject), one in latest.items():
        over = by_id[one.alert].closed_at
        if over is None or (rule, subject) in still or (reader_id, one.alert) in closed:
            continue
        yield _Due(reader_id, HANDLING[rule].severity, over, (Item(one.alert, News.CLOSED),))


@dataclass(frozen=True, slots=True)
class Attempted:
    """One message of a chain: those with the same news, each to somebody who stands in for the one before."""

    message: int
    reader: int
    written_at: datetime
    state: str
    attempts: int
    in_doubt: bool
    next_at: datetime


class PassOn(NamedTuple):
    """Tell somebody else; `instead_of` is a message that must not be sent any more."""

    reader: int
    instead_of: int | None


class TryAgain(NamedTuple):
    """Nobody is left: send a message once more that was given up."""

    message: int


PATIENCE: Final = timedelta(minutes=5)
"""So long it is tried to tell somebody of what is urgent, before the next is told."""


def next_step(
    chain: Sequence[Attempted], readers: Sequence[Reader], severity: Severity, knowing: Collection[int], now: datetime
) -> PassOn | TryAgain | None:
    """What to do about news that did not get through; None when it did, or is still being tried.

    `knowing` are recipients that were told these very news anyway. The next in rank is told that takes the severity;
    after the last the first again, and when all were tried, each in turn until one can be told.
    """
    if not chain or any(one.state == "delivered" for one in chain):
        return None
    tried = {one.reader for one in chain} | set(knowing)
    untried = [reader for reader in readers if severity in reader.severities and reader.id not in tried]
    under_way = next((one for one in chain if one.state == "pending"), None)
    if under_way is not None:
        too_long = severity is Severity.P1 and under_way.attempts and under_way.written_at <= now - PATIENCE
        if not too_long or under_way.in_doubt or not untried:
            return None
    if untried:
        ranks = {reader.id: reader.rank for reader in readers}
        at = ranks.get(chain[-1].reader, 0)
        to = min(untried, key=lambda reader: (reader.rank < at, reader.rank, reader.id))
        return PassOn(to.id, under_way.message if under_way else None)
    here = {reader.id for reader in readers}
    left = [one for one in chain if one.reader in here and one.next_at <= now]
    return TryAgain(min(left, key=lambda one: (one.next_at, one.message)).message) if left else None
