"""Data quality of a batch: the expectations of `models/rules/order_batch.yaml`, run by Great Expectations."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from models.errors import SetupError
from models.hold import HoldCode
from models.settings import settings

if TYPE_CHECKING:
    import pandas as pd

SUITE_FILE = Path(__file__).resolve().parent.parent / "models" / "rules" / "order_batch.yaml"
_KEYS = {"name", "type", "column", "arguments", "hold", "feed", "sentence"}


@dataclass(frozen=True, slots=True)
class Expected:
    """One expectation: what Great Expectations checks, and what a failure means for a row or the feed."""

    name: str
    type: str
    column: str
    arguments: dict[str, Any]
    hold: HoldCode | None
    feed: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class Unmet:
    """An expectation that orders failed: their ids (empty when it speaks of the batch as a whole) and how many."""

    expected: Expected
    order_ids: tuple[int, ...]
    count: int


@lru_cache(maxsize=1)
def suite() -> tuple[Expected, ...]:
    """The expectations, checked; raises SetupError naming the entry that is wrong."""
    entries = yaml.safe_load(SUITE_FILE.read_text(encoding="utf-8"))["expectations"]
    return tuple(_read(entry) for entry in entries)


def _read(entry: dict[str, Any]) -> Expected:
    unknown = set(entry) - _KEYS
    if unknown:
        raise SetupError(f"{SUITE_FILE.name}: {entry.get('name')}: unknown key {sorted(unknown)[0]}")
    arguments = {
        key: getattr(settings(), value[1:]) if isinstance(value, str) and value.startswith("$") else value
        for key, value in entry["arguments"].items()
    }
    return Expected(
        entry["name"],
        entry["type"],
        entry["column"],
        arguments,
        HoldCode(entry["hold"]) if "hold" in entry else None,
        bool(entry.get("feed", False)),
        entry["sentence"],
    )


def unmet_expectations(frame: "pd.DataFrame") -> list[Unmet]:
    """Run the suite over a batch with one row per order (columns as the suite names them, and `order_id`)."""
    # takes seconds to import, so only when there is a batch to check
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
    checks = suite()
    expectations = [
        getattr(gx.expectations, check.type)(column=check.column, meta={"index": index}, **check.arguments)
        for index, check in enumerate(checks)
    ]
    definition = (
        context.data_sources.add_pandas("pool").add_dataframe_asset("batch").add_batch_definition_whole_dataframe("all")
    )
    validation = gx.ValidationDefinition(
        name="order batch", data=definition, suite=gx.ExpectationSuite(name="order batch", expectations=expectations)
    )
    context.suites.add(validation.suite)
    context.validation_definitions.add(validation)
    outcome = validation.run(
        batch_parameters={"dataframe": frame},
        result_format={"result_format": "COMPLETE", "unexpected_index_column_names": ["order_id"]},
    )
    unmet = []
    for result in outcome.results:
        if not result.success and result.expectation_config and result.expectation_config.meta:
            unmet.append(_unmet(checks[result.expectation_config.meta["index"]], result.result, len(frame)))
    return unmet


def _unmet(expected: Expected, result: dict[str, Any], rows: int) -> Unmet:
    found: Sequence[dict[str, Any]] | None = result.get("unexpected_index_list")
    if found is None:
        return Unmet(expected, (), rows)
    return Unmet(expected, tuple(int(row["order_id"]) for row in found), len(found))
