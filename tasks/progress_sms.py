"""Sends the codes that buyers asked for: outside of their requests, to phones that have orders, each at most once.

A row is taken before it is sent and noted after it. A process that dies between leaves a row that nobody takes again:
nobody knows whether the message left, and the buyer can ask for another. What could not be sent within its five minutes
is dropped.
"""

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from connectors import registry
from connectors.messages.sms import Sms
from models.database import Connection, transaction
from models.errors import ChannelRejected, ChannelUnavailable, OutcomeUnknown, PipelineError, RateLimited, SetupError
from models.progress import CodeState
from models.sealing import unseal
from models.settings import clock
from tasks.clients import client_of
from tasks.credentials import Owner, keep_secrets, secrets_of
from tasks.progress_codes import LASTS
from tasks.progress_orders import SHOWN_FOR

ALIYUN = "aliyun"

A_MINUTE = 120
"""Messages within a minute, whoever asks for them: they cost money. Source: this project's own measure."""

AT_ONCE = 8
LATER = timedelta(seconds=10)

HASH_KEPT = timedelta(minutes=10)
LOG_KEPT = timedelta(days=30)
"""How long a code's digest and the log of codes and tries are kept. Source: docs/progress-page.md."""


@dataclass(frozen=True, slots=True)
class SmsCount:
    """What became of the codes that waited.

    `refused`: how many are for numbers that the service sends nothing to; `held_back`: how many wait because the minute
    has had its messages; `obstacles`: what stands in the way of all.
    """

    sent: int = 0
    refused: int = 0
    without_orders: int = 0
    late: int = 0
    held_back: int = 0
    obstacles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Message:
    id: int
    sealed: bytes


def can_send(conn: Connection) -> bool:
    """Whether an SMS service is set up."""
    return bool(secrets_of(conn, Owner.SMS, ALIYUN))


def send_codes() -> SmsCount:
    """Send every code that waits and may still be used, and drop what is late."""
    now = clock().now()
    with transaction() as conn:
        # one process at a time drops, counts and takes, so that the minute's measure holds
        conn.execute("select pg_advisory_xact_lock(hashtextextended('progress sms', 0))")
        late = _drop_late(conn, now)
        without = _drop_unknown(conn, now)
        taken, held_back = _take(conn, now)
    errors = _send_all(taken, now) if taken else {}
    # a number that gets no messages is no obstacle to the codes of others
    refused = [error for error in errors.values() if isinstance(error, ChannelRejected)]
    said = [str(error) for error in errors.values() if error and error not in refused]
    if held_back:
        said.append(f"sms: {held_back} codes wait: {A_MINUTE} messages within a minute are the most")
    sent = sum(error is None for error in errors.values())
    return SmsCount(sent, len(refused), without, late, held_back, tuple(dict.fromkeys(said)))


def _send_all(taken: list[_Message], now: datetime) -> dict[int, PipelineError | None]:
    """Send what was taken; what stood in the way of each, None where it was sent."""
    errors: dict[int, PipelineError | None]
    try:
        with transaction() as conn:
            service = open_sms(conn)
    except SetupError as error:
        errors = {message.id: error for message in taken}
    else:
        with ThreadPoolExecutor(AT_ONCE) as threads:
            tried = threads.map(lambda message: _send(service, message), taken)
            errors = dict(zip([message.id for message in taken], tried, strict=True))
    _note(errors, taken, now)
    return errors


def open_sms(conn: Connection) -> Sms:
    """The SMS service; raises SetupError when none is set up."""
    credentials = secrets_of(conn, Owner.SMS, ALIYUN)
    if not credentials:
        raise SetupError("sms: no service is set up: `orderpool sms set`")
    return registry.SMS[ALIYUN](client_of(Owner.SMS, ALIYUN), f"sms {ALIYUN}", credentials, lambda: clock().now())


def set_sms(credentials: Mapping[str, str]) -> None:
    """Store the service's credentials; raises SetupError naming what it lacks."""
    with transaction() as conn:
        keep_secrets(conn, Owner.SMS, ALIYUN, {name: value for name, value in credentials.items() if value})
        open_sms(conn)


def known_credentials() -> frozenset[str]:
    """The names of what is stored of the service."""
    with transaction() as conn:
        return frozenset(secrets_of(conn, Owner.SMS, ALIYUN))


