"""What `orderpool status` says of the pool: what waits and why, its queues and alerts; it needs no other part."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from models.database import connect
from models.errors import SetupError
from models.hold import HoldCode
from models.rules.hold_words import NAMES
from models.rules.owners import Owner, Reason, owner_of, owner_words, standstill_words
from models.settings import SHANGHAI, clock
from tasks.overview import Overview, overview
from tasks.waiting import Standing

PATIENCE_S = 5
SHOWN = 10


@dataclass(frozen=True, slots=True)
class PoolReport:
    """The pool as it was found; without an overview `obstacle` says why nothing is known."""

    found: Overview | None
    obstacle: str = ""


def pool_report() -> PoolReport:
    """Look at the pool, for a few seconds at most."""
    try:
        with connect(autocommit=True, patience_s=PATIENCE_S) as conn:
            return PoolReport(overview(conn, clock().now()))
    except SetupError as error:
        return PoolReport(None, str(error))
    except psycopg.errors.UndefinedTable:
        return PoolReport(None, "its tables are of another version: `orderpool up` brings them to this one")
    except psycopg.Error as error:
        return PoolReport(None, f"{type(error).__name__}: {error}".partition("\n")[0])


def in_lines(report: PoolReport) -> list[str]:
    """The report as people read it."""
    if report.found is None:
        return [f"pool: not known what waits: {report.obstacle}"]
    found = report.found
    lines = [f"promo: {found.promo}"] if found.promo else []
    if found.nobody_told_since:
        since = f"{found.nobody_told_since.astimezone(SHANGHAI):%m-%d %H:%M}"
        lines.append(f"ALERTS REACH NOBODY since {since}: no recipient could be told; see `orderpool alerts to list`")
    lines += _waiting_lines(found)
    lines += [
        f"queue {queue.name}: {queue.waiting:,} wait, the oldest for {_age(queue.age_s(found.at))}"
        for queue in sorted(found.queues, key=lambda queue: -queue.age_s(found.at))[:SHOWN]
    ]
    if found.batches_open:
        lines.append(f"batches: {found.batches_open:,} open")
    if not found.alerts:
        return [*lines, "no alert is open"]
    return [*lines, f"{len(found.alerts)} alerts are open:", *_alert_lines(found)]


def _waiting_lines(found: Overview) -> list[str]:
    several = _by_reason(found)
    lines = [f"{found.waiting.total:,} orders wait:" if found.waiting.total else "no order waits for anybody"]
    for reason, standings in several[:SHOWN]:
        oldest = min(standings, key=lambda standing: standing.since)
        owner, why = _words(reason)
        count = sum(standing.total for standing in standings)
        lines.append(
            f"  {owner}: {why}: {count:,}, oldest {oldest.oldest_no} of {oldest.oldest_shop}"
            f" for {_age((found.at - oldest.since).total_seconds())}"
        )
    if len(several) > SHOWN:
        lines.append(f"  and {len(several) - SHOWN} reasons more: `orderpool waiting`")
    if found.waiting.quarantined:
        lines.append(f"{found.waiting.quarantined:,} payloads could not be read and are in quarantine")
    return lines


def _alert_lines(found: Overview) -> list[str]:
    lines = [
        f"  since {alert.opened_at.astimezone(SHANGHAI):%m-%d %H:%M}: {alert.sentence}"
        for alert in found.alerts[:SHOWN]
    ]
    more = len(found.alerts) - SHOWN
    return [*lines, f"  and {more} more: `orderpool alerts`"] if more > 0 else lines


def _by_reason(found: Overview) -> list[tuple[Reason, list[Standing]]]:
    """The standings of each reason, those first that somebody has to see to, then by age."""
    several: dict[Reason, list[Standing]] = defaultdict(list)
    for standing in found.waiting.standings:
        several[standing.reason].append(standing)

    def urgency(entry: tuple[Reason, list[Standing]]) -> tuple[bool, datetime]:
        return owner_of(entry[0]) is Owner.NOBODY, min(standing.since for standing in entry[1])

    return sorted(several.items(), key=urgency)


def _words(reason: Reason) -> tuple[str, str]:
    why = NAMES[reason] if isinstance(reason, HoldCode) else standstill_words(reason)
    return owner_words(owner_of(reason))[0], why[0]


def _age(seconds: float) -> str:
    minutes = seconds / 60
    if minutes < 1:
        return f"{seconds:.0f} s"
    if minutes < 60:
        return f"{minutes:.0f} min"
    return f"{minutes / 60:.1f} h" if minutes < 48 * 60 else f"{minutes / 1440:.0f} days"


def in_json(report: PoolReport) -> dict[str, Any]:
    """The report as machines read it; times in ISO format, ages in seconds."""
    if report.found is None:
        return {"reachable": False, "obstacle": report.obstacle}
    found = report.found
    return {
        "reachable": True,
        "promo": str(found.promo) if found.promo else None,
        "alerts_reach_nobody_since": found.nobody_told_since,
        "batches_open": found.batches_open,
        "waiting": {
            "orders": found.waiting.total,
            "quarantined": found.waiting.quarantined,
            "reasons": [_reason_row(reason, standings, found.at) for reason, standings in _by_reason(found)],
        },
        "queues": [
            {
                "queue": queue.of.value,
                "party": queue.party,
                "kind": queue.kind,
                "waiting": queue.waiting,
                "oldest_s": queue.age_s(found.at),
            }
            for queue in found.queues
        ],
        "alerts": [
            {"rule": alert.rule.value, "subject": alert.subject, "sentence": alert.sentence, "since": alert.opened_at}
            for alert in found.alerts
        ],
    }


def _reason_row(reason: Reason, standings: list[Standing], at: datetime) -> dict[str, Any]:
    oldest = min(standings, key=lambda standing: standing.since)
    owner, why = _words(reason)
    return {
        "reason": reason.value,
        "why": why,
        "owner": owner,
        "orders": sum(standing.total for standing in standings),
        "oldest_order_no": oldest.oldest_no,
        "oldest_shop": oldest.oldest_shop,
        "oldest_s": (at - oldest.since).total_seconds(),
    }
