"""Holds: why an order waits, placed and released as a set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from psycopg.types.json import Jsonb
from sqlalchemy import BigInteger, Index, Text, text
from sqlmodel import Field, SQLModel

from models.columns import AT, JSON, one_of
from models.database import Connection
from models.order import Cause


class HoldCode(StrEnum):
    """Why an order waits."""

    UNPAID = "UNPAID"
    BLOCKED = "BLOCKED"
    REFUNDING = "REFUNDING"
    DUPLICATE = "DUPLICATE"
    BAD_AMOUNT = "BAD_AMOUNT"
    BAD_QUANTITY = "BAD_QUANTITY"
    UNKNOWN_SKU = "UNKNOWN_SKU"
    BAD_ADDRESS = "BAD_ADDRESS"
    BAD_FIELD = "BAD_FIELD"
    REPEATED = "REPEATED"  # the same buyer paid for the same goods shortly before
    ODD_PRICE = "ODD_PRICE"  # a line costs far more or less than its SKU usually does
    BLACKLISTED = "BLACKLISTED"
    BAD_INVOICE = "BAD_INVOICE"  # the buyer wants an invoice and did not give what it needs
    UNDELIVERABLE = "UNDELIVERABLE"  # nobody delivers to this division
    REMARK = "REMARK"  # a note asks for something a person must see to
    PAYMENT_FAILED = "PAYMENT_FAILED"
    PRESALE = "PRESALE"  # what was ordered is not to leave before its day
    HIGH_VALUE = "HIGH_VALUE"  # so dear that a second person looks at it
    SIBLING = "SIBLING"  # waits for another order of its receiver, to leave in one parcel
    SHORT_STOCK = "SHORT_STOCK"
    SHORT_ROUTE = "SHORT_ROUTE"
    AWAITING_STOCK = "AWAITING_STOCK"  # sold before it is there: waits for what was promised
    LOCK_EXPIRED = "LOCK_EXPIRED"  # not paid in time: its units were given back
    SHIPPED_ELSEWHERE = "SHIPPED_ELSEWHERE"
    CHANGED_LATE = "CHANGED_LATE"  # the shop changed it after its dispatch
    WMS_REFUSED = "WMS_REFUSED"
    SHIPPED_SHORT = "SHIPPED_SHORT"
    MANUAL = "MANUAL"  # a person stopped it
    REJECTED = "REJECTED"  # a person will not have it shipped
    REPLAYED = "REPLAYED"  # read again from stored payloads; waits for a person
    SKIPPED = "SKIPPED"
    RESTORED = "RESTORED"  # the pool was restored from a copy, and a warehouse may know the order already


GIVES_UP_STOCK = frozenset(
    {
        HoldCode.DUPLICATE,
        HoldCode.UNKNOWN_SKU,
        HoldCode.BAD_AMOUNT,
        HoldCode.BAD_QUANTITY,
        HoldCode.SHIPPED_ELSEWHERE,
        HoldCode.UNPAID,
        HoldCode.LOCK_EXPIRED,
        HoldCode.PAYMENT_FAILED,
        HoldCode.REJECTED,
    }
)
"""Holds whose orders take no stock while they wait; UNPAID takes it where the shop locks unpaid orders."""


class Hold(SQLModel, table=True):
    """One reason why an order waits; the order moves on when none is open.

    `placed_at` is when it was placed, or its sentence last told news. `resume_due` marks an end of waiting that
    `resume_orders` has not looked at yet.
    """

    __tablename__: ClassVar[str] = "hold"
    __table_args__ = (
        Index("ix_hold_open", "order_id", "code", unique=True, postgresql_where=text("released_at is null")),
        Index("ix_hold_order_id", "order_id"),
        Index("ix_hold_open_code", "code", "order_id", postgresql_where=text("released_at is null")),
        Index("ix_hold_release_at", "release_at", postgresql_where=text("released_at is null")),
        Index("ix_hold_resume_due", "order_id", postgresql_where=text("resume_due")),
        one_of("code", HoldCode),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    order_id: int = Field(sa_type=BigInteger)
    code: str = Field(sa_type=Text)
    sentence: str = Field(sa_type=Text)
    evidence: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    rule_version: int = 0
    placed_at: datetime = Field(sa_type=AT)
    release_at: datetime | None = Field(default=None, sa_type=AT)
    released_at: datetime | None = Field(default=None, sa_type=AT)
    released_by: str | None = Field(default=None, sa_type=Text)
    resume_due: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """A reason to hold one order: code, a sentence for people, the evidence, and when it is tried again anyway."""

    code: HoldCode
    sentence: str
    evidence: dict[str, Any]
    again_at: datetime | None = None


def in_one(findings: Sequence[Finding]) -> Finding:
    """One finding for several of a code: an order has one hold of each, which tells all that was found."""
    first, *more = findings
    if not more:
        return first
    sentence = "; ".join(dict.fromkeys(finding.sentence for finding in findings))
    return replace(first, sentence=sentence, evidence={**first.evidence, "also": [of.evidence for of in more]})


def reasons_in(evidence: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The evidence of each finding that a hold tells."""
    first = {key: value for key, value in evidence.items() if key != "also"}
    return [first, *evidence.get("also", ())]


