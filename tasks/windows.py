"""Ingest windows: which span of a shop's time a run reads, claimed so that Retry finds it again."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from connectors.base import Capabilities
from models.batch import WindowOrigin, WindowState
from models.database import Connection, session_lock, transaction
from models.errors import SetupError
from models.settings import SHANGHAI, clock

FIRST_LOOK_BACK = timedelta(days=1)
"""How far back the first window of a new shop begins; older orders are asked for with since and until."""

_SHOP_LOCKS = 7_001


@dataclass(frozen=True, slots=True)
class ShopRow:
    """A shop as ingest needs it."""

    id: int
    code: str
    channel: str
    watermark: datetime | None
    active: bool


@dataclass(frozen=True, slots=True)
class Window:
    """A claimed span of platform time; `since` included, `until` not."""

    id: int
    since: datetime
    until: datetime
    state: WindowState


def find_shop(conn: Connection, code: str) -> ShopRow:
    """The shop of this code; raises SetupError when there is none."""
    row = conn.execute("select id, code, channel, watermark, active from shop where code = %s", (code,)).fetchone()
    if row is None:
        raise SetupError(f"shop {code}: there is no such shop; `orderpool shop list` shows those there are")
    return ShopRow(*row)


@contextmanager
def only_run_of(shop_code: str, wait_s: int = 60) -> Iterator[bool]:
    """Hold the shop for one run; yields False when another run kept it for `wait_s` seconds."""
    with transaction() as conn:
        shop = find_shop(conn, shop_code)
    with session_lock("%s, %s", (_SHOP_LOCKS, shop.id), wait_s) as alone:
        yield alone is not None


@contextmanager
def only_run_of_window(shop_code: str, since: datetime, until: datetime | None, wait_s: int = 60) -> Iterator[bool]:
    """Hold a window of a shop that was asked for; yields False when another run kept it for `wait_s` seconds.

    The shop's other windows, and those from its watermark, are read meanwhile.
    """
    end = in_china(until).astimezone(UTC).isoformat() if until else ""
    with only_holder(f"window:{shop_code}:{in_china(since).astimezone(UTC).isoformat()}:{end}", wait_s) as alone:
        yield alone


@contextmanager
def only_holder(name: str, wait_s: int) -> Iterator[bool]:
    """Hold a name that one process at a time may have; yields False when another kept it for `wait_s` seconds."""
    with session_lock("hashtextextended(%s, 0)", (name,), wait_s) as alone:
        yield alone is not None


def claim_window(
    shop: ShopRow, capabilities: Capabilities, flow_run_id: str, since: datetime | None, until: datetime | None
) -> Window | None:
    """The window this run reads: its own from a former attempt, the one asked for, or the next from the watermark.

    None when nothing has passed since the watermark, or the shop is switched off: then only a window that a person
    asks for is read. A window that an earlier run left unread is taken over,
    up to the present, so that a failed run never leaves a gap.
    """
    with transaction() as conn:
        mine = conn.execute(
            """select id, since, until, state from ingest_window
               where shop_id = %s and flow_run_id = %s order by id limit 1""",
            (shop.id, flow_run_id),
        ).fetchone()
        if mine:
            return Window(mine[0], mine[1], mine[2], WindowState(mine[3]))
        if since is None and not shop.active:
            return None
        now = clock().now()
        latest = now - capabilities.lag  # nearer to the present the platform may not list all yet
        end = min(in_china(until), latest) if until else latest
        origin = WindowOrigin.REQUESTED if since else WindowOrigin.WATERMARK
        start = in_china(since) if since else shop.watermark or _unread_since(conn, shop) or now - FIRST_LOOK_BACK
        if start >= end:
            if since:
                raise SetupError(f"shop {shop.code}: want a window from {start} to {end}; it ends before it begins")
            return None
        return _claim(conn, shop, origin, start, end, flow_run_id, now)


def in_china(at: datetime) -> datetime:
    """A time that a person gave; without a zone it is meant in China's."""
    return at if at.tzinfo else at.replace(tzinfo=SHANGHAI)


def _unread_since(conn: Connection, shop: ShopRow) -> datetime | None:
    # a new shop has no watermark until its first window is read, whichever run does it
    row = conn.execute(
        "select min(since) from ingest_window where shop_id = %s and origin = 'watermark' and state = 'open'",
        (shop.id,),
    ).fetchone()
    return row[0] if row else None


def _claim(
    conn: Connection,
    shop: ShopRow,
    origin: WindowOrigin,
    start: datetime,
    end: datetime,
    flow_run_id: str,
    now: datetime,
) -> Window:
    row = conn.execute(
        """insert into ingest_window (shop_id, since, until, origin, state, flow_run_id, created_at)
           values (%s, %s, %s, %s, 'open', %s, %s)
           on conflict (shop_id, since) where origin = 'watermark'
           do update set flow_run_id = excluded.flow_run_id, until = greatest(ingest_window.until, excluded.until)
           where ingest_window.state = 'open'
           returning id, since, until, state""",
        (shop.id, start, end, origin.value, flow_run_id, now),
    ).fetchone()
    if row is None:
        raise SetupError(f"shop {shop.code}: the window from {start} is stored, yet the watermark stands before it")
    return Window(row[0], row[1], row[2], WindowState(row[3]))


def finish_window(conn: Connection, shop: ShopRow, window: Window) -> None:
    """Mark the window stored and move the watermark, in the transaction of its last rows."""
    conn.execute("update ingest_window set state = 'stored' where id = %s", (window.id,))
    conn.execute(
        """update shop set watermark = greatest(watermark, %s) where id = %s
           and exists (select 1 from ingest_window where id = %s and origin = 'watermark')""",
        (window.until, shop.id, window.id),
    )
