"""The log of openings: for whom, for what purpose and for which orders sealed personal data was opened.

A run that opens many writes one line with all their orders, in its own transaction: an opening that is rolled back
told nobody anything. So the log answers whose data somebody saw, and who saw somebody's.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from models.database import Connection, transaction
from models.rules.purposes import Purpose

OPENED = "receiver_opened"


def note_opening(
    conn: Connection,
    purpose: Purpose,
    actor: str,
    at: datetime,
    order_ids: Collection[int],
    *,
    address: str = "",
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Note that receivers of these orders are opened; `detail` never holds what they say. Nothing for no orders."""
    ids = sorted(order_ids)
    if not ids:
        return
    conn.execute(
        """insert into access_log (at, actor, what, address, order_id, order_ids, purpose, detail)
           values (%s, %s, %s, %s, %s, %s, %s, %s)""",
        (
            at,
            actor,
            OPENED,
            address,
            ids[0] if len(ids) == 1 else None,
            ids if len(ids) > 1 else None,
            purpose.value,
            Jsonb(dict(detail)) if detail else None,
        ),
    )


def note_trial(actor: str, at: datetime, address: str = "", **detail: Any) -> None:
    """Note that rules or a mapping were tried on stored orders: on how many, and of which time, is in `detail`.

    In a transaction of its own, for a trial itself writes nothing.
    """
    with transaction() as conn:
        conn.execute(
            "insert into access_log (at, actor, what, address, purpose, detail) values (%s, %s, %s, %s, %s, %s)",
            (at, actor, OPENED, address, Purpose.TRIAL.value, Jsonb(detail)),
        )


@dataclass(frozen=True, slots=True)
class AccessRow:
    """A line of the log of access; `orders` is how many orders it is about."""

    at: datetime
    actor: str
    what: str
    purpose: str
    orders: int
    detail: Mapping[str, Any]


_ROWS = """
  select at, actor, what, purpose, coalesce(cardinality(order_ids), (order_id is not null)::int),
         coalesce(detail, '{}'::jsonb)
  from access_log
  where at >= %(since)s and at < %(until)s and (%(actor)s = '' or actor = %(actor)s)
    and (%(order)s::bigint is null or order_id = %(order)s or order_ids @> array[%(order)s::bigint])
  order by at desc, id desc"""


def accesses(
    conn: Connection, since: datetime, until: datetime, *, actor: str = "", order_id: int | None = None
) -> list[AccessRow]:
    """What is noted of a time, newest first: of one actor or of one order where they are given."""
    values = {"since": since, "until": until, "actor": actor, "order": order_id}
    return [AccessRow(*row) for row in conn.execute(_ROWS, values)]


def orders_opened(conn: Connection, since: datetime, until: datetime, actor: str = "") -> list[tuple[str, str]]:
    """Whose data was opened in a time, by an actor where one is given: shop and order number, by order id."""
    rows = conn.execute(
        """select s.code, o.order_no from orders o join shop s on s.id = o.shop_id
           where o.id in (
             select unnest(coalesce(order_ids, array[order_id])) from access_log
             where at >= %(since)s and at < %(until)s and (%(actor)s = '' or actor = %(actor)s)
               and (order_ids is not null or order_id is not null)
               and (purpose <> '' or what = 'receiver_revealed'))
           order by o.id""",
        {"since": since, "until": until, "actor": actor},
    ).fetchall()
    return [(row[0], row[1]) for row in rows]
