"""validate: check a batch's data quality, review each order, hold the doubtful ones."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from prefect import task

from models.database import Connection, transaction
from models.errors import FeedError, StepFailed
from models.hold import Finding, HoldCode, in_one, place_holds, release_holds
from models.incoming import PayState
from models.order import Cause, Stage, advance, write_events
from models.rules.faults import Fault
from models.rules.purposes import Purpose
from models.rules.review import review
from models.rules.review_rules import ReviewRules
from models.rules.reviewed import Reviewed
from tasks.batches import keep_in_sight, orders_in, take_batch, title
from tasks.openings import note_opening
from tasks.quality import BatchCheck, UnfitBatch, check_batch, record_check, record_failure, row_findings, table_of
from tasks.quality_docs import leave_docs
from tasks.replay import replay_batch
from tasks.review_again import decided_by_people, is_decided
from tasks.review_facts import load_reviewed, needs_of
from tasks.review_history import same_numbers
from tasks.review_receivers import settle_receivers
from tasks.route import without_holds
from tasks.rules_in_force import rules_to_review_by
from tasks.runs import Obstacle, cause, held_rows, is_retry, leave_obstacles, leave_table, stage_of, step_failed
from tasks.split_orders import settle_splits


@dataclass(frozen=True, slots=True)
class ValidateCount:
    """Orders without a hold, orders held, orders the platform had closed already."""

    accepted: int
    held: int
    cancelled: int


def validate_batch(conn: Connection, batch_id: int, why: Cause) -> ValidateCount:
    """Review the batch's ingested orders and move them on, with a hold for each reason to doubt; see `take_through`."""
    return take_through(conn, batch_id, why)[0]


def take_through(conn: Connection, batch_id: int, why: Cause) -> tuple[ValidateCount, BatchCheck]:
    """Review the batch's ingested orders and move them on; the counts, and what the check of their quality found.

    Safe to repeat: orders already validated are not looked at. One transaction. Raises FeedError and
    moves none when the batch as a whole is wrong and nobody has accepted it. Orders that the platform split give way
    to their children first. What is written names the version of the review rules in force.
    """
    batch = take_batch(conn, batch_id)
    settle_splits(conn, batch_id, why)
    ids = orders_in(conn, batch_id, Stage.INGESTED)
    if ids:
        keep_in_sight(conn, batch, why.at)
    _look_up_skus(conn, ids)
    note_opening(conn, Purpose.REVIEW, why.actor, why.at, ids, detail={"batch": batch_id})
    settle_receivers(conn, ids)
    rules = rules_to_review_by(conn)
    why = replace(why, rule_version=rules.version)
    orders = load_reviewed(conn, ids, needs_of(rules), why.at, same_numbers(conn, batch.channel, ids))
    closed = [order.id for order in orders if order.pay_state is PayState.CANCELLED]
    live = [order for order in orders if order.pay_state is not PayState.CANCELLED]
    check = check_batch(conn, batch, [order.id for order in live], why)
    record_check(conn, check)
    place_holds(conn, _undecided(conn, [*row_findings(check), *_review(live, rules)]), why)
    if closed:
        release_holds(conn, closed, list(HoldCode), why)
    advance(conn, closed, Stage.CANCELLED, why)
    advance(conn, [order.id for order in live], Stage.VALIDATED, why)
    accepted = without_holds(conn, [order.id for order in live])
    write_events(conn, accepted, "accepted", why)
    return ValidateCount(len(accepted), len(live) - len(accepted), len(closed)), check


def record_feed_finding(batch_id: int, error: FeedError) -> None:
    """Keep what is wrong with the batch on its row, for those who look at it without Prefect."""
    with transaction() as conn:
        record_failure(conn, batch_id, error)


def _tell_quality(check: BatchCheck) -> None:
    """Leave what the check found where people look: on the run's page, and as pages of Great Expectations."""
    if check.rows or check.over:
        leave_table("quality", check.batch.id, table_of(check), f"Data quality of {check.rows:,} orders")
        leave_docs(check)


def _stays_put(batch_id: int, error: FeedError) -> StepFailed:
    over = error.check.over if isinstance(error, UnfitBatch) else []
    obstacles = [
        Obstacle(f"batch {batch_id}", outcome.count, outcome.sentence, Fault.FEED_WRONG, outcome.examples)
        for outcome in over
    ] or [Obstacle(f"batch {batch_id}", None, str(error), Fault.FEED_WRONG)]
    leave_obstacles("validate", batch_id, obstacles, "Why the batch stays put")
    return step_failed(f"validate: {error} (batch {batch_id})", Fault.FEED_WRONG)


def _look_up_skus(conn: Connection, order_ids: Sequence[int]) -> None:
    # a code that was unknown when the order came may have been imported since
    conn.execute(
        """update order_line l set sku_id = s.id from sku s
           where l.order_id = any(%s) and l.sku_id is null and s.code = l.sku_code""",
        (list(order_ids),),
    )


def _review(orders: Sequence[Reviewed], rules: ReviewRules) -> list[tuple[int, Finding]]:
    return [(order.id, finding) for order in orders for finding in review(order, rules)]


def _undecided(conn: Connection, findings: Sequence[tuple[int, Finding]]) -> list[tuple[int, Finding]]:
    """The findings but for those that a person has released the same order from, those of one code in one."""
    decided = decided_by_people(conn, sorted({order_id for order_id, _ in findings}))
    left: dict[tuple[int, HoldCode], list[Finding]] = {}
    for order_id, finding in findings:
        if not is_decided(finding, decided.get(order_id, ())):
            left.setdefault((order_id, finding.code), []).append(finding)
    return [(order_id, in_one(found)) for (order_id, _), found in left.items()]


@task(persist_result=True, task_run_name=title("validate"), tags=["stage:validate"])
def validate(batch_id: int) -> ValidateCount:
    """The validate stage of a run."""
    with stage_of("validate", batch_id):
        try:
            if is_retry():
                with transaction() as conn:
                    replay_batch(conn, batch_id, cause("validate"))
            with transaction() as conn:
                count, check = take_through(conn, batch_id, cause("validate"))
        except FeedError as error:
            record_feed_finding(batch_id, error)
            if isinstance(error, UnfitBatch):
                _tell_quality(error.check)
            raise _stays_put(batch_id, error) from error
        _tell_quality(check)
        leave_table(
            "validate",
            batch_id,
            held_rows(batch_id),
            f"{count.accepted} accepted, {count.held} held, {count.cancelled} closed by the shop",
        )
    return count
