"""What warehouses report of goods that came back: inspected there, line by line, good or not."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from connectors.converters import BadValue, whole
from models.database import Connection
from models.errors import SetupError
from models.order import Cause
from models.rules.returns import Verdict
from tasks.confirm import Outcome, Report, happened_at
from tasks.return_rows import return_id_of
from tasks.return_verdicts import verdicts_by_sku
from tasks.returns import inspect

INSPECTED: Final = "return.inspected"

VERDICTS: Final[Mapping[str, str]] = {"GOOD": "good", "DEFECT": "defect", "WRONG": "wrong", "EMPTY": "empty"}
"""What a warehouse says of units, as we call it."""

_MOST_LINES: Final = 1_000


class _Unusable(Exception):
    """A report that cannot be used, in words for its note."""


def is_return_report(envelope: Mapping[str, Any]) -> bool:
    """Whether an envelope is about goods that came back."""
    return envelope.get("type") == INSPECTED


def apply_return_reports(conn: Connection, reports: Sequence[Report], why: Cause) -> dict[int, Outcome]:
    """Inspect the returns that warehouses report on; a report that cannot be true is ignored and says why.

    A return is known by `return_no`, or by the `waybill` under which it came. To be called before the transaction
    took orders or stock.
    """
    outcomes: dict[int, Outcome] = {}
    for inbox_id, warehouse, envelope in reports:
        try:
            # what one report changed before it was found wrong is taken back
            with conn.transaction():
                _apply(conn, warehouse, envelope, why)
        except (_Unusable, SetupError) as error:
            outcomes[inbox_id] = Outcome(str(error))
        else:
            outcomes[inbox_id] = Outcome()
    return outcomes


def _apply(conn: Connection, warehouse: str, envelope: Mapping[str, Any], why: Cause) -> None:
    data = envelope.get("data")
    said: Mapping[str, Any] = data if isinstance(data, Mapping) else {}
    code = str(said.get("return_no") or said.get("waybill") or "")[:64]
    if not code:
        raise _Unusable("it names neither a return_no nor a waybill")
    return_id = return_id_of(conn, code)
    verdicts = verdicts_by_sku(conn, return_id, _verdicts(said.get("lines")))
    at = min(happened_at(envelope, why.at), why.at)
    inspect(conn, return_id, verdicts, why, warehouse=warehouse, at=at)


def _verdicts(lines: object) -> dict[str, Verdict]:
    if not isinstance(lines, list) or not 0 < len(lines) <= _MOST_LINES:
        raise _Unusable("it has no lines")
    found: dict[str, Verdict] = {}
    for line in lines:
        kind = VERDICTS.get(str(line.get("verdict") or "GOOD")) if isinstance(line, Mapping) else None
        if kind is None or not line.get("sku"):
            raise _Unusable(f"a line of it has no sku, or no verdict of {', '.join(VERDICTS)}")
        try:
            units = whole(line.get("qty"))
        except BadValue as error:
            raise _Unusable(f"the qty of {str(line['sku'])[:64]} {error.why}") from error
        sku = str(line["sku"])
        before = found.get(sku, Verdict())
        found[sku] = before._replace(**{kind: getattr(before, kind) + units})
    return found
