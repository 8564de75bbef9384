"""The calls that messages of the outbox become: one each, or one that several share; some are made at once."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from models.database import transaction
from models.errors import ChannelRejected, PipelineError
from models.messages import OutboxKind
from models.settings import clock
from tasks.orders_first import orders_press
from tasks.promo import promo_in_force

SENDERS = 8
"""How many calls are made to one counterpart at a time while no promo says otherwise."""


WAREHOUSE = "warehouse:"
RECIPIENT = "recipient:"
FEWER = 4


def senders_now(counterpart: str) -> int:
    """How many calls are made to a counterpart at a time now: a quarter for what can wait, while orders cannot.

    A recipient of alerts is told one after the other, in the order of what happened.
    """
    if counterpart.startswith(RECIPIENT):
        return 1
    with transaction() as conn:
        promo = promo_in_force(conn, clock().now())
        can_wait = not counterpart.startswith(WAREHOUSE) and orders_press(conn)
    senders = promo.settings.senders if promo else SENDERS
    return max(1, senders // FEWER) if can_wait else senders


@dataclass(frozen=True, slots=True)
class Pending:
    """A message that is to be sent now."""

    id: int
    kind: OutboxKind
    subject_id: int
    key: str
    attempts: int
    created_at: datetime
    in_doubt: bool = False


class RefusedAlone(ChannelRejected):
    """Refused for good, for what is said in this very message: the other side is there for the others."""


@dataclass(frozen=True, slots=True, eq=False)
class Shared:
    """One call for several messages (ids); `make` says what stood in the way of which of them."""

    ids: tuple[int, ...]
    make: Callable[[], Mapping[int, Exception]]


Sender = Callable[[str, Sequence[Pending]], Mapping[int, Callable[[], None] | Shared]]
"""Given a counterpart and messages, the call to make per message id: one of its own, which raises what stood in the
way, or one that it shares with others."""


def try_all(
    sender: Sender, counterpart: str, pending: Sequence[Pending], at_once: int = SENDERS
) -> dict[int, Exception]:
    """Make the calls for these messages, some at once; what stood in the way of which message."""
    try:
        calls = sender(counterpart, pending)
    except PipelineError as error:  # a counterpart that is not set up is an obstacle like any other
        return dict.fromkeys((message.id for message in pending), error)
    errors = _send_all(calls, at_once)
    name = counterpart.partition(":")[2]
    for message in pending:
        if message.id not in calls:
            errors[message.id] = ChannelRejected(name, f"send {message.kind}", "there is nothing to say about it")
    return errors


def _send_all(calls: Mapping[int, Callable[[], None] | Shared], at_once: int) -> dict[int, Exception]:
    shared = {call for call in calls.values() if isinstance(call, Shared)}
    jobs = [partial(_alone, i, call) for i, call in calls.items() if not isinstance(call, Shared)]
    jobs += [partial(_together, call) for call in shared]
    with ThreadPoolExecutor(at_once) as pool:
        results = list(pool.map(lambda job: job(), jobs))
    return {message_id: error for errors in results for message_id, error in errors.items()}


def _alone(message_id: int, call: Callable[[], None]) -> Mapping[int, Exception]:
    try:
        call()
    except PipelineError as error:
        return {message_id: error}
    except Exception as error:  # noqa: BLE001 - one message that breaks the sender must not stop the others
        return {message_id: PipelineError(f"the sender broke with {type(error).__name__}")}
    return {}


def _together(call: Shared) -> Mapping[int, Exception]:
    try:
        return call.make()
    except PipelineError as error:
        return dict.fromkeys(call.ids, error)
    except Exception as error:  # noqa: BLE001 - a call that breaks the sender must not stop the others
        return dict.fromkeys(call.ids, PipelineError(f"the sender broke with {type(error).__name__}"))
