"""How each shop's feed did in each expectation: by day, of late, and whether it drifts towards its limit."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final

from models.database import Connection
from models.errors import SetupError
from models.quality import Verdict
from models.rules.drift import Tally, drifts
from tasks.quality import percent
from tasks.quality_suite import Expected, suite

RECENT_ROWS: Final = 500
"""The newest batches that have so many orders together are the recent ones ..."""

RECENT_FOR: Final = timedelta(hours=24)
"""... as far as they are not older."""

USUAL_FOR: Final = timedelta(days=7)
"""How long before the recent batches their usual shares are taken from."""

NAMED: Final = 3


NOTHING: Final = Tally(0, 0)


@dataclass(slots=True)
class Course:
    """One expectation of one shop: the recent batches, the week before them, and each day in China."""

    expected: Expected
    recent: Tally = NOTHING
    before: Tally = NOTHING
    days: dict[date, Tally] = field(default_factory=dict)
    drift: str = ""


@dataclass(frozen=True, slots=True)
class Failing:
    """What was over its limit in a batch: the expectation, how many of how many orders, some of their numbers."""

    name: str
    sentence: str
    failed: int
    rows: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stop:
    """A batch that was over a limit: when, what followed, by how much, and who accepted it why.

    `waits`: it stays put until its feed is mended and its run retried, or a person accepts it; `accepted_by` may be
    set before its run goes on.
    """

    batch_id: int
    at: datetime
    verdict: Verdict
    waits: bool
    failing: tuple[Failing, ...]
    accepted_by: str
    accepted_reason: str


@dataclass(frozen=True, slots=True)
class ShopQuality:
    """A shop's checks of a week: how many batches and orders, each expectation's course, the batches that stopped."""

    shop: str
    channel: str
    batches: int
    rows: int
    courses: tuple[Course, ...]
    stops: tuple[Stop, ...]


def quality_of_shops(conn: Connection, at: datetime, shop: str = "") -> list[ShopQuality]:
    """Every shop with checks in the last week, or the one that is named; raises SetupError when there is no such shop.

    Courses come in the order of the suite, without those that are not for the shop's channel.
    """
    shops = conn.execute(
        "select id, code, channel from shop where %(shop)s = '' or code = %(shop)s order by code", {"shop": shop}
    ).fetchall()
    if shop and not shops:
        raise SetupError(f"shop {shop}: there is no such shop in the pool")
    tallies = _tallies(conn, at, [row[0] for row in shops])
    alerted = _alerted(conn)
    stops = _stops(conn, at - USUAL_FOR, [row[0] for row in shops])
    return [
        ShopQuality(
            code,
            channel,
            tallies[shop_id].batches,
            tallies[shop_id].rows,
            tuple(tallies[shop_id].courses(channel, alerted=code in alerted)),
            tuple(stops.get(shop_id, ())),
        )
        for shop_id, code, channel in shops
        if shop or shop_id in tallies
    ]


class _Tallies:
    """The sums of a shop's checks, by period: True the recent batches, False those before; by day; by expectation."""

    def __init__(self) -> None:
        self.batches = self.rows = 0
        self._rows: dict[bool | date, int] = defaultdict(int)
        self._failed: dict[tuple[bool | date, str], int] = defaultdict(int)

    def add(self, recent: bool, day: date, batches: int, rows: int) -> None:
        self.batches += batches
        self.rows += rows
        self._rows[recent] += rows
        self._rows[day] += rows

    def add_failed(self, recent: bool, day: date, name: str, failed: int) -> None:
        self._failed[recent, name] += failed
        self._failed[day, name] += failed

    def courses(self, channel: str, *, alerted: bool) -> list[Course]:
        found = [self._course(expected) for expected in suite().of_channel(channel)]
        for course in found:
            limit = course.expected.limit
            if limit is not None and not course.expected.of_batch:
                course.drift = drifts(course.recent, course.before, limit.share, alerted=alerted)
        return found

    def _course(self, expected: Expected) -> Course:
        days = {day: self._tally(day, expected) for day in sorted(d for d in self._rows if not isinstance(d, bool))}
        return Course(expected, self._tally(True, expected), self._tally(False, expected), days)

    def _tally(self, period: bool | date, expected: Expected) -> Tally:
        failed = self._failed.get((period, expected.name), 0)
        # orders that could not be read are not among those that were checked
        unread = failed if expected is suite().readable else 0
        return Tally(failed, self._rows.get(period, 0) + unread)


_CHECKS: Final = """
  with recent as (
    select shop_id, min(checked_at) as since from (
      select shop_id, checked_at, sum(rows) over (
        partition by shop_id order by checked_at desc, batch_id desc
        rows between unbounded preceding and 1 preceding) as newer
      from quality_check where shop_id = any(%(shops)s) and checked_at > %(recent)s) c
    where coalesce(newer, 0) < %(enough)s group by 1),
  checks as (
    select q.shop_id, q.rows, q.unmet, (q.checked_at at time zone 'Asia/Shanghai')::date as day,
      coalesce(q.checked_at >= r.since, false) as recent
    from quality_check q left join recent r on r.shop_id = q.shop_id
    where q.shop_id = any(%(shops)s) and q.checked_at > %(since)s)"""