def codes_of_a_day() -> list[tuple[str, int, str]]:
    """Per state how many codes of the last 24 hours are in it, and what stood in the way of the last of them."""
    with transaction() as conn:
        return conn.execute(
            """select state, count(*), coalesce((array_agg(last_error order by id desc)
                        filter (where last_error <> ''))[1], '')
               from progress_code where made_at > %s group by 1 order by 1""",
            (clock().now() - timedelta(days=1),),
        ).fetchall()


def _drop_late(conn: Connection, now: datetime) -> int:
    conn.execute(
        """update progress_code set state = 'in_doubt', sealed_enc = null
           where state = 'sending' and made_at < %s""",
        (now - 2 * LASTS,),
    )
    return conn.execute(
        "update progress_code set state = 'late', sealed_enc = null where state = 'waiting' and ends_at <= %s", (now,)
    ).rowcount


def _drop_unknown(conn: Connection, now: datetime) -> int:
    """Codes for phones that have no order, all at once."""
    return conn.execute(
        """update progress_code c set state = %s, sealed_enc = null
           where c.state = 'waiting' and not exists (
             select from receiver r join orders o on o.id = r.order_id
             where r.phone_hash = c.phone_hash and r.erased_at is null and r.restricted_at is null
               and o.created_at > %s)""",
        (CodeState.NO_ORDERS.value, now - SHOWN_FOR),
    ).rowcount


def _take(conn: Connection, now: datetime) -> tuple[list[_Message], int]:
    """Codes that this process sends now, the oldest first, and how many have to wait for the next minute."""
    row = conn.execute(
        """select (select count(*) from progress_code where sent_at > %(minute)s and made_at > %(made)s),
                  (select count(*) from progress_code where state = 'waiting' and next_at <= %(now)s)""",
        {"minute": now - timedelta(minutes=1), "made": now - 2 * LASTS, "now": now},
    ).fetchone()
    spent, waiting = row or (0, 0)
    room = max(0, A_MINUTE - spent)
    rows = conn.execute(
        """update progress_code set state = 'sending', sent_at = %(now)s where id in (
             select id from progress_code where state = 'waiting' and next_at <= %(now)s
             order by id limit %(room)s for update)
           returning id, sealed_enc""",
        {"now": now, "room": room},
    ).fetchall()
    return [_Message(*row) for row in sorted(rows)], waiting - len(rows)


def _send(service: Sms, message: _Message) -> PipelineError | None:
    try:
        told = json.loads(unseal(message.sealed))
        service.send_code(told["phone"], told["code"], f"op{message.id}")
    except PipelineError as error:
        return error
    return None


def _note(errors: Mapping[int, PipelineError | None], taken: list[_Message], now: datetime) -> None:
    states = {message.id: _state_after(errors[message.id]) for message in taken}
    with transaction() as conn:
        conn.execute(
            """update progress_code c set state = n.state, last_error = n.error, next_at = %(later)s,
                      sent_at = case when n.state in ('waiting', 'refused') then null else c.sent_at end,
                      sealed_enc = case when n.state = 'waiting' then c.sealed_enc end
               from unnest(%(ids)s::bigint[], %(states)s::text[], %(errors)s::text[]) n(id, state, error)
               where c.id = n.id and c.state = 'sending'""",
            {
                "later": now + LATER,
                "ids": list(states),
                "states": [state.value for state in states.values()],
                "errors": [str(errors[message_id] or "") for message_id in states],
            },
        )


def _state_after(error: PipelineError | None) -> CodeState:
    if error is None:
        return CodeState.SENT
    if isinstance(error, OutcomeUnknown):
        return CodeState.IN_DOUBT
    # nothing was sent, and it may work within the five minutes: a service that is not set up yet as well
    return CodeState.WAITING if isinstance(error, ChannelUnavailable | RateLimited | SetupError) else CodeState.REFUSED


def tidy_progress(conn: Connection, now: datetime) -> None:
    """Forget the digests of codes, sessions that are over, and what limits need no more."""
    conn.execute(
        "update progress_code set code_hash = null where code_hash is not null and made_at < %s", (now - HASH_KEPT,)
    )
    conn.execute("delete from progress_session where ends_at <= %s", (now,))
    conn.execute("delete from progress_code where made_at < %s", (now - LOG_KEPT,))
    conn.execute("delete from progress_attempt where at < %s", (now - LOG_KEPT,))
