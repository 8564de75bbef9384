"""backfill: the two steps of the run that is asked for it: writing the wish down, and having its windows read."""

from datetime import datetime

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.runtime import flow_run

from models.errors import StepFailed
from models.rules.faults import Fault
from models.settings import SHANGHAI, clock
from tasks.backfill import checked_wish, give_to, note_end, of_run, read_backfill, register
from tasks.backfill_board import Board
from tasks.backfill_meter import Meter
from tasks.backfill_progress import Problem, Progress
from tasks.backfill_runs import PrefectWindows
from tasks.runs import Obstacle, cause, in_plain_words, leave_obstacles, step_failed

STEP = "backfill"
NAMED = 3
"""How many windows that did not finish a sentence names."""


@task(persist_result=True, task_run_name="plan · {shop}", tags=["stage:backfill"])
def plan_backfill(shop: str, since: datetime, until: datetime, window_minutes: int, at_once: int, again: str) -> int:
    """Check the wish and write it down with its windows, or find it; gives its number."""
    with in_plain_words(STEP, "windows"):
        mine = of_run(str(flow_run.get_id()))
        if mine is None:
            mine = register(checked_wish(shop, since, until, window_minutes, at_once, again), cause(STEP))[0].id
        return mine


@task(
    cache_policy=NO_CACHE,  # a Retry reads what is still open
    task_run_name="read windows · backfill {backfill_id}",
    tags=["stage:backfill"],
)
def read_windows(backfill_id: int) -> str:
    """Have every open window read by a run of its own; gives the totals. Raises StepFailed naming those that are left.

    The backfill is this run's from now on: another one that was asked for the same meanwhile is told that it is busy.
    The number of windows under way is that of the backfill's row, which the same command asked again may change.
    """
    with in_plain_words(STEP, "windows"), get_client(sync_client=True) as prefect:
        run_id = str(flow_run.get_id())
        give_to(backfill_id, run_id)
        board = Board(backfill_id, prefect)
        runs = PrefectWindows(prefect, run_id)
        Meter(runs, read_backfill(backfill_id).at_once, board.show).read(backfill_id)
        board.show()
        total = board.total()
        if not note_end(backfill_id, clock().now()):
            problems = board.problems()
            obstacles = [Obstacle(f"{it.shop} {_span(it)}", None, it.why, Fault.WINDOWS_OPEN) for it in problems]
            leave_obstacles(STEP, f"{backfill_id}-windows", obstacles, "Windows that did not finish, and why")
            raise step_failed(unfinished(total, problems), Fault.WINDOWS_OPEN)
        return f"{total}, {total.open_batches} batches not through"


def unfinished(total: Progress, problems: list[Problem]) -> str:
    """How many windows are left, with the first of them and why: `backfill: 3 of 96 windows not finished: ...`."""
    named = "; ".join(f"{problem.shop} {_span(problem)}: {_short(problem.why)}" for problem in problems[:NAMED])
    more = f" (+ {len(problems) - NAMED} more)" if len(problems) > NAMED else ""
    return f"{STEP}: {total.windows - total.done:,} of {total.windows:,} windows not finished: {named}{more}"


def busy_with(backfill_id: int) -> StepFailed:
    """What stops a run whose backfill another run is busy with, and a table that says so."""
    why = f"another run reads backfill {backfill_id}"
    obstacle = Obstacle(f"backfill {backfill_id}", None, why, Fault.ANOTHER_RUN)
    leave_obstacles(STEP, "busy", [obstacle], "Why nothing was read")
    return StepFailed(f"{STEP}: 0 windows read; {why}", Fault.ANOTHER_RUN)


def _span(problem: Problem) -> str:
    first, last = problem.since.astimezone(SHANGHAI), problem.until.astimezone(SHANGHAI)
    return f"{first:%m-%d %H:%M}-{last:%H:%M}"


def _short(why: str) -> str:
    # what to do about it stands in the run of the window
    return why.partition(". What to do:")[0][:200]
