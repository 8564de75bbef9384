"""Other review rules tried on the orders of the pool: whom they would hold and free. Nothing is written."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from models.database import Connection, transaction
from models.hold import Finding, HoldCode
from models.rules.review import SETTABLE, review
from models.rules.review_rules import ReviewRules
from tasks.review_again import CHUNK, Changes, changes_of, open_orders_after
from tasks.review_facts import Needs, load_reviewed, needs_of
from tasks.review_rules import require_known
from tasks.rules_in_force import current_rules

_MOMENTARY: Final = frozenset({HoldCode.UNPAID, HoldCode.PAYMENT_FAILED, HoldCode.REFUNDING})
"""Codes that speak of what is the case now, which says nothing of a past order when it came."""

_PAST = """
  select o.id from orders o join order_state s on s.order_id = o.id
  where o.id > %s and o.created_at >= %s and o.created_at < %s
    and s.stage = 'dispatched' and o.kind = 'goods'
  order by o.id limit %s"""

ASSUMPTIONS: Final = (
    "past orders are judged by what is known of them today: their lines, notes and receivers, usual prices, the "
    "blacklist; as paid, and at the moment when they came",
    "past orders that were cancelled are not in it",
)


@dataclass(slots=True)
class Part:
    """Open orders or past ones: how many were looked at, and order numbers by code and what happens to them."""

    orders: int = 0
    held: dict[HoldCode, list[str]] = field(default_factory=dict)
    freed: dict[HoldCode, list[str]] = field(default_factory=dict)
    renewed: dict[HoldCode, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trial:
    """What rules would change: of open orders exactly what putting them in force does, of past ones what they find.

    `since` and `until` is when the past orders were created.
    """

    version: int
    since: datetime
    until: datetime
    open: Part
    past: Part


def try_rules(rules: ReviewRules, days: int, at: datetime) -> Trial:
    """What these rules would change now, and of the orders of so many days, against those in force.

    Reads one snapshot. Raises SetupError when the rules speak of a shop or channel that there is not.
    """
    since = at - timedelta(days=days)
    with transaction() as conn:
        conn.execute("set transaction isolation level repeatable read, read only")
        require_known(conn, rules)
        before = current_rules(conn)
        needs = needs_of(before, rules)
        now = _open_part(conn, rules, at, _reviewed_to(conn, before, rules))
        past = _past_part(conn, before, rules, needs, since, at)
    return Trial(before.version, since, at, now, past)


def _reviewed_to(conn: Connection, before: ReviewRules, rules: ReviewRules) -> int | None:
    """Up to which order id putting these rules in force would review nothing, None where it would review none at all.

    Rules that are in force already make no new version: only what is left of their review is done.
    """
    if rules.to_json() != before.to_json():
        return 0
    row = conn.execute(
        "select reviewed_to from review_rules where version = %s and reviewed_at is null", (before.version,)
    ).fetchone()
    return int(row[0]) if row else None


def _open_part(conn: Connection, rules: ReviewRules, at: datetime, last: int | None) -> Part:
    part = Part()
    if last is None:
        return part
    needs = needs_of(rules)
    while order_ids := open_orders_after(conn, last):
        last = order_ids[-1]
        _count(part, changes_of(conn, order_ids, rules, needs, at), _numbers(conn, order_ids))
    return part


def _count(part: Part, changes: Changes, numbers: dict[int, str]) -> None:
    part.orders += changes.orders
    for order_id, finding in changes.held:
        part.held.setdefault(finding.code, []).append(numbers[order_id])
    for order_id, code in changes.freed:
        part.freed.setdefault(code, []).append(numbers[order_id])
    for order_id, finding in changes.renewed:
        part.renewed.setdefault(finding.code, []).append(numbers[order_id])


def _numbers(conn: Connection, order_ids: Sequence[int]) -> dict[int, str]:
    return dict(conn.execute("select id, order_no from orders where id = any(%s)", (list(order_ids),)).fetchall())


def _past_part(
    conn: Connection, before: ReviewRules, rules: ReviewRules, needs: Needs, since: datetime, until: datetime
) -> Part:
    part, last = Part(), 0
    while rows := conn.execute(_PAST.encode(), (last, since, until, CHUNK)).fetchall():
        last = rows[-1][0]
        for order in load_reviewed(conn, [row[0] for row in rows], needs, None):
            part.orders += 1
            first, second = _codes(review(order, before)), _codes(review(order, rules))
            _note(part.held, second - first, order.order_no)
            _note(part.freed, first - second, order.order_no)
    return part


def _codes(findings: Collection[Finding]) -> set[HoldCode]:
    return {finding.code for finding in findings if finding.code in SETTABLE - _MOMENTARY}


def _note(found: dict[HoldCode, list[str]], codes: Collection[HoldCode], order_no: str) -> None:
    for code in codes:
        found.setdefault(code, []).append(order_no)