def place_holds(conn: Connection, findings: Sequence[tuple[int, Finding]], why: Cause, *, renew: bool = False) -> int:
    """Open a hold for each (order id, finding) that is not open already, with one event each; returns how many.

    With `renew` one that is open takes the new sentence, evidence and time, with an event as well, and counts. Where
    the evidence has a `reason`, a person's, the event has it too.
    """
    if not findings:
        return 0
    if renew:
        again = """do update set sentence = excluded.sentence, evidence = excluded.evidence,
                     rule_version = excluded.rule_version, placed_at = excluded.placed_at,
                     release_at = excluded.release_at"""
    else:
        again = "do nothing"
    rows = conn.execute(
        f"""with placed as (
             insert into hold (order_id, code, sentence, evidence, rule_version, placed_at, release_at, resume_due)
             select * from (
               select unnest(%(orders)s::bigint[]) o, unnest(%(codes)s::text[]), unnest(%(sentences)s::text[]),
                      unnest(%(evidence)s::jsonb[]), %(rule)s::int, %(at)s::timestamptz,
                      unnest(%(again)s::timestamptz[]), false) f
             order by o
             on conflict (order_id, code) where released_at is null {again}
             returning order_id, code, sentence, evidence)
           insert into event (order_id, at, what, actor, flow_run_id, rule_version, detail)
           select order_id, %(at)s, 'held', %(actor)s, %(run)s, %(rule)s, jsonb_strip_nulls(
                    jsonb_build_object('code', code, 'sentence', sentence, 'reason', evidence->'reason'))
           from placed returning 1""".encode(),
        {
            "orders": [order_id for order_id, _ in findings],
            "codes": [finding.code.value for _, finding in findings],
            "sentences": [finding.sentence for _, finding in findings],
            "evidence": [Jsonb(finding.evidence) for _, finding in findings],
            "again": [finding.again_at for _, finding in findings],
            "rule": why.rule_version,
            "at": why.at,
            "actor": why.actor,
            "run": why.flow_run_id,
        },
    ).fetchall()
    return len(rows)


def release_holds(
    conn: Connection,
    order_ids: Sequence[int],
    codes: Sequence[HoldCode],
    why: Cause,
    *,
    resume: bool = False,
    reason: str = "",
) -> int:
    """Close these codes' open holds of these orders, with one event each; other holds stay. Returns how many.

    `reason` is a person's, for the events. `resume` lets `resume_orders` take the orders up again; a stage that goes on
    with them itself leaves it out.
    """
    rows = conn.execute(
        """with freed as (
             update hold set released_at = %(at)s, released_by = %(actor)s, resume_due = %(resume)s
             where order_id = any(%(orders)s) and code = any(%(codes)s) and released_at is null
             returning order_id, code)
           insert into event (order_id, at, what, actor, flow_run_id, rule_version, detail)
           select order_id, %(at)s, 'released', %(actor)s, %(run)s, %(rule)s,
                  jsonb_strip_nulls(jsonb_build_object('code', code, 'reason', nullif(%(reason)s, '')))
           from freed returning 1""",
        {
            "orders": list(order_ids),
            "codes": [code.value for code in codes],
            "at": why.at,
            "actor": why.actor,
            "run": why.flow_run_id,
            "rule": why.rule_version,
            "resume": resume,
            "reason": reason,
        },
    ).fetchall()
    return len(rows)