def _tallies(conn: Connection, at: datetime, shop_ids: list[int]) -> dict[int, _Tallies]:
    given = {"recent": at - RECENT_FOR, "enough": RECENT_ROWS, "since": at - USUAL_FOR, "shops": shop_ids}
    found: dict[int, _Tallies] = defaultdict(_Tallies)
    counts = f"{_CHECKS} select shop_id, recent, day, count(*), sum(rows) from checks group by 1, 2, 3"
    for shop_id, recent, day, batches, rows in conn.execute(counts.encode(), given):
        found[shop_id].add(recent, day, batches, int(rows))
    failures = f"""{_CHECKS} select shop_id, recent, day, u.key, sum((u.value->>'failed')::bigint)
                   from checks, jsonb_each(unmet) u where unmet <> '{{}}' group by 1, 2, 3, 4"""
    for shop_id, recent, day, name, failed in conn.execute(failures.encode(), given):
        found[shop_id].add_failed(recent, day, name, int(failed))
    return found


def _stops(conn: Connection, since: datetime, shop_ids: list[int]) -> dict[int, list[Stop]]:
    rows = conn.execute(
        """select q.shop_id, q.batch_id, q.checked_at, q.verdict, q.verdict = 'failed' and b.state = 'open',
                  q.failing, q.unmet, coalesce(b.accepted_by, ''), coalesce(b.accepted_reason, '')
           from quality_check q join batch b on b.id = q.batch_id
           where q.verdict <> 'passed' and q.shop_id = any(%s)
             and (q.checked_at > %s or q.verdict = 'failed' and b.state = 'open')
           order by q.checked_at desc, q.batch_id desc""",
        (shop_ids, since),
    ).fetchall()
    found: dict[int, list[Stop]] = defaultdict(list)
    for shop_id, batch_id, at, verdict, waits, failing, unmet, by, reason in rows:
        over = tuple(_failing(name, unmet[name]) for name in failing)
        found[shop_id].append(Stop(batch_id, at, Verdict(verdict), waits, over, by, reason))
    return found


def _failing(name: str, kept: dict[str, Any]) -> Failing:
    return Failing(name, _sentences().get(name, ""), kept["failed"], kept["rows"], tuple(kept["examples"]))


def _sentences() -> dict[str, str]:
    return {expected.name: expected.sentence for expected in (suite().readable, *suite().expectations)}


def _alerted(conn: Connection) -> set[str]:
    rows = conn.execute("select subject from alert where rule = 'feed_drifting' and closed_at is null")
    return {row[0].removeprefix("shop:") for row in rows}


def drifting_feeds(conn: Connection, now: datetime) -> dict[str, str]:
    """A sentence per shop whose feed nears a limit, or fails an expectation far more often than usual."""
    found = {}
    for shop in quality_of_shops(conn, now):
        drifting = sorted((c for c in shop.courses if c.drift), key=lambda c: -c.recent.share)
        if drifting:
            more = f" (+ {len(drifting) - NAMED} more)" if len(drifting) > NAMED else ""
            told = "; ".join(told_of(course) for course in drifting[:NAMED])
            found[f"shop:{shop.shop}"] = f"shop {shop.shop}: its feed drifts: {told}{more}"
    return found


def told_of(course: Course) -> str:
    """Expectation, recent share, the one before and the limit, for people."""
    limit = f", limit {percent(course.expected.limit.share)}" if course.expected.limit else ""
    before = f", {percent(course.before.share)} before" if course.before.rows else ""
    failed = f"{course.recent.failed} of {course.recent.rows} orders ({percent(course.recent.share)}{before}{limit})"
    return f"{course.expected.name}: {failed}" + (f", {course.drift}" if course.drift else "")


@dataclass(frozen=True, slots=True)
class Point:
    """One batch in an expectation's course: its share of orders that failed, and whether it was over the limit."""

    batch_id: int
    share: float
    over: bool


def last_points(conn: Connection, shop: str, count: int) -> dict[str, list[Point]]:
    """Each expectation's share in the newest batches of a shop, oldest first, by its name."""
    rows = conn.execute(
        """select q.batch_id, q.rows, q.unmet, q.failing from quality_check q join shop s on s.id = q.shop_id
           where s.code = %s order by q.checked_at desc, q.batch_id desc limit %s""",
        (shop, count),
    ).fetchall()
    found: dict[str, list[Point]] = {}
    for name in _sentences():
        points = found.setdefault(name, [])
        for batch_id, checked, unmet, failing in reversed(rows):
            failed = unmet.get(name, {"failed": 0, "rows": checked})
            points.append(Point(batch_id, failed["failed"] / (failed["rows"] or 1), name in failing))
    return found
