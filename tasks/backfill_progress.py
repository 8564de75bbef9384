"""How far backfills are, from the pool's own tables: windows, orders, batches that are not through, what stands."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from models.database import Connection

PROBLEMS = 200


@dataclass(frozen=True, slots=True)
class Progress:
    """Windows of one shop, or of all: how many there are, are read, are through all stages, did not finish.

    `stored`, `joined` and `rejected` count orders new to the pool, changed ones and unreadable ones.
    """

    shop: str
    windows: int = 0
    read: int = 0
    done: int = 0
    failed: int = 0
    stored: int = 0
    joined: int = 0
    rejected: int = 0
    open_batches: int = 0

    def __add__(self, other: "Progress") -> "Progress":
        return Progress(
            "",
            self.windows + other.windows,
            self.read + other.read,
            self.done + other.done,
            self.failed + other.failed,
            self.stored + other.stored,
            self.joined + other.joined,
            self.rejected + other.rejected,
            self.open_batches + other.open_batches,
        )

    def __str__(self) -> str:
        return (
            f"{self.done:,} of {self.windows:,} windows; {self.stored:,} new, {self.joined:,} changed and "
            f"{self.rejected:,} unreadable orders"
        )


@dataclass(frozen=True, slots=True)
class Problem:
    """A window whose last run did not finish, that run, and why."""

    shop: str
    since: datetime
    until: datetime
    flow_run_id: str
    why: str


@dataclass(frozen=True, slots=True)
class Listed:
    """A backfill in a list of them."""

    id: int
    shops: tuple[str, ...]
    since: datetime
    until: datetime
    window_minutes: int
    at_once: int
    asked_by: str
    asked_at: datetime
    flow_run_id: str | None
    ended_at: datetime | None
    windows: int
    done: int
    failed: int

    @property
    def standing(self) -> str:
        """How it stands, in a few words."""
        if self.ended_at:
            return f"done, {self.windows:,} windows"
        failed = f", {self.failed:,} did not finish" if self.failed else ""
        return f"{self.done:,} of {self.windows:,} windows done{failed}"


def list_backfills(conn: Connection, only: int | None = None, limit: int = 50) -> list[Listed]:
    """The newest backfills, or `only` one of them."""
    rows = conn.execute(
        """select b.id, b.shops, b.since, b.until, b.window_minutes, b.at_once, b.asked_by, b.asked_at, b.flow_run_id,
                  b.ended_at, count(*), count(w.done_at), count(w.problem)
           from backfill b join backfill_window w on w.backfill_id = b.id
           where %(only)s::int is null or b.id = %(only)s
           group by b.id order by b.id desc limit %(limit)s""",
        {"only": only, "limit": limit},
    ).fetchall()
    return [Listed(row[0], tuple(row[1]), *row[2:]) for row in rows]


def progress_of(conn: Connection, backfill_id: int) -> list[Progress]:
    """How far each shop of a backfill is, by code."""
    rows = conn.execute(
        """with part as (
             select w.shop_id, w.done_at, w.problem, i.state, coalesce(sum(b.stored), 0) as stored,
                    coalesce(sum(b.joined), 0) as joined, coalesce(sum(b.rejected), 0) as rejected,
                    count(*) filter (where b.state = 'open') as open_batches
             from backfill_window w
             left join ingest_window i
               on i.shop_id = w.shop_id and i.since = w.since and i.flow_run_id = w.flow_run_id
             left join batch b on b.window_id = i.id
             where w.backfill_id = %s group by w.shop_id, w.since, w.done_at, w.problem, i.state)
           select s.code, count(*), count(*) filter (where part.state = 'stored'), count(part.done_at),
                  count(part.problem), sum(stored)::bigint, sum(joined)::bigint, sum(rejected)::bigint,
                  sum(open_batches)::bigint
           from part join shop s on s.id = part.shop_id group by s.code order by s.code""",
        (backfill_id,),
    ).fetchall()
    return [Progress(*row) for row in rows]


def total_of(parts: Sequence[Progress]) -> Progress:
    """The shops together."""
    return sum(parts, Progress(""))


def problems_of(conn: Connection, backfill_id: int) -> list[Problem]:
    """The windows whose last run did not finish, oldest first, at most PROBLEMS."""
    rows = conn.execute(
        """select s.code, w.since, w.until, coalesce(w.flow_run_id, ''), w.problem
           from backfill_window w join shop s on s.id = w.shop_id
           where w.backfill_id = %s and w.problem is not null order by w.since, s.code limit %s""",
        (backfill_id, PROBLEMS),
    ).fetchall()
    return [Problem(*row) for row in rows]
