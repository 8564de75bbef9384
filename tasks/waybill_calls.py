"""The calls that messages about e-waybills become, and what their answers leave in the pool.

Who a parcel goes to is read when the call is made, told to the service and kept nowhere.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Final

import psycopg
from psycopg.errors import UniqueViolation

from connectors.base import RepeatClass
from connectors.waybills import Account, MadeWaybill, WaybillService, WaybillWish
from models.database import Connection, transaction
from models.errors import ChannelRejected, OutcomeUnknown
from models.masking import brief
from models.messages import OutboxKind
from models.order import Cause, write_own_events
from models.rules.purposes import Purpose
from models.sealing import seal
from models.waybill import WaybillState
from tasks.openings import note_opening
from tasks.outbox_calls import Pending
from tasks.outbox_rows import RefusedInDoubt
from tasks.parcel_numbers import NUMBER
from tasks.runs import cause
from tasks.waybill_accounts import accounts_of, open_waybills
from tasks.waybill_rows import MISSING, move_waybills
from tasks.waybill_wishes import Asked, asked_for

SAFETY: Final = timedelta(hours=1)
"""So much before the service stops repeating itself we stop asking again: its clock is not ours."""

_LONGEST_ADDRESS: Final = 2000

Call = Callable[[], None]


def waybill_calls(code: str, pending: Sequence[Pending]) -> dict[int, Call]:
    """Per message the call to the service of a counterpart (`kuaidi100/WH-S`); each receiver told to it is noted."""
    run = cause("deliver")
    why = Cause(f"carrier:{code}", run.at, run.flow_run_id, run.rule_version)
    with transaction() as conn:
        service = open_waybills(conn, code)
        accounts = accounts_of(conn, code)
        found = asked_for(conn, [message.subject_id for message in pending])
        wishes = _wishes(service, accounts, pending, found, why)
        _note_asked(
            conn, [(found[i], in_doubt) for i, (wish, in_doubt) in wishes.items() if isinstance(wish, WaybillWish)], why
        )
    calls: dict[int, Call] = {}
    for message in pending:
        asked = found.get(message.subject_id)
        if asked is None:
            continue
        if message.kind is OutboxKind.WAYBILL_CANCEL:
            calls[message.id] = partial(_cancel, service, asked, asked.account(accounts), why)
        elif asked.id in wishes:
            calls[message.id] = partial(_make, service, asked, wishes[asked.id][0], why)
        else:
            calls[message.id] = _nothing
    return calls


def _wishes(
    service: WaybillService,
    accounts: Mapping[str, Account],
    pending: Sequence[Pending],
    found: Mapping[int, Asked],
    why: Cause,
) -> dict[int, tuple[WaybillWish | str, bool]]:
    """Of each e-waybill that is missing what to ask for it, or why not to; and whether it may be made already."""
    wishes: dict[int, tuple[WaybillWish | str, bool]] = {}
    for message in pending:
        asked = found.get(message.subject_id)
        if message.kind is not OutboxKind.WAYBILL or asked is None or asked.state not in MISSING:
            continue
        obstacle = _too_late(service, asked, message, why) or asked.obstacle(accounts)
        wishes[asked.id] = (obstacle or asked.wish(accounts), message.in_doubt)
    return wishes


def _too_late(service: WaybillService, asked: Asked, message: Pending, why: Cause) -> str:
    """Why a call that may have arrived must not be made again, "" while the service would repeat its answer."""
    age = why.at - asked.since + SAFETY
    if not message.in_doubt or service.repeat_class_after(age) is RepeatClass.DEDUPLICATED:
        return ""
    return (
        f"it may have been made when it was first asked for at {asked.since:%m-%d %H:%M} UTC, and asked again there "
        f"might be two; look for {asked.order_key} at the service, then `orderpool waybill enter {asked.document_no} "
        f"NUMBER`, or `orderpool waybill again {asked.document_no} --anew` when there is none"
    )


def _note_asked(conn: Connection, asked: Sequence[tuple[Asked, bool]], why: Cause) -> None:
    """Note since when these may be made (whether they were in doubt), and that the service is told their receivers."""
    certain = [each.id for each, in_doubt in asked if not in_doubt]
    conn.execute(
        "update waybill set asked_at = %s where id = any(%s) and (asked_at is null or id = any(%s))",
        (why.at, [each.id for each, _ in asked], certain),
    )
    rows = conn.execute(
        """select distinct a.order_id, d.no from allocation a join outbound_document d on d.id = a.document_id
           where d.id = any(%s) order by 1, 2""",
        (sorted({each.document_id for each, _ in asked}),),
    ).fetchall()
    note_opening(conn, Purpose.WAYBILL, why.actor, why.at, {row[0] for row in rows})
    detail = {"purpose": "e-waybill"}
    write_own_events(conn, ((i, "receiver_revealed", {**detail, "document": no}) for i, no in rows), why)


def _nothing() -> None:
    """What was asked for is there already."""


def _make(service: WaybillService, asked: Asked, wish: WaybillWish | str, why: Cause) -> None:
    try:
        if not isinstance(wish, WaybillWish):
            raise ChannelRejected(_name(why), f"waybill {asked.order_key}", wish)
        _store(asked, service.make(wish), why)
    except ChannelRejected as error:
        with transaction() as conn:
            move_waybills(conn, [asked.id], WaybillState.REFUSED, why, error.obstacle)
        raise


def _name(why: Cause) -> str:
    """The counterpart's name in errors: `kuaidi100/WH-S`."""
    return why.actor.partition(":")[2]


