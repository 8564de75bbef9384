"""What a stage's `@task` needs of Prefect: who is running, when a repeat can help, and a table of what happened."""

import gc
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from traceback import walk_tb
from typing import Any

import httpx
import psycopg
from prefect import get_run_logger
from prefect.artifacts import create_table_artifact
from prefect.client.schemas.objects import State, TaskRun
from prefect.exceptions import PrefectException
from prefect.runtime import flow_run
from prefect.tasks import Task

from models.database import transaction
from models.errors import MOST_TOLD, ChannelUnavailable, PipelineError, RateLimited, SetupError, StepFailed
from models.order import Cause
from models.rules.faults import WISHES, Fault
from models.settings import clock, settings
from tasks.batches import RULE_VERSION, batch_size
from tasks.failures import fault_of, party_of, runbook_address

TABLE_ROWS = 200
OUR_ROOMS = {"models", "connectors", "tasks", "flows"}
TELLING = (psycopg.Error, OSError, PrefectException)
"""Errors of others whose words are about what they do, not about whom an order is for."""

EXAMPLES = 5
"""How many order numbers a row about a fault names."""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One cause of a failure: `at` a shop, a warehouse or a batch, for how many, why, and some order numbers.

    `count` is None where nobody could count.
    """

    at: str
    count: int | None
    why: str
    fault: Fault
    examples: tuple[str, ...] = ()


def cause(stage: str) -> Cause:
    """The cause of what a stage does in this run, now."""
    return Cause(f"stage:{stage}", clock().now(), flow_run.get_id(), RULE_VERSION)


async def failed_for_now(task: Task[Any, Any], run: TaskRun, state: State[Any]) -> bool:
    """Whether the same call may work in a moment: the other side was away, or the database was."""
    error = await state.aresult(raise_on_failure=False)
    return isinstance(error, StepFailed) and error.may_work_later


def step_failed(sentence: str, fault: Fault) -> StepFailed:
    """Log one plain line and make the error of a stage; the sentence begins with the step and the count."""
    failed = StepFailed(sentence, fault)
    get_run_logger().error(str(failed))
    return failed


def is_retry() -> bool:
    """Whether a person (or the server) runs this flow run again."""
    return int(flow_run.get_run_count() or 1) > 1


@contextmanager
def in_plain_words(step: str, things: str) -> Iterator[None]:
    """Whatever stops a step that has no batch leaves it with the step in front, in one line."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - a stage says in its own words what stopped it
        raise stopped(step, things, error) from None


def stopped(step: str, things: str, error: Exception) -> StepFailed:
    """What stopped a step or a whole flow that has no batch, in its own words and with a table."""
    if isinstance(error, StepFailed):
        return error
    failed = failed_by(error, f"{step}: 0 {things} finished: {in_one_line(error)}", party_of(step))
    obstacle = Obstacle(step, None, in_one_line(error), failed.fault)
    leave_obstacles(step, "stopped", [obstacle], f"Why {step} did not finish")
    return failed


def failed_by(error: Exception, sentence: str, party: str) -> StepFailed:
    """The error of a stage that remembers its cause for retries but not its text, which may hold values of rows.

    `party` is whom the stage talks to: see `fault_of`.
    """
    failed = step_failed(sentence, fault_of(error, party))
    failed.may_work_later = isinstance(error, ChannelUnavailable | RateLimited | psycopg.OperationalError)
    return failed


@cache
def spare_what_is_loaded() -> None:
    """Let the garbage collector pass over what a process has loaded by its first stage.

    With the modules of Prefect and pandas among it, each of its full rounds takes 0.15 s, and a batch of orders sets
    one off.
    """
    gc.collect()
    gc.freeze()


@contextmanager
def stage_of(stage: str, batch_id: int) -> Iterator[None]:
    """Whatever stops a stage leaves it with the step and the count in front, and with a table that says why."""
    spare_what_is_loaded()
    try:
        yield
    except StepFailed:
        raise
    except Exception as error:  # noqa: BLE001 - a stage says in its own words what stopped it
        count, examples = _orders_of(batch_id)
        many = "0 orders finished" if count is None else f"{count:,} orders stopped"
        failed = failed_by(error, f"{stage}: {many}: {in_one_line(error)}", party_of(stage))
        obstacle = Obstacle(f"batch {batch_id}", count, in_one_line(error), failed.fault, examples)
        leave_obstacles(stage, batch_id, [obstacle], "Why the stage stopped")
        raise failed from None


