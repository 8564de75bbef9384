"""audit: ask about parcels that no push has spoken of, within the limits of each source."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from prefect import task

from connectors.base import Trace, TrackingSource
from models.database import transaction
from models.errors import ChannelDenied, ChannelError, ChannelUnavailable, RateLimited
from models.order import Cause
from models.tracking import Answer
from tasks.counterparts import open_carrier, open_second_source
from tasks.questions import (
    Silent,
    digest_of,
    forget_old_questions,
    give_back,
    may_ask,
    note_answers,
    take_dependent,
    take_silent,
)
from tasks.runs import cause, in_plain_words
from tasks.trace import apply_traces, take_parcels

MOST = 1000
CHUNK = 50
DOWN_AFTER = 3
"""Calls in a row without an answer after which a source counts as down until the next run."""


@dataclass(frozen=True, slots=True)
class AuditCount:
    """Parcels asked about at the source that pushes, those that moved, those it had no news of.

    `asked_second` and `moved_second` are those of the second source; `away` says why a source was asked no further, ""
    when none stopped.
    """

    asked: int
    moved: int
    unknown: int
    asked_second: int = 0
    moved_second: int = 0
    away: str = ""


@dataclass(slots=True)
class _Round:
    """What asking one source came to, and what stopped it."""

    asked: int = 0
    moved: int = 0
    unknown: int = 0
    stopped: ChannelError | None = None


_Answered = tuple[Silent, Answer, Trace | None]


def audit_parcels(first: TrackingSource, second: TrackingSource | None, why: Cause) -> AuditCount:
    """Ask the first source about silent parcels in small claims, then the second about those it says nothing of.

    A source stops when it says that it is enough, refuses us or is down. Raises what stopped it when a person has to
    act or nobody could be asked instead, after all that could be done is done.
    """
    with transaction() as conn:
        forget_old_questions(conn, why.at)
    told = _ask(first, partial(take_silent, why.at, with_dropped=second is None), why)
    more = None
    if second is not None and may_ask(why.at):
        more = _ask(second, partial(_take_dependent, second.name, told.stopped is not None, why), why)
    rounds = [told, more] if more is not None else [told]
    stopped = [each.stopped for each in rounds if each.stopped is not None]
    for error in stopped:
        if isinstance(error, ChannelDenied) or len(stopped) == len(rounds):
            raise error
    counts = (more.asked, more.moved) if more is not None else (0, 0)
    return AuditCount(told.asked, told.moved, told.unknown, *counts, "; ".join(map(str, stopped)))


def _take_dependent(source: str, instead: bool, why: Cause, limit: int) -> list[Silent]:
    return take_dependent(why.at, limit, source, instead=instead)


def _ask(source: TrackingSource, take: Callable[[int], list[Silent]], why: Cause) -> _Round:
    count = _Round()
    while count.asked < MOST and count.stopped is None:
        claimed = take(min(CHUNK, MOST - count.asked))
        if not claimed:
            break
        answers, count.stopped = _ask_about(source, claimed)
        count.asked += len(answers)
        count.unknown += sum(1 for _, answer, _ in answers if answer is not Answer.TOLD)
        count.moved += _apply(source, answers, why)
        give_back(source.name, claimed[len(answers) :])
    return count


def _ask_about(source: TrackingSource, claimed: Sequence[Silent]) -> tuple[list[_Answered], ChannelError | None]:
    """The answers about a claim, as far as it was asked about, and what stopped that."""
    answers: list[_Answered] = []
    unanswered = 0
    for parcel in claimed:
        try:
            trace = source.query(parcel.carrier, parcel.waybill, parcel.phone_last4)
        except (RateLimited, ChannelDenied) as error:
            return [*answers, (parcel, Answer.AWAY, None)], error
        except ChannelUnavailable as error:
            answers.append((parcel, Answer.AWAY, None))
            unanswered += 1
            if unanswered == DOWN_AFTER or len(claimed) == unanswered:
                return answers, error
            continue
        except ChannelError:
            answers.append((parcel, Answer.REFUSED, None))
        else:
            answers.append((parcel, Answer.TOLD, trace) if trace.scans else (parcel, Answer.EMPTY, None))
        unanswered = 0
    return answers, None


def _apply(source: TrackingSource, answers: Sequence[_Answered], why: Cause) -> int:
    """Let parcels move by what was told; an answer that is the same as the last one is no work."""
    told = [(silent, trace) for silent, _, trace in answers if trace is not None]
    with transaction() as conn:
        parcels = take_parcels(conn, "id", [silent.id for silent, _ in told])
        # a number that was corrected while we asked was another parcel's
        true = [(silent, trace) for silent, trace in told if parcels[silent.id].waybill == silent.waybill]
        news = [(silent.id, parcels[silent.id], trace) for silent, trace in true if digest_of(trace) != silent.digest]
        changed = apply_traces(conn, news, why)
        heard = [silent.id for silent, trace in true if trace.scans]
        conn.execute("update parcel set heard_at = %s where id = any(%s)", (why.at, heard))
        note_answers(conn, source.name, answers, why.at)
    return sum(changed.values())


@task(persist_result=True, task_run_name="ask about silent parcels", tags=["stage:track"])
def audit_silent() -> AuditCount:
    """The audit of a run."""
    with in_plain_words("audit_tracking", "rounds"):
        with transaction() as conn:
            first, second = open_carrier(conn), open_second_source(conn)
        return audit_parcels(first, second, cause("audit"))
