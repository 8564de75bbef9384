"""Which parcels a source of tracking may be asked about now, and what came of asking, in the pool for all workers.

Sources: Kuaidi100 locks a number that is queried more often than every half hour. Aliyun Market's plan is by stage,
with no calls from one to six at night.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from connectors.base import Trace
from models.database import Connection, transaction
from models.settings import SHANGHAI
from models.shipment import ParcelStage
from models.tracking import Answer
from tasks.counterparts import KUAIDI100
from tasks.parcel_phone import parcel_phones

SILENT: Final = timedelta(hours=6)
"""How long nobody may have heard of a parcel before it is asked about, and how long between two such questions."""

BY_STAGE: Final[Mapping[ParcelStage, timedelta]] = {ParcelStage.OUT_FOR_DELIVERY: timedelta(hours=1)}
USUAL: Final = timedelta(hours=4)
"""How often the second source is asked about a parcel that depends on it, by its stage and else."""

LEAST_GAP: Final = timedelta(minutes=30)
EARLY: Final = timedelta(minutes=10)
"""Runs come by the hour: what would be due in a moment must not wait for the next."""

NIGHT: Final = range(1, 6)
NEVER_SCANNED: Final = timedelta(days=3)
UNMOVED: Final = timedelta(days=30)
KEPT: Final = timedelta(days=60)

NO_SCAN: Final = "asking ended: no scan in 3 days"
NO_MOVEMENT: Final = "asking ended: no movement in 30 days"
"""What a parcel's note says when nobody asks about it any more."""

_DUE: Final = """
  select p.id, p.carrier, p.waybill, p.scanned_at, coalesce(p.scanned_at, p.shipped_at), q.asked_at,
         coalesce(q.answer, ''), coalesce(q.digest, ''),
         (select max(e.empty_since) from tracking_question e where e.waybill = p.waybill)
  from parcel p left join tracking_question q on q.source = %(source)s and q.waybill = p.waybill
  where p.stage not in ('delivered', 'returned', 'cancelled') and p.unasked_at is null and ({})
  order by p.heard_at limit %(limit)s for update of p skip locked"""
_SILENT = "p.heard_at < %(silent)s and (q.asked_at is null or q.asked_at < %(silent_due)s)"
_BY_STAGE = """
  p.heard_at < %(early)s - (case p.stage {} else %(usual)s end)::interval
  and (q.asked_at is null or q.asked_at < %(early)s - (case p.stage {} else %(usual)s end)::interval)"""
_DEPENDS = """
  p.id in (select x.id from parcel x where x.dropped_at is not null
             and x.stage not in ('delivered', 'returned', 'cancelled')
           union select x.id from tracking_question f join parcel x on x.waybill = f.waybill
             where f.source = %(first)s and f.answer <> 'told')"""


@dataclass(frozen=True, slots=True)
class Silent:
    """A parcel to ask about, with what is known of the last question: its time, what came of it, and of its scans."""

    id: int
    carrier: str
    waybill: str
    phone_last4: str
    asked_at: datetime | None
    answer: str
    digest: str


def may_ask(now: datetime) -> bool:
    """Whether the second source is asked at this hour of China."""
    return now.astimezone(SHANGHAI).hour not in NIGHT


def take_silent(now: datetime, limit: int, *, with_dropped: bool = True) -> list[Silent]:
    """Claim silent parcels for asking the source that pushes.

    `with_dropped`: also those that it gave up, which it may still answer about.
    """
    return _take(now, limit, KUAIDI100, _SILENT if with_dropped else f"{_SILENT} and p.dropped_at is null")


def take_dependent(now: datetime, limit: int, source: str, *, instead: bool = False) -> list[Silent]:
    """Claim parcels for asking a second source: of which the first has no news, or which it refuses or gave up.

    `instead`: the first cannot be asked now, so all that are silent are.
    """
    cases = " ".join(f"when '{stage}' then '{every.total_seconds()} s'" for stage, every in BY_STAGE.items())
    due = _BY_STAGE.format(cases, cases)
    silent = "p.heard_at < %(silent)s" if instead else "false"
    return _take(now, limit, source, f"{due} and ({silent} or {_DEPENDS})")