def in_one_line(error: Exception) -> str:
    """An error in one line: our own and those that are TELLING in their words, another by its kind and place.

    What is left out may hold values of orders: further lines of a database, and the words of what nobody foresaw.
    """
    if isinstance(error, PipelineError):
        words = str(error)
    elif isinstance(error, TELLING) and not isinstance(error, psycopg.DataError):
        words = f"{type(error).__name__}: {error}"
    else:
        words = f"{type(error).__name__} at {_place_of(error)}"
    return words.partition("\n")[0][:MOST_TOLD]


def _place_of(error: Exception) -> str:
    """The last line of our own code on the way to an error, `tasks.route:88`; else the last one there is."""
    places = [f"{frame.f_globals.get('__name__')}:{line}" for frame, line in walk_tb(error.__traceback__)]
    ours = [place for place in places if place.partition(".")[0] in OUR_ROOMS]
    return (ours or places or ["an unknown place"])[-1]


def _orders_of(batch_id: int) -> tuple[int | None, tuple[str, ...]]:
    """How many orders a batch carries, and some of their numbers; None when the pool cannot be asked."""
    with suppress(psycopg.Error, SetupError):
        count = batch_size(batch_id)
        with transaction() as conn:
            rows = conn.execute(
                """select o.order_no from order_state s join orders o on o.id = s.order_id
                   where s.batch_id = %s order by o.id limit %s""",
                (batch_id, EXAMPLES),
            ).fetchall()
        return count, tuple(row[0] for row in rows)
    return None, ()


def leave_obstacles(stage: str, of: str | int, obstacles: Sequence[Obstacle], description: str) -> None:
    """The table of a step that failed: a row per cause, and links to what the runbook says about it."""
    rows = [
        {
            "at": obstacle.at,
            "count": "" if obstacle.count is None else obstacle.count,
            "why": obstacle.why[:MOST_TOLD],
            "orders such as": ", ".join(obstacle.examples),
            "what to do": WISHES[obstacle.fault],
        }
        for obstacle in obstacles
    ]
    try:
        leave_table(stage, of, rows, with_runbook(description, [obstacle.fault for obstacle in obstacles]))
    except (httpx.HTTPError, PrefectException, OSError) as error:
        # the sentence is told by the run's state; without Prefect there is nobody to show a table to
        get_run_logger().warning("the table of %s was not left: %s", stage, type(error).__name__)


def with_runbook(description: str, faults: Iterable[Fault]) -> str:
    """A table's description followed by links to the runbook's sections about these faults."""
    addresses = {fault: runbook_address(fault) for fault in dict.fromkeys(faults)}
    links = [f"[runbook: {fault}]({address})" for fault, address in addresses.items() if address]
    return " - ".join([description, *links])


def leave_table(stage: str, of: str | int, rows: Sequence[dict[str, Any]], description: str) -> None:
    """A table artifact of what a stage did, held or failed, on the run's page; that of a batch leads to the console."""
    key = re.sub(r"[^a-z0-9]+", "-", f"{stage}-{of}".lower()).strip("-")
    told = f"{description} - {link}" if isinstance(of, int) and (link := batch_link(of)) else description
    create_table_artifact(key=key, table=list(rows)[:TABLE_ROWS], description=told)


def batch_link(batch_id: int) -> str:
    """A batch's page in the console as a link in Markdown, which Prefect shows; "" where the console is not known."""
    try:
        return f"[batch {batch_id} in the console]({settings().callback_base()}/console/batches/{batch_id})"
    except SetupError:
        return ""


def held_rows(batch_id: int) -> list[dict[str, Any]]:
    """The batch's open holds, one row each, by order number.

    No personal data is in them: what a person wrote to a hold is told by the console alone.
    """
    with transaction() as conn:
        rows = conn.execute(
            """select o.order_no, h.code, case when h.evidence ?& array['by', 'reason']
                      then 'a person placed it and wrote why' else h.sentence end from order_state s
               join hold h on h.order_id = s.order_id and h.released_at is null
               join orders o on o.id = s.order_id
               where s.batch_id = %s order by h.code, o.id limit %s""",
            (batch_id, TABLE_ROWS),
        ).fetchall()
    return [{"order": row[0], "hold": row[1], "why": row[2]} for row in rows]
