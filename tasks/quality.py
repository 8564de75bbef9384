"""Data quality of a batch: the suite run by Great Expectations, judged by its limits, kept and told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from models.database import Connection, one
from models.errors import FeedError, PipelineError
from models.hold import Finding
from models.order import Cause
from models.quality import Verdict
from tasks.batches import BatchRow
from tasks.quality_frame import LASTING, frame_of
from tasks.quality_suite import Expected, suite

if TYPE_CHECKING:
    import pandas as pd

_WHICH_ORDERS = {"result_format": "COMPLETE", "unexpected_index_column_names": ["order_id", "order_no"]}

EXAMPLES = 3
"""How many order numbers are kept of each expectation that orders failed."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an expectation: the orders that failed it (none by id where it speaks of the whole batch).

    `values` are what was found of them, by id, where that lasts as long as the order stays as it is.
    """

    expected: Expected
    order_ids: tuple[int, ...]
    count: int
    rows: int
    examples: tuple[str, ...] = ()
    values: Mapping[int, float] = field(default_factory=dict)

    @property
    def is_over(self) -> bool:
        """Whether so many orders failed it that the whole batch is wrong."""
        limit = self.expected.limit
        return limit is not None and self.count > 0 and limit.is_reached(self.count, self.rows)

    @property
    def sentence(self) -> str:
        """Count, obstacle, expectation, limit and examples, for people."""
        of = f"{self.count} of {self.rows} orders{':' if self.expected.type else ''}"
        named = f"{of} {self.expected.sentence} ({self.expected.name})"
        limit = f", limit {percent(self.expected.limit.share)}" if self.expected.limit else ""
        return named + limit + (f"; e.g. {', '.join(self.examples)}" if self.examples else "")


@dataclass(frozen=True, slots=True)
class BatchCheck:
    """One run of the suite over the orders of a batch that enter validate; `result` is Great Expectations' own."""

    batch: BatchRow
    rows: int
    outcomes: tuple[Outcome, ...]
    why: Cause
    result: Any = field(default=None, repr=False, compare=False)

    @property
    def over(self) -> list[Outcome]:
        """What reached its limit."""
        return [outcome for outcome in self.outcomes if outcome.is_over]

    @property
    def unmet(self) -> list[Outcome]:
        """What at least one order failed."""
        return [outcome for outcome in self.outcomes if outcome.count]

    @property
    def verdict(self) -> Verdict:
        """What follows for the batch."""
        if not self.over:
            return Verdict.PASSED
        return Verdict.ACCEPTED if self.batch.accepted else Verdict.FAILED


class UnfitBatch(FeedError):
    """A batch that nobody has accepted failed expectations by so many orders that it stays put."""

    def __init__(self, check: BatchCheck) -> None:
        super().__init__("; ".join(outcome.sentence for outcome in check.over))
        self.check = check


def percent(share: float) -> str:
    """A share for people: 5 %, 0.4 %."""
    return f"{share * 100:.2g} %" if share < 0.0995 else f"{share * 100:.0f} %"


def check_batch(conn: Connection, batch: BatchRow, order_ids: Sequence[int], why: Cause) -> BatchCheck:
    """Run the suite over these orders of a batch.

    Raises UnfitBatch when too many of them fail and nobody has accepted the batch.
    """
    rows, result = 0, None
    outcomes = [_readable(conn, batch)]
    if order_ids:
        frame = frame_of(conn, order_ids, why.at)
        rows = len(frame)
        if rows:
            wanted = [
                expected for expected in suite().expectations if expected.is_for(batch.channel, rows, batch.window_s)
            ]
            result = run(frame, wanted, batch, why)
            outcomes += _outcomes(wanted, result, frame)
    check = BatchCheck(batch, rows, tuple(outcomes), why, result)
    if check.verdict is Verdict.FAILED:
        raise UnfitBatch(check)
    return check


def _readable(conn: Connection, batch: BatchRow) -> Outcome:
    """How many of all orders that came with the batch wait in quarantine."""
    if not batch.rejected:
        return Outcome(suite().readable, (), 0, 0)
    carried = int(one(conn.execute("select count(*) from order_state where batch_id = %s", (batch.id,)).fetchone()))
    ids = conn.execute(
        "select external_id from quarantined_order where batch_id = %s and released_at is null order by id limit %s",
        (batch.id, EXAMPLES),
    ).fetchall()
    return Outcome(suite().readable, (), batch.rejected, carried + batch.rejected, tuple(row[0][:64] for row in ids))


def run(frame: "pd.DataFrame", wanted: Sequence[Expected], batch: BatchRow, why: Cause) -> Any:
    """Great Expectations' validation result of the frame."""
    # takes seconds to load, so only when there is something to check
    import great_expectations as gx

    source = ephemeral().data_sources.add_pandas(batch.shop_code)
    definition = source.add_dataframe_asset(f"batch {batch.id}").add_batch_definition_whole_dataframe("all orders")
    expectations = [
        getattr(gx.expectations, expected.type)(
            column=expected.column,
            meta={"index": index},
            description=f"{expected.name}: {expected.column} {_in_words(expected.arguments)}",
            **expected.arguments,
        )
        for index, expected in enumerate(wanted)
    ]
    orders, title = definition.get_batch({"dataframe": frame}), f"orders of {batch.channel}"
    # which orders fail is asked only of expectations that are not met: that takes as long again as whether they are
    result = orders.validate(gx.ExpectationSuite(name=title, expectations=expectations), result_format="BOOLEAN_ONLY")
    unmet = [number for number, told in enumerate(result.results) if not told.success]
    if unmet:
        asked = [expectations[result.results[number].expectation_config.meta["index"]] for number in unmet]
        whole = orders.validate(gx.ExpectationSuite(name=title, expectations=asked), result_format=_WHICH_ORDERS)
        found = {told.expectation_config.meta["index"]: told for told in whole.results}
        for number in unmet:
            result.results[number] = found[result.results[number].expectation_config.meta["index"]]
    # its pages show when it ran
    result.meta["run_id"] = {"run_name": why.flow_run_id or why.actor, "run_time": why.at.isoformat()}
    return result


