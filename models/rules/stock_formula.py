"""The stock formula: rules, as data, that say what stock each listing shows. The most particular rule counts."""

import json
import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from fnmatch import fnmatchcase
from itertools import pairwise
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from models.errors import SetupError

MOST = 100_000_000
"""No figure of a rule is larger: a number beyond it is a slip of the hand."""

_PATTERN = re.compile(r"[^\[\]?]{0,64}")


class Bucket(StrEnum):
    """Units that a rule may count beside the sellable ones. Nobody holds them: who buys them may have to wait."""

    KEPT = "kept"  # locked for orders that are not paid yet and may expire
    ON_THE_WAY = "on_the_way"  # expected in the chosen warehouses within `horizon_days`
    PROMISES = "promises"  # what presale or backorder may still promise


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Step(_Part):
    """Below so many units, show at most so many: `below: 50, show: 20`."""

    below: int = Field(gt=0, le=MOST)
    show: int = Field(ge=0, le=MOST)

    @model_validator(mode="after")
    def _shows_fewer(self) -> Self:
        if self.show >= self.below:
            raise ValueError("a step shows fewer units than it begins at")
        return self


class Buffer(_Part):
    """Units that are never shown: `fixed` ones, or as many as are sold in `interval_s` seconds at most.

    The interval is how long a sale stays unknown to the other shops: the time between two pushes and that until an
    order is read. "At most" is the `quantile` of a Poisson distribution of the recent rate of sales.
    """

    fixed: int | None = Field(default=None, ge=0, le=MOST)
    quantile: float | None = Field(default=None, ge=0.5, lt=1)
    interval_s: int | None = Field(default=None, gt=0, le=86_400)

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        rate = self.quantile is not None and self.interval_s is not None
        if (self.fixed is not None) == rate or (self.quantile is None) != (self.interval_s is None):
            raise ValueError("a buffer has either `fixed`, or both `quantile` and `interval_s`")
        return self


class Rule(_Part):
    """What listings show of what there is. An empty condition means any; `*` in `sku` stands for any text.

    `warehouses` (codes) are those that count, empty for all active ones. `percent` is the shop's share of a SKU; a
    shop without one shows what the shares leave. `plus`, `min`, `max` and `steps` speak of units of the listing.
    A listing that shows more than it may is told at once when fewer than `at_once_below` units are left for it;
    otherwise with the next sweep.
    """

    shop: str = Field(default="", max_length=64)
    channel: str = Field(default="", max_length=64)
    sku: str = Field(default="", max_length=64)
    warehouses: tuple[str, ...] = ()
    count: frozenset[Bucket] = frozenset()
    horizon_days: int | None = Field(default=None, ge=0, le=3650)
    percent: int | None = Field(default=None, ge=0, le=100)
    buffer: Buffer | None = None
    steps: tuple[Step, ...] = ()
    plus: int = Field(default=0, ge=-MOST, le=MOST)
    min: int = Field(default=0, ge=0, le=MOST)
    max: int | None = Field(default=None, ge=0, le=MOST)
    at_once_below: int = Field(default=100, ge=0, le=MOST)

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if not _PATTERN.fullmatch(self.sku):
            raise ValueError("`sku` is a code in which only * has a meaning")
        if (Bucket.ON_THE_WAY in self.count) != (self.horizon_days is not None):
            raise ValueError("`horizon_days` and `count: [on_the_way]` belong together")
        if self.max is not None and self.max < self.min:
            raise ValueError(f"`max` {self.max} is below `min` {self.min}")
        if len({step.below for step in self.steps}) < len(self.steps):
            raise ValueError("two steps begin at the same number of units")
        return self

    @property
    def condition(self) -> tuple[str, str, str]:
        """What it is a rule about."""
        return self.shop, self.channel, self.sku

    @property
    def rank(self) -> tuple[int, int, int, int]:
        """How particular it is: a whole SKU code before a pattern before any SKU, then the shop, then the channel."""
        spelled = len(self.sku.replace("*", ""))
        return (2 if self.sku and "*" not in self.sku else bool(spelled), spelled, bool(self.shop), bool(self.channel))

    def fits(self, shop: str, channel: str, sku: str) -> bool:
        """Whether it speaks of this SKU in this shop."""
        return (
            self.shop in {"", shop} and self.channel in {"", channel} and (self.sku == "" or fnmatchcase(sku, self.sku))
        )

    def step_at(self, units: int) -> Step | None:
        """The lowest step that begins above so many units."""
        return min((step for step in self.steps if units < step.below), key=lambda step: step.below, default=None)


class Formula(_Part):
    """All rules. One of them has no condition, so that every listing has a rule."""

    rules: tuple[Rule, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _decides_everything(self) -> Self:
        conditions = [rule.condition for rule in self.rules]
        if ("", "", "") not in conditions:
            raise ValueError("one rule must have no condition (no shop, channel or sku), for everything else")
        for number, condition in enumerate(conditions):
            if condition in conditions[:number]:
                first = conditions.index(condition) + 1
                raise ValueError(f"rules {first} and {number + 1} are about the same shop, channel and sku")
        return self

    def rule_for(self, shop: str, channel: str, sku: str) -> Rule:
        """The most particular rule that speaks of this SKU in this shop; of two alike the earlier one."""
        return max((rule for rule in self.rules if rule.fits(shop, channel, sku)), key=lambda rule: rule.rank)


def parse_formula(body: Any, source: str) -> Formula:
    """The formula in a document that was read from `source`.

    Raises SetupError with every fault: where it is, and what is wanted there.
    """
    if not isinstance(body, Mapping):
        raise SetupError(
            f"stock formula {source}: want a list under `rules:`, as `orderpool stock-formula show` has it"
        )
    try:
        # as JSON, lists may be sets and words may be enums while a text is still no number
        return Formula.model_validate_json(json.dumps(dict(body), default=str))
    except ValidationError as error:
        # a rule that could not be read is missing in the list of rules, which says nothing new
        found = [fault for fault in error.errors() if fault["type"] != "too_short"] or error.errors()
        faults = [f"{_place(fault['loc'])}{_wish(fault)}" for fault in found]
        raise SetupError(f"stock formula {source}: " + "; ".join(faults)) from None


def _place(loc: Sequence[int | str]) -> str:
    words = [f"{before} {part + 1}" for before, part in pairwise(loc) if isinstance(part, int)]
    last = [str(loc[-1])] if loc and isinstance(loc[-1], str) else []
    named = [word.replace("rules", "rule").replace("steps", "step") for word in words] + last
    return ", ".join(named) + ": " if named else ""


def _wish(fault: Any) -> str:
    given = fault.get("input")
    shown = f", not {given!r}" if isinstance(given, str | int | float) else ""
    match fault["type"]:
        case "extra_forbidden":
            return "is no word of a rule"
        case "missing" | "too_short":
            return "is missing, or has no rule in it"
        case "value_error":
            return str(fault["ctx"]["error"])
        case _:
            return f"{fault['msg'][0].lower()}{fault['msg'][1:]}{shown}"
