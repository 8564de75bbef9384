"""A person's rights: what is known about them, as a copy, and its erasure on request (PIPL articles 45 and 47).

A person of ours makes sure who asks; that they did, and how, is part of the request. What can go goes at once. What is
still needed (goods under way, an open return or refund, a dispute) is restricted: nobody is shown it any more, and it
goes as soon as its order has ended, without the after-sales window.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from models.database import Connection, one
from models.errors import SetupError
from models.masking import brief
from models.order import Cause, write_events
from models.privacy import ErasureReason
from models.rules.purposes import Purpose
from models.rules.retention import KEPT_BECAUSE, Keeps, answer_by, erase_at
from models.sealing import phone_hash
from models.settings import SHANGHAI
from tasks.erasing import erase
from tasks.openings import note_opening
from tasks.order_numbers import by_numbers
from tasks.receivers import load_personal
from tasks.retention import settle_times

WHAT = "erasure_requested"

STAYS = (
    "the order, its lines, amounts and history, for accounts and taxes (3 years)",
    "province, city and district",
    "a keyed hash on the blacklist, if there is one, with its own reason",
    "the log of who saw the data (200 days)",
    "copies of the pool until they expire (35 days at most); a restore erases again",
)
"""What is not erased, whoever asks."""


@dataclass(frozen=True, slots=True)
class OrderAsked:
    """One order of a request: `kept` says why its data cannot go at once, "" when it can; `erased`: nothing is left."""

    order_id: int
    shop: str
    order_no: str
    kept: str
    erased: bool = False


@dataclass(frozen=True, slots=True)
class Requested:
    """What came of a request: how many receivers were erased at once, which wait, and by when it is to be done."""

    id: int
    erased: int
    waiting: tuple[OrderAsked, ...]
    due_at: datetime


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """A request that waits for the end of some orders."""

    id: int
    made_at: datetime
    made_by: str
    reason: str
    due_at: datetime
    waiting: tuple[OrderAsked, ...]


def orders_of_person(conn: Connection, *, phone: str = "", order_nos: Sequence[str] = (), shop: str = "") -> list[int]:
    """The orders of a phone and of these numbers (of that shop, where one is named).

    Where a platform masks phones, its orders are found by number alone. Raises SetupError when there are none, a number
    is not known, or several shops have it: somebody else's order must not be taken for this person's.
    """
    if not phone and not order_nos:
        raise SetupError("name a phone or order numbers")
    numbered = by_numbers(conn, order_nos, shop)
    if numbered.refused:
        raise SetupError("; ".join(numbered.refused))
    return sorted({*(_of_phone(conn, phone) if phone else ()), *numbered.orders})


def _of_phone(conn: Connection, phone: str) -> list[int]:
    digest = phone_hash(phone)
    if digest is None:
        raise SetupError("this is no whole phone number; a masked one finds nobody")
    rows = conn.execute("select order_id from receiver where phone_hash = %s order by 1", (digest,)).fetchall()
    if not rows:
        raise SetupError("no order with this phone is kept; orders of platforms that mask it are found by number")
    return [row[0] for row in rows]


def what_goes(conn: Connection, order_ids: Sequence[int], at: datetime) -> list[OrderAsked]:
    """What a request would do about each of these orders; only the time from which each may be erased is written."""
    rows = conn.execute(
        """select o.id, s.code, o.order_no, r.erased_at is not null from orders o join shop s on s.id = o.shop_id
           join receiver r on r.order_id = o.id where o.id = any(%s) order by o.id for update of r""",
        (list(order_ids),),
    ).fetchall()
    endings = settle_times(conn, order_ids)
    found = []
    for order_id, shop, order_no, erased in rows:
        ending = endings[order_id]
        keeps = [KEPT_BECAUSE[keep] for keep in Keeps if keep in ending.keeps]
        if not keeps and ending.ended_at is None and not _over(erase_at(ending), at):
            keeps = ["a parcel is under way"]
        found.append(OrderAsked(order_id, shop, order_no, "" if erased else "; ".join(keeps), erased))
    return found


def _over(moment: datetime | None, at: datetime) -> bool:
    return moment is not None and moment <= at


def request_erasure(conn: Connection, order_ids: Sequence[int], reason: str, verified: str, why: Cause) -> Requested:
    """Take a request on and erase what can go; what waits is restricted. The caller writes the journal afterwards.

    Raises SetupError without a reason, or without how it was made sure that the person is who they say they are.
    """
    said, sure = brief(reason), brief(verified)
    if not said or not sure:
        raise SetupError("a request needs a reason, and how it was made sure who asks; say both")
    # what is asked for again is one request: no order waits twice
    orders = what_goes(conn, sorted(set(order_ids)), why.at)
    due = datetime.combine(
        answer_by(why.at.astimezone(SHANGHAI).date()) + timedelta(days=1), time(), SHANGHAI
    ) - timedelta(seconds=1)
    request_id = int(
        one(
            conn.execute(
                """insert into erasure_request (made_at, made_by, reason, verified, due_at, done_at)
                   values (%s, %s, %s, %s, %s, %s) returning id""",
                (why.at, why.actor, said, sure, due, why.at if all(order.erased for order in orders) else None),
            ).fetchone()
        )
    )
    conn.cursor().executemany(
        "insert into erasure_request_order (request_id, order_id, kept, erased_at) values (%s, %s, %s, %s)",
        [(request_id, order.order_id, order.kept, why.at if order.erased else None) for order in orders],
    )
    write_events(conn, [order.order_id for order in orders], WHAT, why, {"request": request_id, "reason": said})
    waiting = tuple(order for order in orders if order.kept)
    conn.execute(
        "update receiver set restricted_at = %s where order_id = any(%s) and restricted_at is null",
        (why.at, [order.order_id for order in waiting]),
    )
    goes = [order.order_id for order in orders if not order.kept and not order.erased]
    return Requested(request_id, erase(conn, goes, ErasureReason.REQUEST, why), waiting, due)


def open_requests(conn: Connection) -> list[OpenRequest]:
    """Requests that wait, those due first, each with the orders that it waits for and why."""
    rows = conn.execute(
        """select r.id, r.made_at, r.made_by, r.reason, r.due_at, q.order_id, s.code, o.order_no, q.kept
           from erasure_request r join erasure_request_order q on q.request_id = r.id and q.erased_at is null
           join orders o on o.id = q.order_id join shop s on s.id = o.shop_id
           where r.done_at is null order by r.due_at, r.id, o.id"""
    ).fetchall()
    waiting: dict[tuple[Any, ...], list[OrderAsked]] = {}
    for row in rows:
        waiting.setdefault(tuple(row[:5]), []).append(OrderAsked(*row[5:]))
    return [OpenRequest(head[0], head[1], head[2], head[3], head[4], tuple(orders)) for head, orders in waiting.items()]


def copy_of(conn: Connection, order_ids: Sequence[int], why: Cause) -> list[dict[str, Any]]:
    """All that is kept about a person in these orders, in clear, to be handed to that person; noted."""
    note_opening(conn, Purpose.COPY, why.actor, why.at, order_ids)
    personal = load_personal(conn, order_ids)
    rows = conn.execute(
        """select o.id, s.code, s.channel, o.order_no, o.created_at, o.paid_at, o.total_fen, o.buyer_key, r.erased_at,
                  (select jsonb_agg(jsonb_build_object('title', l.title, 'quantity', l.quantity) order by l.line_no)
                   from order_line l where l.order_id = o.id),
                  (select jsonb_agg(jsonb_build_object('at', a.at, 'by', split_part(a.actor, ':', 1),
                                                       'purpose', a.purpose) order by a.id)
                   from access_log a where a.purpose <> '' and (a.order_id = o.id or a.order_ids @> array[o.id]))
           from orders o join shop s on s.id = o.shop_id join receiver r on r.order_id = o.id
           where o.id = any(%s) order by o.id""",
        (list(order_ids),),
    ).fetchall()
    return [_copied(row, personal[row[0]]) for row in rows]


def _copied(row: Sequence[Any], personal: Any) -> dict[str, Any]:
    _, shop, channel, order_no, created_at, paid_at, total_fen, buyer, erased_at, lines, seen = row
    to = personal.receiver
    receiver: Mapping[str, str] = {
        name: value
        for name in ("name", "phone", "province", "city", "district", "town", "address")
        if (value := getattr(to, name))
    }
    invoice = personal.invoice and {"title": personal.invoice.title, "tax_no": personal.invoice.tax_no}
    return {
        "shop": shop,
        "channel": channel,
        "order": order_no,
        "created_at": created_at,
        "paid_at": paid_at,
        "total_fen": total_fen,
        "buyer": buyer,
        "receiver": receiver,
        "notes": personal.notes,
        "invoice": invoice,
        "also_sent_by_the_platform": personal.cut,
        "lines": lines or [],
        "opened": seen or [],
        "erased_at": erased_at,
    }


def place_legal_hold(conn: Connection, order_ids: Sequence[int], reason: str, why: Cause) -> int:
    """Keep the receivers of these orders until the hold is ended; returns how many were not kept so before."""
    said = brief(reason)
    if not said:
        raise SetupError("a legal hold needs a reason; say it")
    return conn.execute(
        """insert into legal_hold (order_id, reason, placed_at, placed_by)
           select o, %s, %s, %s from unnest(%s::bigint[]) o on conflict do nothing""",
        (said, why.at, why.actor, list(order_ids)),
    ).rowcount


def end_legal_hold(conn: Connection, order_ids: Sequence[int], why: Cause) -> int:
    """End the legal holds of these orders; returns how many there were."""
    return conn.execute(
        "update legal_hold set ended_at = %s, ended_by = %s where order_id = any(%s) and ended_at is null",
        (why.at, why.actor, list(order_ids)),
    ).rowcount
