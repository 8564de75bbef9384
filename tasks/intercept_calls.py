"""The calls that ask carriers for parcels back; each is made once, and notes what came of it."""

from collections.abc import Callable, Sequence
from functools import partial

import psycopg

from connectors.carriers.kuaidi100_label import Kuaidi100Label
from models.database import transaction
from models.errors import ChannelDenied, ChannelRejected, OutcomeUnknown
from models.intercept import InterceptState
from models.order import Cause
from models.settings import clock
from tasks.counterparts import KUAIDI100, open_label_service
from tasks.intercepts import move
from tasks.outbox_calls import Pending

_OVER = frozenset({InterceptState.AGREED, InterceptState.DONE, InterceptState.MISSED})


def intercept_calls(pending: Sequence[Pending]) -> dict[int, Callable[[], None]]:
    """The call per message id; each notes its outcome. One that left before without an answer is not made again."""
    if not pending:
        return {}
    with transaction() as conn:
        service = open_label_service(conn)
        rows = conn.execute(
            """select p.id, i.state, p.carrier, p.waybill, i.wish, i.reason from parcel p
               join parcel_intercept i on i.parcel_id = p.id where p.id = any(%s)""",
            ([message.subject_id for message in pending],),
        ).fetchall()
    known = {row[0]: row[1:] for row in rows}
    return {
        message.id: partial(_call, service, message, *known[message.subject_id])
        for message in pending
        if message.subject_id in known
    }


def _call(
    service: Kuaidi100Label, message: Pending, state: str, carrier: str, waybill: str, wish: str, reason: str
) -> None:
    action = f"intercept {carrier} {waybill}"
    if state in _OVER:
        return  # it was noted, and the process died before its message was
    if state != InterceptState.ASKED:
        raise ChannelRejected(service.name, action, f"it is {state} already; ask the carrier")
    try:
        if message.in_doubt:
            raise OutcomeUnknown(service.name, action, "it was sent before, and the answer never came")
        service.intercept(carrier, waybill, wish, reason)
    except OutcomeUnknown as error:
        _note(message, InterceptState.IN_DOUBT, str(error))
        raise ChannelRejected(service.name, action, f"{error.obstacle}; ask the carrier") from error
    except (ChannelRejected, ChannelDenied) as error:
        _note(message, InterceptState.REFUSED, str(error))
        raise
    _note(message, InterceptState.AGREED, "")


def _note(message: Pending, to: InterceptState, answer: str) -> None:
    """Store what came of a call that left; raises OutcomeUnknown when it cannot be stored: it must not go again."""
    try:
        with transaction() as conn:
            move(conn, [message.subject_id], to, Cause(f"carrier:{KUAIDI100}", clock().now()), answer[:200])
    except psycopg.Error as error:
        obstacle = f"is {to}, not stored: {type(error).__name__}"
        raise OutcomeUnknown(KUAIDI100, message.key, obstacle) from error