def _take(now: datetime, limit: int, source: str, due: str) -> list[Silent]:
    """Claim parcels: the time is written first, so no two workers ask one source about one number.

    Those about which there is no use in asking any more are marked and left out.
    """
    with transaction() as conn:
        rows = conn.execute(
            _DUE.format(due).encode(),
            {
                "source": source,
                "first": KUAIDI100,
                "now": now,
                "early": now + EARLY,
                "silent": now - SILENT,
                "silent_due": now + EARLY - SILENT,
                "usual": f"{USUAL.total_seconds()} s",
                "limit": limit,
            },
        ).fetchall()
        unscanned = [row[0] for row in rows if row[3] is None and row[8] is not None and row[8] <= now - NEVER_SCANNED]
        unmoved = [row[0] for row in rows if row[4] <= now - UNMOVED]
        _end_asking(conn, unscanned, NO_SCAN, now)
        _end_asking(conn, unmoved, NO_MOVEMENT, now)
        ended = {*unscanned, *unmoved}
        claimed = _claim(conn, source, [row[2] for row in rows if row[0] not in ended], now)
        # a number may be that of parcels by two carriers: one of them now
        wanted = {row[2]: row for row in rows if row[2] in claimed and row[0] not in ended}
        phones = parcel_phones(conn, [row[0] for row in wanted.values()])
    if not wanted and ended:
        return _take(now, limit, source, due)
    return [
        Silent(i, carrier, waybill, phones[i], asked_at, answer, digest)
        for i, carrier, waybill, _, _, asked_at, answer, digest, _ in wanted.values()
    ]


def _end_asking(conn: Connection, parcel_ids: Sequence[int], note: str, now: datetime) -> None:
    # that a carrier gave a parcel up says more
    conn.execute(
        """update parcel set unasked_at = %s, note = case when dropped_at is null then %s else note end
           where id = any(%s)""",
        (now, note, list(parcel_ids)),
    )


def _claim(conn: Connection, source: str, waybills: Sequence[str], now: datetime) -> set[str]:
    rows = conn.execute(
        """insert into tracking_question as q (source, waybill, asked_at, answer)
           select distinct %(source)s, w, %(now)s::timestamptz, 'asked' from unnest(%(waybills)s::text[]) w order by 2
           on conflict (source, waybill) do update set asked_at = excluded.asked_at, answer = excluded.answer
           where q.asked_at <= %(least)s returning waybill""",
        {"source": source, "now": now, "waybills": list(waybills), "least": now - LEAST_GAP},
    ).fetchall()
    return {row[0] for row in rows}


def give_back(source: str, unasked: Sequence[Silent]) -> None:
    """Undo the claim of parcels that were not asked about after all."""
    with transaction() as conn:
        conn.execute(
            "delete from tracking_question where source = %s and waybill = any(%s)",
            (source, [parcel.waybill for parcel in unasked if parcel.asked_at is None]),
        )
        conn.execute(
            """update tracking_question q set asked_at = n.asked_at, answer = n.answer
               from unnest(%s::text[], %s::timestamptz[], %s::text[]) n(waybill, asked_at, answer)
               where q.source = %s and q.waybill = n.waybill""",
            (
                [parcel.waybill for parcel in unasked if parcel.asked_at],
                [parcel.asked_at for parcel in unasked if parcel.asked_at],
                [parcel.answer for parcel in unasked if parcel.asked_at],
                source,
            ),
        )


def note_answers(
    conn: Connection, source: str, answers: Sequence[tuple[Silent, Answer, Trace | None]], now: datetime
) -> None:
    """Write down what came of asking."""
    conn.execute(
        """update tracking_question q set answer = n.answer,
             empty_since = case n.answer when 'empty' then coalesce(q.empty_since, %(now)s) when 'told' then null
                                         else q.empty_since end,
             digest = case n.answer when 'told' then n.digest else q.digest end
           from unnest(%(waybills)s::text[], %(answers)s::text[], %(digests)s::text[]) n(waybill, answer, digest)
           where q.source = %(source)s and q.waybill = n.waybill""",
        {
            "now": now,
            "source": source,
            "waybills": [silent.waybill for silent, _, _ in answers],
            "answers": [answer.value for _, answer, _ in answers],
            "digests": [digest_of(trace) if trace else "" for _, _, trace in answers],
        },
    )


def digest_of(trace: Trace) -> str:
    """What is the same of two answers that tell the same."""
    told = [trace.stage, *((scan.at.isoformat(), scan.text, scan.stage) for scan in trace.scans)]
    return hashlib.sha256(repr(told).encode()).hexdigest()[:32]


def forget_old_questions(conn: Connection, now: datetime) -> None:
    """Delete what was asked long ago."""
    conn.execute("delete from tracking_question where asked_at < %s", (now - KEPT,))
