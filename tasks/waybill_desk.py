"""What people do about e-waybills: ask again, write in a number that is known elsewhere, ask for another package's."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from psycopg.errors import UniqueViolation

from models.database import Connection, transaction
from models.errors import SetupError
from models.messages import OutboxKind
from models.order import Cause
from models.settings import SHANGHAI
from models.waybill import WaybillState
from tasks.effects import Effect, post
from tasks.parcel_numbers import NUMBER
from tasks.waybill_rows import MISSING, cancel_key, move_waybills, order_key

LATE: Final = timedelta(minutes=30)
"""What waits for so long is an alert; what is refused is one at once."""


@dataclass(frozen=True, slots=True)
class MissingWaybill:
    """An e-waybill that has not come, or `to_give_back` could not be given back, and what stands in the way."""

    warehouse_code: str
    document_no: str
    package_no: int
    carrier: str
    to_give_back: bool
    refused: bool
    since: datetime
    obstacle: str


@dataclass(frozen=True, slots=True)
class _Found:
    """An e-waybill and its newest message to the service, both locked."""

    id: int
    order_key: str
    state: WaybillState
    number: str
    counterpart: str
    batch_id: int
    revision: int


def missing_waybills(conn: Connection, asked_before: datetime) -> list[MissingWaybill]:
    """Those that were refused, or were asked for before that moment and have not come, or could not be given back.

    The oldest first.
    """
    rows = conn.execute(
        """select w.code, d.no, v.package_no, v.carrier, v.unwanted_at is not null, x.state = 'refused', x.created_at,
                  x.last_error
           from waybill v join outbound_document d on d.id = v.document_id join warehouse w on w.id = d.warehouse_id
           join outbox x on x.key = v.order_key || case when v.unwanted_at is null then '' else '-cancel' end
           -- as the index ix_waybill_missing has it
           where (v.state in ('wanted', 'refused') or (v.state = 'got' and v.unwanted_at is not null))
             and (x.state = 'refused' or x.state = 'pending' and x.created_at <= %s)
           order by x.created_at, v.id""",
        (asked_before,),
    ).fetchall()
    return [MissingWaybill(*row) for row in rows]


def ask_again(document_no: str, why: Cause, package_no: int = 1, *, anew: bool = False) -> None:
    """Have an e-waybill asked for again now, that was refused or has not come; or given back, where that was refused.

    `anew` asks under a new number: for one that may have been made, when a person knows that it was not. Raises
    SetupError when there is none, or it is there.
    """
    with transaction() as conn:
        found = _find(conn, document_no, package_no)
        if _send_again(conn, cancel_key(found.order_key), why):
            return
        _require_missing(found, document_no)
        move_waybills(conn, [found.id], WaybillState.WANTED, why)
        if anew:
            _ask_anew(conn, found, document_no, package_no, why)
        else:
            _send_again(conn, found.order_key, why)


def _send_again(conn: Connection, key: str, why: Cause) -> bool:
    """Let a message that waits, or was refused, go now; whether there is one."""
    sent = conn.execute(
        """update outbox set state = 'pending', next_at = %s, attempts = 0
           where key = %s and state in ('pending', 'refused')""",
        (why.at, key),
    )
    return sent.rowcount > 0


def _ask_anew(conn: Connection, found: _Found, document_no: str, package_no: int, why: Cause) -> None:
    key = order_key(document_no, package_no)
    # a person has seen that nothing was made under the former number
    conn.execute("update outbox set state = 'withdrawn', in_doubt = false where key = %s", (found.order_key,))
    conn.execute("update waybill set order_key = %s, asked_at = null where id = %s", (key, found.id))
    post(
        conn,
        [Effect(OutboxKind.WAYBILL, found.counterpart, found.id, key, found.batch_id, found.revision + 1)],
        why.at,
    )


def enter_number(document_no: str, number: str, why: Cause, package_no: int = 1, service_no: str = "") -> None:
    """Write in the number of an e-waybill that was made, as a person found out; it is not asked for any more.

    `service_no` is the carrier's own number of it, which some want with a cancel.
    Raises SetupError when there is none, it has a number, or the number is none or another document's.
    """
    written = number.strip().upper()
    if not NUMBER.fullmatch(written):
        raise SetupError(f"number {number}: want 6 to 32 letters, digits and dashes")
    try:
        with transaction() as conn:
            found = _find(conn, document_no, package_no)
            _require_missing(found, document_no)
            conn.execute(
                "update waybill set number = %s, service_no = %s where id = %s", (written, service_no.strip(), found.id)
            )
            move_waybills(conn, [found.id], WaybillState.GOT, why)
            conn.execute("update outbox set state = 'withdrawn' where key = %s", (found.order_key,))
            _send_again(conn, cancel_key(found.order_key), why)
    except UniqueViolation as error:
        raise SetupError(f"document {document_no}: number {written} is that of another e-waybill") from error


def _find(conn: Connection, document_no: str, package_no: int) -> _Found:
    row = conn.execute(
        """select v.id, v.order_key, v.state, v.number from waybill v
           join outbound_document d on d.id = v.document_id where d.no = %s and v.package_no = %s for update of v""",
        (document_no, package_no),
    ).fetchone()
    if row is None:
        raise SetupError(f"document {document_no}: no e-waybill was asked for its package {package_no}")
    message = conn.execute(
        """select counterpart, batch_id, revision from outbox where kind = 'waybill' and subject_id = %s
           order by revision desc limit 1 for update""",
        (row[0],),
    ).fetchone()
    if message is None:
        raise SetupError(f"document {document_no}: its e-waybill has no message; `orderpool reconcile` says more")
    return _Found(row[0], row[1], WaybillState(row[2]), row[3], *message)


def _require_missing(found: _Found, document_no: str) -> None:
    if found.state in MISSING:
        return
    stands = "was given back" if found.state is WaybillState.CANCELLED else f"is there: {found.number}"
    raise SetupError(f"document {document_no}: its e-waybill {stands}")


def waybills_missing(conn: Connection, now: datetime) -> dict[str, str]:
    """A sentence per warehouse whose e-waybills are refused, or wait for half an hour to come or to be given back."""
    found: dict[str, list[MissingWaybill]] = {}
    for each in missing_waybills(conn, now - LATE):
        found.setdefault(each.warehouse_code, []).append(each)
    return {f"warehouse:{code}": _sentence(code, missing) for code, missing in found.items()}


def _sentence(code: str, missing: Sequence[MissingWaybill]) -> str:
    refused = sum(each.refused for each in missing)
    counts = (f"{refused} refused", f"{len(missing) - refused} waiting")
    told = " and ".join(count for count in counts if not count.startswith("0 "))
    oldest = missing[0]
    since = f"since {oldest.since.astimezone(SHANGHAI):%m-%d %H:%M}"
    obstacle = next((each.obstacle for each in missing if each.obstacle), "not asked for yet")
    stand = f"warehouse {code}: e-waybills are not made or given back {since}, {told}: {obstacle}"
    return f"{stand}; `orderpool waybill missing` lists them"
