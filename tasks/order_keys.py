"""Where the next orders of the list are found: sorted out of few, or walked to from the newest of all.

Everything here speaks of keys; what orders look like is read only for those that a page shows.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from models.database import Connection
from models.rules.order_status import Status
from tasks.order_sources import Limits, newest_possible, open_orders, returned_since
from tasks.order_wish import Key, Wish, conditions, in_span

_OF_STATE = re.compile(r"\bs\.")


def stretches(
    conn: Connection, wish: Wish, few: Sequence[int] | None, now: datetime, size: int, limits: Limits
) -> Iterator[tuple[list[Key], Key | None]]:
    """Stretches of the list: the keys that meet the conditions, and where the stretch ends; None at the very end.

    `few` are ids among which all wanted orders are, None where there is no such knowledge.
    """
    if few is None and (newest := newest_possible(conn, wish.status)):
        wish = replace(wish, until=min(newest, wish.until) if wish.until else newest)
        if wish.status is Status.RETURNED:
            yield from _returned(conn, wish, now, newest, size)
            return
    # of keys that may have the status not all have it
    want = 2 * size if wish.status or wish.overdue else size + 1
    first = True
    while True:
        if few is None:
            keys, end = _walk(conn, wish, now, want, limits.step)
            if first and end is not None and len(keys) * limits.worth_steps < want:
                few = open_orders(conn, wish, now, limits)
        else:
            keys, end = sort_few(conn, wish, few, now, want)
        yield keys, end
        if end is None:
            return
        wish, want, first = replace(wish, before=end), max(want, 4 * size), False


def _returned(
    conn: Connection, wish: Wish, now: datetime, newest: datetime, size: int
) -> Iterator[tuple[list[Key], Key | None]]:
    """Stretches of returned orders, a span of days at a time: few come back, and none left before it was created."""
    span = timedelta(days=1)
    top = min(newest, wish.before[0]) if wish.before else newest
    while True:
        since = top - span
        few, is_last = returned_since(conn, since)
        bounded = wish if is_last else replace(wish, since=max(since, wish.since) if wish.since else since)
        keys, end = sort_few(conn, bounded, few, now, 4 * size)
        if end is None and not is_last and (wish.since is None or wish.since < since):
            end, top, span = (since, 0), since, span * 2
        yield keys, end
        if end is None:
            return
        wish = replace(wish, before=end)


def sort_few(
    conn: Connection, wish: Wish, few: Sequence[int], now: datetime, want: int
) -> tuple[list[Key], Key | None]:
    """The next `want` keys among few orders, and where they end; None when there are no more."""
    span, values = in_span(wish)
    wanted, more = conditions(wish, now)
    where = " and ".join([*span, *wanted])
    state = f"cross join {_STATE.format(of='f.id')}" if _OF_STATE.search(where) else ""
    rows = conn.execute(
        f"""select o.created_at, o.id from unnest(%(few)s::bigint[]) f(id)
            cross join lateral (select id, shop_id, created_at, ship_by from orders where id = f.id offset 0) o {state}
            {"where " + where if where else ""}
            order by o.created_at desc, o.id desc limit %(want)s""".encode(),
        {**values, **more, "few": list(few), "want": want},
    ).fetchall()
    keys = [(row[0], row[1]) for row in rows]
    return keys, keys[-1] if len(keys) == want else None


_STATE = "lateral (select batch_id, stage from order_state where order_id = {of} offset 0) s"


def _walk(conn: Connection, wish: Wish, now: datetime, want: int, step: int) -> tuple[list[Key], Key | None]:
    """The next `want` keys that meet the conditions among the next `step` of all."""
    walked, values = newest_keys(conn, wish)
    wanted, more = conditions(wish, now, "(select ship_by from orders where id = o.id)")
    where = "where " + " and ".join(wanted) if wanted else ""
    rows = conn.execute(
        f"""select o.created_at, o.id
            from (select * from ({walked}) n order by created_at desc, id desc limit %(step)s) o
            cross join {_STATE.format(of="o.id")} {where}
            order by o.created_at desc, o.id desc limit %(want)s""".encode(),
        {**values, **more, "step": step, "want": want},
    ).fetchall()
    keys = [(row[0], row[1]) for row in rows]
    if len(keys) == want:
        return keys, keys[-1]
    row = conn.execute(
        f"""select created_at, id from ({walked}) n
            order by created_at desc, id desc offset %(step)s - 1 limit 1""".encode(),
        {**values, "step": step},
    ).fetchone()
    return keys, (row[0], row[1]) if row else None


def newest_keys(conn: Connection, wish: Wish) -> tuple[str, dict[str, Any]]:
    """Keys of the newest orders, read off one index shop by shop, which PostgreSQL merges as far as they are wanted."""
    span, values = in_span(replace(wish, shop_id=None))
    shops = [wish.shop_id] if wish.shop_id is not None else _shop_ids(conn)
    parts = [
        "(select o.created_at, o.id from orders o where "
        + " and ".join([f"o.shop_id = {shop_id:d}", *span])
        + " order by o.created_at desc, o.id desc)"
        for shop_id in shops
    ]
    return " union all ".join(parts) or "select created_at, id from orders where false", values


def _shop_ids(conn: Connection) -> list[int]:
    return [row[0] for row in conn.execute("select id from shop order by id").fetchall()]
