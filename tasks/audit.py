"""audit: ask a carrier about parcels that no push has spoken of, within its limits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from prefect import task

from connectors.base import Carrier, Trace
from models.database import transaction
from models.errors import ChannelDenied, ChannelError, RateLimited
from models.order import Cause
from tasks.counterparts import open_carrier
from tasks.parcel_phone import parcel_phones
from tasks.runs import cause, in_plain_words
from tasks.trace import apply_traces, take_parcels

SILENT = timedelta(hours=6)
"""How long nobody may have heard of a parcel before it is asked about."""

ASK_AGAIN = timedelta(minutes=30)
"""The vendor locks a number that is queried more often than this."""

MOST = 500
CHUNK = 50


@dataclass(frozen=True, slots=True)
class AuditCount:
    """Parcels asked about, those that moved, those the carrier had no news of."""

    asked: int
    moved: int
    unknown: int


@dataclass(frozen=True, slots=True)
class Silent:
    """A parcel to ask about."""

    id: int
    carrier: str
    waybill: str
    phone_last4: str


def take_silent(now: datetime, limit: int) -> list[Silent]:
    """Claim silent parcels for asking: the time is written first, so no two workers ask about one number."""
    with transaction() as conn:
        rows = conn.execute(
            """update parcel p set asked_at = %(now)s where p.id in (
                 select id from parcel
                 where stage not in ('delivered', 'returned', 'cancelled') and heard_at < %(heard)s
                   and (asked_at is null or asked_at < %(asked)s)
                 order by heard_at limit %(limit)s for update skip locked)
               returning p.id, p.carrier, p.waybill""",
            {"now": now, "heard": now - SILENT, "asked": now - ASK_AGAIN, "limit": limit},
        ).fetchall()
        phones = parcel_phones(conn, [row[0] for row in rows])
    return [Silent(row[0], row[1], row[2], phones[row[0]]) for row in rows]


def audit_parcels(carrier: Carrier, why: Cause) -> AuditCount:
    """Ask about silent parcels in small claims; stops when the carrier says it is enough or refuses us."""
    asked = moved = unknown = 0
    while asked < MOST:
        claimed = take_silent(why.at, min(CHUNK, MOST - asked))
        if not claimed:
            break
        traces: list[tuple[Silent, Trace]] = []
        for place, parcel in enumerate(claimed):
            asked += 1
            try:
                traces.append((parcel, carrier.query(parcel.carrier, parcel.waybill, parcel.phone_last4)))
            except (RateLimited, ChannelDenied):
                _apply(traces, why)
                _give_back(claimed[place + 1 :])
                raise
            except ChannelError:
                unknown += 1
        moved += _apply(traces, why)
        unknown += sum(1 for _, trace in traces if trace.stage is None)
    return AuditCount(asked, moved, unknown)


def _give_back(unasked: Sequence[Silent]) -> None:
    with transaction() as conn:
        conn.execute("update parcel set asked_at = null where id = any(%s)", ([parcel.id for parcel in unasked],))


def _apply(traces: Sequence[tuple[Silent, Trace]], why: Cause) -> int:
    with transaction() as conn:
        parcels = take_parcels(conn, "id", [silent.id for silent, _ in traces])
        # a number that was corrected while we asked was another parcel's
        true = [(silent, trace) for silent, trace in traces if parcels[silent.id].waybill == silent.waybill]
        changed = apply_traces(conn, [(silent.id, parcels[silent.id], trace) for silent, trace in true], why)
    return sum(changed.values())


@task(persist_result=True, task_run_name="ask about silent parcels", tags=["stage:track"])
def audit_silent() -> AuditCount:
    """The audit of a run."""
    with in_plain_words("audit_tracking", "rounds"):
        with transaction() as conn:
            carrier = open_carrier(conn)
        return audit_parcels(carrier, cause("audit"))
