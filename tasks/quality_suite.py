"""The expectations of `models/rules/order_batch.yaml`, read strictly."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from numbers import Real
from pathlib import Path
from typing import Any, Final, NoReturn

import yaml

from connectors.registry import CHANNELS
from models.errors import SetupError
from models.hold import HoldCode
from models.settings import settings
from tasks.quality_frame import COLUMNS

SUITE_FILE = Path(__file__).resolve().parent.parent / "models" / "rules" / "order_batch.yaml"

_ROUNDING: Final = 1e-9
_BOUNDS: Final = frozenset({"min_value", "max_value"})
_OF_ROWS: Final[Mapping[str, frozenset[str]]] = {
    "ExpectColumnValuesToMatchRegex": frozenset({"regex"}),
    "ExpectColumnValuesToBeBetween": _BOUNDS,
    "ExpectColumnValuesToBeInSet": frozenset({"value_set"}),
    "ExpectColumnValuesToNotBeInSet": frozenset({"value_set"}),
    "ExpectColumnValuesToBeUnique": frozenset(),
}
_OF_BATCHES: Final[Mapping[str, frozenset[str]]] = {"ExpectColumnUniqueValueCountToBeBetween": _BOUNDS}
_NEEDED: Final = ("name", "type", "column", "sentence")
_KEYS: Final = frozenset({*_NEEDED, "arguments", "hold", "feed", "channels", "window_s"})
_READABLE_KEYS: Final = frozenset({"name", "feed", "sentence"})


@dataclass(frozen=True, slots=True)
class Limit:
    """From how many orders on, and from which share of them on, the whole batch is wrong; both must be reached."""

    rows: int
    share: float

    def is_reached(self, count: int, rows: int) -> bool:
        """Whether so many of these orders are too many."""
        return count >= self.rows and count >= self.share * rows - _ROUNDING


@dataclass(frozen=True, slots=True)
class Expected:
    """One expectation: what Great Expectations checks, and what a failure means for a row or the feed.

    `type` is "" for what is found out before there is a batch to check.
    """

    name: str
    type: str
    column: str
    arguments: dict[str, Any]
    hold: HoldCode | None
    limit: Limit | None
    channels: frozenset[str]
    sentence: str
    window_s: float = 0

    @property
    def of_batch(self) -> bool:
        """Whether it speaks of the batch as a whole, not of single orders."""
        return self.type in _OF_BATCHES

    def is_for(self, channel: str, rows: int, window_s: float | None) -> bool:
        """Whether it is checked in a batch of so many orders of a channel, read of a window of so many seconds, if any.

        One that speaks of the whole batch needs as many orders as its limit does: two of them say nothing.
        """
        if window_s is not None and window_s < self.window_s:
            return False
        large_enough = not self.of_batch or self.limit is None or rows >= self.limit.rows
        return channel in self.channels and large_enough


@dataclass(frozen=True, slots=True)
class Suite:
    """All expectations with the digest of their definitions; `readable` is the one about quarantined orders."""

    readable: Expected
    expectations: tuple[Expected, ...]
    digest: str

    def of_channel(self, channel: str) -> list[Expected]:
        """What is expected of a channel's batches, the readable one first."""
        return [self.readable, *(expected for expected in self.expectations if channel in expected.channels)]


@lru_cache(maxsize=1)
def suite() -> Suite:
    """The suite in force, read once per process; raises SetupError naming the entry that is wrong."""
    return read_suite(SUITE_FILE)


def read_suite(path: Path) -> Suite:
    """Read a suite file; raises SetupError naming file, entry, wish and obstacle."""
    text = path.read_text(encoding="utf-8")
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SetupError(f"{path.name}: is no YAML: {str(error).splitlines()[0]}") from error
    if not isinstance(content, dict) or set(content) != {"version", "readable", "expectations"}:
        raise SetupError(f"{path.name}: wants version, readable and expectations, and nothing else")
    if not isinstance(content["version"], int) or not isinstance(content["expectations"], list):
        raise SetupError(f"{path.name}: wants a whole number as version and a list of expectations")
    readable = _Entry(path.name, "readable", content["readable"])
    expectations = [_Entry(path.name, f"entry {n}", given) for n, given in enumerate(content["expectations"], 1)]
    found = [readable.as_readable(), *(entry.as_expected() for entry in expectations)]
    names = [expected.name for expected in found]
    for name in names:
        if names.count(name) > 1:
            raise SetupError(f"{path.name}: {name}: two entries have this name")
    effective = text + "".join(f"{expected.limit}{expected.arguments}" for expected in found)
    return Suite(found[0], tuple(found[1:]), hashlib.sha256(effective.encode()).hexdigest()[:12])