def _store(asked: Asked, made: MadeWaybill, why: Cause) -> None:
    """Keep what was made. Raises RefusedInDoubt for what cannot be used, but is there all the same and costs money."""
    action, number = f"waybill {asked.order_key}", made.number.strip().upper()
    if not NUMBER.fullmatch(number):
        raise RefusedInDoubt(_name(why), action, f"{brief(number, 40)} is no number of a carrier")
    try:
        with transaction() as conn:
            _keep_number(conn, asked.id, number, why)
            label = seal(made.label_url) if 0 < len(made.label_url) <= _LONGEST_ADDRESS else None
            conn.execute(
                "update waybill set task_id = %s, service_no = %s, label_enc = %s where id = %s",
                (made.task_id[:100], made.service_no[:100], label, asked.id),
            )
    except UniqueViolation as error:
        raise RefusedInDoubt(_name(why), action, f"number {number} is that of another document") from error
    except psycopg.Error as error:
        # it is made, and asked again it is the same
        raise OutcomeUnknown(_name(why), action, f"made, not stored: {type(error).__name__}") from error


def _keep_number(conn: Connection, waybill_id: int, number: str, why: Cause) -> None:
    """Give an e-waybill its number, for good; raises RefusedInDoubt when it has another."""
    row = conn.execute("select number, order_key from waybill where id = %s for update", (waybill_id,)).fetchone()
    if row and row[0] not in ("", number):
        raise RefusedInDoubt(_name(why), f"waybill {row[1]}", f"is {row[0]}, and was answered as {number}")
    conn.execute("update waybill set number = %s where id = %s", (number, waybill_id))
    move_waybills(conn, [waybill_id], WaybillState.GOT, why)


def _cancel(service: WaybillService, asked: Asked, account: Account | None, why: Cause) -> None:
    """Have one taken back; nothing is to be done about one that was never made, or that a parcel left under."""
    if asked.state in (WaybillState.USED, WaybillState.CANCELLED):
        return
    if asked.number:
        service.cancel(account or {}, asked.carrier, asked.made)
    elif asked.in_doubt:
        obstacle = f"its number is not known; look for {asked.order_key} at the service and cancel it there"
        raise ChannelRejected(_name(why), f"cancel waybill {asked.order_key}", obstacle)
    with transaction() as conn:
        move_waybills(conn, [asked.id], WaybillState.CANCELLED, why)