def _in_words(arguments: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in arguments.items()) or "unique"


def ephemeral() -> Any:
    """A Great Expectations context that leaves nothing behind."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    # the default context leaves a temporary folder behind at every run
    plain = DataContextConfig(store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False))
    context = gx.get_context(mode="ephemeral", project_config=plain)
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    return context


def _outcomes(wanted: Sequence[Expected], result: Any, frame: "pd.DataFrame") -> list[Outcome]:
    numbers = dict(zip(frame["order_id"], frame["order_no"], strict=True))
    found = {one.expectation_config.meta["index"]: one for one in result.results}
    return [_outcome(expected, found[index], numbers) for index, expected in enumerate(wanted)]


def _outcome(expected: Expected, result: Any, numbers: Mapping[int, str]) -> Outcome:
    rows = len(numbers)
    if result.success:
        return Outcome(expected, (), 0, rows)
    if expected.of_batch:
        return Outcome(expected, (), rows, rows, tuple(list(numbers.values())[:EXAMPLES]))
    unexpected = result.result.get("unexpected_index_list", ())
    ids = sorted(int(row["order_id"]) for row in unexpected)
    if not ids:
        raise PipelineError(f"{expected.name}: could not be checked: {_obstacle(result)}")
    lasting = unexpected if expected.column in LASTING else ()
    values = {int(row["order_id"]): float(row[expected.column]) for row in lasting}
    return Outcome(
        expected, tuple(ids), len(ids), rows, tuple(numbers[order_id] for order_id in ids[:EXAMPLES]), values
    )


def _obstacle(result: Any) -> str:
    messages = [info.get("exception_message", "") for info in (result.exception_info or {}).values() if info]
    return next((message for message in messages if message), "no reason given")


def row_findings(check: BatchCheck) -> list[tuple[int, Finding]]:
    """A hold's finding for each order that failed an expectation which holds it."""
    return [
        (order_id, Finding(outcome.expected.hold, outcome.expected.sentence, _evidence(outcome, order_id)))
        for outcome in check.unmet
        if outcome.expected.hold is not None
        for order_id in outcome.order_ids
    ]


def _evidence(outcome: Outcome, order_id: int) -> dict[str, Any]:
    found = outcome.values.get(order_id)
    return {"expectation": outcome.expected.name} | ({} if found is None else {"found": found})


def record_check(conn: Connection, check: BatchCheck) -> None:
    """Keep what the last run of the suite over the batch found; a batch without orders to check keeps what is there.

    What was found against the batch before is over once it passes; of an accepted batch it stays on record.
    """
    if check.verdict is Verdict.PASSED:
        conn.execute(
            """update batch set feed_findings = null
               where id = %s and accepted_at is null and feed_findings is not null""",
            (check.batch.id,),
        )
    if not check.rows and not check.over:
        return
    conn.execute(
        """insert into quality_check
             (batch_id, shop_id, rows, unmet, failing, verdict, suite, flow_run_id, checked_at)
           values (%s, %s, %s, %s, %s, %s, %s, %s, %s)
           on conflict (batch_id) do update set rows = excluded.rows, unmet = excluded.unmet,
             failing = excluded.failing, verdict = excluded.verdict, suite = excluded.suite,
             flow_run_id = excluded.flow_run_id, checked_at = excluded.checked_at
           where quality_check.checked_at <= excluded.checked_at""",
        (
            check.batch.id,
            check.batch.shop_id,
            check.rows,
            Jsonb({o.expected.name: _kept(o) for o in check.unmet}),
            Jsonb([o.expected.name for o in check.over]),
            check.verdict.value,
            suite().digest,
            check.why.flow_run_id,
            check.why.at,
        ),
    )


def _kept(outcome: Outcome) -> dict[str, Any]:
    return {"failed": outcome.count, "rows": outcome.rows, "examples": list(outcome.examples)}


def record_failure(conn: Connection, batch_id: int, error: FeedError) -> None:
    """Keep what is wrong with the batch, for those who look at it without Prefect."""
    conn.execute("update batch set feed_findings = %s where id = %s", (Jsonb([str(error)]), batch_id))
    if isinstance(error, UnfitBatch):
        record_check(conn, error.check)


def table_of(check: BatchCheck) -> list[dict[str, Any]]:
    """Every expectation with what became of it, for the run's page: what stopped the batch, then what was unmet."""
    ordered = sorted(check.outcomes, key=lambda o: (not o.is_over, -o.count))
    return [
        {
            "expectation": outcome.expected.name,
            "failed": f"{outcome.count:,} of {outcome.rows:,}",
            "share": percent(outcome.count / outcome.rows) if outcome.rows else "",
            "limit": _limit_in_words(outcome.expected),
            "verdict": _verdict(outcome, accepted=check.batch.accepted),
            "examples": ", ".join(outcome.examples),
        }
        for outcome in ordered
    ]


def _limit_in_words(expected: Expected) -> str:
    limit = expected.limit
    return f"{percent(limit.share)}, from {limit.rows} orders on" if limit else "none: holds single orders"


def _verdict(outcome: Outcome, *, accepted: bool) -> str:
    if not outcome.count:
        return "met"
    if outcome.is_over:
        return "over its limit, accepted" if accepted else "over its limit: the batch stays put"
    return f"unmet: held as {outcome.expected.hold}" if outcome.expected.hold else "unmet, below its limit"
