"""What rules find of orders that were reviewed before, what that changes of their holds, and doing so."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from models.database import Connection, in_transaction
from models.hold import GIVES_UP_STOCK, Finding, HoldCode, place_holds, reasons_in, release_holds
from models.order import Cause, Stage, advance
from models.rules.purposes import Purpose
from models.rules.review import SETTABLE, review, same_reason
from models.rules.review_rules import ReviewRules
from tasks.again import route_again
from tasks.kept_stock import take_stock_of
from tasks.lock_stock import unlock_stock
from tasks.openings import note_opening
from tasks.review_facts import Needs, load_reviewed, needs_of
from tasks.rules_in_force import current_rules

CHUNK: Final = 2000
"""Orders that are reviewed again in one transaction."""

ACTOR: Final = "stage:review"
"""Who places and ends holds because rules have changed: nobody decided about the single order."""

_OPEN_STAGES: Final = [Stage.VALIDATED.value, Stage.LOCKED.value, Stage.ROUTED.value]

Decision = tuple[HoldCode, Mapping[str, Any]]
"""A finding that a person decided about: the code of its hold, and its evidence."""


@dataclass(slots=True)
class Changes:
    """What rules change of the holds of some orders, by order id: new ones, those that end, and those that say news."""

    orders: int = 0
    held: list[tuple[int, Finding]] = field(default_factory=list)
    freed: list[tuple[int, HoldCode]] = field(default_factory=list)
    renewed: list[tuple[int, Finding]] = field(default_factory=list)

    def add(self, other: "Changes") -> None:
        """Count other orders as well."""
        self.orders += other.orders
        self.held += other.held
        self.freed += other.freed
        self.renewed += other.renewed


@dataclass(frozen=True, slots=True)
class _OpenHold:
    evidence: dict[str, Any]
    release_at: datetime | None


def open_orders_after(conn: Connection, last: int) -> list[int]:
    """The next CHUNK orders, by id, that were reviewed and not dispatched."""
    rows = conn.execute(
        "select order_id from order_state where order_id > %s and stage = any(%s) order by order_id limit %s",
        (last, _OPEN_STAGES, CHUNK),
    ).fetchall()
    return [row[0] for row in rows]


def changes_of(conn: Connection, order_ids: Sequence[int], rules: ReviewRules, needs: Needs, at: datetime) -> Changes:
    """What these rules change of the holds of orders that were reviewed before. Nothing is written.

    Only holds that rules placed end, and only codes that rules decide are looked at. What a person released stays so.
    """
    placed, others = _open_holds(conn, order_ids)
    decided = decided_by_people(conn, order_ids)
    changes = Changes(len(order_ids))
    for order in load_reviewed(conn, order_ids, needs, at):
        mine = placed.get(order.id, {})
        found = {finding.code: finding for finding in review(order, rules) if finding.code in SETTABLE}
        for code, finding in found.items():
            if code in others.get(order.id, ()):
                continue
            if code not in mine:
                if not is_decided(finding, decided.get(order.id, ())):
                    changes.held.append((order.id, finding))
            elif (mine[code].evidence, mine[code].release_at) != (finding.evidence, finding.again_at):
                changes.renewed.append((order.id, finding))
        changes.freed += [(order.id, code) for code in mine if code not in found]
    return changes


def _open_holds(
    conn: Connection, order_ids: Sequence[int]
) -> tuple[Mapping[int, dict[HoldCode, _OpenHold]], Mapping[int, set[HoldCode]]]:
    """The open holds of codes that rules decide: those that rules placed, and the codes of others."""
    rows = conn.execute(
        """select order_id, code, evidence, release_at, evidence ? 'rule' from hold
           where order_id = any(%s) and code = any(%s) and released_at is null order by order_id, code""",
        (list(order_ids), [code.value for code in SETTABLE]),
    ).fetchall()
    placed: dict[int, dict[HoldCode, _OpenHold]] = {}
    others: dict[int, set[HoldCode]] = {}
    for order_id, code, evidence, release_at, by_rule in rows:
        if by_rule:
            placed.setdefault(order_id, {})[HoldCode(code)] = _OpenHold(evidence, release_at)
        else:
            others.setdefault(order_id, set()).add(HoldCode(code))
    return placed, others


def decided_by_people(conn: Connection, order_ids: Sequence[int]) -> Mapping[int, list[Decision]]:
    """What people released these orders from, giving a reason: code and evidence of each finding, by order."""
    rows = conn.execute(
        """select h.order_id, h.code, h.evidence from hold h
           where h.order_id = any(%s) and h.released_by like 'person:%%' and exists (
             select from event e where e.order_id = h.order_id and e.at = h.released_at and e.what = 'released'
               and e.detail->>'code' = h.code and e.detail ? 'reason')""",
        (list(order_ids),),
    ).fetchall()
    found: dict[int, list[Decision]] = {}
    for order_id, code, evidence in rows:
        found.setdefault(order_id, []).extend((HoldCode(code), reason) for reason in reasons_in(evidence))
    return found


def is_decided(finding: Finding, decided: Collection[Decision]) -> bool:
    """Whether a person has released the order from a hold of this code that said the same of it."""
    return any(code is finding.code and same_reason(evidence, finding.evidence) for code, evidence in decided)


def apply_changes(conn: Connection, changes: Changes, stages: Mapping[int, Stage], why: Cause) -> None:
    """Let changes come true; the orders are locked, and each one's stage is given.

    Freed orders go on with the next `resume_orders`. One that is held for what takes no stock gives its stock back.
    """
    _give_up_stock(conn, changes, stages, why)
    place_holds(conn, changes.held, why)
    place_holds(conn, changes.renewed, why, renew=True)
    freed: dict[HoldCode, list[int]] = {}
    for order_id, code in changes.freed:
        freed.setdefault(code, []).append(order_id)
    for code in sorted(freed):
        release_holds(conn, freed[code], [code], why, resume=True)


def _give_up_stock(conn: Connection, changes: Changes, stages: Mapping[int, Stage], why: Cause) -> None:
    # a shop may keep stock for unpaid orders, so lock_stock decides about these
    giving_up = GIVES_UP_STOCK - {HoldCode.UNPAID}
    ids = sorted({order_id for order_id, finding in changes.held if finding.code in giving_up})
    if not ids:
        return
    take_stock_of(conn, ids)
    route_again(conn, [order_id for order_id in ids if stages[order_id] is Stage.ROUTED], why, "its review holds it")
    unlock_stock(conn, ids, why)
    advance(conn, [order_id for order_id in ids if stages[order_id] is Stage.LOCKED], Stage.VALIDATED, why)


def review_next(conn: Connection, version: int, why: Cause) -> Changes | None:
    """Review the next open orders again by a version of the rules; None when there is nothing left to review by it.

    How far it has come is kept with the version, in the transaction that reviews: whoever calls this goes on there.
    """
    row = conn.execute(
        "select reviewed_to from review_rules where version = %s and reviewed_at is null for update", (version,)
    ).fetchone()
    rules = current_rules(conn)
    if row is None or rules.version != version:
        return None
    order_ids = open_orders_after(conn, row[0])
    if not order_ids:
        conn.execute("update review_rules set reviewed_at = %s where version = %s", (why.at, version))
        return None
    stages = _take(conn, order_ids)
    note_opening(conn, Purpose.REVIEW, why.actor, why.at, list(stages), detail={"rules": version})
    changes = changes_of(conn, list(stages), rules, needs_of(rules), why.at)
    apply_changes(conn, changes, stages, why)
    conn.execute("update review_rules set reviewed_to = %s where version = %s", (order_ids[-1], version))
    return changes


def _take(conn: Connection, order_ids: Sequence[int]) -> dict[int, Stage]:
    """Lock the batches of these orders, then the orders; those that are still open, with their stages."""
    conn.execute(
        """select 1 from batch where id in (select batch_id from order_state where order_id = any(%s))
           order by id for update""",
        (list(order_ids),),
    )
    rows = conn.execute(
        "select order_id, stage from order_state where order_id = any(%s) and stage = any(%s) order by 1 for update",
        (list(order_ids), _OPEN_STAGES),
    ).fetchall()
    return {row[0]: Stage(row[1]) for row in rows}


def review_open_orders(version: int, at: datetime, flow_run_id: str | None = None) -> Changes:
    """Review every open order again by a version of the rules, chunk by chunk; returns what that changed.

    Safe to repeat and to interrupt: it goes on after the last chunk that was finished.
    """
    why = Cause(ACTOR, at, flow_run_id, version)
    total = Changes()
    while changes := in_transaction(lambda conn: review_next(conn, version, why)):
        total.add(changes)
    return total


def finish_review(at: datetime, flow_run_id: str | None = None) -> Changes:
    """Go on where the review by the rules in force was interrupted; nothing where it was finished."""
    with_version = in_transaction(
        lambda conn: conn.execute(
            """select version from review_rules
               where reviewed_at is null and version = (select max(version) from review_rules)"""
        ).fetchone()
    )
    return review_open_orders(with_version[0], at, flow_run_id) if with_version else Changes()
