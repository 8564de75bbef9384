"""What a push says besides scans: that a number is another carrier's, or that the vendor gives it up.

Source: the vendor's documents. After three days without a scan it gives a number up, and where it thinks of another
carrier it goes on there by itself. A number that was given up may be subscribed again after half an hour, and at most
four times in a month.
"""

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Final

from models.database import Connection
from models.messages import OutboxKind
from models.order import Cause, write_own_events
from tasks.effects import Effect, post
from tasks.ship_backs import message_key

AGAIN_AFTER: Final = timedelta(minutes=31)
"""The vendor wants half an hour, by its own clock."""

MONTH: Final = timedelta(days=31)
MOST_A_MONTH: Final = 4


def correct_carriers(conn: Connection, carriers: Mapping[int, str], why: Cause) -> set[int]:
    """Give parcels the carrier that the vendor found them at; returns which changed, and tells their orders.

    Where another parcel has this number at that carrier already, the parcel keeps its own and says so in its note.
    """
    if not carriers:
        return set()
    wanted = (list(carriers), list(carriers.values()))
    rows = conn.execute(
        """with wanted as (
             select distinct on (p.waybill, n.carrier) p.id, p.waybill, p.carrier as was, n.carrier
             from unnest(%s::bigint[], %s::text[]) n(id, carrier) join parcel p on p.id = n.id
             where p.carrier <> n.carrier
               and not exists (select 1 from parcel o where o.waybill = p.waybill and o.carrier = n.carrier)
             order by p.waybill, n.carrier, p.id)
           update parcel p set carrier = w.carrier, note = 'carrier corrected from ' || w.was
           from wanted w where p.id = w.id returning p.id, p.waybill, w.was, w.carrier""",
        wanted,
    ).fetchall()
    conn.execute(
        """update parcel p set note = 'is said to be by ' || n.carrier || ', where another parcel has its number'
           from unnest(%s::bigint[], %s::text[]) n(id, carrier) where p.id = n.id and p.carrier <> n.carrier""",
        wanted,
    )
    orders = conn.execute(
        "select distinct order_id, parcel_id from parcel_line where parcel_id = any(%s) order by 1, 2",
        ([row[0] for row in rows],),
    ).fetchall()
    said = {row[0]: {"parcel": row[1], "from": row[2], "to": row[3]} for row in rows}
    write_own_events(conn, [(order_id, "carrier_corrected", said[parcel_id]) for order_id, parcel_id in orders], why)
    return set(said)


def give_up(conn: Connection, reasons: Mapping[int, str], why: Cause) -> set[int]:
    """Note that the vendor gave parcels up, and have each subscribed once more; returns which it newly gave up."""
    if not reasons:
        return set()
    rows = conn.execute(
        """update parcel p set dropped_at = %s, note = 'given up by carrier: ' || n.reason
           from unnest(%s::bigint[], %s::text[]) n(id, reason)
           where p.id = n.id and p.dropped_at is null returning p.id, p.renumbered + 1""",
        (why.at, list(reasons), list(reasons.values())),
    ).fetchall()
    revisions: dict[int, int] = dict(rows)
    told = _subscriptions(conn, revisions, why)
    kind = OutboxKind.SUBSCRIBE
    effects = [
        # no batch: whoever retries the batch's run must not send it before its time
        Effect(kind, "carrier:kuaidi100", i, again_key(i, revision), None, revision, why.at + AGAIN_AFTER)
        for i, revision in sorted(revisions.items())
        if again_key(i, revision) not in told[i] and len(told[i]) < MOST_A_MONTH
    ]
    post(conn, effects, why.at)
    return set(revisions)


def again_key(parcel_id: int, revision: int) -> str:
    """The idempotency key of the one further subscription of a parcel's number."""
    return f"{message_key(OutboxKind.SUBSCRIBE, parcel_id, revision)}-again"


def need_no_subscription(conn: Connection, parcel_ids: Collection[int]) -> None:
    """Take further subscriptions back of parcels whose way has ended."""
    conn.execute(
        """update outbox set state = 'withdrawn' where state = 'pending' and key in (
             select 'subscribe-' || id || case when renumbered > 0 then '-' || renumbered + 1 else '' end || '-again'
             from parcel where id = any(%s))""",
        (list(parcel_ids),),
    )


def _subscriptions(conn: Connection, revisions: Mapping[int, int], why: Cause) -> dict[int, set[str]]:
    """Per parcel the keys of its subscriptions of this month, and of its number's further one whenever that was."""
    keys = {
        key: i
        for i, revision in revisions.items()
        for number in range(1, revision + 1)
        for key in (message_key(OutboxKind.SUBSCRIBE, i, number), again_key(i, number))
    }
    rows = conn.execute(
        "select key from outbox where key = any(%s) and (created_at > %s or key = any(%s))",
        (list(keys), why.at - MONTH, [again_key(i, revision) for i, revision in revisions.items()]),
    ).fetchall()
    told: dict[int, set[str]] = {i: set() for i in revisions}
    for (key,) in rows:
        told[keys[key]].add(key)
    return told
