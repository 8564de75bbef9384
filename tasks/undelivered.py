"""What stands in the way of messages that are not delivered, cause by cause, with orders that wait for it."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace

from models.database import Connection
from models.errors import StepFailed
from models.messages import OutboxKind
from models.rules.faults import Fault
from tasks.runs import EXAMPLES, Obstacle, leave_obstacles, step_failed

_CAUSES = """
  select o.counterpart,
    case when b.reasons is null or o.in_doubt and o.last_error <> '' then o.fault else 'blocked' end as fault,
    count(*),
    (array_agg(case when b.reasons is null or o.in_doubt and o.last_error <> '' then o.last_error
                    else 'blocked: ' || b.reasons end order by o.attempts desc, o.next_at desc, o.id))[1],
    (array_agg(o.id order by o.id))[1:%(examples)s]
  from outbox o cross join lateral (
    select string_agg(reason, ', ' order by reason) as reasons from document_block
    where o.kind = 'outbound.created' and document_id = o.subject_id and lifted_at is null) b
  where o.batch_id = any(%(batches)s) and o.kind = any(%(kinds)s) and o.state in ('pending', 'refused')
    and (%(among)s::bigint[] is null or o.id = any(%(among)s))
  group by 1, 2 order by 1, 3 desc, 2"""

_ORDERS = """
  select x.id, min(o.order_no) from outbox x
  left join parcel p on x.kind in ('ship_back', 'subscribe', 'intercept') and p.id = x.subject_id
  join allocation a on a.document_id = coalesce(p.document_id, x.subject_id)
  join orders o on o.id = a.order_id
  where x.id = any(%s) group by 1 order by 1"""


def obstacles_of(
    conn: Connection, batch_ids: Sequence[int], kinds: Sequence[OutboxKind], among: Collection[int] | None = None
) -> list[Obstacle]:
    """Per counterpart and kind of fault: how many of the batches' messages wait, why, and some of their orders.

    `among` are the messages (ids) that count; without it all do.

    Messages behind others of a counterpart that took none of those were not tried: their cause is that of the others.
    """
    rows = conn.execute(
        _CAUSES.encode(),
        {
            "examples": EXAMPLES,
            "batches": list(batch_ids),
            "kinds": [kind.value for kind in kinds],
            "among": None if among is None else list(among),
        },
    ).fetchall()
    numbers: dict[int, str] = dict(
        conn.execute(_ORDERS.encode(), ([each for row in rows for each in row[4]],)).fetchall()
    )
    known: dict[tuple[str, Fault], Obstacle] = {}
    # those with a cause come first, the most frequent before the others
    for counterpart, fault, count, why, ids in sorted(rows, key=lambda row: (row[1] == "", -row[2])):
        of = Fault(fault) if fault else _cause_of_others(counterpart, known)
        examples = tuple(numbers[each] for each in ids if each in numbers)
        new = Obstacle(counterpart.partition(":")[2], count, why or "not tried yet", of, examples)
        before = known.get((counterpart, of))
        known[counterpart, of] = _together(before, new) if before else new
    return [known[key] for key in sorted(known)]


def _together(first: Obstacle, more: Obstacle) -> Obstacle:
    count = (first.count or 0) + (more.count or 0)
    return replace(first, count=count, examples=(first.examples + more.examples)[:EXAMPLES])


def _cause_of_others(counterpart: str, known: dict[tuple[str, Fault], Obstacle]) -> Fault:
    return next((fault for place, fault in known if place == counterpart), Fault.ANOTHER_RUN)


def undelivered(step: str, of: str | int, total: int, missing: Sequence[Obstacle], told: str) -> StepFailed:
    """Leave the table of what was not delivered, and make the error of the step.

    It says `dispatch: 12 of 90 not delivered to WH-S: HTTP 503`, step and count first, per counterpart the most
    frequent obstacle.
    """
    leave_obstacles(step, of, missing, told)
    first: dict[str, str] = {}
    counts: Counter[Fault] = Counter()
    for obstacle in sorted(missing, key=lambda one: -(one.count or 0)):
        first.setdefault(obstacle.at, obstacle.why.removeprefix(f"{obstacle.at}: "))
        counts[obstacle.fault] += obstacle.count or 0
    places = "; ".join(f"{at}: {first[at]}" for at in sorted(first))
    sentence = f"{step}: {sum(counts.values())} of {total} not delivered to {places}"
    return step_failed(sentence, counts.most_common(1)[0][0])
