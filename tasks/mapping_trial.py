"""Trying a mapping on sample payloads: what each field becomes, from where, and everything that stands in the way.

It needs no pool and no platform.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from connectors.channels.file import RejectedRow, read_file
from connectors.mapping import Mapping, MappingError
from connectors.mapping import load_mapping as load
from connectors.paths import list_at
from connectors.reading_differences import named_fields, personal_fields, shown_value, values_of
from connectors.reading_trace import used_paths
from connectors.registry import CHANNELS
from models.errors import SetupError
from models.incoming import IncomingOrder, PayState

DERIVED: Final = {
    "order.external_id": "order.order_no",
    "order.modified_at": "order.paid_at, else order.created_at",
    "order.goods_fen": "order.total_fen - order.freight_fen + order.discount_fen",
    "order.paid_fen": "0 when unpaid, else order.total_fen - order.cod_fen",
    "line.line_no": "its position",
    "line.unit_price_fen": "line.paid_fen / line.quantity",
}
"""What a field is when its mapping leaves it out, or its paths are empty."""

SHARED: Final = "a share of the order's goods, by line.unit_price_fen"

_LINE_FAULT = re.compile(r"^lines\[\d+\]\.")


@dataclass(frozen=True, slots=True)
class FieldPlan:
    """How a mapping fills a field: the paths it looks at, or, where there are none, what it always is."""

    name: str
    paths: tuple[str, ...]
    otherwise: str


@dataclass(frozen=True, slots=True)
class Cell:
    """A field of one order (`line` from 1, 0 outside of lines): the paths it came from and its value, fit to show."""

    field: str
    line: int
    paths: tuple[str, ...]
    value: str


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of one payload; `place` is where it stands in its file."""

    place: str
    order_no: str
    cells: tuple[Cell, ...]
    faults: tuple[str, ...]
    fault_fields: tuple[str, ...]
    ready: str  # whether it may be shipped, in words; "" when it cannot be read


@dataclass(slots=True)
class TrialCount:
    """Payloads read and not read, and how many of the latter each field is at fault for."""

    readable: int = 0
    unreadable: int = 0
    faults: Counter[str] = field(default_factory=Counter)

    def add(self, trial: Trial) -> None:
        """Count one payload."""
        if not trial.faults:
            self.readable += 1
            return
        self.unreadable += 1
        self.faults.update(set(trial.fault_fields))


def load_mapping(path: Path, channel: str = "") -> Mapping:
    """Read and check a mapping, as shops of `channel` would be read with it ("": of none in particular).

    Raises SetupError naming the file and the first thing that is wrong with it, or the channel it cannot serve.
    """
    mapping = load(path)
    if not channel:
        return mapping
    if channel not in CHANNELS:
        raise SetupError(f"mapping {path}: there is no channel {channel}; there are {', '.join(sorted(CHANNELS))}")
    check_fits(mapping, channel)
    return mapping.gated(CHANNELS[channel].ready_to_ship)


def check_fits(mapping: Mapping, channel: str) -> None:
    """Raise SetupError when orders of the channel cannot be read with this kind of mapping."""
    pulls = CHANNELS[channel].capabilities.pulls
    if pulls and mapping.file is not None:
        raise SetupError(
            f"mapping {mapping.name}: cannot read {channel}: it has a file section, and {channel} is an API"
        )
    if not pulls and mapping.file is None:
        raise SetupError(f"mapping {mapping.name}: cannot read {channel}: it has no file section")


def plan(mapping: Mapping) -> list[FieldPlan]:
    """Every field of the mapping and how it is filled."""
    shared = mapping.reader.shared
    return [
        FieldPlan(
            name,
            tuple(dict.fromkeys(place + path for group in made.paths for path in group)),
            "" if made.paths else _constant(name, made.read({}), shared),
        )
        for name, place, made in named_fields(mapping)
    ]


def _constant(name: str, value: Any, shared: bool) -> str:
    if shared and name == "line.paid_fen":
        return SHARED
    if value is None and name in DERIVED:
        return DERIVED[name]
    return shown_value(name, value, frozenset())


def try_file(mapping: Mapping, path: Path) -> Iterator[Trial]:
    """Try every payload of a sample: JSON (an object, a list or one per line), or a file the mapping describes.

    Raises SetupError or FeedError when the sample cannot be read at all.
    """
    personal = personal_fields(mapping)
    for place, payload in _samples(mapping, path):
        if isinstance(payload, RejectedRow):
            yield Trial(place, payload.order_no or "?", (), (f"row: {payload.reason}",), ("row",), "")
        else:
            yield _tried(mapping, place, payload, personal)


def _samples(mapping: Mapping, path: Path) -> Iterator[tuple[str, Any]]:
    if mapping.file is None:
        yield from ((f"payload {number}", payload) for number, payload in enumerate(json_payloads(path), 1))
        return
    for row in read_file(path, mapping):
        yield f"line {row.line}", row if isinstance(row, RejectedRow) else row.payload


def json_payloads(path: Path) -> list[Any]:
    """The payloads in a JSON file: an object is one, a list holds one each, and so does every line of JSON lines.

    Raises SetupError naming the file and the obstacle; nothing of its content is repeated.
    """
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(f"sample {path}: cannot be read: {getattr(error, 'strerror', '') or 'is no UTF-8'}") from error
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError) as error:
        whole = _json_lines(path, text, error)
    found = whole if isinstance(whole, list) else [whole]
    if not found:
        raise SetupError(f"sample {path}: holds no payload")
    return found


def _json_lines(path: Path, text: str, as_a_whole: Exception) -> list[Any]:
    found: list[Any] = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            found += [json.loads(line)] if line.strip() else []
        except (ValueError, RecursionError) as error:
            # when not even the first line stands alone, one document was meant
            at, fault = (number, error) if found else (getattr(as_a_whole, "lineno", 1), as_a_whole)
            obstacle = fault.msg if isinstance(fault, json.JSONDecodeError) else "it is nested too deep"
            raise SetupError(f"sample {path}: is neither JSON nor JSON lines: line {at}: {obstacle}") from error
    return found


def _tried(mapping: Mapping, place: str, payload: Any, personal: frozenset[str]) -> Trial:
    try:
        order = mapping.read(payload)
    except MappingError as error:
        return Trial(place, error.order, (), tuple(str(fault) for fault in error.faults), fault_fields(error), "")
    cells = tuple(_cells(mapping, payload, order, personal))
    return Trial(place, order.order_no, cells, (), (), _readiness(mapping, order))


def fault_fields(error: MappingError) -> tuple[str, ...]:
    """The fields that are at fault, those of lines without the number of the line."""
    return tuple(_LINE_FAULT.sub("line.", fault.field) for fault in error.faults)


def _cells(mapping: Mapping, payload: dict[str, Any], order: IncomingOrder, personal: frozenset[str]) -> Iterator[Cell]:
    fields = {name: (place, made) for name, place, made in named_fields(mapping)}
    elements: Sequence[dict[str, Any]] = list_at(mapping.reader.lines_path)(payload) if order.lines else ()
    for name, line, value in values_of(order):
        place, made = fields.get(name, ("", None))
        used = used_paths(made, elements[line - 1] if line else payload) if made else []
        yield Cell(name, line, tuple(place + path for path in used), shown_value(name, value, personal))


def _readiness(mapping: Mapping, order: IncomingOrder) -> str:
    if order.pay_state is PayState.READY:
        return "yes" if mapping.reader.gate is not None else "yes, by its status"
    why = f": {order.not_ready}" if order.not_ready else ""
    return f"no, it is {order.pay_state.value.replace('_', ' ')}{why}"
