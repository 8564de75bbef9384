"""Backfills as the pool keeps them: a wish that is checked, written once with its windows, and what becomes of each."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from connectors.registry import CHANNELS
from models.database import Connection, copy_rows, one, transaction
from models.errors import SetupError
from models.order import Cause
from models.rules.backfill_windows import Wish
from models.settings import clock
from tasks.shop_settings import capabilities_of
from tasks.windows import in_china, only_holder

ALL = "all"


@dataclass(frozen=True, slots=True)
class BackfillRow:
    """A backfill that was asked for: by which key it is found, which run reads it, when its last window was done."""

    id: int
    key: str
    at_once: int
    asked_by: str
    asked_at: datetime
    flow_run_id: str | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class BackfillSpan:
    """A window of a backfill that is to be read, with the run that was begun for it, if one was."""

    backfill_id: int
    backfill_key: str
    shop_id: int
    shop: str
    since: datetime
    until: datetime
    flow_run_id: str | None

    @property
    def key(self) -> str:
        """By which its run is found, however often it is begun."""
        return f"backfill:{self.backfill_key}:{self.shop}:{self.since.isoformat()}"


def checked_wish(
    shop: str, since: datetime, until: datetime, window_minutes: int, at_once: int, again: str = ""
) -> Wish:
    """The wish for `shop` (codes with commas between, or `all`: every active shop that can be asked).

    Times without a zone are meant in China's. Raises SetupError naming the first thing that cannot be done.
    """
    now = clock().now()
    wish = Wish((), in_china(since), in_china(until), window_minutes, at_once, again.strip())
    with transaction() as conn:
        shops = _shops(conn, shop)
    wish = replace(wish, shops=tuple(sorted(shops)))
    wish.check(now)
    for code, (channel, own) in sorted(shops.items()):
        able = capabilities_of(code, channel, own)
        if able.history is not None and wish.since < now - able.history:
            raise SetupError(
                f"shop {code}: its platform lists no orders from before {now - able.history}; wanted from {wish.since}"
            )
        if wish.until > now - able.lag:
            raise SetupError(
                f"shop {code}: its platform may not list all orders up to {wish.until} yet; "
                f"ask until {now - able.lag} at most"
            )
    return wish


def _shops(conn: Connection, wanted: str) -> dict[str, tuple[str, dict[str, Any]]]:
    rows = conn.execute("select code, channel, settings->'capabilities', active from shop").fetchall()
    known = {code: (channel, own or {}) for code, channel, own, _ in rows}
    if wanted.strip() == ALL:
        active = {row[0] for row in rows if row[3]}
        found = {code: shop for code, shop in known.items() if code in active and _can_be_asked(shop[0])}
        if not found:
            raise SetupError("backfill of all shops: there is no active shop whose platform can be asked")
        return found
    codes = {code.strip() for code in wanted.split(",") if code.strip()}
    if not codes:
        raise SetupError("backfill: want a shop, several with commas between, or `all`")
    for code in sorted(codes):
        if code not in known:
            raise SetupError(f"shop {code}: there is no such shop; `orderpool shop list` shows those there are")
        if not _can_be_asked(known[code][0]):
            raise SetupError(f"shop {code}: its orders come from files; import the file of that time instead")
    return {code: known[code] for code in codes}


def _can_be_asked(channel: str) -> bool:
    return CHANNELS[channel].capabilities.pulls


def register(wish: Wish, why: Cause) -> tuple[BackfillRow, bool]:
    """Write the wish down with its windows, or find the same one that was asked for before; whether it is new.

    Of one that was asked for before, how many windows are read at once becomes what is asked for now. It stays with the
    run that reads it.
    """
    with transaction() as conn:
        made = conn.execute(
            """insert into backfill (key, shops, since, until, window_minutes, at_once, asked_by, asked_at, flow_run_id)
               values (%s, %s, %s, %s, %s, %s, %s, %s, %s) on conflict (key) do nothing returning id""",
            (
                wish.key,
                Jsonb(wish.shops),
                wish.since,
                wish.until,
                wish.window_minutes,
                wish.at_once,
                why.actor,
                why.at,
                why.flow_run_id,
            ),
        ).fetchone()
        if made:
            _write_windows(conn, made[0], wish)
        else:
            conn.execute("update backfill set at_once = %s where key = %s", (wish.at_once, wish.key))
        return _read(conn, "key = %s", wish.key), made is not None


def _write_windows(conn: Connection, backfill_id: int, wish: Wish) -> None:
    ids: dict[str, int] = dict(
        conn.execute("select code, id from shop where code = any(%s)", (list(wish.shops),)).fetchall()
    )
    rows = ((backfill_id, ids[shop], since, until) for since, until in wish.spans() for shop in wish.shops)
    copy_rows(conn, "backfill_window", ("backfill_id", "shop_id", "since", "until"), rows)


def _read(conn: Connection, where: str, value: object) -> BackfillRow:
    row = conn.execute(
        f"""select id, key, at_once, asked_by, asked_at, flow_run_id, ended_at
            from backfill where {where}""".encode(),
        (value,),
    ).fetchone()
    if row is None:
        raise SetupError(
            f"backfill {value}: there is no such backfill; `orderpool backfill list` shows those there are"
        )
    return BackfillRow(*row)


def read_backfill(backfill_id: int) -> BackfillRow:
    """A backfill by its number; raises SetupError when there is none."""
    with transaction() as conn:
        return _read(conn, "id = %s", backfill_id)


def of_run(flow_run_id: str) -> int | None:
    """The backfill that this run reads already, from a former attempt or because it was begun for it."""
    with transaction() as conn:
        row = conn.execute("select id from backfill where flow_run_id = %s", (flow_run_id,)).fetchone()
        return row[0] if row else None


def give_to(backfill_id: int, flow_run_id: str) -> None:
    """Note which run reads the backfill from now on."""
    with transaction() as conn:
        conn.execute("update backfill set flow_run_id = %s where id = %s", (flow_run_id, backfill_id))


@contextmanager
def only_run_of_backfill(backfill_id: int, wait_s: int = 5) -> Iterator[bool]:
    """Hold a backfill for one run; yields False when another run kept it for `wait_s` seconds."""
    with only_holder(f"backfill:{backfill_id}", wait_s) as alone:
        yield alone


def open_spans(backfill_id: int) -> list[BackfillSpan]:
    """The windows that are not done, oldest first, the shops in turn."""
    with transaction() as conn:
        rows = conn.execute(
            """select w.backfill_id, b.key, w.shop_id, s.code, w.since, w.until, w.flow_run_id
               from backfill_window w join backfill b on b.id = w.backfill_id join shop s on s.id = w.shop_id
               where w.backfill_id = %s and w.done_at is null order by w.since, s.code""",
            (backfill_id,),
        ).fetchall()
    return [BackfillSpan(*row) for row in rows]


def note_run(span: BackfillSpan, flow_run_id: str) -> None:
    """Note which run reads a window."""
    _note(span, "flow_run_id = %s, problem = null", flow_run_id)


def note_problem(span: BackfillSpan, problem: str) -> None:
    """Note why the run of a window did not finish."""
    _note(span, "problem = %s", problem)


def note_done(span: BackfillSpan, at: datetime) -> None:
    """Note that a window is through."""
    _note(span, "done_at = %s, problem = null", at)


def _note(span: BackfillSpan, what: str, value: object) -> None:
    with transaction() as conn:
        conn.execute(
            f"update backfill_window set {what} where backfill_id = %s and shop_id = %s and since = %s".encode(),
            (value, span.backfill_id, span.shop_id, span.since),
        )


def note_end(backfill_id: int, at: datetime) -> bool:
    """Note the end of a backfill once none of its windows is open; whether that is so."""
    with transaction() as conn:
        conn.execute(
            """update backfill b set ended_at = coalesce(b.ended_at, %s)
               where b.id = %s and not exists
                 (select from backfill_window w where w.backfill_id = b.id and w.done_at is null)""",
            (at, backfill_id),
        )
        return bool(
            one(conn.execute("select ended_at is not null from backfill where id = %s", (backfill_id,)).fetchone())
        )