class _Entry:
    """One entry of the file, with the words to refuse it in."""

    def __init__(self, file: str, place: str, given: Any) -> None:
        self._where = f"{file}: {place}"
        if not isinstance(given, dict):
            self._refuse("is no mapping of keys to values")
        self._given = given
        if isinstance(given.get("name"), str) and given["name"].strip():
            self._where = f"{file}: {given['name']}"

    def as_readable(self) -> Expected:
        self._require(("name", "feed", "sentence"), _READABLE_KEYS)
        return Expected(
            self._text("name"), "", "", {}, None, self._limit(), frozenset(CHANNELS), self._text("sentence")
        )

    def as_expected(self) -> Expected:
        self._require(_NEEDED, _KEYS)
        kind = self._one_of("type", {*_OF_ROWS, *_OF_BATCHES})
        hold, limit = self._hold(), self._limit()
        if hold is None and limit is None:
            self._refuse("has neither hold nor feed, so it would mean nothing")
        if hold is not None and kind in _OF_BATCHES:
            self._refuse(f"cannot hold single orders, for {kind} speaks of the batch as a whole")
        return Expected(
            self._text("name"),
            kind,
            self._one_of("column", COLUMNS),
            self._arguments(kind),
            hold,
            limit,
            self._channels(),
            self._text("sentence"),
            self._window_s(),
        )

    def _refuse(self, why: str) -> NoReturn:
        raise SetupError(f"{self._where}: {why}")

    def _require(self, needed: tuple[str, ...], known: frozenset[str]) -> None:
        for key in self._given:
            if key not in known:
                self._refuse(f"unknown key {key}; there are {', '.join(sorted(known))}")
        for key in needed:
            if key not in self._given:
                self._refuse(f"lacks {key}")

    def _text(self, key: str) -> str:
        value = self._given[key]
        if not isinstance(value, str) or not value.strip():
            self._refuse(f"{key} must be a text")
        return str(value)

    def _one_of(self, key: str, known: Any) -> str:
        value = self._text(key)
        if value not in known:
            self._refuse(f"{key} {value} is not known; there are {', '.join(sorted(known))}")
        return value

    def _hold(self) -> HoldCode | None:
        return HoldCode(self._one_of("hold", [code.value for code in HoldCode])) if "hold" in self._given else None

    def _limit(self) -> Limit | None:
        own = self._given.get("feed", False)
        if own is False:
            return None
        given = {} if own is True else own
        if not isinstance(given, dict) or set(given) - {"share", "rows"}:
            self._refuse("feed must be true, false, or hold share and rows")
        share, rows = given.get("share", settings().feed_share), given.get("rows", settings().feed_min_rows)
        if not _is_number(share) or not 0 < share <= 1:
            self._refuse(f"feed: share {share} must be above 0 and at most 1")
        if not isinstance(rows, int) or isinstance(rows, bool) or rows < 1:
            self._refuse(f"feed: rows {rows} must be a whole number from 1 on")
        return Limit(rows, float(share))

    def _channels(self) -> frozenset[str]:
        given = self._given.get("channels", list(CHANNELS))
        if not isinstance(given, list) or not given:
            self._refuse("channels must be a list of channels")
        for name in given:
            if name not in CHANNELS:
                self._refuse(f"channel {name} is not known; there are {', '.join(CHANNELS)}")
        return frozenset(given)

    def _window_s(self) -> float:
        given = self._given.get("window_s", 0)
        if not _is_number(given) or given < 0:
            self._refuse("window_s must be a number of seconds")
        return float(given)

    def _arguments(self, kind: str) -> dict[str, Any]:
        given, known = self._given.get("arguments", {}), {**_OF_ROWS, **_OF_BATCHES}[kind]
        if not isinstance(given, dict):
            self._refuse("arguments must be a mapping")
        if unknown := set(given) - known:
            self._refuse(f"{kind} has no argument {sorted(unknown)[0]}; there are {', '.join(sorted(known)) or 'none'}")
        if known and not given:
            self._refuse(f"{kind} needs {' or '.join(sorted(known))}")
        return {key: self._argument(key, value) for key, value in given.items()}

    def _argument(self, key: str, value: Any) -> Any:
        if key in _BOUNDS and not _is_number(value):
            self._refuse(f"{key} must be a number")
        if key == "value_set" and not (isinstance(value, list) and value):
            self._refuse("value_set must be a list of values")
        if key == "regex":
            self._check_pattern(value)
        return value

    def _check_pattern(self, value: Any) -> None:
        try:
            re.compile(value)
        except (re.error, TypeError) as error:
            self._refuse(f"regex {value} is none: {error}")


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
